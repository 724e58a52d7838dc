"""Scenario files: from text to a checked :class:`Scenario`, and the scenarios that ship with the package.

All mistakes of a file are told at once, each with its line, its field and what is allowed. Who runs a scenario, and where a file of
one's own comes from, is not known here; the shipped ones are read in one place, :func:`shipped`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Final, TypeVar

from indevolt.errors import InvalidInput
from indevolt.simulator.cluster import Role, Wiring
from indevolt.simulator.scenario.events import build_event
from indevolt.simulator.scenario.fields import SCENARIO
from indevolt.simulator.scenario.records import (
    CsvSource,
    Event,
    HouseSpec,
    MeterSort,
    MeterSpec,
    RoofSpec,
    Scenario,
    SkySpec,
    TariffSpec,
    UnitSpec,
)
from indevolt.simulator.scenario.units import Values, build_unit, check_cluster, name_units
from indevolt.simulator.sky import Weather
from indevolt.tomlfields import Place, Section, sections, suggestion
from indevolt.tomltext import Document, Mistakes, parse

_ValueT = TypeVar("_ValueT")

REMEDY: Final = "docs/reference/scenarios.md lists every field; shipped scenarios show how (`indevolt simulate --list`)."
REFRESH_S: Final = {
    MeterSort.NATIVE: 2.0,  # meters on the network are asked so often (control.md, section 0)
    MeterSort.P1: 0.5,  # push frames come every 0.15 to 0.5 s (protocol.md, section 6)
    MeterSort.SHELLY: 2.0,
    MeterSort.NONE: 60.0,  # without meaning
}


def load(text: str, *, name: str, start: datetime | None = None) -> Scenario:
    """Return the scenario that a text describes.

    Args:
        text: TOML, with the fields of :func:`describe`.
        name: what messages call it: a file's name.
        start: begin then instead of when the text says; aware.

    Raises:
        WrongToml: an InvalidInput that names the line, the field, the value and what is allowed, for up to ten mistakes.
    """
    document = parse(text, name=name)
    mistakes = Mistakes(document)
    top = Place(mistakes)
    values = SCENARIO.read(document.values, top)
    if start is not None:
        values["start"] = start.astimezone(UTC)
    units, events = _build_parts(values, top)
    _check_house(document, values, top)
    mistakes.settle(remedy=REMEDY)
    return Scenario(
        name=name,
        title=values["title"],
        about=values["about"].strip(),
        start=values["start"],
        days=values["days"],
        seed=values["seed"],
        step_s=values["step_s"],
        house=HouseSpec(**{**values["house"], "load": _source(values["house"]["load"])}),
        sky=_build_sky(values["sky"]),
        roof=RoofSpec(**values["roof"]) if values["roof"] else None,
        meter=_build_meter(values["meter"]),
        tariff=TariffSpec(**{field: _source(price) for field, price in values["tariff"].items()}) if values["tariff"] else None,
        units=units,
        events=tuple(sorted(events, key=lambda event: event.at)),
    )


@cache
def names() -> tuple[str, ...]:
    """Return the names of the shipped scenarios."""
    entries = (resources.files(__package__) / "shipped").iterdir()
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in entries if entry.name.endswith(".toml")))


def shipped(name: str) -> str:
    """Return the text of a shipped scenario, to run it or to begin one's own with.

    Raises:
        InvalidInput: there is none of this name; tells which there are.
    """
    if name not in names():
        hint = suggestion(name, names()).strip()
        there_are = f"There are {', '.join(names())}."
        raise InvalidInput(f"no scenario {name!r:.60}", remedy=f"{hint[:1].upper()}{hint[1:]} {there_are}".strip())
    return (resources.files(__package__) / "shipped" / f"{name}.toml").read_text("utf-8")


def describe() -> tuple[Section, ...]:
    """Return every table of a scenario file with its fields, the top of the file first: for pages of reference."""
    return tuple(sections(SCENARIO))


def _build_parts(values: Values, top: Place) -> tuple[tuple[UnitSpec, ...], list[Event]]:
    tables: Sequence[Values] = values.get("units", ())
    place = top.inside("units")
    name_units(tables, place)
    check_cluster(tables, place)
    units = [build_unit(table, place.inside(position)) for position, table in enumerate(tables)]
    start: datetime | None = values.get("start")
    end = _end(start, values.get("days"))
    place = top.inside("events")
    events = [
        build_event(table, tables, place.inside(position), start=start, end=end)
        for position, table in enumerate(values.get("events", ()))
    ]
    whole = [unit for unit in units if unit is not None]
    wiring = next((unit.wiring for unit in whole if unit.role is Role.MASTER), Wiring.COORDINATED)
    return tuple(replace(unit, wiring=wiring) for unit in whole), [event for event in events if event is not None]


def _end(start: datetime | None, days: float | None) -> datetime | None:
    try:
        return None if start is None or days is None else start + timedelta(days=days)
    except OverflowError:  # in the year 9999
        return None


def _check_house(document: Document, values: Values, top: Place) -> None:
    """Check what belongs together outside units and events."""
    house = values.get("house", {})
    if house.get("load", "built-in") != "built-in" and ("house", "daily_kwh") in document.lines:
        top.inside("house").inside("daily_kwh").wrong('only the built-in appliances have it; remove it, or set load = "built-in"')
    if (air := values.get("sky", {}).get("temperature_c")) is not None and air[0] > air[1]:
        top.inside("sky").inside("temperature_c").wrong(f"[{air[0]:g}, {air[1]:g}] does not fit; allowed: the coldest first")
    meter = values.get("meter", {})
    if meter.get("port") and meter.get("sort") == MeterSort.NONE:
        top.inside("meter").inside("port").wrong("without a meter nothing answers there; remove it, or choose another sort")


def _build_sky(values: Values) -> SkySpec:
    kind = values["kind"]
    return SkySpec(
        kind=Weather(kind) if isinstance(kind, str) else CsvSource(**_csv(kind)),
        latitude_deg=values["latitude_deg"],
        longitude_deg=values["longitude_deg"],
        temperature_c=values["temperature_c"],
    )


def _build_meter(values: Values) -> MeterSpec:
    sort = MeterSort(values["sort"])
    refresh_s = values["refresh_s"]
    return MeterSpec(sort, REFRESH_S[sort] if refresh_s is None else refresh_s, values["port"])


def _source(value: _ValueT) -> _ValueT | CsvSource:
    return CsvSource(**_csv(value)) if isinstance(value, dict) else value


def _csv(values: Values) -> Values:
    return {"path": values["csv"], **{field: values[field] for field in ("column", "step_s", "scale")}}
