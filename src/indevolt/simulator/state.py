"""What a device is set to: captured replies, as a recording, a file or a test holds them.

Formats of files are read by whoever opens them; here are only values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from indevolt.errors import InvalidInput
from indevolt.protocol.messages import (
    AnyRequest,
    Data,
    Json,
    MeterJsonData,
    P1GetData,
    P1JsonData,
    PlugGetData,
    PlugGetStatus,
    Raw,
    Reply,
    SwitchStatus,
    SysConfig,
    Text,
    WifiStatus,
)

_DOCUMENTS: Final = (MeterJsonData.rpc, P1JsonData.rpc, PlugGetData.rpc)
_SCALARS: Final = (int, float, str, bool, type(None))


@dataclass(frozen=True, slots=True)
class State:
    """Captured values, raw as on the wire. What is empty or None was not captured."""

    points: Mapping[str, Raw] = field(default_factory=dict)
    system: SysConfig | None = None
    wifi: WifiStatus | None = None
    documents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # of accessories, by the name of the RPC
    telegram: str | None = None  # of a P1 reader
    switch_on: bool | None = None  # of a plug

    @classmethod
    def of(cls, exchanges: Iterable[tuple[AnyRequest, Reply]]) -> State:
        """Return the state that captured exchanges show; a later reply outranks an earlier one."""
        points: dict[str, Raw] = {}
        documents: dict[str, Mapping[str, Any]] = {}
        system: SysConfig | None = None
        wifi: WifiStatus | None = None
        telegram: str | None = None
        switch_on: bool | None = None
        for request, reply in exchanges:
            match reply:
                case Data(values=values):
                    points.update(values)
                case SysConfig():
                    system = reply
                case WifiStatus():
                    wifi = reply
                case Json(document=document):
                    documents[request.rpc] = document
                case Text(text=text):
                    telegram = text
                case SwitchStatus(on=on):
                    switch_on = on
                case _:
                    pass  # results of writes show nothing that a later read does not show better
        return cls(points, system, wifi, documents, telegram, switch_on)

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> State:
        """Return the state that a JSON document spells.

        Known are, side by side: points (``"POINT": value`` in any number), the ``device`` of Sys.GetConfig, ``src`` and ``params``
        of WiFi.GetStatus, and the replies of an accessory under the name of their RPC. A documented example, with its ``request``
        and ``response``, is its response; a Sys.GetConfig without the wrapper is known by its ``sn`` and ``fw``.

        Raises:
            InvalidInput: names the key that does not belong there.
        """
        if isinstance(response := document.get("response"), Mapping):
            return cls.parse(response)
        if "sn" in document and "fw" in document:
            return cls(system=SysConfig(_flat("the system configuration", document), wrapped=False))
        rest = dict(document)
        points = {key: _raw(key, rest.pop(key)) for key in document if key.isdecimal()}
        device, source, params = rest.pop("device", None), rest.pop("src", ""), rest.pop("params", None)
        status, telegram = rest.pop(PlugGetStatus.rpc, None), rest.pop(P1GetData.rpc, None)
        documents = {rpc: rest.pop(rpc) for rpc in _DOCUMENTS if isinstance(rest.get(rpc), Mapping)}
        if rest or not isinstance(telegram, str | None):
            raise InvalidInput(
                f"a state has no {next(iter(rest), P1GetData.rpc)!r:.40}",
                remedy='It holds points ("POINT": value), "device" as in Sys.GetConfig, or an accessory\'s replies by RPC name.',
            )
        return cls(
            points,
            None if device is None else SysConfig(_flat("device", device)),
            None if params is None else WifiStatus(str(source), _flat("params", params)),
            documents,
            telegram,
            None if status is None else _flat(PlugGetStatus.rpc, status).get("switch_status") == "on",
        )


def _flat(what: str, value: object) -> dict[str, Raw]:
    if not isinstance(value, Mapping) or not all(isinstance(item, _SCALARS) for item in value.values()):
        raise InvalidInput(f"{what} is not a JSON object of plain values")
    return dict(value)


def _raw(key: str, value: object) -> Raw:
    if isinstance(value, list) and all(isinstance(item, _SCALARS) for item in value):
        return value
    if not isinstance(value, _SCALARS):
        raise InvalidInput(f"the value of point {key} is no plain value: {value!r:.60}")
    return value
