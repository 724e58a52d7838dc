"""HTTPS: who is believed, who is not, and that nothing is said to the wrong one."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme

from indevolt.errors import IndevoltError, InvalidInput, NoReply, ProtocolError, Unreachable
from indevolt.protocol.messages import GetData
from indevolt.transport import Address, HttpTransport
from wire_oracle import End, Peer, Script, http_reply

READ = GetData((1664,))
GOOD = Script(http_reply(b'{"1664":100}'))


class Identity(NamedTuple):
    """What a device shows, and what a client needs to believe it."""

    tls: ssl.SSLContext
    ca_file: Path
    fingerprint: str


def identity(folder: Path, name: str) -> Identity:
    authority = trustme.CA()
    certificate = authority.issue_cert(name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    path = folder / f"{name}.pem"
    authority.cert_pem.write_to_path(path)
    der = ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode())
    return Identity(context, path, hashlib.sha256(der).hexdigest())


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return identity(tmp_path_factory.mktemp("device"), "127.0.0.1")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return identity(tmp_path_factory.mktemp("stranger"), "device.example")


def to(peer: Peer, *, ca_file: Path | None = None, fingerprint: str | None = None) -> HttpTransport:
    return HttpTransport(Address("127.0.0.1", peer.port, tls=True), ca_file=ca_file, fingerprint=fingerprint)


async def test_a_certificate_of_a_given_authority_is_believed(device: Identity) -> None:
    async with Peer(GOOD).run(device.tls) as peer:
        assert (await to(peer, ca_file=device.ca_file).exchange(READ)).values == {"1664": 100}


@pytest.mark.parametrize("spelling", ["plain", "colons", "upper case"])
async def test_a_pinned_certificate_is_believed_without_any_authority(device: Identity, spelling: str) -> None:
    pin = device.fingerprint
    if spelling == "colons":
        pin = ":".join(pin[at : at + 2] for at in range(0, 64, 2))
    elif spelling == "upper case":
        pin = pin.upper()
    async with Peer(GOOD).run(device.tls) as peer:
        assert (await to(peer, fingerprint=pin).exchange(READ)).values == {"1664": 100}


async def test_a_pinned_certificate_may_be_for_another_name(stranger: Identity) -> None:
    async with Peer(GOOD).run(stranger.tls) as peer:
        assert (await to(peer, fingerprint=stranger.fingerprint).exchange(READ)).values == {"1664": 100}


async def test_authority_and_pin_together_must_both_hold(device: Identity, stranger: Identity) -> None:
    async with Peer(GOOD).run(device.tls) as peer:
        assert (await to(peer, ca_file=device.ca_file, fingerprint=device.fingerprint).exchange(READ)).values == {"1664": 100}
        for ca_file, fingerprint in ((device.ca_file, stranger.fingerprint), (stranger.ca_file, device.fingerprint)):
            with pytest.raises(Unreachable):
                await to(peer, ca_file=ca_file, fingerprint=fingerprint).exchange(READ)
        assert len(peer.requests) == 1


async def test_an_unknown_authority_is_not_believed_and_told_nothing(device: Identity) -> None:
    async with Peer(GOOD).run(device.tls) as peer:
        with pytest.raises(Unreachable, match=rf"the certificate of 127.0.0.1:{peer.port} is not trusted") as caught:
            await to(peer).exchange(READ)
        assert peer.requests == []
        assert "fingerprint" in caught.value.remedy


async def test_a_certificate_for_another_name_is_not_believed(stranger: Identity) -> None:
    async with Peer(GOOD).run(stranger.tls) as peer:
        with pytest.raises(Unreachable, match="not trusted"):
            await to(peer, ca_file=stranger.ca_file).exchange(READ)


async def test_another_certificate_than_the_pinned_one_is_shown_and_told_nothing(device: Identity, stranger: Identity) -> None:
    async with Peer(GOOD).run(device.tls) as peer:
        with pytest.raises(Unreachable) as caught:
            await to(peer, fingerprint=stranger.fingerprint).exchange(READ)
        assert device.fingerprint in str(caught.value)
        assert peer.requests == []


async def test_a_peer_without_tls_is_unreachable_by_https() -> None:
    async with Peer(Script(http_reply(b"{}"), first=True)).run() as peer:
        with pytest.raises(Unreachable, match=r"TLS with .* failed") as caught:
            await to(peer).exchange(READ)
        assert "http://" in caught.value.remedy


async def test_a_peer_with_tls_does_not_answer_plain_http(device: Identity) -> None:
    async with Peer(GOOD).run(device.tls) as peer:
        with pytest.raises(IndevoltError) as caught:
            await HttpTransport(Address("127.0.0.1", peer.port)).exchange(READ)
    assert type(caught.value) in (NoReply, ProtocolError)


async def test_a_reply_that_lasts_until_the_peer_closes_is_read_over_tls_too(device: Identity) -> None:
    async with Peer(Script(b'HTTP/1.1 200 OK\r\n\r\n{"1664":100}')).run(device.tls) as peer:
        assert (await to(peer, fingerprint=device.fingerprint).exchange(READ)).values == {"1664": 100}


async def test_silence_over_tls_ends_at_the_deadline(device: Identity) -> None:
    async with Peer(Script(b"", End.STAY)).run(device.tls) as peer:
        address = Address("127.0.0.1", peer.port, tls=True)
        with pytest.raises(NoReply, match="silent"):
            await HttpTransport(address, fingerprint=device.fingerprint, deadline_s=0.2).exchange(READ)


async def test_a_handshake_that_never_ends_is_cut_at_the_deadline(device: Identity) -> None:
    async with Peer(Script(b"", End.STAY)).run() as peer:
        address = Address("127.0.0.1", peer.port, tls=True)
        with pytest.raises(Unreachable, match=r"no connection to .* within 0.1 s"):
            await HttpTransport(address, fingerprint=device.fingerprint, deadline_s=0.1).exchange(READ)


def test_options_that_cannot_work_are_invalid_input(tmp_path: Path) -> None:
    secure = Address("battery", tls=True)
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("garbage")
    with pytest.raises(InvalidInput, match="no SHA-256 fingerprint"):
        HttpTransport(secure, fingerprint="AB:CD")
    with pytest.raises(InvalidInput, match=r"missing\.pem cannot be used: No such file"):
        HttpTransport(secure, ca_file=tmp_path / "missing.pem")
    with pytest.raises(InvalidInput, match=r"garbage\.pem cannot be used"):
        HttpTransport(secure, ca_file=garbage)
    with pytest.raises(InvalidInput, match="without TLS"):
        HttpTransport(Address("battery"), fingerprint="00" * 32)
    with pytest.raises(InvalidInput, match="no time"):
        HttpTransport(Address("battery"), deadline_s=0)
