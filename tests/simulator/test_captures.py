"""Set to a captured state, a virtual device answers the captured requests with the same JSON, and goes on from there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from indevolt.clock import ManualClock
from indevolt.protocol.messages import (
    AnyRequest,
    Data,
    GetData,
    MeterJsonData,
    P1JsonData,
    PlugGetData,
    PlugGetStatus,
    Raw,
    Result,
    SetData,
    SysConfig,
    SysGetConfig,
    WifiGetStatus,
    WifiStatus,
)
from indevolt.protocol.rpc import encode_reply
from indevolt.simulator import Accessory, Board, Simulator, State, Surroundings, steady_house

NOW = datetime(2026, 10, 7, 17, 6, 27, tzinfo=UTC)
# a unit as we wrote it down, with everything that a careless simulator would tidy up
CAPTURE: dict[str, Raw] = {
    "0": 1234567890,  # a number where a text is documented
    "606": "1000",  # a text where a number is documented
    "7101": 4,
    "6107": 1002,  # the other coding
    "6002": 36.8,
    "9405": 36.0,
    "9016": 38.25,
    "9032": "PACK1",
    "9051": "",
    "9035": 0,
    "6000": 2451,
    "6001": 1002,
    "2278": -2238,  # not what 2451 W would give
    "142": 6.05,
    "6004": 7.15,
    "2107": 289.97,
    "1505": 321134,
    "11016": 300.5,
    "11009": 50.2,
    "11011": 85,
    "6105": 5,
    "11008": [26 * 256 + 10, 7 * 256 + 19, 6 * 256 + 27],
    "64999": None,  # no catalogue has it
    "1532": 150,
}


def device(
    state: dict[str, Raw] | State = CAPTURE, product: str = "powerflex2000", *, clock: ManualClock | None = None
) -> Simulator:
    return Simulator(product, clock=clock or ManualClock(NOW), state=state, lag_s=0, max_points=1000)


def read(simulator: Simulator, *points: int) -> dict[str, Raw]:
    reply = simulator.answer(GetData(points))
    assert isinstance(reply, Data)
    return dict(reply.values)


def same_json(board: Board, request: AnyRequest, document: Any) -> bool:
    """Whether the reply is a document byte for byte, keys in the same order."""
    return encode_reply(board.answer(request)) == orjson.dumps(document)


# ---- our own -------------------------------------------------------------------------------------------------------------


def test_captured_values_are_answered_as_they_came() -> None:
    assert same_json(device(), GetData(tuple(map(int, CAPTURE))), CAPTURE)


def test_they_are_answered_in_the_order_of_the_request() -> None:
    backwards = dict(reversed(CAPTURE.items()))
    assert same_json(device(), GetData(tuple(map(int, backwards))), backwards)


def test_points_that_were_not_captured_are_absent_unless_the_rest_is_asked_for() -> None:
    assert read(device(), 6002, 6005) == {"6002": 36.8}
    whole = Simulator(clock=ManualClock(NOW), state=CAPTURE, complete=True)
    assert read(whole, 6002, 6005) == {"6002": 36.8, "6005": 0}


def test_a_write_brings_its_point_into_being() -> None:
    simulator = device()
    assert read(simulator, 2618) == {}
    simulator.answer(SetData(1143, (1,)))
    assert read(simulator, 2618) == {"2618": 1001}


def test_the_charge_falls_by_what_the_captured_power_takes() -> None:
    clock = ManualClock(NOW)
    simulator = device(clock=clock)
    clock.tick(86)
    later = read(simulator, 6002, 9405, 9016, 9035)
    assert later["6002"] == pytest.approx(35.83, abs=0.1)  # 35.9 was captured
    assert later["9405"] == pytest.approx(35.03, abs=0.1)  # keeps its distance
    assert later["9016"] == pytest.approx(37.28, abs=0.1)
    assert later["9035"] == 0  # that pack is not there


def test_only_what_changed_is_written_anew() -> None:
    clock = ManualClock(NOW)
    simulator = device(clock=clock)
    clock.tick(86)
    still = [key for key in CAPTURE if key not in ("6002", "9405", "9016", "11008")]
    assert same_json(simulator, GetData(tuple(map(int, still))), {key: CAPTURE[key] for key in still})


def test_an_order_ends_what_was_captured() -> None:
    clock = ManualClock(NOW)
    simulator = device(clock=clock)
    simulator.answer(SetData(47015, (0, 0, 100)))
    clock.tick(15)  # 2240 W take their time
    still = {"6000": 21, "6001": 1000, "6107": 0, "2278": 0}  # at rest it feeds itself
    assert read(simulator, 6000, 6001, 6107, 2278) == still
    assert read(simulator, 11016)["11016"] == pytest.approx(300.5 + 2240, abs=1)  # the load is still there


def test_an_idle_capture_stays_as_it_was_for_a_day() -> None:
    clock = ManualClock(NOW)
    idle: dict[str, Raw] = {
        "7101": 1,
        "6000": 0,
        "6001": 1000,
        "6002": 92,
        "1664": 0,
        "11016": 0,
        "6105": 5,
        "2600": 1200,
        "7120": 1001,
    }
    simulator = device(idle, clock=clock)
    clock.tick(86_400)
    assert same_json(simulator, GetData(tuple(map(int, idle))), idle)


def test_counters_go_on_and_today_starts_anew_at_midnight() -> None:
    clock = ManualClock(NOW.replace(hour=23))
    simulator = device({"6000": -1000, "6002": 10, "142": 20, "6004": 3.5, "6006": 100.25}, clock=clock)
    clock.tick(1800)
    assert read(simulator, 6004, 6006) == {"6004": 4, "6006": 100.75}
    clock.tick(3600)
    assert read(simulator, 6006)["6006"] == 101.75
    assert 0 < float(str(read(simulator, 6004)["6004"])) < 1


def test_another_house_takes_over_from_a_captured_unit() -> None:
    clock = ManualClock(NOW)
    simulator = Simulator(clock=clock, state={"6000": 0, "6002": 50, "7101": 1}, house=steady_house(Surroundings(910, ())))
    assert read(simulator, 6000) == {"6000": 994}


@pytest.mark.parametrize(("capacity_kwh", "modules"), [(2.0, 1), (5.4, 3), (6.05, 3), (0.1, 1), (99.0, 6)])
def test_the_captured_capacity_tells_the_modules(capacity_kwh: float, modules: int) -> None:
    assert device({"142": capacity_kwh}).modules == modules


@pytest.mark.parametrize("point", ["6000", "6002", "142", "7101", "6107", "1664", "11016", "11008", "9032"])
@pytest.mark.parametrize("value", [None, "x", [], [1], "", -1, 1e9])
def test_a_capture_that_nobody_can_read_is_answered_all_the_same(point: str, value: Raw) -> None:
    clock = ManualClock(NOW)
    simulator = device({point: value, "6105": 5}, clock=clock)
    assert same_json(simulator, GetData((int(point),)), {point: value})
    clock.tick(100)
    simulator.answer(SetData(47005, (4,)))
    assert simulator.answer(SetData(47015, (1, 500, 90))) == Result(result=True)


def test_captured_nonsense_about_limits_does_not_turn_the_battery_round() -> None:
    simulator = device({"142": -5, "11009": -100, "6000": 0, "6002": 50, "7101": 4})
    simulator.answer(SetData(47015, (1, 500, 90)))
    assert simulator.unit.ac_w == 0
    assert simulator.unit.kit.capacity_wh == 2000  # of one module, the least there is


def test_a_captured_clock_goes_on_from_where_it_was() -> None:
    clock = ManualClock(NOW)
    simulator = device(clock=clock)
    before = simulator.get("device_time")
    clock.tick(86)
    after = simulator.get("device_time")
    assert isinstance(before, datetime)
    assert isinstance(after, datetime)
    assert (after - before).total_seconds() == 86


# ---- found samples -------------------------------------------------------------------------------------------------------


def sample(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text("utf-8"))


@pytest.mark.parametrize(
    ("name", "product"),
    [
        ("getdata_bk1600_vendor_fixture.json", "bk1600"),
        ("getdata_gen1_ha_fixture.json", "bk1600ultra"),
        ("getdata_gen2_ha_fixture.json", "solidflex2000"),
        ("getdata_sf2000_vendor_fixture.json", "solidflex2000"),
    ],
)
def test_a_found_poll_is_answered_alike(samples: Path, name: str, product: str) -> None:
    document = sample(samples, name)
    clock = ManualClock(NOW)
    simulator = device(State.parse(document), product, clock=clock)
    assert same_json(simulator, GetData(tuple(map(int, document))), document)
    clock.tick(60)  # nothing moved in these, so nothing moves
    assert same_json(simulator, GetData(tuple(map(int, document))), document)


def test_the_documented_poll_is_answered_as_printed(samples: Path) -> None:
    document = sample(samples, "getdata_docs.json")
    assert same_json(device(State.parse(document)), GetData((1664, 1665)), document["response"])


def observed(folder: Path) -> Iterator[dict[str, Raw]]:
    eco = sample(folder, "observed_powerflex2000eco.json")["observations"]
    sf3000 = sample(folder, "sf3000_vendor_test_values.json")
    others = sample(folder, "observed_other_devices.json")
    for document in (*eco, *others, *(part for part in sf3000.values() if isinstance(part, dict))):
        yield {key: value for key, value in document.items() if key.isdecimal()}


def test_every_found_observation_is_answered_alike(samples: Path) -> None:
    documents = [document for document in observed(samples) if document]
    assert len(documents) > 10
    for document in documents:
        simulator = device(State.parse(document), "solidflex3000" if "1109" in document else "powerflex2000")
        assert same_json(simulator, GetData(tuple(map(int, document))), document)


@pytest.mark.parametrize(
    "name", ["sys_getconfig_sf2000_docs.json", "igen_sys_getconfig_docs.json", "igen_sys_getconfig_flat_ha_fixture.json"]
)
def test_a_found_configuration_is_answered_alike(samples: Path, name: str) -> None:
    document = sample(samples, name)
    state = State.parse(document)
    assert isinstance(state.system, SysConfig)
    expected = document.get("response", document)
    assert same_json(device(state), SysGetConfig(), expected)
    assert same_json(Accessory("plug", clock=ManualClock(NOW), state=state), SysGetConfig(), expected)


def test_the_found_wifi_status_is_answered_alike(samples: Path) -> None:
    document = sample(samples, "wifi_getstatus_bk1600_docs.json")
    state = State.parse(document)
    assert isinstance(state.wifi, WifiStatus)
    assert same_json(device(state, "bk1600"), WifiGetStatus(), document["response"])


def test_found_replies_of_accessories_are_answered_alike(samples: Path) -> None:
    meters = sample(samples, "igen_meter_jsondata_docs.json")
    plug = sample(samples, "igen_plug_docs.json")
    cases: list[tuple[str, AnyRequest, Any]] = [
        ("meter", MeterJsonData(), meters["single_phase"]),
        ("meter3", MeterJsonData(), meters["three_phase"]),
        ("ir", MeterJsonData(), meters["ir_reader"]),
        ("p1", P1JsonData(), sample(samples, "igen_p1_jsondata_docs.json")),
        ("p1", P1JsonData(), sample(samples, "igen_p1_jsondata_ha_fixture.json")),
        ("p1", P1JsonData(), sample(samples, "udp_push_p1_reader.json")["payload"]["data"]),
        ("plug", PlugGetData(), plug["Plug.GetData"]),
        ("plug", PlugGetStatus(), plug["Plug.GetStatus"]),
    ]
    for sort, request, document in cases:
        state = State.parse({request.rpc: document})
        assert same_json(Accessory(sort, clock=ManualClock(NOW), state=state), request, document)
