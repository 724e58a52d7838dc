"""Fields as data: what fits, what does not, and that every mistake of a table is noted with its place."""

from __future__ import annotations

from typing import Any

import pytest

from indevolt.errors import InvalidInput
from indevolt.tomlfields import (
    WRONG,
    Either,
    Entries,
    Field,
    Instant,
    Kind,
    Many,
    Number,
    Place,
    Section,
    Spelled,
    Switch,
    Table,
    Tables,
    Text,
    sections,
    words,
)
from indevolt.tomltext import Mistakes, parse


def even(text: str) -> int:
    if int(text) % 2:
        raise InvalidInput(f"{text} is odd", remedy="Take 2.")
    return int(text)


INNER = Section(
    "[inner]", "Inside.", (Field("power_w", Number(0, 800, "W"), "Watts.", 5.0), Field("on", Switch(), "Whether.", True))
)
OUTER = Section(
    "the top",
    "All kinds.",
    (
        Field("count", Number(1, 6, whole=True), "A count."),
        Field("mode", words("self_use", "schedule"), "A word.", "self_use"),
        Field("name", Text(longest=5), "A name.", None),
        Field("even", Spelled(even, "an even number in quotes"), "A text.", None),
        Field("start", Instant(), "When.", None),
        Field("curve", Either((Number(0, 10), Many(Number(0, 10), 2, 3), words("flat"))), "A curve.", 1.0),
        Field("inner", Table(INNER), "A table.", {}),
        Field("more", Tables(INNER, 0, 2), "Tables.", ()),
        Field("free", Entries("a table of anything"), "Free.", {}),
        Field("maybe", Table(INNER), "Absent unless written.", None),
    ),
)


def read(text: str) -> tuple[dict[str, Any], list[str]]:
    mistakes = Mistakes(parse(text, name="x.toml"))
    values = OUTER.read(mistakes.document.values, Place(mistakes))
    return values, [str(mistake) for mistake in mistakes.found]


def test_a_table_is_read_with_its_defaults_filled_in() -> None:
    values, mistakes = read("""
        count = 3
        even = "4"
        start = 2026-01-15
        curve = [1, 2.5]
        free = { x = 1 }
        [[more]]
        power_w = 800
        [[more]]
        on = false
    """)
    assert mistakes == []
    assert values["count"] == 3
    assert values["mode"] == "self_use"
    assert values["even"] == 4
    assert values["start"].isoformat() == "2026-01-15T00:00:00+00:00"
    assert values["curve"] == (1.0, 2.5)
    assert values["inner"] == {"power_w": 5.0, "on": True}
    assert values["more"] == ({"power_w": 800.0, "on": True}, {"power_w": 5.0, "on": False})
    assert values["free"] == {"x": 1}
    assert values["maybe"] is None


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "line 1, count: missing; allowed: a whole number from 1 to 6"),
        ("\ncount = 7", "line 2, count: 7 does not fit; allowed: a whole number from 1 to 6"),
        ("count = 2.0", "line 1, count: 2.0 does not fit; allowed: a whole number from 1 to 6"),
        ("count = true", "line 1, count: true does not fit; allowed: a whole number from 1 to 6"),
        ('count = "2"', 'line 1, count: "2" does not fit; allowed: a whole number from 1 to 6'),
        ("count = 1" + "0" * 400, "does not fit; allowed: a whole number from 1 to 6"),
        (
            'count = 1\nmode = "shedule"',
            'line 2, mode: "shedule" does not fit; did you mean schedule? allowed: "self_use", "schedule"',
        ),
        ("count = 1\nmode = 3", 'line 2, mode: 3 does not fit; allowed: "self_use", "schedule"'),
        ('count = 1\nname = ""', 'line 2, name: "" does not fit; allowed: a text of 1 to 5 characters'),
        ('count = 1\nname = "abcdef"', "allowed: a text of 1 to 5 characters"),
        ('count = 1\neven = "3"', "line 2, even: 3 is odd; take 2"),
        ("count = 1\neven = 3", "line 2, even: 3 does not fit; allowed: an even number in quotes"),
        ('count = 1\nstart = "2026-01-15"', 'line 2, start: "2026-01-15" does not fit; allowed: a date like 2026-01-15'),
        ("count = 1\nstart = 0001-01-01T00:00:00+10:00", "allowed: a date"),
        ("count = 1\ncurve = 11", "line 2, curve: 11 does not fit; allowed: a number from 0 to 10; or a list of 2 to 3, each"),
        ("count = 1\ncurve = nan", "line 2, curve: nan does not fit"),
        ("count = 1\ncurve = [1]", "line 2, curve: [1] does not fit"),
        ("count = 1\ncurve = [1,\n11]", "line 3, curve[2]: 11 does not fit; allowed: a number from 0 to 10"),
        ('count = 1\ncurve = "flta"', 'line 2, curve: "flta" does not fit; did you mean flat? allowed: a number'),
        ("count = 1\ncurve = false", "line 2, curve: false does not fit"),
        ("count = 1\ninner = 3", "line 2, inner: 3 does not fit; allowed: the table [inner]"),
        ("count = 1\n[inner]\npower_w = -1", "line 3, inner.power_w: -1 does not fit; allowed: a number from 0 to 800 W"),
        ("count = 1\n[inner]\non = 1", "line 3, inner.on: 1 does not fit; allowed: true or false"),
        ("count = 1\n[inner]\npower = 1", "line 3, inner.power: unknown field; did you mean power_w? [inner] has: power_w, on"),
        ("count = 1\n[more]\non = true", "line 2, more: { on = true } does not fit; allowed: 0 to 2 tables"),
        ("count = 1\n[[more]]\n[[more]]\n[[more]]", "line 2, more: "),
        ("count = 1\n[[more]]\n[[more]]\non = 3", "line 4, more[2].on: 3 does not fit"),
        ("count = 1\nfree = 3", "line 2, free: 3 does not fit; allowed: a table of anything"),
        ("count = 1\nqqq = 3", "line 2, qqq: unknown field; the top has: count, mode, name"),
    ],
)
def test_a_mistake_tells_line_field_value_and_what_is_allowed(text: str, mistake: str) -> None:
    _, (told,) = read(text)
    assert mistake in told


def test_all_mistakes_are_noted_and_what_is_wrong_is_left_out() -> None:
    values, mistakes = read('count = 9\nmode = "x"\nname = "abc"\n[inner]\npower_w = 900\n')
    assert [mistake.partition(":")[0] for mistake in mistakes] == ["line 1, count", "line 2, mode", "line 5, inner.power_w"]
    assert values["name"] == "abc"
    assert "count" not in values
    assert values["inner"] == {"on": True}


def test_a_kind_that_says_no_returns_a_mark_that_no_file_can_spell() -> None:
    mistakes = Mistakes(parse("a = 3", name="x"))
    assert Number(5, 6).read(3, Place(mistakes, ("a",))) is WRONG
    assert repr(WRONG) == "WRONG"


@pytest.mark.parametrize("kind", [each.kind for each in OUTER.fields])
def test_every_kind_describes_itself(kind: Kind) -> None:
    assert kind.describe()
    assert not kind.fits(object())


def test_sections_are_listed_once_each() -> None:
    assert [section.heading for section in sections(OUTER)] == ["the top", "[inner]"]


def test_defaults_are_shown_as_in_a_file() -> None:
    shown = {each.name: each.default_text() for each in OUTER.fields}
    assert shown["count"] == "needed"
    assert shown["mode"] == '"self_use"'
    assert shown["curve"] == "1.0"
    assert shown["name"] == shown["inner"] == ""
