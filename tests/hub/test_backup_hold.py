"""Everything is kept for an outage until a time: asked for by a person, told, never longer than asked, over a restart as well."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from steered_house import START, House, Steered

from indevolt.battery import Charge, Discharge, SelfUse
from indevolt.control.situation import Action, PlanSlot
from indevolt.errors import InvalidInput, ReadOnly, Refused
from indevolt.hub.events import Steered as SteeredEvent
from indevolt.hub.steer.backup import LONGEST
from indevolt.hub.steer.records import Owner
from indevolt.simulator import Surroundings, steady_house

DEAR = PlanSlot(START, START + timedelta(days=1), Action.DISCHARGE, 500.0, "sells for 90.0 ct what is worth 20.0 ct in the battery")
KEPT = "everything is kept for an outage until 2026-06-21 14:00 CEST"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def gives_nothing(house: House) -> bool:
    return abs(house.power_w) <= 50  # what it takes for itself


async def keep(it: Steered, hours: float = 2, charge_pct: float | None = None) -> None:
    """Ask for it from the start of the house's time on."""
    until = START + timedelta(hours=hours)
    await it.hub.backup.ask(it.hub, until, actor="api anna", charge_pct=charge_pct, reason="a storm")
    await it.clock.advance(60)


async def test_nothing_is_given_until_it_ends_and_then_the_device_decides_again(house: House) -> None:
    async with house.hub() as it:
        assert house.power_w > 600  # by its own loop, for the 700 W of the house
        await keep(it)
        assert (it.owner, it.why) == (Owner.USER, KEPT)
        assert gives_nothing(house)
        await it.clock.advance(3600)
        assert gives_nothing(house)
        await it.clock.advance(3600)
        assert (house.mode, it.hub.backup.current(it.hub)) == ("self_use", None)
        assert house.power_w > 600
        told = await it.entries("decision")
        assert [(entry.actor, entry.text) for entry in told if "asked" in entry.text or "is over" in entry.text] == [
            ("api anna", f"api anna asked: {KEPT}"),
            ("hub", "the backup hold is over: its time has passed"),
        ]
        assert next(entry.data["reason"] for entry in told if "asked" in entry.text) == "a storm"


async def test_the_surplus_of_the_sun_is_stored_meanwhile(tmp_path: Path) -> None:
    house = House(tmp_path, house=steady_house(Surroundings(200, (1200,))), soc_pct=40)
    async with house.hub() as it:
        await keep(it)
        await it.clock.advance(300)
        assert -1100 < house.power_w < -700
        assert it.why == KEPT


async def test_it_charges_first_where_that_is_wanted_and_keeps_what_is_there_then(house: House) -> None:
    async with house.hub() as it:
        await keep(it, charge_pct=70)
        assert house.power_w <= -1500
        assert it.why == f"{KEPT}, and charged to 70 % for it"
        await it.clock.advance(2400)
        assert house.number("battery_soc") == pytest.approx(70, abs=1)
        assert gives_nothing(house)
        assert it.why == KEPT


async def test_a_battery_without_a_meter_is_not_left_to_its_load_curve(house: House) -> None:
    house.simulator.set("meter_connected", value=False)
    async with house.hub() as it:
        await keep(it)
        assert (house.mode, it.why) == ("realtime", KEPT)
        assert gives_nothing(house)


async def test_a_plan_that_would_sell_dearly_is_beaten_and_goes_on_afterwards(house: House) -> None:
    async with house.hub(automatic=True, battery_to_grid=True) as it:
        it.hub.plans.append(lambda _: DEAR)
        await it.clock.advance(60)
        assert house.power_w >= 480
        await keep(it)
        assert gives_nothing(house)
        assert it.why == KEPT
        told = {reason.by: reason.weight for reason in it.unit.wish.reasons if reason.by == "plan"} if it.unit.wish else {}
        assert told == {"plan": "outranked"}
        await it.hub.backup.end(it.hub, actor="api anna")
        await it.clock.advance(60)
        assert house.power_w >= 480
        assert "the backup hold is over: api anna took it back" in await it.decisions()


async def test_where_only_people_decide_it_brings_no_plan_with_it(house: House) -> None:
    async with house.hub() as it:
        it.hub.plans.append(lambda _: replace(DEAR, action=Action.CHARGE, pinned=True))
        await keep(it)
        assert gives_nothing(house)
        assert it.why == KEPT


async def test_everybody_is_told_also_where_the_battery_does_the_same_as_before(house: House) -> None:
    async with house.hub() as it:
        await it.ask(Charge(500, 90))
        with it.hub.bus.subscribe(SteeredEvent) as told:
            await keep(it)
            await it.hub.backup.end(it.hub, actor="api anna")
            steps = [(event.step, event.text) for event in told.take() if event.step in ("asked", "ended")]
        assert steps == [("asked", f"api anna asked: {KEPT}"), ("ended", "the backup hold is over: api anna took it back")]
        assert house.power_w == -500


async def test_a_pause_of_automation_does_not_end_it(house: House) -> None:
    async with house.hub(automatic=True) as it:
        await keep(it)
        await it.hub.pause.set(it.hub, START + timedelta(hours=2), actor="api anna")
        await it.clock.advance(600)
        assert gives_nothing(house)
        assert it.why == KEPT


async def test_an_order_to_discharge_is_refused_by_name_and_one_to_charge_carried_out(house: House) -> None:
    async with house.hub() as it:
        await keep(it)
        with pytest.raises(Refused, match=f"{KEPT}, as api anna asked") as refused:
            await it.ask(Discharge(500, 20), actor="mqtt")
        assert "End the backup hold first" in refused.value.remedy
        with pytest.raises(Refused, match=KEPT):
            await it.unit.preview(Discharge(500, 20))
        assert not it.overridden()
        await it.ask(Charge(500, 90))
        assert house.power_w == -500


async def test_an_order_that_would_give_and_came_before_gives_nothing_and_says_why(house: House) -> None:
    async with house.hub() as it:
        await it.ask(Discharge(500, 20), minutes=120)
        assert house.power_w == 500
        await keep(it)
        assert gives_nothing(house)
        assert KEPT in it.why
        outcome = await it.ask(SelfUse(), minutes=5)
        assert gives_nothing(house)
        assert KEPT in outcome.notes[0]
        modes = house.modes_written
        await it.clock.advance(360)
        assert not it.overridden()
        assert gives_nothing(house)
        assert house.modes_written == modes, "its own loop was not let give in between"


async def test_it_outlives_a_restart_and_not_its_end(house: House) -> None:
    async with house.hub() as it:
        await keep(it, charge_pct=50)
    async with house.hub() as it:
        kept = it.hub.backup.current(it.hub)
        assert kept is not None
        assert (kept.until, kept.by, kept.charge_pct, kept.reason) == (START + timedelta(hours=2), "api anna", 50, "a storm")
        assert f"goes on after a restart: {KEPT}, and charged to 50 % for it" in await it.decisions()
        await it.clock.advance(400)  # modes are five minutes apart, also after a restart
        assert gives_nothing(house)
    await house.clock.advance(2 * 3600)
    async with house.hub() as it:
        assert it.hub.backup.current(it.hub) is None
        assert (await it.decisions())[-1] == "the backup hold is over: its time has passed"
    async with house.hub() as it:
        assert (await it.decisions()).count("the backup hold is over: its time has passed") == 1


async def test_a_clock_that_is_set_back_does_not_lengthen_it(house: House) -> None:
    async with house.hub() as it:
        await keep(it, hours=0.5)
        house.clock.jump(-900)
        await it.clock.advance(1800)
        assert it.hub.backup.current(it.hub) is None
        assert house.power_w > 600


@pytest.mark.parametrize(
    ("hours", "charge_pct", "facts"),
    [
        (-1, None, "until: 2026-06-21 11:00 CEST is out of range"),
        (LONGEST / timedelta(hours=1) + 1, None, "until: 2026-06-28 13:00 CEST is out of range"),
        (2, 95, "charge_pct: 95 is not in 5 to 90"),
        (2, 4, "charge_pct: 4 is not in 5 to 90"),
        (2, float("nan"), "charge_pct: nan is not in 5 to 90"),
    ],
)
async def test_what_cannot_be_kept_is_refused_by_name(house: House, hours: float, charge_pct: float | None, facts: str) -> None:
    async with house.hub(ceiling_pct=90) as it:
        with pytest.raises(InvalidInput, match=facts):
            await keep(it, hours, charge_pct)
        assert it.hub.backup.current(it.hub) is None


async def test_where_no_energy_of_the_grid_may_be_stored_none_is_promised(house: House) -> None:
    async with house.hub(grid_charging=False) as it:
        with pytest.raises(InvalidInput, match="energy of the grid may not be stored here"):
            await keep(it, charge_pct=80)
        await keep(it)
        assert gives_nothing(house)


async def test_a_hub_that_may_control_nothing_keeps_nothing(house: House) -> None:
    async with house.hub() as it:
        it.keeper.config = it.keeper.config.model_copy(update={"control": False})
        with pytest.raises(ReadOnly, match="nothing could be kept"):
            await keep(it)


@pytest.mark.parametrize("kept", ["[", "7", "{}", '{"until": "soon", "at": "2026-06-21T10:00:00Z", "by": "anna"}'])
async def test_what_is_not_understood_in_the_store_is_none(house: House, kept: str) -> None:
    async with house.hub() as it:
        await it.hub.store.put("steering:backup", kept)
    async with house.hub() as it:
        assert it.hub.backup.current(it.hub) is None
        assert house.power_w > 600


async def test_nothing_is_tried_while_all_is_kept(house: House) -> None:
    async with house.hub() as it:
        await keep(it)
        with pytest.raises(InvalidInput, match=KEPT):
            it.hub.trials.ask(it.hub, "cellar", actor="api anna")
