"""Plans are made from what the hub knows, renewed when the world turns out otherwise, kept, and compared with what happened."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from kept_house import at_work

from indevolt.battery import Quality
from indevolt.control.plan.forecast import GOING_ON
from indevolt.control.plan.problem import Pin
from indevolt.control.situation import Action
from indevolt.hub.config_control import ControlConfig
from indevolt.hub.config_forecast import PlanConfig
from indevolt.hub.config_tariff import FixedTariff
from indevolt.hub.keeper import Link
from indevolt.hub.planner.days import compared, day_key
from indevolt.hub.planner.planner import SURPRISE_PCT, TOO_OLD, Planner
from indevolt.hub.planner.problem import MOST_WORK, SORTS_OF_WEATHER, NotKnown, facts_of, filled, problem_of
from indevolt.hub.planner.service import PINS, make, serve_planner
from indevolt.hub.planner.units import soc_of
from indevolt.hub.prices import madeup
from indevolt.hub.prices.records import QUARTER, quarter_of
from indevolt.hub.site.quantities import SITE
from indevolt.store import StoredReading
from planner.planhome import plan_home, second_unit, usual_load_w

NOON = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)


# ---- what it is made from ------------------------------------------------------------------------------------------------------


async def test_a_problem_has_quarters_from_the_one_that_runs_to_the_end_of_the_horizon() -> None:
    async with plan_home(service=False, plan=PlanConfig()) as it:
        problem = problem_of(await facts_of(it.hub, it.hub.clock.now()))
        assert problem.start == quarter_of(it.hub.clock.now())
        assert {slot.length for slot in problem.slots} == {QUARTER}
        assert problem.end - problem.start == timedelta(hours=36)
        known = [slot.published for slot in problem.slots]
        assert known == sorted(known, reverse=True), "what is guessed comes after what is known"
        assert True in known
        assert False in known
        assert len(problem.scenarios) == 42, "eleven days of load, and three ways in which now goes on, with three sorts of weather"
        assert {each.regime for each in problem.scenarios} == {0, 1, 2}


@pytest.mark.parametrize(("horizon_h", "days"), [(12, 13), (36, 11), (72, 4)])
async def test_the_further_a_plan_looks_the_fewer_days_it_reckons_with(horizon_h: int, days: int) -> None:
    async with plan_home(service=False, plan=PlanConfig(horizon_h=horizon_h)) as it:
        problem = problem_of(await facts_of(it.hub, it.hub.clock.now()))
        assert len(problem.slots) == 4 * horizon_h
        assert len(problem.scenarios) == SORTS_OF_WEATHER * (days + len(GOING_ON))
        assert len(problem.slots) * len(problem.scenarios) <= MOST_WORK
        assert sum(each.weight for each in problem.scenarios) == pytest.approx(SORTS_OF_WEATHER)


async def test_what_the_last_plan_runs_is_told_to_the_next_one_so_that_it_is_not_changed_for_nothing() -> None:
    async with plan_home(service=False, plan=PlanConfig()) as it:
        now = it.hub.clock.now()
        assert problem_of(await facts_of(it.hub, now)).running is None
        plan = (await make(it.hub, now)).plan
        it.hub.planner.plan = plan
        assert problem_of(await facts_of(it.hub, now)).running is plan.slots[0].action
        later = now + TOO_OLD + QUARTER
        assert problem_of(await facts_of(it.hub, later)).running is None, "a plan that is too old runs nothing"


async def test_the_battery_is_what_the_device_says() -> None:
    async with plan_home(service=False, control=ControlConfig(reserve_pct=20.0, ceiling_pct=90.0, output_limit_w=800.0)) as it:
        battery = (await facts_of(it.hub, it.hub.clock.now())).battery
        assert battery.capacity_wh == it.it.keeper.latest.value("rated_capacity")
        assert battery.soc_pct == pytest.approx(50, abs=1)
        assert (battery.discharge_w, battery.ceiling_pct, battery.floor_pct, battery.reserve_pct) == (800.0, 90.0, 20.0, 20.0)
        assert battery.charge_w > 800
        assert battery.asleep_w == 9.0, "7 W, and 2 W for the extension pack"


async def test_the_charge_of_two_is_not_told_from_one_of_them_while_the_other_is_silent() -> None:
    async with plan_home(service=False) as it, second_unit(it, soc_pct=20.0) as other:
        assert other.simulator.get("rated_capacity") == it.it.simulator.get("rated_capacity")
        both = [soc_of(it.hub.keepers.values())]
        other.simulator.faults.add("silent")
        await it.until(lambda: other.quality("battery_soc") is Quality.HELD, step_s=1.0)
        both.append(soc_of(it.hub.keepers.values()))
        assert both == pytest.approx([35, 35], abs=1)
        await it.until(lambda: other.quality("battery_soc") is Quality.STALE, step_s=1.0)
        assert soc_of(it.hub.keepers.values()) is None
        with pytest.raises(NotKnown, match="charge or capacity of attic is not known"):
            await facts_of(it.hub, it.hub.clock.now())
        await it.until(lambda: other.keeper.link is Link.SILENT)
        assert soc_of(it.hub.keepers.values()) == pytest.approx(50, abs=1)


async def test_a_plan_reckons_with_what_may_be_controlled_and_with_all_where_nothing_may() -> None:
    async with plan_home(service=False) as it:
        async with second_unit(it, soc_pct=20.0):
            assert soc_of(it.hub.keepers.values()) == pytest.approx(35, abs=1)
        async with second_unit(it, soc_pct=20.0, control=True):
            assert soc_of(it.hub.keepers.values()) == pytest.approx(20, abs=1)
            battery = problem_of(await facts_of(it.hub, it.hub.clock.now())).battery
            assert battery.capacity_wh == it.it.simulator.get("rated_capacity")


async def test_load_and_sun_are_those_of_the_history_of_the_site() -> None:
    async with plan_home(service=False) as it:
        facts = await facts_of(it.hub, it.hub.clock.now())
        problem = problem_of(facts)
        for number in (0, 16, 32, 40):
            assert problem.scenarios[10].load_w[number] == pytest.approx(usual_load_w(facts.prices[number].start), abs=1)
        foreseen_w = it.hub.forecast.foreseen_w(NOON)
        assert foreseen_w is not None
        sorts = {scenario.regime: scenario.pv_w[8] / foreseen_w for scenario in problem.scenarios}
        assert all(0.55 < share < 0.65 for share in sorts.values()), "the plant gave six tenths of it each day"
        assert [note for note in facts.notes if "calibrates" not in note] == []
    async with plan_home(service=False, forecast=None) as it:
        facts = await facts_of(it.hub, it.hub.clock.now())
        assert any("no forecast of the sun" in note for note in facts.notes)
        assert set(facts.pv_w) == {0.0}, "there was no sun in that history"


async def test_without_history_a_plan_is_made_and_says_that_it_guesses() -> None:
    async with plan_home(service=False, history_days=0) as it:
        facts = await facts_of(it.hub, it.hub.clock.now())
        assert "there is less than a day of history, so that the load is a guess" in facts.notes
        plan = (await make(it.hub, it.hub.clock.now())).plan
        assert plan.slots


async def test_what_a_plan_cannot_do_without_is_named() -> None:
    async with plan_home(service=False) as it:
        it.hub.prices.begin(FixedTariff(kind="fixed", import_price=0.3), it.hub.config.site.zone)
        assert (await facts_of(it.hub, it.hub.clock.now())).prices
        it.it.simulator.faults.add("silent")
        await it.it.pass_time(120)
        with pytest.raises(NotKnown, match="there is no battery that answers"):
            await facts_of(it.hub, it.hub.clock.now())
    async with plan_home(service=False, tariff=None) as it:
        with pytest.raises(NotKnown, match="the price of now is not known"):
            await facts_of(it.hub, it.hub.clock.now())


def test_gaps_of_history_are_bridged() -> None:
    assert filled([None, None, 1.0, None, 3.0, None]).tolist() == [1.0, 2.0, 3.0, 3.0]
    assert filled([None]).tolist() == []


# ---- when it is made -----------------------------------------------------------------------------------------------------------


async def test_a_plan_is_there_soon_and_steering_is_told_its_slot() -> None:
    async with plan_home() as it:
        await it.until_planned("there was none")
        plan = it.hub.planner.plan
        assert plan is not None
        now = it.hub.clock.now()
        slot = it.hub.plans[0](now)
        assert slot is not None
        assert slot.start <= now < slot.end
        assert slot.plan == plan.name
        assert slot.reason
        assert it.hub.planner.reason == ""
        assert plan.planned.total <= plan.self_use.total


async def test_dear_evenings_are_served_from_cheap_noons() -> None:
    async with plan_home() as it:
        await it.until_planned()
        plan = it.hub.planner.plan
        assert plan is not None
        noon, evening = plan.slot_at(NOON), plan.slot_at(NOON + timedelta(hours=6, minutes=30))
        assert noon is not None
        assert evening is not None
        assert evening.import_per_kwh > noon.import_per_kwh
        assert evening.battery_w > 100, "the battery gives"
        assert plan.saving > 0


async def test_a_plan_is_renewed_each_quarter_of_an_hour() -> None:
    async with plan_home() as it:
        await it.until_planned()
        await it.until_planned("a quarter of an hour is over")
        first = it.hub.planner.plan
        assert first is not None
        await it.until_planned("a quarter of an hour is over")
        second = it.hub.planner.plan
        assert second is not None
        assert second.slots[0].start - first.slots[0].start == QUARTER


async def test_new_prices_and_another_forecast_are_surprises() -> None:
    async with plan_home() as it:
        await it.until_planned()
        it.hub.prices.put(
            madeup.spots(it.hub.prices.midnight(it.hub.clock.now(), 1), it.hub.prices.midnight(it.hub.clock.now(), 2))
        )
        await it.until_planned("prices are new")
        it.hub.forecast.learn({quarter_of(it.hub.clock.now()) - number * QUARTER: 0.0 for number in range(96 * 10)})
        await it.until_planned("the forecast is another one")


async def test_a_charge_that_misses_the_plan_is_a_surprise() -> None:
    async with plan_home() as it:
        await it.until_planned()
        it.hub.planner.soc_pct = 50.0 + 2 * SURPRISE_PCT + 1
        await it.until_planned("the charge misses the plan by")


async def test_without_a_battery_there_is_no_plan_and_the_last_one_grows_too_old() -> None:
    async with plan_home() as it:
        await it.until_planned()
        it.it.simulator.faults.add("silent")
        await it.until(lambda: it.hub.planner.reason, step_s=60)
        assert it.hub.planner.reason == "there is no battery that answers"
        assert "no plan can be made: there is no battery that answers" in await it.journal()
        assert it.hub.planner.slot_at(it.hub.clock.now()) is not None, "for a while, the last one holds"
        await it.it.pass_time(TOO_OLD.total_seconds())
        assert it.hub.planner.slot_at(it.hub.clock.now()) is None
        it.it.simulator.faults.clear()
        await it.until(lambda: not it.hub.planner.reason, step_s=60)


async def test_it_plans_only_where_its_owner_wants_it() -> None:
    async with plan_home(plan=PlanConfig(enabled=False)) as it:
        await it.it.pass_time(120)
        assert (it.hub.planner.plan, it.hub.plans) == (None, [])


# ---- pins ----------------------------------------------------------------------------------------------------------------------


async def test_a_pinned_slot_is_kept_to_whatever_it_costs_and_outlives_the_hub() -> None:
    async with plan_home() as it:
        await it.until_planned()
        start = quarter_of(it.hub.clock.now()) + timedelta(hours=3)
        it.hub.planner.pin(start, start + 2 * QUARTER, Pin(Action.STOP))
        await it.until_planned("the owner wants it otherwise")
        plan = it.hub.planner.plan
        assert plan is not None
        pinned = [slot for slot in plan.slots if slot.pinned]
        assert [(slot.start, slot.action) for slot in pinned] == [(start, Action.STOP), (start + QUARTER, Action.STOP)]
        assert it.hub.planner.plan is not None
        kept = await it.hub.store.get(PINS)
        assert kept is not None
        again = Planner()
        again.restore_pins(kept)
        assert again.pins == it.hub.planner.pins
        it.hub.planner.pin(start, start + 2 * QUARTER, None)
        await it.until_planned("the owner wants it otherwise")
        assert await it.hub.store.get(PINS) == "{}"


async def test_pins_of_the_past_are_forgotten() -> None:
    planner = Planner()
    planner.pin(NOON, NOON + 4 * QUARTER, Pin(Action.HOLD))
    assert planner.forget(NOON + 2 * QUARTER)
    assert list(planner.pins) == [NOON + 2 * QUARTER, NOON + 3 * QUARTER]
    assert not planner.forget(NOON + 2 * QUARTER)


@pytest.mark.parametrize("text", ["no json", "[1]", '{"2026": ["fly", 1]}', '{"2026-06-21": 1}'])
def test_what_somebody_else_kept_as_pins_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Planner().restore_pins(text)


# ---- what became of it ---------------------------------------------------------------------------------------------------------


async def test_what_was_planned_for_a_quarter_is_kept_as_it_begins_and_compared_with_what_came() -> None:
    async with plan_home() as it:
        await it.until_planned()
        first = quarter_of(it.hub.clock.now())
        await it.until(lambda: it.hub.clock.now() >= first + 3 * QUARTER + timedelta(minutes=1), step_s=30)
        came = {"house_power": 400.0, "solar_power": 100.0, "grid_power": 200.0, "battery_power": 120.0, "battery_soc": 48.0}
        await it.hub.store.append([StoredReading(SITE, SITE, first + QUARTER, came)])
        await it.until(lambda: it.hub.planner.plan and it.hub.planner.plan.slots[0].start == first + 3 * QUARTER)
        await it.it.pass_time(1)
        rows = await compared(it.hub, first.astimezone(it.hub.config.site.zone).date())
        assert [row.start for row in rows] == [first + number * QUARTER for number in range(4)]
        second = rows[1]
        assert second.actual == {"soc_pct": 48.0, "battery_w": 120.0, "grid_w": 200.0, "load_w": 400.0, "pv_w": 100.0}
        assert second.actual_cost == pytest.approx(0.05 * second.import_price)
        assert set(second.planned) == set(second.actual)
        assert rows[0].actual["grid_w"] is None
        assert rows[0].actual_cost is None


async def test_of_a_day_that_nobody_planned_nothing_is_told() -> None:
    async with plan_home(service=False) as it:
        day = NOON.date()
        assert await compared(it.hub, day) == []
        for text in ("no json", "[1]", "{}", json.dumps([{"a": 1}])):
            await it.hub.store.put(day_key(day), text)
            assert await compared(it.hub, day) == []


async def test_another_reserve_can_be_tried_without_changing_anything() -> None:
    async with plan_home() as it:
        await it.until_planned()
        holds = it.hub.planner.plan
        careful = (await make(it.hub, it.hub.clock.now(), reserve_pct=80.0)).plan
        assert it.hub.planner.plan is holds
        assert holds is not None
        assert min(slot.soc_pct.p50 for slot in careful.slots) > min(slot.soc_pct.p50 for slot in holds.slots)


async def test_a_planner_that_starts_anew_goes_on_with_its_pins() -> None:
    async with plan_home(service=False) as it:
        start = quarter_of(it.hub.clock.now()) + timedelta(hours=1)
        it.hub.planner.pin(start, start + QUARTER, Pin(Action.HOLD))
        await it.hub.store.put(PINS, it.hub.planner.save_pins())
        it.hub.planner.pins.clear()
        async with at_work(serve_planner(it.hub)):
            await it.until_planned()
            assert list(it.hub.planner.pins) == [start]
