"""Each trouble that a hub may meet while it steers: how it is named, what the journal says, in which safe state it ends, and back.

One test for each, in that order of asserts. The battery follows the house by real-time orders and a meter of the hub's own here,
the hardest way (control.md, section 1.1, tier 3); the device, its wire and its lease are the real ones. What is finer in those that
concern overrides is in ``test_steering_trouble``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from metered_house import AT_REST_W, LOAD_W, Metered, metered
from steered_house import NAME, House

from indevolt.battery import Charge, Discharge
from indevolt.control.situation import Action, PlanSlot
from indevolt.errors import ForeignWriter, LeaseHeld
from indevolt.hub.api.steering import steering_body
from indevolt.hub.meters.meter import MeterState
from indevolt.hub.meters.service import keep_sign
from indevolt.hub.steer.records import Owner


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[Metered]:
    async with metered(tmp_path) as it:
        assert await it.follows_the_house()
        yield it


async def test_a_meter_that_falls_silent(it: Metered) -> None:
    it.silent = True
    await it.house.clock.advance(40)
    assert it.state() is MeterState.STALE
    assert "the meter has shown nothing new for" in it.reasons
    assert any(text.startswith("meter grid is stale") for text in await it.texts("connection"))
    assert any("the meter has shown nothing new for" in text for text in await it.texts("decision"))
    assert it.house.power_w < AT_REST_W
    it.silent = False
    assert await it.follows_the_house()
    assert it.state() is MeterState.LIVE
    assert (await it.texts("connection"))[-1] == "meter grid is live"


async def test_a_meter_that_freezes(it: Metered) -> None:
    it.frozen = True
    await it.house.clock.advance(60)
    assert it.state() is MeterState.FROZEN
    assert "the meter has shown nothing new for" in it.reasons
    assert any(text.startswith("meter grid is frozen: every number has stood still") for text in await it.texts("connection"))
    assert it.house.power_w < AT_REST_W
    it.frozen = False
    assert await it.follows_the_house()
    assert (await it.texts("connection"))[-1] == "meter grid is live"


async def test_a_meter_whose_sign_is_turned(tmp_path: Path) -> None:
    async with metered(tmp_path, proven=False) as it:
        await it.house.clock.advance(120)
        assert "the sign of the meter is not proven" in it.reasons
        assert it.house.power_w < AT_REST_W
        await keep_sign(it.steered.hub, it.meter, passed=False, evidence="300 W of charge were seen as export")
        await it.house.clock.advance(60)
        assert "the sign of the meter is not proven" in it.reasons
        assert "sign of the meter grid: wrong; 300 W of charge were seen as export" in await it.texts("connection")
        assert it.house.power_w < AT_REST_W
        await keep_sign(it.steered.hub, it.meter, passed=True, evidence="300 W of charge were seen as import")
        assert await it.follows_the_house()


async def test_a_device_that_restarts(it: Metered) -> None:
    it.house.simulator.set("realtime_state", "standby")
    it.house.simulator.reboot(20)
    await it.house.clock.advance(130)
    texts = await it.texts("decision", "connection")
    assert any("restarted" in text for text in texts)
    assert it.house.simulator.get("realtime_target_soc") == pytest.approx(it.house.number("battery_soc") - 5, abs=2), "the fence"
    assert await it.follows_the_house()


@pytest.mark.parametrize("jump_s", [-7200, 7200])
async def test_a_clock_that_jumps(it: Metered, jump_s: float) -> None:
    slot = PlanSlot(
        it.house.clock.now() - timedelta(days=1), it.house.clock.now() + timedelta(days=1), Action.CHARGE, 500.0, "cheap"
    )
    it.steered.hub.plans.append(lambda _: slot)
    await it.house.clock.advance(330)
    assert it.house.power_w == -500
    it.house.clock.jump(jump_s)
    await it.house.clock.advance(60)
    assert it.told.owner is not Owner.PLAN
    assert any(f"the clock jumped by {jump_s:+.0f} s; plans wait 120 s" in text for text in await it.texts("decision"))
    assert it.house.power_w > -AT_REST_W, "nothing is charged for a price of another time"
    await it.house.clock.advance(180)
    assert (it.told.owner, it.house.power_w) == (Owner.PLAN, -500)


async def test_the_change_to_summer_time(tmp_path: Path) -> None:
    house = House(tmp_path, start=datetime(2026, 3, 29, 0, 50, tzinfo=UTC))  # 01:50 in Berlin, where 02:00 becomes 03:00
    zone = ZoneInfo("Europe/Berlin")
    end = datetime(2026, 3, 29, 3, 10, tzinfo=zone)
    slot = PlanSlot(datetime(2026, 3, 29, 1, 45, tzinfo=zone), end, Action.CHARGE, 500.0, "cheap")
    async with house.hub(automatic=True) as steered:
        steered.hub.plans.append(lambda at: slot if slot.start <= at < slot.end else None)
        await house.clock.advance(60)
        told = steering_body(steered.keeper)
        assert told.why == "the plan until 03:10 CEST: cheap"
        assert (await steered.decisions())[-1] == "the plan until 03:10 CEST: cheap"
        await house.clock.advance(17 * 60)
        assert house.power_w == -500, "20 minutes are 20 minutes"
        assert not any("jumped" in text for text in await steered.decisions())
        await house.clock.advance(4 * 60)
        assert steering_body(steered.keeper).owner is Owner.DEVICE
        assert house.mode == "self_use"


async def test_a_gap_in_the_prices(it: Metered) -> None:
    """Where no price is known there is no slot, and the house is covered as without a plan."""
    start = it.house.clock.now()
    gap = start + timedelta(minutes=10), start + timedelta(minutes=20)
    slot = PlanSlot(start, start + timedelta(hours=2), Action.CHARGE, 500.0, "cheap")
    it.steered.hub.plans.append(lambda at: None if gap[0] <= at < gap[1] else slot)
    await it.house.clock.advance(330)
    assert (it.told.owner, it.house.power_w) == (Owner.PLAN, -500)
    await it.house.clock.advance(10 * 60)
    assert it.told.owner is Owner.SELF_USE
    assert it.told.why.startswith("the house takes ")
    assert any(text.startswith("the house takes ") for text in (await it.texts("decision"))[-3:])
    assert it.house.power_w == pytest.approx(LOAD_W, abs=80)
    await it.house.clock.advance(6 * 60)
    assert (it.told.owner, it.house.power_w) == (Owner.PLAN, -500)


async def test_two_hubs_on_one_battery(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.hub("upstairs") as first:
        await first.ask(Charge(800, 90))
        async with house.hub("downstairs") as second:
            with pytest.raises(LeaseHeld, match="is held by hub upstairs"):
                await second.ask(Discharge(400, 20))
            assert any("cannot steer: " in text and "hub upstairs" in text for text in await second.decisions())
            assert house.power_w == -800, "the first goes on undisturbed"
            await first.unit.release(actor="api anna")
            await house.clock.advance(360)
            await second.ask(Discharge(400, 20))
            assert house.power_w == 400
    assert house.mode == "self_use"


async def test_somebody_who_changes_the_mode_in_the_app(it: Metered) -> None:
    it.house.simulator.set("mode", "schedule")
    await it.house.clock.advance(60)
    assert it.told.owner is Owner.FOREIGN
    assert it.told.foreign is not None
    assert it.told.foreign.what == "mode is schedule"
    assert any(text.startswith("somebody else wrote: mode is schedule; left alone until ") for text in await it.texts("decision"))
    assert it.house.mode == "schedule", "what he chose is left alone"
    with pytest.raises(ForeignWriter):
        await it.steered.ask(Charge(500, 90))
    await it.house.clock.advance(900)
    assert await it.follows_the_house()
    assert it.steered.hub.keepers[NAME].steering is not None
    await it.steered.hub.pause.set(it.steered.hub, it.house.clock.now() + timedelta(hours=1), actor="api anna")
    await it.house.clock.advance(60)
    assert it.house.mode == "schedule", "and found again when nobody commands any more"
