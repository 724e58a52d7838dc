"""Notices a device that repeats itself: it answers, and nothing moves although power flows (user-demand.md, pain point 5).

Pure: readings and times are arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from indevolt.battery import Reading, Value

FROZEN_AFTER_S: Final = 120.0  # of the same values with power flowing: 100 W move the energy counters by 3 Wh in it
CLOCK_AFTER_S: Final = 60.0  # of a clock that stands still
LEAST_W: Final = 100.0
_CLOCK: Final = "device_time"
_POWERS: Final = ("battery_power", "ac_power", "meter_power")


class FreezeWatch:
    """Compares readings of the power tier."""

    def __init__(self) -> None:
        self._values: Sequence[Value | None] | None = None
        self._values_s = 0.0
        self._clock: Value | None = None
        self._clock_s = 0.0

    def look(self, reading: Reading, at_s: float) -> bool:
        """Return whether the device is frozen, as far as this reading tells."""
        values, told = reading.values_but(_CLOCK), reading.value(_CLOCK)
        if values != self._values:
            self._values, self._values_s = values, at_s
        if told is None or told != self._clock:
            self._clock, self._clock_s = told, at_s
        stands = told is not None and at_s - self._clock_s >= CLOCK_AFTER_S
        repeats = at_s - self._values_s >= FROZEN_AFTER_S and any(abs(reading.number(name) or 0.0) >= LEAST_W for name in _POWERS)
        return (repeats and (stands or told is None)) or (stands and at_s - self._values_s >= CLOCK_AFTER_S)
