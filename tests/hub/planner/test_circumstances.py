"""What a plan reckons with beside prices and scenarios, each against a simulated battery and with its reason on the slot.

A monthly peak, a cap on feed-in, a charge by a time, a calibration, cold packs, a reserve, prices below nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from kept_house import NAME
from pydantic import ValidationError

from indevolt.control.plan.planned import Plan, PlannedSlot
from indevolt.control.situation import Action, Target
from indevolt.hub.config import Config
from indevolt.hub.config_control import ControlConfig
from indevolt.hub.config_forecast import PlanConfig, TargetConfig
from indevolt.hub.config_tariff import FixedTariff
from indevolt.hub.planner.calibration import Calibration, due, last_at_least
from indevolt.hub.planner.packs import expected_c
from indevolt.hub.planner.problem import facts_of, problem_of, wanted_of
from indevolt.hub.planner.service import make
from indevolt.hub.planner.targets import coming, restored, save
from indevolt.hub.prices.records import QUARTER, Spot, quarter_of
from indevolt.hub.site.quantities import SITE
from indevolt.store import StoredReading
from planner.planhome import PlanHome, plan_home

FLAT: dict[str, Any] = {"kind": "fixed", "import_price": 0.30, "export_price": 0.08}
BELGIAN = FixedTariff.model_validate({**FLAT, "peak_price_per_kw": 4.2, "peak_floor_kw": 2.5})
EVENING = datetime(2026, 6, 21, 18, 0, tzinfo=UTC)


async def remember(it: PlanHome, values: dict[str, float], at: datetime, *, quarters: int = 1, device: str = SITE) -> None:
    family = SITE if device == SITE else "gen2_power"
    rows = [StoredReading(device, family, at + number * QUARTER, values) for number in range(quarters)]
    await it.hub.store.append(rows)


async def a_plan(it: PlanHome) -> Plan:
    return (await make(it.hub, it.hub.clock.now())).plan


def reasons(plan: Plan, text: str) -> list[str]:
    return [slot.reason for slot in plan.slots if text in slot.reason]


# ---- a price on the month's peak -----------------------------------------------------------------------------------------------


async def test_the_peak_of_a_month_is_that_of_the_history_and_not_below_the_floor() -> None:
    async with plan_home(service=False, tariff=BELGIAN) as it:
        now = it.hub.clock.now()
        assert (facts := await facts_of(it.hub, now)).peak is not None
        assert (facts.peak.per_kw, facts.peak.so_far_kw) == (4.2, 2.5)
        assert any("the peak of this month is known only from" in note for note in facts.notes)
        june = datetime(2026, 5, 31, 22, 0, tzinfo=UTC)  # where it begins, by local clocks
        for minutes in (-15, -10, -5):
            await remember(it, {"grid_import_power": 7000.0}, june + timedelta(minutes=minutes))
        for minutes in (0, 5, 10):
            await remember(it, {"grid_import_power": 3000.0 + 20 * minutes}, june + timedelta(minutes=minutes))
        await remember(it, {"grid_import_power": 9000.0}, june + timedelta(minutes=15))  # and no more of that quarter is known
        facts = await facts_of(it.hub, now)
        assert facts.peak is not None
        assert facts.peak.so_far_kw == pytest.approx(3.1)
        assert not any("the peak of this month" in note for note in facts.notes)
    async with plan_home(service=False) as it:
        assert (await facts_of(it.hub, it.hub.clock.now())).peak is None


async def test_a_plan_keeps_energy_for_a_load_that_would_raise_the_peak_and_says_so() -> None:
    heavy: dict[str, Any] = {"service": False, "history_days": 0, "forecast": None, "soc_pct": 30.0}
    told: list[PlannedSlot] = []
    for tariff in (FixedTariff.model_validate(FLAT), BELGIAN):
        async with plan_home(tariff=tariff, **heavy) as it:
            now = quarter_of(it.hub.clock.now())
            for number in range(1, 4 * 96):
                at = now - number * QUARTER
                await remember(it, {"house_power": 3400.0 if at.hour == EVENING.hour else 500.0}, at)
            plan = await a_plan(it)
            slot = plan.slot_at(EVENING)
            assert slot is not None
            told.append(slot)
    assert told[0].grid_w > 2600, "at one price all day, what is stored serves whoever comes first"
    assert told[1].grid_w <= 2510
    assert "keeps import below the month's peak of 2.5 kW, of which each kW costs 4.20 EUR" in told[1].reason


def test_a_floor_without_a_price_is_refused() -> None:
    with pytest.raises(ValidationError, match="it means nothing without peak_price_per_kw"):
        FixedTariff.model_validate({**FLAT, "peak_floor_kw": 2.5})


# ---- a cap on feed-in ----------------------------------------------------------------------------------------------------------


async def test_sun_that_may_not_be_given_away_is_stored_and_the_cap_is_told() -> None:
    async with plan_home(
        service=False, tariff=FixedTariff.model_validate(FLAT), control=ControlConfig(feed_in_limit_w=100.0)
    ) as it:
        problem = problem_of(await facts_of(it.hub, it.hub.clock.now()))
        assert problem.feed_in_cap_w == 100.0
        told = reasons(await a_plan(it), "W of surplus the grid takes 100 W at most")
        assert told
    async with plan_home(service=False, tariff=FixedTariff.model_validate(FLAT)) as it:
        assert reasons(await a_plan(it), "of surplus the grid takes") == []


# ---- a charge by a time --------------------------------------------------------------------------------------------------------


async def test_a_target_of_the_configuration_is_reached_by_its_time_and_the_slots_say_for_what() -> None:
    wanted = PlanConfig(horizon_h=12, targets=(TargetConfig(soc_pct=90, by=time(16, 0)),))
    async with plan_home(service=False, tariff=FixedTariff.model_validate(FLAT), forecast=None, plan=wanted) as it:
        plan = await a_plan(it)
        before = plan.slot_at(datetime(2026, 6, 21, 13, 59, tzinfo=UTC))  # 16:00 in Berlin is 14:00 UTC
        assert before is not None
        assert before.soc_pct.p50 >= 89
        charging = [slot for slot in plan.slots if slot.action is Action.CHARGE]
        assert charging
        assert "to be at 90 % by 16:00" in charging[0].reason


async def test_what_cannot_be_reached_is_told() -> None:
    wanted = PlanConfig(horizon_h=12, targets=(TargetConfig(soc_pct=100, by=time(12, 45)),))
    async with plan_home(service=False, tariff=FixedTariff.model_validate(FLAT), forecast=None, plan=wanted) as it:
        (told,) = [note for note in (await a_plan(it)).notes if "out of reach" in note]
        assert told.startswith("100 % by 12:45 is out of reach: about ")


async def test_a_target_that_the_owner_asks_for_holds_until_its_time_and_outlives_the_hub() -> None:
    async with plan_home() as it:
        await it.until_planned()
        target = Target(85.0, it.hub.clock.now() + timedelta(hours=5))
        it.hub.planner.want(target)
        await it.until_planned("the owner wants it otherwise")
        assert restored(await it.hub.store.get("plan-target") or "") == target
        assert it.hub.planner.forget(target.by)
        assert it.hub.planner.target is None


def test_targets_come_round_on_their_days_by_the_clocks_of_the_site_also_where_these_are_set() -> None:
    zone = Config.model_validate({"site": {"time_zone": "Europe/Berlin"}}).site.zone
    weekdays = (TargetConfig(soc_pct=80, by=time(6, 30), days=("mon", "sat", "sun")),)
    friday = datetime(2026, 10, 23, 12, 0, tzinfo=UTC)
    found = [target.by for target in coming(weekdays, friday, friday + timedelta(days=4), zone)]
    assert found == [datetime(2026, 10, 24, 4, 30, tzinfo=UTC), *(datetime(2026, 10, day, 5, 30, tzinfo=UTC) for day in (25, 26))]


def test_a_target_above_the_ceiling_and_one_with_an_offset_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"90 is above ceiling_pct of \[control\], which is 80"):
        Config.model_validate({"control": {"ceiling_pct": 80.0}, "plan": {"targets": [{"soc_pct": 90.0, "by": "06:30"}]}})
    with pytest.raises(ValidationError, match="it goes by the clocks of the site"):
        TargetConfig.model_validate({"soc_pct": 90.0, "by": "06:30+02:00"})


@pytest.mark.parametrize("text", ["no json", "[1]", "1", '["a", "b"]'])
def test_what_somebody_else_kept_as_target_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        restored(text)
    assert restored(save(None)) is None


# ---- a calibration -------------------------------------------------------------------------------------------------------------


async def test_a_device_that_will_calibrate_itself_is_full_by_then_and_the_plan_says_why() -> None:
    async with plan_home(service=False, tariff=FixedTariff.model_validate(FLAT), forecast=None) as it:
        it.it.simulator.set("full_charge_interval", 30)
        it.it.simulator.set("full_charge_start_time", time(16, 0))
        await it.it.pass_time(1300)  # settings are read now and then
        now = it.hub.clock.now()
        assert (await facts_of(it.hub, now)).calibrations == ()
        await remember(it, {"battery_soc": 100.0}, now - timedelta(days=30), device=NAME)
        facts = await facts_of(it.hub, now)
        (foreseen,) = facts.calibrations
        assert (foreseen.at, foreseen.every_days) == (datetime(2026, 6, 21, 16, 0, tzinfo=UTC), 30), "by its own clock"
        (target,) = wanted_of(facts)
        assert target.soc_pct == 100
        assert timedelta(hours=1) < target.by - foreseen.at < timedelta(hours=4), "so long does it take to fill it"
        plan = await a_plan(it)
        then = plan.slot_at(target.by - QUARTER / 2)
        assert then is not None
        assert then.soc_pct.p50 > 98
        assert reasons(plan, "to be at 100 %")
        assert any(note.startswith("cellar is expected to fill itself up from 2026-06-21 18:00 on") for note in plan.notes)


async def test_of_several_batteries_only_the_one_that_calibrates_has_to_be_full() -> None:
    async with plan_home(service=False, tariff=FixedTariff.model_validate(FLAT), forecast=None) as it:
        facts = await facts_of(it.hub, it.hub.clock.now())
        own_wh = facts.battery.capacity_wh
        own = Calibration(NAME, facts.at + timedelta(hours=2), 30, facts.at - timedelta(days=30), own_wh)
        both = replace(facts, battery=replace(facts.battery, capacity_wh=4 * own_wh, floor_pct=20.0), calibrations=(own,))
        (target,) = wanted_of(both)
        assert target.soc_pct == pytest.approx(0.25 * 100 + 0.75 * 20)
        beyond = replace(facts, calibrations=(replace(own, at=facts.prices[-1].end),))
        assert wanted_of(beyond) == ()


def test_a_calibration_is_due_so_many_days_after_the_last_full_charge_by_local_clocks() -> None:
    zone = Config.model_validate({"site": {"time_zone": "Europe/Berlin"}}).site.zone
    last = datetime(2026, 10, 20, 22, 30, tzinfo=UTC)  # the 21st in Berlin
    assert due(last, 5, time(2, 0), zone) == datetime(2026, 10, 26, 1, 0, tzinfo=UTC)  # clocks were set back in between
    times = [last + number * timedelta(hours=1) for number in range(4)]
    assert last_at_least(times, [99.6, None, 100, 80.0], 99.5) == times[2]
    assert last_at_least(times, [None, 12.0, True, None], 99.5) is None


# ---- packs ---------------------------------------------------------------------------------------------------------------------


async def test_cold_packs_take_little_and_freezing_ones_nothing_and_the_slots_say_so() -> None:
    target = PlanConfig(horizon_h=12, targets=(TargetConfig(soc_pct=100, by=time(20, 0)),))
    plans: list[Plan] = []
    for celsius in (25.0, 2.5):
        async with plan_home(
            service=False, tariff=FixedTariff.model_validate(FLAT), forecast=None, plan=target, temperature_c=celsius
        ) as it:
            plans.append(await a_plan(it))
    most_w = [max(-slot.battery_w for slot in plan.slots) for plan in plans]
    assert most_w[0] > 900
    assert most_w[1] <= 400, "two packs of 200 W each (control.md, section 0)"
    assert reasons(plans[1], "°C take 400 W at most")
    assert reasons(plans[0], "°C take") == []


async def test_packs_that_were_warmer_at_that_time_yesterday_are_expected_to_take_more_then() -> None:
    async with plan_home(service=False, tariff=FixedTariff.model_validate(FLAT), forecast=None, temperature_c=2.5) as it:
        now = quarter_of(it.hub.clock.now())
        for number in range(1, 96):
            at = now - number * QUARTER
            values = {"main_temperature": 12.0 if 13 <= at.hour < 20 else 2.5}
            await it.hub.store.append([StoredReading(NAME, "gen2_packs", at, values)])
        passages = (await facts_of(it.hub, it.hub.clock.now())).passages
        assert passages[0].charge_w == 400
        assert passages[0].coldest_c == pytest.approx(2, abs=0.7)
        assert passages[20].charge_w > 1500, "five hours on, in the afternoon"
        assert passages[20].coldest_c is None
        assert passages[47].charge_w == 400, "at night again"


def test_packs_are_expected_to_be_as_yesterday_drawn_towards_now() -> None:
    yesterday: list[float | None] = [5.0 + (number >= 48) * 10 for number in range(96)]
    found = expected_c(9.0, yesterday, 144)
    assert found[0] == 9.0
    assert found[24] == pytest.approx(5 + 4 / 2.71828, abs=0.01), "six hours later a third of the difference is left"
    assert found[95] == pytest.approx(15, abs=0.1)
    assert found[96] == pytest.approx(5, abs=0.1)
    assert expected_c(9.0, [None] * 96, 3) == [9.0, 9.0, 9.0]


# ---- a reserve, and prices below nothing ---------------------------------------------------------------------------------------


async def test_at_its_reserve_a_battery_is_not_called_empty() -> None:
    async with plan_home(
        service=False, tariff=FixedTariff.model_validate(FLAT), forecast=None, control=ControlConfig(reserve_pct=48.0)
    ) as it:
        plan = await a_plan(it)
        assert min(slot.soc_pct.p50 for slot in plan.slots) >= 47.9
        assert reasons(plan, "at the reserve of 48 %")
        assert reasons(plan, "empty") == []


async def test_power_that_costs_less_than_nothing_is_taken_and_the_slot_says_so() -> None:
    async with plan_home(service=False, forecast=None) as it:
        start = quarter_of(it.hub.clock.now()) + timedelta(hours=2)
        it.hub.prices.put([Spot(start, start + timedelta(hours=1), -0.60)])
        slot = (await a_plan(it)).slot_at(start)
        assert slot is not None
        assert slot.import_per_kwh < 0
        assert slot.action is Action.CHARGE
        assert slot.reason.startswith("charges while power costs -")
        assert "less than nothing" in slot.reason
