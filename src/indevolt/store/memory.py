"""A store that forgets when its process ends: for tests, for demos, and for a hub that is told to keep nothing.

It has no roll-ups: every answer is made of the readings, so it is also what the other back ends are compared with.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal
from zoneinfo import ZoneInfo

from indevolt.clock import Clock
from indevolt.errors import InvalidInput
from indevolt.store import history
from indevolt.store.contract import (
    Aggregate,
    Energies,
    Entry,
    Health,
    Last,
    Period,
    Series,
    StoredReading,
    Table,
    Upkeep,
)
from indevolt.store.entries import Asked
from indevolt.store.export import export
from indevolt.store.history import Columns, Rows
from indevolt.store.layout import Kept, Layouts, checked, milliseconds, settled
from indevolt.store.newest import Newest
from indevolt.store.rollup import DAY_MS


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


class MemoryStore:
    """Satisfies :class:`~indevolt.store.contract.Store`; ``raw_days`` is how long readings are remembered."""

    def __init__(self, *, clock: Clock, raw_days: int = 90) -> None:
        self._clock = clock
        self._raw_days = raw_days
        self._layouts = Layouts(())
        self._feeds: dict[tuple[str, str], _Feed] = {}
        self._newest = Newest()
        self._entries: list[Entry] = []
        self._state: dict[str, str] = {}
        self._dropped = 0
        self._commit_at = ""

    async def open(self, tables: Sequence[Table]) -> None:
        """See the contract."""
        known = self._layouts.by_table
        self._layouts = Layouts(
            settled(table, known[table.name].places if table.name in known else ())[0] for table in checked(tables)
        )

    async def close(self) -> None:
        """See the contract."""

    async def append(self, readings: Sequence[StoredReading]) -> None:
        """See the contract."""
        kept: list[Kept] = [self._layouts.encode(reading) for reading in readings]
        for each in kept:
            self._feeds.setdefault((each.device, each.shape.layout.name), _Feed()).add(each)
            self._newest.note(each)
            self._dropped += each.dropped
        self._commit_at = self._clock.now().isoformat()

    def _fetch(self, device: str, wanted: Sequence[Rows]) -> list[Columns]:
        return [self._feeds[device, rows.layout.name].fetch(rows) for rows in wanted]

    def _rolled(self, device: str) -> dict[str, int]:
        return {table: 0 for of_device, table in self._feeds if of_device == device}

    async def series(
        self,
        device: str,
        names: Sequence[str],
        start: datetime,
        end: datetime,
        *,
        step_s: float | None = None,
        aggregate: Aggregate = Aggregate.MEAN,
        limit: int | None = None,
    ) -> Series:
        """See the contract."""
        over = history.span(start, end, step_s, limit)
        wanted = history.series_rows(self._layouts, self._rolled(device), names, over, aggregate)
        fetched = self._fetch(device, wanted)
        return history.series(self._layouts, fetched, device, names, over, aggregate=aggregate, limit=limit)

    async def last(self, device: str | None = None) -> Last:
        """See the contract."""
        return self._newest.last(device)

    async def energies(
        self, device: str, names: Sequence[str], start: datetime, end: datetime, *, period: Period, zone: ZoneInfo
    ) -> Energies:
        """See the contract."""
        edges = history.boundaries(start, end, period, zone)
        fetched = self._fetch(device, history.energy_rows(self._layouts, self._rolled(device), names, edges))
        return history.energies(self._layouts, fetched, names, edges)

    async def fleet(self, name: str, start: datetime, end: datetime, *, step_s: float) -> list[tuple[datetime, float | None]]:
        """See the contract."""
        over = history.span(start, end, step_s)
        found = []
        for layout, (place,) in self._layouts.holding([name]):
            for (_, table), feed in self._feeds.items():
                if table == layout.name:
                    rows = history.series_rows(Layouts([layout]), {table: 0}, [name], over, Aggregate.MEAN)
                    found.append(history.steps(place, [feed.fetch(each) for each in rows], over, Aggregate.MEAN))
        return history.total(found, over)

    async def journal(
        self, at: datetime, kind: str, text: str, *, device: str = "", actor: str = "hub", data: Mapping[str, Any] | None = None
    ) -> Entry:
        """See the contract."""
        entry = Entry(len(self._entries) + 1, at, kind, device, actor, text, dict(data or {}))
        self._entries.append(entry)
        return entry

    async def entries(
        self,
        *,
        after: int = 0,
        kinds: Sequence[str] = (),
        device: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = 100,
    ) -> list[Entry]:
        """See the contract."""
        asked = Asked(after, tuple(kinds), device, start, end)
        return [each for each in self._entries[after:] if asked.fits(each)][:limit]

    async def get(self, key: str) -> str | None:
        """See the contract."""
        return self._state.get(key)

    async def put(self, key: str, value: str) -> None:
        """See the contract."""
        self._state[key] = value

    async def export(
        self,
        device: str,
        names: Sequence[str],
        start: datetime,
        end: datetime,
        *,
        step_s: float | None = None,
        sink: BinaryIO,
        form: Literal["csv", "parquet"] = "csv",
    ) -> int:
        """See the contract."""
        return await export(
            self, self._layouts, device=device, names=names, start=start, end=end, step_s=step_s, sink=sink, form=form
        )

    async def backup(self, path: Path) -> None:
        """See the contract."""
        raise InvalidInput(
            f"a store in memory cannot be copied to {path}", remedy="Choose kind = 'sqlite' under [store], or export."
        )

    async def maintain(self, now: datetime) -> Upkeep:
        """See the contract."""
        horizon_ms = (milliseconds(now) // DAY_MS - self._raw_days) * DAY_MS
        return Upkeep(deleted=sum(feed.forget(horizon_ms) for feed in self._feeds.values()))

    def health(self) -> Health:
        """See the contract."""
        rows = sum(len(feed.times) for feed in self._feeds.values())
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
