"""Tokens: made, kept as a hash only, and told from every other text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from indevolt.errors import InvalidInput
from indevolt.hub.tokens import Role, check_hash, hash_token, make_token, name_in, verify_token

TOKEN = make_token("laptop")
KEPT = hash_token(TOKEN)


def test_a_token_is_told_from_every_other() -> None:
    assert verify_token(TOKEN, KEPT)
    for other in (TOKEN + "a", TOKEN[:-1], "", "laptop.", make_token("laptop"), KEPT):
        assert not verify_token(other, KEPT)


def test_a_token_is_never_the_same_and_neither_is_its_hash() -> None:
    assert make_token("laptop") != make_token("laptop")
    assert hash_token(TOKEN) != KEPT
    assert verify_token(TOKEN, hash_token(TOKEN))


def test_a_token_says_its_name_and_its_hash_says_nothing() -> None:
    assert name_in(TOKEN) == "laptop"
    assert name_in("whatever") == ""
    assert TOKEN.partition(".")[2] not in KEPT
    assert len(TOKEN.partition(".")[2]) == 43  # 256 bits


@settings(max_examples=10)
@given(st.text(max_size=100))
def test_any_text_may_be_tried(text: str) -> None:
    assert not verify_token(text, KEPT)


@pytest.mark.parametrize(
    "kept",
    [
        "",
        TOKEN,
        KEPT[:-1],
        KEPT.replace("scrypt", "md5"),
        KEPT.replace(":4096:", ":4095:"),
        KEPT.replace(":4096:", ":1:"),
        KEPT.replace(":4096:", ":1048576:"),
        KEPT.replace(":4096:", ":9999999:"),
        KEPT + "\n",
    ],
)
def test_what_is_no_hash_is_refused_and_not_repeated(kept: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_hash(kept)
    assert not kept or kept not in str(caught.value)
    assert "indevolt hub token" in caught.value.remedy


def test_a_good_hash_is_left_as_it_is() -> None:
    assert check_hash(KEPT) == KEPT


@pytest.mark.parametrize(
    ("role", "can"), [("read", {"read"}), ("control", {"read", "control"}), ("admin", {"read", "control", "admin"})]
)
def test_a_role_includes_those_below_it(role: str, can: set[str]) -> None:
    assert {needed.value for needed in Role if Role(role).includes(needed)} == can
