"""What values of the hub's configuration look like, what they are refused for, and what holds where a file says nothing.

Which setting takes which is in ``config``. A kind says what is allowed once, by its JSON schema: messages, reference page and
editors repeat that.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, ValidationInfo, WithJsonSchema

from indevolt.catalogue import families, products
from indevolt.errors import InvalidInput
from indevolt.hub.secret import Origin, is_file
from indevolt.transport import parse_address

APP: Final = "indevolt"
EVERY_ADDRESS: Final = ("0.0.0.0", "::")  # noqa: S104 - recognized, not bound


def spelled(allowed: str, kind: str = "string", **more: Any) -> WithJsonSchema:  # noqa: ANN401 - whatever a schema says
    """Return the schema of a value; ``allowed`` is what messages and the reference page say."""
    return WithJsonSchema({"type": kind, "x-allowed": allowed, **more})


def _path(raw: object, info: ValidationInfo) -> object:
    """Return a text as an absolute path; anything else is left for pydantic to refuse."""
    origin = info.context if isinstance(info.context, Origin) else Origin()
    return origin.path(raw) if isinstance(raw, str) and raw else raw


def _existing(path: Path) -> Path:
    if not is_file(path):
        raise InvalidInput(f"there is no file {path}")
    return path


def _device_host(text: str) -> str:
    parse_address(text)
    return text


def _host_alone(text: str) -> str:
    if "://" in text or has_port(text):
        raise InvalidInput(f"{text!r:.80} is no address alone", remedy="Its port is a field of its own.")
    try:
        return parse_address(text).host
    except InvalidInput as error:
        raise InvalidInput(str(error), remedy="Write its address or name alone.") from error


def _model(name: str) -> str:
    if name not in products() and name not in families():
        raise InvalidInput(f"no model {name!r:.60}", remedy=f"Models: {', '.join([*products(), *families()])}.")
    return name


def _zone(name: str) -> str:
    if zone_of(name) is None:
        raise InvalidInput(f"no time zone {name!r:.60}", remedy='Names are like "Europe/Berlin"; "UTC" is one, too.')
    return name


def _url(text: str, *, schemes: tuple[str, ...], bare: bool = False) -> str:
    """Return an address of the web; messages do not repeat it, as it may hold a password."""
    try:
        parts = urlsplit(text)
        fits = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0 and not (bare and (parts.path or parts.query))
    except ValueError:
        fits = False
    else:
        if parts.username is not None:
            raise InvalidInput("a URL holds no user name or password here", remedy="Give a token instead.")
    if not fits:
        alone = ", with nothing behind host and port" if bare else ""
        raise InvalidInput(f"this is no URL that begins with {' or '.join(f'{each}://' for each in schemes)}{alone}")
    return text


_NAME: Final = r"^[a-z0-9][a-z0-9_-]{0,39}$"

Name: TypeAlias = Annotated[
    str, StringConstraints(pattern=_NAME), spelled("1 to 40 of a-z, 0-9, _ and -, beginning with a-z or 0-9", pattern=_NAME)
]
Text: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Topic: TypeAlias = Annotated[
    str,
    StringConstraints(pattern=r"^[^+#/\s$\x00-\x1f][^+#/\s\x00-\x1f]*(/[^+#/\s\x00-\x1f]+)*$", max_length=100),
    spelled('a topic without + and #, like "home/battery"'),
]
DeviceHost: TypeAlias = Annotated[str, AfterValidator(_device_host), spelled("HOST, HOST:PORT, [IPV6]:PORT or https://HOST:PORT")]
ListeningHost: TypeAlias = Annotated[
    str, AfterValidator(_host_alone), spelled("an address or name of this machine, without a port")
]
HostAlone: TypeAlias = Annotated[str, AfterValidator(_host_alone), spelled("an address or name without a port")]
Port: TypeAlias = Annotated[int, Field(ge=1, le=65535)]
FreePort: TypeAlias = Annotated[int, Field(ge=0, le=65535)]
ModelName: TypeAlias = Annotated[str, AfterValidator(_model), spelled("a product or family of `indevolt points --help`")]
ZoneName: TypeAlias = Annotated[str, AfterValidator(_zone), spelled('a name of the IANA database, like "Europe/Berlin"')]
AnyPath: TypeAlias = Annotated[
    Path, BeforeValidator(_path), spelled("a path; a relative one starts where this file is", minLength=1)
]
FilePath: TypeAlias = Annotated[
    Path,
    BeforeValidator(_path),
    AfterValidator(_existing),
    spelled("the path of a file that exists; a relative one starts where this file is", minLength=1),
]
Fingerprint: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2}){31}$"), spelled("64 hexadecimal digits, colons allowed")
]
Seconds: TypeAlias = Annotated[float, Field(ge=0, le=86_400)]
Days: TypeAlias = Annotated[int, Field(ge=1, le=36_500)]
OriginUrl: TypeAlias = Annotated[
    str, AfterValidator(partial(_url, schemes=("http", "https"), bare=True)), spelled('like "https://dashboard.example:3000"')
]
WebUrl: TypeAlias = Annotated[str, AfterValidator(partial(_url, schemes=("http", "https"))), spelled("http://... or https://...")]
ReceiverUrl: TypeAlias = Annotated[
    str, AfterValidator(partial(_url, schemes=("http", "https", "udp"))), spelled("http://..., https://... or udp://HOST:PORT")
]


# ---- what holds without a word from the owner ----------------------------------------------------------------------------------


def data_folder() -> Path:
    """Return where this user keeps data of programs; under systemd, what the unit was given."""
    given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given)
    match sys.platform:
        case "win32":
            return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / APP
        case "darwin":
            return Path.home() / "Library" / "Application Support" / APP
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / APP


def local_zone_name() -> str:
    """Return the name of this machine's time zone; UTC where it does not tell."""
    linked = Path("/etc/localtime").resolve().as_posix().rpartition("/zoneinfo/")[2]
    for name in (os.environ.get("TZ", "").removeprefix(":"), linked):
        if zone_of(name) is not None:
            return name
    return "UTC"


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches what listens on a host."""
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def zone_of(name: str) -> ZoneInfo | None:
    """Return a time zone; None where there is none of that name."""
    try:
        return ZoneInfo(name)
    except (LookupError, OSError, ValueError):  # not known, a folder of the database, and what can be no name at all
        return None


def has_port(host: str) -> bool:
    """Return whether an address says its port."""
    rest = host.rpartition("://")[2].removesuffix("/")
    return rest.rpartition("]")[2].startswith(":") if rest.startswith("[") else rest.count(":") == 1


def same_host(one: str, other: str) -> bool:
    """Return whether two addresses to listen on are, or may be, the same."""
    first, second = (host.lower().replace("localhost", "127.0.0.1") for host in (one, other))
    return first == second or not {first, second}.isdisjoint(EVERY_ADDRESS)
