"""Shave the peak of import, where it is paid for by the month: what is above the limit comes from the battery."""

from __future__ import annotations

import math
from typing import Final

from indevolt.control.decision import Bound, Proposal
from indevolt.control.situation import Situation

NAME: Final = "peak_shaving"


def propose(situation: Situation) -> Proposal:
    """Return what the battery has to give at least, or how much it may charge at most, for import to stay below the limit."""
    peak, load = situation.goals.peak_import_w, situation.net_load
    if peak is None or load is None or not math.isfinite(load.power_w):
        return Proposal(NAME)
    least = load.power_w - peak
    what = f"the battery gives the {least:.0f} W above" if least > 0 else f"charging may take no more than {-least:.0f} W"
    reason = f"import stays below {peak:.0f} W: {what}"
    return Proposal(NAME, (Bound.at_least(situation.for_meter(least), reason, "a higher peak_import_w", soft=True),))
