"""Whatever goes wrong while the hub steers ends in a state that is named, journaled and safe, and it recovers."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from steered_house import MODE, REALTIME, House

from indevolt.battery import Charge, Discharge, Hold
from indevolt.errors import Conflict, ForeignWriter, LeaseHeld, Refused, Unreachable
from indevolt.hub.steer.records import Owner
from indevolt.protocol.messages import SetData
from wire_oracle import PATIENCE_S


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def test_of_two_hubs_on_one_battery_the_second_waits_and_names_the_first(house: House) -> None:
    async with house.hub("upstairs") as first:
        await first.ask(Charge(800, 90))
        async with house.hub("downstairs") as second:
            with pytest.raises(LeaseHeld, match=r"is held by hub upstairs \(process \d+ on "):
                await second.ask(Hold())
            assert not second.overridden()
            assert house.power_w == -800
            assert any("cannot steer: " in text and "hub upstairs" in text for text in await second.decisions())
            await first.unit.release(actor="api anna")
            await house.clock.advance(360)
            await second.ask(Hold())
            assert house.mode == "realtime"
    assert house.mode == "self_use"
    assert house.modes_written == [4, 1, 4, 1]


async def test_a_mode_that_is_chosen_in_the_app_is_respected_for_fifteen_minutes(house: House) -> None:
    async with house.hub() as it:
        await it.ask(Charge(800, 90), minutes=60)
        house.simulator.set("mode", "schedule")
        await house.clock.advance(60)
        assert it.owner is Owner.FOREIGN
        assert house.mode == "schedule"
        assert any(text.startswith("somebody else wrote: mode is schedule; left alone until ") for text in await it.decisions())
        with pytest.raises(ForeignWriter, match="mode is schedule"):
            await it.ask(Charge(500, 90))
        await house.clock.advance(900)
        assert (it.owner, house.mode) == (Owner.USER, "realtime")
        await it.unit.release(actor="api anna")
        await house.clock.advance(30)
    assert house.mode == "schedule"  # what was chosen last is what comes back


async def test_a_device_that_restarts_is_commanded_again(house: House) -> None:
    async with house.hub() as it:
        await it.ask(Charge(800, 90), minutes=120)
        house.simulator.set("realtime_state", "standby")
        house.simulator.reboot(20)
        await house.clock.advance(240)
        assert house.power_w == -800
        assert it.owner is Owner.USER
        assert any("restarted" in text for text in await it.decisions())


async def test_a_lost_link_leaves_the_battery_within_its_fence_and_control_resumes(house: House) -> None:
    async with house.hub(battery_to_grid=True) as it:
        await it.ask(Discharge(2000, 10), minutes=600)
        began = house.number("battery_soc")
        house.simulator.faults.add("silent")
        await house.clock.advance(1200)
        assert began - house.number("battery_soc") <= 5.5
        assert house.power_w < 100
        house.simulator.faults.clear()
        await house.clock.advance(300)
        assert house.power_w == 2000
        assert it.overridden()


async def test_an_override_whose_end_passes_while_the_link_is_lost_is_put_back_when_it_is_there(house: House) -> None:
    async with house.hub() as it:
        await it.ask(Charge(800, 90), minutes=10)
        house.simulator.reboot(900)
        await house.clock.advance(700)
        assert not it.overridden()
        assert house.mode == "realtime"
        await house.clock.advance(300)
        assert house.mode == "self_use"
        assert it.unit.lease is None


@pytest.mark.parametrize("jump_s", [-7200, 1800 - 60])
async def test_a_clock_that_jumps_makes_an_override_no_longer_than_it_was(house: House, jump_s: float) -> None:
    async with house.hub() as it:
        await it.ask(Charge(200, 90), minutes=30)
        house.clock.jump(jump_s)
        await house.clock.advance(29 * 60 if jump_s < 0 else 30)
        assert it.overridden()
        await house.clock.advance(120)
        assert not it.overridden()
        assert house.mode == "self_use"
        assert any(f"the clock jumped by {jump_s:+.0f} s" in text for text in await it.decisions())


async def test_whoever_waits_is_told_when_the_unit_is_steered_no_more(house: House) -> None:
    async with house.hub() as it:
        house.simulator.faults.add("silent")
        until = house.clock.now() + timedelta(minutes=30)
        asking = asyncio.create_task(it.unit.ask(Charge(800, 90), until, actor="api anna"))
        writing = [asyncio.create_task(it.unit.write(name, 20, actor="api anna")) for name in ("backup_soc", "feed_in_power_limit")]
        await house.clock.advance(1)
    _, late = await asyncio.wait((asking, *writing), timeout=PATIENCE_S)
    assert not late
    _, outcome = asking.result()
    assert outcome is None
    assert [str(task.exception()) for task in writing] == [
        "cellar is steered no more, and nobody knows whether backup_soc was written",
        "cellar is steered no more",
    ]
    house.simulator.faults.clear()
    async with house.hub() as it:
        assert it.overridden()  # as its end has not come


async def test_undo_does_not_lengthen_an_override_where_the_clock_was_set_back(house: House) -> None:
    async with house.hub() as it:
        await it.ask(Charge(200, 90), minutes=30)
        await it.ask(Hold(), minutes=5)
        house.clock.jump(-7200)
        await it.unit.release(actor="api anna", undo=True)
        assert it.overridden()
        await house.clock.advance(31 * 60)
        assert not it.overridden()


async def test_an_override_over_the_change_to_summer_time_lasts_as_long_as_asked(tmp_path: Path) -> None:
    before = datetime(2026, 3, 29, 0, 50, tzinfo=UTC)  # 01:50 in Berlin, where 02:00 becomes 03:00
    house = House(tmp_path, start=before)
    async with house.hub() as it:
        until = datetime(2026, 3, 29, 3, 10, tzinfo=ZoneInfo("Europe/Berlin"))
        _, outcome = await it.passing(it.unit.ask(Charge(800, 90), until, actor="api anna"))
        assert outcome is not None
        await house.clock.advance(18 * 60)
        assert it.overridden()
        await house.clock.advance(3 * 60)
        assert not it.overridden()
        assert house.clock.now() < before + timedelta(minutes=25)


async def test_an_override_goes_on_after_a_restart_of_the_hub_and_not_beyond_its_end(house: House) -> None:
    async with house.hub() as it:
        await it.ask(Charge(800, 90), minutes=15)
    assert house.mode == "self_use"  # nothing is left while nobody steers
    async with house.hub() as it:
        assert it.overridden()
        await house.clock.advance(360)
        assert house.power_w == -800
        assert any(text.startswith("goes on after a restart: charge with 800 W") for text in await it.decisions())
    await house.clock.advance(900)
    async with house.hub() as it:
        assert not it.overridden()
        await house.clock.advance(60)
    assert house.mode == "self_use"


async def test_what_a_killed_hub_left_is_put_back_at_the_next_start(house: House) -> None:
    """A hub that is cancelled while its device is away leaves the same behind as one that is killed."""
    async with house.hub() as it:
        await it.ask(Charge(800, 90), minutes=10)
        house.simulator.faults.add("silent")
    house.simulator.faults.clear()
    assert house.mode == "realtime"
    assert house.files.load().snapshot is not None
    await house.clock.advance(900)
    async with house.hub() as it:
        await house.clock.advance(30)
        assert house.mode == "self_use"
        assert not it.overridden()
        texts = [entry.text for entry in await it.entries("write")]
    assert texts[-1] == "back as before: mode is self_use"


async def test_a_pause_stops_what_decides_by_itself_and_nobody_else(house: House) -> None:
    async with house.hub() as it:
        await it.ask(Charge(800, 90))
        until = house.clock.now() + timedelta(minutes=10)
        await it.hub.pause.set(it.hub, until, actor="api anna")
        await house.clock.advance(30)
        assert house.power_w == -800
        assert it.unit.paused_until == until
        await house.clock.advance(600)
        assert str(it.unit.paused_until) == "None"
    assert any(text.startswith("automation pauses until ") for text in await it.decisions())


async def test_two_orders_at_once_end_with_the_last(house: House) -> None:
    async with house.hub() as it:
        until = house.clock.now() + timedelta(minutes=30)
        first = asyncio.create_task(it.unit.ask(Charge(800, 90), until, actor="api anna"))
        await asyncio.sleep(0)
        await it.passing(it.unit.ask(Charge(400, 90), until, actor="api bert"))
        with pytest.raises(Refused, match="api bert asked for something else in between"):
            await first
        await house.clock.advance(30)
        assert house.power_w == -400


async def test_an_order_that_is_taken_back_before_it_is_carried_out_says_so(house: House) -> None:
    async with house.hub() as it:
        order = asyncio.create_task(it.unit.command(Charge(800, 90), actor="api anna"))
        await asyncio.sleep(0)
        await it.passing(it.unit.release(actor="api bert"))
        with pytest.raises(Refused, match="ended before it was carried out") as caught:
            await order
        assert caught.value.remedy == "The journal says by whom; ask again."
        assert not it.overridden()


async def test_a_setting_asked_for_as_the_device_falls_silent_is_not_written_once_it_is_back(house: House) -> None:
    async with house.hub() as it:
        house.simulator.faults.add("silent")
        await house.clock.advance(120)
        assert it.keeper.link.value == "silent"
        waiting = it.unit._chores.add("led", (True,), actor="api anna", reason="")  # which ``write`` refuses from now on
        await house.clock.advance(10)
        with pytest.raises(Unreachable, match="does not answer"):
            await waiting
        house.simulator.faults.clear()
        await house.clock.advance(120)
        assert it.keeper.link.value == "online"
        assert house.wire.writes == []


async def test_a_program_behind_the_gateway_is_given_way_to_at_once(house: House) -> None:
    async with house.hub() as it:
        await it.ask(Charge(800, 90))
        write = Discharge(300, 50)
        assert it.keeper.device is not None
        await it.passing(it.keeper.exchange(SetData(REALTIME, (2, write.power_w, write.soc_pct))))
        assert it.owner is Owner.FOREIGN
        await house.clock.advance(60)
        assert house.power_w == 300
        assert any("somebody else wrote: realtime_state is discharge" in text for text in await it.decisions())
        await house.clock.advance(900)
        assert house.power_w == -800
    assert house.mode == "self_use"


async def test_a_program_behind_the_gateway_does_not_write_past_another_that_holds_the_lease(house: House) -> None:
    async with house.hub() as it:
        house.files.folder.mkdir(exist_ok=True)
        script = house.files
        script.acquire(house.clock.now())
        with pytest.raises(Conflict, match="is held by"):
            await it.passing(it.keeper.exchange(SetData(MODE, (4,))))
        assert house.wire.writes == []
        script.release()
        await it.passing(it.keeper.exchange(SetData(MODE, (5,))))
    assert house.mode == "schedule"
