"""Every RPC through its four halves: round trips, and the examples of the documents."""

from __future__ import annotations

import json
import string
from typing import Any, get_args
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given, strategies as st

from indevolt.protocol.digest import Sealed, from_base64
from indevolt.protocol.messages import (
    AnyRequest,
    Data,
    GetData,
    Json,
    MeterJsonData,
    P1GetData,
    P1JsonData,
    PlugGetData,
    PlugGetStatus,
    PlugSetStatus,
    Raw,
    Reply,
    Result,
    SetData,
    SwitchStatus,
    SysConfig,
    SysGetConfig,
    SysSetConfig,
    Text,
    UserSetConfig,
    WifiGetStatus,
    WifiStatus,
)
from indevolt.protocol.rpc import MAX_POINT, BadConfig, Call, decode_reply, decode_request, encode_reply, encode_request

# ---- what can be said

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
integers = st.integers(-(2**63), 2**64 - 1)
floats = st.floats(allow_nan=False, allow_infinity=False)
scalars: st.SearchStrategy[Raw] = st.none() | st.booleans() | integers | floats | texts
fields = st.dictionaries(texts, scalars, max_size=5)
documents = st.dictionaries(
    texts,
    st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8),
    max_size=5,
)
points = st.integers(0, MAX_POINT)

REQUESTS: dict[type[AnyRequest], st.SearchStrategy[AnyRequest]] = {
    GetData: st.builds(GetData, st.lists(points, max_size=80).map(tuple)),
    SetData: st.builds(SetData, points, st.lists(integers | floats, min_size=1, max_size=5).map(tuple), st.integers(0, 255)),
    SysGetConfig: st.just(SysGetConfig()),
    SysSetConfig: st.builds(SysSetConfig, st.none() | texts, st.none() | st.integers(-720, 840)),
    UserSetConfig: st.builds(UserSetConfig, st.builds(Sealed, st.binary(max_size=16), st.just(b""), st.just(""))),
    WifiGetStatus: st.just(WifiGetStatus()),
    MeterJsonData: st.just(MeterJsonData()),
    P1JsonData: st.just(P1JsonData()),
    P1GetData: st.just(P1GetData()),
    PlugGetData: st.just(PlugGetData()),
    PlugGetStatus: st.just(PlugGetStatus()),
    PlugSetStatus: st.builds(PlugSetStatus, st.booleans()),
}
results = st.builds(Result, st.booleans())
REPLIES: dict[type[AnyRequest], st.SearchStrategy[Reply]] = {
    GetData: st.builds(Data, st.dictionaries(points.map(str), scalars | st.lists(scalars, max_size=3), max_size=80)),
    SetData: results,
    SysGetConfig: st.builds(
        SysConfig,
        fields.filter(lambda device: bool(device) and "device" not in device),
        st.booleans(),
    ),
    SysSetConfig: results,
    UserSetConfig: results,
    WifiGetStatus: st.builds(WifiStatus, texts, fields),
    MeterJsonData: st.builds(Json, documents),
    P1JsonData: st.builds(Json, documents),
    P1GetData: st.builds(Text, st.text(st.characters(max_codepoint=255))),
    PlugGetData: st.builds(Json, documents),
    PlugGetStatus: st.builds(SwitchStatus, st.booleans()),
    PlugSetStatus: results,
}

every_rpc = pytest.mark.parametrize("kind", list(REQUESTS), ids=lambda kind: kind.rpc)
every_request = st.one_of(*REQUESTS.values())


def test_every_rpc_is_tested_here() -> None:
    assert set(REQUESTS) == set(REPLIES) == set(get_args(AnyRequest))
    assert {kind.rpc for kind in REQUESTS} == {
        *("Indevolt.GetData", "Indevolt.SetData", "Sys.GetConfig", "Sys.SetConfig", "User.SetConfig", "WiFi.GetStatus"),
        *("Meter.JsonData", "P1.JsonData", "P1.GetData", "Plug.GetData", "Plug.GetStatus", "Plug.SetStatus"),
    }


def test_only_what_changes_nothing_is_safe_to_repeat() -> None:
    assert {kind for kind in REQUESTS if not kind.repeatable} == {SetData, SysSetConfig, UserSetConfig, PlugSetStatus}
    assert all((kind.method == "GET") <= kind.repeatable for kind in REQUESTS)


# ---- round trips


@every_rpc
@given(data=st.data())
def test_a_request_survives_the_wire(kind: type[AnyRequest], data: st.DataObject) -> None:
    request = data.draw(REQUESTS[kind])

    call = encode_request(request)
    decoded = decode_request(call.method, call.target.encode("ascii"))

    assert decoded == request
    assert call.target.startswith(f"/rpc/{kind.rpc}")
    assert encode_request(decoded) == call


@every_rpc
@given(data=st.data())
def test_a_reply_survives_the_wire(kind: type[AnyRequest], data: st.DataObject) -> None:
    request, reply = data.draw(REQUESTS[kind]), data.draw(REPLIES[kind])

    body = encode_reply(reply)

    assert decode_reply(request, 200, body) == reply
    assert encode_reply(decode_reply(request, 200, body)) == body


def config_of(target: str) -> Any:
    """Read the config of a target with nothing but the standard library."""
    (config,) = parse_qs(urlsplit(target).query, strict_parsing=True)["config"]
    return json.loads(config)


@given(REQUESTS[GetData] | REQUESTS[SetData] | REQUESTS[SysSetConfig] | REQUESTS[UserSetConfig] | REQUESTS[PlugSetStatus])
def test_the_standard_library_reads_the_same_config(request: AnyRequest) -> None:
    config = config_of(encode_request(request).target)
    match request:
        case GetData(points=wanted):
            assert config == {"t": list(wanted)}
        case SetData(point=point, values=values, function=function):
            assert config == {"f": function, "t": point, "v": list(values)}
            assert [type(value) for value in config["v"]] == [type(value) for value in values]
        case SysSetConfig(hostname=hostname, timezone=timezone):
            assert config == {"device": {"hostname": hostname, "timezone": timezone}} or None in (hostname, timezone)
            assert None not in config["device"].values()
        case UserSetConfig(sealed=sealed):
            assert from_base64(config["Password"]) == sealed.ciphertext
        case PlugSetStatus(on=on):
            assert config == {"switch_status": "on" if on else "off"}
        case _:
            pytest.fail("has no config")


@given(st.one_of(*(strategy for kind, strategy in REPLIES.items() if kind is not P1GetData)))
def test_the_standard_library_reads_the_same_reply(reply: Reply) -> None:
    document = json.loads(encode_reply(reply))
    match reply:
        case Result(result=result):
            assert document == {"result": result}
        case Data(values=values):
            assert document == values
        case SysConfig(device=device, wrapped=wrapped):
            assert document == ({"device": device} if wrapped else device)
        case WifiStatus(src=src, params=params):
            assert document == {"src": src, "params": params}
        case SwitchStatus(on=on):
            assert document == {"switch_status": "on" if on else "off"}
        case Json(document=expected):
            assert document == expected


# ---- the examples of the documents (seed, sections 3.1, 5 and 6; protocol.md, section 3)

EXAMPLES = [
    ("POST", "Indevolt.GetData", '{"t":[1664,1665]}', GetData((1664, 1665))),
    ("POST", "Indevolt.GetData", '{"t":[6002]}', GetData((6002,))),
    ("POST", "Indevolt.SetData", '{"f":16,"t":47005,"v":[4]}', SetData(47005, (4,))),
    ("POST", "Indevolt.SetData", '{"f":16,"t":47015,"v":[2,700,5]}', SetData(47015, (2, 700, 5))),
    (
        "POST",
        "User.SetConfig",
        '{"Password":"TrKQZ1QC1MQ="}',
        UserSetConfig(Sealed(bytes.fromhex("4eb290675402d4c4"), b"", "")),
    ),
    ("POST", "Sys.SetConfig", '{"device":{"hostname":"admin"}}', SysSetConfig("admin")),
    ("POST", "Plug.SetStatus", '{"switch_status":"on"}', PlugSetStatus(on=True)),
    ("GET", "Sys.GetConfig", "", SysGetConfig()),
    ("GET", "WiFi.GetStatus", "", WifiGetStatus()),
    ("GET", "P1.GetData", "", P1GetData()),
]
every_example = pytest.mark.parametrize(
    ("method", "rpc", "config", "request_"), EXAMPLES, ids=[f"{row[1]} {row[2]}" for row in EXAMPLES]
)


@every_example
def test_a_documented_request_is_what_we_send(method: str, rpc: str, config: str, request_: AnyRequest) -> None:
    call = encode_request(request_)

    assert call.method == method
    assert unquote(call.target) == f"/rpc/{rpc}" + (f"?config={config}" if config else "")
    assert set(call.target) <= set(string.ascii_letters + string.digits + "/.?=%-_~")


@every_example
def test_a_documented_request_is_understood_raw_and_encoded(method: str, rpc: str, config: str, request_: AnyRequest) -> None:
    raw = f"/rpc/{rpc}?config={config}".encode()
    encoded = f"/rpc/{rpc}?config=".encode() + "".join(f"%{byte:02x}" for byte in config.encode()).encode()

    assert decode_request(method, raw) == request_
    assert decode_request(method, encoded) == request_
    assert decode_request("GET" if method == "POST" else "POST", raw) == request_


def test_a_read_is_encoded_to_the_last_character() -> None:
    assert encode_request(GetData((1664, 1665))) == Call("POST", "/rpc/Indevolt.GetData?config=%7B%22t%22%3A%5B1664%2C1665%5D%7D")


@pytest.mark.parametrize(
    ("request_", "body", "reply"),
    [
        (GetData((1664, 1665)), b'{\n"1664":100,\n"1665":251\n}', Data({"1664": 100, "1665": 251})),
        (
            GetData((606, 11008, 9)),
            b'{"606":"1000","11008":[6665,2588,1],"9":null}',
            Data({"606": "1000", "11008": [6665, 2588, 1], "9": None}),
        ),
        (GetData((1,)), b"{}", Data({})),
        (SetData(47005, (4,)), b'{"result": true}', Result(result=True)),
        (SetData(47005, (4,)), b'{"result":false}', Result(result=False)),
        (
            SysGetConfig(),
            b'{"device":{"hostname":"","timezone":480,"type":"CMS-SF2000","sn":"","time_stamp":1766051097,"run_time":2244}}',
            SysConfig(
                {"hostname": "", "timezone": 480, "type": "CMS-SF2000", "sn": "", "time_stamp": 1766051097, "run_time": 2244}
            ),
        ),
        (SysGetConfig(), b'{"type":"plug","sn":7}', SysConfig({"type": "plug", "sn": 7}, wrapped=False)),
        (
            WifiGetStatus(),
            b'{"src":"","params":{"sta_ip":"192.168.0.7","ssid":"IGEN_GUEST_2.4G","rssi":100}}',
            WifiStatus("", {"sta_ip": "192.168.0.7", "ssid": "IGEN_GUEST_2.4G", "rssi": 100}),
        ),
        (WifiGetStatus(), b'{"params":{}}', WifiStatus("", {})),
        (PlugGetStatus(), b'{"switch_status":"on"}', SwitchStatus(on=True)),
        (MeterJsonData(), b'{"data":{"a":{"active power":133.5}}}', Json({"data": {"a": {"active power": 133.5}}})),
        (P1GetData(), b"{/ISK5\\2M550T-1012\r\n\r\n!8F3A}", Text("{/ISK5\\2M550T-1012\r\n\r\n!8F3A}")),
    ],
)
def test_a_documented_reply_is_understood(request_: AnyRequest, body: bytes, reply: Reply) -> None:
    assert decode_reply(request_, 200, body) == reply


def test_a_field_of_the_configuration_is_a_text_whatever_it_came_as() -> None:
    config = SysConfig({"sn": 3310770155, "type": "CMS-SF2000", "fw": None})
    assert [config.text(key) for key in ("sn", "type", "fw", "p_ver")] == ["3310770155", "CMS-SF2000", "", ""]


# ---- plus signs and blanks


def test_a_plus_sign_is_sent_encoded_because_a_plain_one_reads_as_a_blank() -> None:
    target = encode_request(UserSetConfig(Sealed(b"\xfb\xef\xbe\xff", b"", ""))).target

    assert "%2B%2B%2B%2B" in target
    assert "+" not in target
    assert decode_request("POST", target.encode()) == UserSetConfig(Sealed(b"\xfb\xef\xbe\xff", b"", ""))
    with pytest.raises(BadConfig):
        decode_request("POST", target.replace("%2B", "+").encode())


@pytest.mark.parametrize(
    "config",
    [
        b'{"t": [1664]}',
        b' {"t":[1664]}',
        b'{"t":[1664]} ',
        b'{"t":[1664]}%20',
        b'{"t":%20[1664]}',
        b'{"t":+[1664]}',
        b'{"t":\t[1664]}',
        b'{"t":%0D%0A[1664]}',
        b'{"t":\r[1664]}',
    ],
)
def test_a_config_with_blanks_is_refused(config: bytes) -> None:
    with pytest.raises(BadConfig, match="blanks"):
        decode_request("POST", b"/rpc/Indevolt.GetData?config=" + config)


def test_a_blank_inside_a_text_is_part_of_the_text() -> None:
    request = SysSetConfig('the "cellar" \\', 60)
    assert decode_request("POST", encode_request(request).target.encode()) == request
    assert decode_request("POST", b'/rpc/Sys.SetConfig?config={"device":{"hostname":"a%20b"}}') == SysSetConfig("a b")


def test_equal_numbers_of_different_kinds_are_sent_as_they_are() -> None:
    assert config_of(encode_request(SetData(47016, (700,))).target)["v"] == [700]
    assert encode_request(SetData(47016, (700.0,))).target.endswith("700.0%5D%7D")
    assert encode_request(SetData(47016, (700,))).target.endswith("%5B700%5D%7D")
