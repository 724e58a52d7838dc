"""What is asked and answered: a record for each RPC's request and reply, in types and not in bytes.

These are what a transport exchanges, so that other ways to a device can stand where HTTP stands now. How they travel is in ``rpc``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Generic, TypeAlias, TypeVar

from indevolt.protocol.digest import Sealed

Scalar: TypeAlias = int | float | str | bool | None
Raw: TypeAlias = Scalar | list[Any]
"""What a point can be on the wire. Lists are rare: the clock point is an array of three words."""

WRITE_FUNCTION: Final = 16
"""The only documented function code of SetData (seed, section 5.2); 0x10 is also Modbus "write multiple registers"."""


@dataclass(frozen=True, slots=True)
class Result:
    """``{"result": true}``: accepted, which is not the same as done."""

    result: bool


@dataclass(frozen=True, slots=True)
class Data:
    """Points and their raw values, keyed as on the wire; a point the model does not have is left out."""

    values: Mapping[str, Raw]


@dataclass(frozen=True, slots=True)
class SysConfig:
    """What ``Sys.GetConfig`` says. Accessories may send it without the ``device`` wrapper (protocol.md, 3.3)."""

    device: Mapping[str, Raw]
    wrapped: bool = True

    def text(self, key: str) -> str:
        """Return a field as text, empty when absent."""
        value = self.device.get(key)
        return "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class WifiStatus:
    """What ``WiFi.GetStatus`` says: ``src`` is the serial number, ``rssi`` a quality of 0 to 100."""

    src: str
    params: Mapping[str, Raw]


@dataclass(frozen=True, slots=True)
class Json:
    """An accessory's JSON document as it came; keys differ between device types and firmware (protocol.md, 3.6)."""

    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Text:
    """``P1.GetData``: raw DSMR text in braces with CRLF line ends; not JSON."""

    text: str


@dataclass(frozen=True, slots=True)
class SwitchStatus:
    """``Plug.GetStatus``: whether the plug is on."""

    on: bool


Reply: TypeAlias = Result | Data | SysConfig | WifiStatus | Json | Text | SwitchStatus
ReplyT_co = TypeVar("ReplyT_co", bound=Reply, covariant=True)


@dataclass(frozen=True, slots=True)
class Request(Generic[ReplyT_co]):
    """Any request; the type parameter is what answers it."""

    rpc: ClassVar[str]
    method: ClassVar[str]  # as the documents print it; devices take GET and POST alike (protocol.md, section 2)
    repeatable: ClassVar[bool] = True  # safe to send again when nobody knows whether it arrived


@dataclass(frozen=True, slots=True)
class GetData(Request[Data]):
    """Read points."""

    rpc: ClassVar[str] = "Indevolt.GetData"
    method: ClassVar[str] = "POST"
    points: tuple[int, ...]
    keys: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", tuple(map(str, self.points)))


@dataclass(frozen=True, slots=True)
class SetData(Request[Result]):
    """Write ``values`` to consecutive points from ``point`` on."""

    rpc: ClassVar[str] = "Indevolt.SetData"
    method: ClassVar[str] = "POST"
    repeatable: ClassVar[bool] = False
    point: int
    values: tuple[int | float, ...]
    function: int = WRITE_FUNCTION


@dataclass(frozen=True, slots=True)
class SysGetConfig(Request[SysConfig]):
    """Read type, serial number, firmware, clock and uptime."""

    rpc: ClassVar[str] = "Sys.GetConfig"
    method: ClassVar[str] = "GET"


@dataclass(frozen=True, slots=True)
class SysSetConfig(Request[Result]):
    """Set host name and time zone (minutes east of UTC); documented for accessories only (protocol.md, 3.5)."""

    rpc: ClassVar[str] = "Sys.SetConfig"
    method: ClassVar[str] = "POST"
    repeatable: ClassVar[bool] = False
    hostname: str | None = None
    timezone: int | None = None


@dataclass(frozen=True, slots=True)
class UserSetConfig(Request[Result]):
    """Change the Digest password.

    Only the ciphertext travels in the URL; tag and nonce travel as realm and nonce of the Digest header, so a decoded
    request has them empty until the server fills them in from there.
    """

    rpc: ClassVar[str] = "User.SetConfig"
    method: ClassVar[str] = "POST"
    repeatable: ClassVar[bool] = False
    sealed: Sealed


@dataclass(frozen=True, slots=True)
class WifiGetStatus(Request[WifiStatus]):
    """Read Wi-Fi address, name and signal."""

    rpc: ClassVar[str] = "WiFi.GetStatus"
    method: ClassVar[str] = "GET"


@dataclass(frozen=True, slots=True)
class MeterJsonData(Request[Json]):
    """Read a meter or infrared reader."""

    rpc: ClassVar[str] = "Meter.JsonData"
    method: ClassVar[str] = "GET"


@dataclass(frozen=True, slots=True)
class P1JsonData(Request[Json]):
    """Read a P1 reader as JSON."""

    rpc: ClassVar[str] = "P1.JsonData"
    method: ClassVar[str] = "GET"


@dataclass(frozen=True, slots=True)
class P1GetData(Request[Text]):
    """Read the raw telegram of a P1 reader."""

    rpc: ClassVar[str] = "P1.GetData"
    method: ClassVar[str] = "GET"


@dataclass(frozen=True, slots=True)
class PlugGetData(Request[Json]):
    """Read the measurements of a smart plug."""

    rpc: ClassVar[str] = "Plug.GetData"
    method: ClassVar[str] = "GET"


@dataclass(frozen=True, slots=True)
class PlugGetStatus(Request[SwitchStatus]):
    """Read the switch of a smart plug."""

    rpc: ClassVar[str] = "Plug.GetStatus"
    method: ClassVar[str] = "GET"


@dataclass(frozen=True, slots=True)
class PlugSetStatus(Request[Result]):
    """Switch a smart plug."""

    rpc: ClassVar[str] = "Plug.SetStatus"
    method: ClassVar[str] = "POST"
    repeatable: ClassVar[bool] = False
    on: bool


AnyRequest: TypeAlias = (
    GetData
    | SetData
    | SysGetConfig
    | SysSetConfig
    | UserSetConfig
    | WifiGetStatus
    | MeterJsonData
    | P1JsonData
    | P1GetData
    | PlugGetData
    | PlugGetStatus
    | PlugSetStatus
)
