"""The owner of one battery: it alone talks to the device, knows what is known of it and how old that is, and serves everybody else.

What is read when is in ``turns``, and shares of what is read more rarely are put together in ``rounds``. A device that is away is
looked for with patience, and one that comes back is asked who it is first, by its ``acquaintance``. What is known is in ``latest``,
what is worked out of it in ``books``.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from indevolt.battery import Command, Outcome, Reading, Value, in_words
from indevolt.catalogue import Model
from indevolt.clock import Clock
from indevolt.device import Device, connect
from indevolt.errors import IndevoltError, NoReply, ProtocolError, ReadOnly, Unreachable
from indevolt.hub.acquaintance import Acquaintance
from indevolt.hub.books import WIDEST_POWER_W, Books
from indevolt.hub.bus import Bus
from indevolt.hub.config import DeviceConfig
from indevolt.hub.derive import Derivation
from indevolt.hub.events import LinkChanged, Reread, Tier, Update
from indevolt.hub.freeze import FreezeWatch
from indevolt.hub.heard import Health, Heard
from indevolt.hub.journal import Journal, Kind
from indevolt.hub.journaled import journaled
from indevolt.hub.latest import Latest
from indevolt.hub.rounds import Rounds
from indevolt.hub.steer.passing import pass_on
from indevolt.hub.tiers import names_of, names_without, tables_of, tiers_of
from indevolt.hub.turns import Turn, Turns
from indevolt.protocol.messages import Data, GetData, Raw, Request, SysGetConfig
from indevolt.store import Store, Table
from indevolt.transport import HttpTransport, Paced, ReplyT, Transport, parse_address
from indevolt.transport.deadline import Deadline, Deadlines

if TYPE_CHECKING:
    from indevolt.hub.pose.posing import Posing
    from indevolt.hub.steer.unit import UnitSteering

DEADLINE_S: Final = 10.0  # for one exchange
CYCLE_DEADLINE_S: Final = 90.0  # for a cycle: above the search for a point that never answers, which takes half a minute
MISSED: Final = 3  # cycles that may bring nothing before the device counts as away
BACK_OFF_S: Final = 5.0  # the first pause before looking for it again ...
LONGEST_BACK_OFF_S: Final = 60.0  # ... and the longest
DOUBT_S: Final = (
    60.0  # after which a device that failed is asked who it is: a restart can be shorter than the patience of a reading
)
ONCE_S: Final = 86_400.0  # what is read at the start, as what changes it (a restart, an update) is a start as well


class Link(StrEnum):
    """How the connection to a device is."""

    CONNECTING = "connecting"  # never reached since the hub began
    ONLINE = "online"  # it brings readings; to say who it is, is not enough
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
        self._link_since_s = clock.monotonic()  # the same on the clock that nobody sets
        self.error: IndevoltError | None = None
        self.device: Device | None = None
        self.steering: UnitSteering | None = None  # the only one who writes, where the unit is steered
        self.posing: Posing | None = None  # the meter that the hub poses as for it
        self.latest = Latest(clock)
        self.health = Health(clock)
        self._acquaintance = Acquaintance(self.id, clock, journal, store)
        self._books = Books(self.id, clock, store)
        self._clock = clock
        self._bus = bus
        self._journal = journal
        self._numbers = iter(numbers)
        self._alone = alone
        self._heard = Heard(transport or self._http(), clock, self.health)
        self._rng = rng or random.Random(self.id)  # noqa: S311 - jitter is no secret; by name, so that devices differ and runs do not
        self._paced = Paced(self._heard, clock, rng=self._rng)
        self._freeze = FreezeWatch()
        self._periods = {
            Tier.POWER: config.poll.power_s,
            Tier.PACKS: config.poll.packs_s,
            Tier.SETTINGS: config.poll.settings_s,
            Tier.IDENTITY: ONCE_S,
        }
        self._flights: dict[tuple[str, ...], asyncio.Future[Reading]] = {}
        self._deadlines = Deadlines()
        self._met_s, self._failures_met = clock.monotonic(), 0  # when it was asked who it is, and how many requests had failed then
        self._lost = 0  # how often in a row it was lost, with no reading in between

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
    def serial(self) -> str:
        """Its serial number; empty while unknown."""
        return self._acquaintance.serial

    @property
    def firmware(self) -> str:
        """Its firmware as it spells it; empty while unknown."""
        return self._acquaintance.firmware

    @property
    def derivation(self) -> Derivation:
        """What is worked out of its readings."""
        return self._books.derivation

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
        if request.repeatable:
            return await self._paced.exchange(request)
        try:
            if self.steering is not None:
                return await pass_on(self.steering, self._clock, request, lambda: self._paced.exchange(request))
            return await self._paced.exchange(request)
        finally:
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
        return await self._journaled(what, lambda: device.write(name, *values), actor, reason)

    async def command(self, command: Command, *, actor: str, reason: str = "") -> Outcome:
        """Carry out a command and return what became of it; both are in the journal.

        Raises:
            ReadOnly: the owner did not allow writing to this device.
            IndevoltError: as for :meth:`Device.command`.
        """
        device = self._writable()
        if self.steering is not None:
            return await self.steering.command(command, actor=actor, reason=reason)
        return await self._journaled(in_words(command), lambda: device.command(command), actor, reason)

    async def learn(self, names: Iterable[str]) -> None:
        """Forget what was heard before a write, and read anew what it changed."""
        self._heard.forget()
        if changed := tuple(names):
            with suppress(IndevoltError):  # else the poll will bring what is set now
                await self._read_now(changed)
                self._bus.publish(Reread(self.id, frozenset(changed)))

    def _writable(self) -> Device:
        if not self.config.control:
            raise ReadOnly(f"{self.id} is read-only here")
        if self.device is None:
            raise Unreachable(
                f"{self.id} has not been reached yet", remedy="Wait until it answers; the journal says what is wrong."
            )
        return self.device

    async def _journaled(self, what: str, work: Callable[[], Awaitable[Outcome]], actor: str, reason: str) -> Outcome:
        async def done() -> Outcome:
            outcome = await work()
            await self.learn(outcome.shown)
            return outcome

        return await journaled(self._journal, self.id, what, done, actor=actor, reason=reason)

    # ---- the service ---------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the device until cancelled."""
        await self._books.restore()
        restoring = asyncio.create_task(self._books.keep_restoring())  # ends at once, but where the store was away
        try:
            while True:
                async with AsyncExitStack() as stack:
                    try:
                        await self._open(stack)
                        await self._poll()
                    except IndevoltError as error:
                        await self._lose(error)
                    except TimeoutError:
                        await self._lose(NoReply(f"a cycle took more than {CYCLE_DEADLINE_S:g} s"))
                await self._clock.sleep(self._pause_s())
        finally:
            restoring.cancel()
            self._deadlines.close()
            await self._save_books()
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
        former, self.device, firmware = self.device, device, self.firmware
        if await self._acquaintance.greet(device, self.title):
            self.derivation.another_device()
            self._heard.forget()
            self.latest.forget()
            self._freeze = FreezeWatch()
        elif former is not None and former.family == device.family and firmware == self.firmware:
            device.go_on_from(former)
        self._met_s, self._failures_met = self._clock.monotonic(), self.health.failures
        product = device.product
        most = max((*product.charge_w, *product.discharge_w)) if product else WIDEST_POWER_W
        self.derivation.max_power_w = 3.0 * most  # PV and bypass socket count as well, and a cluster's master counts for all

    async def _poll(self) -> None:
        """Read turn by turn until the device is lost, or is not the one it was."""
        assert self.device is not None  # noqa: S101 - opened just before
        device, loop = self.device, asyncio.get_running_loop()
        rounds = Rounds(device.model, self.latest)
        turns = self._turns(device, rounds)
        missed = 0
        while True:
            now_s = self._clock.monotonic()
            await self._clock.sleep(turns.due_s(now_s) - now_s)
            began_s = self._clock.monotonic()
            turn = turns.next(began_s)
            try:
                with Deadline(self._deadlines, loop.time() + CYCLE_DEADLINE_S):
                    if missed and not await self._recognizes(device):
                        return
                    readings = await device.read_together(*turn.groups)
                    if turn.power:
                        _require_values(readings[0])
                    if missed:
                        self.health.blips += 1
                    if self.link is not Link.ONLINE or self.error is not None:
                        missed = self._lost = 0
                        await self._set_link(Link.ONLINE, None)
                    await self._take(turn, readings, rounds)
                    turns.done(turn, began_s)
                    turns.most = device.max_points
                    if turn.power and (overdue := self._overdue(device)):
                        await self._read_now(overdue)
                    if self._is_in_doubt() and not await self._recognizes(device):
                        return
            except IndevoltError as error:
                missed += 1
                if self.link is not Link.ONLINE or missed >= MISSED or not (error.transient or isinstance(error, ProtocolError)):
                    raise
                self.error = error
                turns.put_off(self._clock.monotonic() + BACK_OFF_S * self._rng.uniform(0.5, 1.0))

    def _turns(self, device: Device, rounds: Rounds) -> Turns:
        return Turns(
            names_of(device.family)[Tier.POWER],
            lambda tier: names_without(device.family, tier, rounds.missing_parts),
            self._periods,
            most=device.max_points,
            now_s=self._clock.monotonic(),
            rng=self._rng,
        )

    def _overdue(self, device: Device) -> tuple[str, ...]:
        """Return what has been in quarantine long enough, and would have no turn before tomorrow."""
        quarantine = device.quarantine
        if not quarantine:
            return ()
        now_s, tiers = self._clock.monotonic(), tiers_of(device.family)
        return tuple(name for name, why in quarantine.items() if why.due <= now_s and tiers.get(name) is Tier.IDENTITY)

    def _is_in_doubt(self) -> bool:
        """Whether it is time to ask who it is: now and then, and sooner when a request has failed."""
        patience_s = DOUBT_S if self.health.failures > self._failures_met else self.config.poll.settings_s
        return self._clock.monotonic() - self._met_s >= patience_s

    async def _recognizes(self, device: Device) -> bool:
        """Ask the device who it is; False if it has to be opened anew."""
        system = await device.exchange(SysGetConfig())
        self._met_s, self._failures_met = self._clock.monotonic(), self.health.failures
        return self._acquaintance.recognizes(system)

    # ---- taking in -----------------------------------------------------------------------------------------------------------

    async def _read_now(self, names: tuple[str, ...]) -> Reading:
        if self.device is None:
            raise Unreachable(f"{self.id} has not been reached yet")
        reading = await self.device.read(*names)
        tiers, periods = tiers_of(self.device.family), self._periods
        for tier in {tiers[name] for name in reading}:
            its = {name: sample for name, sample in reading.items() if tiers[name] is tier}
            self.latest.take(replace(reading, samples=its), periods[tier])
        return reading

    async def _take(self, turn: Turn, readings: Sequence[Reading], rounds: Rounds) -> None:
        """Take in what a turn has brought, and tell everybody."""
        self.health.quarantined = {name: str(why) for name, why in self.device.quarantine.items()} if self.device else {}
        periods, whole = self._periods, None
        if turn.power:
            self.latest.frozen = self._freeze.look(readings[0], self._clock.monotonic())
            self.latest.take(readings[0], periods[Tier.POWER])
        if turn.tier is not None:
            self.latest.take(readings[-1], periods[turn.tier])
            if (capacity := readings[-1].number("rated_capacity")) is not None:
                self.derivation.capacity_wh = capacity
            whole = rounds.add(turn.tier, readings[-1], ends=turn.ends)
        if self.latest.frozen:
            return  # what a frozen device repeats is no news
        if turn.power:
            self._publish(Tier.POWER, readings[0])
            derived = self._books.work_out(readings[0], alone=self._alone())
            self.latest.take(derived, periods[Tier.POWER])
            self._publish(Tier.DERIVED, derived)
            if self._books.is_due:
                await self._save_books()
        if turn.tier is not None and whole is not None:
            self._publish(turn.tier, whole)

    def _publish(self, tier: Tier, reading: Reading) -> None:
        named = Reading(self.id, reading.family, reading.at, reading.samples)
        self._bus.publish(Update(self.id, tier, named, next(self._numbers)))

    # ---- coming and going ----------------------------------------------------------------------------------------------------

    async def _lose(self, error: IndevoltError) -> None:
        self._lost += 1
        away = error.transient or isinstance(error, ProtocolError)
        self.error = error
        if self.link is Link.CONNECTING and away and self._lost < MISSED:
            return
        await self._set_link(Link.SILENT if away else Link.REFUSED, error)

    async def _set_link(self, link: Link, error: IndevoltError | None) -> None:
        self.error = error
        self.latest.offline = link is not Link.ONLINE
        if link is self.link:
            return
        was, since_s = self.link, self._link_since_s
        self.link, self.link_since, self._link_since_s = link, self._clock.now(), self._clock.monotonic()
        if link is Link.ONLINE:
            away = "" if was is Link.CONNECTING else f" after {self._link_since_s - since_s:.0f} s"
            text = f"answers{away}"
        else:
            text = f"{'does not answer' if link is Link.SILENT else 'refuses'}: {error}"
        self._bus.publish(LinkChanged(self.id, link.value, text, self.link_since))
        await self._journal.note(Kind.CONNECTION, text, device=self.id, link=link.value, remedy=error.remedy if error else "")

    def _pause_s(self) -> float:
        if not self._lost:
            return 0.0
        return min(LONGEST_BACK_OFF_S, BACK_OFF_S * 2.0 ** min(self._lost - 1, 10)) * self._rng.uniform(0.8, 1.0)

    async def _save_books(self) -> None:
        with suppress(IndevoltError):  # the store says so itself, and the device is not to blame; counters go on in memory
            await self._books.save()


def _require_values(reading: Reading) -> None:
    """Refuse a reading without any value: what is known grows old then, and is not told to be absent."""
    if len(reading.odd()) == len(reading):
        raise ProtocolError("no value of those asked for came back")
