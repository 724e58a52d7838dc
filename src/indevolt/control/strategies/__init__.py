"""One strategy a module, a page each: ``propose(situation) -> Proposal``, pure."""
