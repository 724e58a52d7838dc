"""The owner of one battery: it alone talks to the device, knows what is known of it and how old that is, and serves everybody else.

Polling follows tiers, a device that is away is looked for with patience, and one that comes back is asked who it is first: it may
have restarted, been updated, or be another one. What is known is in ``latest``, what is worked out of it in ``derive``.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from indevolt.battery import Columns, Command, Outcome, Quality, Reading, Row, Value
from indevolt.catalogue import Model
from indevolt.clock import Clock
from indevolt.device import Device, connect
from indevolt.errors import IndevoltError, NoReply, ProtocolError, ReadOnly, Unreachable
from indevolt.hub.bus import Bus
from indevolt.hub.config import DeviceConfig
from indevolt.hub.counters import Counters
from indevolt.hub.derive import COUNTED, DERIVED_UNITS, INTEGRATED, Derivation, Powers, ac_power
from indevolt.hub.events import LinkChanged, Tier, Update
from indevolt.hub.freeze import FreezeWatch
from indevolt.hub.heard import Health, Heard
from indevolt.hub.journal import Journal, Kind
from indevolt.hub.latest import Latest
from indevolt.hub.tiers import names_of, tables_of
from indevolt.protocol.messages import Data, GetData, Raw, Request, SysConfig, SysGetConfig
from indevolt.store import Store, Table
from indevolt.transport import HttpTransport, Paced, ReplyT, Transport, parse_address

if TYPE_CHECKING:
    from indevolt.hub.steer.unit import UnitSteering

DEADLINE_S: Final = 10.0  # for one exchange
CYCLE_DEADLINE_S: Final = 90.0  # for a cycle: above the search for a point that never answers, which takes half a minute
MISSED: Final = 3  # cycles that may bring nothing before the device counts as away
BACK_OFF_S: Final = 5.0  # the first pause before looking for it again ...
LONGEST_BACK_OFF_S: Final = 60.0  # ... and the longest
JITTER: Final = 0.05  # of a period, so that many devices do not stay in step
UPTIME_SLACK_S: Final = 30.0  # an uptime that is shorter by more than this means a restart
SAVE_EVERY_S: Final = 60.0
_DERIVED: Final = Columns.of(DERIVED_UNITS)
WIDEST_POWER_W: Final = 10_000.0  # of any product, for counters of a device whose product is unknown


class Link(StrEnum):
    """How the connection to a device is."""

    CONNECTING = "connecting"  # never reached since the hub began
    ONLINE = "online"
    SILENT = "silent"  # it does not answer; it is looked for
    REFUSED = "refused"  # it answers, but not us: a password, another sort of device


class Origin(StrEnum):
    """Why a device is kept."""

    CONFIGURED = "configured"  # it is in the configuration
    ADDED = "added"  # an owner connected it while the hub ran
    FOUND = "found"  # it was on the network, and nobody had named any


class Keeper:
    """Keeps one device."""

    def __init__(
        self,
        config: DeviceConfig,
        *,
        clock: Clock,
        bus: Bus,
        journal: Journal,
        store: Store,
        numbers: Iterable[int],
        alone: Callable[[], bool] = lambda: True,
        transport: Transport | None = None,
        rng: random.Random | None = None,
    ) -> None:
        """Get ready; nothing is sent before :meth:`run`.

        Args:
            config: what the owner says of the device.
            clock: what to wait by.
            bus: where updates go.
            journal: where events go.
            store: keeps the counters.
            numbers: numbers the updates of the whole hub.
            alone: whether no other unit feeds the same house now; else what the house takes cannot be told from one unit.
            transport: another way to the device than HTTP, for tests.
            rng: source of jitter; by default one of the device's own, the same at each start.
        """
        self.config = config
        self.id = config.name
        self.origin = Origin.CONFIGURED
        self.link = Link.CONNECTING
        self.link_since: datetime = clock.now()
        self.error: IndevoltError | None = None
        self.device: Device | None = None
        self.steering: UnitSteering | None = None  # the only one who writes, where the unit is steered
        self.serial = self.firmware = ""
        self.latest = Latest(clock)
        self.health = Health(clock)
        self.derivation = Derivation(Counters(), max_power_w=WIDEST_POWER_W)
        self._clock = clock
        self._bus = bus
        self._journal = journal
        self._store = store
        self._numbers = iter(numbers)
        self._alone = alone
        self._heard = Heard(transport or self._http(), clock, self.health)
        self._paced = Paced(self._heard, clock)
        self._rng = rng or random.Random(self.id)  # noqa: S311 - jitter is no secret; by name, so that devices differ and runs do not
        self._freeze = FreezeWatch()
        self._uptime: tuple[float, float] | None = None  # as told, and when on our clock
        self._flights: dict[tuple[str, ...], asyncio.Future[Reading]] = {}
        self._saved_s = clock.monotonic()

    def _http(self) -> Transport:
        password = self.config.password.reveal() if self.config.password else None
        address = parse_address(self.config.address)
        return HttpTransport(
            address, password=password, deadline_s=DEADLINE_S, ca_file=self.config.ca_file, fingerprint=self.config.fingerprint
        )

    # ---- what is known -------------------------------------------------------------------------------------------------------

    @property
    def model(self) -> Model | None:
        """The family, once the device has been reached."""
        return self.device.model if self.device else None

    @property
    def simulated(self) -> bool:
        """Whether the owner says that it is a virtual device."""
        return self.config.simulated

    @property
    def title(self) -> str:
        """What it is, for people; empty while unknown."""
        if self.device is None:
            return ""
        return self.device.product.title if self.device.product else self.device.model.title

    def snapshot(self, names: Iterable[str] | None = None) -> Reading:
        """Return what is known, each value with the quality that it has now."""
        return self.latest.reading(self.id, self.model.family if self.model else "", names)

    def tables(self) -> tuple[Table, ...]:
        """Return the store's tables for this device; none while its family is unknown."""
        return tables_of(self.model.family) if self.model else ()

    def settings(self) -> tuple[str, ...]:
        """Return the quantities that can be read and written."""
        points = self.model.points.values() if self.model else ()
        return tuple(point.name for point in points if point.writes and point.read is not None)

    # ---- for others ----------------------------------------------------------------------------------------------------------

    async def fresh(self, names: Sequence[str], max_age_s: float) -> Reading:
        """Return quantities that are young enough; what is not is read, once for all who ask for it meanwhile.

        Raises:
            IndevoltError: the device cannot be asked.
        """
        ages = [self.latest.age_s(name) for name in names]
        if all(age is not None and age <= max_age_s for age in ages) and self.link is Link.ONLINE:
            return self.snapshot(names)
        key = tuple(names)
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = asyncio.ensure_future(self._read_now(key))
            flight.add_done_callback(lambda _: self._flights.pop(key, None))
        await asyncio.shield(flight)
        return self.snapshot(names)

    async def exchange(self, request: Request[ReplyT], *, max_age_s: float = 0.0) -> ReplyT | Data:
        """Pass on a request of a client of the gateway; a poll is answered from what was heard, if that is young enough."""
        if isinstance(request, GetData):
            known = self._heard.recall(request.keys, max_age_s)
            if known is not None:
                return known
        try:
            return await self._paced.exchange(request)
        finally:
            if not request.repeatable:
                self._heard.forget()

    def heard(self, keys: Sequence[str], max_age_s: float) -> tuple[Mapping[str, Raw], Sequence[str]]:
        """Return the raw values by point that are young enough, and the points of which nothing so young is known."""
        return self._heard.young(keys, max_age_s)

    async def write(self, name: str, *values: Value, actor: str, reason: str = "") -> Outcome:
        """Write a setting and return what became of it; both are in the journal.

        Raises:
            ReadOnly: the owner did not allow writing to this device.
            IndevoltError: as for :meth:`Device.write`.
        """
        device = self._writable()
        if self.steering is not None:
            return await self.steering.write(name, *values, actor=actor, reason=reason)
        what = f"{name} = {', '.join(map(str, values))}"
        return await self._journaled(what, device.write(name, *values), actor, reason)

    async def command(self, command: Command, *, actor: str, reason: str = "") -> Outcome:
        """Carry out a command and return what became of it; both are in the journal.

        Raises:
            ReadOnly: the owner did not allow writing to this device.
            IndevoltError: as for :meth:`Device.command`.
        """
        device = self._writable()
        if self.steering is not None:
            return await self.steering.command(command, actor=actor, reason=reason)
        return await self._journaled(repr(command), device.command(command), actor, reason)

    async def learn(self, names: Iterable[str]) -> None:
        """Forget what was heard before a write, and read anew what it changed."""
        self._heard.forget()
        if changed := tuple(names):
            with suppress(IndevoltError):  # else the poll will bring what is set now
                await self._read_now(changed)

    def _writable(self) -> Device:
        if not self.config.control:
            raise ReadOnly(f"{self.id} is read-only here")
        if self.device is None:
            raise Unreachable(
                f"{self.id} has not been reached yet", remedy="Wait until it answers; the journal says what is wrong."
            )
        return self.device

    async def _journaled(self, what: str, work: Any, actor: str, reason: str) -> Outcome:  # noqa: ANN401 - a coroutine of an Outcome
        try:
            begun = await self._journal.note(
                Kind.WRITE, f"asked for: {what}", device=self.id, actor=actor, reason=reason, step="asked"
            )
            outcome: Outcome = await work
        except IndevoltError as error:
            facts = {"error": str(error), "reason": reason, "step": "failed"}
            await self._journal.note(Kind.WRITE, f"{what}: {error}", device=self.id, actor=actor, **facts)
            raise
        finally:
            work.close()
        await self.learn(outcome.shown)
        ended: dict[str, Any] = {
            "asked": begun.number,
            "stage": outcome.stage.value,
            "wanted": _plain(outcome.wanted),
            "before": _plain(outcome.before),
            "shown": _plain(outcome.shown),
            "took_s": round(outcome.took_s, 1),
            "notes": list(outcome.notes),
            "reason": reason,
            "step": "ended",
        }
        await self._journal.note(Kind.WRITE, f"{what}: {outcome.stage}", device=self.id, actor=actor, **ended)
        return outcome

    # ---- the service ---------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the device until cancelled."""
        await self._restore_counters()
        failures = 0
        try:
            while True:
                async with AsyncExitStack() as stack:
                    try:
                        await self._open(stack)
                        failures = 0
                        await self._poll()
                    except IndevoltError as error:
                        failures += 1
                        await self._lose(error, failures)
                    except TimeoutError:
                        failures += 1
                        await self._lose(NoReply(f"a cycle took more than {CYCLE_DEADLINE_S:g} s"), failures)
                await self._clock.sleep(self._pause_s(failures))
        finally:
            await self._save_counters()
            await self._paced.close()

    async def _open(self, stack: AsyncExitStack) -> None:
        """Find out who answers."""
        device = await stack.enter_async_context(
            connect(
                self.config.address,
                transport=self._paced,
                model=self.config.model,
                modules=self.config.modules,
                clock=self._clock,
            )
        )
        was, self.device = self.device, device
        await self._greet(was, device)
        product = device.product
        most = max((*product.charge_w, *product.discharge_w)) if product else WIDEST_POWER_W
        self.derivation.max_power_w = 3.0 * most  # PV and bypass socket count as well, and a cluster's master counts for all
        await self._set_link(Link.ONLINE, None)

    async def _greet(self, was: Device | None, device: Device) -> None:
        """Write down who it is, and what has changed since we last saw it."""
        firmware = device.system.text("f_ver") or device.system.text("fw")
        known = self.serial or await self._recall("serial")
        before = self.firmware or await self._recall("firmware")
        if known and device.serial and device.serial != known:
            self.derivation.counters.another_device()
            self._heard.forget()
            self.latest.forget()
            self._freeze = FreezeWatch()
            text = f"another device answers: serial number {device.serial} instead of {known}"
            await self._journal.note(Kind.CONNECTION, text, device=self.id, before=known, after=device.serial)
        elif before and firmware and firmware != before:
            text = f"firmware changed from {before} to {firmware}"
            await self._journal.note(Kind.FIRMWARE, text, device=self.id, before=before, after=firmware)
        if was is None:
            text = f"reached {self.config.address}: {self.title}, serial number {device.serial}, firmware {firmware or 'unknown'}"
            await self._journal.note(Kind.CONNECTION, text, device=self.id, evidence=list(device.evidence))
        self.serial, self.firmware = device.serial, firmware
        for what, text in (("serial", self.serial), ("firmware", self.firmware)):
            if text:
                with suppress(IndevoltError):  # the store says so itself, and it is no fault of the device
                    await self._store.put(f"{what}:{self.id}", text)
        self._note_uptime(device.system)

    async def _recall(self, what: str) -> str:
        """Return what was known of the device before the hub began; empty where it is not known, or the store is away."""
        with suppress(IndevoltError):
            return await self._store.get(f"{what}:{self.id}") or ""
        return ""

    async def _poll(self) -> None:
        """Read tier by tier until the device is lost, or is not the one it was."""
        assert self.device is not None  # noqa: S101 - opened just before
        names = names_of(self.device.family)
        periods = self._periods()
        due = {tier: self._clock.monotonic() for tier in names}
        fresh = set(names)  # tiers whose next cycle but one comes early, so that devices that began together spread out
        missed = 0
        while True:
            tier = min(due, key=lambda each: (due[each], list(due).index(each)))
            await self._clock.sleep(due[tier] - self._clock.monotonic())
            started = self._clock.monotonic()
            try:
                async with asyncio.timeout(CYCLE_DEADLINE_S):
                    if (missed or tier is Tier.SETTINGS) and await self._is_another():
                        return
                    reading = await self.device.read(*names[tier])
            except IndevoltError as error:
                missed += 1
                if not (error.transient or isinstance(error, ProtocolError)) or missed >= MISSED:
                    raise
                self.error = error
                due[tier] = self._clock.monotonic() + BACK_OFF_S * self._rng.uniform(0.5, 1.0)
                continue
            if missed:
                self.health.blips += 1
                missed, self.error = 0, None
            await self._take(tier, reading, periods[tier])
            earliest = 0.0 if tier in fresh else 1 - JITTER
            if tier is not Tier.POWER or fresh == {tier}:  # which is overdue, everywhere, after the first round of the others
                fresh.discard(tier)
            due[tier] = max(started + periods[tier] * self._rng.uniform(earliest, 1 + JITTER), self._clock.monotonic())

    async def _is_another(self) -> bool:
        """Ask the device who it is; True if it has to be opened anew."""
        assert self.device is not None  # noqa: S101 - only called while it is open
        system = await self.device.exchange(SysGetConfig())
        serial, firmware = system.text("sn"), system.text("f_ver") or system.text("fw")
        if (serial and self.serial and serial != self.serial) or (firmware and firmware != self.firmware):
            return True
        told = system.device.get("run_time")
        if self._uptime is not None and isinstance(told, int):
            expected = self._uptime[0] + self._clock.monotonic() - self._uptime[1]
            if told < expected - UPTIME_SLACK_S:
                await self._journal.note(Kind.CONNECTION, f"restarted {told} s ago", device=self.id, run_time_s=told)
                self._note_uptime(system)
                return True
        self._note_uptime(system)
        return False

    def _note_uptime(self, system: SysConfig) -> None:
        told = system.device.get("run_time")
        self._uptime = (float(told), self._clock.monotonic()) if isinstance(told, int) else None

    def _periods(self) -> Mapping[Tier, float]:
        poll = self.config.poll
        return {
            Tier.POWER: poll.power_s,
            Tier.PACKS: poll.packs_s,
            Tier.SETTINGS: poll.settings_s,
            Tier.IDENTITY: 86_400.0,  # beside the start; a restart or an update opens the device anew
        }

    # ---- taking in -----------------------------------------------------------------------------------------------------------

    async def _read_now(self, names: tuple[str, ...]) -> Reading:
        if self.device is None:
            raise Unreachable(f"{self.id} has not been reached yet")
        reading = await self.device.read(*names)
        homes = {name: tier for tier, its in names_of(self.device.family).items() for name in its}
        periods = self._periods()
        for tier in {homes.get(name, Tier.SETTINGS) for name in reading}:
            its = {name: sample for name, sample in reading.items() if homes.get(name, Tier.SETTINGS) is tier}
            self.latest.take(replace(reading, samples=its), periods[tier])
        return reading

    async def _take(self, tier: Tier, reading: Reading, period_s: float) -> None:
        """Take in a reading, and tell everybody."""
        self.health.quarantined = {name: str(why) for name, why in self.device.quarantine.items()} if self.device else {}
        if tier is Tier.POWER:
            self.latest.frozen = self._freeze.look(reading, self._clock.monotonic())
        elif (capacity := reading.number("rated_capacity")) is not None:
            self.derivation.capacity_wh = capacity
        self.latest.take(reading, period_s)
        if self.latest.frozen:
            return  # what a frozen device repeats is no news
        self._publish(tier, reading)
        if tier is Tier.POWER:
            derived = self._derive(reading)
            self.latest.take(derived, period_s)
            self._publish(Tier.DERIVED, derived)
            if self._clock.monotonic() - self._saved_s >= SAVE_EVERY_S:
                await self._save_counters()

    def _derive(self, reading: Reading) -> Reading:
        powers = Powers(
            battery_w=reading.number("battery_power"),
            ac_w=ac_power(reading.number),
            pv_w=_first(reading, "pv_power_total", "total_dc_output_power"),
            grid_w=reading.number("meter_power"),
            soc_pct=reading.number("battery_soc"),
        )
        totals = {name: number for name in COUNTED.values() if (number := reading.number(name)) is not None}
        found = self.derivation.cycle(powers, totals, self._clock.monotonic(), alone=self._alone())
        odd = {name: Quality.NOT_AVAILABLE for name in _DERIVED.names if name not in found}
        return Reading(self.id, reading.family, reading.at, Row(_DERIVED, tuple(map(found.get, _DERIVED.names)), reading.at, odd))

    def _publish(self, tier: Tier, reading: Reading) -> None:
        named = Reading(self.id, reading.family, reading.at, reading.samples)
        self._bus.publish(Update(self.id, tier, named, next(self._numbers)))

    # ---- coming and going ----------------------------------------------------------------------------------------------------

    async def _lose(self, error: IndevoltError, failures: int) -> None:
        away = error.transient or isinstance(error, ProtocolError)
        self.error = error
        if self.link is Link.CONNECTING and away and failures < MISSED:
            return
        await self._set_link(Link.SILENT if away else Link.REFUSED, error)

    async def _set_link(self, link: Link, error: IndevoltError | None) -> None:
        self.error = error
        self.latest.offline = link is not Link.ONLINE
        if link is self.link:
            return
        was, since = self.link, self.link_since
        self.link, self.link_since = link, self._clock.now()
        if link is Link.ONLINE:
            away = "" if was is Link.CONNECTING else f" after {(self.link_since - since).total_seconds():.0f} s"
            text = f"answers{away}"
        else:
            text = f"{'does not answer' if link is Link.SILENT else 'refuses'}: {error}"
        self._bus.publish(LinkChanged(self.id, link.value, text, self.link_since))
        await self._journal.note(Kind.CONNECTION, text, device=self.id, link=link.value, remedy=error.remedy if error else "")

    def _pause_s(self, failures: int) -> float:
        if not failures:
            return 0.0
        return min(LONGEST_BACK_OFF_S, BACK_OFF_S * 2.0 ** min(failures - 1, 10)) * self._rng.uniform(0.8, 1.0)

    async def _restore_counters(self) -> None:
        now = self._clock.monotonic()
        with suppress(IndevoltError):  # the store says so itself
            if text := await self._store.get(f"counters:{self.id}"):
                self.derivation.counters.restore(text, now)
            last = (await self._store.last(self.id)).get(self.id, {})
            for name in (*COUNTED, *INTEGRATED):
                if name in last:
                    self.derivation.counters.go_on_from(name, float(last[name][1]), now)

    async def _save_counters(self) -> None:
        self._saved_s = self._clock.monotonic()
        try:
            await self._store.put(f"counters:{self.id}", self.derivation.counters.save())
        except IndevoltError as error:  # the store says so itself; counters go on in memory
            self.error = self.error or error


def _first(reading: Reading, *names: str) -> float | None:
    return next((number for name in names if (number := reading.number(name)) is not None), None)


def _plain(values: Mapping[str, Value | None]) -> dict[str, Any]:
    """Return values as JSON can carry them."""
    return {name: value if isinstance(value, bool | int | float | str | None) else str(value) for name, value in values.items()}
