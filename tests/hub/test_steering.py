"""The hub steers one battery: overrides with an end, within what safety allows, and everything as before when they are over."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from steered_house import House

from indevolt.battery import Charge, Discharge, Hold, SelfUse, Stage
from indevolt.errors import BudgetSpent, ForeignWriter, InvalidInput, Unreachable
from indevolt.hub.api.steering import steering_body
from indevolt.hub.steer.records import Owner, Step


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def test_an_override_holds_until_its_end_and_then_what_was_before_is_back(house: House) -> None:
    async with house.hub() as it:
        outcome = await it.ask(Charge(800, 90), minutes=10)
        assert outcome.stage is Stage.EFFECTIVE
        assert (house.mode, house.power_w) == ("realtime", -800)
        assert it.owner is Owner.USER
        await house.clock.advance(9 * 60)
        assert house.mode == "realtime"
        await house.clock.advance(2 * 60)
        assert house.mode == "self_use"
        assert (it.owner, it.unit.lease) == (Owner.DEVICE, None)
        texts = await it.decisions()
    assert texts[0].startswith("api anna asked: charge with 800 W up to 90 % until ")
    assert texts[1].startswith("charge with 800 W up to 90 %, as api anna asked, until ")
    assert texts[2] == "charge with 800 W up to 90 % is over: its time has passed"
    assert texts[3] == "nothing is commanded any more; the device decides"


async def test_an_override_ends_when_its_charge_is_reached(house: House) -> None:
    async with house.hub() as it:
        await it.ask(Charge(2000, 62), minutes=600)
        await house.clock.advance(20 * 60)
        assert not it.overridden()
        assert house.mode == "self_use"
        assert "charge with 2000 W up to 62 % is over: the charge is at 62 %" in await it.decisions()


async def test_a_charge_that_is_there_already_is_refused(house: House) -> None:
    async with house.hub() as it:
        with pytest.raises(InvalidInput, match=r"the battery is at 59\.9 % already"):
            await it.ask(Charge(800, 50))
        assert house.wire.writes == []


async def test_a_new_override_replaces_the_old_one_and_undo_brings_it_back(house: House) -> None:
    async with house.hub() as it:
        await it.ask(Charge(800, 90))
        await it.ask(Hold(), minutes=5)
        await house.clock.advance(10)
        assert house.power_w == pytest.approx(0, abs=30)
        await it.unit.release(actor="api anna", undo=True)
        await house.clock.advance(30)
        assert house.power_w == -800
        await it.unit.release(actor="api anna", undo=True)
        await house.clock.advance(30)
    assert house.mode == "self_use"
    assert house.modes_written == [4, 1]  # in and out of real-time mode once


async def test_an_order_that_failed_is_not_what_undo_brings_back(house: House) -> None:
    async with house.hub() as it:
        await it.ask(Charge(800, 90))
        await it.ask(Charge(400, 90))
        house.simulator.set("mode", "schedule")  # somebody chose that in the app
        await house.clock.advance(60)
        with pytest.raises(ForeignWriter):
            await it.ask(Hold())
        assert it.unit.override is not None
        assert it.unit.override.command == Charge(400, 90)
        await it.unit.release(actor="api anna", undo=True)
        assert it.unit.override.command == Charge(800, 90)


async def test_who_asks_for_what_is_so_already_is_told_at_once(house: House) -> None:
    async with house.hub() as it:
        await it.ask(Charge(800, 90))
        orders = house.orders
        begun = house.clock.now()
        outcome = await it.ask(Charge(800, 90), actor="mqtt")
        assert outcome.stage is Stage.CONFIRMED
        assert "it was so already, so nothing was written" in outcome.notes
        assert house.clock.now() - begun < timedelta(minutes=1)  # and not when the order ends
        assert house.orders == orders


async def test_what_the_device_refused_is_taken_back_as_whoever_asked_was_told_so(house: House) -> None:
    async with house.hub() as it:
        await it.ask(Charge(400, 90))
        house.simulator.faults.add("refuse*1")
        outcome = await it.ask(Charge(800, 90))
        assert outcome.stage is Stage.REFUSED
        await house.clock.advance(600)
        assert it.unit.override is not None
        assert it.unit.override.command == Charge(400, 90)
        assert house.power_w == -400
        assert "charge with 800 W up to 90 % is over: the device refused it" in await it.decisions()


async def test_stored_energy_does_not_go_to_the_grid_unless_that_is_allowed(house: House) -> None:
    async with house.hub() as it:
        outcome = await it.ask(Discharge(1500, 20))
        await house.clock.advance(60)
        assert -20 <= house.number("meter_power") <= 60
        assert any("stored energy does not go to the grid here" in note for note in outcome.notes)
        assert "stored energy does not go to the grid here" in it.why


async def test_where_it_is_allowed_the_battery_gives_what_was_asked_for(house: House) -> None:
    async with house.hub(battery_to_grid=True) as it:
        await it.ask(Discharge(1500, 20))
        await house.clock.advance(30)
        assert house.power_w == 1500


async def test_the_reserve_of_the_owner_is_kept(house: House) -> None:
    async with house.hub(reserve_pct=57.0, battery_to_grid=True) as it:
        await it.ask(Discharge(2000, 5))
        await it.passing(it.until_released())
        assert 56.5 <= house.number("battery_soc") <= 57.5


async def test_self_use_for_a_while_leaves_the_schedule_of_the_app_as_it_was(house: House) -> None:
    house.simulator.set("mode", "schedule")
    async with house.hub() as it:
        await it.ask(SelfUse(), minutes=10)
        assert house.mode == "self_use"
        await house.clock.advance(11 * 60)
        assert house.mode == "schedule"


async def test_a_command_without_an_end_is_an_override_of_a_day(house: House) -> None:
    async with house.hub() as it:
        outcome = await it.passing(it.keeper.command(Charge(500, 90), actor="mqtt"))
        assert outcome.stage is Stage.EFFECTIVE
        assert it.until - house.clock.now() > timedelta(hours=23)
        outcome = await it.passing(it.keeper.command(SelfUse(), actor="mqtt"))
        assert outcome.stage is Stage.CONFIRMED
        assert not it.overridden()
        await house.clock.advance(60)
        assert house.mode == "self_use"
        assert house.files.load().snapshot is None
    assert house.modes_written == [4, 1]


async def test_a_mode_that_is_chosen_for_good_stays(house: House) -> None:
    async with house.hub() as it:
        await it.passing(it.keeper.write("mode", "schedule", actor="api anna"))
        await house.clock.advance(60)
    assert house.mode == "schedule"


async def test_a_setting_is_written_through_the_lease_and_stays(house: House) -> None:
    async with house.hub() as it:
        await it.ask(Charge(500, 90))
        outcome = await it.passing(it.keeper.write("backup_soc", 30, actor="api anna", reason="storm"))
        assert outcome.stage is Stage.CONFIRMED
        assert it.unit.lease is not None
        assert "backup_soc" in {budget.name for budget in it.unit.lease.budgets}
    assert house.simulator.get("backup_soc") == 30


@pytest.mark.parametrize(("name", "values"), [("mode", ("realtime",)), ("realtime_state", ("charge", 500, 90))])
async def test_nothing_that_moves_the_battery_is_written_without_an_end(
    house: House, name: str, values: tuple[str | int, ...]
) -> None:
    async with house.hub() as it:
        with pytest.raises(InvalidInput, match="part of a command"):
            await it.passing(it.keeper.write(name, *values, actor="mqtt"))
    assert house.wire.writes == []


async def test_an_override_waits_where_the_mode_was_changed_just_now(house: House) -> None:
    async with house.hub() as it:
        await it.ask(Charge(800, 90))
        await it.unit.release(actor="api anna")
        await house.clock.advance(30)
        assert house.mode == "self_use"
        assert await it.ask(Charge(800, 90)) is None
        assert str(it.trouble).startswith("mode was written 2 times")
        assert it.step is Step.ASKED
        await house.clock.advance(300)
        assert house.power_w == -800
        assert str(it.trouble) == "None"
    assert house.modes_written == [4, 1, 4, 1]


async def test_a_command_that_would_have_to_wait_is_refused(house: House) -> None:
    async with house.hub() as it:
        await it.ask(Charge(800, 90))
        await it.unit.release(actor="api anna")
        await house.clock.advance(30)
        with pytest.raises(BudgetSpent):
            await it.passing(it.keeper.command(Charge(800, 90), actor="mqtt"))
        assert not it.overridden()


async def test_a_device_that_does_not_answer_is_not_asked_for_anything(house: House) -> None:
    async with house.hub() as it:
        house.simulator.reboot(3600)
        await house.clock.advance(120)
        with pytest.raises(Unreachable, match="does not answer"):
            await it.ask(Charge(800, 90))
        assert not it.overridden()


async def test_what_is_decided_for_several_units_as_one_says_for_which_and_an_override_is_of_one(house: House) -> None:
    async with house.hub(automatic=True) as it:
        await house.clock.advance(30)
        body = steering_body(it.keeper)
        assert (body.owner, body.together) == (Owner.DEVICE, ["cellar"])
        await it.ask(Charge(800, 90), minutes=10)
        assert steering_body(it.keeper).together == []
    async with house.hub() as it:
        assert steering_body(it.keeper).together == [], "nothing is decided"
