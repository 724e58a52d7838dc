"""Which quantities of a family are read together, and the store's tables for them. Both come from the catalogue."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from functools import cache
from typing import Final

from indevolt.catalogue import Model, Point, load
from indevolt.catalogue.codec import DIGITS, Codec, Number, Switch, Text, TimeOfDay, Version, VersionBytes, Words
from indevolt.hub.derive import COUNTED, DERIVED_UNITS, INTEGRATED
from indevolt.hub.events import Tier
from indevolt.hub.site.quantities import COUNTERS, SITE, SITE_UNITS
from indevolt.store import Column, ColumnKind, Table

MOST_POWER: Final = 48  # quantities of the power tier: a request of at most 50, with some room for a share of the others
_MOVING: Final = ("battery", "ac", "grid", "pv")  # groups whose powers and energies change within seconds
_FAST_UNITS: Final = ("W", "Wh", "%")
_FAST_WORDS: Final = (
    "mode",
    "realtime_state",
    "realtime_power",
    "realtime_target_soc",
    "system_state",
    "battery_state",
    "meter_connected",
    "inverter_fault_code",
    "device_time",
)
_PACK_GROUPS: Final = ("main", "pack")
_SETTING_GROUPS: Final = ("limit", "switch", "cluster", "mode")
_ONCE_GROUPS: Final = ("identity", "curve")
_DOUBTFUL: Final = "dashboard only"  # in the note of a point that nobody but one hobby dashboard reads


@cache
def names_of(family: str) -> Mapping[Tier, tuple[str, ...]]:
    """Return the quantities of each tier that is polled; each is in one of them."""
    points = [point for point in load(family).points.values() if point.read is not None]
    taken: dict[str, Tier] = {}
    power = [point for point in points if _is_fast(point)]
    power.sort(key=_importance)
    taken.update({point.name: Tier.POWER for point in power[:MOST_POWER]})
    for point in points:
        taken.setdefault(point.name, _slow_tier(point))
    return {tier: tuple(name for name, its in taken.items() if its is tier) for tier in _POLLED}


@cache
def tiers_of(family: str) -> Mapping[str, Tier]:
    """Return the tier of each quantity that is polled."""
    return {name: tier for tier, names in names_of(family).items() for name in names}


@cache
def names_without(family: str, tier: Tier, missing: frozenset[str]) -> tuple[str, ...]:
    """Return the quantities of a tier but for those of packs that are not there; what would tell of such a pack is kept."""
    model = load(family)
    telling = model.presence.values()
    return tuple(name for name in names_of(family)[tier] if model.points[name].part not in missing or name in telling)


@cache
def tables_of(family: str) -> tuple[Table, ...]:
    """Return the store's tables for a family: one for each tier but identity, and one for what the hub derives.

    The site counts as a family as well.
    """
    if family == SITE:
        return (SITE_TABLE,)
    model = load(family)
    polled = [
        Table(f"{family}_{tier}", tuple(filter(None, (_column(model, name) for name in names))))
        for tier, names in names_of(family).items()
        if tier is not Tier.IDENTITY
    ]
    return (*polled, DERIVED_TABLE)


def table_name(family: str, tier: Tier) -> str:
    """Return the table that a tier of a family is stored in."""
    match tier:
        case Tier.DERIVED:
            return DERIVED_TABLE.name
        case Tier.SITE:
            return SITE_TABLE.name
    return f"{family}_{tier}"


def _hubs_table(name: str, units: Mapping[str, str], counters: Container[str]) -> Table:
    """Return a table of quantities that the hub works out."""
    return Table(
        name,
        tuple(
            Column(each, unit, DIGITS.get(unit, 0), ColumnKind.COUNTER if each in counters else ColumnKind.GAUGE)
            for each, unit in units.items()
        ),
    )


DERIVED_TABLE: Final = _hubs_table("derived", DERIVED_UNITS, (*COUNTED, *INTEGRATED))
SITE_TABLE: Final = _hubs_table(SITE, SITE_UNITS, COUNTERS)
_POLLED: Final = (Tier.POWER, Tier.PACKS, Tier.SETTINGS, Tier.IDENTITY)


def _is_fast(point: Point) -> bool:
    if _DOUBTFUL in point.note:
        return False
    return point.name in _FAST_WORDS or (point.group in _MOVING and point.unit in _FAST_UNITS)


def _importance(point: Point) -> tuple[bool, bool]:
    return point.name not in _FAST_WORDS, point.unit == "Wh" and "today" in point.name


def _slow_tier(point: Point) -> Tier:
    if point.group in _ONCE_GROUPS:
        return Tier.IDENTITY
    return Tier.SETTINGS if point.group in _SETTING_GROUPS else Tier.PACKS


def _column(model: Model, name: str) -> Column | None:
    point = model.points[name]
    codec: Codec | None = point.read.codec if point.read else None
    match codec:
        case Number(unit=unit, scale=scale):
            digits = DIGITS.get(unit, 0) if scale < 1000 else 0
            return Column(name, point.unit, digits, ColumnKind.COUNTER if _counts(point) else ColumnKind.GAUGE)
        case Words(codes=codes):
            return Column(name, "", 0, ColumnKind.WORD, tuple(codes))
        case Switch():
            return Column(name, "", 0, ColumnKind.SWITCH)
        case Text() | TimeOfDay() | Version() | VersionBytes() | _:
            return None  # texts, times of day and clocks have no history worth a column; changes of versions are in the journal


def _counts(point: Point) -> bool:
    return point.unit == "Wh" and "energy" in point.name


@cache
def words_of(family: str) -> frozenset[str]:
    """Return the quantities of a family whose values are words of a list."""
    return frozenset(column.name for table in tables_of(family) for column in table.columns if column.kind is ColumnKind.WORD)


def readable_names(family: str) -> Iterator[str]:
    """Yield every quantity that is polled."""
    for names in names_of(family).values():
        yield from names
