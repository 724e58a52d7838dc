"""The fields that a TOML file may have, as data: from one declaration come the checks, the error texts and the reference table.

A :class:`Section` lists its :class:`Field` rows, and each has a kind that knows which values fit. Reading never stops at the first
mistake: every one is noted with its line, and whoever reads the file settles at the end. What a value means, and what has to fit
together, is not known here.
"""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final, TypeAlias

from indevolt.errors import InvalidInput
from indevolt.tomltext import Mistakes, Path, show

Toml: TypeAlias = Any
"""What a file may spell; only the kind of its field tells of which type it is."""


class _Mark:
    """A value that no file can spell."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


WRONG: Final = _Mark("WRONG")
"""What reading a value gives when it does not fit and the mistake has been noted."""

NEEDED: Final = _Mark("NEEDED")
"""The default of a field that may not be left out."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a document something is read, and where its mistakes go."""

    mistakes: Mistakes
    path: Path = ()

    def inside(self, step: str | int) -> Place:
        """Return the place of a field or of an element in this one."""
        return Place(self.mistakes, (*self.path, step))

    def wrong(self, what: str) -> Toml:
        """Note a mistake here, and return :data:`WRONG`."""
        self.mistakes.add(self.path, what)
        return WRONG

    def misfit(self, raw: object, allowed: str, known: Iterable[str] = ()) -> Toml:
        """Note that a value does not fit, what would, and which of the known words come near it."""
        hint = suggestion(raw, known) if isinstance(raw, str) else ""
        return self.wrong(f"{show(raw)} does not fit;{hint} allowed: {allowed}")


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return `` did you mean ...?`` with the known words that look like this one, or nothing."""
    near = difflib.get_close_matches(word.lower(), list(known), n=3, cutoff=0.6)
    return f" did you mean {' or '.join(near)}?" if near else ""


class Kind(ABC):
    """What a field may be."""

    __slots__ = ()

    def fits(self, raw: object) -> bool:
        """Return whether a value is of this type at all, in range or not."""
        return self._fits(raw)

    def admits(self, raw: object) -> bool:
        """Return whether a value that is of this type is also in its range; what is inside it is not looked at."""
        return self._admits(raw)

    def read(self, raw: object, place: Place) -> Toml:
        """Return the value; WRONG when it does not fit, which is then noted."""
        if not self._fits(raw) or not self._admits(raw):
            return place.misfit(raw, self.describe(), self.known())
        return self._take(raw, place)

    def describe(self) -> str:
        """Return what is allowed, for messages and tables."""
        return self._allowed()

    def known(self) -> Iterable[str]:
        """Return the words among which a misspelled one may be looked for."""
        return ()

    @abstractmethod
    def _fits(self, raw: Toml) -> bool: ...

    def _admits(self, _raw: Toml) -> bool:
        return True

    def _take(self, raw: Toml, _place: Place) -> Toml:
        return raw

    @abstractmethod
    def _allowed(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a table. A table that may be left out altogether has ``{}`` or None as its default."""

    name: str
    kind: Kind
    about: str
    default: Any = NEEDED

    def default_text(self) -> str:
        """Return the default as a table of reference shows it."""
        if self.default is NEEDED:
            return "needed"
        return "" if self.default in (None, {}, [], ()) else show(self.default)


@dataclass(frozen=True, slots=True)
class Section:
    """A table: ``heading`` is how it is written in a file."""

    heading: str
    about: str
    fields: tuple[Field, ...]

    def read(self, raw: Mapping[str, Any], place: Place) -> dict[str, Any]:
        """Return the values by name, defaults filled in; what is wrong or missing is noted and left out."""
        fields = {each.name: each for each in self.fields}
        for name in raw:
            if name not in fields:
                place.inside(name).wrong(f"unknown field;{suggestion(name, fields)} {self.heading} has: {', '.join(fields)}")
        values: dict[str, Any] = {}
        for name, each in fields.items():
            if name in raw:
                value = each.kind.read(raw[name], place.inside(name))
            elif each.default is NEEDED:
                value = place.inside(name).wrong(f"missing; allowed: {each.kind.describe()}")
            elif isinstance(each.kind, Table) and each.default is not None:
                value = each.kind.read(each.default, place.inside(name))
            else:
                value = each.default
            if value is not WRONG:
                values[name] = value
        return values


# ---- kinds -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Number(Kind):
    """A number in a range, ends included."""

    low: float
    high: float
    unit: str = ""
    whole: bool = False

    def _fits(self, raw: Toml) -> bool:
        return isinstance(raw, int | float) and not isinstance(raw, bool)

    def _admits(self, raw: Toml) -> bool:
        return (type(raw) is int or not self.whole) and self.low <= raw <= self.high

    def _take(self, raw: Toml, _place: Place) -> Toml:
        return raw if self.whole else float(raw)

    def _allowed(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        return f"{kind} from {_plain(self.low)} to {_plain(self.high)} {self.unit}".rstrip()


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else f"{number:g}"


@dataclass(frozen=True, slots=True)
class Switch(Kind):
    """True or false."""

    def _fits(self, raw: Toml) -> bool:
        return isinstance(raw, bool)

    def _allowed(self) -> str:
        return "true or false"


@dataclass(frozen=True, slots=True)
class Text(Kind):
    """A text that is not empty; ``like`` says what sort of."""

    like: str = "a text"
    longest: int = 200

    def _fits(self, raw: Toml) -> bool:
        return isinstance(raw, str)

    def _admits(self, raw: Toml) -> bool:
        return 0 < len(raw.strip()) <= self.longest

    def _allowed(self) -> str:
        return f"{self.like} of 1 to {self.longest} characters"


@dataclass(frozen=True, slots=True)
class Word(Kind):
    """One of some words; ``words`` tells them when asked, as they may come from a catalogue."""

    words: Callable[[], Iterable[str]]

    def known(self) -> Iterable[str]:
        """Return the words."""
        return tuple(self.words())

    def _fits(self, raw: Toml) -> bool:
        return isinstance(raw, str)

    def _admits(self, raw: Toml) -> bool:
        return raw in self.words()

    def _allowed(self) -> str:
        return ", ".join(show(word) for word in self.words())


def words(*allowed: str) -> Word:
    """Return the kind of a field that takes one of these words."""
    return Word(lambda: allowed)


@dataclass(frozen=True, slots=True)
class Spelled(Kind):
    """A text with a grammar of its own, or a value of another type; ``parse`` returns what it means or raises InvalidInput."""

    parse: Callable[[Any], object]
    allowed: str
    types: tuple[type, ...] = (str,)

    def _fits(self, raw: Toml) -> bool:
        return isinstance(raw, self.types)

    def _take(self, raw: Toml, place: Place) -> Toml:
        try:
            return self.parse(raw)
        except InvalidInput as error:
            return place.wrong(told(error))

    def _allowed(self) -> str:
        return self.allowed


def told(error: InvalidInput) -> str:
    """Return an error and its remedy as the text of one mistake."""
    remedy = error.remedy.rstrip(".")
    return f"{error}; {remedy[:1].lower()}{remedy[1:]}" if remedy else str(error)


@dataclass(frozen=True, slots=True)
class Instant(Kind):
    """A date and time. Without an offset it is in UTC; a date alone is its midnight."""

    def _fits(self, raw: Toml) -> bool:
        return isinstance(raw, date)  # a datetime is one, too

    def _take(self, raw: Toml, place: Place) -> Toml:
        at = raw if isinstance(raw, datetime) else datetime.combine(raw, time())
        try:
            return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        except OverflowError:  # the first and the last hours that there are
            return place.misfit(raw, self.describe())

    def _allowed(self) -> str:
        return "a date like 2026-01-15, or with a time like 2026-01-15T06:00:00Z, without quotes; UTC where no offset is given"


@dataclass(frozen=True, slots=True)
class Many(Kind):
    """A list whose elements are of one kind."""

    kind: Kind
    least: int
    most: int

    def _fits(self, raw: Toml) -> bool:
        return isinstance(raw, list)

    def _admits(self, raw: Toml) -> bool:
        return self.least <= len(raw) <= self.most

    def _take(self, raw: Toml, place: Place) -> Toml:
        values = [self.kind.read(each, place.inside(position)) for position, each in enumerate(raw)]
        return WRONG if WRONG in values else tuple(values)

    def _allowed(self) -> str:
        count = str(self.least) if self.least == self.most else f"{self.least} to {self.most}"
        return f"a list of {count}, each {self.kind.describe()}"


@dataclass(frozen=True, slots=True)
class Either(Kind):
    """One of several kinds, told apart by their type; where two share a type, the first is meant."""

    kinds: tuple[Kind, ...]

    def known(self) -> Iterable[str]:
        """Return the words of all kinds."""
        return tuple(word for kind in self.kinds for word in kind.known())

    def _meant(self, raw: Toml) -> Kind | None:
        return next((kind for kind in self.kinds if kind.fits(raw)), None)

    def _fits(self, raw: Toml) -> bool:
        return self._meant(raw) is not None

    def _admits(self, raw: Toml) -> bool:
        kind = self._meant(raw)
        return kind is not None and kind.admits(raw)

    def _take(self, raw: Toml, place: Place) -> Toml:
        kind = self._meant(raw)
        return WRONG if kind is None else kind.read(raw, place)

    def _allowed(self) -> str:
        return "; or ".join(kind.describe() for kind in self.kinds)


@dataclass(frozen=True, slots=True)
class Table(Kind):
    """A table with fields of its own."""

    section: Section

    def _fits(self, raw: Toml) -> bool:
        return isinstance(raw, dict)

    def _take(self, raw: Toml, place: Place) -> Toml:
        return self.section.read(raw, place)

    def _allowed(self) -> str:
        return f"the table {self.section.heading}"


@dataclass(frozen=True, slots=True)
class Tables(Kind):
    """Tables with the same fields, each under a heading in double brackets."""

    section: Section
    least: int
    most: int

    def _fits(self, raw: Toml) -> bool:
        return isinstance(raw, list) and all(isinstance(each, dict) for each in raw)

    def _admits(self, raw: Toml) -> bool:
        return self.least <= len(raw) <= self.most

    def _take(self, raw: Toml, place: Place) -> Toml:
        return tuple(self.section.read(each, place.inside(position)) for position, each in enumerate(raw))

    def _allowed(self) -> str:
        return f"{self.least} to {self.most} tables, each headed {self.section.heading}"


@dataclass(frozen=True, slots=True)
class Entries(Kind):
    """A table whose keys are not known here; ``allowed`` says what they may be."""

    allowed: str

    def _fits(self, raw: Toml) -> bool:
        return isinstance(raw, dict)

    def _allowed(self) -> str:
        return self.allowed


# ---- reference -------------------------------------------------------------------------------------------------------


def sections(first: Section) -> Iterator[Section]:
    """Yield a section and every one below it, each once, in the order in which they are written."""
    seen: dict[str, Section] = {}
    _gather(first, seen)
    yield from seen.values()


def _gather(section: Section, seen: dict[str, Section]) -> None:
    if section.heading in seen:
        return
    seen[section.heading] = section
    for each in section.fields:
        for kind in each.kind.kinds if isinstance(each.kind, Either) else (each.kind,):
            if isinstance(kind, Table | Tables):
                _gather(kind.section, seen)
