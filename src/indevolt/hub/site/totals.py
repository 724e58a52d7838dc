"""Totals of the site from units, the best meter and meters of branches: never of some of them, and no meter counted twice. Pure.

A total is as good as its worst part and as old as its oldest. Where a part is unknown, so is the total, and the part is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, NamedTuple

from indevolt.battery import Quality
from indevolt.hub.config_meters import MeterRole
from indevolt.hub.derive import COUNTED, ac_power
from indevolt.hub.latest import Aged, Latest
from indevolt.hub.site.quantities import SITE_UNITS

METER: Final = "meter"
"""What stands among missing parts for a meter."""

USABLE: Final = (Quality.LIVE, Quality.HELD)
SUMMED: Final = ("ac_power", "solar_power", "battery_power", "charge_power", "discharge_power")
UNMEASURED_W: Final = 100.0  # that a house may seem to give, as units and meter are read at different moments


class Known(NamedTuple):
    """A number that a part told: ``age_s`` ago, and what it is worth now. None: unknown.

    A plain tuple, as a fleet makes a dozen of them for each unit and cycle.
    """

    value: float | None
    at: datetime | None
    age_s: float | None
    quality: Quality

    @property
    def usable(self) -> bool:
        """Whether it may go into a total of now."""
        return self.value is not None and self.quality in USABLE


NEVER: Final = Known(None, None, None, Quality.ABSENT)
NOTHING: Final = Known(0.0, None, None, Quality.LIVE)
"""What a part contributes that has no such thing, like a unit without PV inputs: a known 0, of no age."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one unit contributes."""

    unit: str
    values: Mapping[str, Known]  # those of SUMMED and COUNTED, and meter_power, battery_soc, capacity
    role: str = ""  # in a cluster: master, slave, none; empty while unknown
    simulated: bool = False

    def __getitem__(self, name: str) -> Known:
        return self.values.get(name, NEVER)

    @property
    def stored_energy(self) -> Known:
        """Capacity times state of charge; as old as that, as a capacity does not change from minute to minute."""
        capacity, soc = self["capacity"], self["battery_soc"]
        if capacity.value is None or soc.value is None:
            return NEVER
        return Known(capacity.value * soc.value / 100, soc.at, soc.age_s, _worst((capacity, soc)))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A meter that could be the one of the house; ``is_unit`` says that a unit tells of it."""

    name: str
    power: Known
    is_unit: bool
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class Branch:
    """What a meter of a part of the house tells: of a PV plant what it gives, of cars and other loads what they take."""

    meter: str
    role: MeterRole
    power: Known
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class Total:
    """A total: its value, how old its oldest part is, and which parts it lacks."""

    value: float | None
    unit: str
    at: datetime | None
    age_s: float | None
    quality: Quality
    missing: tuple[str, ...] = ()


# ---- parts -----------------------------------------------------------------------------------------------------------------------


def part_of(unit: str, latest: Latest, *, simulated: bool = False, sees_grid: bool = True) -> Part:
    """Return what a unit contributes, out of what is known of it now; ``sees_grid``: its own meter is that of the house."""

    def known(name: str) -> Known:
        aged = latest.aged(name)
        return NEVER if aged is None else _known(aged)

    names = ("solar_power", "battery_power", "charge_power", "discharge_power", "meter_power", "battery_soc", *COUNTED)
    values = {name: known(name) for name in names}
    values["ac_power"] = _ac(known)
    values["capacity"] = known("rated_capacity")
    if not sees_grid:
        del values["meter_power"]
    role = latest.aged("cluster_role")
    return Part(unit, values, str(role.value) if role is not None and role.value is not None else "", simulated)


def _known(aged: Aged) -> Known:
    value, at, age_s, quality = aged
    if quality is Quality.NOT_INSTALLED:
        return NOTHING
    return Known(float(value) if type(value) is int or type(value) is float else None, at, age_s, quality)


def _ac(known: Callable[[str], Known]) -> Known:
    """Return the AC power of a unit, of whichever quantities its family tells it by."""
    asked: list[Known] = []

    def number(name: str) -> float | None:
        found = known(name)
        if not found.usable:
            return None
        asked.append(found)
        return found.value

    value = ac_power(number)
    if value is None:
        return next((each for each in map(known, ("ac_power", "ac_output_power")) if each is not NEVER), NEVER)
    oldest = max(asked, key=lambda each: each.age_s or 0.0)
    return Known(value, oldest.at, oldest.age_s, _worst(asked))


# ---- the meter -------------------------------------------------------------------------------------------------------------------


def choose(candidates: Sequence[Candidate], current: str) -> Candidate | None:
    """Return the meter of the house: one that is known, of the hub's own if it can be, and the one of before if it can be."""
    told = [each for each in candidates if each.power is not NEVER]

    def rank(each: Candidate) -> tuple[bool, bool, bool, bool]:
        return not each.power.usable, each.is_unit, each.name != current, each.power.quality is not Quality.LIVE

    return min(told, key=rank, default=None)


# ---- totals ----------------------------------------------------------------------------------------------------------------------


def totals(parts: Sequence[Part], meter: Candidate | None, branches: Sequence[Branch] = ()) -> dict[str, Total]:
    """Return all totals but the energies, which are counted elsewhere."""
    plants, chargers = _powers_of(MeterRole.PV, branches), _powers_of(MeterRole.CHARGER, branches)
    found = {name: _sum(name, parts) for name in SUMMED}
    found["solar_power"] = total_of("W", [*((part.unit, part["solar_power"]) for part in parts), *plants], sum)
    found["charger_power"] = total_of("W", chargers, sum)
    grid = found["grid_power"] = _of_meter(meter)
    found["grid_import_power"] = _changed(grid, lambda value: max(0.0, value))
    found["grid_export_power"] = _changed(grid, lambda value: max(0.0, -value))
    given = [found["ac_power"] if parts else _nothing("W"), total_of("W", plants, sum) if plants else _nothing("W")]
    found["house_power"] = house = combined((grid, *given), lambda values: max(0.0, sum(values)))
    found.update(_levels(parts))
    solar = found["solar_power"]
    found["self_sufficiency"] = _share(house, found["grid_import_power"])
    found["self_consumption"] = _share(solar, found["grid_export_power"])
    return found


def notes(
    parts: Sequence[Part],
    meter: Candidate | None,
    candidates: Sequence[Candidate],
    found: Mapping[str, Total],
    branches: Sequence[Branch] = (),
) -> Iterator[str]:
    """Yield what to know about totals."""
    others = [each.name for each in candidates if each.power is not NEVER and meter is not None and each.name != meter.name]
    if others and meter is not None:
        yield f"The meter is that of {meter.name}; {', '.join(others)} tell of one as well, which is not counted again."
    cluster = [part for part in parts if part.role in ("master", "slave")]
    if cluster:
        names = ", ".join(part.unit for part in cluster)
        yield f"{names} are a cluster: each is taken to tell its own powers, but a master's state of charge may be that of all."
    plants, chargers = _powers_of(MeterRole.PV, branches), _powers_of(MeterRole.CHARGER, branches)
    if plants:
        units = f"of the units {', '.join(part.unit for part in parts)} and " if parts else ""
        yield f"The sun's power is that {units}of the plants that are measured by {', '.join(name for name, _ in plants)}."
    if chargers:
        yield f"What cars take, by {', '.join(name for name, _ in chargers)}, is a part of what the house takes."
    given = [found["grid_power"].value, found["ac_power"].value if parts else 0.0, *(known.value for _, known in plants)]
    if not found["house_power"].missing and sum(each or 0.0 for each in given) < -UNMEASURED_W:
        yield "Meter and units say that the house gives power: something feeds in that nobody measures, or a sign is wrong."


def _sum(name: str, parts: Sequence[Part]) -> Total:
    if not parts:
        return Total(None, SITE_UNITS[name], None, None, Quality.ABSENT)
    return total_of(SITE_UNITS[name], [(part.unit, part[name]) for part in parts], sum)


def _powers_of(role: MeterRole, branches: Sequence[Branch]) -> list[tuple[str, Known]]:
    """Return the powers of the branches of a role, by the name of their meter."""
    return [(branch.meter, branch.power) for branch in branches if branch.role is role]


def _of_meter(meter: Candidate | None) -> Total:
    if meter is None:
        return Total(None, "W", None, None, Quality.ABSENT, (METER,))
    return total_of("W", [(METER, meter.power)], sum)


def _levels(parts: Sequence[Part]) -> dict[str, Total]:
    """Return state of charge, stored energy and capacity; the charge of one unit alone needs no capacity."""
    capacity = _sum("capacity", parts)
    stored = total_of("Wh", [(part.unit, part.stored_energy) for part in parts], sum)
    if len(parts) == 1:
        soc = total_of("%", [(parts[0].unit, parts[0]["battery_soc"])], sum)
    else:
        whole_wh = capacity.value
        soc = combined((stored,), lambda values: values[0] / whole_wh * 100 if whole_wh else None, unit="%")
    return {"capacity": capacity, "stored_energy": stored, "battery_soc": soc}


def total_of(unit: str, parts: Sequence[tuple[str, Known]], work: Callable[[Iterable[float]], float]) -> Total:
    """Return a total of parts, if all of them are known."""
    missing = tuple(dict.fromkeys(name for name, each in parts if not each.usable))
    aged = [each for _, each in parts if each.age_s is not None]
    oldest = max(aged, key=lambda each: each.age_s or 0.0, default=NEVER)
    quality = _worst(each for _, each in parts)
    value = None if missing or not parts else work(each.value or 0.0 for _, each in parts)
    return Total(value, unit, oldest.at, oldest.age_s, quality if parts else Quality.ABSENT, missing)


def counted(value: float | None, whole: Total) -> Total:
    """Return an energy, as good as what it is made of."""
    if whole.value is not None and value is None:
        return replace(whole, value=None, quality=Quality.NOT_AVAILABLE)  # nobody has counted yet
    return replace(whole, value=None if whole.value is None else value)


def combined(of: Sequence[Total], work: Callable[[list[float]], float | None], *, unit: str = "W") -> Total:
    """Return what is made of totals, if all of them are known."""
    missing = tuple(dict.fromkeys(name for each in of for name in each.missing))
    values = [each.value for each in of if each.value is not None]
    oldest = max(of, key=lambda each: each.age_s or 0.0)
    quality = max((each.quality for each in of), key=_BADNESS.index)
    value = work(values) if len(values) == len(of) else None
    if value is None and quality in USABLE:
        quality = Quality.NOT_AVAILABLE  # known parts that make nothing, like a share of 0
    return Total(value, unit, oldest.at, oldest.age_s, quality, missing)


def _changed(total: Total, work: Callable[[float], float]) -> Total:
    return combined((total,), lambda values: work(values[0]), unit=total.unit)


def _share(whole: Total, lost: Total) -> Total:
    """Return which share of a power is not another, in %; unknown where there is none to share."""

    def share_pct(values: list[float]) -> float | None:
        return None if values[0] <= 0 else min(100.0, max(0.0, (1 - values[1] / values[0]) * 100))

    return combined((whole, lost), share_pct, unit="%")


def _nothing(unit: str) -> Total:
    return Total(0.0, unit, None, None, Quality.LIVE)


_BADNESS: Final = (
    Quality.LIVE,
    Quality.HELD,
    Quality.NOT_INSTALLED,
    Quality.NOT_AVAILABLE,
    Quality.UNREADABLE,
    Quality.QUARANTINED,
    Quality.UNANSWERED,
    Quality.ABSENT,
    Quality.STALE,
    Quality.OFFLINE,
)


def _worst(parts: Iterable[Known]) -> Quality:
    return max((part.quality for part in parts), key=_BADNESS.index, default=Quality.ABSENT)
