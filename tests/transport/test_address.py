"""Addresses as people type them."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from indevolt.errors import InvalidInput
from indevolt.transport import Address, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.168.1.20", Address("192.168.1.20", 8080)),
        ("192.168.1.20:81", Address("192.168.1.20", 81)),
        (" battery.local ", Address("battery.local", 8080)),
        ("battery:8081", Address("battery", 8081)),
        ("igen_fw-1.lan", Address("igen_fw-1.lan", 8080)),
        ("::1", Address("::1", 8080)),
        ("[::1]", Address("::1", 8080)),
        ("[::1]:81", Address("::1", 81)),
        ("fe80::1%eth0", Address("fe80::1%eth0", 8080)),
        ("http://battery", Address("battery", 8080)),
        ("http://10.0.0.1:80/", Address("10.0.0.1", 80)),
        ("https://battery", Address("battery", 8080, tls=True)),
        ("HTTPS://[::1]:443", Address("::1", 443, tls=True)),
        ("bätterie.local", Address("xn--btterie-5wa.local", 8080)),
    ],
)
def test_every_common_way_to_write_an_address_is_understood(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "the host is missing"),
        (":8080", "the host is missing"),
        ("ftp://battery", "cannot speak ftp://"),
        ("battery:0", "'0' is no port"),
        ("battery:65536", "'65536' is no port"),
        ("battery:http", "'http' is no port"),
        ("battery:", "'' is no port"),
        ("battery:²", "is no port"),
        ("192.168.1.300", "192.168.1.300 is no IPv4 address"),
        ("192.168.1", "192.168.1 is no IPv4 address"),
        ("::g", "::g is no IPv6 address"),
        ("[::1", "brackets"),
        ("[::1]8080", "brackets"),
        ("[battery]:80", "brackets"),
        ("battery/rpc", "'battery/rpc' is no host name"),
        ("two words", "'two words' is no host name"),
        ("-battery", "is no host name"),
        ("x" * 64, "is no host name"),
        ("ü" * 64, "is no host name"),
        ("a..b", "is no host name"),
        ("battery\r\nHost: other", "is no host name"),
    ],
)
def test_a_wrong_address_is_named_with_what_is_wrong(text: str, complaint: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_address(text)
    assert complaint in str(caught.value)
    assert "HOST:PORT" in caught.value.remedy


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_address("http://opend:secret@battery")
    assert "secret" not in str(caught.value) + caught.value.remedy


@given(st.text())
def test_any_text_is_an_address_or_invalid_input(text: str) -> None:
    try:
        address = parse_address(text)
    except InvalidInput:
        return
    assert address.host.isascii()
    assert 1 <= address.port <= 65535


def test_an_address_reads_as_a_host_header_wants_it() -> None:
    assert str(Address("10.0.0.1", 81)) == "10.0.0.1:81"
    assert str(Address("fe80::1%eth0", 81)) == "[fe80::1]:81"
