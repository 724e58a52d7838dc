"""Digest, against the computed vectors, the RFC's example, hashlib and urllib."""

from __future__ import annotations

import urllib.parse
import urllib.request
from dataclasses import replace
from hashlib import md5
from itertools import count, product

import pytest
from hypothesis import given, strategies as st

from indevolt.errors import InvalidInput
from indevolt.protocol.digest import (
    USERNAME,
    Authorization,
    Challenge,
    Sealed,
    authorize,
    digest_flow,
    from_base64,
    parse_authorization,
    seal,
    unseal,
    verify,
)

RAW = '/rpc/User.SetConfig?config={"Password":"TrKQZ1QC1MQ="}'
ENCODED = "/rpc/User.SetConfig?config=%7B%22Password%22%3A%22TrKQZ1QC1MQ%3D%22%7D"
READ = "/rpc/Indevolt.GetData?config=%7B%22t%22%3A%5B6002%5D%7D"

passwords = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=16)
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


RFC_EXAMPLE = {
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
    assert rfc_response("Mufasa", "Circle of Life", "GET", RFC_EXAMPLE) == RFC_EXAMPLE["response"]


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


@pytest.mark.parametrize(
    ("requested", "named", "hashed"),
    # All but one: a client that encodes nowhere has nothing encoded to hash.
    [spelling for spelling in product([RAW, ENCODED], repeat=3) if spelling != (RAW, RAW, ENCODED)],
)
def test_the_target_may_be_raw_or_encoded_in_each_place(requested: str, named: str, hashed: str) -> None:
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


def test_protection_of_the_body_is_turned_away_even_where_the_sum_is_right() -> None:
    assert not verify(authorize("GET", READ, "secret", realm="r", nonce="n", cnonce="c", qop="auth-int"), "GET", READ, "secret")


def test_credentials_fit_one_method_one_target_and_one_password() -> None:
    assert not verify(MINE, "GET", ENCODED, "qazwsxed")
    assert not verify(MINE, "POST", READ, "qazwsxed")
    assert not verify(MINE, "POST", "/\u20ac", "qazwsxed")
    assert not verify(MINE, "POST", ENCODED, "qwertyui")


@given(st.builds(Authorization, *[header_texts] * 7, st.sampled_from(["auth", "auth-int", None])), st.text(), st.text())
def test_any_header_and_target_are_judged_without_an_error(header: Authorization, target: str, password: str) -> None:
    assert not verify(header, "GET", target, password)


# ---- the standard library as the other end


@pytest.mark.parametrize("target", [ENCODED, READ, "/rpc/Sys.GetConfig"])
@pytest.mark.parametrize("opaque", [None, "0f0f"])
def test_urllib_answers_our_challenge_and_we_let_it_in(target: str, opaque: str | None) -> None:
    challenge = Challenge("r, s=t", "n", opaque=opaque)
    book = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    book.add_password(None, "http://127.0.0.1/", USERNAME, "secret")
    request = urllib.request.Request("http://127.0.0.1" + target, method="POST")
    fields = urllib.request.parse_keqv_list(urllib.request.parse_http_list(challenge.header().removeprefix("Digest ")))

    answer = urllib.request.HTTPDigestAuthHandler(book).get_authorization(request, fields)

    authorization = parse_authorization(f"Digest {answer}")
    assert (authorization.nonce, authorization.opaque) == ("n", opaque)
    assert verify(authorization, "POST", target, "secret")
    assert not verify(authorization, "POST", target, "wrong")


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
