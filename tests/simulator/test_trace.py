"""A trace adds up: whatever the length of its rows, energy is neither made nor lost, and unknown stays unknown."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from indevolt.errors import InvalidInput
from indevolt.simulator.recorder import Recorder, row_length_s
from indevolt.simulator.trace import Row, Trace, UnitRow, energies

NOON = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)
watts = st.floats(-3000, 3000, allow_subnormal=False)


def unit(
    *, battery_w: float = 0, pv_w: float = 0, loss_w: float = 0, bypass_w: float = 0, soc_pct: float = 50, state: str = "standby"
) -> UnitRow:
    return UnitRow(soc_pct, battery_w, pv_w, pv_w + battery_w - loss_w - bypass_w, 20.0, state, bypass_w)


def row(*units: UnitRow, load_w: float = 0, roof_w: float = 0, at: datetime = NOON, seconds: float = 3600) -> Row:
    return Row(at, seconds, load_w, roof_w, load_w - roof_w - sum(each.ac_w for each in units), units)


def trace(*rows: Row, **more: Any) -> Trace:
    names = tuple(f"unit {number}" for number in range(1, len(rows[0].units) + 1))
    return replace(Trace("Run", "", names, rows), **more)


def after(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


# ---- recording -------------------------------------------------------------------------------------------------------


def test_steps_become_rows_that_begin_on_the_clock() -> None:
    recorder = Recorder(60)
    for second in range(150):
        at = NOON + timedelta(seconds=30 + second)
        recorder.step(at, 1, load_w=second, roof_w=10, grid_w=second - 10, units=[unit(soc_pct=second)])
    rows = recorder.rows()
    assert [(each.at - NOON).total_seconds() for each in rows] == [30, 60, 120]
    assert [each.seconds for each in rows] == [30, 60, 60]
    assert [each.load_w for each in rows] == pytest.approx([14.5, 59.5, 119.5])
    assert [each.units[0].soc_pct for each in rows] == pytest.approx([14.5, 59.5, 119.5])


def test_a_step_across_a_border_is_shared_out() -> None:
    recorder = Recorder(60)
    recorder.step(NOON, 90, load_w=100, roof_w=0, grid_w=100, units=[])
    recorder.step(NOON + timedelta(seconds=90), 30, load_w=300, roof_w=0, grid_w=300, units=[])
    assert [(each.seconds, each.load_w) for each in recorder.rows()] == [(60, 100), (60, 200)]


def test_a_gap_between_steps_ends_a_row_and_stays_a_gap() -> None:
    recorder = Recorder(60)
    for second in (0, 10, 40):
        recorder.step(NOON + timedelta(seconds=second), 10, load_w=100, roof_w=0, grid_w=100, units=[])
    assert [(each.at.second, each.seconds) for each in recorder.rows()] == [(0, 20), (40, 10)]


def test_what_came_and_went_within_a_row_is_kept_apart() -> None:
    recorder = Recorder(3600)
    recorder.step(NOON, 1800, load_w=0, roof_w=400, grid_w=-400, units=[unit(battery_w=-300, pv_w=300)])
    recorder.step(after(0.5), 1800, load_w=400, roof_w=0, grid_w=0, units=[unit(battery_w=400)])
    (hour,) = recorder.rows()
    assert hour.grid_w == pytest.approx(-200)
    total = energies([hour])
    assert (total.import_wh, total.export_wh) == pytest.approx((0, 200))
    assert (total.charged_wh, total.discharged_wh) == pytest.approx((150, 200))


def test_a_row_tells_the_state_that_lasted_longest() -> None:
    recorder = Recorder(60)
    for second, state in enumerate(["standby"] * 20 + ["grid_charging"] * 35 + ["fault"] * 5):
        recorder.step(NOON + timedelta(seconds=second), 1, load_w=0, roof_w=0, grid_w=0, units=[unit(state=state)])
    assert [each.units[0].state for each in recorder.rows()] == ["grid_charging"]


@given(
    st.sampled_from([1.0, 7.0, 60.0, 900.0]),
    st.lists(st.tuples(st.floats(0.01, 2000), st.booleans(), watts, watts, watts), min_size=1, max_size=20),
)
def test_no_energy_is_lost_or_made_by_recording(every_s: float, steps: list[tuple[float, bool, float, float, float]]) -> None:
    recorder, fine, at = Recorder(every_s), [], NOON
    for seconds, leaves_gap, load_w, battery_w, bypass_w in steps:
        own = unit(battery_w=battery_w, loss_w=20, bypass_w=bypass_w)
        fine.append(row(own, load_w=load_w, at=at, seconds=seconds))
        recorder.step(at, seconds, load_w=load_w, roof_w=0, grid_w=fine[-1].grid_w, units=[own])
        at += timedelta(seconds=seconds + 5 * leaves_gap)
    rows = recorder.rows()
    assert math.fsum(each.seconds for each in rows) == pytest.approx(math.fsum(seconds for seconds, *_ in steps))
    assert all(each.seconds <= every_s + 0.01 for each in rows)
    exact, kept = energies(fine), energies(rows)
    for name in ("load_wh", "import_wh", "export_wh", "charged_wh", "discharged_wh", "loss_wh"):
        assert getattr(kept, name) == pytest.approx(getattr(exact, name), abs=1e-6)


def test_a_recorder_refuses_what_goes_back_in_time() -> None:
    recorder = Recorder(60)
    recorder.step(NOON, 10, load_w=0, roof_w=0, grid_w=0, units=[])
    with pytest.raises(InvalidInput, match="does not go forward"):
        recorder.step(NOON, 10, load_w=0, roof_w=0, grid_w=0, units=[])
    with pytest.raises(InvalidInput, match="rows of 0 s"):
        Recorder(0)


@pytest.mark.parametrize(
    ("days", "length_s"),
    [(1 / 24, 5), (0.5, 30), (1, 60), (2, 60), (7, 120), (31, 300), (365, 3600), (366, 3600), (20_000, 3 * 86_400)],
)
def test_rows_are_a_minute_for_a_day_and_an_hour_for_a_year(days: float, length_s: float) -> None:
    assert row_length_s(days * 86_400) == length_s


# ---- adding up -------------------------------------------------------------------------------------------------------


def test_a_unit_loses_what_it_does_not_put_out() -> None:
    # 2451 W out of the battery gave 2240 W (protocol.md, section 12)
    captured = UnitRow(36.8, 2451, 0, 2240, 20, "grid_discharging")
    assert captured.loss_w == 211
    assert energies([row(captured, load_w=2240)]).loss_wh == pytest.approx(211)


def test_a_bypass_load_is_used_and_not_lost() -> None:
    total = energies([row(unit(battery_w=500, loss_w=40, bypass_w=100), load_w=360)])
    assert (total.load_wh, total.bypass_wh, total.used_wh, total.loss_wh, total.import_wh) == pytest.approx((360, 100, 460, 40, 0))


def test_a_micro_inverter_at_the_bypass_socket_counts_as_other_pv() -> None:
    total = energies([row(unit(bypass_w=-250, battery_w=-200, loss_w=20), load_w=30, roof_w=100)])
    assert total.roof_wh == pytest.approx(350)
    assert total.bypass_wh == 0
    assert total.export_wh == pytest.approx(100)


def test_shares_of_own_energy() -> None:
    total = energies([row(unit(pv_w=1000), load_w=400), row(unit(), load_w=600, at=after(1))])
    assert total.self_consumption_pct == pytest.approx(40)
    assert total.self_sufficiency_pct == pytest.approx(40)


def test_what_a_battery_gives_to_the_grid_is_not_the_suns() -> None:
    total = energies([row(unit(pv_w=200), load_w=300), row(unit(battery_w=800), load_w=100, at=after(1))])
    assert total.export_wh == pytest.approx(700)
    assert total.self_consumption_pct == 100


def test_of_what_sun_and_battery_give_together_the_sun_serves_the_house_first() -> None:
    total = energies([row(unit(pv_w=600, battery_w=600), load_w=400)])  # 200 of 600 W of sun are left over
    assert total.export_wh == pytest.approx(800)
    assert total.exported_own_wh == pytest.approx(200)
    assert total.self_consumption_pct == pytest.approx(100 * 2 / 3)


def test_without_sun_or_load_there_is_no_share() -> None:
    total = energies([row(unit())])
    assert total.self_consumption_pct is None
    assert total.self_sufficiency_pct is None


def test_who_charges_from_the_grid_more_than_is_used_is_not_less_than_not_self_sufficient() -> None:
    assert energies([row(unit(battery_w=-1000), load_w=100)]).self_sufficiency_pct == 0


def test_the_cost_is_import_at_its_price_less_export_at_its() -> None:
    rows = (row(load_w=1000), row(roof_w=500, at=after(1)))
    assert trace(*rows, import_price=(0.30, 0.10), export_price=(0.05, 0.08)).cost_eur == pytest.approx(0.30 - 0.04)
    assert trace(*rows, import_price=(0.30, 0.10)).cost_eur == pytest.approx(0.30)
    assert trace(*rows).cost_eur is None


def test_cycles_are_discharged_energy_by_capacity() -> None:
    run = trace(row(unit(battery_w=1000), unit(battery_w=500)), capacity_wh=(2000.0, 4000.0))
    assert run.cycles == pytest.approx(0.25)
    assert trace(row(unit(battery_w=1000))).cycles is None


def test_the_round_trip_does_not_depend_on_how_full_the_battery_ends() -> None:
    # 1000 W from the wall store 900 W, and 900 W give 810 W back: 0.9 twice
    charging, discharging = UnitRow(50, -900, 0, -1000, 20, "grid_charging"), UnitRow(50, 900, 0, 810, 20, "grid_discharging")
    for hours in (1, 5):
        rows = [row(charging, at=after(number)) for number in range(hours)]
        assert trace(*rows, row(discharging, at=after(hours))).round_trip == pytest.approx(0.81)
    assert trace(row(charging)).round_trip is None


def test_sun_that_goes_straight_to_the_house_is_no_round_trip() -> None:
    straight = UnitRow(50, 0, 1000, 500, 20, "mppt")
    charging, discharging = UnitRow(50, -900, 0, -1000, 20, "grid_charging"), UnitRow(50, 900, 0, 810, 20, "grid_discharging")
    assert trace(row(straight), row(charging, at=after(1)), row(discharging, at=after(2))).round_trip == pytest.approx(0.81)


def test_standby_fed_by_the_battery_lowers_the_round_trip() -> None:
    charging, discharging = UnitRow(50, -900, 0, -1000, 20, "grid_charging"), UnitRow(50, 900, 0, 810, 20, "grid_discharging")
    standby = UnitRow(50, 100, 0, 0, 20, "standby")
    run = trace(row(charging), row(discharging, at=after(1)), row(standby, at=after(2)))
    assert run.round_trip == pytest.approx(0.9 * 0.81)


def test_what_does_not_add_up_does_not_cancel_out() -> None:
    rows = (replace(row(load_w=100), grid_w=90.0), replace(row(load_w=100, at=after(1)), grid_w=110.0))
    assert trace(*rows).energies.error_wh == pytest.approx(0)
    assert trace(*rows).balance_error_wh == pytest.approx(20)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"rows": ()}, "without any row"),
        ({"units": ("a", "b")}, "has 1 units, the trace names 2"),
        ({"rows": (row(unit()), row(unit(), at=after(0.5)))}, "begins before"),
        ({"import_price": (0.1, 0.2)}, "import_price has 2 values for 1 rows"),
        ({"capacity_wh": (1.0, 2.0)}, "capacity_wh has 2 values for 1 units"),
        ({"reserve_pct": (1.0, 2.0)}, "reserve_pct has 2 values for 1 units"),
    ],
)
def test_a_trace_that_does_not_fit_together_is_refused(change: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        trace(row(unit()), **change)
