"""Scenarios from a few lines of text, and what is wrong with them."""

from __future__ import annotations

import pytest

from indevolt.simulator import scenario
from indevolt.simulator.scenario.records import (
    Event,
    Scenario,
    UnitSpec,
)
from indevolt.tomltext import WrongToml

HEAD = 'title = "A test"\nstart = 2026-03-20\ndays = 3\n'
UNIT = '[[units]]\nname = "cellar"\nmodel = "powerflex2000"\n'


def load(text: str = UNIT, *, head: str = HEAD) -> Scenario:
    return scenario.load(head + text, name="mine.toml")


def unit_of(fields: str) -> UnitSpec:
    (unit,) = load(UNIT + fields).units
    return unit


def event_of(fields: str, *, units: str = UNIT) -> Event:
    (event,) = load(f"{units}[[events]]\n{fields}").events
    return event


def mistakes(text: str, *, head: str = HEAD) -> list[str]:
    """Return what is wrong, with lines counted from the first behind the head."""
    with pytest.raises(WrongToml) as caught:
        load(text, head=head)
    assert str(caught.value).startswith("mine.toml")
    shift = head.count("\n")
    return [
        f"line {mistake.line - shift}{', ' if mistake.where else ''}{mistake.where}: {mistake.what}"
        for mistake in caught.value.mistakes
    ]


def cluster(*roles: str, more: str = "") -> str:
    return "".join(f'[[units]]\nmodel = "powerflex2000"\ncluster = "{role}"\n{more if role == "master" else ""}' for role in roles)
