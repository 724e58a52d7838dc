"""What is no OpenData: each wrong request, each error status, each wrong reply, and any bytes at all."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from indevolt import errors
from indevolt.errors import InvalidInput, ProtocolError, StatusError
from indevolt.protocol.digest import Sealed
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
    SetData,
    SysConfig,
    SysGetConfig,
    SysSetConfig,
    UserSetConfig,
    WifiGetStatus,
    WifiStatus,
)
from indevolt.protocol.rpc import (
    MAX_POINT,
    MAX_REQUEST_POINTS,
    BadConfig,
    UnknownRpc,
    decode_reply,
    decode_request,
    encode_reply,
    encode_request,
)

ONE_EACH: list[tuple[AnyRequest, bytes]] = [
    # a request, and a reply that would be right
    (GetData((1664, 1665)), b'{"1664":100,"1665":251}'),
    (SetData(47015, (2, 700, 5)), b'{"result":true}'),
    (SysGetConfig(), b'{"device":{"hostname":"","timezone":480,"type":"CMS-SF2000","sn":"1"}}'),
    (SysSetConfig("admin", 60), b'{"result":true}'),
    (UserSetConfig(Sealed(b"12345678", b"", "")), b'{"result":false}'),
    (WifiGetStatus(), b'{"src":"1","params":{"ssid":"net","rssi":100}}'),
    (MeterJsonData(), b'{"data":{"power":1.5}}'),
    (P1JsonData(), b'{"total_act_power":412}'),
    (P1GetData(), b"{/ISK5}"),
    (PlugGetData(), b'{"voltage":230}'),
    (PlugGetStatus(), b'{"switch_status":"on"}'),
    (PlugSetStatus(on=True), b'{"result":true}'),
]
every_rpc = pytest.mark.parametrize(("request_", "right"), ONE_EACH, ids=[request.rpc for request, _ in ONE_EACH])

# ---- requests that are none


@pytest.mark.parametrize(
    ("rpc", "config"),
    [
        ("Indevolt.GetData", "all"),
        ("Indevolt.GetData", ""),
        ("Indevolt.GetData", "[1664]"),
        ("Indevolt.GetData", '{"t":1664}'),
        ("Indevolt.GetData", '{"t":["1664"]}'),
        ("Indevolt.GetData", '{"t":[1664.0]}'),
        ("Indevolt.GetData", '{"t":[true]}'),
        ("Indevolt.GetData", '{"t":[-1]}'),
        ("Indevolt.GetData", '{"t":[65536]}'),
        ("Indevolt.GetData", '{"t":[[1664]]}'),
        ("Indevolt.GetData", '{"t":[1664]'),
        ("Indevolt.GetData", '{"t":[' + ",".join(["1"] * (MAX_REQUEST_POINTS + 1)) + "]}"),
        ("Indevolt.GetData", "%ff"),
        ("Indevolt.GetData", "[" * 5000),
        ("Indevolt.SetData", "{}"),
        ("Indevolt.SetData", '{"f":16,"v":[4]}'),
        ("Indevolt.SetData", '{"f":"16","t":47005,"v":[4]}'),
        ("Indevolt.SetData", '{"f":true,"t":47005,"v":[4]}'),
        ("Indevolt.SetData", '{"f":16,"t":"47005","v":[4]}'),
        ("Indevolt.SetData", '{"f":16,"t":47005,"v":4}'),
        ("Indevolt.SetData", '{"f":16,"t":47005,"v":[]}'),
        ("Indevolt.SetData", '{"f":16,"t":47005,"v":["4"]}'),
        ("Indevolt.SetData", '{"f":16,"t":47005,"v":[null]}'),
        ("Indevolt.SetData", '{"f":16,"t":47005,"v":[true]}'),
        ("User.SetConfig", '{"password":"TrKQZ1QC1MQ="}'),
        ("User.SetConfig", '{"Password":1}'),
        ("User.SetConfig", '{"Password":"TrKQZ1QC1MQ"}'),
        ("Sys.SetConfig", '{"hostname":"x"}'),
        ("Sys.SetConfig", '{"device":[]}'),
        ("Sys.SetConfig", '{"device":{"hostname":1}}'),
        ("Sys.SetConfig", '{"device":{"timezone":"60"}}'),
        ("Sys.SetConfig", '{"device":{"timezone":true}}'),
        ("Plug.SetStatus", '{"switch_status":true}'),
        ("Plug.SetStatus", '{"switch_status":["on"]}'),
    ],
    ids=lambda text: text[:40],
)
def test_a_config_of_the_wrong_shape_is_refused(rpc: str, config: str) -> None:
    with pytest.raises(BadConfig) as caught:
        decode_request("POST", f"/rpc/{rpc}?config={config}".encode())
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("rpc", ["Indevolt.GetData", "Indevolt.SetData", "User.SetConfig", "Sys.SetConfig", "Plug.SetStatus"])
@pytest.mark.parametrize("query", ["", "?", "?Config={}", "?t=1664", "?xconfig={}"])
def test_a_query_without_config_is_refused(rpc: str, query: str) -> None:
    with pytest.raises(BadConfig, match="no config"):
        decode_request("POST", f"/rpc/{rpc}{query}".encode())


@pytest.mark.parametrize(
    "target",
    [
        b"",
        b"/",
        b"/rpc",
        b"/rpc/",
        b"/rpc/Indevolt.getdata",
        b"/rpc/Indevolt.GetData/",
        b"/Indevolt.GetData",
        b"/rpc/rpc/Sys.GetConfig",
        b"Sys.GetConfig",
    ],
)
def test_a_path_that_names_no_rpc_is_told_apart(target: bytes) -> None:
    with pytest.raises(UnknownRpc):
        decode_request("GET", target)


def test_other_keys_of_the_query_and_a_function_left_out_do_not_matter() -> None:
    assert decode_request("GET", b'/rpc/Indevolt.SetData?x=1&config={"t":47005,"v":[4]}&y') == SetData(47005, (4,), 16)


@pytest.mark.parametrize(
    "request_",
    [
        GetData((MAX_POINT + 1,)),
        GetData((-1,)),
        GetData((1,) * (MAX_REQUEST_POINTS + 1)),
        SetData(MAX_POINT + 1, (1,)),
        SetData(47005, ()),
        SetData(47005, (math.nan,)),
        SetData(47005, (math.inf,)),
        SetData(47005, (True,)),
        SetData(47005, (2**64,)),
        SetData(47005, (1,) * (MAX_REQUEST_POINTS + 1)),
        SysSetConfig("\ud800"),
        SysSetConfig(timezone=2**64),
    ],
    ids=lambda request: repr(request)[:40],
)
def test_what_no_request_can_carry_is_not_sent(request_: AnyRequest) -> None:
    with pytest.raises(InvalidInput) as caught:
        encode_request(request_)
    assert len(str(caught.value)) < 300


# ---- replies that are none


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.BadRequest),
        (401, errors.Unauthorized),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (405, errors.MethodNotAllowed),
        (408, errors.RequestTimeout),
        (409, errors.Conflict),
        (410, errors.Gone),
        (500, errors.InternalServerError),
        (501, errors.MethodNotImplemented),
        (502, errors.BadGateway),
        (503, errors.ServiceUnavailable),
        (504, errors.GatewayTimeout),
        (505, errors.HttpVersionNotSupported),
    ],
)
def test_each_documented_status_is_an_error_of_its_own(status: int, kind: type[StatusError]) -> None:
    with pytest.raises(StatusError, match=f"HTTP {status} {kind.meaning}: Indevolt.GetData") as caught:
        decode_reply(GetData((6002,)), status, b'{"6002":50}')
    assert type(caught.value) is kind
    assert caught.value.code == status


@every_rpc
def test_every_status_but_200_is_an_error(request_: AnyRequest, right: bytes) -> None:
    decode_reply(request_, 200, right)
    for status in (*range(100, 200), *range(201, 600)):
        with pytest.raises(StatusError) as caught:
            decode_reply(request_, status, right)
        assert caught.value.code == status


JSON_ONLY = [(request, right) for request, right in ONE_EACH if not isinstance(request, P1GetData)]


@pytest.mark.parametrize(("request_", "right"), JSON_ONLY, ids=[request.rpc for request, _ in JSON_ONLY])
@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"null", b"true", b'{"a":', b"\xff\xfe", b'{"a":' * 500 + b"1" + b"}" * 500]
)
def test_a_body_that_is_no_json_object_is_refused(request_: AnyRequest, right: bytes, body: bytes) -> None:
    with pytest.raises(ProtocolError, match="the reply") as caught:
        decode_reply(request_, 200, body)
    assert caught.value.raw == body
    with pytest.raises(ProtocolError):
        decode_reply(request_, 200, right[:-1])


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        (GetData((1,)), b'{"1":{"value":1}}'),
        (GetData((1,)), b'{"1":[[1]]}'),
        (GetData((1,)), b'{"1":[{}]}'),
        (SetData(1, (1,)), b"{}"),
        (SetData(1, (1,)), b'{"result":1}'),
        (SetData(1, (1,)), b'{"result":"true"}'),
        (SetData(1, (1,)), b'{"result":null}'),
        (UserSetConfig(Sealed(b"", b"", "")), b'{"error":1}'),
        (SysSetConfig(), b'{"Result":true}'),
        (PlugSetStatus(on=True), b'{"switch_status":"on"}'),
        (SysGetConfig(), b"{}"),
        (SysGetConfig(), b'{"device":{}}'),
        (SysGetConfig(), b'{"device":"CMS-SF2000"}'),
        (SysGetConfig(), b'{"device":{"type":["CMS-SF2000"]}}'),
        (SysGetConfig(), b'{"type":{"name":"CMS-SF2000"}}'),
        (WifiGetStatus(), b"{}"),
        (WifiGetStatus(), b'{"params":[]}'),
        (WifiGetStatus(), b'{"src":1,"params":{}}'),
        (WifiGetStatus(), b'{"src":"","params":{"rssi":[1]}}'),
        (PlugGetStatus(), b"{}"),
        (PlugGetStatus(), b'{"switch_status":true}'),
        (PlugGetStatus(), b'{"switch_status":"ON"}'),
        (PlugGetStatus(), b'{"switch_status":["on"]}'),
    ],
    ids=repr,
)
def test_a_reply_of_the_wrong_shape_is_refused(request_: AnyRequest, body: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_reply(request_, 200, body)
    assert caught.value.raw == body


def test_a_message_shows_the_start_of_what_came_and_no_more() -> None:
    with pytest.raises(ProtocolError, match=r"10000000 bytes, b'<html><html>") as caught:
        decode_reply(GetData((1,)), 200, b"<html>" * 1_666_666 + b"html")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "reply",
    [Data({"1": 2**64}), Data({1: 2}), SysConfig({"a": "\ud800"}), WifiStatus("\ud800", {}), Json({"a": object()})],  # type: ignore[dict-item] # a wrong type is the point
    ids=lambda reply: type(reply).__name__,
)
def test_a_reply_that_cannot_be_written_is_an_error_of_the_family(reply: Data | SysConfig | WifiStatus | Json) -> None:
    with pytest.raises(InvalidInput):
        encode_reply(reply)


# ---- any bytes at all

query_bytes = st.one_of(
    st.binary(),
    st.binary().map(lambda tail: b"config=" + tail),
    st.text('{}[]":,.0123456789eE+-%tfvPdn\\ ').map(lambda text: b"config=" + text.encode()),
)
json_documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text()
            | st.sampled_from(
                ["t", "f", "v", "Password", "device", "hostname", "timezone", "switch_status", "result", "src", "params"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.text(), st.binary())
def test_any_target_is_a_request_or_a_protocol_error(method: str, target: bytes) -> None:
    with suppress(ProtocolError):
        decode_request(method, target)


@every_rpc
@given(query=query_bytes)
@example(query=b"config=" + b"[" * 8000)
@example(query=b'config={"' + b'\\"' * 4000)
@example(query=b"config=%")
def test_any_query_is_a_request_or_a_bad_config(request_: AnyRequest, right: bytes, query: bytes) -> None:
    with suppress(BadConfig):
        assert decode_request("POST", f"/rpc/{request_.rpc}?".encode() + query).rpc == request_.rpc


@every_rpc
@given(document=json_documents)
def test_any_json_is_a_request_that_can_be_sent_on_or_a_bad_config(request_: AnyRequest, right: bytes, document: Any) -> None:
    config = json.dumps(document, separators=(",", ":")).encode()
    with suppress(BadConfig):
        decoded = decode_request("POST", f"/rpc/{request_.rpc}?config=".encode() + config.replace(b"&", b"%26"))
        assert decode_request("POST", encode_request(decoded).target.encode()) == decoded


@every_rpc
@given(data=st.data())
def test_a_damaged_request_is_a_request_or_a_protocol_error(request_: AnyRequest, right: bytes, data: st.DataObject) -> None:
    target = damaged(encode_request(request_).target.encode(), data)
    with suppress(ProtocolError):
        decode_request(request_.method, target)


@every_rpc
@given(status=st.integers(100, 599) | st.just(200), body=st.binary() | json_documents.map(json.dumps).map(str.encode))
def test_any_reply_is_a_value_or_an_error_of_the_family(request_: AnyRequest, right: bytes, status: int, body: bytes) -> None:
    with suppress(ProtocolError, StatusError):
        decode_reply(request_, status, body)
        assert status == 200


@every_rpc
@given(document=json_documents)
def test_any_json_is_a_reply_that_can_be_sent_on_or_a_protocol_error(request_: AnyRequest, right: bytes, document: Any) -> None:
    with suppress(ProtocolError):
        reply = decode_reply(request_, 200, json.dumps(document).encode())
        assert decode_reply(request_, 200, encode_reply(reply)) == reply


@every_rpc
@given(data=st.data())
def test_a_damaged_reply_is_a_value_or_a_protocol_error(request_: AnyRequest, right: bytes, data: st.DataObject) -> None:
    with suppress(ProtocolError):
        decode_reply(request_, 200, damaged(right, data))


def damaged(whole: bytes, data: st.DataObject) -> bytes:
    """Replace any part of it by a few bytes."""
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(whole))] * 2)))
    return whole[:start] + data.draw(st.binary(max_size=3)) + whole[end:]
