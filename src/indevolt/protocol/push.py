"""The frame that accessories (P1 reader, smart plug, meter) broadcast over UDP: an envelope with a CRC around JSON.

The format was read off vendor screenshots (protocol.md, section 6), so some of its bytes are copied without being
understood; their names say so. Batteries are not documented as senders. Periods and destinations are ``beacon``'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from indevolt.errors import InvalidInput, ProtocolError
from indevolt.protocol.jsontext import decode_object, encode_object, excerpt

PORT: Final = 8088

_PADDING: Final = bytes(6)
_MAGIC: Final = b"PSC-D"
_EMPTY_FIELD: Final = b"\x10" + bytes(16)  # a length, then that many zeros; meaning unknown
_RESERVED: Final = bytes(22)  # zeros in the captured frames; meaning unknown
_SN_BYTES: Final = 16
_UNKNOWN: Final = b"\x01\x00"  # meaning unknown
_UNKNOWN_COUNTED: Final = b"\x02\x01\x04\x00"  # meaning unknown; counted in the two lengths before it
_TRAILER: Final = b"PE"

_COUNT_AT: Final = len(_PADDING + _MAGIC)
_BODY_AT: Final = _COUNT_AT + 2
_SN_AT: Final = _BODY_AT + len(_EMPTY_FIELD + _RESERVED) + 1
_LENGTHS_AT: Final = _SN_AT + _SN_BYTES + len(_UNKNOWN)
_COUNTED_AT: Final = _LENGTHS_AT + 4
_PAYLOAD_AT: Final = _COUNTED_AT + len(_UNKNOWN_COUNTED)
_TAIL: Final = len(_TRAILER) + 2
MAX_PAYLOAD_BYTES: Final = 65507 - _PAYLOAD_AT - _TAIL
"""What fits one UDP datagram over IPv4; the captured frame carries 483 bytes."""


@dataclass(frozen=True, slots=True)
class Push:
    """One report of an accessory.

    ``payload`` is the JSON text itself: as received, or composed from the other fields. It is kept because senders
    write numbers in ways (``233.10``) that do not survive a round trip, and a relay must not change what it relays.
    """

    sn: str  # of the sender; the serial number in ``data`` may be that of the meter behind it
    sequence: int  # rises with every report, not always by one
    at_s: int  # Unix time, true UTC
    kind: int  # "type" on the wire; 4 is a P1 reader
    data: Mapping[str, Any]
    payload: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        fields = {"id": self.sequence, "ts": self.at_s, "type": self.kind, "data": self.data}
        object.__setattr__(self, "payload", encode_object(fields))


def encode(push: Push) -> bytes:
    """Return the frame.

    Raises:
        InvalidInput: the serial number is not 1 to 16 ASCII characters, or the payload does not fit a datagram.
    """
    if not (push.sn.isascii() and 0 < len(push.sn) <= _SN_BYTES):
        raise InvalidInput(f"the serial number in a push frame has 1 to {_SN_BYTES} ASCII characters, not {push.sn!r:.40}")
    if len(push.payload) > MAX_PAYLOAD_BYTES:
        raise InvalidInput(f"a push frame carries at most {MAX_PAYLOAD_BYTES} bytes of JSON, not {len(push.payload)}")
    counted = _UNKNOWN_COUNTED + push.payload
    body = b"".join(
        (
            _EMPTY_FIELD,
            _RESERVED,
            bytes([_SN_BYTES]),
            push.sn.encode("ascii").ljust(_SN_BYTES, b"\0"),  # how a shorter one is padded is unknown
            _UNKNOWN,
            _length(counted) * 2,
            counted,
        )
    )
    checked = _MAGIC + _length(body) + body + _TRAILER
    return _PADDING + checked + crc16_modbus(checked).to_bytes(2, "little")


def decode(frame: bytes) -> Push:
    """Return what a frame reports; ``encode`` makes the same bytes of it again, but for unknown ones.

    The bytes of unknown meaning are not judged: only frames of one device are known, another may well send others.

    Raises:
        ProtocolError: a marker, a length, the checksum, the serial number or the JSON is wrong.
    """
    if not _PAYLOAD_AT + _TAIL < len(frame) <= _PAYLOAD_AT + MAX_PAYLOAD_BYTES + _TAIL:
        raise _bad("no such length", frame)
    if not frame.startswith(_PADDING + _MAGIC) or frame[-_TAIL:-2] != _TRAILER:
        raise _bad("the markers are missing", frame)
    if crc16_modbus(frame[len(_PADDING) : -2]) != int.from_bytes(frame[-2:], "little"):
        raise _bad("the checksum is wrong", frame)
    payload = frame[_PAYLOAD_AT:-_TAIL]
    length = _length(_UNKNOWN_COUNTED + payload)
    if frame[_COUNT_AT:_BODY_AT] != _length(frame[_BODY_AT:-_TAIL]) or frame[_LENGTHS_AT:_COUNTED_AT] != length * 2:
        raise _bad("a length is wrong", frame)
    sn = frame[_SN_AT : _SN_AT + _SN_BYTES].rstrip(b"\0")
    if not sn or not sn.isascii() or frame[_SN_AT - 1] != _SN_BYTES:
        raise _bad("it names no sender", frame)
    return _decode_payload(sn.decode("ascii"), payload, frame)


def _decode_payload(sn: str, payload: bytes, frame: bytes) -> Push:
    fields = decode_object(payload, "the payload of a push frame")
    sequence, at_s, kind, data = (fields.get(key) for key in ("id", "ts", "type", "data"))
    if type(sequence) is not int or type(at_s) is not int or type(kind) is not int or not isinstance(data, dict):
        raise _bad("the payload lacks id, ts, type or data", frame)
    push = Push(sn, sequence, at_s, kind, data)
    object.__setattr__(push, "payload", payload)  # as it came, instead of as we would write it
    return push


def _length(part: bytes) -> bytes:
    return len(part).to_bytes(2, "big")


def _bad(what: str, frame: bytes) -> ProtocolError:
    return ProtocolError(f"not a push frame: {what}: {excerpt(frame)}", raw=frame)


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


_CRC_TABLE: Final = _crc_table()


def crc16_modbus(data: bytes) -> int:
    """Return CRC-16/MODBUS: reflected polynomial 0xA001, start value 0xFFFF, no final inversion."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc
