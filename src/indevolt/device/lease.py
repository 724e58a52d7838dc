"""A lease: the right to command one battery for a while, which ends with everything as it was before.

One program holds it at a time. What was set before is on disk before the first write. A command reaches 5 % of charge at most, and
is given anew as the charge moves, so a battery whose writer died stops by itself. At the end the old settings are put back, and the
device has to show it.

The rules are in ``indevolt.control.ledger``, locks and files in ``lock``, who else writes in ``others``, putting back in
``restoring``. When a lease begins, ends and is looked after is in ``holding``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from indevolt.battery import Command, Limits, Outcome, Reading, Stage, Value, in_words
from indevolt.catalogue import Write
from indevolt.clock import Clock
from indevolt.control.ledger import (
    MODE,
    REALTIME,
    REALTIME_NAMES,
    Budget,
    Room,
    Snapshot,
    bounded,
    fence_is_due,
)
from indevolt.device.account import Account
from indevolt.device.bounds import bounded_plan, room_of, stands
from indevolt.device.commands import readable, within_limits
from indevolt.device.lock import Holder
from indevolt.device.others import Others, Yielded
from indevolt.device.proof import Tell, same
from indevolt.device.restoring import put_all_back, require_way_back
from indevolt.errors import InvalidInput, LeaseLost

if TYPE_CHECKING:
    from indevolt.device.device import Device

LONGEST: Final = timedelta(hours=24)
FRESH_S: Final = 60.0  # for the charge that an adjustment is bounded by; at any power it moves by 1 % in that time
REST_S: Final = 60.0  # for putting back what was before a command, while the lease goes on
SO_ALREADY: Final = "it was so already, so nothing was written"
WATCHED: Final = (MODE, *REALTIME_NAMES, "battery_soc", "backup_soc", "battery_power")

T = TypeVar("T")
Look: TypeAlias = Callable[[tuple[str, ...]], Awaitable[Reading]]
"""Returns quantities that are young enough; a hub has them already."""


class Lease:
    """The right to command one battery. Made by :meth:`Device.lease`; see there.

    ``device`` may be exchanged for another one of the same battery, when a connection was opened anew.
    """

    def __init__(
        self,
        device: Device,
        clock: Clock,
        account: Account,
        *,
        room: Room,
        look: Look | None = None,
    ) -> None:
        self.device = device
        self.room = room
        self.wanted: Command | None = None
        self.sent: Command | None = None
        self.ended = ""
        """Why nothing may be written any more; empty while it is held."""
        self._clock = clock
        self._account = account
        self._look = look
        self._limits: Limits | None = None
        self._soc: tuple[float, float] | None = None  # in %, and when it was read
        self._own_pct: float | None = None  # the reserve that is set in the device
        self._in_realtime = False  # the device has shown that mode since we wrote it
        self._others = Others(account, clock)
        self._wrote_s = clock.monotonic()
        self._until_s = float("inf")
        self._busy = asyncio.Lock()
        self._over = asyncio.Event()

    # ---- what it is ----------------------------------------------------------------------------------------------------------

    @property
    def holder(self) -> Holder | None:
        """Who holds it."""
        return self._account.record.holder

    @property
    def until(self) -> datetime | None:
        """When it ends by itself."""
        return self._account.record.until

    @property
    def left_s(self) -> float:
        """Seconds until it ends by itself."""
        return self._until_s - self._clock.monotonic()

    @property
    def snapshot(self) -> Snapshot | None:
        """What is put back at the end; None while nothing was written."""
        return self._account.record.snapshot

    @property
    def yielded(self) -> Yielded | None:
        """Somebody else who wrote and is left alone now; None: nobody."""
        return self._others.yielded

    @property
    def bounds(self) -> Room:
        """Between which states of charge the battery may be moved, as far as is known."""
        return room_of(self.room, self._own_pct, self._limits)

    @property
    def wrote_s(self) -> float:
        """When something was written last, on the clock's monotonic time; before anything was, when the lease began."""
        return self._wrote_s

    @property
    def budgets(self) -> tuple[Budget, ...]:
        """How often was written, and how often may be."""
        return self._account.budgets

    def begin(self, holder: Holder, address: str, reason: str, ttl: timedelta) -> None:
        """Put down who holds it.

        Raises:
            InvalidInput: a time out of range, or it cannot be kept.
        """
        record = replace(self._account.record, holder=holder, address=address, reason=reason)
        self._account.keep(record, surely=False)
        self.renew(ttl)

    async def over(self) -> str:
        """Wait until it has ended, by time or because another program took it over, and return why."""
        await self._over.wait()
        return self.ended

    def renew(self, ttl: timedelta) -> None:
        """Let it last for so long from now on.

        Raises:
            InvalidInput: not between 0 and 24 h.
        """
        if not timedelta() < ttl <= LONGEST:
            raise InvalidInput(f"ttl: {ttl} is out of range", remedy="More than 0, up to 24 h; a lease can be renewed.")
        self._until_s = self._clock.monotonic() + ttl.total_seconds()
        self._account.keep(replace(self._account.record, until=self._clock.now() + ttl), surely=False)

    # ---- commanding ----------------------------------------------------------------------------------------------------------

    async def command(
        self, command: Command, *, reason: str = "", for_good: bool = False, safety: bool = False, tell: Tell | None = None
    ) -> Outcome:
        """Carry out a command and return what became of it; see :meth:`Device.command`.

        Power is lowered to what holds now, the target to the fence, which moves on by itself as the charge does. What stands
        already is not written again.

        Args:
            command: what to do.
            reason: why, for the journal.
            for_good: once the device shows it, it stays when the lease ends, and its target is the one that was asked for, as
                nobody will move a fence.
            safety: write even though the budget is spent; a mode for good out of real-time mode always does.
            tell: hears of each stage as it is reached.

        Raises:
            LeaseLost: the lease is over.
            ForeignWriter: somebody else wrote, which is left alone for 15 min.
            BudgetSpent: written too often already.
            IndevoltError: as for :meth:`Device.command`.
        """
        async with self._busy:
            return await self._while_held(self._command(command, reason, for_good=for_good, safety=safety, tell=tell))

    async def adjust(self, command: Command, *, reason: str = "", safety: bool = False) -> Outcome:
        """Change what stands, for a loop that follows the house: without looking first, and without waiting for the proof.

        Power is lowered and bounded as for :meth:`command`, by what was read last; the readings that follow show whether it was
        taken. Where real-time mode has not been shown yet, or the last reading is too old, it is a :meth:`command`.

        Args:
            command: what to do.
            reason: why, for the journal.
            safety: write even though the budget is spent.

        Raises:
            LeaseLost, ForeignWriter, BudgetSpent: as for :meth:`command`.
            IndevoltError: as for :meth:`Device.post`.
        """
        async with self._busy:
            return await self._while_held(self._adjust(command, reason, safety=safety))

    async def write(self, name: str, *values: Value, reason: str = "", for_good: bool = False, safety: bool = False) -> Outcome:
        """Write a setting and return what became of it; see :meth:`Device.write`.

        Args:
            name: quantity.
            values: one value, or several for consecutive points.
            reason: why, for the journal.
            for_good: it stays; else what was before is put back when the lease ends.
            safety: write even though the budget is spent.

        Raises:
            LeaseLost, ForeignWriter, BudgetSpent: as for :meth:`command`.
            InvalidInput: real-time mode and its points are written by :meth:`command`, and other modes only for good; or it is not
                for good, and could not be put back.
            IndevoltError: as for :meth:`Device.write`.
        """
        write = self.device.plan_write(name, *values)
        mode = write.wanted.get(MODE)
        if any(each in REALTIME_NAMES for each in write.wanted) or mode == REALTIME or (mode is not None and not for_good):
            raise InvalidInput(f"{name} is part of a command", remedy="Give a command (charge, discharge, hold), which has an end.")
        async with self._busy:
            return await self._while_held(self._write(write, name, values, reason, for_good=for_good, safety=safety))

    async def rest(self, but: Collection[str], *, why: str, patience_s: float = REST_S) -> None:
        """Command nothing any more: put back what was before, but for these settings, and go on holding the lease.

        Raises:
            LeaseLost: the lease is over.
            NotRestored: it is not back; the end of the lease tries again.
        """
        async with self._busy:
            self.check()
            await put_all_back(lambda: self.device, self._account, self._clock, patience_s, why, but=but)
            self.wanted = self.sent = None
            self._in_realtime = False

    async def tend(self) -> None:
        """Look after what stands: foreign writes, and the fence. Runs by itself every 30 s.

        Raises:
            LeaseLost: the lease is over.
            IndevoltError: the device cannot be read or written.
        """
        async with self._busy:
            self.check()
            if self._account.record.wrote:
                await self._while_held(self._tend())

    async def _command(
        self, command: Command, reason: str, *, for_good: bool = False, safety: bool = False, tell: Tell | None = None
    ) -> Outcome:
        plan = await self.device.plan_command(command)
        await self._notice(plan.before)
        self._others.respect()
        self._limits = plan.limits
        plan = bounded_plan(plan, self.device.model, self.room, self.sent, for_good=for_good)
        near = plan.command
        wanted = {name: value for step in plan.steps for name, value in step.wanted.items()}
        if not plan.writes or ((for_good or near == self.sent) and stands(plan)):
            self._prepare(plan.steps, (), plan.before)
            self.wanted, self.sent = command, near
            if for_good:
                self._keep_for_good(wanted)
            return Outcome(Stage.CONFIRMED, wanted, wanted, wanted, notes=(*plan.notes, SO_ALREADY))
        leaving = for_good and plan.before.value(MODE) == REALTIME != wanted.get(MODE, REALTIME)
        if not (safety or leaving):
            self._account.spend(name for step in plan.writes for name in step.wanted)
        self._prepare(plan.steps, plan.writes, plan.before)
        outcome = await self._account.journaled(in_words(near), self.device.carry_out(plan, tell), reason)
        self._in_realtime = outcome.proven and outcome.wanted.get(MODE) == REALTIME
        if outcome.proven:
            self._others.echoes.clear()
        if outcome.stage is not Stage.REFUSED:
            self.wanted, self.sent = command, near
        if for_good and (outcome.proven or (outcome.stage is Stage.ACCEPTED and not outcome.shown)):  # or it cannot be shown
            self._keep_for_good(wanted)
        return replace(outcome, notes=tuple(dict.fromkeys((*plan.notes, *outcome.notes))))

    async def _write(
        self, write: Write, name: str, values: tuple[Value, ...], reason: str, *, for_good: bool, safety: bool
    ) -> Outcome:
        self._others.respect()
        before = await self.device.read(*readable(self.device.model, write.wanted))
        if all(same(before.value(name), value) for name, value in write.wanted.items()):
            if for_good:
                self._keep_for_good(write.wanted)
            return Outcome(Stage.CONFIRMED, write.wanted, write.wanted, write.wanted, notes=(SO_ALREADY,))
        if not for_good:
            require_way_back(self.device, write, before)
        if not safety:
            self._account.spend(write.wanted)
        self._prepare((write,), (write,), before)
        what = f"{name} = {', '.join(map(str, values))}"
        outcome = await self._account.journaled(what, self.device.write(name, *values), reason)
        if outcome.proven:
            self._others.echoes.clear()
        if for_good and outcome.stage is not Stage.REFUSED:
            self._keep_for_good(write.wanted)
        return outcome

    def _keep_for_good(self, wanted: Mapping[str, Value]) -> None:
        """Let what was written stay at the end."""
        if self.snapshot is not None:
            self._account.keep(replace(self._account.record, snapshot=self.snapshot.rebased(wanted)))
        if MODE in wanted:
            self.wanted = self.sent = None

    def _prepare(self, steps: Iterable[Write], writes: Iterable[Write], before: Reading) -> None:
        now_s = self._clock.monotonic()
        self._others.echoes.expect(self._account.record.wrote, now_s)
        self._others.echoes.expect(self._account.prepare(self.device, steps, writes, before), None)
        self._wrote_s = now_s

    async def _adjust(self, command: Command, reason: str, *, safety: bool) -> Outcome:
        now_s = self._clock.monotonic()
        fresh = self._soc is not None and now_s - self._soc[1] <= FRESH_S
        if self._soc is None or not fresh or not self._in_realtime or self._limits is None or self.sent is None:
            return await self._command(command, reason, safety=safety)
        self._others.respect()
        lowered, notes = within_limits(command, self._limits)
        near = bounded(lowered, self.sent, self._soc[0], self.bounds)
        steps = [step for step in self.device.spell(near) if MODE not in step.wanted]
        if near == self.sent or len(steps) != 1:
            self.wanted = command
            return Outcome(Stage.CONFIRMED, self._account.record.wrote, notes=(*notes, SO_ALREADY))
        if not safety:
            self._account.spend(steps[0].wanted)
        before = self._account.record.wrote
        self._account.alter(steps[0])
        self._wrote_s, self.sent = now_s, None
        self._others.echoes.expect(before, None)  # for good, should the reply get lost
        accepted = await self.device.post(steps[0])
        if accepted:  # else what was before stands, for however long
            self._others.echoes.heard(before, now_s)
        self._account.note("adjusted", what=in_words(near), reason=reason, stage="accepted" if accepted else "refused")
        if not accepted:
            return Outcome(Stage.REFUSED, steps[0].wanted, notes=(*notes, "the device answered result: false"))
        self.wanted, self.sent = command, near
        return Outcome(Stage.ACCEPTED, steps[0].wanted, notes=notes)

    async def _tend(self) -> None:
        names = readable(self.device.model, WATCHED)
        reading = await (self.device.read(*names) if self._look is None else self._look(names))
        if self._look is not None and self._others.traces(reading):
            reading = await self.device.read(*names)  # what somebody has read already may be from before our last write
        await self._notice(reading)
        self._others.respect()
        soc_pct = reading.number("battery_soc")
        if self.wanted is None or soc_pct is None:
            return
        if self.sent is None or fence_is_due(self.wanted, self.sent, soc_pct, self.bounds):
            why = "the charge moved" if self.sent is not None else "it is not as it was commanded"
            await self._command(self.wanted, why)

    # ---- rules ---------------------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Refuse to go on when the lease is over.

        Raises:
            LeaseLost: it is.
        """
        if not self.ended and not self._account.files.held:
            self.end("another program took it over")
        if not self.ended and self.left_s <= 0:
            self.end("its time has passed")
        if self.ended:
            raise LeaseLost(f"the lease of {self._account.files.serial} is over: {self.ended}")

    async def _notice(self, reading: Reading) -> None:
        """Find out whether somebody else wrote; a restart of the device is none."""
        if (soc_pct := reading.number("battery_soc")) is not None:
            self._soc = soc_pct, self._clock.monotonic()
        if (own_pct := reading.number("backup_soc")) is not None:
            self._own_pct = own_pct
        found = self._others.traces(reading)
        if not found:
            return
        self.sent, self._in_realtime = None, False
        if await self.device.restarted_since(self._wrote_s):
            self._account.note("restarted", shown=found)
            return
        self.give_way(found, {name: value for name in self._account.record.wrote if (value := reading.value(name)) is not None})

    def give_way(self, found: Mapping[str, Value], shown: Mapping[str, Value] | None = None) -> None:
        """Leave what somebody else wrote alone for 15 min, and his mode for good; see :meth:`Others.leave_alone`.

        Raises:
            LeaseLost, InvalidInput: it cannot be kept.
        """
        self.sent, self._in_realtime = None, False
        self._others.leave_alone(found, shown or {})

    async def _while_held(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something, and stop at once when the lease ends meanwhile."""
        try:
            self.check()
        except LeaseLost:
            work.close()
            raise
        task, over = asyncio.ensure_future(work), asyncio.ensure_future(self._over.wait())
        due: asyncio.Future[None] | None = None
        try:
            while True:
                due = asyncio.ensure_future(self._clock.sleep(self.left_s))
                await asyncio.wait({task, over, due}, return_when=asyncio.FIRST_COMPLETED)
                due.cancel()
                if task.done():
                    return task.result()
                self.check()  # one that was renewed meanwhile goes on
        finally:
            ending = [each for each in (task, over, due) if each is not None]
            for each in ending:
                each.cancel()
            await asyncio.gather(*ending, return_exceptions=True)

    # ---- its end -------------------------------------------------------------------------------------------------------------

    def end(self, why: str) -> None:
        """Write nothing any more; what runs stops."""
        self.ended = self.ended or why
        self._over.set()

    async def restore(self, patience_s: float, why: str) -> None:
        """Put back what was before; see :func:`put_all_back`.

        Raises:
            LeaseLost, NotRestored: as there.
        """
        async with self._busy:
            await put_all_back(lambda: self.device, self._account, self._clock, patience_s, why)
            if (self._account.record.holder is not None and self.ended) or self.snapshot is not None:
                self._account.close()
