"""Where a device is: what a person types, taken apart and checked before anything is sent.

No name is looked up here; whether it exists is found out when it is used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

from indevolt.errors import InvalidInput
from indevolt.protocol.discovery import API_PORT

_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"  # RFC 1123, and the "_" of many routers' names
_NAME: Final = re.compile(rf"(?=.{{1,253}}\.?$){_LABEL}(?:\.{_LABEL})*\.?")
_REMEDY: Final = "Write HOST, HOST:PORT, [IPV6]:PORT, http://HOST:PORT or https://HOST:PORT."


@dataclass(frozen=True, slots=True)
class Address:
    """A host (name, IPv4 or bare IPv6 literal), a TCP port from 1 to 65535, and whether to speak TLS."""

    host: str
    port: int = API_PORT
    tls: bool = False

    def __str__(self) -> str:
        return f"{self.bracketed_host}:{self.port}"

    @property
    def bracketed_host(self) -> str:
        """The host as URLs and ``Host`` headers spell it; an IPv6 zone concerns only this machine and is left out."""
        return f"[{self.host.partition('%')[0]}]" if ":" in self.host else self.host


def parse_address(text: str) -> Address:
    """Return the address that a person typed.

    Accepts ``host``, ``host:port``, ``1.2.3.4``, ``::1``, ``[::1]:port``, and the same with ``http://`` or ``https://`` before
    it. Without a port it is 8080, for ``https://`` too: where a device will offer HTTPS is not documented (protocol.md, section 1).

    Raises:
        InvalidInput: naming what is wrong.
    """
    if not isinstance(text, str):
        raise _wrong(repr(text), "it is not a text")
    scheme, separator, rest = text.strip().rpartition("://")
    if separator and scheme.lower() not in ("http", "https"):
        raise _wrong(text, f"cannot speak {scheme}://")
    rest = rest.removesuffix("/")
    if separator and "@" in rest:
        # The text is not repeated: it may hold a password.
        raise InvalidInput("an address holds no user name or password", remedy="Give the password with --password.")
    host, port = _split(text, rest)
    return Address(_check_host(text, host), _check_port(text, port), tls=scheme.lower() == "https")


def _split(text: str, rest: str) -> tuple[str, str | None]:
    if rest.startswith("["):
        host, bracket, port = rest[1:].partition("]")
        if not bracket or not (port == "" or port.startswith(":")) or ":" not in host:
            raise _wrong(text, "an IPv6 address in brackets is written [2001:db8::1] or [2001:db8::1]:8080")
        return host, port[1:] if port else None
    if rest.count(":") > 1:
        return rest, None
    host, colon, port = rest.partition(":")
    return host, port if colon else None


def _check_host(text: str, host: str) -> str:
    if ":" in host:
        try:
            IPv6Address(host)
        except AddressValueError as error:
            raise _wrong(text, f"{host} is no IPv6 address") from error
        return host
    if host and not host.strip("0123456789."):
        try:
            IPv4Address(host)
        except AddressValueError as error:
            raise _wrong(text, f"{host} is no IPv4 address") from error
        return host
    try:
        name = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise _wrong(text, f"{host!r} is no host name") from error
    if not _NAME.fullmatch(name):
        raise _wrong(text, f"{host!r} is no host name" if host else "the host is missing")
    return name


def _check_port(text: str, port: str | None) -> int:
    if port is None:
        return API_PORT
    if not (port.isascii() and port.isdecimal() and len(port) <= 5 and 1 <= int(port) <= 65535):
        raise _wrong(text, f"{port!r} is no port; ports go from 1 to 65535")
    return int(port)


def _wrong(text: str, why: str) -> InvalidInput:
    return InvalidInput(f"{text!r:.80} is no address: {why}", remedy=_REMEDY)
