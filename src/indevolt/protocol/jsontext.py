"""JSON as it travels here: one object, compact, shallow, in UTF-8.

The only module that calls the JSON library, so that its exceptions are translated in one place. What the objects mean
is for ``rpc``, ``discovery`` and ``push`` to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from indevolt.errors import InvalidInput, ProtocolError

MAX_DEPTH: Final = 16
"""The deepest documented reply nests 3. Must stay below 254, where writing fails, and below Python's recursion limit."""


def encode_object(document: Mapping[str, Any]) -> bytes:
    """Return compact JSON. A NaN or an infinity becomes ``null``: JSON has neither.

    Raises:
        InvalidInput: something in it is not JSON: a key or a value of another type, an integer beyond 64 bits, half a
            surrogate pair, a nesting without end.
    """
    try:
        return orjson.dumps(document, default=_plain)
    except orjson.JSONEncodeError as error:
        raise InvalidInput(f"cannot be written as JSON: {error}") from error


def decode_object(text: bytes, what: str, error_type: type[ProtocolError] = ProtocolError) -> dict[str, Any]:
    """Return the JSON object in ``text``; integers beyond 64 bits come as floats.

    Args:
        text: as it came.
        what: how an error message calls it.
        error_type: the kind of error to raise.

    Raises:
        ProtocolError: not JSON, not an object, or nested deeper than ``MAX_DEPTH``.
    """
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise error_type(f"{what} is not JSON ({error}): {excerpt(text)}", raw=text) from error
    if type(document) is not dict:
        raise error_type(f"{what} is no JSON object: {excerpt(text)}", raw=text)
    # Counting is cheap and nearly always enough; only a text with many brackets is worth the walk.
    if text.count(b"[") + text.count(b"{") > MAX_DEPTH and _is_deep(document):
        raise error_type(f"{what} is nested too deeply: {excerpt(text)}", raw=text)
    return document


def excerpt(text: bytes) -> str:
    """Show the start of what came, for a message that fits one line."""
    return f"{len(text)} bytes, {text[:60]!r}{'...' if len(text) > 60 else ''}"


def _plain(value: object) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def _is_deep(document: dict[str, Any]) -> bool:
    level: list[Any] = [document]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True
