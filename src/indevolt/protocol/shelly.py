"""What a Shelly Pro 3EM says about what it measures, over HTTP and in datagrams: requests in, replies out.

INDEVOLT units poll this meter by themselves over HTTP, every 1 to 2 s (control.md, section 0). That one asks in datagrams is not
documented; batteries of other makers do. Facts are from the Shelly Gen2 API documentation (shelly-api-docs.shelly.cloud/gen2: EM,
EMData and Sys among the components, RPC protocol, RPC channels, common errors). What is known from real ones only, or inferred,
says so. Units are W, V, A and Wh; power is positive when it is imported.

===================================== ===========================================================================================
Request                               Reply
===================================== ===========================================================================================
``GET /shelly``                       what ``Shelly.GetDeviceInfo`` says
``GET /rpc/METHOD?id=0``              200 and the result, or 404 or 500 and ``{"code":...,"message":...}``
``POST /rpc/METHOD``                  the same; the body is the parameters
``POST /rpc``                         200 and a frame with ``result`` or ``error``; the body is a frame
a datagram that is a frame            a datagram that is a frame with ``result`` or ``error``, to whoever sent it
any other datagram                    nothing
===================================== ===========================================================================================

Real ones take datagrams once ``rpc_udp.listen_port`` is set (component Sys); there is no usual port.

Not here: sockets (``indevolt.shelly``), and the many methods that set something up: nobody who reads a meter needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl

from indevolt.errors import IndevoltError, ProtocolError
from indevolt.measurement import Measurement, Phase
from indevolt.protocol.jsontext import decode_object, encode_object

_FREQUENCY_HZ: Final = 50.0
_PREFIX: Final = "/rpc/"
_NO_SUCH_METHOD: Final = 404  # seen on real ones, as its message is; the list of common errors has none for it
_INVALID_ARGUMENT: Final = -103
_NOT_FOUND: Final = -105
_ID: Final = 0  # of the only EM and EMData component that a Pro 3EM has
_MAX_FIELDS: Final = 20  # of a query; a method takes one or two parameters
_NOBODY: Final = "unknown"
"""``dst`` of a datagram for who did not name itself: so say look-alikes that batteries of another maker take for real ones (seen in
tomquist/AstraMeter; that real ones do is inferred). Over HTTP the documentation leaves it out."""


@dataclass(frozen=True, slots=True)
class Shelly:
    """One meter at one instant.

    A connection with one phase is on phase A, and the other two inputs show no voltage, like those of real ones that are not wired.
    For a balanced three-phase house give ``measurement.split_evenly()``.
    """

    mac: str  # twelve hexadecimal digits in capitals
    measurement: Measurement
    at: datetime  # aware, UTC
    uptime_s: int = 0

    @property
    def name(self) -> str:
        """The id by which it goes, in ``src`` of every frame."""
        return device_name(self.mac)

    @property
    def phases(self) -> tuple[Phase, ...]:
        """What is wired: three phases, or one."""
        whole = self.measurement
        return whole.phases or (Phase(whole.power_w, whole.import_wh, whole.export_wh),)


class Wanted(StrEnum):
    """What is asked for of what a meter measures."""

    POWER = "power"  # of now, perhaps with what was counted
    ENERGY = "energy"  # only what was counted so far


Look: TypeAlias = Callable[[Wanted], Shelly]
"""Gives the meter as it is now. When it raises one of this package's errors there is nothing to show: the answer is 503 over HTTP,
and silence in datagrams (both inferred). An error frame is a sign of life, and nobody knows whether a unit reads more than that."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: an HTTP status, and a body that is JSON unless it is empty."""

    status: int
    body: bytes = b""


class _CallFailed(Exception):
    """A call that ends in an error of the RPC protocol; told to the client, never raised out of here."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def device_name(mac: str) -> str:
    """Return the id of the meter with this MAC address."""
    return f"shellypro3em-{mac.lower()}"


# ---- documents -----------------------------------------------------------------------------------------------------------


def device_info(mac: str) -> dict[str, Any]:
    """Return Shelly.GetDeviceInfo, of a device without a password; model and firmware are those of a real one."""
    return {
        "name": None,
        "id": device_name(mac),
        "mac": mac,
        "slot": 1,
        "model": "SPEM-003CEBEU",
        "gen": 2,
        "fw_id": "20241011-114455/1.4.4-g6d2a586",
        "ver": "1.4.4",
        "app": "Pro3EM",
        "auth_en": False,
        "auth_domain": None,
        "profile": "triphase",
    }


def em_config() -> dict[str, Any]:
    """Return EM.GetConfig: the example of the documentation, which is what nobody changed."""
    return {
        "id": _ID,
        "name": None,
        "blink_mode_selector": "active_energy",
        "phase_selector": "a",
        "monitor_phase_sequence": True,
        "reverse": {},
        "ct_type": "120A",
    }


def em_status(shelly: Shelly) -> dict[str, Any]:
    """Return EM.GetStatus: power, voltage and current of each phase; there is no reactive power, so apparent is active."""
    whole = shelly.measurement
    fields: dict[str, Any] = {"id": _ID}
    total_a = 0.0
    for letter, phase in zip("abc", (*shelly.phases, None, None), strict=False):
        power_w = 0.0 if phase is None else phase.power_w
        voltage_v = 0.0 if phase is None else whole.voltage_v
        live = voltage_v >= 1
        current_a = abs(power_w) / voltage_v if live else 0.0
        total_a += current_a
        fields |= {
            f"{letter}_current": round(current_a, 3),
            f"{letter}_voltage": round(voltage_v, 1),
            f"{letter}_act_power": _signed(power_w, 1),
            f"{letter}_aprt_power": round(abs(power_w), 1),
            f"{letter}_pf": 1.0 if power_w else 0.0,
            f"{letter}_freq": _FREQUENCY_HZ if live else 0.0,
        }
    return fields | {
        "n_current": None,  # no transformer on the neutral
        "total_current": round(total_a, 3),
        "total_act_power": _signed(whole.power_w, 3),
        "total_aprt_power": round(sum(abs(phase.power_w) for phase in shelly.phases), 3),
        "user_calibrated_phase": [],
    }


def emdata_status(shelly: Shelly) -> dict[str, Any]:
    """Return EMData.GetStatus: the energy registers, ``act`` for import and ``act_ret`` for what was returned."""
    fields: dict[str, Any] = {"id": _ID}
    for letter, phase in zip("abc", (*shelly.phases, Phase(0.0), Phase(0.0)), strict=False):
        fields[f"{letter}_total_act_energy"] = round(phase.import_wh, 2)
        fields[f"{letter}_total_act_ret_energy"] = round(phase.export_wh, 2)
    return fields | {
        "total_act": round(shelly.measurement.import_wh, 2),
        "total_act_ret": round(shelly.measurement.export_wh, 2),
    }


def status(shelly: Shelly) -> dict[str, Any]:
    """Return Shelly.GetStatus: all components that mean something here. The clock shows UTC."""
    return {
        "cloud": {"connected": False},
        "em:0": em_status(shelly),
        "emdata:0": emdata_status(shelly),
        "mqtt": {"connected": False},
        "sys": {
            "mac": shelly.mac,
            "restart_required": False,
            "time": shelly.at.strftime("%H:%M"),
            "unixtime": int(shelly.at.timestamp()),
            "uptime": shelly.uptime_s,
            "available_updates": {},
        },
        "ws": {"connected": False},
    }


def _signed(value: float, digits: int) -> float:
    return round(value, digits) + 0.0  # + 0.0: no meter shows a negative zero


# ---- calls ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Method:
    name: str
    document: Callable[[str, Look], dict[str, Any]]  # of the MAC address, and of what is to be seen
    needs_id: bool = False


_METHODS: Final = {
    # methods are found whatever their case, as by the platform that real ones run on (inferred)
    method.name.lower(): method
    for method in (
        _Method("Shelly.GetDeviceInfo", lambda mac, _: device_info(mac)),
        _Method("Shelly.GetStatus", lambda _, look: status(look(Wanted.POWER))),
        _Method("EM.GetConfig", lambda *_: em_config(), needs_id=True),
        _Method("EM.GetStatus", lambda _, look: em_status(look(Wanted.POWER)), needs_id=True),
        _Method("EMData.GetStatus", lambda _, look: emdata_status(look(Wanted.ENERGY)), needs_id=True),
    )
}


def _call(method: str, params: Mapping[str, Any], mac: str, look: Look) -> dict[str, Any]:
    """Return the result of a method.

    Raises:
        _CallFailed: no such method, or ``id`` is missing or not that of a component.
        IndevoltError: there is nothing to show.
    """
    known = _METHODS.get(method.lower())
    if known is None:
        raise _CallFailed(_NO_SUCH_METHOD, f"No handler for {method}")
    if known.needs_id:
        given = params.get("id")
        if given is None:
            raise _CallFailed(_INVALID_ARGUMENT, "Missing required 'id'")
        if type(given) not in (int, float):
            raise _CallFailed(_INVALID_ARGUMENT, "Argument 'id' is not a number")
        if given != _ID:
            raise _CallFailed(_NOT_FOUND, f"Argument 'id', value {given} not found!")
    return known.document(mac, look)


# ---- over HTTP -----------------------------------------------------------------------------------------------------------


def answer(http_method: str, target: str, body: bytes, mac: str, look: Look) -> Answer:
    """Return what a request is answered, whatever it is.

    Args:
        http_method: GET or POST; anything else gives 405.
        target: path and query as they stand in the request line.
        body: of the request; that of a GET is ignored.
        mac: of the meter.
        look: what to ask for the meter as it is now, if the request asks for anything that is measured.
    """
    if http_method not in ("GET", "POST"):
        return Answer(405)
    path, _, query = target.partition("?")
    is_post = http_method == "POST"
    try:
        if path == "/shelly":
            return Answer(200, encode_object(device_info(mac)))
        if path in ("/rpc", "/rpc/"):
            reply = _answer_frame(body, mac, look) if is_post else None
            return Answer(400) if reply is None else Answer(200, encode_object(reply))
        if not path.startswith(_PREFIX):
            return Answer(404)
        try:
            params = decode_object(body, "the parameters") if is_post and body else _query(query)
            return Answer(200, encode_object(_call(path.removeprefix(_PREFIX), params, mac, look)))
        except _CallFailed as error:
            # Of these two codes the HTTP status is the code itself, of all others 500: so does the platform of real ones.
            return Answer(error.code if error.code == _NO_SUCH_METHOD else 500, encode_object(_error(error)))
    except ProtocolError:  # a body that is no JSON object
        return Answer(400)
    except IndevoltError:
        return Answer(503)


def _error(error: _CallFailed) -> dict[str, Any]:
    return {"code": error.code, "message": error.message}


def _query(query: str) -> dict[str, Any]:
    """Return the parameters in a query; a number is a number there and everything else a text, which no method here takes."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError as error:
        raise ProtocolError(f"a query of more than {_MAX_FIELDS} fields", raw=query.encode()) from error
    return {key: int(value) if value.isascii() and value.isdecimal() and len(value) < 10 else value for key, value in pairs}


# ---- in datagrams --------------------------------------------------------------------------------------------------------


def answer_datagram(datagram: bytes, mac: str, look: Look) -> bytes | None:
    """Return what a datagram is answered; None: nothing.

    A reply is answered nothing, so two look-alikes never keep each other busy.

    Args:
        datagram: whatever came.
        mac: of the meter.
        look: what to ask for the meter as it is now, if the request asks for anything that is measured.
    """
    try:
        reply = _answer_frame(datagram, mac, look, nobody=_NOBODY)
        return None if reply is None else encode_object(reply)
    except IndevoltError:  # no JSON object, or nothing to show
        return None


# ---- frames, over either -------------------------------------------------------------------------------------------------


def _answer_frame(text: bytes, mac: str, look: Look, *, nobody: str | None = None) -> dict[str, Any] | None:
    """Return the frame that answers one; None if it is none that asks for something. ``nobody`` is who asks without a name.

    Raises:
        ProtocolError: no JSON object.
        IndevoltError: there is nothing to show.
    """
    frame = decode_object(text, "an RPC frame")
    number, method, params = frame.get("id"), frame.get("method"), frame.get("params")
    if type(number) not in (int, float, str) or not isinstance(method, str):
        return None
    reply: dict[str, Any] = {"id": number, "src": device_name(mac)}
    source = frame.get("src")
    if (named := source if isinstance(source, str) else nobody) is not None:
        reply["dst"] = named
    try:
        if not isinstance(params, dict | None):
            raise _CallFailed(_INVALID_ARGUMENT, "Parameters are not an object")
        reply["result"] = _call(method, params or {}, mac, look)
    except _CallFailed as error:
        reply["error"] = _error(error)
    return reply
