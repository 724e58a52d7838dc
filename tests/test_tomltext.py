"""TOML whose values know their line: in every way that TOML can be written, and with everything in strings that looks like TOML."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from typing import Any, TypeVar

import pytest
from hypothesis import example, given, strategies as st

from indevolt.errors import InvalidInput
from indevolt.tomltext import MOST, Document, Mistakes, Path, WrongToml, parse, show, spell

T = TypeVar("T")


def line_of(text: str, *path: str | int) -> int:
    return parse(text, name="x.toml").line(path)


def paths(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield everything in a parsed document with its path."""
    if path:
        yield path, value
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, each in steps:
        yield from paths(each, (*path, step))


# ---- where things stand ----------------------------------------------------------------------------------------------

EVERY_FORM = """\
title = "a # b [c] = d" # a comment with [brackets] and "quotes"
"quoted key".x . 'y' = 1979-05-27 07:32:00 # a date with a blank inside
many = \"\"\"
[units]
modules = 9 \\\"\"\" still inside \"\"\"\"\"
raw = '''
it's ]] # here
'''

[[units]]
name = "first"
pv_w = [ # of a balcony
  440, 441,
  [ 442,
    443 ], { peak = 444, tilt = 30 },
]
[units.settings]
light.on = 1
light.low = 2
[[units.schedule]]
start = 1
[[units.schedule]]
start = 2
[ units . more ]
x = 1
[[units]]
[[units.schedule]]
start = 3

[a.b]
[a]
c = 1
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 1),
        (("quoted key", "x", "y"), 2),
        (("many",), 3),
        (("raw",), 6),
        (("units",), 10),
        (("units", 0), 10),
        (("units", 0, "name"), 11),
        (("units", 0, "pv_w"), 12),
        (("units", 0, "pv_w", 1), 13),
        (("units", 0, "pv_w", 2, 0), 14),
        (("units", 0, "pv_w", 2, 1), 15),
        (("units", 0, "pv_w", 3, "tilt"), 15),
        (("units", 0, "settings"), 17),
        (("units", 0, "settings", "light"), 18),
        (("units", 0, "settings", "light", "low"), 19),
        (("units", 0, "schedule", 0), 20),
        (("units", 0, "schedule", 1, "start"), 23),
        (("units", 0, "more", "x"), 25),
        (("units", 1), 26),
        (("units", 1, "schedule", 0, "start"), 28),
        (("a",), 30),
        (("a", "c"), 32),
    ],
)
def test_a_value_knows_its_line(path: Path, line: int) -> None:
    assert line_of(EVERY_FORM, *path) == line


def test_what_is_missing_is_at_the_nearest_table_around_it() -> None:
    text = 'a = 1\n\n[house]\nload = 1\n[[units]]\nname = "x"\n[[units]]\n'
    assert line_of(text, "house", "daily_kwh") == 3
    assert line_of(text, "units", 1, "name") == 7
    assert line_of(text, "units", 1, "settings", "light", "on") == 7
    assert line_of(text, "sky", "kind") == 1


def test_windows_line_ends_count_once() -> None:
    document = parse(EVERY_FORM.replace("\n", "\r\n"), name="x.toml")
    assert document.lines == parse(EVERY_FORM, name="x.toml").lines


KEYS = st.text("ab-_. #[]'\"=\n", min_size=1, max_size=4)
NOISE = st.sampled_from(["", " # [x] ", '# "', "# '''", "  ", "\t# a = { b"])


def key_text(key: str) -> str:
    return key if key.replace("-", "").replace("_", "").isalnum() else json.dumps(key)


class Writer:
    """Writes a random document, every leaf with a mark of its own."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.marks = 0

    def choose(self, *options: T) -> T:
        picked: T = self.draw(st.sampled_from(options))
        return picked

    def leaf(self) -> str:
        self.marks += 1
        mark = f"<{self.marks}>"
        tail = self.draw(st.text("#[]{}=,' .", max_size=5))
        return str(self.choose(f'"{mark}{tail}\\" # "', f"'{mark}{tail.replace(chr(39), '')}'", f'"""{mark}{tail}" "" ["""""'))

    def value(self, depth: int) -> str:
        match self.choose("leaf", "leaf", "list", "table") if depth else "leaf":
            case "list":
                gap = self.choose("", " ", "\n", " # ] [\n  ")
                return "[" + ",".join(f"{gap}{self.value(depth - 1)}{gap}" for _ in range(self.choose(0, 1, 3))) + gap + "]"
            case "table":
                keys = self.draw(st.lists(KEYS, max_size=3, unique=True))
                return "{" + ",".join(f" {key_text(key)} = {self.value(depth - 1)} " for key in keys) + "}"
            case _:
                return self.leaf()

    def pairs(self, depth: int) -> str:
        keys = self.draw(st.lists(KEYS, max_size=3, unique=True))
        return "".join(f"{self.key(key)} = {self.value(depth)}{self.draw(NOISE)}\n{self.draw(NOISE)}\n" for key in keys)

    def key(self, key: str) -> str:
        return f"{key_text(key)} . {key_text(self.draw(KEYS))}" if self.choose(False, False, True) else key_text(key)

    def document(self) -> str:
        text = self.pairs(2)
        for number in range(self.choose(0, 1, 2, 3)):
            name = f"t{number}"
            if self.choose(False, True):
                text += f"[{name}]{self.draw(NOISE)}\n{self.pairs(2)}"
                continue
            for _ in range(self.choose(1, 2)):
                text += f"[[ {name} ]]{self.draw(NOISE)}\n{self.pairs(2)}"
                text += f"[[{name}.sub]]\n{self.pairs(1)}[{name}.sub.'x y']\n{self.pairs(1)}"
        return text


@given(st.data())
def test_every_value_of_any_document_is_found_on_the_line_where_it_stands(data: st.DataObject) -> None:
    writer = Writer(data.draw)
    text = writer.document()
    document = parse(text, name="x.toml")
    assert document.values == tomllib.loads(text)
    everything = dict(paths(document.values))
    assert document.lines.keys() == everything.keys()
    lines = text.split("\n")
    leaves = 0
    for path, value in everything.items():
        if isinstance(value, str):
            leaves += 1
            assert value[: value.index(">") + 1] in lines[document.lines[path] - 1]
    assert leaves == writer.marks


@given(st.text("ab.=[]{}\"'#\n ,1-\\", max_size=40))
@example("a = {b = 1, 'c d'.e = [1, 2,\n3,]}\n[b]")
def test_any_text_is_toml_with_all_its_lines_or_a_mistake_with_its_line(text: str) -> None:
    try:
        document = parse(text, name="x.toml")
    except WrongToml as error:
        (mistake,) = error.mistakes
        assert 1 <= mistake.line <= text.count("\n") + 1
        return
    assert document.lines.keys() == dict(paths(document.values)).keys()


# ---- mistakes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("a = 1\nb = \n", 2, "Invalid value"),
        ("a = 1\n[b\nc = 1", 2, "Expected"),
        ("a = 1\na = 2\n", 2, "overwrite"),
        ("\n\na = 2026-02-30\n", 3, "date"),
        ('a = 1\nb = """x\n\n', 3, "Unterminated"),
        ("a = " + "[" * 100_000, 1, "nested"),
        ("a = " + "9" * 10_000, 1, "digit"),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(text: str, line: int, word: str) -> None:
    with pytest.raises(WrongToml) as caught:
        parse(text, name="mine.toml")
    (mistake,) = caught.value.mistakes
    assert mistake.line == line
    assert word in mistake.what
    assert str(caught.value).startswith(f"mine.toml, line {line}: ")
    assert isinstance(caught.value, InvalidInput)


def mistakes_in(text: str) -> Mistakes:
    return Mistakes(parse(text, name="x.toml"))


def test_mistakes_are_told_together_in_the_order_of_their_lines() -> None:
    mistakes = mistakes_in("a = 1\nb = 2\n[c]\n")
    mistakes.add(("c", "d"), "missing")
    mistakes.add(("b",), "2 does not fit")
    mistakes.add(("b",), "2 does not fit")
    with pytest.raises(WrongToml) as caught:
        mistakes.settle(remedy="Look it up.")
    assert str(caught.value) == "x.toml has 2 mistakes: (1) line 2, b: 2 does not fit; (2) line 3, c.d: missing"
    assert caught.value.remedy == "Look it up."
    assert [mistake.line for mistake in caught.value.mistakes] == [2, 3]


def test_a_text_without_mistakes_settles() -> None:
    mistakes_in("a = 1").settle()


def test_no_more_than_ten_are_told_and_the_rest_counted() -> None:
    mistakes = mistakes_in("")
    for number in range(13):
        mistakes.add((f"key{number:02}",), "missing")
    with pytest.raises(WrongToml) as caught:
        mistakes.settle()
    assert "(10) line 1, key09" in str(caught.value)
    assert "key10" not in str(caught.value)
    assert str(caught.value).endswith("and 3 more")
    assert MOST == 10
    assert len(caught.value.mistakes) == 13


def test_paths_are_spelled_as_people_count() -> None:
    assert spell(("units", 0, "settings", "odd key", 2)) == 'units[1].settings."odd key"[3]'
    assert spell(()) == ""


def test_values_are_shown_as_in_a_file_and_never_steer_a_terminal() -> None:
    assert show(True) == "true"
    assert show([1, "a", {"b": False}]) == '[1, "a", { b = false }]'
    assert show("a\x1b[31m\nb") == '"a [31m b"'
    assert len(show("x" * 1000)) < 60
    assert "\x1b" not in spell(("a\x1b[31m",))


def test_a_document_without_its_top_line_still_says_one() -> None:
    assert Document("x", {}, {}).line(("a",)) == 1
