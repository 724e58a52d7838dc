"""What stands on the wire, and what a person reads: the oddities of the device, one by one."""

from __future__ import annotations

from datetime import UTC, datetime, time
from math import isfinite
from typing import Any

import pytest
from hypothesis import given, strategies as st

from indevolt.battery import Value
from indevolt.catalogue import families, load
from indevolt.catalogue.codec import DeviceClock, Number, Switch, Text, TimeOfDay, Version, VersionBytes, Words
from indevolt.errors import InvalidInput, ProtocolError

ROLE = Words({"master": (1000,), "slave": (1001,), "none": (1002,)}, quoted=True)
STATE = Words({"standby": (0, 1000), "charge": (1, 1001), "discharge": (2, 1002)})


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (14501, "V1.45.01"),
        (10006, "V1.00.06"),
        (12008, "V1.20.08"),
        (108, "V1.08"),
        (321, "V3.21"),
        (15, "V1.5"),
        ("14501", "V1.45.01"),
    ],
)
def test_firmware_numbers_unpack(raw: object, shown: str) -> None:
    assert Version().decode(raw) == shown


@pytest.mark.parametrize("raw", [14501, 10006, 108, 15])
def test_firmware_numbers_pack_again(raw: int) -> None:
    version = Version().decode(raw)
    assert version is not None
    assert Version().encode(version) == raw


def test_a_part_without_firmware_reports_zero_which_is_no_version() -> None:
    assert Version().decode(0) is None


def test_the_old_inverter_packs_its_version_into_two_bytes() -> None:
    assert VersionBytes().decode(0x0102) == "V1.02"
    assert VersionBytes().encode("V1.02") == 0x0102


def test_kilowatt_hours_become_watt_hours_without_binary_dust() -> None:
    energy = Number("Wh", scale=1000)

    assert energy.decode(277.16) == 277160
    assert energy.decode(0.07) == 70
    assert energy.encode(530) == 0.53


def test_half_past_six_in_the_evening_is_4638() -> None:
    assert TimeOfDay().decode(4638) == time(18, 30)
    assert TimeOfDay().encode("18:30") == TimeOfDay().encode(time(18, 30)) == 4638


@pytest.mark.parametrize("raw", [24 * 256, 60, -1, "noon"])
def test_a_number_that_is_no_time_of_day_is_said_to_be_none(raw: object) -> None:
    with pytest.raises(ProtocolError, match=r"not a (time of day|number)"):
        TimeOfDay().decode(raw)


@pytest.mark.parametrize("raw", ["1000", 1000, 1000.0])
def test_the_cluster_role_is_read_as_text_and_as_number(raw: object) -> None:
    assert ROLE.decode(raw) == "master"


def test_the_cluster_role_is_sent_as_a_text() -> None:
    assert ROLE.encode("master") == "1000"


@pytest.mark.parametrize(("raw", "word"), [(0, "standby"), (1000, "standby"), (1, "charge"), (1002, "discharge")])
def test_both_codings_of_the_real_time_state_are_read(raw: int, word: str) -> None:
    assert STATE.decode(raw) == word


def test_a_code_that_no_document_knows_is_shown_as_it_is() -> None:
    assert STATE.decode(7) == "code 7"


def test_a_switch_may_be_written_0_and_1_but_read_1000_and_1001() -> None:
    grid_charging = load("gen2").points["grid_charging"]
    assert grid_charging.read is not None

    assert grid_charging.read.codec.decode(1001) is True
    assert grid_charging.writes[0].codec.encode(True) == 1


def test_a_connected_meter_reads_1000() -> None:
    meter = Switch(on=1000, off=1001)
    assert meter.decode(1000) is True
    assert meter.decode(1001) is False


def test_9999_minutes_left_means_that_there_is_no_estimate() -> None:
    side = load("gen2").points["charge_time_left"].read
    assert side is not None

    assert side.codec.decode(9999) is None
    assert side.codec.decode(304) == 304 * 60


def test_an_old_inverter_that_is_off_has_no_temperature_rather_than_0_degrees() -> None:
    side = load("gen1").points["inverter_temperature"].read
    assert side is not None

    assert side.codec.decode(0) is None
    assert side.codec.decode(35.2) == 35.2


def test_an_empty_serial_number_is_none_and_a_numeric_one_is_a_text() -> None:
    assert Text().decode("") is None
    assert Text().decode(2730890019) == "2730890019"


def test_the_clock_comes_as_three_words() -> None:
    words = [25 * 256 + 12, 18 * 256 + 9, 44 * 256 + 57]

    assert DeviceClock().decode(words) == datetime(2025, 12, 18, 9, 44, 57, tzinfo=UTC)
    assert DeviceClock().encode(datetime(2025, 12, 18, 9, 44, 57, tzinfo=UTC)) == words


def test_power_out_of_the_unit_is_positive_whatever_the_device_calls_it() -> None:
    side = load("gen2").points["ac_power"].read
    assert side is not None

    assert side.codec.decode(-661) == 661


def test_lifetime_solar_energy_is_watt_hours_already() -> None:
    side = load("gen1").points["pv_energy_total"].read
    assert side is not None

    assert side.codec.decode(553673) == 553673


@pytest.mark.parametrize("text", ["warm", "", "1e999", "nan", "12 W", "1_5", "１２"])
def test_text_for_a_number_is_refused_before_it_is_sent(text: str) -> None:
    with pytest.raises(InvalidInput, match="not a number"):
        Number("W").encode(text)


CODECS = {repr(point.read.codec): point.read.codec for family in families() for point in load(family).readable() if point.read}


@given(raw=st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8), st.lists, max_leaves=4))
def test_whatever_a_device_sends_is_a_value_or_a_protocol_error(raw: Any) -> None:
    for codec in CODECS.values():
        try:
            value = codec.decode(raw)
        except ProtocolError:
            continue
        assert value is None or isinstance(value, Value)


@pytest.mark.parametrize("raw", [1e308, -1e308, "1e308", "-1e308"])
def test_a_number_beyond_any_quantity_breaks_no_arithmetic(raw: Any) -> None:
    for codec in CODECS.values():
        try:
            value = codec.decode(raw)
        except ProtocolError:
            continue
        assert not isinstance(value, int | float) or isfinite(value)  # which an integer of 312 digits would break


@pytest.mark.parametrize("raw", [0, 1, 2, 4, 5, 8, 15, 21, 1000, 1001, 1002, 4638, 14501])
def test_what_a_read_side_decodes_it_also_encodes(raw: int) -> None:
    for codec in CODECS.values():
        try:
            value = codec.decode(raw)
        except ProtocolError:
            continue
        if value is not None and not str(value).startswith("code "):
            assert codec.decode(codec.encode(value)) == value, codec
