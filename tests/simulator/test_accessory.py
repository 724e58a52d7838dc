"""Virtual meters, readers and plugs: the fields of their samples, values that move, telegrams and pushes."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from indevolt.clock import ManualClock
from indevolt.errors import InvalidInput, NotFound, Unreachable
from indevolt.protocol import push
from indevolt.protocol.messages import (
    AnyRequest,
    GetData,
    Json,
    MeterJsonData,
    P1GetData,
    P1JsonData,
    PlugGetData,
    PlugGetStatus,
    PlugSetStatus,
    Result,
    SetData,
    SwitchStatus,
    SysConfig,
    SysGetConfig,
    Text,
)
from indevolt.simulator import Accessory, Sort

NOW = datetime(2025, 6, 19, 3, 19, 5, tzinfo=UTC)
OWN: dict[str, list[AnyRequest]] = {
    "meter": [MeterJsonData()],
    "meter3": [MeterJsonData()],
    "ir": [MeterJsonData()],
    "p1": [P1JsonData(), P1GetData()],
    "plug": [PlugGetData(), PlugGetStatus(), PlugSetStatus(on=True)],
}
ALL: list[AnyRequest] = [MeterJsonData(), P1JsonData(), P1GetData(), PlugGetData(), PlugGetStatus(), PlugSetStatus(on=True)]


def document(accessory: Accessory) -> dict[str, Any]:
    reply = accessory.answer(OWN[accessory.sort][0])
    assert isinstance(reply, Json)
    return dict(reply.document)


@pytest.mark.parametrize("sort", Sort)
def test_each_answers_its_own_rpcs_and_404_to_the_others(sort: Sort) -> None:
    accessory = Accessory(sort, clock=ManualClock(NOW))
    for request in ALL:
        if request in OWN[sort]:
            accessory.answer(request)
        else:
            with pytest.raises(NotFound):
                accessory.answer(request)


@pytest.mark.parametrize("sort", Sort)
@pytest.mark.parametrize("request_", [GetData((6000,)), SetData(47005, (1,))])
def test_none_is_a_battery(sort: Sort, request_: AnyRequest) -> None:
    with pytest.raises(NotFound):
        Accessory(sort).answer(request_)


def test_an_unknown_sort_is_refused_with_what_there_is() -> None:
    with pytest.raises(InvalidInput) as caught:
        Accessory("toaster")
    assert all(sort in caught.value.remedy for sort in Sort)


def test_their_fields_are_those_of_the_samples(samples: Path) -> None:
    import json

    meters = json.loads((samples / "igen_meter_jsondata_docs.json").read_text("utf-8"))
    p1 = json.loads((samples / "udp_push_p1_reader.json").read_text("utf-8"))["payload"]["data"]
    plug = json.loads((samples / "igen_plug_docs.json").read_text("utf-8"))["Plug.GetData"]
    expected = {"meter": meters["single_phase"], "meter3": meters["three_phase"], "ir": meters["ir_reader"], "p1": p1, "plug": plug}
    for sort, sample in expected.items():
        shown = document(Accessory(sort))
        assert list(shown) == list(sample), sort
        if "data" in sample:
            assert list(shown["data"]) == list(sample["data"])


def test_a_single_phase_meter_has_keys_with_blanks_and_a_three_phase_one_a_wrapper() -> None:
    assert "active power" in document(Accessory("meter"))
    assert list(document(Accessory("meter3"))) == ["data"]


@pytest.mark.parametrize(
    ("sort", "power", "energy"),
    [
        ("meter", "active power", "total_act_energy"),
        ("ir", "Total Active Power", "Accumulated Purchase Of Electric Energy In Full Time."),
        ("p1", "total_act_power", "total_act_energy_LT"),
        ("plug", "power", "positive_active_energy"),
    ],
)
def test_energy_is_the_sum_of_power(sort: str, power: str, energy: str) -> None:
    clock = ManualClock(NOW)
    accessory = Accessory(sort, clock=clock)
    start = document(accessory)[energy]
    watt_seconds, powers = 0.0, set()
    for _ in range(900):
        watt_seconds += document(accessory)[power] * 2
        powers.add(document(accessory)[power])
        clock.tick(2)
    assert len(powers) > 10
    assert document(accessory)[energy] - start == pytest.approx(watt_seconds / 3_600_000, rel=0.02)


def test_a_plug_that_is_off_takes_nothing() -> None:
    clock = ManualClock(NOW)
    plug = Accessory("plug", clock=clock)
    assert plug.answer(PlugGetStatus()) == SwitchStatus(on=True)
    assert plug.answer(PlugSetStatus(on=False)) == Result(result=True)
    off = document(plug)
    assert (off["power"], off["electric_current"]) == (0, 0)
    clock.tick(1800)
    assert document(plug)["positive_active_energy"] == off["positive_active_energy"]
    plug.answer(PlugSetStatus(on=True))
    assert plug.answer(PlugGetStatus()) == SwitchStatus(on=True)
    assert document(plug)["power"] > 0
    clock.tick(600)
    assert document(plug)["positive_active_energy"] - off["positive_active_energy"] == pytest.approx(0.01, abs=0.001)


def test_a_plug_answers_its_configuration_flat_and_a_reader_wrapped() -> None:
    plug, reader = Accessory("plug").answer(SysGetConfig()), Accessory("p1").answer(SysGetConfig())
    assert isinstance(plug, SysConfig)
    assert isinstance(reader, SysConfig)
    assert (plug.wrapped, plug.text("type"), reader.wrapped, reader.text("type")) == (False, "SP-2W-EU", True, "P1-2WR")


def test_a_frozen_meter_shows_the_same_for_ever() -> None:
    clock = ManualClock(NOW)
    meter = Accessory("meter", clock=clock)
    meter.faults.add("frozen")
    before = document(meter)
    clock.tick(100)
    assert document(meter) == before
    meter.faults.clear()
    assert document(meter) != before


def test_a_frozen_plug_says_true_and_does_not_switch() -> None:
    plug = Accessory("plug")
    plug.faults.add("frozen")
    assert plug.answer(PlugSetStatus(on=False)) == Result(result=True)
    plug.faults.clear()
    assert plug.answer(PlugGetStatus()) == SwitchStatus(on=True)


def test_a_rebooting_accessory_is_gone_for_a_while() -> None:
    meter = Accessory("meter", clock=ManualClock(NOW))
    meter.reboot(5)
    with pytest.raises(Unreachable):
        meter.answer(MeterJsonData())


# ---- telegram ------------------------------------------------------------------------------------------------------------


def crc_arc(text: str) -> int:
    """CRC-16/ARC bit by bit the other way round than the product does it: an oracle from the definition, unreflected."""
    register = 0
    for byte in text.encode("ascii"):
        for bit in range(8):
            carry = (register >> 15) ^ (byte >> bit & 1)
            register = (register << 1 & 0xFFFF) ^ (0x8005 if carry else 0)
    return int(f"{register:016b}"[::-1], 2)


def test_the_oracle_knows_the_published_check_value() -> None:
    assert crc_arc("123456789") == 0xBB3D


def test_a_telegram_stands_in_braces_with_header_and_checksum() -> None:
    reader = Accessory("p1", clock=ManualClock(NOW))
    reply = reader.answer(P1GetData())
    assert isinstance(reply, Text)
    match = re.fullmatch(r"\{(/.*!)([0-9A-F]{4})\r\n\}", reply.text, re.DOTALL)
    assert match is not None
    telegram, checksum = match.groups()
    assert telegram.startswith("/ISK5\\2M550T-1012\r\n\r\n1-3:0.2.8(50)\r\n")
    assert "\n" not in telegram.replace("\r\n", "")
    assert int(checksum, 16) == crc_arc(telegram)
    power = document(reader)["total_act_power"]
    assert f"1-0:1.7.0({power / 1000:06.3f}*kW)" in telegram
    assert "0-0:1.0.0(250619041905W)" in telegram


# ---- push ----------------------------------------------------------------------------------------------------------------


def test_a_reader_reports_what_it_shows_with_rising_numbers_and_true_time() -> None:
    clock = ManualClock(NOW)
    reader = Accessory("p1", clock=clock)
    first, second = reader.push(), reader.push()
    assert (first.kind, first.at_s, first.data) == (4, 1750303145, document(reader))
    assert second.sequence > first.sequence
    assert push.decode(push.encode(second)) == second


@pytest.mark.parametrize("sort", Sort)
def test_every_report_fits_its_frame(sort: Sort) -> None:
    accessory = Accessory(sort)
    assert push.decode(push.encode(accessory.push())).sn == accessory.serial
