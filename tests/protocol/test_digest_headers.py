"""The Authorization and WWW-Authenticate headers: ours, those of others, and any text at all."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, strategies as st

from indevolt.errors import ProtocolError
from indevolt.protocol.digest import (
    Authorization,
    Challenge,
    authorize,
    parse_authorization,
    parse_challenge,
    verify,
)

header_texts = st.text(
    st.one_of(st.characters(min_codepoint=32, max_codepoint=126), st.characters(min_codepoint=128, max_codepoint=255))
)

MINE = authorize("POST", "/rpc/Indevolt.GetData?config=%7B%22t%22%3A%5B1664%5D%7D", "secret", realm="r", nonce="n", cnonce="c")


def test_the_header_of_rfc_7616_is_understood() -> None:
    header = (
        'Digest username="Mufasa",\t realm="http-auth@example.org", uri="/dir/index.html", algorithm=MD5, '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, '
        'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, '
        'response="8ca523f5e9506fed4657c9700eebdbec", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    assert parse_authorization(header) == Authorization(
        "Mufasa",
        "http-auth@example.org",
        "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "/dir/index.html",
        "8ca523f5e9506fed4657c9700eebdbec",
        nc="00000001",
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
    )


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
