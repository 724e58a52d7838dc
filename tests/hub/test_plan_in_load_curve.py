"""What the plan gives, in the unit's own load curve: written seldom and in one go, and what was there before comes back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError
from steered_house import House, Steered

from indevolt.catalogue import load
from indevolt.control.load_curve import NAMES
from indevolt.control.plan.planned import Balance, Band, Plan, PlannedSlot
from indevolt.control.situation import Action, PlanSlot
from indevolt.hub.api.plan_bodies import load_curves
from indevolt.hub.config import Config
from indevolt.hub.steer.curve import APART_S

QUARTER = timedelta(minutes=15)
FIRST = load("gen2").points[NAMES[0]].writes[0].at
ZEROS = (0,) * 48


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def a_plan(at: datetime, watts: Sequence[float], load_w: float = 700.0) -> Plan:
    """A plan from the last half hour on; it gives so much in each one."""
    start = at - timedelta(minutes=at.minute % 30, seconds=at.second, microseconds=at.microsecond)
    nothing, band, none = Balance(0, 0, 0), Band(load_w, load_w, load_w), Band(0, 0, 0)
    slots = []
    for number in range(2 * len(watts)):
        power_w, begins = watts[number // 2], start + number * QUARTER
        action = Action.SELF_USE if power_w else Action.HOLD
        slots.append(
            PlannedSlot(
                begins, begins + QUARTER, action, 0.0, "covers the house", 0.3, 0.08, True, False, band, none, Band(50, 50, 50),
                power_w, load_w - power_w, 0.0, 0.0, 0.3,
            )
        )  # fmt: skip
    return Plan(at, tuple(slots), "EUR", nothing, nothing, nothing, ())


def curve(house: House) -> tuple[float, ...]:
    return tuple(house.number(name) for name in NAMES)


def curve_writes(house: House) -> list[tuple[int, int]]:
    """Where each write of the curve begins, and how many points it has."""
    return [(point - FIRST, len(values)) for point, values in house.wire.writes if FIRST <= point < FIRST + len(NAMES)]


async def planned(house: House, it: Steered, watts: Sequence[float], *, minutes: float = 2) -> None:
    it.hub.planner.plan, it.hub.planner.known_days = a_plan(house.clock.now(), watts), 14.0
    await house.clock.advance(60 * minutes)


async def test_what_the_plan_gives_is_laid_in_one_write_and_what_was_there_comes_back(house: House) -> None:
    house.simulator.set(NAMES[0], 120)
    async with house.hub(automatic=True, curve=True, poll_s=30.0) as it:
        await planned(house, it, [400.0, 400.0, 0.0, 650.0, *[0.0] * 44])
        assert curve(house)[20:24] == (400, 400, 0, 650), "half hours from 10:00 on, by the clock of the device"
        assert sum(curve(house)) == 1450, "0 W for all that is not planned"
        assert curve_writes(house) == [(0, 24)], "one write, from the first point that differs to the last"
        (told,) = [each for each in load_curves(it.hub) if each.device == it.keeper.id]
        assert told.watts == list(map(int, curve(house)))
        assert told.laid_at is not None
        assert told.reason == ""
        assert it.unit.lease is not None
        assert house.mode == "self_use"
        assert not it.unit.commands
        snapshot = it.unit.lease.snapshot
        assert snapshot is not None
        assert (snapshot.settings[NAMES[0]], snapshot.settings[NAMES[20]]) == (120, 0)
        assert not [text for text in await it.decisions() if "load curve" in text], "that there was no plan at first is no news"
        writes = [entry for entry in await it.entries("write") if NAMES[0] in entry.text]
        assert writes
        assert "plan of 2026-06-21 10:00: what it gives in the next 24 h, 0 W for all else" in str(writes[-1].data.get("reason"))
    assert curve(house) == (120, *ZEROS[1:])
    assert curve_writes(house) == [(0, 24), (0, 24)], "put back in one write as well"


async def test_the_unit_goes_by_it_when_hub_and_meter_are_gone_and_exports_nothing(house: House) -> None:
    async with house.hub(automatic=True, curve=True, poll_s=30.0) as it:
        await planned(house, it, [*[0.0] * 2, *[600.0] * 4, *[0.0] * 42])
        await house.clock.advance(3600)
        house.simulator.faults.add("silent")
        house.simulator.set("meter_connected", False)
        await house.clock.advance(600)
        assert house.mode == "self_use"
        assert 550 <= house.number("ac_output_power") <= 700, "it gives what was planned, and the house takes 700 W"
        await house.clock.advance(2 * 3600)
        assert house.number("ac_output_power") == 0, "nothing is planned for then"
        house.simulator.set("meter_connected", True)
        house.simulator.faults.clear()
        await house.clock.advance(120)
    assert curve(house) == ZEROS


async def test_it_is_written_on_material_changes_only_and_hours_apart(house: House) -> None:
    async with house.hub(automatic=True, curve=True, poll_s=30.0) as it:
        await planned(house, it, [400.0] * 48)
        assert curve_writes(house) == [(0, 48)]
        await planned(house, it, [450.0] * 48, minutes=90)
        assert len(curve_writes(house)) == 1, "50 W are not worth it"
        await planned(house, it, [0.0, 0.0, *[600.0] * 46], minutes=20)
        assert len(curve_writes(house)) == 1, "it waits for its turn"
        await planned(house, it, [0.0, 0.0, *[600.0] * 46], minutes=20)
        assert len(curve_writes(house)) == 2
        for _ in range(3):  # plans that turn over each time
            await planned(house, it, [200.0] * 48, minutes=30)
            await planned(house, it, [600.0] * 48, minutes=30)
        assert len(curve_writes(house)) == 2 + 3 * 3600 // APART_S
        (budget,) = [each for each in it.unit.budgets() if each.name == "load_curve"]
        assert budget.used == len(curve_writes(house))


async def test_a_command_in_between_leaves_the_curve_as_it_is(house: House) -> None:
    async with house.hub(automatic=True, curve=True, poll_s=30.0) as it:
        await planned(house, it, [400.0] * 48)
        now = house.clock.now()
        cheap = PlanSlot(now, now + timedelta(minutes=30), Action.CHARGE, 500.0, "charges at 11.0 ct")
        it.hub.plans.append(lambda at: cheap if cheap.holds(at) else None)
        await house.clock.advance(120)
        assert (house.mode, house.power_w) == ("realtime", -500)
        it.hub.planner.plan = a_plan(house.clock.now(), [400.0] * 48)
        await house.clock.advance(35 * 60)
        assert house.mode == "self_use"
        assert it.unit.lease is not None
        assert not it.unit.commands
        assert max(curve(house)) == 400
        assert curve_writes(house) == [(0, 48)]
    assert curve(house) == ZEROS


async def test_what_somebody_else_wrote_is_left_and_told(house: House) -> None:
    async with house.hub(automatic=True, curve=True, poll_s=30.0) as it:
        await planned(house, it, [400.0] * 48)
        house.simulator.set(NAMES[30], 90)
        await planned(house, it, [0.0] * 48, minutes=60)
        await planned(house, it, [0.0] * 48, minutes=70)
        assert it.unit.curve.wanted is None
        assert any("somebody else changed it" in text for text in await it.decisions())
        assert it.unit.lease is None
        assert curve(house)[30] == 90
        assert sum(curve(house)) == 90, "what was ours is put back"


@pytest.mark.parametrize("against", ["plan", "pause"])
async def test_without_a_plan_and_during_a_pause_nothing_is_laid(house: House, against: str) -> None:
    async with house.hub(automatic=True, curve=True, poll_s=30.0) as it:
        await planned(house, it, [400.0] * 48)
        assert max(curve(house)) == 400
        if against == "plan":
            await house.clock.advance(3 * 3600)
        else:
            await it.hub.pause.set(it.hub, house.clock.now() + timedelta(hours=1), actor="anna")
            await house.clock.advance(120)
        assert curve(house) == ZEROS
        why = {"plan": "there is no plan that can be trusted", "pause": "automation pauses"}[against]
        assert f"the plan is not in the load curve: {why}" in await it.decisions()


async def test_a_device_whose_clock_is_wrong_is_left_alone(house: House) -> None:
    house.simulator.firmware.clock_ahead = timedelta(minutes=8)
    async with house.hub(automatic=True, curve=True, poll_s=30.0) as it:
        await planned(house, it, [400.0] * 48)
        assert curve_writes(house) == []
        assert it.unit.curve.reason == "the device's clock is not known, or is wrong"


async def test_what_the_house_takes_has_to_be_known(house: House) -> None:
    async with house.hub(automatic=True, curve=True, poll_s=30.0) as it:
        it.hub.planner.plan, it.hub.planner.known_days = a_plan(house.clock.now(), [400.0] * 48), 0.5
        await house.clock.advance(120)
        assert curve_writes(house) == []
        assert it.unit.curve.reason == "what the house surely takes is known after 5 days of history"


async def test_without_the_owners_word_nothing_is_written(house: House) -> None:
    async with house.hub(automatic=True) as it:
        await planned(house, it, [400.0] * 48)
        assert house.wire.writes == []


async def test_what_a_hub_left_there_that_could_not_put_it_back_comes_back_with_the_next(house: House) -> None:
    house.simulator.set(NAMES[40], 300)
    async with house.hub(automatic=True, curve=True, poll_s=30.0) as it:
        await planned(house, it, [400.0] * 48)
        assert set(curve(house)) == {400}
        house.simulator.faults.add("silent")  # from here on nothing reaches it, as if the hub had no power any more
        await house.clock.advance(60)
    assert set(curve(house)) == {400}
    house.simulator.faults.clear()
    async with house.hub(automatic=True, poll_s=30.0):
        await house.clock.advance(120)
        assert curve(house) == (*ZEROS[:40], 300, *ZEROS[41:])
        assert curve_writes(house) == [(0, 48), (0, 48)]


DEVICE = {"name": "cellar", "host": "192.168.1.50", "control": True, "plan_in_load_curve": True}
FIXED = {"kind": "fixed", "import_price": 0.3}
AUTOMATIC = {"control": {"automatic": True}, "tariff": FIXED}


@pytest.mark.parametrize(
    ("device", "rest", "says"),
    [
        ({"control": False}, AUTOMATIC, "control = false; set both, or neither"),
        ({"pose": {}}, AUTOMATIC, "has to stay 0 W; remove pose, or this"),
        ({}, {"tariff": FIXED}, "plans are only shown; set automatic = true"),
        ({}, {"control": {"automatic": True}}, "there is no plan to write"),
        ({}, {**AUTOMATIC, "plan": {"enabled": False}}, "there is no plan to write"),
    ],
)
def test_a_configuration_says_why_it_refuses(device: dict[str, object], rest: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Config.model_validate({"devices": [{**DEVICE, **device}], **rest})


def test_a_configuration_takes_what_goes_together() -> None:
    assert Config.model_validate({"devices": [DEVICE], **AUTOMATIC}).devices[0].plan_in_load_curve
