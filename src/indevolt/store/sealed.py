"""A finished day of one column, in as few bytes as plain Python can make fast: one value per reading, in a row of bytes.

Differences of neighbours fit into one or two bytes mostly; their bytes are sorted by significance, because the upper ones are
nearly all the same, and then deflated. A column that never changed is its head alone. Pure: where the bytes are kept is a back
end's business.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from collections.abc import Sequence
from itertools import accumulate
from operator import sub
from typing import Final

_HEAD: Final = struct.Struct("<BcIq")  # format, width of a difference, how many values, the first of them
_EMPTY, _WHOLE, _GAPS = range(3)  # nothing known; all known; some known, so that a map of them comes first
_CONSTANT: Final = b"0"
_WIDTHS: Final = ((b"b", 1 << 7), (b"h", 1 << 15), (b"i", 1 << 31), (b"q", 1 << 63))
_LEVEL: Final = 6  # 9 takes twice the time for less than a hundredth of the bytes


def seal(values: Sequence[int | None]) -> bytes:
    """Return a column as bytes; whole numbers of up to 62 bits, or None."""
    known = [each for each in values if each is not None]
    if not known:
        return _HEAD.pack(_EMPTY, _CONSTANT, len(values), 0)
    form = _WHOLE if len(known) == len(values) else _GAPS
    body = b"" if form == _WHOLE else bytes(each is not None for each in values)
    steps = list(map(sub, known[1:], known))
    least, most = min(steps, default=0), max(steps, default=0)
    if least == most == 0:
        width = _CONSTANT
    else:
        width = next(code for code, bound in _WIDTHS if least >= -bound and most < bound)
        body += _split(array(width.decode(), steps))
    return _HEAD.pack(form, width, len(values), known[0]) + (zlib.compress(body, _LEVEL) if body else b"")


def unseal(sealed: bytes) -> list[int | None]:
    """Return the column that :func:`seal` made bytes of.

    Raises:
        ValueError: it did not.
    """
    try:
        form, width, count, first = _HEAD.unpack_from(sealed)
        if form == _EMPTY:
            return [None] * count
        body = zlib.decompress(sealed[_HEAD.size :]) if len(sealed) > _HEAD.size else b""
    except (struct.error, zlib.error) as error:
        raise ValueError(f"not a sealed column: {error}") from error
    known = body[:count] if form == _GAPS else b""
    number = known.count(1) if form == _GAPS else count
    if width == _CONSTANT:
        values: list[int | None] = [first] * number
    else:
        values = list(accumulate(_join(body[len(known) :], width.decode()), initial=first))
    if len(values) != number:
        raise ValueError(f"a sealed column has {len(values)} values instead of {number}")
    if form == _WHOLE:
        return values
    rest = iter(values)
    return [next(rest) if each else None for each in known]


def length(sealed: bytes) -> int:
    """Return how many values a sealed column has, None included."""
    _, _, count, _ = _HEAD.unpack_from(sealed)
    return int(count)


def _split(steps: array[int]) -> bytes:
    """Return the bytes of numbers by significance: all lowest ones, then all second ones, ..."""
    if sys.byteorder == "big":
        steps.byteswap()
    plain = steps.tobytes()
    return b"".join(plain[place :: steps.itemsize] for place in range(steps.itemsize))


def _join(split: bytes, width: str) -> array[int]:
    """Return the numbers that :func:`_split` took apart."""
    steps = array(width)
    size = steps.itemsize
    count, rest = divmod(len(split), size)
    if rest:
        raise ValueError(f"{len(split)} bytes are no whole number of differences of {size} bytes")
    plain = bytearray(len(split))
    for place in range(size):
        plain[place::size] = split[place * count : (place + 1) * count]
    steps.frombytes(bytes(plain))
    if sys.byteorder == "big":
        steps.byteswap()
    return steps
