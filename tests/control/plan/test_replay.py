"""A past lived again: nobody looks ahead, the plant keeps its books, and the yardstick is not beaten."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from plan_problems import battery, ideal, problem, slots

from indevolt.control.plan.choice import Choice
from indevolt.control.plan.effects import effects_of
from indevolt.control.plan.foresight import Foresight
from indevolt.control.plan.past import PER_DAY, QUARTER, Outlook, Past, Terms, naive_foresight, past_of
from indevolt.control.plan.plant import Passage, Plant
from indevolt.control.plan.problem import Pin
from indevolt.control.plan.replay import Method, Planning, Preparing, decide_by, race, replay, run
from indevolt.control.plan.tuning import NEVER, tune_gate
from indevolt.control.situation import Action
from indevolt.errors import InvalidInput

BERLIN = ZoneInfo("Europe/Berlin")
DAYS = 3


def past(days: int = DAYS, start: datetime = datetime(2026, 1, 10, tzinfo=BERLIN), step_s: float = 900.0) -> Past:
    quarters = days * PER_DAY
    of_day = np.arange(quarters) % PER_DAY
    steps = round(900 / step_s)
    load_w = 300 + 1200.0 * ((of_day >= 68) & (of_day < 84))
    pv_w = np.maximum(0.0, 1800 * np.sin((of_day - 32) / 32 * np.pi) * ((of_day >= 32) & (of_day < 64)))
    return Past(
        start=start,
        step_s=step_s,
        load_w=np.repeat(load_w, steps),
        pv_w=np.repeat(pv_w, steps),
        import_per_kwh=0.20 + 0.25 * ((of_day >= 68) & (of_day < 80)) + 0.05 * (of_day < 24),
        export_per_kwh=np.full(quarters, 0.08),
        foreseen_w=pv_w,
    )


def test_a_plan_saves_more_than_self_use_and_foresight_is_not_beaten() -> None:
    costs = {each.method: each.cost for each in replay(past(), Terms(battery(soc_pct=10)), list(Method))}
    assert costs[Method.FORESIGHT] <= costs[Method.PLAN] + 1e-3
    assert costs[Method.PLAN] <= costs[Method.SELF_USE] + 1e-3
    assert costs[Method.SELF_USE] < costs[Method.NO_BATTERY]


def test_energy_is_conserved_over_a_replay() -> None:
    model = ideal(soc_pct=50)
    (played,) = replay(past(), Terms(model), [Method.SELF_USE])
    site = past()
    net_wh = float((site.load_w - site.pv_w)[PER_DAY:].sum()) / 4
    tally = played.tally
    assert tally.imported_wh - tally.exported_wh == pytest.approx(net_wh + played.left_wh)
    assert tally.charged_wh - tally.discharged_wh == pytest.approx(played.left_wh)
    assert max(played.soc_pct) <= 100 + 1e-9
    assert min(played.soc_pct) >= 5 - 1e-9


def test_no_battery_takes_no_standby() -> None:
    (without,) = replay(past(), Terms(battery()), [Method.NO_BATTERY])
    site = past()
    grid_kwh = (site.load_w - site.pv_w)[PER_DAY:] / 4000
    price = np.where(grid_kwh > 0, site.import_per_kwh[PER_DAY:], site.export_per_kwh[PER_DAY:])
    assert without.cost == pytest.approx(float((grid_kwh * price).sum()))


def test_what_comes_later_changes_nothing_that_was_known_before() -> None:
    """The same history with another future: everything known at that quarter is the same."""
    quarter = PER_DAY + 40
    one, other = past(), past()
    for series in (other.load_w, other.pv_w):
        series[quarter:] *= 3
    other.import_per_kwh[2 * PER_DAY :] += 1
    known, also = (Outlook(each).known(quarter, 144) for each in (one, other))
    assert known.slots == also.slots
    assert (known.load_w == also.load_w).all()
    assert (known.pv_w == also.pv_w).all()


@pytest.mark.parametrize(("hour", "published"), [(12, 48), (13, 44 + 96)])
def test_prices_of_tomorrow_are_known_from_one_in_the_afternoon(hour: int, published: int) -> None:
    assert Outlook(past()).published(hour * 4) == published


def test_the_day_on_which_clocks_change_has_its_own_length() -> None:
    spring = past(start=datetime(2026, 3, 29, tzinfo=BERLIN))
    assert Outlook(spring).published(0) == 23 * 4
    assert spring.at(8) == datetime(2026, 3, 29, 3, tzinfo=BERLIN)


def test_guessed_prices_are_those_of_the_day_before() -> None:
    known = Outlook(past()).known(PER_DAY + 40, 144)
    assert known.published == 56
    assert [slot.published for slot in known.slots[54:58]] == [True, True, False, False]
    assert known.slots[56].import_per_kwh == past().import_per_kwh[PER_DAY]


def test_the_plant_passes_nothing_below_its_minimum_and_sleeps_after_ten_minutes() -> None:
    plant = Plant(battery(soc_pct=50))
    plant.run(Choice(Action.SELF_USE), Passage([30.0] * 30, [0.0] * 30, 60.0, 0.30, 0.0))
    assert plant.tally.discharged_wh == 0
    assert plant.tally.imported_wh == pytest.approx(37 * 0.5), "asleep from the start"
    plant.run(Choice(Action.SELF_USE), Passage([500.0] + [0.0] * 29, [0.0] * 30, 60.0, 0.30, 0.0))
    assert plant.tally.imported_wh == pytest.approx(37 * 0.5 + 20 * 10 / 60 + 7 * 19 / 60), "awake for ten minutes more"


def test_a_discharge_stays_in_the_house_unless_it_may_be_sold() -> None:
    passage = Passage([200.0], [0.0], 900.0, 0.3, 0.1)
    for to_grid, exported_w in ((False, 0), (True, 793)):
        plant = Plant(battery(soc_pct=80), battery_to_grid=to_grid)
        plant.run(Choice(Action.DISCHARGE, 1000), passage)
        assert plant.tally.exported_wh == pytest.approx(exported_w / 4)


@pytest.mark.parametrize(("pv_w", "charged_w"), [(0, 700), (900, 700), (1600, 1300), (4000, 2000)])
def test_a_charge_of_a_plan_stores_at_least_its_power_and_all_that_the_sun_gives(pv_w: float, charged_w: float) -> None:
    choice = Choice(Action.CHARGE, 700)
    plant = Plant(ideal(soc_pct=20))
    plant.run(choice, Passage([300.0], [pv_w], 900.0, 0.3, 0.1))
    assert plant.tally.charged_wh == pytest.approx(charged_w / 4)
    planned = problem([0.3], [300], [pv_w], battery=ideal(soc_pct=20), slots=slots([0.3], pin=Pin(choice.action, choice.power_w)))
    effects = effects_of(planned)
    assert effects.ac_w[0, effects.choices.index(choice), 0] == -charged_w, "the plan reckons with what is done then"


def test_a_gate_is_chosen_by_what_it_would_have_saved() -> None:
    site = past(6)
    few = tune_gate(site, Terms(battery()), first=PER_DAY, last=3 * PER_DAY, usual=0.002)
    assert (few.gate, few.cost_per_day) == (0.002, {})
    played = tune_gate(site, Terms(battery(soc_pct=10)), first=PER_DAY, last=6 * PER_DAY, gates=(0.01,), usual=0.002)
    assert set(played.cost_per_day) == {0.01, NEVER}
    assert played.cost_per_day[played.gate] == min(played.cost_per_day.values())


def test_gates_that_are_tried_side_by_side_come_to_what_each_comes_to_alone() -> None:
    site, terms = past(4), Terms(battery(soc_pct=10))
    first, last = 3 * PER_DAY + 60, 3 * PER_DAY + 84
    gates = (0.0, 0.02)
    preparing = Preparing(site, replace(terms, gate=0.0), gates)
    entries = [(Method.PLAN, Planning(site, replace(terms, gate=gate), preparing)) for gate in gates]
    together = [played.cost for played in race(site, terms, entries, first=first, last=last)]
    alone = [replay(site, replace(terms, gate=gate), [Method.PLAN], first=first, last=last)[0].cost for gate in gates]
    assert together == pytest.approx(alone)


def test_what_is_left_counts_as_it_is_worth_in_the_days_after() -> None:
    """Before two dear days what is kept is worth more than one price says; who starts and ends alike is not affected."""
    site, terms = past(5), Terms(battery(soc_pct=60))
    last = 2 * PER_DAY
    site.import_per_kwh[last:] += 1.0
    foresight = Foresight(site, terms, PER_DAY, 4 * PER_DAY)
    decide = decide_by(site, terms, Method.NO_BATTERY, PER_DAY, last)
    kept = run(site, terms, Method.SELF_USE, decide, first=PER_DAY, last=last, worth=partial(foresight.worth, last))
    assert kept.settled == 0.0
    assert foresight.worth(last, 2400) - foresight.worth(last, 1400) > site.settled_per_kwh(PER_DAY, last)


def test_rows_of_minutes_become_a_past() -> None:
    at = [datetime(2026, 1, 1, tzinfo=UTC) + index * timedelta(minutes=5) for index in range(3 * 48)]
    columns = {"load_w": [100.0, 200.0, 300.0] * 48, "import_per_kwh": [0.2, 0.3, 0.4] * 48}
    site = past_of(at, columns, export_per_kwh=0.08)
    assert site.quarters == 48
    assert site.by_quarter()[0] == pytest.approx(np.full(48, 200.0))
    assert site.import_per_kwh == pytest.approx(np.full(48, 0.3))
    assert site.export_per_kwh == pytest.approx(np.full(48, 0.08))
    assert not site.pv_w.any()
    assert site.at(1) - site.at(0) == QUARTER


@pytest.mark.parametrize(
    ("step_min", "columns", "says"),
    [
        (7, {"load_w": [1.0] * 4}, "the step is 0:07:00"),
        (15, {"pv_w": [1.0] * 4, "import_per_kwh": [0.3] * 4}, "there is no column load_w"),
        (15, {"load_w": [1.0] * 4}, "there is no column import_per_kwh"),
        (15, {"load_w": [1.0, float("nan"), 1.0, 1.0], "import_per_kwh": [0.3] * 4}, "load_w: some values are missing"),
    ],
)
def test_a_past_that_is_none_is_refused(step_min: int, columns: dict[str, list[float]], says: str) -> None:
    at = [datetime(2026, 1, 1, tzinfo=UTC) + index * timedelta(minutes=step_min) for index in range(4)]
    with pytest.raises(InvalidInput) as refused:
        past_of(at, columns)
    assert says in str(refused.value)


def test_a_gap_is_named() -> None:
    at = [datetime(2026, 1, 1, tzinfo=UTC) + index * QUARTER for index in (0, 1, 2, 4)]
    with pytest.raises(InvalidInput, match=r"0:30:00 at 2026-01-01T01:00:00"):
        past_of(at, {"load_w": [1.0] * 4}, import_per_kwh=0.3)


def test_without_a_forecast_the_days_before_tell_and_none_after() -> None:
    pv = np.arange(3.0 * PER_DAY)
    told = naive_foresight(pv)
    assert told[:PER_DAY].tolist() == [0.0] * PER_DAY
    assert told[PER_DAY : PER_DAY + 3].tolist() == [0.0, 1.0, 2.0]
    assert told[2 * PER_DAY] == pytest.approx((0 + PER_DAY) / 2)


def test_series_of_different_lengths_are_refused() -> None:
    with pytest.raises(InvalidInput, match="pv_w: 5 values"):
        replace(past(), pv_w=np.zeros(5))
