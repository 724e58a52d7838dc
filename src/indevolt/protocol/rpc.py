"""The four halves that move requests and replies over HTTP.

::

    encode_request(request) -> Call          client    decode_request(method, target) -> request    server
    decode_reply(request, status, body)      client    encode_reply(reply) -> body                  server

Parameters travel as a JSON object in the query key ``config``; the body of a request is empty (seed, section 3.1). The
JSON of a request has no blanks: real devices answer a spaced one with ``200 {}`` (protocol.md, section 2).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeGuard, cast
from urllib.parse import quote, unquote_to_bytes

from indevolt.errors import InvalidInput, ProtocolError, status_error
from indevolt.protocol.digest import Sealed, from_base64, to_base64
from indevolt.protocol.jsontext import decode_object, encode_object, excerpt
from indevolt.protocol.messages import (
    WRITE_FUNCTION,
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
    Reply,
    ReplyT_co,
    Request,
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

PATH_PREFIX: Final = "/rpc/"
MAX_POINT: Final = 65535  # points equal Modbus register numbers where both exist (protocol.md, section 3.2)
MAX_REQUEST_POINTS: Final = 10_000
"""Far above any device's batch limit (about 50); bounds what a peer can make us build."""
_SCALARS: Final = frozenset((int, float, str, bool, type(None)))
_JSON_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"')
_JSON_BLANK: Final = re.compile(rb"[ \t\r\n]")


@dataclass(frozen=True, slots=True)
class Call:
    """A request as HTTP sees it: method and target (path and query, percent-encoded)."""

    method: str
    target: str


# ---- encode a request ------------------------------------------------------------------------------------------------


def encode_request(request: Request[Any]) -> Call:
    """Return the HTTP call for a request.

    Raises:
        InvalidInput: a point, a value or a text that no request can carry.
    """
    return _encode_get_data(request) if isinstance(request, GetData) else _encode(request)


@lru_cache(maxsize=512)  # a poller asks for the same few batches for ever; other requests are rare
def _encode_get_data(request: GetData) -> Call:
    return _encode(request)


def _encode(request: Request[Any]) -> Call:
    target = PATH_PREFIX + request.rpc
    config = _config_of(request)
    if config is not None:
        # "+" must arrive as %2B, because a plain one reads as a blank (protocol.md, section 2): quote() sees to it.
        target += "?config=" + quote(encode_object(config), safe="")
    return Call(request.method, target)


def _config_of(request: Request[Any]) -> dict[str, Any] | None:
    match request:
        case GetData(points=points):
            if len(points) > MAX_REQUEST_POINTS or not all(map(_is_point, points)):
                raise InvalidInput(f"a request reads at most {MAX_REQUEST_POINTS} points of 0 to {MAX_POINT}")
            return {"t": points}
        case SetData(point=point, values=values, function=function):
            if not _is_point(point) or not 0 < len(values) <= MAX_REQUEST_POINTS or not all(map(_is_number, values)):
                raise InvalidInput(f"a write needs a point of 0 to {MAX_POINT} and finite numbers: {request}"[:200])
            return {"f": function, "t": point, "v": values}
        case UserSetConfig(sealed=sealed):
            return {"Password": to_base64(sealed.ciphertext)}
        case SysSetConfig(hostname=hostname, timezone=timezone):
            fields = {"hostname": hostname, "timezone": timezone}
            return {"device": {key: value for key, value in fields.items() if value is not None}}
        case PlugSetStatus(on=on):
            return {"switch_status": _switch_word(on)}
        case _:
            return None


# ---- decode a request ------------------------------------------------------------------------------------------------


class BadConfig(ProtocolError):
    """The ``config`` of a request is no use: a device answers ``200 {}``, documents say 400 (protocol.md, 3.1)."""


class UnknownRpc(ProtocolError):
    """The path names no RPC."""


def decode_request(method: str, target: bytes) -> AnyRequest:
    """Return the request that a method and target (raw or percent-encoded) spell.

    Raises:
        UnknownRpc: the path is no RPC of ours.
        BadConfig: the query is not the ``config`` this RPC needs.
    """
    path, _, query = target.partition(b"?")
    name = unquote_to_bytes(path).decode("latin-1").removeprefix(PATH_PREFIX)
    decoder = _DECODERS.get(name)
    if decoder is None or not path.startswith(b"/rpc/"):
        raise UnknownRpc(f"no such RPC: {method} {path[:80]!r}", raw=target)
    return decoder(query)


def _parse_config(query: bytes) -> dict[str, Any]:
    for part in query.split(b"&"):
        key, _, value = part.partition(b"=")
        if key == b"config":
            text = unquote_to_bytes(value.replace(b"+", b" "))
            config = decode_object(text, "config", BadConfig)
            if _JSON_BLANK.search(text) and _JSON_BLANK.search(_JSON_STRING.sub(b"", text)):
                raise BadConfig("config holds blanks, which a device does not take", raw=text)
            return config
    raise BadConfig("the query has no config", raw=query)


def _is_point(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= MAX_POINT


def _is_number(value: object) -> bool:
    return type(value) is int or (type(value) is float and math.isfinite(value))


def _decode_get_data(query: bytes) -> GetData:
    points = _parse_config(query).get("t")
    if not isinstance(points, list) or len(points) > MAX_REQUEST_POINTS or not all(map(_is_point, points)):
        raise BadConfig('config needs "t", an array of point numbers', raw=query)
    return GetData(tuple(points))


def _decode_set_data(query: bytes) -> SetData:
    config = _parse_config(query)
    function, point, values = config.get("f", WRITE_FUNCTION), config.get("t"), config.get("v")
    if type(function) is not int or not _is_point(point):
        raise BadConfig('config needs "f", a function code, and "t", a point number', raw=query)
    if not isinstance(values, list) or not 0 < len(values) <= MAX_REQUEST_POINTS:
        raise BadConfig('config needs "v", an array of numbers', raw=query)
    if not all(map(_is_number, values)):
        raise BadConfig('"v" holds something that is not a number', raw=query)
    return SetData(point, tuple(values), function)


def _decode_user_set_config(query: bytes) -> UserSetConfig:
    password = _parse_config(query).get("Password")
    if not isinstance(password, str):
        raise BadConfig('config needs "Password", the base64 ciphertext', raw=query)
    try:
        return UserSetConfig(Sealed(from_base64(password), b"", ""))
    except ProtocolError as error:
        raise BadConfig(str(error), raw=query) from error


def _decode_sys_set_config(query: bytes) -> SysSetConfig:
    device = _parse_config(query).get("device")
    if not isinstance(device, dict):
        raise BadConfig('config needs "device", an object', raw=query)
    hostname, timezone = device.get("hostname"), device.get("timezone")
    if not isinstance(hostname, str | None) or not (timezone is None or type(timezone) is int):
        raise BadConfig("hostname is a text, timezone a number of minutes", raw=query)
    return SysSetConfig(hostname, timezone)


def _decode_plug_set_status(query: bytes) -> PlugSetStatus:
    return PlugSetStatus(_parse_switch(_parse_config(query).get("switch_status"), BadConfig, query))


_DECODERS: Final[dict[str, Callable[[bytes], AnyRequest]]] = {
    GetData.rpc: _decode_get_data,
    SetData.rpc: _decode_set_data,
    UserSetConfig.rpc: _decode_user_set_config,
    SysSetConfig.rpc: _decode_sys_set_config,
    PlugSetStatus.rpc: _decode_plug_set_status,
    SysGetConfig.rpc: lambda _: SysGetConfig(),
    WifiGetStatus.rpc: lambda _: WifiGetStatus(),
    MeterJsonData.rpc: lambda _: MeterJsonData(),
    P1JsonData.rpc: lambda _: P1JsonData(),
    P1GetData.rpc: lambda _: P1GetData(),
    PlugGetData.rpc: lambda _: PlugGetData(),
    PlugGetStatus.rpc: lambda _: PlugGetStatus(),
}


# ---- encode a reply --------------------------------------------------------------------------------------------------


def encode_reply(reply: Reply) -> bytes:
    """Return the body of a ``200`` reply: compact JSON, but for the P1 telegram.

    Raises:
        InvalidInput: a value that is not JSON.
    """
    match reply:
        case Data(values=values):
            return encode_object(values)
        case Result(result=result):
            return b'{"result":true}' if result else b'{"result":false}'
        case SysConfig(device=device, wrapped=wrapped):
            return encode_object({"device": device} if wrapped else device)
        case WifiStatus(src=src, params=params):
            return encode_object({"src": src, "params": params})
        case SwitchStatus(on=on):
            return encode_object({"switch_status": _switch_word(on)})
        case Json(document=document):
            return encode_object(document)
        case Text(text=text):
            return text.encode("latin-1", "replace")


# ---- decode a reply --------------------------------------------------------------------------------------------------


def decode_reply(request: Request[ReplyT_co], status: int, body: bytes) -> ReplyT_co:
    """Return the typed reply to a request.

    Raises:
        StatusError: the status is not 200; one subclass for each of the fourteen documented ones.
        ProtocolError: the body is not what this RPC answers.
    """
    if status != 200:
        raise status_error(status, request.rpc)
    if isinstance(request, GetData):  # the hot one
        return cast("ReplyT_co", _decode_data(body))  # GetData is Request[Data]
    return cast("ReplyT_co", _decode_other(request, body))  # each case answers its own request


def _load(body: bytes) -> dict[str, Any]:
    return decode_object(body, "the reply")


def _decode_data(body: bytes) -> Data:
    document = _load(body)
    if not _SCALARS.issuperset(map(type, document.values())):  # a loop here would cost as much as the parsing
        _require_flat_lists(document, body)
    return Data(document)


def _require_flat_lists(document: Mapping[str, Any], body: bytes) -> None:
    for key in [key for key, value in document.items() if type(value) not in _SCALARS]:  # rarely more than a clock
        if not _is_flat_list(document[key]):
            raise ProtocolError(f"point {key!r:.40} holds a nested value: {excerpt(body)}", raw=body)


def _decode_other(request: Request[Any], body: bytes) -> Reply:
    match request:
        case SetData() | UserSetConfig() | SysSetConfig() | PlugSetStatus():
            result = _load(body).get("result")
            if type(result) is not bool:
                raise ProtocolError(f'the reply has no "result": {excerpt(body)}', raw=body)
            return Result(result)
        case SysGetConfig():
            document = _load(body)
            device = document.get("device", document)
            if not isinstance(device, dict) or not device:
                raise ProtocolError(f'the reply has no "device": {excerpt(body)}', raw=body)
            _require_flat(device, body)
            return SysConfig(device, wrapped="device" in document)
        case WifiGetStatus():
            document = _load(body)
            source, params = document.get("src", ""), document.get("params")
            if not isinstance(source, str) or not isinstance(params, dict):
                raise ProtocolError(f'the reply has no "params": {excerpt(body)}', raw=body)
            _require_flat(params, body)
            return WifiStatus(source, params)
        case PlugGetStatus():
            return SwitchStatus(_parse_switch(_load(body).get("switch_status"), ProtocolError, body))
        case P1GetData():
            return Text(body.decode("latin-1"))
        case _:
            return Json(_load(body))


def _is_flat_list(value: object) -> bool:
    return type(value) is list and all(type(item) in _SCALARS for item in value)


def _require_flat(fields: Mapping[str, Any], body: bytes) -> None:
    for key, value in fields.items():
        if type(value) not in _SCALARS:
            raise ProtocolError(f"{key!r:.40} holds a nested value: {excerpt(body)}", raw=body)


def _switch_word(on: bool) -> str:
    return "on" if on else "off"


def _parse_switch(word: object, kind: type[ProtocolError], raw: bytes) -> bool:
    if word not in ("on", "off"):
        raise kind(f'"switch_status" is neither "on" nor "off": {excerpt(raw)}', raw=raw)
    return word == "on"
