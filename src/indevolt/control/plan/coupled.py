"""Problems in which things hang together, as a mixed-integer model.

Several units with limits of their own, a price on the month's peak, a cap on feed-in with PV that can be curtailed, a fuse, a car
that has to be full by a time, prices below nothing.

One future is taken for certain, so this is for what the programme cannot hold in its one state; it does not replace it (control.md,
section 2.2: more exact is not better under uncertainty). Not here: one battery by itself (``unit_model``), and how HiGHS is spoken
to (``linear``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from indevolt.control.plan.effects import Flags, Indices, Numbers
from indevolt.control.plan.linear import LinearModel, Optimum, Term
from indevolt.control.plan.problem import MISSED_PER_KWH, BatteryModel, PeakTariff, Slot, TerminalValue
from indevolt.control.plan.unit_model import UnitModel, Way
from indevolt.control.situation import Target
from indevolt.errors import InvalidInput

WHOLE_HOURS: Final = 12.0
"""On and off are whole so far ahead; later they are shares, since they will be planned again long before."""
GAP: Final = 0.01
SECONDS: Final = 5.0
_MISSED_WH: Final = 50.0  # of a car that is told


@dataclass(frozen=True, slots=True)
class Unit:
    """One battery of several."""

    name: str
    battery: BatteryModel
    terminal: TerminalValue
    targets: tuple[Target, ...] = ()


@dataclass(frozen=True, slots=True)
class Car:
    """A car that stands at its charger between two instants."""

    name: str
    needs_wh: float  # at the socket
    start: datetime
    by: datetime
    most_w: float
    least_w: float = 1380.0  # a charger gives nothing or at least 6 A, on one phase at 230 V (IEC 61851)


@dataclass(frozen=True, slots=True)
class CoupledProblem:
    """All that such a plan depends on."""

    slots: tuple[Slot, ...]
    load_w: tuple[float, ...]
    pv_w: tuple[float, ...]
    units: tuple[Unit, ...] = ()
    cars: tuple[Car, ...] = ()
    peak: PeakTariff | None = None
    import_cap_w: float = math.inf
    feed_in_cap_w: float = math.inf  # beyond it PV is curtailed
    may_curtail: bool = False  # whether PV may be curtailed for its price alone
    battery_to_grid: bool = False
    grid_charging: bool = True
    reserve_price: float = 0.05  # per kWh below a unit's reserve and hour

    def __post_init__(self) -> None:
        for name, values in (("load_w", self.load_w), ("pv_w", self.pv_w)):
            if len(values) != len(self.slots) or not all(map(math.isfinite, values)):
                facts = f"{name}: {len(values)} values, of which some may not be finite, for {len(self.slots)} slots"
                raise InvalidInput(facts, remedy="Give one number for each slot.")


@dataclass(frozen=True, slots=True)
class CoupledPlan:
    """Powers by slot: of the units (positive gives), the cars, the meter (positive takes), and what is curtailed."""

    unit_w: Mapping[str, tuple[float, ...]]
    soc_pct: Mapping[str, tuple[float, ...]]  # at the end of each slot
    car_w: Mapping[str, tuple[float, ...]]
    grid_w: tuple[float, ...]
    curtailed_w: tuple[float, ...]
    peak_kw: float | None  # of the month, as far as it is planned
    cost: float  # energy, wear and more peak, less what is left in the units
    proven: bool  # the best within the gap; False: the best that was found in time
    notes: tuple[str, ...] = ()


def solve_coupled(
    problem: CoupledProblem, *, gap: float = GAP, seconds: float = SECONDS, whole_hours: float = WHOLE_HOURS
) -> CoupledPlan:
    """Return the plan of least cost.

    Args:
        problem: what it depends on.
        gap: how far from the proven best it may be, as a share.
        seconds: when to stop looking.
        whole_hours: so far ahead on and off are whole.

    Raises:
        InvalidInput: limits contradict each other.
    """
    return _Coupled(problem, whole_hours).solve(gap, seconds)


def solve_powers(problem: CoupledProblem, near_w: Numbers) -> CoupledPlan:
    """Return the best powers of the only unit where it is known when it charges and discharges, and about how much.

    Raises:
        InvalidInput: limits contradict each other.
    """
    return _Coupled(problem, 0.0, near_w=near_w).solve(0.0, SECONDS)


class _Coupled:
    """The model of one problem, in kW and kWh."""

    def __init__(self, problem: CoupledProblem, whole_hours: float, *, near_w: Numbers | None = None) -> None:
        self.problem, self.model = problem, LinearModel()
        slots = problem.slots
        self.count = len(slots)
        self.hours = np.array([slot.hours for slot in slots])
        self.whole = int((self.hours.cumsum() - self.hours < whole_hours).sum())
        self.pv_kw = np.maximum(np.array(problem.pv_w), 0.0) / 1000
        own_w = sum(unit.battery.asleep_w for unit in problem.units)
        self.net_kw = (np.array(problem.load_w) + own_w) / 1000 - self.pv_kw
        self.units = [
            UnitModel(
                self.model,
                unit.battery,
                slots,
                switches=self._switches,
                near_kw=None if near_w is None else near_w / 1000,
                terminal=unit.terminal,
                targets=unit.targets,
                reserve_price=problem.reserve_price,
            )
            for unit in problem.units
        ]
        self.cars: list[Indices] = []
        self.unmet: list[Indices] = []
        for car in problem.cars:
            self._add(car)
        self._keep_one_direction()
        self._keep_to_the_house()
        self._meter()

    def solve(self, gap: float, seconds: float) -> CoupledPlan:
        """Return what HiGHS makes of it."""
        return self._read(self.model.solve(gap=gap, seconds=seconds))

    # ---- the model -------------------------------------------------------------------------------------------------------------

    def _switches(self, high: Numbers | float = 1.0) -> Indices:
        """Add switches, one a slot: on or off soon, shares later."""
        high = np.broadcast_to(high, self.count)
        soon = self.model.columns(self.whole, high=high[: self.whole], whole=True)
        return np.concatenate([soon, self.model.columns(self.count - self.whole, high=high[self.whole :])])

    def _add(self, car: Car) -> None:
        there = np.array([car.start <= slot.start and slot.end <= car.by for slot in self.problem.slots])
        power = self.model.columns(self.count, high=there * car.most_w / 1000)
        on = self._switches(there * 1.0)
        self.model.rows([(power, 1.0), (on, -car.most_w / 1000)], high=0.0)
        self.model.rows([(power, 1.0), (on, -car.least_w / 1000)], low=0.0)
        unmet = self.model.columns(1, cost=MISSED_PER_KWH)
        self.model.sum_row([(power, self.hours), (unmet, 1.0)], low=car.needs_wh / 1000, high=car.needs_wh / 1000)
        self.cars.append(power)
        self.unmet.append(unmet)

    def _keep_one_direction(self) -> None:
        """No unit both ways at once, and none charged by another."""
        charging, discharging = ([(way.on, 1.0) for way in ways] for ways in self._ways())
        if len(self.units) == 1:
            self.model.rows([*charging, *discharging], high=1.0)
        elif self.units:
            many = float(len(self.units))
            inward = self._switches()
            self.model.rows([*charging, (inward, -many)], high=0.0)
            self.model.rows([*discharging, (inward, many)], high=many)

    def _ways(self) -> tuple[list[Way], list[Way]]:
        return [unit.charge for unit in self.units], [unit.discharge for unit in self.units]

    def _keep_to_the_house(self) -> None:
        """Stored energy stays in the house, and the grid's out of the battery, where that is so."""
        charge, discharge = ([term for way in ways for term in way.power] for ways in self._ways())
        cars: list[Term] = [(power, -1.0) for power in self.cars]
        if self.units and not self.problem.battery_to_grid:
            self.model.rows([*discharge, *cars], high=np.maximum(self.net_kw, 0.0))
        if self.units and not self.problem.grid_charging:
            self.model.rows(charge, high=np.maximum(-self.net_kw, 0.0))

    def _meter(self) -> None:
        problem, model = self.problem, self.model
        bought = np.array([slot.import_per_kwh for slot in problem.slots])
        sold = np.array([slot.export_per_kwh for slot in problem.slots])
        self.taken = model.columns(self.count, cost=bought * self.hours, high=problem.import_cap_w / 1000)
        self.given = model.columns(self.count, cost=-sold * self.hours, high=problem.feed_in_cap_w / 1000)
        curtails = problem.may_curtail or math.isfinite(problem.feed_in_cap_w)
        self.curtailed = model.columns(self.count, high=self.pv_kw * curtails)
        charge, discharge = self._ways()
        terms: list[Term] = [(self.taken, 1.0), (self.given, -1.0), (self.curtailed, -1.0)]
        terms += [(piece, -1.0) for way in charge for piece in way.pieces]
        terms += [(piece, 1.0) for way in discharge for piece in way.pieces]
        terms += [(power, -1.0) for power in self.cars]
        model.rows(terms, low=self.net_kw, high=self.net_kw)
        self._not_both(sold >= bought)
        self.peak = None
        if problem.peak is not None:
            self.peak = model.columns(1, cost=problem.peak.per_kw, low=problem.peak.so_far_kw)
            month = [slot.start.month == problem.slots[0].start.month for slot in problem.slots]
            now = self.taken[np.array(month)]
            model.rows([(now, 1.0), (np.repeat(self.peak, len(now)), -1.0)], high=0.0)

    def _not_both(self, pays: Flags) -> None:
        """Where selling pays as much as buying costs, a meter would turn both ways at once if nothing kept it from that."""
        if not pays.any():
            return
        most_kw = float(np.abs(self.net_kw).max()) + sum(
            (unit.battery.charge_w + unit.battery.discharge_w) / 1000 for unit in self.problem.units
        )
        most_kw += sum(car.most_w for car in self.problem.cars) / 1000
        taking = self.model.columns(int(pays.sum()), high=1.0, whole=True)
        self.model.rows([(self.taken[pays], 1.0), (taking, -most_kw)], high=0.0)
        self.model.rows([(self.given[pays], 1.0), (taking, most_kw)], high=most_kw)

    # ---- the answer ------------------------------------------------------------------------------------------------------------

    def _read(self, best: Optimum) -> CoupledPlan:
        problem, values = self.problem, best.values
        names = [unit.name for unit in problem.units]
        unit_w = [(unit.discharge.total(values) - unit.charge.total(values)) * 1000 for unit in self.units]
        soc_pct = [values[unit.stored] * 1e5 / unit.battery.capacity_wh for unit in self.units]
        cost, peak_kw = best.cost, None
        if problem.peak is not None and self.peak is not None:
            peak_kw = float(values[self.peak[0]])
            cost -= problem.peak.per_kw * problem.peak.so_far_kw  # what was lost before is lost
        return CoupledPlan(
            unit_w={name: _tuple(power) for name, power in zip(names, unit_w, strict=True)},
            soc_pct={name: _tuple(soc) for name, soc in zip(names, soc_pct, strict=True)},
            car_w={car.name: _tuple(values[power] * 1000) for car, power in zip(problem.cars, self.cars, strict=True)},
            grid_w=_tuple((values[self.taken] - values[self.given]) * 1000),
            curtailed_w=_tuple(values[self.curtailed] * 1000),
            peak_kw=peak_kw,
            cost=cost,
            proven=best.proven,
            notes=tuple(self._notes(values)),
        )

    def _notes(self, values: Numbers) -> Iterator[str]:
        for car, unmet in zip(self.problem.cars, self.unmet, strict=True):
            missing_wh = float(values[unmet[0]]) * 1000
            if missing_wh > _MISSED_WH:
                yield f"{car.name} will miss {missing_wh / 1000:.1f} of {car.needs_wh / 1000:.1f} kWh by {car.by:%H:%M}"


def _tuple(values: Numbers) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
