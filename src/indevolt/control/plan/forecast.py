"""What load and PV may do next, from what the site did before: not one forecast but scenarios, with how likely each is.

Load: the same hours of past days, the more alike to today the more they count, drawn towards the present, which they forget within
an hour or so. PV: the forecast of others, corrected by how it was wrong here, in a few regimes from gloomy to bright. Times are
slots of one length, counted from the start of a series; what a slot is in local time is the caller's.

Not here: fetching forecasts (``hub.forecast``), and the clear sky (``clearsky``).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from indevolt.control.plan.effects import Numbers

FORGETS_MIN: Final = 45.0
"""What is running now is over in about so long: a meal, a wash (control.md, section 2.1)."""


def load_paths(history_w: Numbers, slots: int, per_day: int, *, days: int) -> tuple[Numbers, Numbers]:
    """Return paths of load, one for each past day, and how likely each is.

    Args:
        history_w: means of past slots, oldest first; the last one has just ended.
        slots: how far to look.
        per_day: slots of a day.
        days: how many past days to use at most.
    """
    past = min(days, len(history_w) // per_day)
    if past == 0:
        level = float(history_w.mean()) if len(history_w) else 300.0
        return np.full((1, slots), level), np.ones(1)
    ahead = np.arange(slots)
    back = np.arange(1, past + 1) * per_day
    start = len(history_w) - back
    # A day that ends before the horizon does goes on with its own beginning.
    index = start[:, None] + ahead[None, :] % back[:, None]
    paths = history_w[index]
    now_w = history_w[-1]
    then_w = history_w[start - 1]
    minutes = (ahead + 0.5) * (1440 / per_day)
    paths = paths + (now_w - then_w)[:, None] * np.exp(-minutes / FORGETS_MIN)
    return np.maximum(paths, 0.0), np.full(past, 1 / past)
