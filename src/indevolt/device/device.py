"""One battery: a product family behind a transport.

Reads named quantities, writes settings, carries out commands, and says of each value how much it is worth and of each
write what became of it. How a device is reached and recognized is in ``opening``, how readings are made in ``reader``,
how writes are proven in ``proof``.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from indevolt.battery import (
    Charge,
    Command,
    Discharge,
    Hold,
    Limits,
    Outcome,
    Reading,
    Schedule,
    SelfUse,
    Stage,
    Value,
)
from indevolt.catalogue import LIMITING, Firmware, Model, Product, Verdict, Write, effective_limits
from indevolt.clock import Clock
from indevolt.control.ledger import Room
from indevolt.control.situation import LEAST_SOC_PCT
from indevolt.device.account import Hear
from indevolt.device.batches import Batches, Quarantined
from indevolt.device.commands import effect_of, readable, require_leader, situation, within_limits
from indevolt.device.holding import holding
from indevolt.device.lease import Lease, Look
from indevolt.device.password import replace_password
from indevolt.device.proof import PATIENCE_S, Prover, Tell, same
from indevolt.device.reader import Reader
from indevolt.errors import FirmwareTooOld, IndevoltError, InvalidInput, ProtocolError
from indevolt.protocol.messages import Request, SetData, SysConfig
from indevolt.transport import ReplyT, Transport

MIN_CYCLE_S: Final = 1.0
"""The shortest polling cycle: devices need 1 s between requests, and 5 s are recommended (protocol.md, section 7)."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a device is, as found out when it was opened."""

    address: str
    serial: str
    model: Model
    product: Product | None
    verdict: Verdict
    system: SysConfig


@dataclass(frozen=True, slots=True)
class Plan:
    """What a command means for a device as it is now."""

    command: Command  # with power lowered to what holds now
    steps: tuple[Write, ...]
    before: Reading
    limits: Limits
    notes: tuple[str, ...]  # what was lowered, and why

    def needs_no(self, step: Write) -> bool:
        """Whether a step is left out because the mode is right already."""
        return set(step.wanted) == {"mode"} and same(self.before.value("mode"), step.wanted["mode"])

    def spelled(self, command: Command, model: Model) -> Plan:
        """Return the plan for a command that stays within the limits of this one."""
        leader = self.before.value("cluster_role") == "master"
        return replace(self, command=command, steps=model.spell(command, cluster=leader))

    @property
    def writes(self) -> tuple[Write, ...]:
        """What is sent, in order."""
        return tuple(step for step in self.steps if not self.needs_no(step))


class Device:
    """A battery. Made by :func:`indevolt.connect`.

    Any number of tasks may use it at once: reads share requests, writes and commands go one after the other.

    >>> import asyncio, indevolt
    >>> from indevolt.simulator import Simulator
    >>> clock = indevolt.ManualClock(auto=True)
    >>> simulator = Simulator("powerflex2000", clock=clock)
    >>> async def show() -> None:
    ...     async with indevolt.connect("a simulator", transport=simulator, clock=clock) as battery:
    ...         reading = await battery.read("battery_soc", "pack2_soc")
    ...         print(reading.value("battery_soc"), "%;", reading["pack2_soc"].quality)
    ...         outcome = await battery.write("backup_soc", 20)
    ...         print(outcome.stage, outcome.before, "->", outcome.shown)
    ...         outcome = await battery.charge(power_w=2400, soc_pct=90)
    ...         print(outcome.stage, *outcome.notes)
    >>> asyncio.run(show())
    55 %; not installed
    confirmed {'backup_soc': 10} -> {'backup_soc': 20}
    effective power lowered from 2400 W to 2000 W: 2 battery modules of a PowerFlex 2000
    """

    def __init__(
        self,
        identity: Identity,
        batches: Batches,
        clock: Clock,
        *,
        modules: int | None = None,
        interval_s: float = 1.0,
        patience_s: float = PATIENCE_S,
        password: str | None = None,
        reopen: Callable[[str], Transport] | None = None,
    ) -> None:
        self.address = identity.address
        self.serial = identity.serial
        self.model = identity.model
        self.product = identity.product
        self.evidence = identity.verdict.reasons
        self.system = identity.system
        self.trouble: IndevoltError | None = None
        """Why the last cycle of :meth:`watch` brought nothing; None after a good one."""
        self._verdict = identity.verdict
        self._batches = batches
        self._clock = clock
        self._modules = modules
        self._interval_s = interval_s
        self._password = password
        self._reopen = reopen
        self._writing = asyncio.Lock()
        self._reader = Reader(self.serial or self.address, self.model, batches, clock)
        self._prover = Prover(batches, self._reader.look, clock, interval_s=interval_s, patience_s=patience_s)

    # ---- who it is ---------------------------------------------------------------------------------------------------

    @property
    def family(self) -> str:
        """The product family: gen1, gen2, gen3 or sf1200."""
        return self.model.family

    @property
    def firmware(self) -> Firmware | None:
        """The CMS firmware, comparable; None where it does not say, or in a spelling that is unknown."""
        return self._verdict.firmware

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is wrong with this device but does not stop it from being used."""
        return (self._firmware_problem(),) if self._verdict.firmware_too_old else ()

    @property
    def quarantine(self) -> Mapping[str, Quarantined]:
        """The quantities that are not asked for now, because they spoil whole replies; each with reason and times."""
        points = self._batches.quarantine.items()
        known = self.model.by_read
        return {known[str(at)].name if str(at) in known else str(at): why for at, why in points}

    @property
    def modules(self) -> int | None:
        """Installed battery modules, main unit included, as far as known."""
        return self._modules or self._reader.modules()

    @property
    def max_points(self) -> int:
        """Most points in one request; fewer than asked for where the device has proven to take no more."""
        return self._batches.max_points

    def go_on_from(self, former: Device) -> None:
        """Leave out what an earlier connection to the same device has found to spoil replies, and ask for no more at once."""
        self._batches.go_on_from(former._batches)

    @property
    def transport(self) -> Transport:
        """The way to the device."""
        return self._batches.transport

    def check_firmware(self) -> None:
        """Check the firmware against the vendor's minimum for this API (protocol.md, section 10).

        A firmware that cannot be read is not complained about.

        Raises:
            FirmwareTooOld: with both versions.
        """
        if self._verdict.firmware_too_old:
            raise FirmwareTooOld(self._firmware_problem())

    def _firmware_problem(self) -> str:
        minimum = self.model.identity.minimum_firmware
        spelled = self.system.text("f_ver") or self.system.text("fw")
        return f"firmware {spelled} is older than {minimum}, the vendor's minimum for this API"

    async def exchange(self, request: Request[ReplyT]) -> ReplyT:
        """Send any request of :mod:`indevolt.protocol.messages` and return its reply, for what the other methods do not offer."""
        return await self.transport.exchange(request)

    # ---- reading -----------------------------------------------------------------------------------------------------

    async def read(self, *names: str | int) -> Reading:
        """Read quantities by name or point number; everything readable if none is given.

        What one request cannot bring takes several, at least a second apart. A point that spoils the reply is found, put
        into quarantine and left out for a while; its sample says so. Unknown is never 0: a sample has a value only if
        its quality is LIVE.

        Raises:
            InvalidInput: no such quantity, or one that can only be written.
            IndevoltError: the device as a whole does not answer as it should.
        """
        return await self._reader.read(names)

    async def read_together(self, *groups: tuple[str | int, ...]) -> list[Reading]:
        """Read several selections with as few requests as all of them need, and return a reading of each.

        Raises:
            InvalidInput, IndevoltError: as for :meth:`read`.
        """
        return await self._reader.read_together(groups)

    async def watch(self, *names: str | int, every_s: float = 5.0) -> AsyncGenerator[Reading, None]:
        """Read again and again, one reading for each cycle, until the caller stops iterating.

        A cycle in which the device does not answer yields a reading, too: every sample in it is UNANSWERED and has no
        value, and :attr:`trouble` holds the error. So nobody takes an old value for a live one. What trying again cannot
        mend (a wrong password, say) is raised.

        Args:
            names: quantities; everything readable if none is given.
            every_s: seconds from the start of one cycle to the next, at least 1. A cycle that takes longer delays the next one.

        Raises:
            InvalidInput: no such quantity, or too short a cycle.
            IndevoltError: not transient.
        """
        if not every_s >= MIN_CYCLE_S:  # so that NaN is refused as well
            raise InvalidInput(
                f"every_s: {every_s:g} s is out of range", remedy=f"At least {MIN_CYCLE_S:g} s; 5 s are recommended."
            )
        self._reader.resolve(names)  # complains at once
        while True:
            started = self._clock.monotonic()
            try:
                reading = await self.read(*names)
                self.trouble = None
            except IndevoltError as error:
                # Half a JSON document now and then is weak Wi-Fi, not the end.
                if not (error.transient or isinstance(error, ProtocolError)):
                    raise
                self.trouble = error
                reading = self._reader.unanswered(names)
            yield reading
            await self._clock.sleep(started + every_s - self._clock.monotonic())

    # ---- writing -----------------------------------------------------------------------------------------------------

    def plan_write(self, name: str | int, *values: Value) -> Write:
        """Return what :meth:`write` would send, without sending it.

        Raises:
            InvalidInput: not settable, or a value that is not allowed; names field, value and range.
        """
        return self.model.write(name, values, cluster=self._reader.role == "master")

    async def write(self, name: str | int, *values: Value) -> Outcome:
        """Write a setting, once, and return what became of it.

        Takes until the read side shows the value, at most the connection's ``patience_s`` (30 s).

        Args:
            name: quantity, or number of a write point.
            values: one value, or several for consecutive points.

        Raises:
            InvalidInput: not settable, or a value that is not allowed; nothing was sent.
            IndevoltError: the device could not be read before the write, or rejected the request with an error status.
        """
        widest = self.model.write(name, values, cluster=True)  # complains before the network is touched
        async with self._writing:
            before = await self.read(*readable(self.model, (*widest.wanted, "cluster_role")))
            write = self.plan_write(name, *values)
            require_leader(write.wanted, mode=write.wanted.get("mode"), role=self._reader.role)
            return await self._prover.prove(write, before)

    async def command(self, command: Command) -> Outcome:
        """Carry out a command and return what became of it.

        Selects the mode first, where it is not selected already, and goes on only when the device shows it. Power above
        what holds now is lowered, and a note says so. The outcome is EFFECTIVE only if the battery power moves as
        commanded; where the device itself decides (self-use, schedule), it is CONFIRMED at most.

        Raises:
            InvalidInput: power or state of charge outside the documented range, or the unit is a slave of a cluster;
                nothing was sent.
            IndevoltError: as for :meth:`write`.
        """
        async with self._writing:
            return await self._carry_out(await self.plan_command(command), None)

    def spell(self, command: Command) -> tuple[Write, ...]:
        """Return the writes that a command means, in order.

        Raises:
            InvalidInput: power or state of charge outside the documented range.
        """
        return self.model.spell(command, cluster=self._reader.role == "master")

    async def post(self, write: Write) -> bool:
        """Send a write, and return whether the device took it; nothing is looked at, so nothing is proven.

        For loops that write every few seconds and see by later readings what came of it.

        Raises:
            IndevoltError: the reply never came, so nobody knows; or the device rejected the request.
        """
        async with self._writing:
            return (await self.exchange(SetData(write.point, write.values))).result

    async def carry_out(self, plan: Plan, tell: Tell | None = None) -> Outcome:
        """Carry out what :meth:`plan_command` returned just before; ``tell`` hears of each stage of its last step.

        Raises:
            IndevoltError: the device rejected a request with an error status.
        """
        async with self._writing:
            return await self._carry_out(plan, tell)

    async def plan_command(self, command: Command) -> Plan:
        """Return what :meth:`command` would send now, reading what that depends on and writing nothing.

        Raises:
            InvalidInput, IndevoltError: as for :meth:`command`.
        """
        self.model.spell(command, cluster=True)  # complains before the network is touched
        before = await self.read(*situation(self.model), *readable(self.model, self.model.presence.values()))
        leader = self._reader.role == "master"
        for step in self.model.spell(command, cluster=leader):
            require_leader(step.wanted, mode=step.wanted.get("mode"), role=self._reader.role)
        limits = self.limits_in(before)
        command, notes = within_limits(command, limits)
        return Plan(command, self.model.spell(command, cluster=leader), before, limits, notes)

    async def _carry_out(self, plan: Plan, tell: Tell | None) -> Outcome:
        command, steps, before, limits, notes = plan.command, plan.steps, plan.before, plan.limits, plan.notes
        started = self._clock.monotonic()
        wanted = {name: value for step in steps for name, value in step.wanted.items()}
        told = {name: before.value(name) for name in wanted if name in before}
        done = Outcome(Stage.CONFIRMED, wanted, told, notes=notes)
        effect = effect_of(command, limits)
        for number, step in enumerate(steps):
            last = number == len(steps) - 1
            if plan.needs_no(step):
                done = replace(done, shown=step.wanted)
                continue  # change-only: which settings wear out the flash is not published
            outcome = await self._prover.prove(step, before, *((effect, tell) if last else ()))
            notes = (*done.notes, *outcome.notes)
            took_s = self._clock.monotonic() - started
            done = replace(done, stage=outcome.stage, shown={**done.shown, **outcome.shown}, took_s=took_s, notes=notes)
            blind = outcome.stage is Stage.ACCEPTED and not any(name in outcome.shown for name in step.wanted)
            if not last and not (outcome.proven or blind):
                return replace(done, notes=(*notes, "the rest of the command was not sent"))
            if blind:
                await self._clock.sleep(self._interval_s)  # as no look has taken its time
        return done

    async def restarted_since(self, at_s: float) -> bool:
        """Return whether the device has restarted since a monotonic second of its clock; not known is False."""
        return await self._prover.restarted_since(at_s)

    def lease(
        self,
        *,
        ttl: timedelta,
        actor: str = "",
        reason: str = "",
        floor_pct: float = LEAST_SOC_PCT,
        ceiling_pct: float = 100.0,
        folder: Path | None = None,
        look: Look | None = None,
        hear: Hear | None = None,
    ) -> AbstractAsyncContextManager[Lease]:
        """Hold the right to command this battery while an ``async with`` lasts; at its end all is as it was before.

        One program holds it at a time. Mode and whatever else is written through it are kept on disk first, and put back at the
        end, whatever ends it: return, exception, cancellation, SIGTERM, or the time that it may last. What the end of the process
        itself (kill -9) leaves behind is put back by `indevolt watchdog`, or when the next lease is taken.

        Args:
            ttl: how long it may last, up to 24 h; :meth:`Lease.renew` begins anew.
            actor: who others see as its holder; by default the name of this program.
            reason: why, for others and the journal.
            floor_pct: never discharge below, 5 or more; the reserve that is set in the device holds as well.
            ceiling_pct: never charge above.
            folder: where leases are kept; by default ``$INDEVOLT_LEASES``, else a folder of this user.
            look: where readings for looking after it come from, for a program that polls the device already.
            hear: hears of each line of the lease's journal.

        Raises:
            LeaseHeld: on entering: another program holds it; names which.
            NotRestored: what an earlier lease left behind, or this one did, could not be put back.
            LeaseLost: on leaving: another program took it over, and puts back what was before.
            InvalidInput: a time or bound out of range, or leases cannot be kept on this disk.
        """
        room = Room().within(floor_pct=floor_pct, ceiling_pct=ceiling_pct)
        actor = actor or Path(sys.argv[0]).name or "python"
        return holding(self, self._clock, ttl=ttl, actor=actor, reason=reason, room=room, folder=folder, look=look, hear=hear)

    async def self_use(self) -> Outcome:
        """Let the device follow its meter."""
        return await self.command(SelfUse())

    async def schedule(self) -> Outcome:
        """Let the device follow the schedule that was saved in the app."""
        return await self.command(Schedule())

    async def hold(self) -> Outcome:
        """Neither charge nor discharge."""
        return await self.command(Hold())

    async def charge(self, power_w: int, soc_pct: int = 100) -> Outcome:
        """Charge with ``power_w`` watts up to ``soc_pct`` percent."""
        return await self.command(Charge(power_w, soc_pct))

    async def discharge(self, power_w: int, soc_pct: int = 5) -> Outcome:
        """Discharge with ``power_w`` watts down to ``soc_pct`` percent."""
        return await self.command(Discharge(power_w, soc_pct))

    async def limits(self) -> Limits:
        """Read what the unit can really do now, each limit with its cause."""
        names = (*LIMITING, "cluster_role", *self.model.presence.values())
        return self.limits_in(await self.read(*readable(self.model, names)))

    def limits_in(self, reading: Reading) -> Limits:
        """Return what a reading of the limiting quantities says that the unit can do."""
        shown = {name: reading.value(name) for name in LIMITING if name in reading}
        return effective_limits(self.model, self.product, self.modules, shown, cluster=self._reader.role == "master")

    # ---- the password ------------------------------------------------------------------------------------------------

    async def change_password(self, new: str) -> None:
        """Change the Digest password; afterwards this connection uses the new one.

        Requests of other tasks that wait meanwhile fail.

        Raises:
            InvalidInput: no password was given when connecting, or the new one is not 1 to 16 bytes; nothing was sent.
            Refused: the device did not take it.
            Unauthorized: the password of this connection is not the device's.
            NoReply: nobody knows whether it arrived; the message tells what to try.
        """
        if self._password is None:
            raise InvalidInput(
                "the present password is needed to change it", remedy="Connect with password=..., the device key on a new device."
            )
        async with self._writing:
            self._batches.transport = await replace_password(self.transport, self._password, new, self._reopen)
            self._password = new
