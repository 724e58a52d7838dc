"""Whether the clock of the machine is believed when history is to be deleted: what is gone does not come back when it is set right.

A machine without a battery for its clock may begin in any year, and a wrong answer from a time server is believed at once. Readings
are kept with the time that the clock says, for want of another; but nothing is deleted by it before it has gone on for a day
without a leap. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from indevolt.store.rollup import DAY_MS

LEAP_MS: Final = 7 * DAY_MS
"""Between two looks: a hub that was off for a week is no leap, and a wrong clock costs the oldest week at most."""
BACK_MS: Final = 60_000  # a clock that is a little ahead is set back by seconds
BELIEVED_AFTER_MS: Final = DAY_MS  # longer than it takes to notice a wrong date, and nothing against the days that are kept
SAVE_EVERY_MS: Final = 3_600_000  # far below a leap, and seldom for a card that wears


@dataclass(slots=True)
class SteadyClock:
    """The clock as it was seen so far; ``since_ms`` is since when it has gone on without a leap, as it says itself."""

    since_ms: int | None = None
    seen_ms: int = 0
    saved_ms: int | None = None

    @classmethod
    def load(cls, text: str) -> Self:
        """Go on from what :meth:`save` returned."""
        since_ms, seen_ms = map(int, text.split())
        return cls(since_ms, seen_ms, seen_ms)

    def look(self, now_ms: int) -> bool:
        """Take in what it says now, and return whether that may be deleted by."""
        if self.since_ms is None or not self.seen_ms - BACK_MS <= now_ms <= self.seen_ms + LEAP_MS:
            self.since_ms, self.saved_ms = now_ms, None
        self.seen_ms = now_ms
        return now_ms - self.since_ms >= BELIEVED_AFTER_MS

    @property
    def is_due(self) -> bool:
        """Whether it is time to save."""
        return self.saved_ms is None or self.seen_ms - self.saved_ms >= SAVE_EVERY_MS

    def save(self) -> str:
        """Return a text that :meth:`load` takes."""
        self.saved_ms = self.seen_ms
        return f"{self.since_ms} {self.seen_ms}"
