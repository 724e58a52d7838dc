"""How many points a device is asked for at once: fewer where it proves to take fewer, and no fewer for a bad moment."""

from __future__ import annotations

import indevolt
from indevolt.battery import Quality
from indevolt.clock import ManualClock
from indevolt.device.batches import RETRY_S
from indevolt.simulator import Simulator
from wiretap import Wiretap


async def test_a_device_that_takes_fewer_points_is_asked_for_fewer_then(
    wire: Wiretap, simulator: Simulator, clock: ManualClock
) -> None:
    simulator.max_points = 20
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        reading = await battery.read()
        assert {sample.quality for sample in reading.values()} <= {Quality.LIVE, Quality.NOT_INSTALLED, Quality.NOT_AVAILABLE}
        assert battery.quarantine == {}
        wire.requests.clear()
        await battery.read()
        assert max(map(len, wire.reads)) <= 20


async def test_a_device_that_takes_more_points_again_is_asked_for_more_after_a_while(
    wire: Wiretap, simulator: Simulator, clock: ManualClock
) -> None:
    simulator.max_points = 20
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        await battery.read()
        assert battery.max_points <= 20
        simulator.max_points = 50
        await clock.advance(RETRY_S)
        wire.requests.clear()
        await battery.read()
        assert max(map(len, wire.reads)) > 20
        assert battery.max_points == 50


async def test_single_refusals_over_the_days_do_not_make_requests_ever_smaller(
    wire: Wiretap, simulator: Simulator, clock: ManualClock
) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        for _ in range(8):
            simulator.faults.add("status:400*1")
            reading = await battery.read("battery_soc", "battery_power", "mode", "meter_power")
            assert {sample.quality for sample in reading.values()} == {Quality.LIVE}
        assert battery.max_points == 50
        assert battery.quarantine == {}
