"""From the tables of a scenario's units to records: what a unit's model allows, and how units fit together.

The shape of each table has been checked by ``fields``; a value that was wrong there is missing here, and is passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import time
from typing import Any, Final

from indevolt.battery import Charge, Command, Discharge, Value
from indevolt.catalogue import Model, Point, Product, load, products
from indevolt.errors import InvalidInput
from indevolt.simulator.access import Api
from indevolt.simulator.cluster import MAX_UNITS, Role, Wiring
from indevolt.simulator.scenario.records import Slot, UnitSpec
from indevolt.tomlfields import Place, told

ALL: Final = "all"
HALF_HOURS: Final = 48
_DAY_MIN: Final = 24 * 60

Values = dict[str, Any]
"""A table as the fields leave it."""


def name_units(tables: Sequence[Values], place: Place) -> None:
    """Give unnamed units a name, and check that names, serial numbers and ports are there once."""
    for position, table in enumerate(tables):
        if table.get("name", "") is None:
            table["name"] = f"unit{position + 1}"
        if table.get("name") == ALL:
            place.inside(position).inside("name").wrong(f'"{ALL}" does not fit; it means every unit, so none can be called so')
    for field in ("name", "serial", "port"):
        seen: dict[object, int] = {}
        for position, table in enumerate(tables):
            value = table.get(field)
            if not value:  # none, and port 0: a free one
                continue
            if value in seen:
                place.inside(position).inside(field).wrong(f"{value} is taken by units[{seen[value] + 1}]; each needs its own")
            seen.setdefault(value, position)


def check_cluster(tables: Sequence[Values], place: Place) -> None:
    """Check that the units of a cluster are one master and one or two slaves."""
    members = [position for position, table in enumerate(tables) if table.get("cluster", Role.NONE) != Role.NONE]
    masters = [position for position in members if tables[position]["cluster"] == Role.MASTER]
    for position in masters[1:]:
        place.inside(position).inside("cluster").wrong(f"a second master; units[{masters[0] + 1}] is the master already")
    if members and not masters:
        place.inside(members[0]).inside("cluster").wrong('slaves without a master; one unit needs cluster = "master"')
    if len(members) == 1 and masters:
        place.inside(members[0]).inside("cluster").wrong('a master without slaves; another unit needs cluster = "slave"')
    for position in members[MAX_UNITS:]:
        place.inside(position).inside("cluster").wrong(
            f"unit number {members.index(position) + 1} of the cluster; allowed: up to {MAX_UNITS}"
        )
    for position, table in enumerate(tables):
        if table.get("cluster_type") and table.get("cluster") != Role.MASTER:
            place.inside(position).inside("cluster_type").wrong('only a master has it; remove it, or set cluster = "master"')


def build_unit(table: Values, place: Place) -> UnitSpec | None:
    """Return a unit; None when something is wrong with it, which is then noted."""
    before = len(place.mistakes.found)
    product = products().get(table.get("model", ""))
    settings: Mapping[str, Value] = {}
    schedule: tuple[Slot, ...] = ()
    if product is not None:
        model = load(product.family)
        leads = table.get("cluster") == Role.MASTER
        _check_product(table, product, place)
        settings = check_settings(table.get("settings", {}), (model,), place.inside("settings"), leads=leads)
        schedule = _build_schedule(table.get("schedule", ()), model, place.inside("schedule"), leads=leads)
    if table.get("password") and table.get("api") != Api.DIGEST:
        place.inside("password").wrong('only asked for with api = "digest"; set that, or remove it')
    if table.get("meter") and table.get("cluster") != Role.NONE:
        place.inside("meter").wrong("a cluster goes by the meter of the home; remove it, or the unit from the cluster")
    if product is None or len(place.mistakes.found) > before or not table.keys() >= _FIELDS:
        return None
    curve = table["load_curve"]
    return UnitSpec(
        name=table["name"],
        product=product,
        modules=table["modules"],
        soc_pct=table["soc_pct"],
        pv_w=table["pv_w"],
        temperature_c=table["temperature_c"],
        settings=settings,
        role=Role(table["cluster"]),
        wiring=Wiring(table["cluster_type"] or Wiring.COORDINATED),
        schedule=schedule,
        load_curve=(curve,) * HALF_HOURS if isinstance(curve, float) else curve,
        port=table["port"],
        serial=table["serial"],
        api=Api(table["api"]),
        password=table["password"],
        meter=table["meter"],
    )


_FIELDS: Final = frozenset(
    (
        "name",
        "modules",
        "soc_pct",
        "pv_w",
        "temperature_c",
        "cluster",
        "cluster_type",
        "load_curve",
        "port",
        "serial",
        "api",
        "password",
        "meter",
    )
)


def _check_product(table: Values, product: Product, place: Place) -> None:
    if table.get("modules", 1) > product.max_modules:
        place.inside("modules").wrong(f"{table['modules']} does not fit; allowed: 1 to {product.max_modules} for a {product.title}")
    if len(table.get("pv_w", ())) > product.pv_inputs:
        given = len(table["pv_w"])
        place.inside("pv_w").wrong(f"{given} PV inputs do not fit; allowed: up to {product.pv_inputs} for a {product.title}")


def check_settings(settings: Mapping[str, Any], models: Iterable[Model], place: Place, *, leads: bool) -> dict[str, Value]:
    """Return settings by our names, each of them checked against every model.

    Args:
        settings: quantity and value as the file has them.
        models: of the units that they are for.
        place: of the table.
        leads: the unit is a master, so that the wider documented ranges of power hold.
    """
    checked: dict[str, Value] = {}
    for name, value in settings.items():
        if not isinstance(value, bool | int | float | str | time):
            place.inside(name).misfit(value, "a number, a text, a time, true or false")
            continue
        try:
            for model in models:
                model.write(name, [value], cluster=leads)
                checked[model.point(name).name] = value
        except InvalidInput as error:
            place.inside(name).wrong(_without_name(error))
    return checked


def find_readable(name: str, models: Iterable[Model], place: Place) -> Point | None:
    """Return the quantity that a name means in the models of all these units; None when one cannot read it, which is then noted."""
    found: Point | None = None
    for model in models:
        try:
            found = model.point(name)
        except InvalidInput as error:
            place.wrong(told(error))
            return None
        if found.read is None:
            place.wrong(f"{found.name} can only be written; allowed: quantities that are read (`indevolt points`)")
            return None
    return found


def check_command(command: Command, models: Iterable[Model], power: Place, target: Place, *, leads: bool) -> None:
    """Check a command against every model; ``power`` and ``target`` are where the file says the two."""
    for model in models:
        try:
            model.spell(command, cluster=leads)
        except InvalidInput as error:
            place = target if str(error).startswith("realtime_target_soc") else power
            place.wrong(_without_name(error))
            return


def _without_name(error: InvalidInput) -> str:
    """Return the text of a mistake in a value; which quantity it is for is told by its place."""
    text = told(error)
    name, colon, rest = text.partition(": ")
    return rest if colon and name.isidentifier() else text


# ---- the unit's own plan ---------------------------------------------------------------------------------------------


def _build_schedule(tables: Sequence[Values], model: Model, place: Place, *, leads: bool) -> tuple[Slot, ...]:
    slots: list[Slot] = []
    taken: list[tuple[range, int]] = []
    for position, table in enumerate(tables):
        here = place.inside(position)
        if not {"start", "end", "action", "power_w", "soc_pct"} <= table.keys():
            continue
        slot = _build_slot(table, model, here, leads=leads)
        for minutes in _minutes(slot.start, slot.end):
            other = next((number for span, number in taken if span.start < minutes.stop and minutes.start < span.stop), None)
            if other is not None and other != position:
                here.wrong(f"{slot.start:%H:%M} to {slot.end:%H:%M} overlaps slot {other + 1}; slots may touch, not overlap")
                break
            taken.append((minutes, position))
        slots.append(slot)
    return tuple(slots)


def _build_slot(table: Values, model: Model, place: Place, *, leads: bool) -> Slot:
    action, power, target = table["action"], table["power_w"], table["soc_pct"]
    if action == "standby":
        for field in ("power_w", "soc_pct"):
            if table[field] is not None:
                place.inside(field).wrong("standby takes neither power nor target; remove it")
        return Slot(table["start"], table["end"], "standby", 0, 0)
    if table["start"] == table["end"] != time():
        place.inside("end").wrong("the slot ends where it starts; for the whole day write 00:00 to 24:00")
    if power is None:
        place.inside("power_w").wrong(f"missing; to {action}, a unit needs a power in W")
        power = 0
    command = (
        Charge(power, 100 if target is None else target)
        if action == "charge"
        else Discharge(power, 5 if target is None else target)
    )
    if table["power_w"] is not None:
        check_command(command, (model,), place.inside("power_w"), place.inside("soc_pct"), leads=leads)
    return Slot(table["start"], table["end"], action, power, command.soc_pct)


def _minutes(start: time, end: time) -> Iterator[range]:
    """Yield the minutes of the day that a slot takes, in one piece or, over midnight, in two."""
    first, last = start.hour * 60 + start.minute, end.hour * 60 + end.minute
    if first < last:
        yield range(first, last)
        return
    yield range(first, _DAY_MIN)
    if last:
        yield range(last)
