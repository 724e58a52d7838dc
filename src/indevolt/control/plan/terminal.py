"""What energy that is left at the end of a horizon is worth, where nobody says: a guess that errs towards little.

A kWh that is left will save an import some time later, but which one is beyond the known prices. So the first kWh counts for a
little less than the lower of the mean prices of a day and of the horizon, after wear (control.md, section 2.1), and the last one
for less, since with much in store the sun fills it up again sooner than the house has used it.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Final

from indevolt.control.plan.problem import Problem, TerminalValue

_KEPT: Final = 0.92  # of what is stored arrives at the house
_LAST: Final = 0.5  # of the first kWh's value is the last one's


def terminal_value(problem: Problem) -> TerminalValue:
    """Return a value that falls from the first to the last kWh."""
    hours = [slot.hours for slot in problem.slots]
    elapsed = list(accumulate(hours, initial=0.0))
    day = [slot for slot, since in zip(problem.slots, elapsed, strict=False) if since < 24]
    mean = min(
        sum(slot.import_per_kwh * slot.hours for slot in slots) / sum(slot.hours for slot in slots)
        for slots in (day, problem.slots)
    )
    sold = sum(slot.export_per_kwh * slot.hours for slot in problem.slots) / sum(hours) * _KEPT
    first = max(_KEPT * mean - problem.battery.wear_per_kwh, sold, 0.0)
    return TerminalValue(first, max(min(first, sold), _LAST * first))
