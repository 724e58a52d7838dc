"""A plan as a load curve: what the house surely takes where the plan gives, 0 W elsewhere, by the clock of the device."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from indevolt.control.load_curve import HALF_HOURS, NAMES, STEP_W, curve_of, index_of, matters, span_of
from indevolt.control.plan.planned import Balance, Band, Plan, PlannedSlot
from indevolt.control.situation import Action

START = datetime(2026, 6, 21, 10, 0, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
NOTHING = Balance(0, 0, 0)
NO_CLOCK = timedelta()


def slot(number: int, action: Action, battery_w: float, load_w: float = 1000.0, pv_w: float = 0.0) -> PlannedSlot:
    start = START + number * QUARTER
    band, sun, soc = Band(load_w, load_w, load_w), Band(pv_w, pv_w, pv_w), Band(50, 50, 50)
    grid_w = load_w - pv_w - battery_w
    return PlannedSlot(
        start, start + QUARTER, action, 0.0, "", 0.3, 0.08, True, False, band, sun, soc, battery_w, grid_w, 0.0, 0.0, 0.3
    )  # fmt: skip


def a_plan(*slots: PlannedSlot) -> Plan:
    return Plan(START, slots, "EUR", NOTHING, NOTHING, NOTHING, ())


def gives(watts: float, quarters: int = 96, **more: float) -> Plan:
    return a_plan(*(slot(number, Action.SELF_USE, watts, **more) for number in range(quarters)))


def test_where_the_plan_gives_the_curve_does_and_the_rest_is_0() -> None:
    plan = a_plan(
        *(slot(number, Action.SELF_USE, 420.0) for number in range(4)),
        *(slot(number, Action.HOLD, 0.0) for number in range(4, 8)),
        *(slot(number, Action.CHARGE, -800.0) for number in range(8, 10)),
        *(slot(number, Action.DISCHARGE, 300.0) for number in range(10, 14)),
    )
    watts = curve_of(plan, START, NO_CLOCK, most_w=2000)
    assert watts[20:28] == (400, 400, 0, 0, 0, 300, 300, 0)
    assert sum(watts) == 1400


def test_no_more_than_the_house_surely_takes_beyond_the_sun() -> None:
    assert max(curve_of(gives(900.0, load_w=600.0), START, NO_CLOCK, most_w=2000)) == 600
    assert max(curve_of(gives(900.0, load_w=600.0, pv_w=350.0), START, NO_CLOCK, most_w=2000)) == 250
    assert max(curve_of(gives(900.0, load_w=600.0, pv_w=700.0), START, NO_CLOCK, most_w=2000)) == 0


def test_half_an_hour_of_which_only_a_quarter_gives_is_0() -> None:
    plan = a_plan(slot(0, Action.SELF_USE, 500.0), slot(1, Action.HOLD, 0.0), slot(2, Action.SELF_USE, 500.0))
    assert sum(curve_of(plan, START, NO_CLOCK, most_w=2000)) == 0


def test_half_hours_are_those_of_the_clock_that_the_device_shows() -> None:
    plan = gives(500.0, quarters=4)
    assert curve_of(plan, START, timedelta(hours=2), most_w=2000)[24:26] == (500, 500)
    assert curve_of(plan, START, timedelta(hours=-11), most_w=2000)[46:] == (500, 500)
    nepal = timedelta(hours=5, minutes=45)
    watts = curve_of(plan, START + QUARTER, nepal, most_w=2000)
    assert [number for number, each in enumerate(watts) if each] == [32], "16:00 to 16:30; what is before began before the plan"
    assert index_of(START, nepal) == 31


def test_a_curve_is_of_the_24_hours_from_now_on() -> None:
    plan = gives(500.0, quarters=40)
    later = curve_of(plan, START + timedelta(hours=9), NO_CLOCK, most_w=2000)
    assert [number for number, each in enumerate(later) if each] == [38, 39]


def test_several_units_have_their_share_and_each_its_limit() -> None:
    assert max(curve_of(gives(1000.0), START, NO_CLOCK, share=0.25, most_w=2000)) == 250
    assert max(curve_of(gives(1000.0), START, NO_CLOCK, most_w=320)) == 300


def test_small_and_far_differences_are_not_worth_a_write() -> None:
    shown = [0.0] * HALF_HOURS
    shown[22] = 400.0
    wanted = [0] * HALF_HOURS
    wanted[22] = 450
    assert not matters(wanted, shown, 20)
    wanted[22] = 500
    assert matters(wanted, shown, 20)
    assert not matters(wanted, shown, 23), "it is over, and will be planned again before it comes"
    assert not matters([0] * HALF_HOURS, [0.0] * HALF_HOURS, 0)
    wanted[22] = 0
    assert matters(wanted, shown, 20)
    assert matters([50, *wanted[1:22], 400, *wanted[23:]], shown, 47), "something where there was nothing, over midnight"


def test_what_is_written_is_one_stretch() -> None:
    shown = [0.0] * HALF_HOURS
    assert span_of([0] * HALF_HOURS, shown) is None
    assert span_of([0, 50, 0, 100, *[0] * 44], shown) == slice(1, 4)


@given(
    battery_w=st.floats(-3000, 3000),
    load_w=st.floats(0, 5000),
    pv_w=st.floats(0, 5000),
    most_w=st.floats(0, 2400),
    ahead_quarters=st.integers(-48, 56),
    minutes=st.integers(0, 1400),
    action=st.sampled_from(list(Action)),
)
def test_a_curve_never_gives_more_than_the_house_takes_nor_than_the_unit_can(
    *, battery_w: float, load_w: float, pv_w: float, most_w: float, ahead_quarters: int, minutes: int, action: Action
) -> None:
    plan = a_plan(*(slot(number, action, battery_w, load_w, pv_w) for number in range(144)))
    watts = curve_of(plan, START + timedelta(minutes=minutes), ahead_quarters * QUARTER, most_w=most_w)
    assert len(watts) == len(NAMES)
    assert all(each % STEP_W == 0 and 0 <= each <= most_w for each in watts)
    assert max(watts) <= max(0.0, load_w - pv_w)
    if action not in (Action.SELF_USE, Action.DISCHARGE):
        assert max(watts) == 0


@pytest.mark.parametrize("number", [1, 48])
def test_names_are_those_of_the_catalogue(number: int) -> None:
    from indevolt.catalogue import load

    assert NAMES[number - 1] in load("gen2").points
