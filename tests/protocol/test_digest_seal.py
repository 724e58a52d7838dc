"""The password seal and its base64, against the published vectors."""

from __future__ import annotations

import base64
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import example, given, strategies as st

from indevolt.errors import InvalidInput, ProtocolError
from indevolt.protocol.digest import (
    Sealed,
    from_base64,
    seal,
    to_base64,
    unseal,
)

passwords = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=16)
nonces = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("old", "new", "ciphertext", "tag"),
    [
        pytest.param("qazwsxed", "qwertyui", "TrKQZ1QC1MQ=", "zwvQTjeg5rvLdBvLzqtymg==", id="INDEVOLT"),
        pytest.param("7d85b089", "opend123", "ORSmpWsjFwQ=", "/KxDFGseSQC66s8FKwoJsQ==", id="IGEN 1"),
        pytest.param("e7171fc41", "e7171fc41", "3Z4xXVp9ak7C", "8gO8J+lzVusIl9d9rZv0TQ==", id="IGEN 2"),
    ],
)
def test_a_published_vector_seals_and_unseals(old: str, new: str, ciphertext: str, tag: str) -> None:
    sealed = seal(old, new, "123456")

    assert (to_base64(sealed.ciphertext), to_base64(sealed.tag), sealed.nonce) == (ciphertext, tag, "123456")
    assert unseal(old, Sealed(from_base64(ciphertext), from_base64(tag), "123456")) == new


@given(passwords, passwords, nonces)
@example("sixteen bytes ok", "ümläütß", "twelve bytes")
def test_what_is_sealed_is_unsealed_by_the_old_password(old: str, new: str, nonce: str) -> None:
    assert unseal(old, seal(old, new, nonce)) == new


@given(passwords, passwords, passwords)
def test_another_password_does_not_unseal(old: str, other: str, new: str) -> None:
    if old != other:
        with pytest.raises(ProtocolError, match="not made with this password"):
            unseal(other, seal(old, new, "123456"))


def test_a_changed_bit_anywhere_breaks_the_seal() -> None:
    sealed = seal("qazwsxed", "qwertyui", "123456")
    for bit in range(8):
        for at in range(len(sealed.ciphertext)):
            with pytest.raises(ProtocolError):
                unseal("qazwsxed", replace(sealed, ciphertext=flipped(sealed.ciphertext, at, bit)))
        for at in range(len(sealed.tag)):
            with pytest.raises(ProtocolError):
                unseal("qazwsxed", replace(sealed, tag=flipped(sealed.tag, at, bit)))


def flipped(data: bytes, at: int, bit: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


@pytest.mark.parametrize("password", ["", "seventeen bytes!!", "äääääääää", "line\nend", "nul\0", "\ud800"])
def test_a_password_that_cannot_be_a_key_is_not_sealed(password: str) -> None:
    with pytest.raises(InvalidInput, match="old password"):
        seal(password, "qwertyui", "123456")
    with pytest.raises(InvalidInput, match="new password"):
        seal("qazwsxed", password, "123456")


@pytest.mark.parametrize("nonce", ["", "thirteen char", "ä", "a\nb"])
def test_a_nonce_that_does_not_fit_is_not_used(nonce: str) -> None:
    with pytest.raises(InvalidInput, match="nonce"):
        seal("qazwsxed", "qwertyui", nonce)
    with pytest.raises(ProtocolError, match="nonce"):
        unseal("qazwsxed", replace(seal("qazwsxed", "qwertyui", "123456"), nonce=nonce))


@pytest.mark.parametrize("text", [b"", b"seventeen bytes!!", b"\xff\xfe", b"line\nend"])
def test_a_seal_around_something_that_is_no_password_is_refused(text: bytes) -> None:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    both = AESGCM(b"qazwsxed".ljust(16, b"\0")).encrypt(b"123456".ljust(12, b"\0"), text, None)

    with pytest.raises(ProtocolError):
        unseal("qazwsxed", Sealed(both[:-16], both[-16:], "123456"))


@given(st.binary(max_size=40), st.one_of(st.binary(min_size=16, max_size=16), st.binary(max_size=40)), st.text())
def test_any_seal_at_all_gives_a_password_or_a_protocol_error(ciphertext: bytes, tag: bytes, nonce: str) -> None:
    with suppress(ProtocolError):
        assert unseal("qazwsxed", Sealed(ciphertext, tag, nonce)).isprintable()


def test_the_cipher_library_is_not_loaded_before_it_is_needed() -> None:
    program = "import sys, indevolt.protocol.digest as digest; assert 'cryptography' not in sys.modules; digest.seal(*'abc')"
    subprocess.run([sys.executable, "-c", program], check=True)


# ---- base64


@given(st.binary())
def test_base64_is_that_of_the_standard_library(data: bytes) -> None:
    assert to_base64(data) == base64.b64encode(data).decode()
    assert from_base64(to_base64(data)) == data


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("TrKQZ1QC1MQ", id="no padding"),
        pytest.param("TrKQZ1QC1M Q=", id="a blank, as a plus reads that was not encoded"),
        pytest.param("TrKQZ1QC1MQ=\n", id="line end"),
        pytest.param("-_-_", id="alphabet of URLs"),
        pytest.param("QR==", id="bits left over"),
        pytest.param("QQ==QQ==", id="goes on after the padding"),
        pytest.param("====", id="padding only"),
        pytest.param("ä===", id="not ASCII"),
        pytest.param("\ud800", id="half a surrogate pair"),
    ],
)
def test_other_spellings_of_base64_are_refused(text: str) -> None:
    with pytest.raises(ProtocolError, match="base64"):
        from_base64(text)


@given(st.one_of(st.text(), st.text("AQgw019+/=", max_size=12)))
def test_any_text_is_base64_in_one_spelling_or_a_protocol_error(text: str) -> None:
    with suppress(ProtocolError):
        assert to_base64(from_base64(text)) == text
