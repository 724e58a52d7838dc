"""What the battery should do until the last known price, and what that is worth.

Records first: ``problem`` is what a plan is made from, ``planned`` what comes of it; neither needs numpy, so that everybody may
read them. The rest needs the extra ``control`` (numpy, highspy)::

    solve ── a plan: what is expected, what is gained, and why (reasons)
      ├── programme   the best policy for one battery and an uncertain future
      ├── course      how it would go
      ├── schedule    one choice for each slot
      └── effects     what each choice does in a slot
    coupled ── several units, a monthly peak, a car, a fuse: mixed-integer (unit_model, linear)
      └── deterministic   one battery that knows its future (transitions: from level to level)
    forecast ── scenarios from what the site did before
    replay ── a past lived again under several methods (past, plant, foresight), and what is learnt from it (tuning)

Not here: fetching prices and weather, and doing what was planned, which the hub does.
"""
