"""How often somebody may do something: a bucket of permits for each, that fills up again with time.

Pure but for its books; time is an argument. Whose bucket and what for is decided by those who ask.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

MOST_BUCKETS: Final = 10_000  # above devices times tokens of any home; whoever has not asked for longest is forgotten first


class Rates:
    """Permits for many askers.

    Args:
        per_minute: how many each asker gets in a minute.
        burst: how many at once, after a pause; by default a third of a minute's.
    """

    def __init__(self, per_minute: float, burst: int | None = None) -> None:
        self._per_s = per_minute / 60
        self._burst = float(burst if burst is not None else max(1, round(per_minute / 3)))
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def wait_s(self, asker: Hashable, now_s: float) -> float:
        """Return how long an asker must wait for a permit; 0 when there is one. Takes none."""
        return max(0.0, (1 - self._left(asker, now_s)) / self._per_s)

    def take(self, asker: Hashable, now_s: float) -> float:
        """Take a permit and return 0, or return how long to wait for one."""
        left = self._left(asker, now_s)
        if left < 1:
            return (1 - left) / self._per_s
        self._buckets[asker] = (left - 1, now_s)
        self._buckets.move_to_end(asker)
        if len(self._buckets) > MOST_BUCKETS:
            self._buckets.popitem(last=False)
        return 0.0

    def _left(self, asker: Hashable, now_s: float) -> float:
        left, at_s = self._buckets.get(asker, (self._burst, now_s))
        return min(self._burst, left + (now_s - at_s) * self._per_s)
