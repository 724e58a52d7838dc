"""A battery that does not do what it is told: seen by itself and by the meter, told once more, given up, told, and tried again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from metered_house import AT_REST_W, Metered, metered
from steered_house import NAME, House, Steered

from indevolt.battery import Charge
from indevolt.control.situation import Action, PlanSlot
from indevolt.control.verification import GIVEN_UP_S, LINGERS_S
from indevolt.hub.alerts import CALM_S, What
from indevolt.hub.api.steering import SteeringBody, steering_body
from indevolt.hub.steer.records import Owner
from indevolt.simulator import LIFELIKE, Surroundings, steady_house
from indevolt.simulator.converter import Response

HUNG = Response(slew_w_per_s=1e-6)
"""A converter that takes every order, shows it, and stays where it is."""
SOON_S = 150.0  # for two tries with their proofs


def alert(it: Steered) -> str:
    active = it.hub.alerts.active.get((NAME, What.DISOBEYS))
    return "" if active is None else active.text


def plan(it: Steered, power_w: float, action: Action = Action.CHARGE) -> None:
    """Have a plan that wants this for a day."""
    now = it.clock.now()
    slot = PlanSlot(now - timedelta(hours=1), now + timedelta(days=1), action, power_w, "cheap")
    it.hub.plans[:] = [lambda _: slot]


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[Metered]:
    async with metered(tmp_path) as it:
        assert await it.follows_the_house()
        yield it


def orders_since(it: Metered, count: int) -> list[int]:
    return [values[1] for values in it.house.orders[count:]]


async def test_a_battery_that_takes_orders_and_does_not_move_is_told_once_more_and_then_left_to_itself(it: Metered) -> None:
    count = len(it.house.orders)
    it.house.simulator.unit.response = HUNG
    plan(it.steered, 800)
    await it.house.clock.advance(SOON_S)
    assert orders_since(it, count) == [800, 800], "once more, and no more"
    assert it.house.mode == "self_use"
    assert (it.told.owner, it.told.command) == (Owner.DEVICE, None)
    assert it.told.given_up is not None
    assert it.told.given_up.what.startswith("ordered -800 W, it shows +")
    assert it.told.given_up.what.endswith(" W, and nothing moved")
    assert it.told.why.startswith(f"{NAME} is left to itself until 12:")
    assert it.told.given_up.what in it.told.why
    assert ("safety", it.told.why) in [(reason.by, reason.text) for reason in it.told.reasons]
    assert it.told.given_up.what in alert(it.steered)
    assert any(text.startswith("does not do what it was told: ordered -800 W") for text in await it.texts("decision"))
    assert alert(it.steered) in await it.texts("alert")


async def test_after_a_while_it_is_tried_again_and_all_is_well_when_it_moves(it: Metered) -> None:
    it.house.simulator.unit.response = HUNG
    plan(it.steered, 800)
    await it.house.clock.advance(SOON_S)
    it.house.simulator.unit.response = LIFELIKE
    await it.house.clock.advance(GIVEN_UP_S - SOON_S)
    assert it.house.mode == "self_use", "not before that"
    await it.house.clock.advance(2 * SOON_S)
    assert it.house.power_w == -800
    assert (it.told.owner, it.told.given_up) == (Owner.PLAN, None)
    await it.house.clock.advance(CALM_S)
    assert alert(it.steered) == ""


async def test_one_that_still_does_not_move_is_given_up_for_longer_and_told_once(it: Metered) -> None:
    it.house.simulator.unit.response = HUNG
    plan(it.steered, 800)
    await it.house.clock.advance(GIVEN_UP_S + 3 * SOON_S)
    assert it.told.given_up is not None
    assert it.told.given_up.until - it.told.given_up.since == timedelta(seconds=2 * GIVEN_UP_S)
    await it.house.clock.advance(LINGERS_S)
    assert len(await it.texts("alert")) == 1


async def test_a_battery_that_goes_on_although_it_is_told_to_rest_is_noticed_as_well(it: Metered) -> None:
    it.house.simulator.unit.response = HUNG
    plan(it.steered, 0, Action.STOP)
    await it.house.clock.advance(SOON_S)
    assert it.told.given_up is not None
    assert it.told.given_up.what.startswith("ordered +0 W, it shows +7")


async def test_a_battery_that_follows_a_lively_house_is_trusted(it: Metered) -> None:
    for load_w in (1500, 300, 1900, 500, 1200):
        it.house.simulator.site.house = steady_house(Surroundings(load_w, ()))
        await it.house.clock.advance(40)
    assert it.told.given_up is None
    assert not any("does not do what" in text for text in await it.texts("decision", "alert"))


async def test_a_battery_that_says_it_moved_is_not_believed_where_the_meter_of_a_quiet_house_shows_nothing(it: Metered) -> None:
    it.elsewhere = True
    for power_w in (800, 0, 800):
        plan(it.steered, power_w, Action.CHARGE if power_w else Action.STOP)
        await it.house.clock.advance(60)
    assert it.told.given_up is not None
    assert it.told.given_up.what.endswith("and the meter did not move")


async def test_without_a_meter_the_ac_power_of_the_unit_is_the_other_witness(tmp_path: Path) -> None:
    async with metered(tmp_path, proven=False) as it:
        plan(it.steered, 800)
        await it.house.clock.advance(30)
        assert it.house.power_w == -800
        it.house.simulator.unit.response = HUNG
        plan(it.steered, 300)
        await it.house.clock.advance(SOON_S)
        assert it.told.given_up is not None


async def test_a_battery_that_never_shows_the_orders_of_the_loop_is_given_up_and_not_taken_for_somebody_else(it: Metered) -> None:
    plan(it.steered, 800)
    await it.house.clock.advance(60)
    it.house.simulator.faults.add("ignore")
    plan(it.steered, 900)  # too little more to be seen at the meter
    await it.house.clock.advance(90)
    assert it.told.given_up is not None
    assert it.told.given_up.what.startswith("after 30 s it shows realtime_state charge, realtime_power 800")
    assert any("ordered -900 W, it shows an order of -800 W" in text for text in await it.texts("decision"))
    assert not any("somebody else wrote" in text for text in await it.texts("decision"))


async def test_one_that_ignored_everything_for_a_while_is_put_back_and_then_tried_again(it: Metered) -> None:
    plan(it.steered, 800)
    await it.house.clock.advance(60)
    it.house.simulator.faults.add("ignore")
    plan(it.steered, 0, Action.STOP)
    await it.house.clock.advance(SOON_S)
    assert it.told.given_up is not None
    assert it.house.mode == "realtime", "it cannot be put back either, and that is tried on and on"
    it.house.simulator.faults.clear()
    await it.house.clock.advance(120)
    assert it.house.mode == "self_use"
    await it.house.clock.advance(GIVEN_UP_S)
    assert (it.house.mode, told(it.steered).given_up) == ("realtime", None)
    assert it.house.power_w < AT_REST_W


async def test_a_person_has_it_tried_at_once_and_is_told_why_it_is_not_done(tmp_path: Path) -> None:
    house = House(tmp_path, response=HUNG)
    async with house.hub() as it:
        await it.ask(Charge(800, 90))
        await house.clock.advance(SOON_S)
        assert told(it).given_up is not None
        assert it.overridden(), "it is tried again later"
        house.simulator.unit.response = LIFELIKE
        outcome = await it.ask(Charge(700, 90))
        await house.clock.advance(400)  # as modes are written five minutes apart
        assert (told(it).given_up, house.power_w) == (None, -700)
        assert outcome is None or outcome.proven


async def test_a_battery_that_rests_where_its_order_ends_does_what_it_is_told(tmp_path: Path) -> None:
    house = House(tmp_path, soc_pct=94.6, response=LIFELIKE)
    async with house.hub() as it:
        await it.ask(Charge(2000, 95))
        await house.clock.advance(600)
        assert told(it).given_up is None
        assert alert(it) == ""


def told(it: Steered) -> SteeringBody:
    return steering_body(it.keeper)
