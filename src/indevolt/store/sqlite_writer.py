"""The one thread that writes into the file of the embedded store, and what it writes with.

The thread takes all that waits in its queue and commits it at once. What cannot be committed for want of room stays in memory and
is tried again with the next addition. Only this thread changes anything in the file, so there is nothing to lock.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from indevolt.errors import IndevoltError, StoreFull, StoreUnavailable
from indevolt.store.sqlite_book import Addition, Book
from indevolt.store.sqlite_file import is_damage, may_pass

AnswerT = TypeVar("AnswerT")

MOST_AT_ONCE: Final = 20_000  # readings in one commit: some 0.3 s of work, so that a long catching-up does not hold up others


@dataclass(slots=True)
class _Work:
    """Something else that is to be done in the writer's thread."""

    run: Callable[[], object]
    answer: asyncio.Future[Any]


class WriterThread:
    """The queue and the thread; ``state``, ``waiting`` and ``lost`` are as in the contract's health."""

    def __init__(self, book: Book, *, most_waiting: int, moved: Callable[[], object]) -> None:
        self.state = "ok"
        self.lost = 0
        self._book = book
        self._most_waiting = most_waiting
        self._moved = moved  # called in the event loop when a damaged file was moved aside
        self._queue: queue.SimpleQueue[Addition | _Work | None] = queue.SimpleQueue()
        self._waiting: deque[Addition] = deque()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._began_anew = False

    @property
    def waiting(self) -> int:
        """How much is not kept yet, though it was accepted."""
        return sum(map(len, tuple(self._waiting)))

    def start(self) -> None:
        """Begin, on the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="indevolt-writer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, once the queue is empty and what waits has been tried once more."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def add(self, addition: Addition) -> asyncio.Future[None]:
        """Hand over an addition; the future is done when it is kept, or waits in memory for room."""
        accepted = addition.accepted = asyncio.get_running_loop().create_future()
        self._queue.put(addition)  # from here on it is the thread's, which may have answered, and cleared the field, already
        return accepted

    async def run(self, work: Callable[[], AnswerT]) -> AnswerT:
        """Do something in the writer's thread and return what it returned.

        Raises:
            StoreUnavailable: SQLite could not do it.
        """
        return await self.begin(work)

    def begin(self, work: Callable[[], AnswerT]) -> asyncio.Future[AnswerT]:
        """Have something done before whatever is added after this call."""
        answer: asyncio.Future[AnswerT] = asyncio.get_running_loop().create_future()
        self._queue.put(_Work(work, answer))
        return answer

    # ---- in the thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            additions: list[Addition] = []
            work: Addition | _Work | None = self._queue.get()
            while isinstance(work, Addition):
                additions.append(work)
                try:
                    work = self._queue.get_nowait()
                except queue.Empty:
                    break
            if additions:
                self._take(additions)
            if isinstance(work, _Work):
                self._flush()  # maybe there is room again
                self._do(work)
            elif work is None:
                self._flush()
                self.lost += sum(len(each.kept) for each in self._waiting)
                return

    def _take(self, additions: list[Addition]) -> None:
        """Keep additions, or let them wait."""
        self._waiting.extend(additions)
        error = self._flush()
        room = self._most_waiting
        refused: list[Addition] = []
        for each in tuple(self._waiting):
            room -= len(each)
            if room < 0 and each.accepted is not None:  # never what was accepted before
                refused.append(each)
        for each in refused:
            self._waiting.remove(each)
            self.lost += len(each.kept)
            self._answer(each, error=StoreFull(f"{self._most_waiting} readings wait for room already: {error}"))
        for each in self._waiting:
            self._answer(each)

    def _flush(self) -> Exception | None:
        """Keep what waits, as far as it goes, and return why it does not."""
        most = MOST_AT_ONCE
        while self._waiting:
            batch = self._batch(most)
            try:
                self._book.keep(batch)
            except Exception as error:  # noqa: BLE001 - one addition that cannot be written must not stop all others
                if isinstance(error, sqlite3.Error) and is_damage(error) and self._begin_anew():
                    continue
                if _is_no_fault_of_its_own(error):
                    self.state = f"degraded: {error}"
                    return error
                most = self._without(batch, error)
            else:
                for _ in batch:
                    self._waiting.popleft()
                if not self._waiting:
                    self.state = "ok"
                for each in batch:
                    self._answer(each, kept=True)
        self.state = "ok"
        return None

    def _batch(self, most: int) -> list[Addition]:
        """Return what is kept in the next commit: at least one addition."""
        batch: list[Addition] = []
        readings = 0
        for each in self._waiting:
            readings += len(each)
            if batch and readings > most:
                break
            batch.append(each)
        return batch

    def _without(self, batch: list[Addition], error: Exception) -> int:
        """Give up the addition that cannot be written, or say that they are to be tried one by one to find it."""
        if len(batch) == 1:
            self._waiting.popleft()
            self.lost += len(batch[0].kept)
            self._answer(batch[0], error=StoreUnavailable(f"history: {error}", remedy="Please report this."))
        return 0

    def _begin_anew(self) -> bool:
        """Move the damaged file aside and begin a new one; once, because a disk that breaks all files is not helped by that."""
        if self._began_anew:
            return False
        self._began_anew = True
        try:
            self._book.begin_anew()
        except (OSError, sqlite3.Error, IndevoltError):
            return False
        self._tell(self._moved)
        return True

    def _do(self, work: _Work) -> None:
        try:
            found = work.run()
        except sqlite3.Error as error:
            if may_pass(error):
                self.state = f"degraded: {error}"
            elif is_damage(error):
                self._begin_anew()
            self._tell(_settle, work.answer, None, StoreUnavailable(f"history: {error}"))
        except Exception as error:  # noqa: BLE001 - it belongs to whoever asked, and the thread goes on
            self._tell(_settle, work.answer, None, error)
        else:
            self._tell(_settle, work.answer, found, None)

    def _answer(self, addition: Addition, *, kept: bool = False, error: IndevoltError | None = None) -> None:
        """Tell who waits for an addition, and who wants to know that it is kept."""
        if addition.accepted is not None:
            self._tell(_settle, addition.accepted, None, error)
            addition.accepted = None
        if (kept or error is not None) and addition.done is not None:
            self._tell(addition.done)

    def _tell(self, call: Callable[..., object], *values: object) -> None:
        if self._loop is None:
            return
        with suppress(RuntimeError):  # the loop is closed, and nobody waits any more
            self._loop.call_soon_threadsafe(call, *values)


def _is_no_fault_of_its_own(error: Exception) -> bool:
    """Return whether an error is about the file and not about what was to be written."""
    return isinstance(error, StoreUnavailable) or (isinstance(error, sqlite3.Error) and (may_pass(error) or is_damage(error)))


def _settle(future: asyncio.Future[Any], found: object, error: BaseException | None) -> None:
    """Give a future its end, unless nobody wants it any more."""
    if future.done():
        return
    if error is None:
        future.set_result(found)
    else:
        future.set_exception(error)
