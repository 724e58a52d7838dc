"""One meter is judged: what counts, how old it is, what it is worth, and which sign it has (control.md, section 5, rule 4)."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from indevolt.hub.config_meters import MeterRole, ShellyMeter
from indevolt.hub.meters.meter import BACKWARDS, LEAST_PATIENCE_S, Meter, Meters, MeterState, SignTest
from indevolt.hub.meters.told import Told

NOON = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)


class Desk:
    """A meter, and a clock that a test moves."""

    def __init__(self, usual_s: float = 1.0, **settings: Any) -> None:
        self.meter = Meter(ShellyMeter(name="house", kind="shelly", host="10.0.0.9", **settings), usual_s=usual_s)
        self.now_s = 100.0

    def hear(self, power_w: float, after_s: float = 1.0, *, took_s: float = 0.0, **more: Any) -> bool:
        """Let time pass, and the meter tell something; whether it counts."""
        self.now_s += after_s
        now = NOON + timedelta(seconds=self.now_s)
        return self.meter.take(Told(power_w, **more), now, self.now_s, took_s) is not None

    def state(self) -> MeterState:
        return self.meter.state(self.now_s)

    @property
    def age_s(self) -> float:
        return self.meter.age_s(self.now_s)


def test_before_it_told_anything_nothing_is_known() -> None:
    it = Desk()
    assert (it.state(), it.age_s, it.meter.sample(), it.meter.shown) == (MeterState.WAITING, math.inf, None, None)


def test_what_it_tells_counts_and_grows_old() -> None:
    it = Desk()
    assert it.hear(431.5)
    it.now_s += 4
    assert (it.state(), it.age_s) == (MeterState.LIVE, 4.0)
    assert it.meter.shown is not None
    assert (it.meter.shown.power_w, it.meter.shown.at) == (431.5, NOON + timedelta(seconds=101))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("where", ["power_w", "phases_w", "import_wh", "witness"])
def test_what_is_no_number_is_rejected(value: float, where: str) -> None:
    it = Desk()
    assert it.hear(100)
    fields: dict[str, Any] = {"power_w": 200.0, where: (value,) if where in ("phases_w", "witness") else value}
    assert it.meter.take(Told(**fields), NOON, it.now_s) is None
    assert it.meter.trouble == "rejected: a value is no number"
    assert it.meter.shown is not None
    assert it.meter.shown.power_w == 100


def test_more_than_twice_what_can_flow_is_a_fault() -> None:
    it = Desk(limit_w=10_000.0)
    assert it.hear(20_000)
    assert it.hear(-20_000)
    assert not it.hear(20_001)
    assert not it.hear(-20_001)
    assert "more than twice what can flow there, 10000 W (limit_w)" in it.meter.trouble
    assert (it.meter.accepted, it.meter.rejected) == (2, 2)


def test_a_meter_that_only_tells_nonsense_grows_stale() -> None:
    it = Desk()
    it.hear(100)
    for _ in range(11):
        it.hear(math.nan)
    assert it.state() is MeterState.STALE


def test_time_that_goes_back_is_rejected_until_the_clock_must_have_been_set() -> None:
    it = Desk()
    assert it.hear(100, at=NOON)
    for _ in range(BACKWARDS):
        assert not it.hear(50, at=NOON - timedelta(seconds=9))
        assert "and the last was of" in it.meter.trouble
    assert it.hear(50, at=NOON - timedelta(seconds=9))
    assert it.age_s == 0, "and its clock is trusted from there"


def test_a_steady_house_is_told_from_a_dead_sensor() -> None:
    alive, dead = Desk(), Desk()
    for second in range(30):
        alive.hear(200, witness=(230.0 + second / 10,))
        dead.hear(200, witness=(230.0,))
    assert (alive.state(), dead.state()) == (MeterState.LIVE, MeterState.FROZEN)
    assert dead.meter.why(dead.now_s) == "every number has stood still for 29 s"
    dead.hear(200, witness=(230.1,))
    assert (dead.state(), dead.meter.why(dead.now_s)) == (MeterState.LIVE, "")


def test_a_meter_with_a_clock_of_its_own_may_repeat_itself() -> None:
    it = Desk()
    for second in range(30):
        it.hear(200, at=NOON + timedelta(seconds=second))
    assert it.state() is MeterState.LIVE


def test_frozen_at_nothing_is_frozen_too() -> None:
    it = Desk()
    for _ in range(12):
        it.hear(0)
    assert it.state() is MeterState.FROZEN


def test_patience_is_three_intervals_and_at_least_ten_seconds() -> None:
    it = Desk()
    for number in range(10):
        it.hear(number, after_s=8.0)
    assert (it.meter.period_s, it.meter.patience_s) == (8.0, 24.0)
    it.now_s += 24
    assert it.state() is MeterState.LIVE
    it.now_s += 0.1
    assert it.state() is MeterState.STALE
    fast = Desk()
    for number in range(10):
        fast.hear(number, after_s=0.5)
    assert (fast.meter.period_s, fast.meter.patience_s) == (0.5, LEAST_PATIENCE_S)


def test_the_period_is_that_of_what_is_new_however_often_it_is_asked() -> None:
    it = Desk()
    for second in range(60):
        it.hear(second // 5, after_s=1.0)
    assert it.meter.period_s == 5.0


def test_an_outage_does_not_teach_patience() -> None:
    it = Desk()
    for number in range(15):
        it.hear(number)
    it.hear(16, after_s=60)
    assert it.meter.patience_s == LEAST_PATIENCE_S
    it.meter.fail("no answer")
    assert it.meter.trouble == "no answer"
    it.hear(17, after_s=60)
    it.hear(18, after_s=60)
    assert it.meter.period_s == 1.0


def test_an_owner_may_ask_for_more_patience() -> None:
    it = Desk(patience_s=120.0)
    it.hear(1)
    it.now_s += 119
    assert it.state() is MeterState.LIVE


def test_it_measured_in_the_middle_of_asking() -> None:
    it = Desk()
    it.hear(100, took_s=0.4)
    assert it.age_s == pytest.approx(0.2)


def test_by_a_clock_of_its_own_only_differences_count() -> None:
    it = Desk()
    way_s = [0.3, 0.1, 0.9, 0.1]
    for second, way in enumerate(way_s):
        it.now_s = 100 + second + way
        it.meter.take(Told(second, at=NOON + timedelta(days=3, seconds=second)), NOON, it.now_s)
    assert it.age_s == pytest.approx(0.0, abs=1e-6), "the fastest of the last ones was hardly under way"
    it.now_s = 104.9
    it.meter.take(Told(9, at=NOON + timedelta(days=3, seconds=4)), NOON, it.now_s)
    assert it.age_s == pytest.approx(0.8)


def test_for_control_a_value_grows_old_while_the_meter_repeats_itself() -> None:
    it = Desk()
    it.hear(100)
    for _ in range(5):
        it.hear(100)
    sample = it.meter.sample()
    assert sample is not None
    assert (sample.age_s(it.now_s), sample.arrived_s, sample.proven) == (5.0, it.now_s, False)
    assert it.age_s == 0, "for people it is what the meter shows now"


@pytest.mark.parametrize(
    ("role", "invert", "power_w", "import_wh", "export_wh"),
    [
        (MeterRole.GRID, False, 100.0, 7.0, 3.0),
        (MeterRole.GRID, True, -100.0, 3.0, 7.0),
        (MeterRole.LOAD, False, 100.0, 7.0, 3.0),
        (MeterRole.CHARGER, True, -100.0, 3.0, 7.0),
        (MeterRole.PV, False, -100.0, 3.0, 7.0),
        (MeterRole.PV, True, 100.0, 7.0, 3.0),
    ],
)
def test_what_the_sign_means_is_up_to_role_and_owner(
    *, role: MeterRole, invert: bool, power_w: float, import_wh: float, export_wh: float
) -> None:
    it = Desk(role=role, invert=invert)
    it.hear(100, phases_w=(60.0, 40.0), import_wh=7.0, export_wh=3.0)
    shown = it.meter.shown
    assert shown is not None
    assert (shown.power_w, sum(shown.phases_w), shown.import_wh, shown.export_wh) == (power_w, power_w, import_wh, export_wh)


def test_a_sign_is_proven_for_the_setting_that_was_tested() -> None:
    it = Desk()
    it.meter.sign = SignTest(True, NOON, "charged with 300 W, the meter rose by 296 W", it.meter.setting)
    assert it.meter.proven
    assert SignTest.of_text(it.meter.sign.text()) == it.meter.sign
    turned = Desk(invert=True)
    turned.meter.sign = it.meter.sign
    assert not turned.meter.proven, "turned round, it is another one"
    slower = Desk(every_s=5.0)
    slower.meter.sign = it.meter.sign
    assert slower.meter.proven
    it.meter.sign = SignTest(False, NOON, "the meter fell", it.meter.setting)
    assert not it.meter.proven


def test_meters_are_found_by_name_and_role() -> None:
    meters = Meters()
    assert not meters.of(MeterRole.GRID)
    for name, role in (("sun", MeterRole.PV), ("house", MeterRole.GRID), ("shed", MeterRole.PV)):
        meters.add(Meter(ShellyMeter(name=name, kind="shelly", host="a", role=role)))
    assert list(meters) == ["sun", "house", "shed"]
    assert meters.grid is meters["house"]
    assert [meter.name for meter in meters.of(MeterRole.PV)] == ["sun", "shed"]


@given(st.lists(st.tuples(st.floats(), st.floats(0, 100), st.integers(-20, 20) | st.none()), max_size=60))
def test_whatever_it_tells_only_what_can_be_counts(heard: list[tuple[float, float, int | None]]) -> None:
    it = Desk()
    for power_w, after_s, own_s in heard:
        it.hear(power_w, after_s, at=None if own_s is None else NOON + timedelta(seconds=own_s))
        shown = it.meter.shown
        assert it.meter.patience_s >= LEAST_PATIENCE_S
        if shown is not None:
            assert math.isfinite(shown.power_w)
            assert abs(shown.power_w) <= 50_000
            assert it.age_s >= 0
