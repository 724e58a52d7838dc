"""A unit with a meter of its own under a hub that decides by itself: zero export by its own loop, then a plan, each time why."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from steered_house import START, House

from indevolt.control.situation import Action, PlanSlot, Target
from indevolt.hub.api.steering import steering_body
from indevolt.hub.steer.records import Owner

CHEAP = PlanSlot(START, START + timedelta(hours=1), Action.CHARGE, 500.0, "charges at 11.0 ct for 19:00, when power costs 34.0 ct")
DEAR = PlanSlot(START + timedelta(hours=1), START + timedelta(hours=2), Action.SELF_USE, 0.0, "covers the house")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def test_zero_export_is_left_to_the_device_until_a_plan_wants_something_else(house: House) -> None:
    async with house.hub(automatic=True) as it:
        await house.clock.advance(60)
        told = steering_body(it.keeper)
        assert (told.owner, told.tier, told.command, told.why) == (
            Owner.DEVICE,
            "native",
            None,
            "zero export: the device follows its own meter",
        )
        assert [(reason.by, reason.weight) for reason in told.reasons if reason.weight == "chosen"] == [("self_use", "chosen")]
        assert house.wire.writes == []
        assert house.power_w == pytest.approx(760, abs=40)  # 700 W for the house, and what is lost on the way

        it.hub.plans.append(lambda at: next((slot for slot in (CHEAP, DEAR) if slot.start <= at < slot.end), None))
        await house.clock.advance(60)
        told = steering_body(it.keeper)
        assert (told.owner, told.why) == (Owner.PLAN, f"the plan until 13:00 CEST: {CHEAP.reason}")
        assert (house.mode, house.power_w) == ("realtime", -500)

        await house.clock.advance(3600)
        told = steering_body(it.keeper)
        assert (told.owner, told.command) == (Owner.DEVICE, None)
        assert told.why == "the plan until 14:00 CEST: covers the house; the device's own loop does that"
        assert house.mode == "self_use"
        assert house.power_w == pytest.approx(760, abs=40)
        assert await it.decisions() == [
            "zero export: the device follows its own meter",
            f"the plan until 13:00 CEST: {CHEAP.reason}",
            "the plan until 14:00 CEST: covers the house; the device's own loop does that",
        ]


async def test_a_slot_that_the_owner_pinned_is_carried_out_as_his(house: House) -> None:
    async with house.hub(automatic=True) as it:
        it.hub.plans.append(lambda _: replace(CHEAP, pinned=True))
        await house.clock.advance(60)
        told = steering_body(it.keeper)
        assert (told.owner, told.why) == (Owner.USER, "this slot is pinned until 13:00 CEST: charge")
        assert (house.mode, house.power_w) == ("realtime", -500)


async def test_a_charge_by_a_time_begins_at_its_last_moment_also_without_a_plan(house: House) -> None:
    async with house.hub(automatic=True) as it:
        it.hub.planner.want(Target(80, START + timedelta(minutes=30)))
        await house.clock.advance(60)
        told = steering_body(it.keeper)
        assert told.owner is Owner.USER
        assert told.why.startswith("80 % by 12:30 CEST: ")
        assert house.power_w <= -1500


async def test_a_hub_that_may_not_decide_says_that_the_device_does(house: House) -> None:
    async with house.hub() as it:
        it.hub.plans.append(lambda _: CHEAP)
        await house.clock.advance(60)
        told = steering_body(it.keeper)
        assert (told.owner, told.why, told.reasons) == (
            Owner.DEVICE,
            "nothing is commanded; the device decides, in mode self_use",
            [],
        )
        assert house.wire.writes == []
        assert await it.decisions() == []


async def test_a_house_that_cannot_be_seen_for_a_moment_is_left_to_the_loop(house: House) -> None:
    async with house.hub(automatic=True, poll_s=60.0) as it:
        await house.clock.advance(600)
        assert steering_body(it.keeper).why == "zero export: the device follows its own meter"
        assert house.wire.writes == []
