"""Meters, readers and plugs that measure something real: a house that imports and exports, in each document's own words."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, strategies as st

from indevolt.clock import ManualClock
from indevolt.errors import Unreachable
from indevolt.measurement import Measurement, Phase
from indevolt.protocol import push
from indevolt.protocol.messages import AnyRequest, Json, MeterJsonData, P1GetData, P1JsonData, PlugGetData, PlugSetStatus, Text
from indevolt.simulator import Accessory, Api, Sort, State

NOW = datetime(2026, 6, 21, 10, 0, tzinfo=UTC)
ASK: dict[Sort, AnyRequest] = {
    Sort.METER: MeterJsonData(),
    Sort.METER3: MeterJsonData(),
    Sort.IR: MeterJsonData(),
    Sort.P1: P1JsonData(),
    Sort.PLUG: PlugGetData(),
}
IMPORT = {
    Sort.METER: "total_act_energy",
    Sort.METER3: "total_act_energy",
    Sort.IR: "Accumulated Purchase Of Electric Energy In Full Time.",
    Sort.P1: "total_act_energy_LT",
    Sort.PLUG: "positive_active_energy",
}
EXPORT = {
    Sort.METER: "total_act_ret_energy",
    Sort.METER3: "total_act_ret_energy",
    Sort.IR: "Full-Time Cumulative Grid-Connected Electric Energy",
    Sort.P1: "total_act_ret_energy_LT",
    Sort.PLUG: "reverse_active_energy",
}
POWER = {
    Sort.METER: "active power",
    Sort.METER3: "total_act_power",
    Sort.IR: "Total Active Power",
    Sort.P1: "total_act_power",
    Sort.PLUG: "power",
}
IMPORTING = Measurement(1234.56, 12_345.6, 7_890.1, 231.4)
EXPORTING = Measurement(-987.65, 12_345.6, 7_890.1, 231.4)
THREE = Measurement(600.0, 9_000.0, 100.0, 230.0, (Phase(1000.0, 5_000.0), Phase(-460.0, 1_000.0, 100.0), Phase(60.0, 3_000.0)))


class House:
    """What is measured, as a test sets it."""

    def __init__(self, measurement: Measurement) -> None:
        self.now = measurement

    def __call__(self) -> Measurement:
        return self.now

    def run(self, power_w: float, hours: float) -> None:
        counted_wh = power_w * hours
        self.now = Measurement(
            power_w, self.now.import_wh + max(0.0, counted_wh), self.now.export_wh + max(0.0, -counted_wh), self.now.voltage_v
        )


def accessory(sort: Sort | str, measurement: Measurement | House, **options: Any) -> Accessory:
    house = measurement if isinstance(measurement, House) else House(measurement)
    return Accessory(sort, measures=house, clock=ManualClock(NOW), **options)


def document(accessory: Accessory) -> dict[str, Any]:
    reply = accessory.answer(ASK[accessory.sort])
    assert isinstance(reply, Json)
    return dict(reply.document.get("data", reply.document))


def telegram(accessory: Accessory) -> dict[str, str]:
    """Return the lines of a telegram by their code."""
    reply = accessory.answer(P1GetData())
    assert isinstance(reply, Text)
    return dict(re.findall(r"\r\n(\d-\d:[\d.]+)\(([^)]*)\)", reply.text))


# ---- documents -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sort", Sort)
def test_both_registers_are_shown_in_kilowatt_hours(sort: Sort) -> None:
    shown = document(accessory(sort, IMPORTING))
    assert (shown[IMPORT[sort]], shown[EXPORT[sort]]) == (12.346, 7.89)


@pytest.mark.parametrize("sort", [sort for sort in Sort if sort is not Sort.P1])
def test_import_is_positive_and_export_negative(sort: Sort) -> None:
    assert document(accessory(sort, IMPORTING))[POWER[sort]] == 1234.6
    assert document(accessory(sort, EXPORTING))[POWER[sort]] == -987.6


def test_a_p1_reader_has_a_number_for_each_direction() -> None:
    shown = document(accessory("p1", IMPORTING))
    assert (shown["total_act_power"], shown["total_act_ret_power"]) == (1234.6, 0)
    shown = document(accessory("p1", EXPORTING))
    assert (shown["total_act_power"], shown["total_act_ret_power"]) == (0, 987.6)
    assert (shown["a_act_power"], shown["a_act_ret_power"]) == (0, 987.6)


@pytest.mark.parametrize("sort", Sort)
def test_the_fields_are_those_of_an_accessory_that_makes_up_its_values(sort: Sort) -> None:
    assert list(document(accessory(sort, IMPORTING))) == list(document(Accessory(sort)))


@pytest.mark.parametrize(
    ("sort", "current", "voltage"),
    [
        ("meter", "current", "voltage"),
        ("meter3", "a_current", "a_voltage"),
        ("ir", "L3 Phase Current", "L3 Phase Voltage"),
        ("p1", "a_current", "a_voltage"),
        ("plug", "electric_current", "voltage"),
    ],
)
def test_current_follows_from_power_and_voltage_and_has_no_sign(sort: str, current: str, voltage: str) -> None:
    shown = document(accessory(sort, EXPORTING))
    assert (shown[current], shown[voltage]) == (4.27, 231.4)


@pytest.mark.parametrize("voltage_v", [0.0, 1e-320])
def test_without_voltage_there_is_no_current(voltage_v: float) -> None:
    assert document(accessory("meter", Measurement(100.0, voltage_v=voltage_v)))["current"] == 0


def test_three_phases_are_shown_as_they_are() -> None:
    shown = document(accessory("meter3", THREE))
    assert [shown[f"{letter}_act_power"] for letter in "abc"] == [1000.0, -460.0, 60.0]
    assert [shown[f"{letter}_current"] for letter in "abc"] == [4.35, 2.0, 0.26]
    assert [shown[f"{letter}_act_energy"] for letter in "abc"] == [5.0, 1.0, 3.0]
    assert [shown[f"{letter}_act_ret_energy"] for letter in "abc"] == [0.0, 0.1, 0.0]
    assert (shown["total_act_power"], shown["total_aprt_power"], shown["total_act_energy"]) == (600.0, 1520.0, 9.0)
    shown = document(accessory("ir", THREE))
    assert [shown[f"L{number} Phase Power"] for number in (1, 2, 3)] == [1000.0, -460.0, 60.0]
    assert [shown[f"L{number} Phase Voltage"] for number in (1, 2, 3)] == [230.0] * 3
    shown = document(accessory("p1", THREE))
    assert [shown[f"{letter}_act_power"] for letter in "abc"] == [1000.0, 0.0, 60.0]
    assert [shown[f"{letter}_act_ret_power"] for letter in "abc"] == [0.0, 460.0, 0.0]
    assert [shown[f"{letter}_voltage"] for letter in "abc"] == [230.0] * 3


def test_a_house_with_one_phase_is_on_the_phase_that_the_samples_use() -> None:
    assert [document(accessory("meter3", IMPORTING))[f"{letter}_act_power"] for letter in "abc"] == [1234.6, 0, 0]
    assert [document(accessory("ir", IMPORTING))[f"L{number} Phase Power"] for number in (1, 2, 3)] == [0, 0, 1234.6]


def test_what_is_measured_outranks_what_was_captured() -> None:
    captured = State(documents={P1JsonData.rpc: {"total_act_power": 5}}, telegram="{/captured!}")
    reader = accessory("p1", IMPORTING, state=captured)
    assert document(reader)["total_act_power"] == 1234.6
    assert telegram(reader)["1-0:1.7.0"] == "01.235*kW"


@given(
    measurement=st.builds(
        Measurement,
        power_w=st.floats(-50_000, 50_000),
        import_wh=st.floats(0, 1e9),
        export_wh=st.floats(0, 1e9),
        voltage_v=st.floats(0, 300),
        phases=st.none(),
    ),
    even=st.booleans(),
    sort=st.sampled_from(Sort),
)
def test_whatever_is_measured_fits_document_and_frame(measurement: Measurement, even: bool, sort: Sort) -> None:
    board = accessory(sort, measurement.split_evenly() if even else measurement)
    report = board.push()
    assert push.decode(push.encode(report)) == report
    assert b":-0.0," not in report.payload
    shown = document(board)
    signed_w = shown[POWER[sort]] - shown.get("total_act_ret_power", 0)
    assert signed_w == pytest.approx(measurement.power_w, abs=0.06)
    assert shown[IMPORT[sort]] * 1000 == pytest.approx(measurement.import_wh, abs=0.6)
    assert shown[EXPORT[sort]] * 1000 == pytest.approx(measurement.export_wh, abs=0.6)


# ---- telegram ------------------------------------------------------------------------------------------------------------


def test_a_telegram_shows_both_directions_and_both_registers() -> None:
    lines = telegram(accessory("p1", IMPORTING))
    assert (lines["1-0:1.7.0"], lines["1-0:2.7.0"]) == ("01.235*kW", "00.000*kW")
    assert (lines["1-0:21.7.0"], lines["1-0:22.7.0"]) == ("01.235*kW", "00.000*kW")
    lines = telegram(accessory("p1", EXPORTING))
    assert (lines["1-0:1.7.0"], lines["1-0:2.7.0"]) == ("00.000*kW", "00.988*kW")
    assert (lines["1-0:21.7.0"], lines["1-0:22.7.0"]) == ("00.000*kW", "00.988*kW")
    assert (lines["1-0:1.8.1"], lines["1-0:1.8.2"]) == ("000012.346*kWh", "000000.000*kWh")
    assert (lines["1-0:2.8.1"], lines["1-0:2.8.2"]) == ("000007.890*kWh", "000000.000*kWh")
    assert (lines["1-0:32.7.0"], lines["1-0:31.7.0"]) == ("231.4*V", "004*A")
    assert lines["0-0:96.14.0"] == "0001", "the tariff whose registers count"


def test_a_telegram_of_three_phases_has_a_line_for_each() -> None:
    lines = telegram(accessory("p1", THREE))
    assert [lines[f"1-0:{code}.7.0"] for code in (21, 41, 61)] == ["01.000*kW", "00.000*kW", "00.060*kW"]
    assert [lines[f"1-0:{code}.7.0"] for code in (22, 42, 62)] == ["00.000*kW", "00.460*kW", "00.000*kW"]
    assert [lines[f"1-0:{code}.7.0"] for code in (32, 52, 72)] == ["230.0*V"] * 3
    assert [lines[f"1-0:{code}.7.0"] for code in (31, 51, 71)] == ["004*A", "002*A", "000*A"]
    assert not {"1-0:41.7.0", "1-0:52.7.0"} & telegram(accessory("p1", IMPORTING)).keys()


# ---- time, faults and switches -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sort", Sort)
def test_replies_and_reports_follow_the_house(sort: Sort) -> None:
    house = House(Measurement(0.0))
    board = accessory(sort, house)
    house.run(500.0, 2)
    assert document(board)[IMPORT[sort]] == 1.0
    house.run(-250.0, 2)
    report = dict(board.push().data)
    assert report.get("data", report)[EXPORT[sort]] == 0.5
    assert report.get("data", report)[IMPORT[sort]] == 1.0


@pytest.mark.parametrize("sort", Sort)
def test_a_frozen_meter_holds_its_replies_and_its_reports(sort: Sort) -> None:
    house = House(IMPORTING)
    board = accessory(sort, house)
    board.faults.add("frozen")
    before = document(board)
    house.run(-300.0, 1)
    assert document(board) == before
    report = dict(board.push().data)
    assert report.get("data", report) == before
    board.faults.clear()
    assert document(board)[EXPORT[sort]] == pytest.approx(before[EXPORT[sort]] + 0.3)


def test_a_report_uses_up_no_fault() -> None:
    house = House(IMPORTING)
    board = accessory("p1", house)
    before = document(board)
    board.faults.add("frozen*1")
    board.push()
    assert board.faults
    board.faults.add("frozen@0.5")
    house.run(400.0, 1)
    assert board.push().data != before, "nor does one hold it that strikes some requests only"


def test_a_meter_whose_api_is_off_is_offline() -> None:
    board = accessory("meter", IMPORTING)
    board.access.api = Api.OFF
    with pytest.raises(Unreachable):
        board.answer(MeterJsonData())
    assert board.identification() is None


def test_a_plug_that_is_off_passes_nothing_and_counts_nothing() -> None:
    house = House(Measurement(100.0, 1_000.0, 50.0))
    plug = accessory("plug", house)
    plug.answer(PlugSetStatus(on=False))
    house.run(100.0, 5)
    house.run(-100.0, 1)
    off = document(plug)
    assert (off["power"], off["electric_current"], off["positive_active_energy"], off["reverse_active_energy"]) == (0, 0, 1.0, 0.05)
    plug.answer(PlugSetStatus(on=True))
    house.run(200.0, 1)
    on = document(plug)
    assert (on["power"], on["positive_active_energy"], on["reverse_active_energy"]) == (200.0, 1.2, 0.05)


def test_a_plug_that_was_captured_off_starts_off() -> None:
    house = House(Measurement(100.0, 1_000.0))
    plug = accessory("plug", house, state=State(switch_on=False))
    house.run(100.0, 3)
    assert (document(plug)["power"], document(plug)["positive_active_energy"]) == (0, 1.0)
