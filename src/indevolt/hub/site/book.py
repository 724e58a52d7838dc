"""What the hub knows of the house as a whole: which meter counts, the totals of now, the last ones that were whole, the energies.

Pure but for the book it keeps; time is an argument. Listening, storing and publishing is up to ``service``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Final

from indevolt.battery import Quality, Reading, Sample
from indevolt.hub.config_meters import MeterRole
from indevolt.hub.derive import COUNTED
from indevolt.hub.events import BranchSample, MeterSample
from indevolt.hub.latest import HELD_CYCLES, LIVE_CYCLES
from indevolt.hub.site.counts import Counts
from indevolt.hub.site.flows import allocate, without_battery
from indevolt.hub.site.quantities import COUNTERS, FLOWS, SITE, SITE_UNITS
from indevolt.hub.site.totals import (
    METER,
    NEVER,
    Branch,
    Candidate,
    Known,
    Part,
    Total,
    choose,
    combined,
    counted,
    notes,
    total_of,
    totals,
)

LONGEST_GAP_S: Final = 60.0  # between two totals that are joined by a straight line, as for one device
SHORTEST_PERIOD_S: Final = 2.0  # of a meter: below, one lost answer of a fast one would make the house unknown
_OF_METER: Final[Mapping[str, str]] = {"energy_grid_import": "grid_import_power", "energy_grid_export": "grid_export_power"}
_OF_BRANCH: Final[Mapping[MeterRole, str]] = {MeterRole.PV: "energy_solar", MeterRole.CHARGER: "energy_charger"}
_OF_ALL: Final = ("solar_power", "battery_power", "grid_power", "house_power")
"""The powers that flows, and what would be without a battery, are worked out of."""


@dataclass(frozen=True, slots=True)
class Picture:
    """The house at one instant."""

    at: datetime
    totals: Mapping[str, Total]
    parts: Sequence[Part]
    meter: Candidate | None
    candidates: Sequence[Candidate]
    branches: Sequence[Branch]
    notes: tuple[str, ...]

    @property
    def simulated(self) -> bool:
        """Whether any part of it is simulated."""
        told = chain((each.simulated for each in self.parts), (each.simulated for each in self.candidates))
        return any(told) or any(each.simulated for each in self.branches)

    def reading(self) -> Reading:
        """Return it as a reading of one more device."""
        samples = {
            name: Sample(name, total.value, total.unit, total.at or self.at, total.quality) for name, total in self.totals.items()
        }
        return Reading(SITE, SITE, self.at, samples)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The powers and levels of an instant, before energies are counted."""

    parts: Sequence[Part]
    candidates: Sequence[Candidate]
    branches: Sequence[Branch]
    meter: Candidate | None
    totals: Mapping[str, Total]


@dataclass(frozen=True, slots=True)
class _Heard:
    """The last sample of a meter, and when it came on the clock that does not jump."""

    sample: MeterSample | BranchSample
    at_s: float

    def known(self, at_s: float) -> Known:
        age_s = at_s - self.at_s
        period_s = max(self.sample.period_s, SHORTEST_PERIOD_S)
        live_s = max(LIVE_CYCLES * period_s, self.sample.quiet_s if isinstance(self.sample, BranchSample) else 0.0)
        held_s = max(HELD_CYCLES * period_s, live_s)
        quality = Quality.LIVE if age_s <= live_s else Quality.HELD if age_s <= held_s else Quality.STALE
        return Known(self.sample.power_w, self.sample.at, age_s, quality)


class Site:
    """The book of the house."""

    def __init__(self) -> None:
        self.counts = Counts()
        self.meter = ""  # the name of the chosen one; empty before there is one
        self._heard: dict[str, _Heard] = {}  # by the name of the meter, those of branches too
        self._whole: dict[str, tuple[Total, float]] = {}  # the last of each that was whole, and when its oldest part was read
        self._before: tuple[float, dict[str, float]] | None = None  # the powers of the last cycle, and when

    def hear(self, sample: MeterSample | BranchSample, at_s: float) -> None:
        """Take in what a meter says."""
        self._heard[sample.meter] = _Heard(sample, at_s)

    def look(self, parts: Sequence[Part], branches: Mapping[str, MeterRole], at: datetime, at_s: float) -> Picture:
        """Return the house as it is now; nothing is counted.

        Args:
            parts: what each unit contributes.
            branches: the meters of parts of the house that there are, heard or not.
            at: the wall clock.
            at_s: the monotonic clock.
        """
        return self._shown(self._seen(parts, branches, at_s), at, at_s)

    def cycle(
        self,
        parts: Sequence[Part],
        branches: Mapping[str, MeterRole],
        at: datetime,
        at_s: float,
        *,
        longest_gap_s: float = LONGEST_GAP_S,
    ) -> Picture:
        """Count what flowed since the last cycle, and return the house as it is now."""
        seen = self._seen(parts, branches, at_s)
        self.meter = seen.meter.name if seen.meter else self.meter
        self._count_units(parts)
        gap_s = None if self._before is None else at_s - self._before[0]
        known = {} if self._before is None else self._before[1]
        by_meter = self._count_meter(at_s) if seen.meter and seen.meter.power.usable else frozenset[str]()
        powers = {name: (name, power_w) for name, power_w in _powers(seen.totals) if name not in by_meter}
        powers.update(self._count_branches(seen.branches, at_s))
        for flow, (name, power_w) in powers.items():
            joined = gap_s is not None and 0 < gap_s <= longest_gap_s and flow in known
            energy_wh = (power_w + known[flow]) / 2 * gap_s / 3600 if joined and gap_s is not None else 0.0
            self.counts.grow(name, energy_wh)
        self._before = at_s, {flow: power_w for flow, (_, power_w) in powers.items()}
        picture = self._shown(seen, at, at_s)
        for name, total in picture.totals.items():
            if total.value is not None and not total.missing and total.quality in (Quality.LIVE, Quality.HELD):
                self._whole[name] = total, at_s - (total.age_s or 0.0)
        return picture

    def _seen(self, parts: Sequence[Part], expected: Mapping[str, MeterRole], at_s: float) -> _Seen:
        candidates = self._candidates(parts, at_s)
        meter = choose(candidates, self.meter)
        branches = [self._branch(name, role, at_s) for name, role in expected.items()]
        return _Seen(parts, candidates, branches, meter, totals(parts, meter, branches))

    def _branch(self, name: str, role: MeterRole, at_s: float) -> Branch:
        heard = self._heard.get(name)
        return Branch(name, role, NEVER) if heard is None else Branch(name, role, heard.known(at_s), heard.sample.simulated)

    def _shown(self, seen: _Seen, at: datetime, at_s: float) -> Picture:
        found = {**seen.totals, **dict(self._energies(seen))}
        shown = {name: self._filled_in(name, found[name], at_s) for name in SITE_UNITS}
        told = tuple(notes(seen.parts, seen.meter, seen.candidates, seen.totals, seen.branches))
        return Picture(at, shown, seen.parts, seen.meter, seen.candidates, seen.branches, told)

    def _candidates(self, parts: Sequence[Part], at_s: float) -> list[Candidate]:
        own = [
            Candidate(name, each.known(at_s), is_unit=False, simulated=each.sample.simulated)
            for name, each in self._heard.items()
            if isinstance(each.sample, MeterSample)
        ]
        told = [
            Candidate(part.unit, part["meter_power"], is_unit=True, simulated=part.simulated)
            for part in parts
            if part["meter_power"].value is not None or part["meter_power"].usable
        ]
        return own + told

    def _count_units(self, parts: Sequence[Part]) -> None:
        for part in parts:
            for name in COUNTED:
                count = part[name]
                if count.usable and count.age_s is not None and count.value is not None:
                    self.counts.follow(name, part.unit, count.value)

    def _count_meter(self, at_s: float) -> frozenset[str]:
        """Count by the counters of the chosen meter, and return what it has counters of."""
        heard = self._heard.get(self.meter)
        if heard is None or not isinstance(heard.sample, MeterSample):
            return frozenset()
        told = {"energy_grid_import": heard.sample.import_wh, "energy_grid_export": heard.sample.export_wh}
        for name, count_wh in told.items():
            if count_wh is not None:
                self.counts.follow_meter(name, self.meter, count_wh, at_s)
        return frozenset(name for name, count_wh in told.items() if count_wh is not None)

    def _count_branches(self, branches: Sequence[Branch], at_s: float) -> Iterator[tuple[str, tuple[str, float]]]:
        """Count by the counters of meters of branches; yield energy and live power of those that have none."""
        for branch in branches:
            name, heard = _OF_BRANCH.get(branch.role), self._heard.get(branch.meter)
            if name is None or heard is None or not isinstance(heard.sample, BranchSample) or not branch.power.usable:
                continue  # what it counted while it was silent, it tells when it is back
            if heard.sample.energy_wh is not None:
                self.counts.follow_meter(name, branch.meter, heard.sample.energy_wh, at_s)
            elif branch.power.value is not None and branch.power.quality is Quality.LIVE:
                yield f"{name} by {branch.meter}", (name, max(0.0, branch.power.value))

    def _energies(self, seen: _Seen) -> Iterator[tuple[str, Total]]:
        """Yield the energies, each known if all is known that it is made of."""
        found = seen.totals
        of_meter = total_of("Wh", [(METER, seen.meter.power if seen.meter else NEVER)], sum)
        for name in COUNTERS:
            branches = [(each.meter, each.power) for each in seen.branches if _OF_BRANCH.get(each.role) == name]
            if name in COUNTED:
                made_of = total_of("Wh", [*((part.unit, part[name]) for part in seen.parts), *branches], sum)
            elif name in _OF_BRANCH.values():
                made_of = total_of("Wh", branches, sum)
            elif name in _OF_METER:
                made_of = of_meter
            else:
                needed = ("house_power",) if name == "energy_house" else _OF_ALL
                made_of = combined([found[each] for each in needed], sum, unit="Wh")
            yield name, counted(self.counts.totals.get(name), made_of)

    def _filled_in(self, name: str, total: Total, at_s: float) -> Total:
        """Return a total, or where a part is unknown the last one that was whole, which is old then."""
        whole = self._whole.get(name)
        if total.value is not None or not total.missing or whole is None:
            return total
        last, read_s = whole
        quality = Quality.OFFLINE if total.quality is Quality.OFFLINE else Quality.STALE
        return replace(total, value=last.value, at=last.at, age_s=at_s - read_s, quality=quality)


def _powers(found: Mapping[str, Total]) -> Iterator[tuple[str, float]]:
    """Yield the power behind each energy that is integrated, where it is live."""
    live = {name: total.value for name, total in found.items() if total.quality is Quality.LIVE and total.value is not None}
    for name, power in {**_OF_METER, "energy_house": "house_power"}.items():
        if power in live:
            yield name, live[power]
    if all(name in live for name in _OF_ALL):
        solar_w, house_w = live["solar_power"], live["house_power"]
        flows = allocate(solar_w=solar_w, battery_w=live["battery_power"], grid_w=live["grid_power"], house_w=house_w)
        yield from zip(FLOWS, flows.values(), strict=True)
        bought_w, given_w = without_battery(solar_w=solar_w, house_w=house_w)
        yield "energy_import_without_battery", bought_w
        yield "energy_export_without_battery", given_w
