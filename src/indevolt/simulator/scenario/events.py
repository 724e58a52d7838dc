"""From the tables of a scenario's events to records: when they happen, to which units, and whether these can take them.

The shape of each table has been checked by ``fields``; a value that was wrong there is missing here, and is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from indevolt.battery import Charge, Command, Discharge, Hold, Schedule, SelfUse
from indevolt.catalogue import Model, load, products
from indevolt.simulator.cluster import Role
from indevolt.simulator.scenario.records import (
    Action,
    Break,
    Change,
    Event,
    GridSupply,
    MeterLink,
    Note,
    Order,
    Reboot,
    Remove,
    Restore,
    Update,
)
from indevolt.simulator.scenario.units import ALL, Values, check_command, check_settings, find_readable
from indevolt.tomlfields import Number, Place, suggestion
from indevolt.tomltext import show

_ACTIONS: Final = ("fault", "reboot", "set", "command", "meter", "grid", "remove", "restore", "firmware", "note")
_LASTING: Final = ("fault", "set", "command", "meter", "grid", "remove")  # what can end by itself
_OF_THE_HOUSE: Final = ("meter", "grid", "note")
_NUMBER: Final = Number(0, 2**16 - 1, whole=True)
_COMMANDS: Final[Mapping[str, Command]] = {"self-use": SelfUse(), "hold": Hold(), "schedule": Schedule()}


@dataclass(frozen=True, slots=True)
class _Whom:
    """The units that an event is for, as far as they are known."""

    names: tuple[str, ...]
    models: tuple[Model, ...]
    leads: bool  # all of them lead a cluster


def build_event(
    table: Values, units: Sequence[Values], place: Place, *, start: datetime | None, end: datetime | None
) -> Event | None:
    """Return an event; None when something is wrong with it, which is then noted.

    Args:
        table: the event.
        units: the tables of all units.
        place: of the event.
        start: of the scenario; None where that is wrong.
        end: of the scenario; None where that is not known.
    """
    before = len(place.mistakes.found)
    named = [name for name in _ACTIONS if table.get(name) is not None]
    misread = [name for name in _ACTIONS if name not in table]  # there, and wrong
    if len(named) + len(misread) != 1:
        if not named and not misread and place.mistakes.has_inside(place.path):
            return None  # most likely it is there and misspelled
        given = " and ".join(named + misread) or "nothing"
        place.wrong(f"{given} to happen; an event needs exactly one of {', '.join(_ACTIONS)}")
        return None
    name = (named or misread)[0]
    if table.get("for") is not None and name not in _LASTING:
        place.inside("for").wrong(f"{name} does not end by itself; remove it (it goes with {', '.join(_LASTING)})")
    whom = _whom(name, table, units, place)
    at = _instant(table, place, start, end)
    action = _BUILDERS[name](table[name], whom, place.inside(name)) if named else None
    if at is None or action is None or len(place.mistakes.found) > before or "for" not in table:
        return None
    return Event(at, table["for"], whom.names, action, place.mistakes.document.line(place.path))


def _instant(table: Values, place: Place, start: datetime | None, end: datetime | None) -> datetime | None:
    if start is None or "at" not in table:
        return None
    try:
        at: datetime = table["at"](start)
    except OverflowError:
        at = datetime.max.replace(tzinfo=start.tzinfo)
    if at < start or (end is not None and at >= end):
        until = f" to {end:%Y-%m-%d %H:%M:%S}" if end else ""
        place.inside("at").wrong(f"{at:%Y-%m-%d %H:%M:%S} is not in the scenario; allowed: {start:%Y-%m-%d %H:%M:%S}{until} (UTC)")
        return None
    return at


def _whom(name: str, table: Values, units: Sequence[Values], place: Place) -> _Whom:
    wanted = table.get("unit", ALL)
    if name in _OF_THE_HOUSE:
        if wanted != ALL:
            place.inside("unit").wrong(f"{name} concerns the whole house; remove it")
        return _Whom((), (), leads=False)
    chosen = [unit for unit in units if wanted in (ALL, unit.get("name"))]
    if name == "command" and wanted == ALL:
        chosen = [unit for unit in chosen if unit.get("cluster") != Role.SLAVE]
    if not chosen:
        known = [unit["name"] for unit in units if "name" in unit]
        place.inside("unit").wrong(f"{show(wanted)} does not fit;{suggestion(wanted, known)} allowed: {', '.join([*known, ALL])}")
    families = dict.fromkeys(products()[unit["model"]].family for unit in chosen if "model" in unit)
    return _Whom(
        tuple(unit["name"] for unit in chosen if "name" in unit),
        tuple(map(load, families)),
        leads=bool(chosen) and all(unit.get("cluster") == Role.MASTER for unit in chosen),
    )


# ---- one builder for each thing that can happen ----------------------------------------------------------------------


def _change(settings: Mapping[str, Any], whom: _Whom, place: Place) -> Action:
    if not settings:
        place.wrong("nothing to set; allowed: quantities and values like { backup_soc = 20 }")
    return Change(check_settings(settings, whom.models, place, leads=whom.leads))


def _order(raw: str | Values, whom: _Whom, place: Place) -> Action | None:
    if isinstance(raw, str):
        return Order(_COMMANDS[raw])
    if not {"charge", "discharge", "soc"} <= raw.keys():
        return None
    if (raw["charge"] is None) == (raw["discharge"] is None):
        place.wrong("exactly one of charge and discharge is needed, like { charge = 800, soc = 90 }")
        return None
    command: Charge | Discharge
    if raw["charge"] is not None:
        command, field = Charge(raw["charge"], 100 if raw["soc"] is None else raw["soc"]), "charge"
    else:
        command, field = Discharge(raw["discharge"], 5 if raw["soc"] is None else raw["soc"]), "discharge"
    check_command(command, whom.models, place.inside(field), place.inside("soc"), leads=whom.leads)
    return Order(command)


def _names(names: Sequence[str], whom: _Whom, place: Place) -> tuple[str, ...]:
    found = [find_readable(name, whom.models, place.inside(position)) for position, name in enumerate(names)]
    return tuple(point.name for point in found if point is not None)


def _update(table: Values, whom: _Whom, place: Place) -> Action | None:
    remove = _names(table.get("remove", ()), whom, place.inside("remove"))
    move: dict[str, int] = {}
    here = place.inside("move")
    for name, number in table.get("move", {}).items():
        point = find_readable(name, whom.models, here.inside(name))
        if _NUMBER.fits(number) and _NUMBER.admits(number):
            if point is not None:
                move[point.name] = number
        else:
            here.inside(name).misfit(number, _NUMBER.describe())
    for name, number in move.items():
        owners = [point.name for model in whom.models if (point := model.by_read.get(str(number))) is not None]
        owners += [other for other, taken in move.items() if taken == number and other != name]
        if stays := [owner for owner in owners if owner not in remove and (owner not in move or move[owner] == number)]:
            here.inside(name).wrong(f"{number} is taken by {stays[0]}; choose another number, or move or remove that as well")
        if name in remove:
            here.inside(name).wrong("removed as well; choose one")
    if not {"fw", "f_ver", "remove", "move", "down_s"} <= table.keys():
        return None
    return Update(table["fw"], table["f_ver"], remove, move, table["down_s"])


_BUILDERS: Final[Mapping[str, Callable[[Any, _Whom, Place], Action | None]]] = {
    "fault": lambda spec, _whom, _place: Break(spec),
    "reboot": lambda down_s, _whom, _place: Reboot(down_s),
    "set": _change,
    "command": _order,
    "meter": lambda word, _whom, _place: MeterLink(word == "online"),
    "grid": lambda word, _whom, _place: GridSupply(word == "up"),
    "remove": lambda names, whom, place: Remove(_names(names, whom, place)),
    "restore": lambda names, whom, place: Restore(_names(names, whom, place)),
    "firmware": _update,
    "note": lambda text, _whom, _place: Note(text),
}
