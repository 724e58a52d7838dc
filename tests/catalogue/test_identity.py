"""Which family a device is: by evidence, and never by guessing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from indevolt.catalogue import Firmware, families, identify, load, probe_points, products
from indevolt.catalogue.identity import firmware_of
from indevolt.errors import UnknownModel


@pytest.mark.parametrize("name", products())
def test_what_each_product_reports_names_its_family(name: str) -> None:
    product = products()[name]
    assert identify(product.system).family == product.family


def test_the_board_outranks_a_type_that_another_family_uses_too() -> None:
    verdict = identify({"type": "CMS-SF2000", "fw": "V1.4.0C_R020.092_M4801_00000036"})

    assert verdict.family == "gen3"
    assert verdict.reasons[0] == "board R020"


def test_a_type_alone_is_a_hint_that_is_taken_when_nothing_speaks_against_it() -> None:
    assert identify({"type": "CMS-SF1200"}).family == "sf1200"


@pytest.mark.parametrize("device", [{}, {"type": ""}, {"type": "SP-2W-EU", "fw": "LSW3_01_E030_SS_00_00.00.00.03"}, {"type": None}])
def test_nothing_to_go_by_is_said_and_not_guessed(device: dict[str, object]) -> None:
    with pytest.raises(UnknownModel, match="nothing it reports names a family"):
        identify(device)


def test_one_wifi_module_in_three_families_does_not_decide() -> None:
    with pytest.raises(UnknownModel, match="fits more than one family"):
        identify({"fw": "V1.4.0C_M4801_00000036"})


def test_points_that_answer_decide_where_the_configuration_says_nothing() -> None:
    old_meter = load("gen1").points["meter_power"].read
    rating = load("gen2").points["ongrid_rated_power"].read
    assert old_meter is not None
    assert rating is not None

    assert identify({}, {old_meter.key: 0}).family == "gen1"
    assert identify({}, {rating.key: 2400}).family == "gen2"
    assert identify({}, {rating.key: 3000}).family == "gen3"
    assert {old_meter.at, rating.at} <= set(probe_points())


def test_printed_firmware_with_letters_for_zeros_and_blanks_is_understood() -> None:
    assert Firmware.parse("T1.4.06_ROOD. 072_M4801_0000002C") == Firmware.parse("T1406.07.002C")


def test_the_long_form_is_the_short_form() -> None:
    assert (
        Firmware.parse("V1.4.0C_R00D.0B2_M4801_00000036") == Firmware.parse("V140C.0B.0036") == Firmware.parse("CMS:V140C.0B.0036")
    )


def test_older_firmware_compares_as_older() -> None:
    older, newer = Firmware.parse("V1.3.09_R00D.012_M4801_00000015"), Firmware.parse("V1406.07.002E")

    assert older is not None
    assert newer is not None
    assert older < newer


@pytest.mark.parametrize("family", families())
def test_each_family_states_a_least_firmware_that_can_be_compared(family: str) -> None:
    assert Firmware.parse(load(family).identity.minimum_firmware) is not None


def test_the_documented_sample_is_one_build_too_old() -> None:
    verdict = identify({"type": "CMS-SF2000", "f_ver": "T1406.07.002C"})

    assert verdict.firmware_too_old
    assert not identify({"type": "CMS-SF2000", "f_ver": "V1406.07.002E"}).firmware_too_old


def test_unknown_firmware_is_not_called_too_old() -> None:
    assert not identify({"type": "CMS-SF2000", "f_ver": "custom"}).firmware_too_old


@pytest.mark.parametrize(("name", "family"), [("sys_getconfig_sf2000_docs.json", "gen2")])
def test_the_published_configuration_is_recognised(samples: Path, name: str, family: str) -> None:
    device = json.loads((samples / name).read_text("utf-8"))["response"]["device"]

    assert identify(device).family == family
    assert firmware_of(device) is not None


@given(
    st.dictionaries(st.sampled_from(["type", "fw", "f_ver", "p_ver", "sn"]), st.none() | st.integers() | st.text() | st.floats())
)
def test_any_configuration_gives_a_family_or_says_it_is_unknown(device: dict[str, object]) -> None:
    try:
        family = identify(device).family
    except UnknownModel:
        return
    assert family in families()
