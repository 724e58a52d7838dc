"""The hub poses as a meter: a simulated unit asks it over a socket, and its own loop follows the house through it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from steered_house import NAME, House, Steered

from indevolt.control.situation import Tier
from indevolt.hub.config import PoseConfig
from indevolt.hub.config_meters import HomeWizardMeter
from indevolt.hub.meters.meter import Meter, SignTest
from indevolt.hub.meters.told import Told
from indevolt.hub.pose import rests_without_meter, serve_pose
from indevolt.hub.steer.situation import tier_of
from indevolt.simulator import LIFELIKE, Surroundings
from indevolt.simulator.meter import Meter as SiteMeter

LOOKS_S = 2.0


class Posing:
    """A hub with a meter of its own that poses for its unit, and the unit that asks it every two seconds."""

    def __init__(self, house: House, steered: Steered, meter: Meter, port: int) -> None:
        self.house, self.steered, self.meter, self.port = house, steered, meter, port
        self.quiet = False  # the true meter tells nothing
        self.statuses = list[int]()

    @property
    def grid_w(self) -> float:
        return self.house.simulator.site.grid_w

    async def pass_time(self, seconds: int) -> None:
        for _ in range(seconds):
            await self.house.clock.advance(1)
            site = self.house.simulator.site
            site.advance()
            if not self.quiet:
                self.meter.take(
                    Told(site.grid_w, witness=(site.clock.monotonic(),)), self.house.clock.now(), site.clock.monotonic()
                )
            if site.clock.monotonic() % LOOKS_S < 0.5:
                await self._look()

    async def _look(self) -> None:
        """Do what a unit does: ask its meter, and go by the answer; without one, by the load curve."""
        status, body = await asyncio.wait_for(ask(self.port, "/rpc/EM.GetStatus?id=0"), 10)
        self.statuses.append(status)
        site = self.house.simulator.site
        site.meter.online = status == 200
        if status == 200:
            site.meter.grid_w, site.meter.fresh = float(json.loads(body)["total_act_power"]), True
            for member in site.members:
                member.sampled_w = member.unit.ac_w


async def ask(port: int, target: str) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


@asynccontextmanager
async def posing(
    folder: Path, *, proven: bool = True, load: Callable[[float], float] = lambda _: 700.0, **device: Any
) -> AsyncIterator[Posing]:
    house = House(folder, response=LIFELIKE)
    simulator, clock = house.simulator, house.clock
    begin = clock.now()

    def around(at: Any) -> Surroundings:
        net = load((at - begin).total_seconds())
        return Surroundings(max(0.0, net), (), 22.0, max(0.0, -net))

    simulator.house = around
    simulator.site.meter = SiteMeter(refresh_s=1e9)  # what it sees is what it is shown
    for name, value in device.items():
        simulator.set(name, value)
    async with house.hub() as steered:
        keeper = steered.keeper
        keeper.config = keeper.config.model_copy(update={"pose": PoseConfig(port=0)})
        meter = Meter(HomeWizardMeter(name="grid", kind="homewizard", host="127.0.0.1"))
        steered.hub.meters.add(meter)
        if proven:
            meter.sign = SignTest(True, clock.now(), "as a test says", meter.setting)
        task = asyncio.create_task(serve_pose(steered.hub))
        for _ in range(20):
            await asyncio.sleep(0)
        port = int(steered.hub.figures["pose"][NAME])
        try:
            yield Posing(house, steered, meter, port)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_unit_follows_the_house_through_the_meter_of_the_hub(tmp_path: Path) -> None:
    async with posing(tmp_path, load=lambda second: 700.0 if second < 100 else 1500.0) as it:
        await it.pass_time(60)
        assert abs(it.grid_w) < 40
        await it.pass_time(90)
        assert abs(it.grid_w) < 40
        assert it.house.orders == [], "nothing was written"
        assert set(it.statuses) == {200}


async def test_whoever_asks_is_seen_to_follow(tmp_path: Path) -> None:
    async with posing(tmp_path) as it:
        hub, units = it.steered.hub, (it.steered.unit,)
        assert tier_of(hub, units, hub.clock.monotonic()) is Tier.NATIVE
        await it.pass_time(10)
        assert tier_of(hub, units, hub.clock.monotonic()) is Tier.POSED
        await it.house.clock.advance(20)
        assert tier_of(hub, units, hub.clock.monotonic()) is Tier.NATIVE


async def test_a_meter_that_goes_quiet_is_posed_as_no_longer_and_the_unit_rests(tmp_path: Path) -> None:
    async with posing(tmp_path) as it:
        await it.pass_time(60)
        assert it.house.power_w > 500
        assert rests_without_meter(it.steered.keeper)
        it.quiet = True
        await it.pass_time(40)
        assert it.statuses[-1] == 503
        assert it.house.simulator.unit.ac_w <= 5


async def test_a_unit_with_a_load_curve_is_shown_what_brings_it_to_rest(tmp_path: Path) -> None:
    async with posing(tmp_path, load_curve_slot_21=400) as it:
        await it.pass_time(60)
        assert it.house.power_w > 500
        assert not rests_without_meter(it.steered.keeper)
        it.quiet = True
        await it.pass_time(60)
        assert it.statuses[-1] == 200
        assert it.house.simulator.unit.ac_w <= 30


async def test_a_meter_whose_sign_is_not_proven_is_not_passed_on(tmp_path: Path) -> None:
    async with posing(tmp_path, proven=False) as it:
        await it.pass_time(20)
        assert set(it.statuses) == {503}


async def test_the_reserve_of_the_owner_holds(tmp_path: Path) -> None:
    async with posing(tmp_path) as it:
        it.house.simulator.unit.soc_pct = 5.0
        await it.pass_time(60)
        assert it.house.simulator.unit.ac_w <= 5


async def test_posing_moves_the_battery_so_it_needs_the_owners_word(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.hub() as steered:
        keeper = steered.keeper
        keeper.config = keeper.config.model_copy(update={"pose": PoseConfig(port=0), "control": False})
        await serve_pose(steered.hub)
        assert steered.hub.posed == {}
        assert "poses as no meter: control is false for this device" in [entry.text for entry in await steered.entries("hub")]
