"""Between what stands on the wire and what a person means: one codec per kind of quantity, each with both directions.

Everything odd about a device's numbers is handled here and nowhere else: kWh beside Wh, times of day packed as hour*256+minute,
firmware versions packed as decimals, enums that are written 0/1 and read 1000/1001, an enum that arrives as a text, sentinels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from math import isfinite, nan
from typing import Any, ClassVar, Final, Protocol

from indevolt.battery import Value
from indevolt.errors import InvalidInput, ProtocolError

DIGITS: Final[Mapping[str, int]] = {"W": 0, "Wh": 0, "%": 1, "V": 2, "A": 2, "Hz": 2, "°C": 1}
"""Decimals that devices send, by the unit on the wire (protocol.md, section 11); what is not listed is sent whole."""
_KILO_DIGITS: Final = 3  # kWh come with two or three decimals
_CLEAN: Final = 6  # rounds away what binary fractions add (1.79 kWh * 1000), far below any device's resolution
_DUST: Final = 0.5 * 10**-_CLEAN
_EXACT: Final = 2.0**53  # where a float is no exact count any more, and stays what it is


class Codec(Protocol):
    """One kind of quantity, both directions."""

    def decode(self, raw: object) -> Value | None:
        """Return the value; None when the device says that it has none. Raises ProtocolError for anything unreadable."""
        ...

    def encode(self, value: Value) -> Any:  # noqa: ANN401 - number, text or list, as the wire needs it
        """Return the raw form. Raises InvalidInput, naming what is allowed."""
        ...

    def describe(self) -> str:
        """Say in a few words what values there are, for tables and messages; empty for a plain number."""
        ...


def parse_number(raw: object) -> int | float:
    """Read a number as devices send it: a JSON number, or one in quotes (protocol.md, section 11)."""
    if type(raw) is int or (type(raw) is float and isfinite(raw)):
        return raw
    if isinstance(raw, str):
        try:
            number = float(raw) if raw.isascii() and "_" not in raw else nan  # both are spellings of Python's alone
        except ValueError:
            pass
        else:
            if isfinite(number):
                return int(number) if abs(number) < _EXACT and number.is_integer() and "." not in raw else number
    raise ProtocolError(f"{raw!r:.60} is not a number")


def _is_decimal(text: str) -> bool:
    """Whether a text is digits 0 to 9 only; ``isdigit`` alone also takes superscripts, which ``int`` does not."""
    return text.isascii() and text.isdigit()


@dataclass(frozen=True, slots=True)
class Number:
    """A plain number; ``scale`` turns wire units into ours, ``sign`` turns the device's direction into the house's.

    Settings are ``whole``: clients write integers only (protocol.md, section 3.2).
    """

    unit: str
    scale: float = 1
    sign: int = 1
    missing: tuple[float, ...] = ()
    whole: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether the number on the wire is the value."""
        return self.scale * self.sign == 1 and not self.missing

    def decode(self, raw: object) -> Value | None:
        number = parse_number(raw)
        if number in self.missing:
            return None
        factor = self.scale * self.sign
        if factor == 1:
            return number
        value = number * factor
        if type(value) is int:
            return value
        if not isfinite(value):
            raise ProtocolError(f"{raw!r:.60} is beyond any quantity")
        near = round(value)  # which is it nearly always, and quicker than rounding to digits
        return float(near) if abs(value - near) < _DUST else round(value, _CLEAN)

    def encode(self, value: Value) -> int | float:
        if isinstance(value, str):
            try:
                value = parse_number(value)
            except ProtocolError:
                raise InvalidInput(f"{value!r} is not a number") from None
        if isinstance(value, bool) or not isinstance(value, int | float) or not (type(value) is int or isfinite(value)):
            raise InvalidInput(f"{value!r} is not a number")
        if self.whole:
            if value != int(value):
                raise InvalidInput(f"{value!r} is not a whole number")
            return int(value)
        digits = DIGITS.get(self.unit, 0) if self.scale < 1000 else _KILO_DIGITS
        raw = round(value / self.scale * self.sign, digits)
        return int(raw) if raw == int(raw) else raw

    def describe(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Words:
    """An enum. A word may have several codes, because documents and firmware disagree: all are read, the first is written."""

    codes: Mapping[str, tuple[int, ...]]
    quoted: bool = False  # sent as a text, as the cluster role is
    words: Mapping[int, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        words: dict[int, str] = {}
        for word, codes in self.codes.items():
            for code in codes:
                words.setdefault(code, word)
        object.__setattr__(self, "words", words)

    def decode(self, raw: object) -> Value | None:
        code = int(parse_number(raw))
        return self.words.get(code) or f"code {code}"

    def encode(self, value: Value) -> int | str:
        codes = self.codes.get(str(value).strip().lower().replace("-", "_").replace(" ", "_"))
        if codes is None:
            known = {code for codes in self.codes.values() for code in codes}
            text = str(value).removeprefix("code ")
            if not _is_decimal(text) or int(text) not in known:
                raise InvalidInput(f"{value!r} is not one of {', '.join(self.codes)}")
            return str(int(text)) if self.quoted else int(text)
        return str(codes[0]) if self.quoted else codes[0]

    def describe(self) -> str:
        return ", ".join(f"{'/'.join(map(str, codes))} {word}" for word, codes in self.codes.items())


@dataclass(frozen=True, slots=True)
class Switch:
    """A boolean with the codes of this side; the two sides of one setting often differ (0/1 written, 1000/1001 read)."""

    on: int
    off: int

    TRUE: ClassVar[frozenset[str]] = frozenset(("1", "true", "on", "yes", "enable", "enabled"))
    FALSE: ClassVar[frozenset[str]] = frozenset(("0", "false", "off", "no", "disable", "disabled"))

    def decode(self, raw: object) -> Value | None:
        code = int(parse_number(raw))
        if code == self.on:
            return True
        if code == self.off:
            return False
        return f"code {code}"

    def encode(self, value: Value) -> int:
        word = str(value).lower()
        if word in self.TRUE:
            return self.on
        if word in self.FALSE:
            return self.off
        raise InvalidInput(f"{value!r} is neither on nor off")

    def describe(self) -> str:
        return f"{self.off} off, {self.on} on"


@dataclass(frozen=True, slots=True)
class Text:
    """A text; serial numbers may arrive as numbers (protocol.md, section 18, quirk 16). An empty one means there is none."""

    def decode(self, raw: object) -> Value | None:
        if isinstance(raw, float) and raw.is_integer():
            raw = int(raw)
        if isinstance(raw, bool) or not isinstance(raw, str | int | float):
            raise ProtocolError(f"{raw!r:.60} is not a text")
        return str(raw).strip() or None

    def encode(self, value: Value) -> str:
        return str(value)

    def describe(self) -> str:
        return "text"


@dataclass(frozen=True, slots=True)
class Version:
    """A firmware version packed into a decimal: 14501 is V1.45.01, 108 is V1.08, 15 is V1.5 (points.csv, official decode)."""

    def decode(self, raw: object) -> Value | None:
        if isinstance(raw, str) and not _is_decimal(raw.strip()):
            return raw.strip() or None  # documented as a text: take one that is already spelled out as it is
        number = int(parse_number(raw))
        if number <= 0:
            return None  # an absent part reports 0
        digits = str(number)
        if len(digits) <= 2:
            return "V" + ".".join(digits)
        head = len(digits) % 2 or 2
        return "V" + ".".join([digits[:head], *(digits[i : i + 2] for i in range(head, len(digits), 2))])

    def encode(self, value: Value) -> int:
        digits = str(value).lstrip("Vv").replace(".", "")
        if not _is_decimal(digits):
            raise InvalidInput(f"{value!r} is not a version like V1.45.01")
        return int(digits)

    def describe(self) -> str:
        return "version, 14501 is V1.45.01"


@dataclass(frozen=True, slots=True)
class VersionBytes:
    """A firmware version as high byte and low byte, both printed in decimal (points.csv, BK1600 inverter)."""

    def decode(self, raw: object) -> Value | None:
        number = int(parse_number(raw))
        return f"V{number >> 8}.{number & 0xFF:02d}" if number > 0 else None

    def encode(self, value: Value) -> int:
        major, _, minor = str(value).lstrip("Vv").partition(".")
        if not (_is_decimal(major) and _is_decimal(minor) and int(minor) < 256):
            raise InvalidInput(f"{value!r} is not a version like V1.02")
        return int(major) << 8 | int(minor)

    def describe(self) -> str:
        return "version, high byte . low byte"


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """hour*256 + minute: 18:30 is 4638 (protocol.md, section 11)."""

    def decode(self, raw: object) -> Value | None:
        hour, minute = divmod(int(parse_number(raw)), 256)
        if not (0 <= hour < 24 and minute < 60):
            raise ProtocolError(f"{raw!r:.60} is not a time of day")
        return time(hour, minute)

    def encode(self, value: Value) -> int:
        if isinstance(value, str):
            hour, _, minute = value.partition(":")
            if _is_decimal(hour) and _is_decimal(minute) and int(hour) < 24 and int(minute) < 60:
                return int(hour) * 256 + int(minute)
        if isinstance(value, time):
            return value.hour * 256 + value.minute
        raise InvalidInput(f"{value!r} is not a time of day like 18:30")

    def describe(self) -> str:
        return "a time like 22:30"


@dataclass(frozen=True, slots=True)
class DeviceClock:
    """The clock as three words: (year-2000)*256+month, day*256+hour, minute*256+second (points.csv).

    Which zone it shows is not documented; it is read as UTC, like the other clock of the device (protocol.md, section 3.3).
    """

    def decode(self, raw: object) -> Value | None:
        if not isinstance(raw, list) or len(raw) != 3:
            raise ProtocolError(f"{raw!r:.60} is not a clock of three words")
        (year, month), (day, hour), (minute, second) = (divmod(int(parse_number(word)), 256) for word in raw)
        try:
            return datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC)
        except (ValueError, OverflowError) as error:
            raise ProtocolError(f"{raw!r:.60} is not a clock: {error}") from error

    def encode(self, value: Value) -> list[int]:
        if not isinstance(value, datetime):
            raise InvalidInput(f"{value!r} is not a date and time")
        at = value.astimezone(UTC)
        return [(at.year - 2000) * 256 + at.month, at.day * 256 + at.hour, at.minute * 256 + at.second]

    def describe(self) -> str:
        return "clock of three words"
