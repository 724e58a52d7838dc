"""The discovery datagrams: a question anyone may broadcast, the answer of a device, and its unasked announcement.

Formats only. Who sends when, and to whom, is decided in ``indevolt.discovery`` (asking) and ``beacon`` (answering). Two facts they
need: the address of a device is the source of the datagram, not the ``ip`` in it, which can be wrong; and while the
local API of a device is off it does not answer at all (protocol.md, section 5).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from indevolt.errors import InvalidInput, ProtocolError
from indevolt.protocol.jsontext import decode_object, encode_object, excerpt

PORT: Final = 8099
"""Where devices listen for the request, and where they broadcast announcements (UDP)."""

REPLY_PORT: Final = 10000
"""Bind this before asking: whether a device replies to the sender's port or always to this one is unknown."""

API_PORT: Final = 8080
"""Where the API is when a reply does not say (TCP)."""

REQUEST: Final = b"AT+IGDEVICEIP"
ANNOUNCEMENT_PREFIX: Final = b"BCF-D"
_LINE_ENDS: Final = b"\r\n\0"  # tools by which people send the request may add some; whether a device minds is unknown


@dataclass(frozen=True, slots=True)
class Identification:
    """What a device says about itself when asked.

    ``firmware`` is the long firmware text. ``port`` and ``name`` are no documented fields; a public client expects them
    (protocol.md, section 5).
    """

    sn: str
    firmware: str
    ip: str  # what the device believes; use the source address of the datagram instead
    api_version: str
    port: int = API_PORT
    name: str = ""


def is_request(datagram: bytes) -> bool:
    """Whether somebody asks who is there."""
    return datagram.rstrip(_LINE_ENDS) == REQUEST


def is_announcement(datagram: bytes) -> bool:
    """Whether a device announces itself. Prefix and source address are all that is known of an announcement."""
    return datagram.startswith(ANNOUNCEMENT_PREFIX)


def encode_announcement(sn: str) -> bytes:
    """Return an announcement: the documented prefix, then the serial number.

    The layout after the prefix is unpublished (protocol.md, section 5), so this is not what a real device sends there.

    Raises:
        InvalidInput: the serial number is not ASCII.
    """
    if not sn.isascii():
        raise InvalidInput(f"a serial number is ASCII, not {sn!r:.40}")
    return ANNOUNCEMENT_PREFIX + sn.encode("ascii")


def encode_reply(identification: Identification) -> bytes:
    """Return the reply datagram; ``port`` and ``name`` only where they say something.

    Raises:
        InvalidInput: the port is none, or a text cannot be written.
    """
    if not _is_port(identification.port):
        raise InvalidInput(f"no port: {identification.port}")
    fields: dict[str, Any] = {
        "sn": identification.sn,
        "fw": identification.firmware,
        "ip": identification.ip,
        "opendata_ver": identification.api_version,
    }
    if identification.port != API_PORT:
        fields["port"] = identification.port
    if identification.name:
        fields["name"] = identification.name
    return encode_object(fields)


def decode_reply(datagram: bytes) -> Identification:
    """Return what a reply says; fields other than ``sn`` may be missing, unknown ones are ignored.

    Raises:
        ProtocolError: no reply to the discovery request.
    """
    fields = decode_object(datagram.rstrip(_LINE_ENDS), "the discovery reply")
    sn, port = fields.get("sn"), fields.get("port", API_PORT)
    if type(sn) is int:
        sn = str(sn)  # some firmware sends serial numbers of digits as numbers (protocol.md, section 18, number 16)
    if not isinstance(sn, str) or not _is_port(port):
        raise ProtocolError(f"the discovery reply has no usable sn or port: {excerpt(datagram)}", raw=datagram)
    texts = [fields.get(key) or "" for key in ("fw", "ip", "opendata_ver", "name")]
    if not all(isinstance(text, str) for text in texts):
        raise ProtocolError(f"a field of the discovery reply is no text: {excerpt(datagram)}", raw=datagram)
    firmware, ip, api_version, name = texts
    return Identification(sn, firmware, ip, api_version, port, name)


def _is_port(value: object) -> bool:
    return type(value) is int and 0 < value <= 65535
