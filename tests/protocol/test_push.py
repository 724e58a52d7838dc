"""The push frame: the captured one byte for byte, and ours against a frame put together with the standard library."""

from __future__ import annotations

import json
import struct
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from indevolt.errors import InvalidInput, ProtocolError
from indevolt.protocol.push import MAX_PAYLOAD_BYTES, Push, crc16_modbus, decode, encode

P1 = Push("TESTREADER000001", 7, 1_780_000_000, 4, {"SN": "TESTMETER0001", "total_act_power": 412, "a_voltage": 233.1})
TEXT = b'{"id":7,"ts":1780000000,"type":4,"data":{"SN":"TESTMETER0001","total_act_power":412,"a_voltage":233.1}}'

serials = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=16)
numbers = st.integers(-(2**63), 2**64 - 1)
data_fields = st.dictionaries(st.text(), numbers | st.floats(allow_nan=False, allow_infinity=False) | st.text(), max_size=5)
pushes = st.builds(Push, serials, numbers, numbers, numbers, data_fields)


def checksum(data: bytes) -> bytes:
    """CRC-16/MODBUS bit by bit, low byte first, as its definition says."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return struct.pack("<H", crc)


def framed(
    sn: bytes,
    text: bytes,
    *,
    magic: bytes = b"PSC-D",
    count: int = 0,
    length: int = 0,
    second_length: int = 0,
    sn_length: int = 16,
    unknown: bytes = b"\x02\x01\x04\x00",
    trailer: bytes = b"PE",
) -> bytes:
    """Put a frame together by the offsets of protocol.md, section 6; the numbers are added to what is right."""
    body = struct.pack(
        ">B16x22xB16s2sHH4s",
        16,
        sn_length,
        sn,
        b"\x01\x00",
        len(text) + 4 + length,
        len(text) + 4 + length + second_length,
        unknown,
    )
    checked = magic + struct.pack(">H", len(body + text) + count) + body + text + trailer
    return bytes(6) + checked + checksum(checked)


FRAME = framed(b"TESTREADER000001", TEXT)


def test_the_checksum_is_the_catalogued_one() -> None:
    assert crc16_modbus(b"123456789") == 0x4B37
    assert crc16_modbus(b"") == 0xFFFF


@given(st.binary(max_size=200))
def test_the_checksum_is_that_of_its_definition(data: bytes) -> None:
    assert crc16_modbus(data) == int.from_bytes(checksum(data), "little")


def test_the_captured_frame_reads_and_writes_back_byte_for_byte(samples: Path) -> None:
    capture = json.loads((samples / "udp_push_p1_reader.json").read_text())
    frame = bytes.fromhex(capture["frame_hex"])

    push = decode(frame)

    assert push.sn.encode() == frame[53:69]
    assert (push.sequence, push.at_s, push.kind) == (3398, 1750303145, 4)
    assert push.data == capture["payload"]["data"]
    assert encode(push) == frame
    assert len(frame) == capture["frame_length"]


def test_our_frame_is_the_one_put_together_by_hand() -> None:
    assert encode(P1) == FRAME
    assert decode(FRAME) == P1


@given(pushes)
@example(Push("A", 0, 0, 0, {}))
def test_a_push_survives_the_wire(push: Push) -> None:
    frame = encode(push)

    assert decode(frame) == push
    assert encode(decode(frame)) == frame
    assert frame == framed(push.sn.encode(), push.payload)
    assert json.loads(push.payload)["data"] == push.data


def test_numbers_keep_the_spelling_of_the_sender() -> None:
    text = b'{ "type":4, "id":7, "ts":1780000000, "data":{"a_voltage":233.10,"power":1e2} }'

    push = decode(framed(b"TESTREADER000001", text))

    assert push.data == {"a_voltage": 233.1, "power": 100.0}
    assert push.payload == text
    assert encode(push) == framed(b"TESTREADER000001", text)


def test_a_changed_push_is_written_anew() -> None:
    push = replace(decode(framed(b"A", b'{"id":7,"ts":1,"type":4,"data":{"v":233.10}}')), sequence=8)
    assert push.payload == b'{"id":8,"ts":1,"type":4,"data":{"v":233.1}}'


def test_a_short_serial_number_is_padded() -> None:
    push = replace(P1, sn="SHORT")
    assert encode(push) == framed(b"SHORT", TEXT)
    assert decode(encode(push)).sn == "SHORT"


def test_other_unknown_bytes_do_not_matter() -> None:
    assert decode(framed(b"TESTREADER000001", TEXT, unknown=b"\x02\x01\x05\x00")) == P1


@pytest.mark.parametrize("sn", ["", "SEVENTEEN BYTES!!", "ÄÖÜ"])
def test_a_serial_number_that_does_not_fit_is_not_sent(sn: str) -> None:
    with pytest.raises(InvalidInput, match="serial number"):
        encode(replace(P1, sn=sn))


def test_a_frame_fills_one_datagram_and_no_more() -> None:
    empty = len(replace(P1, data={"x": ""}).payload)
    largest = replace(P1, data={"x": "x" * (MAX_PAYLOAD_BYTES - empty)})
    assert len(encode(largest)) == 65507
    assert decode(encode(largest)) == largest

    with pytest.raises(InvalidInput, match="at most"):
        encode(replace(P1, data={"x": "x" * (MAX_PAYLOAD_BYTES - empty + 1)}))


def test_a_report_that_is_no_json_is_not_made() -> None:
    with pytest.raises(InvalidInput):
        replace(P1, data={"x": object()})


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(FRAME[6:], id="no padding"),
        pytest.param(FRAME[:-1], id="cut"),
        pytest.param(FRAME + b"\0", id="longer"),
        pytest.param(FRAME[:83], id="only the envelope"),
        pytest.param(FRAME[:-2] + FRAME[:-3:-1], id="checksum with its bytes swapped"),
        pytest.param(framed(b"TESTREADER000001", TEXT, magic=b"PSC-E"), id="magic"),
        pytest.param(framed(b"TESTREADER000001", TEXT, trailer=b"PF"), id="trailer"),
        pytest.param(framed(b"TESTREADER000001", TEXT, count=1), id="count"),
        pytest.param(framed(b"TESTREADER000001", TEXT, length=-1), id="both lengths"),
        pytest.param(framed(b"TESTREADER000001", TEXT, second_length=1), id="second length"),
        pytest.param(framed(b"TESTREADER000001", TEXT, sn_length=15), id="length of the serial number"),
        pytest.param(framed(b"", TEXT), id="no serial number"),
        pytest.param(framed(b"\xff", TEXT), id="serial number not ASCII"),
        pytest.param(framed(b"A", b""), id="no payload"),
        pytest.param(framed(b"A", b"x" * 70), id="payload no JSON"),
        pytest.param(framed(b"A", b"[1]"), id="payload no object"),
        pytest.param(framed(b"A", b'{"id":1,"ts":1,"type":4}'), id="no data"),
        pytest.param(framed(b"A", b'{"id":1,"ts":1,"type":4,"data":[]}'), id="data no object"),
        pytest.param(framed(b"A", b'{"id":"1","ts":1,"type":4,"data":{}}'), id="id no number"),
        pytest.param(framed(b"A", b'{"id":1,"ts":1.5,"type":4,"data":{}}'), id="ts no integer"),
        pytest.param(framed(b"A", b'{"id":1,"ts":1,"type":true,"data":{}}'), id="type no number"),
        pytest.param(FRAME + bytes(65507), id="more than a datagram"),
    ],
)
def test_a_frame_that_is_off_is_refused(frame: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode(frame)
    assert len(str(caught.value)) < 300


def test_a_changed_bit_anywhere_is_noticed() -> None:
    for at in range(len(FRAME)):
        for bit in range(8):
            damaged = FRAME[:at] + bytes([FRAME[at] ^ 1 << bit]) + FRAME[at + 1 :]
            with pytest.raises(ProtocolError):
                decode(damaged)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_push_or_a_protocol_error(frame: bytes) -> None:
    with suppress(ProtocolError):
        decode(frame)


@given(st.binary(max_size=16), st.one_of(st.binary(), data_fields.map(lambda fields: json.dumps(fields).encode())))
def test_any_sender_and_payload_are_a_push_or_a_protocol_error(sn: bytes, text: bytes) -> None:
    with suppress(ProtocolError):
        decode(framed(sn, text))


@given(
    st.fixed_dictionaries(
        {key: st.from_type(type(None)) | numbers | data_fields | st.text() for key in ("id", "ts", "type", "data")}
    )
)
def test_any_report_is_a_push_that_writes_back_or_a_protocol_error(report: dict[str, Any]) -> None:
    frame = framed(b"A", json.dumps(report).encode())
    with suppress(ProtocolError):
        assert encode(decode(frame)) == frame
