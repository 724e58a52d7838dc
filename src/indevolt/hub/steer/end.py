"""When something that was asked for is over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from indevolt.clock import Clock


@dataclass(frozen=True, slots=True)
class End:
    """An end by both clocks, the first of which counts: a wall clock that is set back lengthens nothing."""

    until: datetime
    until_s: float  # on the monotonic clock

    @classmethod
    def at(cls, until: datetime, clock: Clock) -> End:
        """Return an end; how long that is, is decided now and never again."""
        return cls(until, clock.monotonic() + (until - clock.now()).total_seconds())

    def is_over(self, clock: Clock) -> bool:
        """Return whether it has passed."""
        return clock.now() >= self.until or clock.monotonic() >= self.until_s
