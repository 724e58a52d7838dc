"""Digest and the password seal, against the published vectors, the RFC's example, hashlib, urllib and what curl sends."""

from __future__ import annotations

import base64
import subprocess
import sys
import urllib.parse
import urllib.request
from contextlib import suppress
from dataclasses import replace
from hashlib import md5
from itertools import count

import pytest
from hypothesis import example, given, strategies as st

from indevolt.errors import InvalidInput, ProtocolError
from indevolt.protocol.digest import (
    USERNAME,
    Authorization,
    Challenge,
    Sealed,
    authorize,
    digest_flow,
    from_base64,
    parse_authorization,
    parse_challenge,
    seal,
    to_base64,
    unseal,
    verify,
)

RAW = '/rpc/User.SetConfig?config={"Password":"TrKQZ1QC1MQ="}'
ENCODED = "/rpc/User.SetConfig?config=%7B%22Password%22%3A%22TrKQZ1QC1MQ%3D%22%7D"
READ = "/rpc/Indevolt.GetData?config=%7B%22t%22%3A%5B6002%5D%7D"

passwords = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=16)
nonces = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=12)
header_texts = st.text(
    st.one_of(st.characters(min_codepoint=32, max_codepoint=126), st.characters(min_codepoint=128, max_codepoint=255))
)
targets = st.sampled_from([RAW, ENCODED, READ, "/rpc/Sys.GetConfig"])


def md5_hex(text: str) -> str:
    return md5(text.encode("latin-1"), usedforsecurity=False).hexdigest()


def rfc_response(user: str, password: str, method: str, fields: dict[str, str]) -> str:
    """RFC 7616, sections 3.4.1 to 3.4.3, written down once more."""
    secret = md5_hex(f"{user}:{fields['realm']}:{password}")
    request = md5_hex(f"{method}:{fields['uri']}")
    if "qop" not in fields:
        return md5_hex(f"{secret}:{fields['nonce']}:{request}")
    return md5_hex(f"{secret}:{fields['nonce']}:{fields['nc']}:{fields['cnonce']}:{fields['qop']}:{request}")


MUFASA = {
    "username": "Mufasa",
    "realm": "http-auth@example.org",
    "uri": "/dir/index.html",
    "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    "nc": "00000001",
    "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    "qop": "auth",
    "response": "8ca523f5e9506fed4657c9700eebdbec",
    "opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
}


def test_the_oracle_of_these_tests_agrees_with_the_example_of_rfc_7616() -> None:
    assert rfc_response("Mufasa", "Circle of Life", "GET", MUFASA) == MUFASA["response"]


# ---- the password seal


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


# ---- the arithmetic


@pytest.mark.parametrize(
    ("target", "response"),
    [
        pytest.param(ENCODED, "624e7d294651e9b87f4a4ea161262211", id="encoded"),
        pytest.param(RAW, "03da990408af8d0af3a311fbf11a98eb", id="raw"),
    ],
)
def test_the_worked_example_gives_the_computed_response(target: str, response: str) -> None:
    mine = authorize("POST", target, "qazwsxed", realm="zwvQTjeg5rvLdBvLzqtymg==", nonce="123456", cnonce="2")

    assert mine.response == response
    secret = "1f22428e11767c839ade3359d46eaad4"
    assert md5_hex("opend:zwvQTjeg5rvLdBvLzqtymg==:qazwsxed") == secret
    assert mine.response == md5_hex(f"{secret}:123456:00000001:2:auth:{md5_hex('POST:' + target)}")


def test_the_header_looks_as_documented() -> None:
    mine = authorize("POST", ENCODED, "qazwsxed", realm="zwvQTjeg5rvLdBvLzqtymg==", nonce="123456", cnonce="2")

    assert mine.header() == (
        'Digest username="opend", realm="zwvQTjeg5rvLdBvLzqtymg==", nonce="123456", '
        'uri="/rpc/User.SetConfig?config=%7B%22Password%22%3A%22TrKQZ1QC1MQ%3D%22%7D", '
        'algorithm=MD5, qop=auth, nc=00000001, cnonce="2", response="624e7d294651e9b87f4a4ea161262211"'
    )


@given(
    realm=header_texts,
    nonce=header_texts,
    cnonce=header_texts,
    nc=st.integers(1, 0xFFFFFFFF),
    password=passwords,
    target=targets,
)
def test_our_response_is_the_one_of_the_oracle(*, realm: str, nonce: str, cnonce: str, nc: int, password: str, target: str) -> None:
    mine = authorize("POST", target, password, realm=realm, nonce=nonce, cnonce=cnonce, nc=nc)

    fields = {"realm": realm, "nonce": nonce, "nc": f"{nc:08x}", "cnonce": cnonce, "qop": "auth", "uri": target}
    assert mine.response == rfc_response("opend", password, "POST", fields)
    assert verify(mine, "POST", target, password)


def test_the_old_form_without_quality_of_protection_works_too() -> None:
    mine = authorize("GET", READ, "secret", realm="r", nonce="n", cnonce="unused", qop=None)

    assert mine.response == rfc_response("opend", "secret", "GET", {"realm": "r", "nonce": "n", "uri": READ})
    assert "cnonce" not in mine.header()
    assert verify(parse_authorization(mine.header()), "GET", READ, "secret")


def test_a_password_may_be_any_utf_8_even_in_a_broken_terminal() -> None:
    mine = authorize("GET", READ, "pässwört€", realm="r", nonce="n", cnonce="c")
    assert verify(mine, "GET", READ, "pässwört€")
    assert not verify(mine, "GET", READ, "p\udce4ssw\udcf6rt")


@pytest.mark.parametrize("realm", ["two\r\nlines", "nul\0", "€"])
def test_nothing_gets_into_a_header_that_does_not_belong_there(realm: str) -> None:
    with pytest.raises(InvalidInput):
        authorize("GET", READ, "secret", realm=realm, nonce="n", cnonce="c")
    with pytest.raises(InvalidInput):
        Challenge(realm, "n")


# ---- who gets in


MINE = authorize("POST", ENCODED, "qazwsxed", realm="r", nonce="n", cnonce="c")


@pytest.mark.parametrize("requested", [RAW, ENCODED])
@pytest.mark.parametrize("named", [RAW, ENCODED])
@pytest.mark.parametrize("hashed", [RAW, ENCODED])
def test_the_target_may_be_raw_or_encoded_in_each_place(requested: str, named: str, hashed: str) -> None:
    if hashed == ENCODED and requested == named == RAW:
        pytest.skip("a client that never encodes has nothing encoded to hash")
    header = replace(authorize("POST", hashed, "qazwsxed", realm="r", nonce="n", cnonce="c"), uri=named)
    assert verify(header, "POST", requested, "qazwsxed")


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(replace(MINE, username="admin"), id="another user, wrong hash"),
        pytest.param(replace(MINE, uri=READ), id="another target in the header"),
        pytest.param(replace(MINE, response="0" * 32), id="another response"),
        pytest.param(replace(MINE, response=MINE.response.upper()), id="response in capitals"),
        pytest.param(replace(MINE, response="é"), id="a response that is not ASCII"),
        pytest.param(replace(MINE, algorithm="SHA-256"), id="another algorithm"),
        pytest.param(replace(MINE, algorithm="MD5-sess"), id="a session"),
        pytest.param(replace(MINE, qop="auth-int"), id="protection of the body"),
        pytest.param(replace(MINE, nc="00000002"), id="another count"),
        pytest.param(replace(MINE, realm="s"), id="another realm"),
    ],
)
def test_a_header_that_does_not_fit_is_turned_away(header: Authorization) -> None:
    assert verify(MINE, "POST", ENCODED, "qazwsxed")
    assert not verify(header, "POST", ENCODED, "qazwsxed")


def test_a_right_hash_for_a_user_that_does_not_exist_is_turned_away() -> None:
    fields = {"realm": "r", "nonce": "n", "nc": "00000001", "cnonce": "c", "qop": "auth", "uri": READ}
    response = rfc_response("admin", "secret", "GET", fields)
    assert not verify(Authorization("admin", "r", "n", READ, response, "00000001", "c"), "GET", READ, "secret")


def test_credentials_fit_one_method_one_target_and_one_password() -> None:
    assert not verify(MINE, "GET", ENCODED, "qazwsxed")
    assert not verify(MINE, "POST", READ, "qazwsxed")
    assert not verify(MINE, "POST", "/\u20ac", "qazwsxed")
    assert not verify(MINE, "POST", ENCODED, "qwertyui")


@given(st.builds(Authorization, *[header_texts] * 7, st.sampled_from(["auth", "auth-int", None])), st.text(), st.text())
def test_any_header_and_target_are_judged_without_an_error(header: Authorization, target: str, password: str) -> None:
    assert not verify(header, "GET", target, password)


# ---- the two headers


def test_the_header_of_rfc_7616_is_understood() -> None:
    header = (
        'Digest username="Mufasa",\t realm="http-auth@example.org", uri="/dir/index.html", algorithm=MD5, '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, '
        'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, '
        'response="8ca523f5e9506fed4657c9700eebdbec", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    assert parse_authorization(header) == Authorization(**MUFASA)


@pytest.mark.parametrize(
    ("method", "target", "parameters"),
    [
        pytest.param(
            "POST",
            '/rpc/Indevolt.SetData?config={"f":16,"t":47005,"v":[4]}',
            'cnonce="YzZhNTQzMTgyYTQ2NDNjNzU3YmIzYmE1OGUyMDc2Yjk=", nc=00000001, qop=auth, '
            'response="e4b7af3b591801e5b8afcbaa05f2332a", algorithm=MD5',
            id="numbers",
        ),
        pytest.param(
            "GET",
            '/rpc/Sys.SetConfig?config={"device":{"hostname":"a","timezone":5}}',
            'cnonce="MTY0ZTE2ZTNhOGY3MmZmYWQwOGJmOTc1NzY4YTBlNmI=", nc=00000001, qop=auth, '
            'response="6fe828e4a1be9bef5028f3137f4df8a6", algorithm=MD5',
            id="a quote before a comma",
        ),
    ],
)
def test_curl_gets_in_although_it_does_not_escape_quotes(method: str, target: str, parameters: str) -> None:
    header = f'Digest username="opend", realm="r", nonce="n", uri="{target}", {parameters}'  # as curl 7.88 sends it

    assert parse_authorization(header).uri == target
    assert verify(parse_authorization(header), method, target, "qwertyui")


def test_names_in_any_case_unknown_ones_odd_spaces_and_escapes_are_understood() -> None:
    header = (
        r'DIGEST ,, USERNAME = "opend",realm="a \"quoted\", b=c \\ text"  ,nonce="",URI=/rpc,response="x", '
        'userhash=false , stale="never heard of",charset=UTF-8 ,,'
    )
    assert parse_authorization(header) == Authorization(
        "opend", 'a "quoted", b=c \\ text', "", "/rpc", "x", nc=None, cnonce=None, qop=None
    )


@given(
    st.builds(Authorization, *[header_texts] * 7, algorithm=header_texts, opaque=st.none() | header_texts),
)
def test_whatever_an_authorization_holds_survives_its_header(authorization: Authorization) -> None:
    assert parse_authorization(authorization.header()) == authorization


@given(
    st.builds(
        Challenge,
        header_texts,
        header_texts,
        qop=st.none() | header_texts,
        algorithm=header_texts,
        opaque=st.none() | header_texts,
        stale=st.booleans(),
    )
)
def test_whatever_a_challenge_holds_survives_its_header(challenge: Challenge) -> None:
    assert parse_challenge(challenge.header()) == challenge


@pytest.mark.parametrize("missing", ["username", "realm", "nonce", "uri", "response", "nc", "cnonce"])
def test_a_header_without_a_needed_parameter_is_refused(missing: str) -> None:
    parts = [part for part in MINE.header().removeprefix("Digest ").split(", ") if not part.startswith(f"{missing}=")]
    with pytest.raises(ProtocolError, match=f"no {missing}"):
        parse_authorization("Digest " + ", ".join(parts))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Digest",
        "Basic b3BlbmQ6cGFzc3dvcmQ=",
        "Bearer token",
        'username="opend"',
        'Digest username="opend',
        'Digest username="opend\\',
        MINE.header() + ', realm="twice"',
        MINE.header() + ", Digest " + MINE.header(),
        MINE.header() + "\r\nX-Other: header",
        MINE.header() + ", \u20ac=1",
        MINE.header() + ", ä=1",
        "Digest " + '"' * 5000,
        "Digest a=" + '"\\' * 5000,
    ],
)
def test_what_is_not_one_whole_digest_header_is_refused(header: str) -> None:
    with pytest.raises(ProtocolError):
        parse_authorization(header)


@pytest.mark.parametrize(
    "header", ["", 'Basic realm="r"', 'Digest realm="r"', 'Digest nonce="n"', 'Digest realm="', "Negotiate YII="]
)
def test_what_holds_no_whole_digest_challenge_is_refused(header: str) -> None:
    with pytest.raises(ProtocolError):
        parse_challenge(header)


def test_of_several_challenges_the_first_that_we_can_answer_is_taken() -> None:
    better = Challenge("r", "n", algorithm="SHA-256")
    ours = Challenge("s", "o", qop="auth-int, auth", stale=True)
    offers = ['Basic realm="a, b"', "Negotiate", better.header(), ours.header(), Challenge("t", "p").header()]

    assert parse_challenge(", ".join(offers)) == ours
    assert parse_challenge(better.header()) == better


@pytest.mark.parametrize(
    ("challenge", "usable"),
    [
        (Challenge("r", "n"), True),
        (Challenge("r", "n", qop=None), True),
        (Challenge("r", "n", qop="auth-int,AUTH", algorithm="md5"), True),
        (Challenge("r", "n", qop="auth-int"), False),
        (Challenge("r", "n", qop=""), False),
        (Challenge("r", "n", algorithm="MD5-sess"), False),
        (Challenge("r", "n", algorithm="SHA-256"), False),
    ],
)
def test_a_challenge_is_usable_with_md5_and_without_the_body(challenge: Challenge, usable: bool) -> None:
    assert challenge.usable is usable


pieces = st.sampled_from(
    ["Digest ", "Basic ", "realm", "nonce", "username", "uri", "qop", "=", '"', "\\", ",", " ", "\t", "auth", "é", "\n", "{}"]
)


@given(st.one_of(st.text(), st.lists(pieces, max_size=40).map("".join)))
def test_any_text_is_a_header_or_a_protocol_error(header: str) -> None:
    for parse in (parse_authorization, parse_challenge):
        with suppress(ProtocolError):
            parse(header)


@given(st.data())
def test_a_damaged_header_is_a_header_or_a_protocol_error(data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from([MINE.header(), Challenge("r", "n", opaque='"').header()]))
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(whole))] * 2)))
    header = whole[:start] + data.draw(st.text(max_size=3)) + whole[end:]
    for parse in (parse_authorization, parse_challenge):
        with suppress(ProtocolError):
            parse(header)


# ---- the standard library as the other end


@pytest.mark.parametrize("target", [ENCODED, READ, "/rpc/Sys.GetConfig"])
@pytest.mark.parametrize("opaque", [None, "0f0f"])
def test_urllib_answers_our_challenge_and_we_let_it_in(target: str, opaque: str | None) -> None:
    challenge = Challenge("r, \\ s", "n", opaque=opaque)
    book = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    book.add_password(None, "http://127.0.0.1/", USERNAME, "secret")
    request = urllib.request.Request("http://127.0.0.1" + target, method="POST")
    fields = urllib.request.parse_keqv_list(urllib.request.parse_http_list(challenge.header().removeprefix("Digest ")))

    answer = urllib.request.HTTPDigestAuthHandler(book).get_authorization(request, fields)

    authorization = parse_authorization(f"Digest {answer}")
    assert (authorization.nonce, authorization.opaque) == ("n", opaque)
    # urllib repeats the realm without undoing our escapes in its own header, so the header's realm is read by us.
    assert verify(replace(authorization, realm=fields["realm"]), "POST", target, "secret")
    assert not verify(replace(authorization, realm=fields["realm"]), "POST", target, "wrong")


# ---- the conversation


class Counted:
    """Tokens one can foresee."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def __call__(self) -> str:
        return f"token{next(self._numbers)}"


def conversation(*replies: tuple[int, str | None], sealed: Sealed | None = None) -> list[Authorization]:
    """Return what is sent when these replies come, and check that nothing is sent after the last."""
    flow = digest_flow("POST", ENCODED, "secret", tokens=Counted(), sealed=sealed)
    sent = [parse_authorization(next(flow))]
    for reply in replies:
        try:
            sent.append(parse_authorization(flow.send(reply)))
        except StopIteration:
            break
    else:
        pytest.fail("the conversation should have ended")
    assert len(sent) == len(replies)
    return sent


CHALLENGE = Challenge("their realm", "their nonce", opaque="their opaque")


def test_the_first_header_goes_up_front_with_our_own_realm_and_nonce() -> None:
    (first,) = conversation((200, None))

    assert from_base64(first.realm) == b"token1"
    assert (first.nonce, first.cnonce, first.nc, first.uri) == ("token2", "token3", "00000001", ENCODED)
    assert verify(first, "POST", ENCODED, "secret")


def test_a_challenge_is_answered_once_with_its_own_realm_and_nonce() -> None:
    _, second = conversation((401, CHALLENGE.header()), (401, CHALLENGE.header()))

    assert (second.realm, second.nonce, second.opaque) == ("their realm", "their nonce", "their opaque")
    assert (second.cnonce, second.nc) == ("token4", "00000001")
    assert verify(second, "POST", ENCODED, "secret")


def test_a_challenge_of_the_old_form_is_answered_in_the_old_form() -> None:
    _, second = conversation((401, replace(CHALLENGE, qop=None).header()), (200, None))

    assert (second.qop, second.nc, second.cnonce) == (None, None, None)
    assert verify(second, "POST", ENCODED, "secret")


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param((200, CHALLENGE.header()), id="no need"),
        pytest.param((403, CHALLENGE.header()), id="another status"),
        pytest.param((401, None), id="no challenge"),
        pytest.param((401, "nonsense ="), id="nonsense"),
        pytest.param((401, replace(CHALLENGE, algorithm="SHA-256").header()), id="another algorithm"),
        pytest.param((401, replace(CHALLENGE, algorithm="MD5-sess").header()), id="a session"),
        pytest.param((401, replace(CHALLENGE, qop="auth-int").header()), id="the body"),
    ],
)
def test_what_cannot_be_answered_ends_the_conversation(reply: tuple[int, str | None]) -> None:
    assert len(conversation(reply)) == 1


def test_a_password_change_carries_its_seal_and_is_not_repeated() -> None:
    sealed = seal("secret", "qwertyui", "123456")

    (only,) = conversation((401, CHALLENGE.header()), sealed=sealed)

    assert unseal("secret", Sealed(sealed.ciphertext, from_base64(only.realm), only.nonce)) == "qwertyui"
    assert verify(only, "POST", ENCODED, "secret")
