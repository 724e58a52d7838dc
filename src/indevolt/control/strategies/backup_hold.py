"""Keep everything for an outage: a storm, announced work on the grid. It beats any price, and whoever of the owner wants to give.

Two parts: that nothing is given ranks above orders of people, which may charge meanwhile; what is done otherwise ranks below them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from indevolt.control.decision import Bound, Preference, Proposal
from indevolt.control.situation import Situation

NAME: Final = "backup_hold"
LET_PCT: Final = 1.0  # below what is wanted before more is fetched: what standby takes comes back in one go
_OTHERWISE: Final = "end the backup hold"


def keep(situation: Situation) -> Proposal:
    """Return that nothing is given, as long as the owner said."""
    until = _until(situation)
    if until is None:
        return Proposal(NAME)
    return Proposal(NAME, (Bound.at_most(0.0, said(until), _OTHERWISE),))


def propose(situation: Situation) -> Proposal:
    """Return the charge that is wanted first, or that the surplus is stored: by commands, as a device's own loop gives, too."""
    until, wanted = _until(situation), situation.goals.backup_pct
    if until is None:
        return Proposal(NAME)
    if wanted is not None and _is_below(situation, wanted):
        most = sum(unit.limits.charge.value for unit in situation.usable)
        return Proposal(NAME, (), Preference(-most, said(until, wanted), _OTHERWISE))
    return Proposal(NAME, (), Preference(None, said(until), _OTHERWISE, loop=False))


def said(until: datetime, charge_pct: float | None = None) -> str:
    """Return it in words; with a charge, that this is reached first."""
    kept = f"everything is kept for an outage until {until:%Y-%m-%d %H:%M %Z}"
    return kept if charge_pct is None else f"{kept}, and charged to {charge_pct:.0f} % for it"


def _until(situation: Situation) -> datetime | None:
    """Return its end; None where there is none, or it is over. Where the clock is in doubt, it goes on."""
    until = situation.goals.backup_until
    return None if until is None or (situation.clock_trusted and situation.at >= until) else until


def _is_below(situation: Situation, wanted_pct: float) -> bool:
    soc_pct = situation.soc_pct
    charging = any((unit.commanded_w or 0.0) < 0 for unit in situation.usable)
    return soc_pct is not None and soc_pct < wanted_pct - (0.0 if charging else LET_PCT)
