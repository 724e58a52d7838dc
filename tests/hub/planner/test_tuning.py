"""Each night the site's own past days are lived again with several gates, in a process of its own, and the best one holds."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from kept_house import at_work

from indevolt.control.plan.tuning import LEAST_DAYS, NEVER
from indevolt.errors import IndevoltError
from indevolt.hub.config_forecast import PlanConfig
from indevolt.hub.config_tariff import FixedTariff, TimeOfUseTariff
from indevolt.hub.planner import gate
from indevolt.hub.planner.gate import Tuned, found
from indevolt.hub.planner.problem import facts_of
from indevolt.hub.planner.site_past import bridged, last_stretch, past_days, unbroken_from
from indevolt.hub.planner.tuning import FIRST_S, GATE, NIGHT, first_wait_s, serve_tuning, tune
from indevolt.hub.prices.records import QUARTER, quarter_of
from indevolt.hub.site.quantities import SITE
from indevolt.store import StoredReading
from planner.planhome import PlanHome, plan_home

TARIFF = TimeOfUseTariff.model_validate(
    {
        "kind": "time_of_use",
        "import_price": 0.40,
        "export_price": 0.08,
        "bands": [{"start": "00:00", "end": "06:00", "import_price": 0.15}],
    }
)
NIGHTLY = PlanConfig(horizon_h=12, tune_days=5)
PATIENCE_S = 240.0
"""Five days lived again take some seconds of a core, which this shares with others."""


async def tuned(it: PlanHome, *, step_s: float) -> Tuned:
    """Let time pass until a night has found something new."""
    before = it.hub.planner.tuned
    async with asyncio.timeout(PATIENCE_S):
        while (after := it.hub.planner.tuned) is before or after is None:
            await it.it.clock.advance(step_s)
            await asyncio.sleep(0.1)  # for the process that works: no time of the hub
            step_s = min(step_s, 1.0) if it.it.clock.now() - it.hub.started > timedelta(seconds=FIRST_S) else step_s
    return after


def forget(it: PlanHome) -> None:
    it.hub.planner.tuned = None


def test_the_word_for_never_is_that_of_the_tournament() -> None:
    assert gate.SELF_USE == NEVER


async def test_the_gate_that_would_have_cost_least_holds_and_outlives_the_hub() -> None:
    async with plan_home(service=False, tariff=TARIFF, history_days=9, plan=NIGHTLY) as it:
        assert (await facts_of(it.hub, it.hub.clock.now())).gate == NIGHTLY.gate
        async with at_work(serve_tuning(it.hub, gates=(0.0,))):
            told = await tuned(it, step_s=60)
        assert set(told.cost_per_day) == {0.0, NEVER}
        assert (told.days, told.usual) == (5.0, NIGHTLY.gate)
        assert told.cost_per_day[told.gate] == min(told.cost_per_day.values())
        assert told.gate != NEVER, "night power at 15 ct for an evening at 40 ct is worth a plan"
        assert told.reason.startswith("over the last 5 days, ")
        assert "would have cost least" in told.reason
        assert "plain self-use" in told.reason
        assert (await facts_of(it.hub, it.hub.clock.now())).gate == told.gate
        (text,) = [entry for entry in await it.journal() if entry.startswith("the gate of plans is ")]
        assert text.endswith(told.reason)

        forget(it)  # another run of the hub: it takes up what was kept, and waits for the night
        async with at_work(serve_tuning(it.hub, gates=(0.0,))):
            await it.it.pass_time(2 * FIRST_S)
            assert it.hub.planner.tuned == Tuned.of_text(told.save())
        assert len([entry for entry in await it.journal() if entry.startswith("the gate of plans is ")]) == 1


async def test_too_little_history_leaves_the_configured_gate_and_says_so() -> None:
    async with plan_home(service=False, history_days=4, plan=NIGHTLY) as it:
        await tune(it.hub, (0.0,))
        told = it.hub.planner.tuned
        assert told is not None
        assert (told.gate, told.cost_per_day) == (NIGHTLY.gate, {})
        assert told.reason == (
            f"{LEAST_DAYS} days to try gates on are needed, and the history has 3 without a gap; the configured gate holds"
        )
        assert it.hub.planner.gate(NIGHTLY.gate) == NIGHTLY.gate
        assert Tuned.of_text(await it.hub.store.get(GATE) or "") == told


async def test_another_gate_in_the_configuration_is_not_overruled_by_what_was_found_for_the_last_one() -> None:
    async with plan_home(service=False, history_days=0, plan=NIGHTLY) as it:
        it.hub.planner.tuned = Tuned(it.hub.clock.now(), 0.002, 0.04, 14, {0.04: 1.0, 0.002: 1.1}, "so it was")
        assert it.hub.planner.gate(0.002) == 0.04
        assert it.hub.planner.gate(0.1) == 0.1


async def test_without_a_battery_nothing_is_found_and_what_held_goes_on() -> None:
    async with plan_home(service=False, history_days=9, plan=NIGHTLY) as it:
        it.it.simulator.faults.add("silent")
        await it.it.pass_time(120)
        it.hub.planner.tuned = held = Tuned(it.hub.clock.now(), 0.002, 0.04, 14, {0.04: 1.0}, "so it was")
        with pytest.raises(IndevoltError, match="there is no battery that answers"):
            await tune(it.hub, (0.0,))
        assert it.hub.planner.tuned is held


async def test_it_works_at_night_by_the_clocks_of_the_site_and_soon_where_a_night_was_missed() -> None:
    async with plan_home(service=False, history_days=0, plan=NIGHTLY) as it:
        now = it.hub.clock.now()
        assert first_wait_s(it.hub) == FIRST_S
        it.hub.planner.tuned = found(now - timedelta(hours=2), NIGHTLY.gate, 14, {0.0: 1.0, NEVER: 2.0}, "EUR")
        night = now + timedelta(seconds=first_wait_s(it.hub))
        local = night.astimezone(it.hub.config.site.zone)
        assert timedelta() < night - now < timedelta(days=1)
        assert timedelta() <= local - local.replace(hour=NIGHT.hour, minute=NIGHT.minute, second=0) < timedelta(minutes=20)
        it.hub.planner.tuned = found(now - timedelta(days=2), NIGHTLY.gate, 14, {0.0: 1.0, NEVER: 2.0}, "EUR")
        assert first_wait_s(it.hub) == FIRST_S


async def test_a_trial_that_fails_is_told_and_is_no_finding() -> None:
    async with plan_home(service=False, tariff=TARIFF, history_days=9, plan=NIGHTLY) as it:
        with pytest.raises(IndevoltError, match="trying gates failed: ValueError: "):
            await tune(it.hub, ())  # there is nothing to try
        assert it.hub.planner.tuned is None
        assert await it.hub.store.get(GATE) is None


async def test_an_owner_may_keep_his_own_gate() -> None:
    async with plan_home(service=False, plan=PlanConfig(tune=False)) as it:
        await asyncio.wait_for(serve_tuning(it.hub), 1)
        assert it.hub.planner.tuned is None


# ---- what it is tried on -------------------------------------------------------------------------------------------------------


async def test_the_past_is_that_of_the_site_up_to_the_first_long_gap() -> None:
    async with plan_home(service=False, tariff=FixedTariff(kind="fixed", import_price=0.3), history_days=10, plan=NIGHTLY) as it:
        now = it.hub.clock.now()
        span = await past_days(it.hub, now, 14)
        assert span is not None
        assert (span.days, span.past.quarters, span.first) == (7, 960, 3 * 96)
        assert span.past.at(span.last) == quarter_of(now)
        assert str(span.past.start.tzinfo) == "Europe/Berlin"
        assert set(span.past.import_per_kwh) == {0.3}
        assert await past_days(it.hub, now + timedelta(days=1, hours=12), 14) is None, "the last day and a half is missing"


async def test_prices_that_nobody_knows_end_the_past() -> None:
    async with plan_home(service=False, history_days=14, plan=NIGHTLY) as it:
        span = await past_days(it.hub, it.hub.clock.now(), 14)
        assert span is not None
        assert span.past.at(0) >= it.hub.clock.now() - timedelta(days=8, hours=1), "made-up prices begin eight days ago"


def test_short_gaps_are_bridged_and_a_long_one_ends_it() -> None:
    priced = [True] * 12
    assert unbroken_from([1.0] * 12, priced) == 0
    assert unbroken_from([1.0, None, None, None, None, 2.0, *[1.0] * 6], priced) == 0
    assert unbroken_from([1.0, None, None, None, None, None, 2.0, *[1.0] * 5], priced) == 6
    assert unbroken_from([1.0] * 12, [*[True] * 3, False, *[True] * 8]) == 4
    assert unbroken_from([None] * 12, priced) == 12
    assert bridged([1.0, None, 3.0, None]) == [1.0, 2.0, 3.0, 3.0]


# ---- what is said --------------------------------------------------------------------------------------------------------------

AT = datetime(2026, 6, 21, 1, 30, tzinfo=UTC)


def test_of_gates_that_cost_the_same_the_configured_one_holds() -> None:
    told = found(AT, 0.002, 14, {0.0: 1.2, 0.002: 1.2, 0.04: 1.3, NEVER: 1.4}, "EUR")
    assert told.gate == 0.002
    assert told.reason == (
        "over the last 14 days, the configured gate of 0.002 would have cost least: 1.200 EUR a day; plain self-use 1.400"
    )


def test_where_no_plan_was_worth_it_plain_self_use_holds() -> None:
    told = found(AT, 0.002, 14, {0.002: 1.25, 0.04: 1.22, NEVER: 1.2}, "EUR")
    assert told.gate == NEVER
    assert told.reason.startswith(
        "over the last 14 days, plain self-use would have cost least: 1.200 EUR a day; the configured gate"
    )


@pytest.mark.parametrize("text", ["", "no json", "[1]", '{"at": 1}', '{"at": "2026-06-21T01:30:00+00:00", "usual": 1}'])
def test_what_somebody_else_kept_there_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Tuned.of_text(text)


def test_sun_that_was_not_read_is_bridged_or_ends_the_past_and_is_never_none() -> None:
    load, priced = [1.0] * 8, [True] * 8
    assert last_stretch(load, [None] * 8, priced) == (0, load, [0.0] * 8), "a site without modules"
    assert last_stretch(load, [0.0, 100.0, None, 300.0, *[0.0] * 4], priced) == (0, load, [0.0, 100.0, 200.0, 300.0, *[0.0] * 4])
    assert last_stretch(load, [9.0, *[None] * 5, 7.0, 8.0], priced) == (6, [1.0, 1.0], [7.0, 8.0])


async def test_gaps_are_those_of_what_the_store_has() -> None:
    async with plan_home(service=False, tariff=FixedTariff(kind="fixed", import_price=0.3), history_days=0, plan=NIGHTLY) as it:
        now = quarter_of(it.hub.clock.now())
        times = [now - number * QUARTER for number in range(1, 3 * 96) if not 200 <= number < 210]
        await it.hub.store.append([StoredReading(SITE, SITE, at, {"house_power": 300.0}) for at in times])
        span = await past_days(it.hub, now, 14)
        assert span is not None
        assert span.past.quarters == 199
