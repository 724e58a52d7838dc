"""Settings that people write for good: they wait for the lease, one after another, and each who waits is told what became of it."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from indevolt.battery import Outcome, Value
from indevolt.device.lease import Lease
from indevolt.errors import IndevoltError, LeaseLost, Unreachable
from indevolt.hub.keeper import Keeper
from indevolt.hub.steer.chronicle import Chronicle


@dataclass(slots=True)
class Chore:
    """A setting that somebody writes for good."""

    name: str
    values: tuple[Value, ...]
    actor: str
    reason: str
    done: asyncio.Future[Outcome]


class Chores:
    """What waits to be written to one unit."""

    def __init__(self, keeper: Keeper, chronicle: Chronicle) -> None:
        self._keeper = keeper
        self._chronicle = chronicle
        self._waiting: deque[Chore] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, name: str, values: tuple[Value, ...], *, actor: str, reason: str) -> asyncio.Future[Outcome]:
        """Have something written as soon as the lease is held; its outcome comes later."""
        chore = Chore(name, values, actor, reason, asyncio.get_running_loop().create_future())
        self._waiting.append(chore)
        return chore.done

    def next(self) -> Chore:
        """Take out what has waited longest."""
        return self._waiting.popleft()

    async def carry_out(self, lease: Lease, chore: Chore, *, safety: bool) -> None:
        """Write it.

        Args:
            lease: through which.
            chore: what.
            safety: even though its budget is spent.

        Raises:
            LeaseLost: nothing more can be written.
        """
        self._chronicle.actor = chore.actor
        try:
            outcome = await lease.write(chore.name, *chore.values, reason=chore.reason, for_good=True, safety=safety)
        except IndevoltError as error:
            if not chore.done.done():
                chore.done.set_exception(error)
            if isinstance(error, LeaseLost):
                raise
        else:
            await self._keeper.learn(outcome.shown)
            if not chore.done.done():
                chore.done.set_result(outcome)
        finally:
            self._chronicle.actor = "hub"
            if not chore.done.done():  # it was interrupted
                facts = f"{self._keeper.id} is steered no more, and nobody knows whether {chore.name} was written"
                chore.done.set_exception(Unreachable(facts, remedy="Read the setting before you write it anew."))

    def fail(self, error: IndevoltError) -> None:
        """Tell all who wait that it cannot be done."""
        while self._waiting:
            chore = self._waiting.popleft()
            if not chore.done.done():
                chore.done.set_exception(error)
