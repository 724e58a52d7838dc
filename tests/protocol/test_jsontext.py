"""JSON as it travels: compact, shallow, and never an exception of the JSON library."""

from __future__ import annotations

import json
from contextlib import suppress
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, strategies as st

from indevolt.errors import InvalidInput, ProtocolError
from indevolt.protocol.jsontext import MAX_DEPTH, decode_object, encode_object

documents = st.dictionaries(
    st.text(),
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=10,
    ),
    max_size=5,
)


class Refusal(ProtocolError):
    """A kind of its own, to see which kind is raised."""


@given(documents)
def test_a_document_survives(document: dict[str, Any]) -> None:
    assert decode_object(encode_object(document), "it") == document


@given(documents)
def test_the_standard_library_reads_and_writes_the_same(document: dict[str, Any]) -> None:
    assert json.loads(encode_object(document)) == document
    assert decode_object(json.dumps(document).encode(), "it") == document


def test_what_is_written_holds_no_blanks() -> None:
    assert encode_object({"f": 16, "t": 47005, "v": [4, 1.5]}) == b'{"f":16,"t":47005,"v":[4,1.5]}'


def test_any_mapping_can_be_written() -> None:
    assert encode_object(MappingProxyType({"a": MappingProxyType({"b": 1})})) == b'{"a":{"b":1}}'


def test_what_json_has_no_number_for_is_written_as_unknown() -> None:
    assert encode_object({"nan": float("nan"), "inf": float("inf")}) == b'{"nan":null,"inf":null}'


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({1: 2}, id="a key that is no text"),
        pytest.param({"a": {1, 2}}, id="a set"),
        pytest.param({"a": object()}, id="an object"),
        pytest.param({"a": 2**64}, id="too big"),
        pytest.param({"a": -(2**63) - 1}, id="too small"),
        pytest.param({"a": "\ud800"}, id="half a surrogate pair"),
        pytest.param({"\udfff": 1}, id="half a surrogate pair as key"),
    ],
)
def test_what_is_not_json_is_not_written(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="cannot be written as JSON"):
        encode_object(document)


def test_a_nesting_without_end_is_not_written() -> None:
    document: dict[str, Any] = {}
    document["self"] = document
    with pytest.raises(InvalidInput):
        encode_object(document)


def test_a_number_beyond_64_bits_comes_as_a_float() -> None:
    assert decode_object(b'{"a":18446744073709551616}', "it") == {"a": 2.0**64}


@pytest.mark.parametrize("opening", ['{"a":', '{"a":[1,'])
def test_nesting_is_read_down_to_a_limit(opening: str) -> None:
    def nested(times: int) -> bytes:
        closing = opening.replace('"a":', "").replace("1,", "").translate(str.maketrans("{[", "}]"))[::-1]
        return (opening * times + '"[[[[[[[[[[[[[[[[["' + closing * times).encode()

    deep = MAX_DEPTH // (opening.count("{") + opening.count("["))
    assert decode_object(nested(deep), "it")
    with pytest.raises(ProtocolError, match="nested too deeply"):
        decode_object(nested(deep + 1), "it")


def test_many_brackets_side_by_side_or_in_texts_are_not_deep() -> None:
    wide = {f"key {number}": [[number], {"text": "[[[[{{{{"}] for number in range(100)}
    assert decode_object(encode_object(wide), "it") == wide


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"1",
        b"null",
        b'"text"',
        b"{",
        b'{"a":1}}',
        b"{'a':1}",
        b'{"a":NaN}',
        b'{"a":1e999}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xff"}',
        b"\xef\xbb\xbf{}",
        b"{}\0",
        b"[" * 100_000,
        b'{"a":' * 1000 + b"1" + b"}" * 1000,
    ],
    ids=lambda text: repr(text[:20]),
)
def test_what_is_no_object_is_refused_in_the_callers_words(text: bytes) -> None:
    with pytest.raises(Refusal, match="the thing") as caught:
        decode_object(text, "the thing", Refusal)
    assert caught.value.raw == text
    assert len(str(caught.value)) < 300


@given(st.one_of(st.binary(), st.text('{}[]":,0123e-\\u tfn').map(str.encode)))
def test_any_bytes_are_an_object_or_a_protocol_error(text: bytes) -> None:
    with suppress(ProtocolError):
        assert isinstance(decode_object(text, "it"), dict)
