"""A lease: the right to command one battery for a while, which ends with everything as it was before.

One program holds it at a time. What was set before is on disk before the first write. A command reaches 5 % of charge at most, and
is given anew as the charge moves, so a battery whose writer died stops by itself. At the end the old settings are put back, and the
device has to show it.

The rules are in ``indevolt.control.ledger``, locks and files in ``lock``. When a lease begins, ends and is looked after is in
``holding``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from indevolt.battery import Command, Limits, Outcome, Reading, Stage, Value
from indevolt.catalogue import Model, Write
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
    strange,
)
from indevolt.control.situation import ABOVE_BACKUP_PCT
from indevolt.device.account import Account, lasting
from indevolt.device.commands import readable, within_limits
from indevolt.device.echoes import Echoes
from indevolt.device.lock import Holder
from indevolt.device.proof import Tell, same
from indevolt.device.restoring import put_back
from indevolt.errors import ForeignWriter, IndevoltError, InvalidInput, LeaseLost, NotRestored

if TYPE_CHECKING:
    from indevolt.device.device import Device, Plan

LONGEST: Final = timedelta(hours=24)
YIELD_S: Final = 900.0
"""How long somebody else who writes is left alone (control.md, section 5, rule 1)."""
FRESH_S: Final = 60.0  # for the charge that an adjustment is bounded by; at any power it moves by 1 % in that time
AGAIN_S: Final = 2.0  # between two attempts to put back what was before
WATCHED: Final = (MODE, *REALTIME_NAMES, "battery_soc", "backup_soc", "battery_power")

T = TypeVar("T")
Look: TypeAlias = Callable[[tuple[str, ...]], Awaitable[Reading]]
"""Returns quantities that are young enough; a hub has them already."""


@dataclass(frozen=True, slots=True)
class Yielded:
    """Somebody else wrote; it is left alone until then, by the monotonic clock."""

    shown: Mapping[str, Value]
    at: datetime
    until: datetime
    until_s: float

    def __str__(self) -> str:
        return ", ".join(f"{name} is {value}" for name, value in self.shown.items())


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
        self.yielded: Yielded | None = None
        self.ended = ""
        """Why nothing may be written any more; empty while it is held."""
        self._clock = clock
        self._account = account
        self._look = look
        self._limits: Limits | None = None
        self._soc: tuple[float, float] | None = None  # in %, and when it was read
        self._own_pct: float | None = None  # the reserve that is set in the device
        self._in_realtime = False  # the device has shown that mode since we wrote it
        self._echoes = Echoes()
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

    async def command(self, command: Command, *, reason: str = "", safety: bool = False, tell: Tell | None = None) -> Outcome:
        """Carry out a command and return what became of it; see :meth:`Device.command`.

        Power is lowered to what holds now, the target to the fence, which moves on by itself as the charge does. What stands
        already is not written again.

        Args:
            command: what to do.
            reason: why, for the journal.
            safety: write even though the budget is spent.
            tell: hears of each stage as it is reached.

        Raises:
            LeaseLost: the lease is over.
            ForeignWriter: somebody else wrote, which is left alone for 15 min.
            BudgetSpent: written too often already.
            IndevoltError: as for :meth:`Device.command`.
        """
        async with self._busy:
            return await self._while_held(self._command(command, reason, safety=safety, tell=tell))

    async def adjust(self, command: Command, *, reason: str = "") -> Outcome:
        """Change what stands, for a loop that follows the house: without looking first, and without waiting for the proof.

        Power is lowered and bounded as for :meth:`command`, by what was read last; the readings that follow show whether it was
        taken. Where real-time mode has not been shown yet, or the last reading is too old, it is a :meth:`command`.

        Raises:
            LeaseLost, ForeignWriter, BudgetSpent: as for :meth:`command`.
            IndevoltError: as for :meth:`Device.post`.
        """
        async with self._busy:
            return await self._while_held(self._adjust(command, reason))

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
            InvalidInput: real-time mode and its points are written by :meth:`command`, and other modes only for good.
            IndevoltError: as for :meth:`Device.write`.
        """
        write = self.device.plan_write(name, *values)
        mode = write.wanted.get(MODE)
        if any(each in REALTIME_NAMES for each in write.wanted) or mode == REALTIME or (mode is not None and not for_good):
            raise InvalidInput(f"{name} is part of a command", remedy="Give a command (charge, discharge, hold), which has an end.")
        async with self._busy:
            return await self._while_held(self._write(write, name, values, reason, for_good=for_good, safety=safety))

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

    async def _command(self, command: Command, reason: str, *, safety: bool, tell: Tell | None) -> Outcome:
        plan = await self.device.plan_command(command)
        await self._notice(plan.before)
        self._give_way()
        self._limits = plan.limits
        plan = bounded_plan(plan, self.device.model, self.room, self.sent)
        near = plan.command
        if not plan.writes or (near == self.sent and _stands(plan)):
            self._prepare(plan.steps, (), plan.before)
            self.wanted, self.sent = command, near
            wanted = {name: value for step in plan.steps for name, value in step.wanted.items()}
            return Outcome(
                Stage.CONFIRMED, wanted, wanted, wanted, notes=(*plan.notes, "it was so already, so nothing was written")
            )
        if not safety:
            self._account.spend(name for step in plan.writes for name in step.wanted)
        self._prepare(plan.steps, plan.writes, plan.before)
        outcome = await self._account.journaled(repr(near), self.device.carry_out(plan, tell), reason)
        self._in_realtime = outcome.proven and outcome.wanted.get(MODE) == REALTIME
        if outcome.proven:
            self._echoes.clear()
        if outcome.stage is not Stage.REFUSED:
            self.wanted, self.sent = command, near
        return replace(outcome, notes=tuple(dict.fromkeys((*plan.notes, *outcome.notes))))

    async def _write(
        self, write: Write, name: str, values: tuple[Value, ...], reason: str, *, for_good: bool, safety: bool
    ) -> Outcome:
        self._give_way()
        before = await self.device.read(*readable(self.device.model, write.wanted))
        if not safety:
            self._account.spend(write.wanted)
        self._prepare((write,), (write,), before)
        what = f"{name} = {', '.join(map(str, values))}"
        outcome = await self._account.journaled(what, self.device.write(name, *values), reason)
        if outcome.proven:
            self._echoes.clear()
        if for_good and outcome.stage is not Stage.REFUSED and self.snapshot is not None:
            self._account.keep(replace(self._account.record, snapshot=self.snapshot.rebased(write.wanted)))
            if MODE in write.wanted:
                self.wanted = self.sent = None
        return outcome

    def _prepare(self, steps: Iterable[Write], writes: Iterable[Write], before: Reading) -> None:
        now_s = self._clock.monotonic()
        self._echoes.expect(self._account.record.wrote, now_s)
        self._echoes.expect(self._account.prepare(self.device, steps, writes, before), None)
        self._wrote_s = now_s

    async def _adjust(self, command: Command, reason: str) -> Outcome:
        now_s = self._clock.monotonic()
        fresh = self._soc is not None and now_s - self._soc[1] <= FRESH_S
        if self._soc is None or not fresh or not self._in_realtime or self._limits is None or self.sent is None:
            return await self._command(command, reason, safety=False, tell=None)
        self._give_way()
        lowered, notes = within_limits(command, self._limits)
        near = bounded(lowered, self.sent, self._soc[0], self._bounds)
        steps = [step for step in self.device.spell(near) if MODE not in step.wanted]
        if near == self.sent or len(steps) != 1:
            self.wanted = command
            return Outcome(Stage.CONFIRMED, self._account.record.wrote, notes=(*notes, "it was so already, so nothing was written"))
        self._account.spend(steps[0].wanted)
        before = self._account.record.wrote
        self._account.alter(steps[0])
        self._wrote_s, self.sent = now_s, None
        self._echoes.expect(before, None)  # for good, should the reply get lost
        accepted = await self.device.post(steps[0])
        self._echoes.heard(before, now_s)
        self._account.note("adjusted", what=repr(near), reason=reason, stage="accepted" if accepted else "refused")
        if not accepted:
            return Outcome(Stage.REFUSED, steps[0].wanted, notes=(*notes, "the device answered result: false"))
        self.wanted, self.sent = command, near
        return Outcome(Stage.ACCEPTED, steps[0].wanted, notes=notes)

    async def _tend(self) -> None:
        names = readable(self.device.model, WATCHED)
        reading = await (self.device.read(*names) if self._look is None else self._look(names))
        await self._notice(reading)
        self._give_way()
        soc_pct = reading.number("battery_soc")
        if self.wanted is None or soc_pct is None:
            return
        if self.sent is None or fence_is_due(self.wanted, self.sent, soc_pct, self._bounds):
            why = "the charge moved" if self.sent is not None else "it is not as it was commanded"
            await self._command(self.wanted, why, safety=False, tell=None)

    @property
    def _bounds(self) -> Room:
        return room_of(self.room, self._own_pct, self._limits)

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

    def _give_way(self) -> None:
        """Refuse to write while somebody else is left alone.

        Raises:
            ForeignWriter: says for how long.
        """
        if self.yielded is None:
            return
        left_s = self.yielded.until_s - self._clock.monotonic()
        if left_s > 0:
            raise ForeignWriter(f"somebody else wrote: {self.yielded}; it is left alone for {lasting(left_s)} more")
        self.yielded = None

    async def _notice(self, reading: Reading) -> None:
        """Find out whether somebody else wrote; a restart of the device is none."""
        record = self._account.record
        shown = {name: reading.value(name) for name in record.wrote if name in reading}
        if (soc_pct := reading.number("battery_soc")) is not None:
            self._soc = soc_pct, self._clock.monotonic()
        if (own_pct := reading.number("backup_soc")) is not None:
            self._own_pct = own_pct
        if all(same(shown.get(name), value) for name, value in record.wrote.items()):
            self._echoes.clear()
        found = self._echoes.without(strange(record.wrote, shown), self._clock.monotonic())
        if not found:
            return
        self.sent, self._in_realtime = None, False
        if await self.device.restarted_since(self._wrote_s):
            self._account.note("restarted", shown=found)
            return
        self.give_way(found, {name: value for name, value in shown.items() if value is not None})

    def give_way(self, found: Mapping[str, Value], shown: Mapping[str, Value] | None = None) -> None:
        """Leave what somebody else wrote alone for 15 min, and his mode for good.

        Args:
            found: what he wrote.
            shown: what is set now, beside that.

        Raises:
            LeaseLost, InvalidInput: it cannot be kept.
        """
        record, now = self._account.record, self._clock.now()
        until = now + timedelta(seconds=YIELD_S)
        self.sent, self._in_realtime = None, False
        self.yielded = Yielded(found, now, until, self._clock.monotonic() + YIELD_S)
        record = replace(record, wrote={**record.wrote, **found})
        if MODE in found and record.snapshot is not None:  # who chose another mode wants to find it again
            record = replace(record, snapshot=record.snapshot.rebased({**(shown or {}), **found}))
        self._account.keep(record)
        self._account.note("foreign", shown=dict(found), until=until)

    async def _while_held(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something, and stop at once when the lease ends meanwhile."""
        try:
            self.check()
        except LeaseLost:
            work.close()
            raise
        task, over = asyncio.ensure_future(work), asyncio.ensure_future(self._over.wait())
        try:
            await asyncio.wait({task, over}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise LeaseLost(f"the lease of {self._account.files.serial} is over: {self.ended}")
            return task.result()
        finally:
            for each in (task, over):
                each.cancel()
            await asyncio.gather(task, over, return_exceptions=True)

    # ---- its end -------------------------------------------------------------------------------------------------------------

    def end(self, why: str) -> None:
        """Write nothing any more; what runs stops."""
        self.ended = self.ended or why
        self._over.set()

    async def restore(self, patience_s: float, why: str) -> None:
        """Put back what was before, until the device shows it.

        What somebody else has changed since is left as it is.

        Args:
            patience_s: how long to go on trying.
            why: for the journal.

        Raises:
            LeaseLost: another program took the lease over, and puts it back.
            NotRestored: it is not back; the record stays, so that the watchdog or the next lease tries again.
        """
        async with self._busy:
            deadline_s = self._clock.monotonic() + patience_s
            while (snapshot := self._account.record.snapshot) is not None:
                if not self._account.files.held:
                    raise LeaseLost(f"another program took over {self._account.files.serial}, and puts back what was before")
                try:
                    if await put_back(self.device, self._account, snapshot, why):
                        break
                    trouble = "the device does not show it"
                except IndevoltError as error:
                    trouble = str(error)
                if self._clock.monotonic() + AGAIN_S > deadline_s:
                    self._account.note("not restored", why=why, wanted=dict(snapshot.settings), trouble=trouble)
                    raise NotRestored(
                        f"{self._account.files.serial} is not as it was before ({_spelled(snapshot.settings)}): {trouble}"
                    )
                await self._clock.sleep(AGAIN_S)
            if self._account.record.holder is not None and self.ended:
                self._account.close()


def bounded_plan(plan: Plan, model: Model, room: Room, sent: Command | None) -> Plan:
    """Return a plan whose command has a fence.

    Raises:
        InvalidInput: the state of charge is unknown.
    """
    soc_pct = plan.before.number("battery_soc")
    if soc_pct is None:
        raise InvalidInput("battery_soc is unknown, so no command can be bounded", remedy="Wait until the device tells it.")
    return plan.spelled(bounded(plan.command, sent, soc_pct, room_of(room, plan.before.number("backup_soc"), plan.limits)), model)


def room_of(room: Room, own_pct: float | None, limits: Limits | None) -> Room:
    """Return what the device leaves of a room: below its own reserve it recharges from the grid (control.md, section 0)."""
    floor_pct = max(0.0 if own_pct is None else own_pct + ABOVE_BACKUP_PCT, 0.0 if limits is None else limits.soc_min.value)
    return room.within(floor_pct=floor_pct, ceiling_pct=100.0 if limits is None else limits.soc_max.value)


def _stands(plan: Plan) -> bool:
    return all(same(plan.before.value(name), value) for step in plan.steps for name, value in step.wanted.items())


def _spelled(settings: Mapping[str, Value]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items() if name not in REALTIME_NAMES)
