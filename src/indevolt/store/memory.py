"""A store that forgets when its process ends: for tests, for demos, and for a hub that is told to keep nothing.

It has no roll-ups: every answer is made of the readings, so it is also what the other back ends are compared with.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from indevolt.clock import Clock
from indevolt.errors import InvalidInput
from indevolt.store.ageing import SteadyClock
from indevolt.store.contract import Entry, Health, Table, Upkeep
from indevolt.store.entries import Asked, entry_of
from indevolt.store.history import Columns, Rows
from indevolt.store.layout import Kept, Layouts, checked, milliseconds, settled
from indevolt.store.parcel import Parcel
from indevolt.store.rollup import DAY_MS
from indevolt.store.store import AnswerT, Plan, Store


class _Feed:
    """One device's readings of one table, in the order of time."""

    def __init__(self) -> None:
        self.times: list[int] = []
        self.rows: dict[int, dict[str, int | None]] = {}

    def add(self, kept: Kept) -> None:
        """Keep a reading, unless there is one of that time."""
        if kept.at_ms not in self.rows:
            self.rows[kept.at_ms] = {place.sql: each for place, each in zip(kept.shape.places, kept.row, strict=True)}
            insort(self.times, kept.at_ms)

    def fetch(self, rows: Rows) -> Columns:
        """Return columns of a span."""
        times = self.times[bisect_left(self.times, rows.start_ms) : bisect_left(self.times, rows.end_ms)]
        return Columns(rows, times, {name: [self.rows[at_ms].get(name) for at_ms in times] for name in rows.fields})

    def forget(self, before_ms: int) -> int:
        """Delete what is older and return how much it was."""
        count = bisect_left(self.times, before_ms)
        for at_ms in self.times[:count]:
            del self.rows[at_ms]
        del self.times[:count]
        return count


class MemoryStore(Store):
    """The store; ``raw_days`` is how long readings are remembered."""

    def __init__(self, *, clock: Clock, raw_days: int = 90) -> None:
        super().__init__()
        self._clock = clock
        self._raw_days = raw_days
        self._tables = Layouts(())
        self._feeds: dict[str, dict[str, _Feed]] = {}  # by device, and by table
        self._journal: list[Entry] = []
        self._kept_state: dict[str, str] = {}
        self._commit_at = ""
        self._steady = SteadyClock()

    @property
    def _layouts(self) -> Layouts:
        return self._tables

    async def open(self, tables: Sequence[Table]) -> None:
        """See :class:`Store`."""
        known = self._tables.by_table
        self._tables = Layouts(
            settled(table, known[table.name].places if table.name in known else ())[0] for table in checked(tables)
        )

    async def close(self) -> None:
        """See :class:`Store`; what it remembers, it still does."""

    async def _keep(self, parcel: Parcel, kept: Sequence[Kept] = (), done: Callable[[], object] | None = None) -> None:
        for each in kept:
            self._feeds.setdefault(each.device, {}).setdefault(each.shape.layout.name, _Feed()).add(each)
        self._journal += map(entry_of, parcel.entries)
        self._kept_state |= dict(parcel.state)
        if parcel.readings:
            self._commit_at = self._clock.now().isoformat()
        if done is not None:
            done()

    async def _next_number(self) -> int:
        return len(self._journal) + 1

    async def _of_devices(self, device: str | None, plan: Plan, answer: Callable[[Sequence[Columns]], AnswerT]) -> list[AnswerT]:
        asked = self._feeds if device is None else {device: self._feeds.get(device, {})}
        return [answer([feeds[rows.layout.name].fetch(rows) for rows in plan(dict.fromkeys(feeds, 0))]) for feeds in asked.values()]

    async def _find_entries(self, asked: Asked) -> list[Entry]:
        return self._journal[asked.after : asked.before_number - 1]

    async def _find_state(self, key: str) -> str | None:
        return self._kept_state.get(key)

    async def backup(self, path: Path) -> None:
        """See :class:`Store`."""
        raise InvalidInput(
            f"a store in memory cannot be copied to {path}", remedy="Choose kind = 'sqlite' under [store], or export."
        )

    async def maintain(self, now: datetime) -> Upkeep:
        """See :class:`Store`."""
        if not self._steady.look(milliseconds(now)):
            return Upkeep()
        horizon_ms = (milliseconds(now) // DAY_MS - self._raw_days) * DAY_MS
        return Upkeep(deleted=sum(feed.forget(horizon_ms) for feeds in self._feeds.values() for feed in feeds.values()))

    def health(self) -> Health:
        """See :class:`Store`."""
        rows = sum(len(feed.times) for feeds in self._feeds.values() for feed in feeds.values())
        return {
            "kind": "memory",
            "state": "ok",
            "waiting": 0,
            "lost": 0,
            "dropped": self._dropped,
            "commit_at": self._commit_at,
            "size_bytes": 0,
            "rows": rows,
        }
