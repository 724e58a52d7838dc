"""Days of 23 and 25 hours, gaps in prices, a tomorrow that is not told, sources that fail.

A plan is made of what is known, says what is not, and ends where nothing is known any more.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from kept_house import at_work

from indevolt.control.plan.planned import Plan
from indevolt.control.situation import Action
from indevolt.hub.config_forecast import ForecastConfig, PlanConfig, PlaneConfig, SunSource
from indevolt.hub.config_tariff import AwattarTariff, FileTariff, TimeOfUseTariff
from indevolt.hub.forecast.service import serve_forecast
from indevolt.hub.planner.planner import TOO_OLD
from indevolt.hub.planner.problem import NotKnown, facts_of, problem_of
from indevolt.hub.planner.service import make, serve_planner
from indevolt.hub.planner.tuning import NIGHT
from indevolt.hub.prices.records import QUARTER, Spot, quarter_of
from indevolt.hub.prices.service import serve_prices
from indevolt.hub.site.quantities import SITE
from indevolt.store import StoredReading
from planner.planhome import PlanHome, plan_home

NIGHT_RATE = TimeOfUseTariff.model_validate(
    {
        "kind": "time_of_use",
        "import_price": 0.40,
        "export_price": 0.08,
        "bands": [{"start": "00:00", "end": "05:00", "import_price": 0.10}],
    }
)
SPRING = datetime(2026, 3, 28, 21, 0, tzinfo=UTC)  # 22:00 in Berlin; that night has no 02:00 to 03:00
AUTUMN = datetime(2026, 10, 24, 20, 0, tzinfo=UTC)  # 22:00 in Berlin; that night has 02:00 to 03:00 twice
NOWHERE = "http://127.0.0.1:9/prices"  # port 9 discards; nothing of these tests listens there


async def a_plan(it: PlanHome) -> tuple[Plan, tuple[str, ...]]:
    made = await make(it.hub, it.hub.clock.now())
    return made.plan, made.notes


# ---- days on which clocks are set ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("start", "hours"), [(SPRING, 23), (AUTUMN, 25)])
async def test_a_day_on_which_clocks_are_set_is_planned_quarter_by_quarter(start: datetime, hours: int) -> None:
    async with plan_home(
        service=False, start=start, tariff=NIGHT_RATE, forecast=None, soc_pct=30.0, plan=PlanConfig(horizon_h=27)
    ) as it:
        zone = it.hub.config.site.zone
        plan, _ = await a_plan(it)
        assert all(later.start - slot.start == QUARTER for slot, later in zip(plan.slots, plan.slots[1:], strict=False))
        day = (start + timedelta(hours=12)).astimezone(zone).date()
        assert sum(slot.start.astimezone(zone).date() == day for slot in plan.slots) == 4 * hours
        cheap = [slot for slot in plan.slots if slot.import_per_kwh == 0.10 and slot.start < start + timedelta(hours=12)]
        assert len(cheap) == 4 * (hours - 19), "five hours by the clocks are four or six of that night"
        assert {slot.start.astimezone(zone).hour < 5 for slot in cheap} == {True}
        charges = [slot for slot in plan.slots if slot.action is Action.CHARGE]
        assert charges
        assert {slot.import_per_kwh for slot in charges} == {0.10}


@pytest.mark.parametrize("start", [SPRING + timedelta(days=1), AUTUMN + timedelta(days=1)])
async def test_people_live_by_clocks_so_the_load_of_days_before_they_were_set_is_taken_by_them(start: datetime) -> None:
    async with plan_home(service=False, start=start, tariff=NIGHT_RATE, forecast=None, history_days=0) as it:
        zone, now = it.hub.config.site.zone, quarter_of(it.hub.clock.now())
        times = [now - number * QUARTER for number in range(1, 8 * 96)]
        rows = [StoredReading(SITE, SITE, at, {"house_power": 1500.0 if at.astimezone(zone).hour == 7 else 300.0}) for at in times]
        await it.hub.store.append(rows)
        problem = problem_of(await facts_of(it.hub, it.hub.clock.now()))
        mornings = [slot.start.astimezone(zone).hour == 7 for slot in problem.slots]
        assert sum(mornings) == 4
        days = [scenario for scenario in problem.scenarios if len(set(scenario.load_w)) > 1]  # and not what now is, going on
        assert len(days) > len(problem.scenarios) / 2
        for scenario in days:
            assert [load_w > 1000 for load_w in scenario.load_w] == mornings


@pytest.mark.parametrize("start", [SPRING, AUTUMN])
def test_the_nightly_work_begins_once_on_such_a_day(start: datetime) -> None:
    zone = ZoneInfo("Europe/Berlin")
    day = (start + timedelta(hours=12)).astimezone(zone).date()
    at = datetime.combine(day, NIGHT, zone)
    assert at.astimezone(UTC).astimezone(zone).time() == NIGHT, "it exists"
    assert at.replace(fold=1).utcoffset() == at.utcoffset(), "and only once"


# ---- prices --------------------------------------------------------------------------------------------------------------------


def spots(start: datetime, hours: int, price: float = 0.1) -> list[Spot]:
    return [Spot(start + timedelta(hours=number), start + timedelta(hours=number + 1), price) for number in range(hours)]


async def test_a_gap_in_prices_ends_the_plan_there_and_it_says_so() -> None:
    async with plan_home(service=False, tariff=AwattarTariff(kind="awattar", url=NOWHERE)) as it:
        now = quarter_of(it.hub.clock.now())
        it.hub.prices.put([*spots(now, 3), *spots(now + timedelta(hours=5), 6)])
        plan, notes = await a_plan(it)
        assert plan.slots[-1].end == now + timedelta(hours=3)
        assert "prices are neither known nor can be guessed from 2026-06-21 15:00 on; the plan ends there" in notes


async def test_a_gap_is_bridged_by_what_past_days_had_and_marked_as_a_guess() -> None:
    async with plan_home(service=False, tariff=AwattarTariff(kind="awattar", url=NOWHERE)) as it:
        now = quarter_of(it.hub.clock.now())
        it.hub.prices.put([*spots(now - timedelta(days=5), 96, 0.25), *spots(now, 3), *spots(now + timedelta(hours=5), 7)])
        plan, notes = await a_plan(it)
        assert len(plan.slots) == 48
        guessed = [slot for slot in plan.slots if not slot.published]
        assert (guessed[0].start, guessed[-1].end) == (now + timedelta(hours=3), now + timedelta(hours=5))
        assert {slot.import_per_kwh for slot in guessed} == {0.25}
        assert "some prices are guessed from past days" in notes


async def test_a_tomorrow_that_is_not_told_is_guessed_until_it_is() -> None:
    async with plan_home(service=False, tariff=AwattarTariff(kind="awattar", url=NOWHERE), plan=PlanConfig(horizon_h=36)) as it:
        now = it.hub.clock.now()
        midnight = it.hub.prices.midnight(now, 1)
        it.hub.prices.put(spots(midnight - timedelta(days=8), 8 * 24, 0.2))
        plan, notes = await a_plan(it)
        assert {slot.published for slot in plan.slots if slot.start >= midnight} == {False}
        assert "some prices are guessed from past days" in notes
        it.hub.prices.put(spots(midnight, 24, 0.5))
        plan, notes = await a_plan(it)
        assert {slot.published for slot in plan.slots} == {True}
        assert {slot.import_per_kwh for slot in plan.slots if slot.start >= midnight} == {0.5}
        assert "some prices are guessed from past days" not in notes


async def test_a_source_of_prices_that_fails_leaves_the_plan_as_long_as_prices_last_and_then_there_is_none() -> None:
    async with plan_home(service=False, tariff=AwattarTariff(kind="awattar", url=NOWHERE), plan=PlanConfig(horizon_h=12)) as it:
        it.hub.prices.put(spots(quarter_of(it.hub.clock.now()), 1))
        async with at_work(serve_prices(it.hub), serve_planner(it.hub)):
            await it.until_planned()
            await it.until(lambda: it.hub.prices.trouble is not None)
            plan = it.hub.planner.plan
            assert plan is not None
            assert len(plan.slots) <= 4
            await it.until(lambda: it.hub.planner.reason, step_s=60)
            assert it.hub.planner.reason == "the price of now is not known"
            assert it.hub.planner.slot_at(it.hub.clock.now()) is None, "a plan that has ended commands nothing"
            told = await it.journal()
            assert any(text.startswith("prices of awattar: ") for text in told)
            assert "no plan can be made: the price of now is not known" in told
            it.hub.prices.put(spots(quarter_of(it.hub.clock.now()), 6))
            await it.until(lambda: not it.hub.planner.reason, step_s=60)


async def test_a_price_file_that_is_no_longer_one_is_told_and_what_was_known_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text("start,price\n2026-06-21T10:00:00Z,0.1\n2026-06-21T11:00:00Z,0.3\n2026-06-21T12:00:00Z,0.2\n", "utf-8")
    async with plan_home(service=False, tariff=FileTariff(kind="file", file=file)) as it, at_work(serve_prices(it.hub)):
        await it.until(lambda: it.hub.prices.version)
        before, _ = await a_plan(it)
        file.write_text("start,price\n2026-06-21T10:00:00Z,dear\n", "utf-8")
        await it.until(lambda: it.hub.prices.trouble is not None)
        after, _ = await a_plan(it)
        assert [slot.import_per_kwh for slot in after.slots] == [slot.import_per_kwh for slot in before.slots]


# ---- the sun, the store and the battery ----------------------------------------------------------------------------------------


async def test_without_an_answer_about_the_sun_it_is_taken_to_be_as_in_the_last_days() -> None:
    asked = ForecastConfig(
        source=SunSource.OPEN_METEO,
        latitude_deg=52.5,
        longitude_deg=13.4,
        planes=(PlaneConfig(tilt_deg=30, azimuth_deg=180, peak_w=900),),
        url="http://127.0.0.1:9/forecast",
    )
    async with plan_home(service=False, tariff=NIGHT_RATE, forecast=asked) as it, at_work(serve_forecast(it.hub)):
        await it.until(lambda: it.hub.forecast.trouble is not None)
        plan, notes = await a_plan(it)
        assert any("there is no forecast of the sun" in note for note in notes)
        noon = plan.slot_at(datetime(2026, 6, 21, 11, 30, tzinfo=UTC))
        assert noon is not None
        assert noon.pv_w.p50 > 300, "its history has six tenths of a clear sky"


async def test_what_is_not_known_is_named_and_no_plan_is_made_up() -> None:
    async with plan_home(service=False, tariff=AwattarTariff(kind="awattar", url=NOWHERE)) as it:
        with pytest.raises(NotKnown, match="the price of now is not known"):
            await a_plan(it)


async def test_a_plan_that_cannot_be_renewed_commands_nothing_after_two_hours() -> None:
    async with plan_home() as it:
        await it.until_planned()
        plan = it.hub.planner.plan
        assert plan is not None
        at = plan.at.astimezone(UTC)
        assert it.hub.planner.slot_at(at + TOO_OLD - QUARTER) is not None
        assert it.hub.planner.slot_at(at + TOO_OLD + timedelta(seconds=1)) is None
