"""A plan as people and the runtime read it."""

from __future__ import annotations

from dataclasses import astuple, replace
from datetime import timedelta

import pytest
from plan_problems import HOUR, QUARTER, START, battery, problem, slots

from indevolt.control.plan.planned import Plan
from indevolt.control.plan.problem import Pin, Problem, Scenario, TerminalValue
from indevolt.control.plan.solve import solve
from indevolt.control.situation import Action, PlanSlot, Target
from indevolt.errors import InvalidInput

CHEAP_THEN_DEAR = problem([0.10, 0.10, 0.30, 0.30, 0.55, 0.55], [400, 400, 400, 400, 2300, 2300], battery=battery(soc_pct=10))


def reasons(plan: Plan) -> list[str]:
    return [slot.reason for slot in plan.slots]


def test_a_cheap_night_is_stored_for_a_dear_evening_and_says_so() -> None:
    plan = solve(CHEAP_THEN_DEAR, START)
    charge, hold, use = plan.slots[0], plan.slots[2], plan.slots[4]
    assert charge.action is Action.CHARGE
    assert charge.power_w > 0
    assert charge.reason == "charges at 10.0 ct for 16:00, when power costs 55.0 ct, losses and wear counted"
    assert hold.action is Action.HOLD
    assert hold.reason == "kept for 16:00, when power costs 55.0 ct; it is 30.0 ct now"
    assert use.action is Action.SELF_USE
    assert use.reason.startswith("covers the house: power costs 55.0 ct, a kWh kept would be worth ")
    assert use.battery_w == pytest.approx(2307)
    assert use.grid_w == pytest.approx(0)


def test_a_plan_adds_up() -> None:
    plan = solve(CHEAP_THEN_DEAR, START)
    assert plan.planned.energy + plan.planned.wear == pytest.approx(sum(slot.cost for slot in plan.slots))
    for slot in plan.slots:
        assert slot.load_w.p50 + 7 == pytest.approx(slot.grid_w + slot.battery_w), "load and standby are met, no more and no less"
    assert plan.no_battery.total == pytest.approx((2 * 400 * 0.10 + 2 * 400 * 0.30 + 2 * 2300 * 0.55) / 1000)
    assert plan.gain_over_self_use > 0
    assert plan.saving == pytest.approx(plan.no_battery.total - plan.planned.total)


def test_money_of_another_country_is_spoken_as_there() -> None:
    pounds, krone = (solve(replace(CHEAP_THEN_DEAR, currency=currency), START) for currency in ("GBP", "DKK"))
    assert "charges at 10.0 p for" in pounds.slots[0].reason
    assert "charges at 0.100 DKK for" in krone.slots[0].reason


def test_a_plan_that_gains_nothing_is_plain_self_use() -> None:
    flat = problem([0.30] * 6, [500] * 6)
    plan = solve(flat, START)
    assert {slot.action for slot in plan.slots} == {Action.SELF_USE}
    assert plan.planned == plan.self_use
    assert plan.gain_over_self_use == 0


def test_what_runs_goes_on_where_a_change_gains_less_than_it_counts_for() -> None:
    close = problem([0.30, 0.31], [1000, 1000], battery=battery(soc_pct=30))
    for running, cost, action in (
        (None, 0.5, Action.HOLD),
        (Action.SELF_USE, 0.5, Action.SELF_USE),
        (Action.SELF_USE, 0.0, Action.HOLD),
    ):
        assert solve(replace(close, running=running, switch_cost=cost), START).slots[0].action is action


def test_the_sun_is_stored_and_a_full_battery_says_so() -> None:
    sunny = problem(
        [0.30] * 5, [300, 300, 300, 2000, 2000], [2300, 2300, 2300, 0, 0], export=0.08, battery=battery(soc_pct=50), gate=0.01
    )
    plan = solve(sunny, START)
    assert plan.slots[0].reason == "stores the surplus, which the grid would take for 8.0 ct"
    assert "full" in plan.slots[2].reason
    assert plan.slots[1].soc_pct.p50 == pytest.approx(100)


def test_bands_show_how_far_futures_lie_apart() -> None:
    futures = tuple(
        Scenario((400.0,) * 4, (pv,) * 4, weight=weight, regime=index)
        for index, (pv, weight) in enumerate(((0, 0.15), (900, 0.7), (2400, 0.15)))
    )
    plan = solve(Problem(slots([0.3] * 4), futures, battery(), terminal=TerminalValue(0.2, 0.1)), START)
    band = plan.slots[1].soc_pct
    assert band.p10 < 50 < band.p50 < band.p90
    assert (plan.slots[1].pv_w.p10, plan.slots[1].pv_w.p50, plan.slots[1].pv_w.p90) == (0, 900, 2400)


def test_what_is_stored_is_worth_less_the_more_there_is() -> None:
    plan = solve(replace(CHEAP_THEN_DEAR, terminal=TerminalValue(0.1, 0.02)), START)
    values = [point.per_kwh for point in plan.stored_value]
    assert [point.soc_pct for point in plan.stored_value][:3] == [5, 10, 15]
    assert values[0] > values[-1] >= 0
    assert all(slot.stored_value_per_kwh >= -1e-6 for slot in plan.slots)


def test_a_target_out_of_reach_is_told() -> None:
    late = replace(CHEAP_THEN_DEAR, targets=(Target(100, START + HOUR),))
    plan = solve(late, START)
    assert plan.slots[0].action is Action.CHARGE
    assert plan.slots[0].power_w == 2000
    assert plan.slots[0].reason == "to be at 100 % by 13:00"
    (note,) = plan.notes
    assert note == "100 % by 13:00 is out of reach: about 58 % can be"


def test_a_pinned_slot_is_the_owners() -> None:
    pinned = replace(CHEAP_THEN_DEAR.slots[4], pin=Pin(Action.HOLD))
    plan = solve(replace(CHEAP_THEN_DEAR, slots=(*CHEAP_THEN_DEAR.slots[:4], pinned, CHEAP_THEN_DEAR.slots[5])), START)
    assert plan.slots[4].action is Action.HOLD
    assert plan.slots[4].pinned
    assert plan.slots[4].reason == "pinned by the owner"
    assert plan.slots[4].order("p") == PlanSlot(
        START + 4 * HOUR, START + 5 * HOUR, Action.HOLD, 0.0, "pinned by the owner", "p", pinned=True
    )


def test_prices_below_nothing_fill_the_battery() -> None:
    plan = solve(problem([-0.05, 0.30, 0.30], [300, 300, 300], battery=battery(soc_pct=20)), START)
    assert plan.slots[0].action is Action.CHARGE
    assert plan.slots[0].reason == "charges while power costs -5.0 ct: less than nothing"


def test_stored_energy_is_sold_only_where_it_may_be() -> None:
    dear = problem([0.60, 0.10], [100, 100], export=(0.55, 0.02), battery=battery(soc_pct=90))
    assert solve(dear, START).slots[0].battery_w == pytest.approx(107)
    sold = solve(replace(dear, battery_to_grid=True), START).slots[0]
    assert sold.action is Action.DISCHARGE
    assert sold.battery_w > 1000
    assert sold.reason.startswith("sells for 55.0 ct what is worth ")


def test_surplus_beyond_the_cap_is_worth_nothing() -> None:
    """With 600 W of feed-in allowed, the battery keeps room for noon."""
    values = {"export": 0.10, "battery": battery(soc_pct=5, capacity_wh=3000.0, charge_w=3000.0)}
    free = problem([0.30] * 6, [200] * 6, [2000, 2000, 3500, 3500, 0, 0], **values)
    capped = replace(free, feed_in_cap_w=600.0)
    assert solve(capped, START).no_battery.total > solve(free, START).no_battery.total
    assert solve(capped, START).gain_over_self_use >= 0


def test_a_peak_is_not_made_for_cheap_energy() -> None:
    from indevolt.control.plan.problem import PeakTariff

    free = solve(CHEAP_THEN_DEAR, START)
    tariff = replace(CHEAP_THEN_DEAR, peak=PeakTariff(per_kw=4.0, so_far_kw=1.6))
    assert free.slots[0].grid_w > 1600
    assert max(slot.grid_w for slot in solve(tariff, START).slots) <= 1600 + 1


def test_quarters_and_hours_may_be_mixed() -> None:
    mixed = (*slots([0.1] * 4, length=QUARTER), *(replace(slot, start=slot.start + HOUR) for slot in slots([0.5, 0.5])))
    plan = solve(replace(CHEAP_THEN_DEAR, slots=mixed, scenarios=(Scenario((800.0,) * 6, (0.0,) * 6),)), START)
    assert plan.slots[4].start == START + HOUR
    assert plan.slots[0].action is Action.CHARGE
    assert plan.slot_at(START + timedelta(minutes=20)) is plan.slots[1]
    assert plan.slot_at(START + timedelta(hours=3)) is None


def test_the_same_problem_gives_the_same_plan() -> None:
    assert astuple(solve(CHEAP_THEN_DEAR, START)) == astuple(solve(replace(CHEAP_THEN_DEAR), START))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"slots": ()}, "slots: 0 is not in 1 to"),
        ({"scenarios": ()}, "scenarios: there is none"),
        ({"scenarios": (Scenario((1.0,), (1.0,)),)}, "scenarios[0].load_w: 1 values for 6 slots"),
        ({"scenarios": (Scenario((float("nan"),) * 6, (1.0,) * 6),)}, "scenarios[0].load_w: a value is not finite"),
        ({"persistence": 1.5}, "persistence: 1.5 is not in 0 to 1"),
        ({"feed_in_cap_w": float("nan")}, "feed_in_cap_w: nan is not in 0 to inf"),
        ({"slots": (*CHEAP_THEN_DEAR.slots[:2], *CHEAP_THEN_DEAR.slots[3:], CHEAP_THEN_DEAR.slots[5])}, "slots: one ends at"),
    ],
)
def test_nonsense_is_refused_with_its_name(changes: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        replace(CHEAP_THEN_DEAR, **changes)  # type: ignore[arg-type]  # one field at a time, of any type
    assert says in str(refused.value)
    assert refused.value.remedy


def test_a_battery_that_cannot_be_is_refused() -> None:
    with pytest.raises(InvalidInput, match="ceiling_pct: 30 is not in 40 to 100"):
        battery(floor_pct=40, ceiling_pct=30)
