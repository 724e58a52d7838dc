"""One steered unit: what people want of it, what is decided, and the lease through which all of that gets to the device.

Everything that this hub writes to a controlled unit passes here, so nothing is written behind the lease: overrides, settings and
what strategies decide. What is wished is decided in ``helm``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from indevolt.battery import Command, Outcome, Schedule, SelfUse, Stage, Value, in_words
from indevolt.control import load_curve
from indevolt.control.decision import Decision
from indevolt.control.ledger import MODE, REALTIME, Budget, Room
from indevolt.device import Device
from indevolt.device.bounds import bounded_plan, room_of
from indevolt.device.device import Plan
from indevolt.device.lease import Lease
from indevolt.device.lock import LeaseFile, Record
from indevolt.errors import BudgetSpent, ForeignWriter, IndevoltError, InvalidInput, LeaseLost, ReadOnly, Refused, Unreachable
from indevolt.hub.keeper import Keeper, Link
from indevolt.hub.steer.backup import Backup
from indevolt.hub.steer.chores import Chore, Chores
from indevolt.hub.steer.chronicle import Chronicle
from indevolt.hub.steer.curve import LoadCurve
from indevolt.hub.steer.overrides import LONGEST, Overrides
from indevolt.hub.steer.proofs import Proofs
from indevolt.hub.steer.records import Left, Override, Owner, Step, Wish, outline_of
from indevolt.hub.steer.waiting import soon

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub

LEASE: Final = timedelta(minutes=10)
"""How long the hub's lease lasts; it is renewed at half of that, as long as there is something to do."""
LOOK_S: Final = 5.0  # how old a reading may be that a lease is looked after by
TEND_S: Final = 10.0  # between two looks at what stands, beside those after each reading
LONGEST_END_S: Final = 10.0  # for putting back what was before; the next start, or the watchdog, does it otherwise
FIRST_AGAIN_S: Final = 5.0  # before what failed is tried again; doubles ...
LONGEST_AGAIN_S: Final = 60.0  # ... up to this
_ANEW: Final = "Wait until the hub has started anew."


class UnitSteering:
    """Steers one unit. Given to its keeper as ``keeper.steering``.

    Args:
        hub: whose clock, journal, store and bus it uses.
        keeper: owns the device.
        folder: where leases are kept.
        room: between which states of charge it may be moved.
    """

    def __init__(self, hub: Hub, keeper: Keeper, folder: Path, room: Room) -> None:
        self.keeper = keeper
        self.room = room
        self.wish: Wish | None = None
        self.left: Left | None = None  # where nothing is wished: why on purpose
        self.decision: Decision | None = None
        self.changed: Callable[[], None] = self.wake  # tells the helm
        self.sent: Callable[[str, Command | None], None] = lambda _, __: None  # likewise, of what was sent
        self.lease: Lease | None = None
        self.trouble: IndevoltError | None = None
        self.ended = False
        self.task: asyncio.Task[None] | None = None  # of :meth:`run`
        self.outcome: Outcome | None = None
        self.since = hub.clock.now()
        self._hub = hub
        self._clock = hub.clock
        self._folder = folder
        self.curve = LoadCurve(hub, keeper)
        self._wake = asyncio.Event()
        self._told: tuple[Owner, str, str] | None = None
        self._chronicle = Chronicle(hub, keeper.id)
        self._chores = Chores(keeper, self._chronicle)
        self.proofs = Proofs(hub, keeper, self._chronicle)
        self._asked = Overrides(hub, keeper.id, self._chronicle, owner=lambda: self.owner, changed=self._overridden)
        self._again_s = 0.0
        self._owes = True  # perhaps an earlier run left something to be put back

    # ---- what is known -------------------------------------------------------------------------------------------------------

    @property
    def owner(self) -> Owner:
        """Who decides now."""
        if self.lease is not None and self.lease.yielded is not None:
            return Owner.FOREIGN
        return Owner.DEVICE if self.wish is None else self.wish.owner

    @property
    def commands(self) -> bool:
        """Whether it commands the unit; a lease may be held for a load curve alone."""
        return self.lease is not None and self.lease.wanted is not None

    @property
    def override(self) -> Override | None:
        """What a person wants of it now."""
        return self._asked.standing

    @property
    def replaced(self) -> Override | None:
        """The override before this one, which undo brings back."""
        return self._asked.replaced

    @property
    def left_s(self) -> float:
        """Seconds until the override ends, by a clock that is never set."""
        return self._asked.left_s

    @property
    def paused_until(self) -> datetime | None:
        """Until when nothing decides by itself."""
        return self._hub.pause.until(self._hub)

    @property
    def backup(self) -> Backup | None:
        """What is kept for an outage now, in all units."""
        return self._hub.backup.current(self._hub)

    @property
    def files(self) -> LeaseFile:
        """Where the lease of this device is kept."""
        return LeaseFile(self._folder, self.keeper.serial or self.keeper.config.address)

    def record(self) -> Record:
        """Return what is on disk of the lease, whoever holds it."""
        files = self.files
        with suppress(InvalidInput):
            return files.load()
        return Record(files.serial)

    def budgets(self) -> tuple[Budget, ...]:
        """Return how often was written, and how often may be."""
        if self.lease is not None:
            return self.lease.budgets
        ledger = self.record().ledger
        return ledger.budgets(max(self._clock.now().timestamp(), ledger.latest_s()))

    # ---- asked by people -----------------------------------------------------------------------------------------------------

    async def preview(self, command: Command) -> Plan:
        """Return what a command would write now, and write nothing.

        Raises:
            ReadOnly, Unreachable: nothing can be written to the device now.
            IndevoltError: as for :meth:`Device.plan_command`.
        """
        device = self._writable()
        self._hub.backup.check(self._hub, command)
        return bounded_plan(await device.plan_command(command), device.model, self.room, self.lease.sent if self.lease else None)

    async def ask(self, command: Command, until: datetime, *, actor: str, reason: str = "") -> tuple[Override, Outcome | None]:
        """Override everything but safety until then; return what became of it, None while it waits for its turn.

        Raises:
            ReadOnly, Unreachable: nothing can be written to the device now.
            InvalidInput: a command that this device does not take, or an end that is past or too far away.
            Refused: what it would give is kept for an outage.
            IndevoltError: it failed, and was taken back.
        """
        self._writable().model.spell(command, cluster=True)
        self._hub.backup.check(self._hub, command)
        self.proofs.forgive()
        soc_pct, room = self._charge()
        return await self._asked.ask(command, until, actor=actor, reason=reason, soc_pct=soc_pct, room=room)

    async def release(self, *, actor: str, undo: bool = False) -> None:
        """End the override now; ``undo`` brings back the one that it replaced, if that has not ended."""
        await self._asked.release(actor=actor, undo=undo)

    async def command(self, command: Command, *, actor: str, reason: str = "") -> Outcome:
        """Carry out a command of a person that has no end: moving the battery lasts 24 h, a mode for good.

        Raises:
            BudgetSpent: it would have to wait for its turn.
            Refused: somebody ended it before it was carried out.
            IndevoltError: as for :meth:`ask`.
        """
        if isinstance(command, SelfUse | Schedule):
            mode = "self_use" if isinstance(command, SelfUse) else "schedule"
            return await self.write(MODE, mode, actor=actor, reason=reason)
        override, outcome = await self.ask(command, self._clock.now() + LONGEST, actor=actor, reason=reason)
        if outcome is None:
            trouble = self.trouble
            await self._asked.over(override, "it would have had to wait")
            raise trouble or Refused("it was ended before it was carried out", remedy="The journal says by whom; ask again.")
        return outcome

    async def write(self, name: str, *values: Value, actor: str, reason: str = "") -> Outcome:
        """Write a setting for good; a mode ends an override as well.

        Raises:
            ReadOnly, Unreachable: nothing can be written to the device now.
            IndevoltError: as for :meth:`Lease.write`.
        """
        self._writable()
        done = self._chores.add(name, values, actor=actor, reason=reason)
        self._wake.set()
        return await asyncio.shield(done)

    def wake(self) -> None:
        """Look again, as something has changed."""
        self._wake.set()

    async def end(self) -> None:
        """Steer no more, as the device is not kept any more; what was before is put back first."""
        self.ended = True
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait([self.task], timeout=LONGEST_END_S)

    def _writable(self) -> Device:
        if not self.keeper.config.control:
            raise ReadOnly(f"{self.keeper.id} is read-only here")
        if self.ended:
            raise Unreachable(f"{self.keeper.id} is not steered now", remedy=_ANEW)
        if self.keeper.device is None or self.keeper.link is not Link.ONLINE:
            raise self._silent()
        return self.keeper.device

    def _silent(self) -> Unreachable:
        return Unreachable(f"{self.keeper.id} does not answer", remedy="Wait until it answers; the journal says what is wrong.")

    # ---- the service ---------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Steer until cancelled; then put back what was before."""
        writing = asyncio.create_task(self._chronicle.run(), name=f"chronicle {self.keeper.id}")
        try:
            await self._asked.recall()
            await self._run()
        finally:
            self.ended = True
            self._asked.let_go()
            self._chores.fail(Unreachable(f"{self.keeper.id} is steered no more", remedy=_ANEW))
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            await self._chronicle.flush()

    async def _run(self) -> None:
        while True:
            await self._expire()
            await self.curve.look()
            needed = self._due is not None or self._chores or self._owes or self.curve.wanted is not None
            if self.keeper.device is None or self.keeper.link is not Link.ONLINE:
                self._chores.fail(self._silent())  # a setting is not written hours after it was asked for
                needed = False
            if not needed or self.keeper.device is None:
                await self._pause(TEND_S)
                continue
            try:
                if self._owes:
                    await self._chronicle.catch_up(self.files)
                await self._hold(self.keeper.device)
            except IndevoltError as error:
                self._owes = True
                await self._fail(error)
                if (task := asyncio.current_task()) is not None and task.cancelling():
                    raise asyncio.CancelledError from error  # it ended while it could not put things back
                await self._pause(self._again())
            else:
                self._owes, self.trouble = False, None

    async def _hold(self, device: Device) -> None:
        """Hold the lease as long as there is something to do."""
        lease = device.lease(
            ttl=LEASE, actor=f"hub {self._hub.config.hub.name}", folder=self._folder, hear=self._chronicle.hear,
            look=lambda names: self.keeper.fresh(names, LOOK_S), floor_pct=self.room.floor_pct, ceiling_pct=self.room.ceiling_pct,
        )  # fmt: skip
        try:
            async with lease as self.lease:
                await self._steer(self.lease)
        finally:
            self.lease = None
            self.curve.forget()
            self._given_back()
            await self._chronicle.flush()
            await self._chronicle.sum_up()

    async def _steer(self, lease: Lease) -> None:
        while True:
            await self._expire()
            if self.keeper.device is not None:
                lease.device = self.keeper.device
            if lease.left_s < LEASE.total_seconds() / 2:
                lease.renew(LEASE)
            while self._chores:
                await self._do(lease, self._chores.next())
            await self.curve.look()
            wish = self._due
            if wish is None and self.curve.wanted is None:
                return
            if self.keeper.link is not Link.ONLINE:  # what stands is fenced, and the keeper looks for it
                await self._pause(TEND_S)
                continue
            await self._pause(await self._rest(lease) if wish is None else await self._follow(lease, wish))

    async def _rest(self, lease: Lease) -> float:
        """Command nothing any more, and hold the lease only for the load curve."""
        if lease.wanted is not None:
            await lease.rest(load_curve.NAMES, why="nothing is commanded any more")
            self._given_back()
        await self.curve.lay(lease)
        return TEND_S

    async def _follow(self, lease: Lease, wish: Wish) -> float:
        """Have the device do what is wanted; return how long to wait before looking again."""
        override = self.override if self.override is not None and wish.until == self.override.until else None  # else it is to come
        if (wrong := self.proofs.wrong) is not None:
            self._order_again(lease, await self.proofs.failed(wrong))
            return 0.0
        try:
            awaited = override is not None and self._asked.is_awaited(override)
            final = self.decision is None or not self.decision.waits  # then it is proven also where it is so already
            if wish.command == lease.wanted and lease.sent is not None and not (awaited and final):
                await lease.tend()
                self.trouble = None
                return TEND_S
            if override is None or not awaited:
                outcome = await lease.adjust(wish.command, reason=wish.why, safety=wish.urgent)
            else:  # somebody waits for the proof
                self._chronicle.actor = override.by
                tell = partial(self._progress, override)
                outcome = await lease.command(wish.command, reason=wish.why, safety=wish.urgent, tell=tell)
        except BudgetSpent as error:
            self.trouble = error
            self._asked.begin(override, None)
            return error.wait_s
        except ForeignWriter as error:
            self._asked.begin(override, error)
            return TEND_S
        except LeaseLost:
            raise
        except IndevoltError as error:
            await self._fail(error)
            self._asked.begin(override, error)
            return self._again()
        finally:
            self._chronicle.actor = "hub"
        return await self._came(lease, wish, override, outcome)

    async def _came(self, lease: Lease, wish: Wish, override: Override | None, outcome: Outcome) -> float:
        """Take note of what came of a command."""
        self.outcome = outcome = replace(outcome, notes=tuple(dict.fromkeys((*wish.notes, *outcome.notes))))
        if outcome.stage is not Stage.REFUSED:
            self.sent(self.keeper.id, lease.sent or wish.command)
            self.proofs.sent(lease.sent or wish.command, lease.wrote_s)
        self._asked.begin(override, outcome)
        if outcome.shown:  # else it was an adjustment, and the readings that follow show it
            await self.keeper.learn(outcome.shown)
        again = await self.proofs.came(outcome)
        if outcome.proven or (outcome.stage is Stage.ACCEPTED and not outcome.shown):
            self.trouble, self._again_s = None, 0.0
            return TEND_S
        self._order_again(lease, again)
        return self._again()

    def _order_again(self, lease: Lease, again: bool) -> None:
        """Have what did not come true ordered once more, or the unit given back to its own loop for a while."""
        lease.sent = None  # so that it is sent again
        if not again:
            self._asked.begin(self.override, None)
            self.changed()

    def _given_back(self) -> None:
        """Take note that the device itself decides."""
        self.sent(self.keeper.id, None)
        self.proofs.sent(None, self._clock.monotonic())

    @property
    def _due(self) -> Wish | None:
        """What is to be done now: nothing while the unit is left to itself, as it does not do what it is told."""
        return None if self.proofs.given_up is not None else self.wish

    async def _do(self, lease: Lease, chore: Chore) -> None:
        """Write a setting for good."""
        if chore.name == MODE and self.override is not None:
            await self._asked.over(self.override, f"{chore.actor} chose a mode", by=chore.actor)
        leaving = chore.name == MODE and self.keeper.latest.value(MODE) == REALTIME  # into the device's own hands: always allowed
        await self._chores.carry_out(lease, chore, safety=leaving)

    async def _expire(self) -> None:
        await self._asked.expire(*self._charge())

    def _charge(self) -> tuple[float | None, Room]:
        """Return the state of charge, and between which ones the unit may be moved."""
        known = self.keeper.snapshot(("battery_soc", "backup_soc"))
        return known.number("battery_soc"), room_of(self.room, known.number("backup_soc"), None)

    def _overridden(self, override: Override | None) -> None:
        """Go by another override from now on, or by what others decide."""
        if override is None and self._hub.backup.current(self._hub) is None:  # else the loop would give until that is decided
            self.wish = None
        self._wake.set()
        self.changed()

    # ---- telling -------------------------------------------------------------------------------------------------------------

    async def decide(self, wish: Wish | None, decision: Decision | None, left: Left | None = None) -> None:
        """Take what is decided; who decides is written down when that changes, and what, in outline."""
        self.proofs.watch(self)
        if self.proofs.wrong is not None:
            self._wake.set()
        if wish is not None and wish.until is not None and self.override is None:
            return  # it is that of an override, which ended in between
        self.decision, self.left = decision, left
        if wish is None or self.wish is None or wish.command != self.wish.command:
            self._wake.set()
        self.wish = wish
        word = outline_of(wish, decision) if wish else left.owner.value if left else ""
        told = (self.owner, word, self.override.id if self.override else "")
        if told == self._told:
            return
        was, self._told, self.since = self._told, told, self._clock.now()
        decided = wish or left
        if was is None and decided is None:
            return
        text = decided.why if decided else "nothing is commanded any more; the device decides"
        reasons = [f"{each.by}: {each.text} ({each.weight})" for each in decided.reasons] if decided else []
        await self._chronicle.note(text, owner=told[0].value, before=was[0].value if was else "", command=told[1], reasons=reasons)
        self._asked.tell(Step.CHANGED, text)

    def _progress(self, override: Override | None, stage: Stage) -> None:
        if override is not None and stage in (Stage.ACCEPTED, Stage.CONFIRMED, Stage.EFFECTIVE):
            self._asked.tell(Step(stage.value), in_words(override.command), override.id)

    async def _fail(self, error: IndevoltError) -> None:
        if str(error) != str(self.trouble):
            await self._chronicle.note(f"cannot steer: {error}", remedy=error.remedy)
            self._asked.tell(Step.FAILED, str(error))
        self.trouble = error
        self._chores.fail(error)
        if self.override is not None:
            self._asked.begin(self.override, error)

    def _again(self) -> float:
        self._again_s = min(LONGEST_AGAIN_S, max(FIRST_AGAIN_S, 2 * self._again_s))
        return self._again_s

    async def _pause(self, seconds: float) -> None:
        """Wait for so long, for the end of an override, or until something changes."""
        await soon(self._clock.sleep(max(0.0, min(seconds, self.left_s))), self._wake)
        self._wake.clear()
