"""Readings as lines of InfluxDB's line protocol. What is sent where is in ``influx``.

A line holds one reading, with a field for each number; a word has a line of its own, as some receivers turn texts into 0. Pure.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from indevolt.battery import Quality, Value
from indevolt.hub.events import Update
from indevolt.hub.tiers import words_of

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_SPECIAL: Final = re.compile(r"[,= ]")
_COMMA_OR_BLANK: Final = re.compile(r"[, ]")
_ESCAPED: Final = r"\\\g<0>"
_UNSPEAKABLE: Final = re.compile(r"[\x00-\x1f\x7f\\]|^#")


class Lines:
    """Makes lines of readings.

    Args:
        measurement: what each line begins with.
        most_bytes: of one line; a longer one becomes several of the same time.
    """

    def __init__(self, measurement: str, most_bytes: int | None = None) -> None:
        self._measurement = measurement
        self._most_bytes = most_bytes
        self._words: dict[tuple[str, str], str] = {}

    def of(self, update: Update) -> Iterator[bytes]:
        """Yield the lines of an update: of live values only, texts and clocks left out."""
        numbers: dict[str, float | bool] = {}
        at_ns = nanoseconds(update.reading.at)
        states = words_of(update.reading.family)
        for name, sample in update.reading.samples.items():
            if sample.quality is not Quality.LIVE:
                continue
            if isinstance(sample.value, bool | int | float):
                numbers[name] = sample.value
            elif name in states and isinstance(sample.value, str):
                yield from self._word(update.device, name, sample.value, at_ns)
        yield from self._numbers(update.device, numbers, at_ns)

    def _numbers(self, device: str, numbers: Mapping[str, float | bool], at_ns: int) -> Iterator[bytes]:
        whole = line(self._measurement, {"device": device}, numbers, at_ns)
        if self._most_bytes is None or len(whole) <= self._most_bytes or len(numbers) < 2:
            if whole:
                yield whole
            return
        half = len(numbers) // 2
        yield from self._numbers(device, dict(islice(numbers.items(), half)), at_ns)
        yield from self._numbers(device, dict(islice(numbers.items(), half, None)), at_ns)

    def _word(self, device: str, name: str, word: str, at_ns: int) -> Iterator[bytes]:
        before = self._words.get((device, name))
        self._words[device, name] = word
        for each, active in ((before, 0), (word, 1)) if before not in (None, word) else ((word, 1),):
            tags = {"device": device, "name": name, "state": each or ""}
            yield line(f"{self._measurement}_state", tags, {"active": active}, at_ns)


def line(measurement: str, tags: Mapping[str, str], fields: Mapping[str, float | bool], at_ns: int) -> bytes:
    """Return one line without its end; empty if there is no field that can be sent."""
    spelled = ",".join(f"{_key(name)}={text}" for name, value in fields.items() if (text := _number(value)))
    if not spelled:
        return b""
    labels = "".join(f",{_key(name)}={_key(value)}" for name, value in sorted(tags.items()) if value)
    begin = _COMMA_OR_BLANK.sub(_ESCAPED, _UNSPEAKABLE.sub("_", measurement))
    return f"{begin}{labels} {spelled} {at_ns}".encode()


def nanoseconds(at: datetime) -> int:
    """Return a time as receivers count it, exactly."""
    return (at - _EPOCH) // _MICROSECOND * 1000


def _key(text: str) -> str:
    """Return a name or the value of a tag. Receivers do not agree on backslashes, and no line can carry a line end."""
    return _SPECIAL.sub(_ESCAPED, _UNSPEAKABLE.sub("_", text))


def _number(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    # Always a float: a field that was whole once would refuse fractions for ever.
    return repr(value) if isinstance(value, int | float) and math.isfinite(value) else ""
