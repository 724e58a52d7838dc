"""A house whose units look at meters that a hub poses as, over real sockets; the true meter is a test's."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from indevolt.clock import ManualClock
from indevolt.hub.alerts import Alerts
from indevolt.hub.bus import Bus
from indevolt.hub.config import ApiConfig, Config, DeviceConfig, HubConfig, PollConfig, StoreConfig
from indevolt.hub.config_control import ControlConfig
from indevolt.hub.config_meters import HomeWizardMeter
from indevolt.hub.config_pose import PoseConfig, Way
from indevolt.hub.hub import Hub
from indevolt.hub.journal import Journal
from indevolt.hub.keeper import Keeper
from indevolt.hub.meters.meter import Meter, SignTest
from indevolt.hub.meters.told import Told
from indevolt.hub.pose.posing import Posing
from indevolt.hub.pose.sender import PERIOD_S
from indevolt.hub.pose.service import serve_pose
from indevolt.hub.steer.service import serve_steering
from indevolt.hub.tiers import tables_of
from indevolt.meter_link import MeterLink
from indevolt.simulator import Pace, Simulator, Site, Surroundings
from indevolt.simulator.meter import MeterPlace, Via
from indevolt.store import Entry
from indevolt.store.memory import MemoryStore
from wire_oracle import until
from wiretap import Wiretap

START: Final = datetime(2026, 6, 21, 10, 0, tzinfo=UTC)
NAMES: Final = ("cellar", "attic", "barn")
LOOKS_S: Final = 2
POSES: Final[dict[Way, dict[str, Any]]] = {
    Way.HTTP: {"transports": ("http",), "port": 0},
    Way.UDP: {"transports": ("udp",), "udp_port": 0},
    Way.PUSH: {"transports": ("push",)},
}


class Unit:
    """A unit with its view of a meter, and who reads it."""

    def __init__(self, simulator: Simulator, link: MeterLink, keeper: Keeper, wire: Wiretap) -> None:
        self.simulator, self.link, self.keeper, self.wire = simulator, link, keeper, wire
        self.looks = True

    @property
    def posing(self) -> Posing:
        assert self.keeper.posing is not None
        return self.keeper.posing

    @property
    def given_w(self) -> float:
        return self.simulator.unit.ac_w

    @property
    def shown_w(self) -> float:
        """What its meter shows it now."""
        meter = self.simulator.site.meter_of(self.simulator.unit)
        return meter.grid_w if meter.online else float("nan")

    @property
    def has_meter(self) -> bool:
        return self.simulator.site.meter_of(self.simulator.unit).online

    async def look_no_more(self) -> None:
        """From now on it goes by the meter of the house."""
        self.looks = False
        await self.link.__aexit__(None, None, None)

    async def has_heard(self, since_s: float, before: int) -> None:
        """Wait for the frames that were sent to it since then: a busy machine delivers them late, and the hub's time stands still.

        ``before`` is what it had seen by then.
        """
        if self.looks and self.link.via is Via.PUSH and self.keeper.posing is not None:
            frames = sum(at_s > since_s for at_s, _ in self.posing._sent)
            await until(lambda: self.link.seen >= before + frames)


class PosedHouse:
    """The house, its hub, and what is true."""

    def __init__(self, hub: Hub, meter: Meter, units: Sequence[Unit], posing: asyncio.Task[None]) -> None:
        self.hub, self.meter, self.units = hub, meter, units
        self.site = units[0].simulator.site
        assert isinstance(hub.clock, ManualClock)
        self.clock = hub.clock
        self.quiet = False  # the true meter tells nothing
        self._posing = posing

    @property
    def grid_w(self) -> float:
        return self.site.grid_w

    @property
    def unit(self) -> Unit:
        return self.units[0]

    async def pass_time(self, seconds: int) -> None:
        for _ in range(seconds):
            for _ in range(round(1 / PERIOD_S)):
                await self._advance(PERIOD_S)
            self.site.advance()
            now_s = self.clock.monotonic()
            if not self.quiet:
                self.meter.take(Told(self.site.grid_w, witness=(now_s,)), self.clock.now(), now_s)
            if round(now_s) % LOOKS_S == 0:
                for unit in self.units:
                    await self._look(unit)

    async def _advance(self, seconds: float) -> None:
        since_s, seen = self.clock.monotonic(), [unit.link.seen for unit in self.units]
        await self.clock.advance(seconds)
        for unit, before in zip(self.units, seen, strict=True):
            await unit.has_heard(since_s, before)

    async def _look(self, unit: Unit) -> None:
        if not unit.looks:
            return
        link, before = unit.link, unit.link.seen
        await link.look()
        if link.via is Via.UDP and not self.quiet and not self._posing.done() and self.meter.sign is not None:
            await until(lambda: link.seen > before)

    async def die(self) -> None:
        """End the hub's posing as a crash does: ports close, nothing more is sent."""
        self._posing.cancel()
        await asyncio.gather(self._posing, return_exceptions=True)

    async def entries(self, *kinds: str) -> list[Entry]:
        return await self.hub.store.entries(kinds=kinds, limit=10_000)

    @property
    def writes(self) -> list[Any]:
        return [write for unit in self.units for write in unit.wire.writes]


@asynccontextmanager
async def posed_house(
    folder: Path,
    *ways: Way,
    load: Callable[[float], float] = lambda _: 700.0,
    proven: bool = True,
    socs_pct: Sequence[float] = (60, 60, 60),
    settings: dict[str, Any] | None = None,
    control: bool = True,
    waits: bool = True,
    automatic: bool = False,
    output_limit_w: float | None = None,
    **pose: Any,
) -> AsyncIterator[PosedHouse]:
    """Run a hub that poses for a unit for each of the ways.

    ``load`` is the house's, of the seconds since the start; ``waits`` for each meter to be open; ``pose`` is what else is
    configured.
    """
    clock = ManualClock(START)

    def around(at: datetime) -> Surroundings:
        net = load((at - START).total_seconds())
        return Surroundings(max(0.0, net), (), 22.0, max(0.0, -net))

    site = Site(around, clock=clock, pace=Pace(1, 1_000_000))
    async with AsyncExitStack() as stack:
        simulators = [
            Simulator("powerflex2000", site=site, clock=clock, modules=2, soc_pct=soc_pct, seed=number)
            for number, soc_pct in zip(range(1, len(ways) + 1), socs_pct, strict=False)
        ]
        for simulator, (name, value) in itertools.product(simulators, (settings or {}).items()):
            simulator.set(name, value)
        links: dict[int, MeterLink] = {}
        devices = []
        for number, (way, simulator) in enumerate(zip(ways, simulators, strict=True)):
            config = {**POSES[way], **pose}
            if way is Way.PUSH:
                links[number] = await stack.enter_async_context(MeterLink(simulator, MeterPlace(Via.PUSH, "127.0.0.1", 0)))
                config["push_port"] = links[number].port
            devices.append(_device(number, PoseConfig.model_validate(config), control=control))
        rules = ControlConfig(leases=folder, automatic=automatic, output_limit_w=output_limit_w)
        hub = await _hub(folder, clock, tuple(devices), rules)
        wires = [Wiretap(simulator) for simulator in simulators]
        keepers = [_keeper(hub, device, wire) for device, wire in zip(devices, wires, strict=True)]
        meter = Meter(HomeWizardMeter(name="grid", kind="homewizard", host="127.0.0.1"))
        hub.meters.add(meter)
        if proven:
            meter.sign = SignTest(True, clock.now(), "as a test says", meter.setting)
        posing = asyncio.create_task(serve_pose(hub))
        steering = asyncio.create_task(serve_steering(hub))
        others = [asyncio.create_task(keeper.run()) for keeper in keepers]
        await until(lambda: not (control and waits) or all(keeper.posing is not None and keeper.posing.ports for keeper in keepers))
        for number, (way, simulator, keeper) in enumerate(zip(ways, simulators, keepers, strict=True)):
            if way is not Way.PUSH:
                port = keeper.posing.ports.get(way, 1) if keeper.posing else 1
                links[number] = await stack.enter_async_context(
                    MeterLink(simulator, MeterPlace(Via(way), "127.0.0.1", port), every_s=None)
                )
        site.settle(at_once=True)
        units = [
            Unit(*each) for each in zip(simulators, (links[number] for number in range(len(ways))), keepers, wires, strict=True)
        ]
        for unit in units:
            await unit.has_heard(-1.0, 0)
        try:
            yield PosedHouse(hub, meter, units, posing)
        finally:
            await _stop(clock, steering, posing, *others)


async def _stop(clock: ManualClock, steering: asyncio.Task[None], *others: asyncio.Task[None]) -> None:
    steering.cancel()
    for _ in range(60):
        if steering.done():
            break
        await clock.advance(1)  # what was before is put back in the device's own time
    for task in others:
        task.cancel()
    await asyncio.gather(steering, *others, return_exceptions=True)


def _device(number: int, pose: PoseConfig, *, control: bool) -> DeviceConfig:
    host = f"127.0.0.1:{8080 + number}"
    return DeviceConfig(name=NAMES[number], host=host, control=control, poll=PollConfig(power_s=5.0), pose=pose)


async def _hub(folder: Path, clock: ManualClock, devices: tuple[DeviceConfig, ...], rules: ControlConfig) -> Hub:
    config = Config(
        hub=HubConfig(name="home", data=folder),
        devices=devices,
        store=StoreConfig(kind="memory"),
        api=ApiConfig(port=0),
        control=rules,
    )
    bus, store = Bus(), MemoryStore(clock=clock)
    journal = Journal(store, bus, clock)
    await store.open(tables_of("gen2"))
    return Hub(config, clock, store, bus, journal, Alerts(bus, journal, clock), {}, clock.now())


def _keeper(hub: Hub, config: DeviceConfig, wire: Wiretap) -> Keeper:
    assert isinstance(hub.keepers, dict)
    keeper = Keeper(
        config,
        clock=hub.clock,
        bus=hub.bus,
        journal=hub.journal,
        store=hub.store,
        numbers=itertools.count(1),
        transport=wire,
        rng=random.Random(1),
    )
    hub.keepers[config.name] = keeper
    return keeper
