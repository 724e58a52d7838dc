"""The one task that writes to the PostgreSQL server, or into the spool while that is away."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from indevolt.clock import Clock
from indevolt.errors import IndevoltError, StoreDamaged, StoreUnavailable
from indevolt.store.contract import Health, Table, Upkeep
from indevolt.store.layout import Layouts, milliseconds
from indevolt.store.newest import Newest
from indevolt.store.parcel import Parcel
from indevolt.store.postgres_link import Link, in_words, is_away
from indevolt.store.rollup import DAY_MS, Level
from indevolt.store.spool import Spool

AnswerT = TypeVar("AnswerT")

MOST_AT_ONCE: Final = 20_000  # readings in one commit
MOST_UNLOADED: Final = 4_000  # readings that are taken from the local disk at once: 20 MB in memory, and more is hardly faster


@dataclass(slots=True)
class _Waiting:
    """A parcel on its way; ``done`` is called when it is on the server."""

    parcel: Parcel
    accepted: asyncio.Future[None]
    done: Callable[[], object] | None


class WriterTask:
    """Takes what is to be kept to where it is safe, in order."""

    def __init__(
        self,
        url: str,
        schema: str,
        spool: Spool,
        newest: Newest,
        clock: Clock,
        *,
        days: Mapping[Level, int | None],
        retry_s: float,
    ) -> None:
        self.layouts = Layouts(())
        self._url = url
        self._schema = schema
        self._spool = spool
        self._newest = newest
        self._clock = clock
        self._days = days
        self._retry_s = retry_s
        self._tables: Sequence[Table] = ()
        self._link: Link | None = None
        self._away = ""  # why there is no link
        self._stuck = ""  # why the local disk is not emptied
        self._lost = 0
        self._too_old = 0
        self._commit_at = ""
        self._size_bytes = 0
        self._queue: deque[_Waiting] = deque()
        self._spooled: list[Callable[[], object]] = []  # to be called when the spool is empty
        self._wake = asyncio.Event()
        self._behind = asyncio.Event()  # the server is there, and older parcels on the local disk
        self._idle = asyncio.Event()
        self._using = asyncio.Lock()  # of the link: one transaction at a time
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="indevolt-spool")  # the spool's one thread

    async def _on_disk(self, call: Callable[..., AnswerT], *values: object) -> AnswerT:
        return await asyncio.get_running_loop().run_in_executor(self._disk, call, *values)

    async def start(
        self, tables: Sequence[Table], layouts: Layouts, on_its_way: Callable[[str, str], Callable[[], object]]
    ) -> None:
        """Begin; ``layouts`` are used until the server says what it has.

        ``on_its_way`` is told of state that waits since an earlier run, and returns what is to be called when it is on the server.
        """
        self._tables, self.layouts = tables, layouts
        await self._on_disk(self._spool.open, self._clock.now())
        if self._spool.waiting:
            self._spooled += [on_its_way(key, value) for key, value in (await self._on_disk(self._spool.state)).items()]
        try:
            await self._connect()
        except Exception as error:
            if not is_away(error):
                await self._on_disk(self._spool.close)
                if isinstance(error, IndevoltError):
                    raise
                raise StoreUnavailable(f"the server refuses: {in_words(error)}") from error
            self._away = in_words(error)
        self._tasks = [asyncio.create_task(work) for work in (self._write(), self._catch_up(), self._reconnect())]
        self._wake.set()

    async def stop(self) -> None:
        """End: what waits is taken to the server or the spool first."""
        self._stopping = True
        self._wake.set()
        writer, *others = self._tasks
        await writer
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        if self._link is not None:
            with suppress(Exception):  # it may be gone already, which is what we want
                await self._link.close()
            self._link = None
        await self._on_disk(self._spool.close)
        self._disk.shutdown()

    @property
    def is_away(self) -> bool:
        """Whether the server cannot be reached, or is not known yet."""
        return self._link is None

    def look(self) -> None:
        """Look whether the server is there, because somebody else noticed that it is not."""
        if self._link is not None and self._link.is_closed:
            self._lose("the connection broke")

    async def add(self, parcel: Parcel, done: Callable[[], object] | None) -> None:
        """Hand over a parcel; returns when it is on the server or on the local disk.

        Raises:
            StoreFull: the server is away, and there is no room on the local disk.
            StoreUnavailable: the server refuses it, for a reason that will not pass.
        """
        waiting = _Waiting(parcel, asyncio.get_running_loop().create_future(), done)
        self._queue.append(waiting)
        self._idle.clear()
        self._wake.set()
        await asyncio.shield(waiting.accepted)

    async def next_number(self) -> int:
        """Return a number for the journal."""
        return await self._on_disk(self._spool.next_number, 0 if self._link is None else self._link.last_number)

    async def caught_up(self) -> None:
        """Return once nothing waits."""
        await self._idle.wait()

    # ---- what comes in -----------------------------------------------------------------------------------------------

    async def _write(self) -> None:
        """Take what is handed over to the server, or to the local disk while older parcels are there: the order is kept."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                if self._link is None or self._spool.waiting:
                    await self._spool_queue()
                else:
                    await self._commit_queue()
            if self._link is not None:
                if self._spool.waiting:
                    self._behind.set()
                else:
                    self._idle.set()
            if self._stopping:
                return

    async def _spool_queue(self) -> None:
        """Put what waits on the local disk."""
        batch, self._queue = list(self._queue), deque()
        try:
            await self._on_disk(self._spool.add, [each.parcel for each in batch])
        except IndevoltError as error:
            for each in batch:
                self._lost += len(each.parcel.readings)
                _settle(each, error)
            return
        for each in batch:
            _settle(each)
            if each.done is not None:
                self._spooled.append(each.done)

    async def _commit_queue(self) -> None:
        """Take what waits to the server; it waits on if that is away."""
        batch: list[_Waiting] = []
        readings = 0
        while self._queue and (not batch or readings + len(self._queue[0].parcel) <= MOST_AT_ONCE):
            batch.append(self._queue.popleft())
            readings += len(batch[-1].parcel)
        error = await self._tried([each.parcel for each in batch])
        for number, each in enumerate(batch):
            if error is not None and self._link is not None:  # one that is refused must not take others with it
                error = await self._tried([each.parcel])
            if self._link is None and error is not None:
                self._queue.extendleft(reversed(batch[number:]))
                return
            if error is not None:
                self._lost += len(each.parcel.readings)
            _settle(each, _refusal(error))
            if each.done is not None:
                each.done()

    async def _tried(self, parcels: Sequence[Parcel]) -> Exception | None:
        """Take parcels to the server and return why it has not taken them; if that is because it is away, there is no link then."""
        try:
            async with self._using:
                if self._link is None:
                    return ConnectionError(self._away or "there is no connection")
                await self._link.commit(parcels)
        except Exception as error:  # noqa: BLE001 - whatever server and driver say of some parcels, the others go on
            if is_away(error):
                self._lose(in_words(error))
            return error
        if any(parcel.readings for parcel in parcels):
            self._commit_at = self._clock.now().isoformat()
        return None

    # ---- what is on the local disk -----------------------------------------------------------------------------------

    async def _catch_up(self) -> None:
        """Empty the local disk whenever the server is there, the oldest parcels first; what is next is read meanwhile."""
        while True:
            await self._behind.wait()
            self._behind.clear()
            reading = asyncio.create_task(self._read_spool(0))
            try:
                while self._link is not None and (found := await reading):
                    last, _ = found[-1]
                    reading = asyncio.create_task(self._read_spool(last))
                    if not await self._unload([parcel for _, parcel in found]):
                        break
                    await self._on_disk(self._spool.remove, last)
            except (sqlite3.Error, StoreUnavailable) as error:  # a disk without room: what was unloaded is so again, and ignored
                self._stuck = in_words(error)
                await self._clock.sleep(self._retry_s)
                self._behind.set()
            else:
                self._stuck = ""
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
            if not self._spool.waiting:
                for done in self._spooled:
                    done()
                self._spooled.clear()
            self._wake.set()  # which sees whether there is more

    async def _read_spool(self, after: int) -> list[tuple[int, Parcel]]:
        """Return the oldest parcels behind a number; one that cannot be read is empty."""
        bodies = await self._on_disk(self._spool.first, after, MOST_UNLOADED)

        def decoded() -> Iterator[tuple[int, Parcel]]:
            for number, count, body in bodies:
                try:
                    yield number, Parcel.decode(body)
                except ValueError:
                    self._lost += count
                    yield number, Parcel()

        return await asyncio.to_thread(lambda: list(decoded()))

    async def _unload(self, parcels: Sequence[Parcel]) -> bool:
        """Take parcels to the server; return whether they are done with: there, or refused for good."""
        error = await self._tried(parcels)
        for parcel in parcels if error is not None else ():
            if self._link is not None:
                error = await self._tried([parcel])
            if self._link is None:
                return False
            if error is not None:
                self._lost += len(parcel.readings)
        return True

    def _lose(self, why: str) -> None:
        """Note that the server is away."""
        link, self._link = self._link, None
        self._away = why
        self._idle.clear()
        if link is not None:
            self._too_old += link.too_old
            link.abort()
        self._wake.set()

    async def _connect(self) -> None:
        link = await Link.open(self._url, self._schema, self._tables, self._newest)
        self.layouts = link.layouts
        self._link, self._away = link, ""
        self._size_bytes = await link.size_bytes()

    async def _reconnect(self) -> None:
        """Connect again and again while the server is away."""
        while True:
            await self._clock.sleep(self._retry_s)
            if self._link is not None and self._link.is_closed:
                self._lose("the connection broke")
            if self._link is None:
                try:
                    await self._connect()
                except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                    self._away = in_words(error)
                self._wake.set()

    # ---- upkeep ------------------------------------------------------------------------------------------------------

    async def maintain(self, now: datetime) -> Upkeep:
        """Roll up finished days and delete what is past its time."""
        deleted = rolled_up = 0
        try:
            async with self._using:
                if self._link is None:
                    return Upkeep()
                link = self._link
                await link.close_days((milliseconds(now) - DAY_MS) // DAY_MS * DAY_MS)
                is_believed = await link.believes(milliseconds(now))
                for level, days in self._days.items():
                    if days is not None:
                        day = max(0, milliseconds(now) // DAY_MS - days)
                        deleted += await link.forget(level, day, is_believed=is_believed)
                self._size_bytes = await link.size_bytes()
                rolled_up, link.rolled_up = link.rolled_up, 0
        except Exception as error:
            if not is_away(error):
                if isinstance(error, StoreDamaged):
                    raise
                raise StoreUnavailable(f"the server refuses: {in_words(error)}") from error
            self._lose(in_words(error))
        return Upkeep(rolled_up=rolled_up, deleted=deleted)

    def health(self) -> Health:
        """Return how it is, but for what the store itself counts."""
        waiting = self._spool.waiting
        if self._link is None:
            state = f"degraded: the server is away: {self._away}"
        else:
            state = f"degraded: catching up, {waiting} to go{f': {self._stuck}' if self._stuck else ''}" if waiting else "ok"
        return {
            "state": state,
            "waiting": waiting,
            "lost": self._lost + self._too_old + (0 if self._link is None else self._link.too_old),
            "commit_at": self._commit_at,
            "size_bytes": self._size_bytes,
        }


def _refusal(error: Exception | None) -> IndevoltError | None:
    """Return what a parcel's owner is told of an error of the server."""
    if error is None:
        return None
    return StoreUnavailable(f"the server refuses: {in_words(error)}", remedy="Please report this.")


def _settle(waiting: _Waiting, error: IndevoltError | None = None) -> None:
    """Give a parcel's future its end, unless nobody wants it any more."""
    if waiting.accepted.done():
        return
    if error is None:
        waiting.accepted.set_result(None)
    else:
        waiting.accepted.set_exception(error)
