"""What every store can do: the one home of its questions, and of all that does not depend on where rows are kept.

A back end says how rows are kept and how they are fetched; what an answer is made of is asked here, so that all back ends give the
same one (``tests/stores`` runs one suite over them). What was handed over and is not kept yet is known here as well: whoever asks
next finds it already.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

from indevolt.store import history
from indevolt.store.contract import Aggregate, Energies, Entry, Health, Last, Period, Series, Stored, StoredReading, Table, Upkeep
from indevolt.store.entries import Asked, row_of
from indevolt.store.export import days, file_of
from indevolt.store.history import Columns, RolledUp, Rows
from indevolt.store.layout import Kept, Layouts, instant, milliseconds
from indevolt.store.newest import Newest
from indevolt.store.parcel import Parcel

AnswerT = TypeVar("AnswerT")

Plan: TypeAlias = Callable[[RolledUp], Sequence[Rows]]
"""Which rows a question needs of a device, by how far its tables are rolled up."""


class Store(ABC):
    """History, journal and small state of a hub.

    All methods may be awaited from one event loop, at the same time; heavy work happens in a thread of the store or on its server.
    Devices and quantities that the store has never heard of are no error: they have no history.
    """

    def __init__(self) -> None:
        self._newest = Newest()
        self._entries: dict[int, Entry] = {}  # on their way
        self._state: dict[str, str] = {}  # on its way
        self._dropped = 0

    # ---- what a back end does ----------------------------------------------------------------------------------------

    @abstractmethod
    async def open(self, tables: Sequence[Table]) -> None:
        """Make ready, adding tables and columns that are new.

        Raises:
            StoreUnavailable: it cannot be reached or opened now.
            StoreDamaged: what is there was not written by us, or by a later version.
            InvalidInput: a table with a name or column that cannot be kept.
        """

    @abstractmethod
    async def close(self) -> None:
        """Write what waits and let go. Closing twice is no error."""

    @abstractmethod
    async def backup(self, path: Path) -> None:
        """Write a copy that can be opened in place of the original, while all goes on.

        Raises:
            InvalidInput: this back end has its own tools for that, which the message names; the file exists; there is no history.
        """

    @abstractmethod
    async def maintain(self, now: datetime) -> Upkeep:
        """Roll up, seal and delete what it is time for; to be called now and then (every few minutes)."""

    @abstractmethod
    def health(self) -> Health:
        """Return how it is, without waiting."""

    @property
    @abstractmethod
    def _layouts(self) -> Layouts:
        """How the tables are kept."""

    @abstractmethod
    async def _keep(self, parcel: Parcel, kept: Sequence[Kept] = (), done: Callable[[], object] | None = None) -> None:
        """Keep a parcel, in one commit; ``kept`` are its readings as numbers, ``done`` is called when it can be found."""

    @abstractmethod
    async def _next_number(self) -> int:
        """Return a number for the journal that was never given out."""

    @abstractmethod
    async def _of_devices(self, device: str | None, plan: Plan, answer: Callable[[Sequence[Columns]], AnswerT]) -> list[AnswerT]:
        """Fetch what is planned for a device, or for each of all devices, in one view of the store, and return the answers to it.

        A device that is named has an answer also where nothing is known of it.
        """

    @abstractmethod
    async def _find_entries(self, asked: Asked) -> list[Entry]:
        """Return entries of the journal that are kept."""

    @abstractmethod
    async def _find_state(self, key: str) -> str | None:
        """Return a piece of state that is kept."""

    # ---- in ----------------------------------------------------------------------------------------------------------

    async def append(self, readings: Sequence[StoredReading]) -> None:
        """Keep readings, in one commit; return when they are as safe as this back end makes them.

        While the disk is full or the server away, they wait (see :meth:`health`), and this returns without an error.

        Raises:
            InvalidInput: a table or quantity that :meth:`open` was not told of; nothing was kept.
            StoreFull: what waits has reached its bound; these readings were not kept.
        """
        if not readings:
            return
        kept = [self._layouts.encode(reading) for reading in readings]
        for each in kept:
            self._newest.note(each)
            self._dropped += each.dropped
        await self._keep(Parcel(readings), kept)

    async def journal(
        self, at: datetime, kind: str, text: str, *, device: str = "", actor: str = "hub", data: Mapping[str, Any] | None = None
    ) -> Entry:
        """Append to the journal and return the entry with its number; safe when this returns."""
        at = instant(milliseconds(at))
        number = await self._next_number()
        entry = self._entries[number] = Entry(number, at, kind, device, actor, text, dict(data or {}))
        await self._keep(Parcel(entries=[row_of(entry)]), done=lambda: self._entries.pop(number, None))
        return entry

    async def put(self, key: str, value: str) -> None:
        """Keep a small piece of state: an offset of a counter, an identity, a hashed token. Safe when this returns."""
        await self._keep(Parcel(state=[(key, value)]), done=self._on_its_way(key, value))

    def _on_its_way(self, key: str, value: str) -> Callable[[], None]:
        """Know a piece of state that is not kept yet; what is returned is to be called once it is."""
        self._state[key] = value

        def done() -> None:
            if self._state.get(key) == value:
                del self._state[key]

        return done

    # ---- out ---------------------------------------------------------------------------------------------------------

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
        """Return history from ``start`` up to, and without, ``end``; what waits for a disk or a server is not in it.

        Args:
            device: the name it was appended with.
            names: quantities; those of several tables share the times of all of them.
            start: aware.
            end: aware.
            step_s: None for the readings as they are; else whole seconds, 1 or more; steps begin at multiples of it since 1970.
            aggregate: what stands for a step.
            limit: at most so many times, the first ones; None for all.

        Raises:
            InvalidInput: a step below 1 s, or more than a million steps.
        """
        over = history.span(start, end, step_s, limit)
        layouts = self._layouts

        def plan(rolled: RolledUp) -> Sequence[Rows]:
            return history.series_rows(layouts, rolled, names, over, aggregate)

        def answer(fetched: Sequence[Columns]) -> Series:
            return history.series(layouts, fetched, device, names, over, aggregate=aggregate, limit=limit)

        (found,) = await self._of_devices(device, plan, answer)
        return found

    async def last(self, device: str | None = None) -> Last:
        """Return the last known value of each quantity, of one device or of all, from memory."""
        return self._newest.last(device)

    async def energies(
        self, device: str, names: Sequence[str], start: datetime, end: datetime, *, period: Period, zone: ZoneInfo
    ) -> Energies:
        """Return by how much counters grew in each calendar period, from the one that holds ``start`` up to ``end``.

        The growth is from the last value before a period to the last one in it; where there is none in the month before the
        first period, from the first one seen. The counters must only grow, which the hub sees to.
        """
        edges = history.boundaries(start, end, period, zone)
        layouts = self._layouts

        def plan(rolled: RolledUp) -> Sequence[Rows]:
            return history.energy_rows(layouts, rolled, names, edges)

        (found,) = await self._of_devices(device, plan, lambda fetched: history.energies(layouts, fetched, names, edges))
        return found

    async def fleet(self, name: str, start: datetime, end: datetime, *, step_s: float) -> list[tuple[datetime, float | None]]:
        """Return the sum over all devices of the mean of a quantity, per step; None where no device has a value."""
        over = history.span(start, end, step_s)
        layouts = self._layouts

        def plan(rolled: RolledUp) -> Sequence[Rows]:
            return history.series_rows(layouts, rolled, [name], over, Aggregate.MEAN)

        def answer(fetched: Sequence[Columns]) -> Sequence[Stored | None]:
            return history.in_steps(layouts, fetched, [name], over, Aggregate.MEAN)[name]

        return history.total(await self._of_devices(None, plan, answer), over)

    async def entries(
        self,
        *,
        after: int = 0,
        before: int | None = None,
        kinds: Sequence[str] = (),
        device: str | None = None,
        actor: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        newest_first: bool = False,
        limit: int = 100,
    ) -> list[Entry]:
        """Return entries of the journal: the oldest ones that fit, or the newest ones, in that order.

        Args:
            after: only higher numbers; the last one of a page leads to the next page of older-to-newer reading.
            before: only lower numbers; the last one of a page leads to the next page of newer-to-older reading.
            kinds: only these; empty means all.
            device: only of this device; an empty name means the hub itself.
            actor: only what this one did.
            start: not before this time; aware.
            end: before this time; aware.
            newest_first: whether the newest comes first.
            limit: at most so many.
        """
        asked = Asked(after, before, tuple(kinds), device, actor, start, end, newest_first, limit)
        on_their_way = tuple(self._entries.values())  # before the rest is looked for: what is kept meanwhile must not fall between
        return asked.of([*await self._find_entries(asked), *on_their_way])

    async def get(self, key: str) -> str | None:
        """Return a small piece of state, or None."""
        return self._state[key] if key in self._state else await self._find_state(key)

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
        """Write history into an open binary file and return the number of rows.

        Raises:
            InvalidInput: Parquet, without pyarrow installed.
        """
        file = file_of(form, list(dict.fromkeys(names)), self._layouts, sink)
        rows = 0
        await asyncio.to_thread(file.begin)
        for at, upto in days(start, end, step_s):
            each = await self.series(device, file.names, at, upto, step_s=step_s)
            rows += len(each.times)
            await asyncio.to_thread(file.write, each)
        await asyncio.to_thread(file.finish)
        return rows
