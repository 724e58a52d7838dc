"""The discovery datagrams, both ends, and the replies that were seen on real networks."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from indevolt.errors import InvalidInput, ProtocolError
from indevolt.protocol.discovery import (
    ANNOUNCEMENT_PREFIX,
    REQUEST,
    Identification,
    decode_reply,
    encode_announcement,
    encode_reply,
    is_announcement,
    is_request,
)

BATTERY = Identification("TEST00000000001", "V1.4.0C_R00D.0B2_M4801_00000036", "192.0.2.7", "V1.0.1")

texts = st.text(st.characters(exclude_categories=["Cs"]))
identifications = st.builds(Identification, texts, texts, texts, texts, st.integers(1, 65535), texts)


def test_the_request_is_thirteen_bytes_without_a_line_end() -> None:
    assert REQUEST == b"AT+IGDEVICEIP"
    assert len(REQUEST) == 13
    assert is_request(REQUEST)


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\0"])
def test_a_request_typed_into_a_network_tool_counts_too(line_end: bytes) -> None:
    assert is_request(REQUEST + line_end)


@pytest.mark.parametrize("datagram", [b"", b"AT", b"at+igdeviceip", b" AT+IGDEVICEIP", b"AT+IGDEVICEIPS", b"\n"])
def test_anything_else_is_no_request(datagram: bytes) -> None:
    assert not is_request(datagram)


def test_a_reply_is_compact_json_with_the_four_documented_fields() -> None:
    assert encode_reply(BATTERY) == (
        b'{"sn":"TEST00000000001","fw":"V1.4.0C_R00D.0B2_M4801_00000036","ip":"192.0.2.7","opendata_ver":"V1.0.1"}'
    )


def test_port_and_name_are_told_where_they_say_something() -> None:
    reply = encode_reply(Identification("1", "fw", "192.0.2.7", "V1.0.1", port=18080, name="cellar"))
    assert json.loads(reply) == {
        "sn": "1",
        "fw": "fw",
        "ip": "192.0.2.7",
        "opendata_ver": "V1.0.1",
        "port": 18080,
        "name": "cellar",
    }


@given(identifications)
def test_an_identification_survives_the_wire(identification: Identification) -> None:
    assert decode_reply(encode_reply(identification)) == identification


@given(identifications)
def test_the_standard_library_reads_the_same_reply(identification: Identification) -> None:
    fields = json.loads(encode_reply(identification))
    assert fields["sn"] == identification.sn
    assert fields["fw"] == identification.firmware
    assert fields["ip"] == identification.ip
    assert fields["opendata_ver"] == identification.api_version
    assert fields.get("port", 8080) == identification.port
    assert fields.get("name", "") == identification.name


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_is_none_is_not_told(port: int) -> None:
    with pytest.raises(InvalidInput, match="port"):
        encode_reply(Identification("1", "", "", "", port))


def test_every_captured_reply_reads_and_writes_back(samples: Path) -> None:
    received = json.loads((samples / "udp_discovery_replies.json").read_text())["received"]
    assert received
    for reply in received:
        text = json.dumps(reply["payload"], separators=(",", ":")).encode()
        identification = decode_reply(text)
        assert identification.sn == reply["payload"]["sn"]
        assert identification.firmware == reply["payload"]["fw"]
        assert encode_reply(identification) == text


def test_a_reply_needs_no_more_than_a_serial_number() -> None:
    assert decode_reply(b'{"sn":"1"}') == Identification("1", "", "", "", 8080, "")
    assert decode_reply(b'{"sn":"1","fw":null,"surprise":[1]}\r\n\0') == Identification("1", "", "", "")


def test_a_serial_number_may_come_as_a_number() -> None:
    assert decode_reply(b'{"sn":3310770155}').sn == "3310770155"


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"+ok",
        b"[]",
        b"{}",
        b'{"fw":"V1"}',
        b'{"sn":null}',
        b'{"sn":true}',
        b'{"sn":1.5}',
        b'{"sn":["1"]}',
        b'{"sn":"1","fw":2}',
        b'{"sn":"1","ip":["192.0.2.7"]}',
        b'{"sn":"1","name":{"en":"x"}}',
        b'{"sn":"1","port":0}',
        b'{"sn":"1","port":65536}',
        b'{"sn":"1","port":"8080"}',
        b'{"sn":"1","port":true}',
        b'{"sn":"1","port":null}',
        REQUEST,
    ],
    ids=repr,
)
def test_what_is_no_reply_is_refused_and_kept_for_a_report(datagram: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_reply(datagram)
    assert caught.value.raw == datagram


@given(st.binary())
def test_any_datagram_is_a_reply_or_a_protocol_error(datagram: bytes) -> None:
    is_request(datagram)
    is_announcement(datagram)
    with suppress(ProtocolError):
        assert decode_reply(datagram).sn is not None


json_values = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers(), max_size=2)


@given(st.dictionaries(st.sampled_from(["sn", "fw", "ip", "opendata_ver", "port", "name"]), json_values))
def test_any_json_is_a_reply_or_a_protocol_error(fields: dict[str, object]) -> None:
    with suppress(ProtocolError):
        identification = decode_reply(json.dumps(fields).encode())
        assert 0 < identification.port <= 65535


def test_an_announcement_begins_with_the_documented_prefix() -> None:
    announcement = encode_announcement("TEST00000000001")
    assert announcement.startswith(b"BCF-D")
    assert ANNOUNCEMENT_PREFIX == b"BCF-D"
    assert is_announcement(announcement)
    assert not is_announcement(REQUEST)
    assert not is_announcement(encode_reply(BATTERY))
    assert not is_announcement(b"bcf-d")


def test_an_announcement_names_no_serial_number_beyond_ascii() -> None:
    with pytest.raises(InvalidInput):
        encode_announcement("ä")
