"""What a Shelly Pro 3EM says: its documents, its calls in every form, its errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, strategies as st

from indevolt.errors import Unreachable
from indevolt.measurement import Measurement, Phase
from indevolt.protocol.shelly import Shelly, Wanted, answer, answer_datagram, device_name

NOW = datetime(2026, 6, 21, 10, 5, tzinfo=UTC)
IMPORTING = Measurement(812.34, import_wh=123_456.789, export_wh=5_123.04)
EXPORTING = Measurement(-1840.0, import_wh=10.0, export_wh=20.0, voltage_v=236.0)
# Field names as real ones send them (firmware 1.4), in their order.
PHASE_FIELDS = ("current", "voltage", "act_power", "aprt_power", "pf", "freq")
EM_FIELDS = [
    "id",
    *(f"{letter}_{field}" for letter in "abc" for field in PHASE_FIELDS),
    "n_current",
    "total_current",
    "total_act_power",
    "total_aprt_power",
    "user_calibrated_phase",
]
EMDATA_FIELDS = [
    "id",
    *(f"{letter}_total_{field}" for letter in "abc" for field in ("act_energy", "act_ret_energy")),
    "total_act",
    "total_act_ret",
]


MAC = "02009E3779B1"


def shelly(measurement: Measurement = IMPORTING) -> Shelly:
    return Shelly(MAC, measurement, NOW, uptime_s=77)


def look(_: Wanted) -> Shelly:
    return shelly()


def get(target: str, measurement: Measurement = IMPORTING) -> Any:
    reply = answer("GET", target, b"", MAC, lambda _: shelly(measurement))
    assert reply.status == 200
    return json.loads(reply.body)


def post(target: str, body: object) -> tuple[int, Any]:
    reply = answer("POST", target, json.dumps(body).encode(), MAC, look)
    return reply.status, json.loads(reply.body) if reply.body else None


# ---- documents -----------------------------------------------------------------------------------------------------------


def test_the_fields_are_those_of_real_ones() -> None:
    assert list(get("/rpc/EM.GetStatus?id=0")) == EM_FIELDS
    assert list(get("/rpc/EMData.GetStatus?id=0")) == EMDATA_FIELDS


def test_one_phase_is_phase_a_and_the_others_are_not_wired() -> None:
    status = get("/rpc/EM.GetStatus?id=0")
    assert [status[f"a_{field}"] for field in PHASE_FIELDS] == [3.532, 230.0, 812.3, 812.3, 1.0, 50.0]
    assert [status[f"{letter}_{field}"] for letter in "bc" for field in PHASE_FIELDS] == [0.0] * 12
    assert (status["total_act_power"], status["total_aprt_power"], status["total_current"]) == (812.34, 812.34, 3.532)
    assert status["n_current"] is None


def test_export_is_negative_and_only_power_is_signed() -> None:
    status = get("/rpc/EM.GetStatus?id=0", EXPORTING)
    assert (status["a_act_power"], status["total_act_power"]) == (-1840.0, -1840.0)
    assert (status["a_current"], status["a_aprt_power"], status["total_aprt_power"]) == (7.797, 1840.0, 1840.0)


def test_registers_are_watt_hours_of_import_and_export() -> None:
    data = get("/rpc/EMData.GetStatus?id=0")
    assert (data["total_act"], data["total_act_ret"]) == (123_456.79, 5_123.04)
    assert (data["a_total_act_energy"], data["a_total_act_ret_energy"]) == (123_456.79, 5_123.04)
    assert data["b_total_act_energy"] == data["c_total_act_ret_energy"] == 0


def test_a_balanced_house_has_a_third_on_each_phase() -> None:
    measurement = Measurement(900.0, 300.0, 60.0).split_evenly()
    status, data = get("/rpc/EM.GetStatus?id=0", measurement), get("/rpc/EMData.GetStatus?id=0", measurement)
    assert [status[f"{letter}_act_power"] for letter in "abc"] == [300.0] * 3
    assert [status[f"{letter}_voltage"] for letter in "abc"] == [230.0] * 3
    assert [data[f"{letter}_total_act_energy"] for letter in "abc"] == [100.0] * 3
    assert (status["total_act_power"], data["total_act"], data["total_act_ret"]) == (900.0, 300.0, 60.0)


def test_phases_that_go_against_each_other_are_shown_as_they_are() -> None:
    phases = (Phase(1000.0, 5.0), Phase(-400.0, 0.0, 3.0), Phase(0.0))
    status = get("/rpc/EM.GetStatus?id=0", Measurement(600.0, 2.0, 0.0, phases=phases))
    assert [status[f"{letter}_act_power"] for letter in "abc"] == [1000.0, -400.0, 0.0]
    assert (status["total_act_power"], status["total_aprt_power"]) == (600.0, 1400.0)


def test_nothing_is_shown_as_negative_zero() -> None:
    assert b"-0" not in answer("GET", "/rpc/EM.GetStatus?id=0", b"", MAC, lambda _: shelly(Measurement(-0.0001))).body


@pytest.mark.parametrize("voltage_v", [0.0, 1e-320])
def test_a_house_without_voltage_has_no_current(voltage_v: float) -> None:
    status = get("/rpc/EM.GetStatus?id=0", Measurement(100.0, voltage_v=voltage_v))
    assert (status["a_current"], status["a_freq"]) == (0.0, 0.0)


def test_it_tells_what_it_is_in_two_places() -> None:
    info = get("/shelly")
    assert info == get("/rpc/Shelly.GetDeviceInfo")
    assert (info["id"], info["mac"], info["gen"], info["app"]) == ("shellypro3em-02009e3779b1", "02009E3779B1", 2, "Pro3EM")
    assert (info["model"], info["profile"], info["auth_en"]) == ("SPEM-003CEBEU", "triphase", False)


def test_the_whole_status_holds_both_components_and_the_clock() -> None:
    status = get("/rpc/Shelly.GetStatus")
    assert status["em:0"] == get("/rpc/EM.GetStatus?id=0")
    assert status["emdata:0"] == get("/rpc/EMData.GetStatus?id=0")
    assert (status["sys"]["time"], status["sys"]["unixtime"], status["sys"]["uptime"]) == ("10:05", 1782036300, 77)


def gone(_: Wanted) -> Shelly:
    raise Unreachable("no reading")


# ---- calls ---------------------------------------------------------------------------------------------------------------


def test_a_frame_is_answered_with_a_frame() -> None:
    assert post("/rpc", {"id": 1, "method": "EM.GetStatus", "params": {"id": 0}}) == (
        200,
        {"id": 1, "src": "shellypro3em-02009e3779b1", "result": get("/rpc/EM.GetStatus?id=0")},
    )


def test_a_frame_goes_back_to_where_it_came_from() -> None:
    _, frame = post("/rpc", {"jsonrpc": "2.0", "id": "x", "src": "user_1", "method": "Shelly.GetDeviceInfo"})
    assert (frame["id"], frame["dst"], frame["result"]) == ("x", "user_1", get("/shelly"))


def test_parameters_alone_may_be_posted_to_a_method() -> None:
    assert post("/rpc/EMData.GetStatus", {"id": 0}) == (200, get("/rpc/EMData.GetStatus?id=0"))
    assert post("/rpc/EMData.GetStatus?id=0", {})[0] == 500, "then the query is not looked at"


def test_the_case_of_a_method_does_not_matter() -> None:
    assert get("/rpc/em.getstatus?id=0") == get("/rpc/EM.GetStatus?id=0")


@pytest.mark.parametrize(
    ("call", "status", "code", "message"),
    [
        ("Switch.GetStatus?id=0", 404, 404, "No handler for Switch.GetStatus"),
        ("", 404, 404, "No handler for "),
        ("EM.GetStatus", 500, -103, "Missing required 'id'"),
        ("EM.GetStatus?id=zero", 500, -103, "Argument 'id' is not a number"),
        ("EM.GetStatus?id=", 500, -103, "Argument 'id' is not a number"),
        ("EMData.GetStatus?id=1", 500, -105, "Argument 'id', value 1 not found!"),
    ],
)
def test_a_call_that_fails_says_why_in_the_shape_of_real_ones(call: str, status: int, code: int, message: str) -> None:
    method, _, query = call.partition("?")
    if method:
        reply = answer("GET", f"/rpc/{call}", b"", MAC, look)
        assert (reply.status, json.loads(reply.body)) == (status, {"code": code, "message": message})
    params = {key: int(value) if value.isdigit() else value for key, _, value in [query.partition("=")] if key}
    assert post("/rpc", {"id": 5, "method": method, "params": params}) == (
        200,
        {"id": 5, "src": device_name(MAC), "error": {"code": code, "message": message}},
    )


def test_a_number_too_long_to_be_one_is_none() -> None:
    reply = answer("GET", "/rpc/EM.GetStatus?id=" + "9" * 5000, b"", MAC, look)
    assert (reply.status, json.loads(reply.body)["code"]) == (500, -103)


@pytest.mark.parametrize("params", [[0], "id", 0, True])
def test_parameters_that_are_no_object_are_an_invalid_argument(params: object) -> None:
    status, frame = post("/rpc", {"id": 1, "method": "EM.GetStatus", "params": params})
    assert (status, frame["error"]["code"]) == (200, -103)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b'{"id":1}',
        b'{"method":"EM.GetStatus"}',
        b'{"id":true,"method":"x"}',
        b'{"id":[1],"method":"x"}',
        b'{"id":"\\ud800","method":"\\ud800"}',
    ],
)
def test_what_is_no_frame_is_a_bad_request(body: bytes) -> None:
    assert answer("POST", "/rpc", body, MAC, look).status == 400


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/status", 404),
        ("GET", "/rpcs", 404),
        ("GET", "*", 404),
        ("GET", "", 404),
        ("GET", "/rpc", 400),
        ("GET", "/rpc/EM.GetStatus?" + "a=1&" * 50, 400),
        ("PUT", "/shelly", 405),
        ("OPTIONS", "/rpc", 405),
    ],
)
def test_other_paths_and_methods_are_refused_without_a_body(method: str, target: str, status: int) -> None:
    reply = answer(method, target, b"", MAC, look)
    assert (reply.status, reply.body) == (status, b"")


def test_a_meter_with_nothing_to_show_is_unavailable() -> None:
    for method, target, body in (
        ("GET", "/rpc/EM.GetStatus?id=0", b""),
        ("GET", "/rpc/EMData.GetStatus?id=0", b""),
        ("GET", "/rpc/Shelly.GetStatus", b""),
        ("POST", "/rpc", b'{"id":1,"method":"EM.GetStatus","params":{"id":0}}'),
    ):
        assert answer(method, target, body, MAC, gone).status == 503


def test_who_it_is_does_not_hang_on_what_it_measures() -> None:
    for target in ("/shelly", "/rpc/Shelly.GetDeviceInfo", "/rpc/EM.GetConfig?id=0"):
        assert answer("GET", target, b"", MAC, gone).status == 200


# ---- datagrams -----------------------------------------------------------------------------------------------------------


def datagram(frame: object, see: Callable[[Wanted], Shelly] = look) -> Any:
    reply = answer_datagram(frame if isinstance(frame, bytes) else json.dumps(frame).encode(), MAC, see)
    return None if reply is None else json.loads(reply)


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("EM.GetStatus", {"id": 0}),
        ("EM.GetConfig", {"id": 0}),
        ("EMData.GetStatus", {"id": 0}),
        ("Shelly.GetStatus", {}),
        ("Shelly.GetDeviceInfo", {}),
        ("EM.GetStatus", {"id": 1}),
        ("EM.GetStatus", {}),
        ("Switch.Set", {"id": 0}),
    ],
)
def test_a_datagram_is_answered_as_the_same_frame_is_over_http(method: str, params: dict[str, int]) -> None:
    frame = {"id": 4, "src": "battery", "method": method, "params": params}
    assert (200, datagram(frame)) == post("/rpc", frame)
    assert list(datagram(frame))[:3] == ["id", "src", "dst"]


def test_a_datagram_without_a_sender_is_answered_to_nobody_in_particular() -> None:
    reply = datagram({"id": 1, "method": "EM.GetStatus", "params": {"id": 0}})
    assert (reply["id"], reply["src"], reply["dst"]) == (1, device_name(MAC), "unknown")
    assert reply["result"]["total_act_power"] == 812.34


@pytest.mark.parametrize(
    "frame",
    [b"", b"\xff\x00", b"[]", b"{", {"id": 1}, {"method": "EM.GetStatus"}, {"method": "NotifyStatus", "params": {}}],
)
def test_a_datagram_that_asks_for_nothing_is_answered_nothing(frame: object) -> None:
    assert datagram(frame) is None


def test_a_reply_is_answered_nothing() -> None:
    assert datagram(datagram({"id": 1, "method": "EM.GetStatus", "params": {"id": 0}})) is None
    assert datagram(datagram({"id": 1, "method": "No.Such"})) is None


def test_a_meter_with_nothing_to_show_leaves_datagrams_unanswered_and_still_says_who_it_is() -> None:
    assert datagram({"id": 1, "method": "EM.GetStatus", "params": {"id": 0}}, gone) is None
    assert datagram({"id": 1, "method": "Shelly.GetDeviceInfo"}, gone)["result"]["app"] == "Pro3EM"


def test_who_is_asked_knows_whether_it_is_for_power() -> None:
    wanted: list[Wanted] = []

    def see(what: Wanted) -> Shelly:
        wanted.append(what)
        return shelly()

    for method in ("EM.GetStatus", "EMData.GetStatus", "Shelly.GetStatus", "EM.GetConfig", "Shelly.GetDeviceInfo"):
        datagram({"id": 1, "method": method, "params": {"id": 0}}, see)
    assert wanted == [Wanted.POWER, Wanted.ENERGY, Wanted.POWER]


# ---- anything ------------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=200))
def test_any_datagram_is_answered_with_a_frame_or_not_at_all(data: bytes) -> None:
    assert datagram(data) is None or "src" in datagram(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(method=st.sampled_from(["GET", "POST"]), target=st.text(st.characters(max_codepoint=255)), body=st.binary())
def test_any_target_and_any_body_get_an_answer(method: str, target: str, body: bytes) -> None:
    for path in (target, f"/rpc/{target}", f"/rpc/EM.GetStatus?{target}"):
        assert answer(method, path, body, MAC, look).status in (200, 400, 404, 500)


@given(frame=st.dictionaries(st.sampled_from(["id", "src", "method", "params", "jsonrpc"]), JSON))
def test_any_frame_gets_an_answer(frame: dict[str, Any]) -> None:
    assert answer("POST", "/rpc", json.dumps(frame).encode(), MAC, look).status in (200, 400)


@given(
    power_w=st.floats(-1e6, 1e6),
    import_wh=st.floats(0, 1e9),
    export_wh=st.floats(0, 1e9),
    voltage_v=st.floats(0, 500),
    even=st.booleans(),
)
def test_the_phases_add_up_to_the_totals(power_w: float, import_wh: float, export_wh: float, voltage_v: float, even: bool) -> None:
    measurement = Measurement(power_w, import_wh, export_wh, voltage_v)
    status = get("/rpc/Shelly.GetStatus", measurement.split_evenly() if even else measurement)
    em, data = status["em:0"], status["emdata:0"]
    assert sum(em[f"{letter}_act_power"] for letter in "abc") == pytest.approx(em["total_act_power"], abs=0.2)
    assert sum(data[f"{letter}_total_act_energy"] for letter in "abc") == pytest.approx(data["total_act"], abs=0.02)
    assert sum(data[f"{letter}_total_act_ret_energy"] for letter in "abc") == pytest.approx(data["total_act_ret"], abs=0.02)
