"""Captured state in files: making it anonymous before it is written, and loading it for a virtual device."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, cast

from indevolt.catalogue import families, identify, load
from indevolt.errors import InvalidInput, ProtocolError, UnknownModel
from indevolt.protocol.messages import Data, MeterJsonData, P1JsonData, PlugGetData, Raw, Reply, Request, SysConfig, WifiStatus
from indevolt.simulator import Sort, State
from indevolt.transport import Recorded, ReplyT, Transport

DEFAULT_MODEL: Final = "powerflex2000"
_ACCESSORY_OF: Final = {P1JsonData.rpc: Sort.P1, PlugGetData.rpc: Sort.PLUG}
_SERIAL_WORD: Final = "sn"  # the word in a quantity's name that says serial number
_TELLING: Final = ("sn", "mac", "bssid", "hostname", "ssid", "src")
_ADDRESSES: Final = ("ip", "sta_ip", "ap_ip", "gateway")
_NOWHERE: Final = "192.0.2.1"  # an address that no network has (RFC 5737)


class Anonymous:
    """A transport whose replies do not tell who and where the owner is.

    Serial numbers, MAC address, host name, network name and addresses are replaced by numbers; equal ones by equal ones, and
    what is empty stays empty, because that tells which packs are there.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._serials = {
            point.read.key
            for family in families()
            for point in load(family).readable()
            if point.read and _SERIAL_WORD in point.name.split("_")
        }
        self.replaced: dict[str, Raw] = {}

    async def exchange(self, request: Request[ReplyT]) -> ReplyT:
        """Send a request and return its reply without what is telling."""
        return cast("ReplyT", self._scrub(await self._transport.exchange(request)))

    async def close(self) -> None:
        """Close the transport behind."""
        await self._transport.close()

    def _scrub(self, reply: Reply) -> Reply:
        match reply:
            case Data(values=values):
                return Data({key: self._stand_in(raw) if key in self._serials else raw for key, raw in values.items()})
            case SysConfig(device=device):
                return replace(reply, device=self._scrub_fields(device))
            case WifiStatus(src=src, params=params):
                return WifiStatus(str(self._stand_in(src)), self._scrub_fields(params))
            case _:
                return reply

    def _scrub_fields(self, fields: Mapping[str, Raw]) -> dict[str, Raw]:
        return {
            key: self._stand_in(value) if key in _TELLING else _NOWHERE if key in _ADDRESSES and value else value
            for key, value in fields.items()
        }

    def _stand_in(self, raw: Raw) -> Raw:
        """Return the same replacement for the same text, as long as it."""
        if raw in (None, "", 0, "0") or not isinstance(raw, str | int | float):
            return raw
        known = self.replaced.get(str(raw))
        if known is None:
            number = len(self.replaced) + 1
            known = f"{number:0{len(raw)}d}" if isinstance(raw, str) else number
            self.replaced[str(raw)] = known
        return known


def load_state(path: Path) -> State:
    """Return the state in a file: a recording, or one JSON document of points and replies.

    Raises:
        InvalidInput: the file cannot be read, or holds neither.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"cannot read {path}: {error}") from error
    try:
        document = json.loads(text)
    except json.JSONDecodeError:
        document = None  # several lines, each a document of its own: a recording
    if isinstance(document, dict) and document.get("format") is None:
        return State.parse(document)
    try:
        return State.of(Recorded.replay(path).exchanges())
    except ProtocolError as error:
        raise InvalidInput(
            f"{path} is neither a recording nor a JSON document: {error}",
            remedy='Make one with `indevolt record`, or write {"POINT": VALUE, ...}.',
        ) from error


def model_of(state: State) -> str:
    """Return the product or accessory that a state was captured from, as far as it shows.

    Raises:
        InvalidInput: it fits no family, or several.
    """
    for rpc, document in state.documents.items():
        if rpc == MeterJsonData.rpc:
            return Sort.METER3 if "data" in document else Sort.METER
        return _ACCESSORY_OF[rpc]
    if state.system is None and not state.points:
        return Sort.PLUG if state.switch_on is not None else DEFAULT_MODEL
    device = state.system.device if state.system else {}
    try:
        found = load(identify(device, state.points).family).products
    except UnknownModel as error:
        if state.system is None:
            return DEFAULT_MODEL  # a handful of points tells nothing, and need not
        raise InvalidInput(f"the model of the state is not known: {error}", remedy="Name it with --model.") from error
    same = (product.name for product in found.values() if product.system["fw"] == device.get("fw"))
    return next(same, next(iter(found)))
