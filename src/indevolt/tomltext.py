"""TOML whose values know the line they stand on, and the error that names every mistake of a file by its line.

``tomllib`` reads the values and forgets where they were; a second, small scan of the same text finds that again. What fields a file
may have is said with :mod:`indevolt.tomlfields`, what they mean by whoever reads the file. No file is opened here.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any, Final, TypeAlias

from indevolt.errors import InvalidInput

Path: TypeAlias = tuple[str | int, ...]
"""Keys and positions from the top of a document down to a value: ``("units", 0, "modules")``."""

MOST: Final = 10  # mistakes told at once; a file with more is most likely another file
_LONGEST: Final = 50  # letters of a value that a message repeats


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed text. ``values`` is what ``tomllib`` makes of it, ``lines`` the line of everything in it, counted from 1."""

    name: str
    values: Mapping[str, Any]
    lines: Mapping[Path, int]

    def line(self, path: Path) -> int:
        """Return the line of a value; for one that is missing, the line of the nearest table around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong in a text, and what would be right."""

    line: int
    where: str  # dotted path; empty for a mistake of syntax
    what: str

    def __str__(self) -> str:
        return f"line {self.line}{', ' if self.where else ''}{self.where}: {self.what}"


class WrongToml(InvalidInput):
    """A text with mistakes; :attr:`mistakes` has them in the order of their lines, for whoever can show a list."""

    def __init__(self, name: str, mistakes: tuple[Mistake, ...], *, remedy: str = "") -> None:
        self.name = name
        self.mistakes = mistakes
        if len(mistakes) == 1:
            facts = f"{name}, {mistakes[0]}"
        else:
            shown = "; ".join(f"({number}) {mistake}" for number, mistake in enumerate(mistakes[:MOST], 1))
            more = f"; and {len(mistakes) - MOST} more" if len(mistakes) > MOST else ""
            facts = f"{name} has {len(mistakes)} mistakes: {shown}{more}"
        super().__init__(facts, remedy=remedy)


@dataclass(slots=True)
class Mistakes:
    """What has been found wrong in a document so far."""

    document: Document
    found: list[Mistake] = field(default_factory=list)

    def add(self, path: Path, what: str) -> None:
        """Note a mistake at a value; the same one twice counts once."""
        mistake = Mistake(self.document.line(path), spell(path), what)
        if mistake not in self.found:
            self.found.append(mistake)

    def has_inside(self, path: Path) -> bool:
        """Return whether something is wrong with a field of this table."""
        return any(mistake.where.startswith(f"{spell(path)}.") for mistake in self.found)

    def settle(self, *, remedy: str = "") -> None:
        """Return when there are none.

        Raises:
            WrongToml: names them all.
        """
        if self.found:
            ordered = tuple(sorted(self.found, key=lambda mistake: mistake.line))
            raise WrongToml(self.document.name, ordered, remedy=remedy)


def parse(text: str, *, name: str) -> Document:
    """Return the document that a text spells; ``name`` is what messages call it.

    Raises:
        WrongToml: not TOML; names the line.
    """
    try:
        values = tomllib.loads(text)
        scan = _Scan(text)
        scan.document()
    except tomllib.TOMLDecodeError as error:
        raise WrongToml(name, (_syntax(str(error), text),), remedy="The language is TOML: toml.io.") from None
    except RecursionError:
        raise WrongToml(name, (Mistake(1, "", "nested too deeply"),)) from None
    except ValueError as error:  # a number of thousands of digits
        raise WrongToml(name, (Mistake(1, "", f"a value cannot be read: {error}"),)) from None
    return Document(name, values, scan.lines)


def spell(path: Path) -> str:
    """Return a path as messages print it; positions count from 1, as people do: ``units[1].modules`` is of the first unit."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step + 1}]"
        else:
            text += ("." if text else "") + (step if _BARE.fullmatch(step) else f'"{shortened(step)}"')
    return text


def show(value: object) -> str:
    """Return a value as it may stand in TOML, shortened."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{shortened(value)}"'
        case datetime() | date() | time():
            return str(value)
        case dict():
            return shortened("{ " + ", ".join(f"{key} = {show(each)}" for key, each in value.items()) + " }")
        case list():
            return shortened("[" + ", ".join(map(show, value)) + "]")
        case _:
            return shortened(repr(value))


def shortened(text: str) -> str:
    """Return a text without control characters, and with an ellipsis where it is too long for a message."""
    clean = "".join(letter if letter.isprintable() else " " for letter in text[: _LONGEST + 1])
    return clean if len(clean) <= _LONGEST else clean[: _LONGEST - 1] + "…"


_PLACE: Final = re.compile(r" *\(at (?:line (\d+), column \d+|end of document)\)$")


def _syntax(facts: str, text: str) -> Mistake:
    """Return the mistake that ``tomllib`` names; its texts end with the place."""
    match = _PLACE.search(facts)
    line = int(match[1]) if match and match[1] else len(text.splitlines()) or 1
    return Mistake(line, "", _PLACE.sub("", facts))


# ---- where things stand ----------------------------------------------------------------------------------------------

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_GAP: Final = re.compile(r"[ \t]*")
_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_STRING: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'  # up to two quotes may stand right before the closing three
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'",
    re.DOTALL,
)
_SCALAR: Final = re.compile(r"[^,\]}#\n]*")  # number, date or switch; a date may have a blank inside


class _Scan:
    """Walks through a text that ``tomllib`` has taken, so nothing is checked again, and notes the line of each key and element."""

    def __init__(self, text: str) -> None:
        self.lines: dict[Path, int] = {}
        self._text = text
        self._at = 0
        self._ends = [match.start() for match in re.finditer("\n", text)]
        self._counts: dict[Path, int] = {}  # elements so far of each array of tables

    def document(self) -> None:
        here: Path = ()
        while self._past_blanks():
            if self._text.startswith("[", self._at):
                here = self._header()
            else:
                self._pair(here)

    def _header(self) -> Path:
        line, is_array = self._line(), self._text.startswith("[[", self._at)
        brackets = 2 if is_array else 1
        self._at += brackets
        self._past(_GAP)
        *above, last = self._key()
        self._past(_GAP)
        self._at += brackets
        here: Path = ()
        for key in above:
            here = self._newest((*here, key), line)
        if not is_array:
            return self._note((*here, last), line)
        array = self._note((*here, last), line)
        self._counts[array] = self._counts.get(array, 0) + 1
        return self._newest(array, line)

    def _newest(self, path: Path, line: int) -> Path:
        """Return the path of a table; of an array of tables, that of its last one so far."""
        self._note(path, line)
        return self._note((*path, self._counts[path] - 1), line) if path in self._counts else path

    def _pair(self, here: Path) -> None:
        line = self._line()
        path = here
        for key in self._key():
            path = self._note((*path, key), line)
        self._past(_GAP)
        self._at += len("=")
        self._past(_GAP)
        self._value(path)

    def _value(self, path: Path) -> None:
        match self._text[self._at]:
            case "[":
                self._elements(path)
            case "{":
                self._at += 1
                while self._before("}"):
                    self._pair(path)
            case '"' | "'":
                self._past(_STRING)
            case _:
                self._past(_SCALAR)

    def _elements(self, path: Path) -> None:
        self._at += 1
        position = 0
        while self._before("]"):
            self._value(self._note((*path, position), self._line()))
            position += 1

    def _before(self, closing: str) -> bool:
        """Go to the next element inside brackets; False behind the closing one."""
        self._past(_BLANK)
        if self._text[self._at] == ",":
            self._at += 1
            self._past(_BLANK)
        if self._text[self._at] != closing:
            return True
        self._at += 1
        return False

    def _key(self) -> list[str]:
        """Return the parts of a dotted key, and stand behind it."""
        keys = []
        while True:
            start = self._at
            quoted = self._text[start] in "\"'"
            self._past(_STRING if quoted else _BARE)
            word = self._text[start : self._at]
            keys.append(str(tomllib.loads(f"key = {word}")["key"]) if quoted else word)
            behind = self._at
            self._past(_GAP)
            if not self._text.startswith(".", self._at):
                self._at = behind
                return keys
            self._at += 1
            self._past(_GAP)

    def _note(self, path: Path, line: int) -> Path:
        self.lines.setdefault(path, line)
        return path

    def _past_blanks(self) -> bool:
        self._past(_BLANK)
        return self._at < len(self._text)

    def _past(self, pattern: re.Pattern[str]) -> None:
        if match := pattern.match(self._text, self._at):
            self._at = match.end()

    def _line(self) -> int:
        return bisect_left(self._ends, self._at) + 1
