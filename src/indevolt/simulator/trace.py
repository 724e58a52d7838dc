"""What a run of the virtual home did: rows of means, happenings, and the energies that they add up to.

Pure records, so that a report, a table or a test can look at a run after it is over. Not here: how a run is made (the plant and its
site), how steps become rows (``recorder``), and how it looks on a page (``report``).

Signs are the house's: power is positive when it flows into the house. At the house's own wiring::

    load + bypass load = grid + roof + micro-inverter + inverters        inverter = ac + bypass = pv + battery - loss

A mean hides what came and went within its interval: a meter counts both ways, their difference is less. So rows keep the
exported and the charged part as well, and every energy is exact however long the rows are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from indevolt.errors import InvalidInput

_HOUR_S: Final = 3600.0
DUST_S: Final = 1e-3  # above the rounding of instants (a microsecond), below the shortest step anybody takes


@dataclass(frozen=True, slots=True)
class UnitRow:
    """One unit, as means over an interval.

    Args:
        soc_pct: state of charge, 0 to 100 %.
        battery_w: battery power, positive when discharging.
        pv_w: DC power of all its PV inputs together, >= 0.
        ac_w: power at its plug, positive into the house.
        temperature_c: of the cells.
        state: word of the catalogue's ``system_state``; in a mean, the one that lasted longest.
        bypass_w: at its bypass socket: positive what a load draws, negative what a micro-inverter feeds in.
        charge_w: the charging part of ``battery_w``, >= 0; None: whatever its sign says.
    """

    soc_pct: float
    battery_w: float
    pv_w: float
    ac_w: float
    temperature_c: float
    state: str
    bypass_w: float = 0.0
    charge_w: float | None = None

    @property
    def charging_w(self) -> float:
        """What flowed into the battery, >= 0."""
        return max(0.0, -self.battery_w) if self.charge_w is None else self.charge_w

    @property
    def discharging_w(self) -> float:
        """What flowed out of the battery, >= 0."""
        return max(0.0, self.battery_w + self.charging_w)

    @property
    def inverter_w(self) -> float:
        """AC power of the inverter, positive out of it."""
        return self.ac_w + self.bypass_w

    @property
    def loss_w(self) -> float:
        """What conversion, standby and heater took."""
        return self.pv_w + self.battery_w - self.inverter_w


@dataclass(frozen=True, slots=True)
class Row:
    """The home, as means over the ``seconds`` that begin at ``at`` (aware UTC).

    Args:
        load_w: what the house takes, without what the bypass sockets take.
        roof_w: AC power of PV that does not go through the units, >= 0.
        grid_w: at the meter, positive when importing.
        units: one row of each unit.
        export_w: the exporting part of ``grid_w``, >= 0; None: whatever its sign says.
    """

    at: datetime
    seconds: float
    load_w: float
    roof_w: float
    grid_w: float
    units: tuple[UnitRow, ...]
    export_w: float | None = None

    @property
    def end(self) -> datetime:
        """When the interval is over."""
        return self.at + timedelta(seconds=self.seconds)

    @property
    def exporting_w(self) -> float:
        """What the grid was given, >= 0."""
        return max(0.0, -self.grid_w) if self.export_w is None else self.export_w

    @property
    def importing_w(self) -> float:
        """What the grid gave, >= 0."""
        return max(0.0, self.grid_w + self.exporting_w)

    @property
    def bypass_w(self) -> float:
        """What loads at bypass sockets drew, >= 0."""
        return math.fsum(max(0.0, unit.bypass_w) for unit in self.units)

    @property
    def other_pv_w(self) -> float:
        """AC power of PV that is not at the units' own inputs: on the roof, and micro-inverters at bypass sockets."""
        return self.roof_w + math.fsum(max(0.0, -unit.bypass_w) for unit in self.units)

    @property
    def own_w(self) -> float:
        """AC power from the sun: that of other PV, and the sun's part of what inverters put out."""
        put_out_w = 0.0
        for unit in self.units:
            came_w = unit.pv_w + unit.discharging_w
            if came_w > 0:
                put_out_w += max(0.0, unit.inverter_w) * unit.pv_w / came_w
        return self.other_pv_w + put_out_w

    @property
    def exported_own_w(self) -> float:
        """What the grid was given from the sun, >= 0: the house takes the sun first, so this is what it left over."""
        return min(self.exporting_w, max(0.0, self.own_w - self.load_w - self.bypass_w))

    @property
    def error_w(self) -> float:
        """What does not add up at the house's wiring; 0 but for rounding."""
        return self.load_w - self.roof_w - self.grid_w - math.fsum(unit.ac_w for unit in self.units)


@dataclass(frozen=True, slots=True)
class Happening:
    """An event: a fault begins or ends, a command, a setting, a reboot, a lost meter. ``unit`` is empty when it is the home's."""

    at: datetime
    unit: str
    text: str


@dataclass(frozen=True, slots=True)
class Energies:
    """Watt-hours of a stretch of time, none negative but for rounding; what came in equals what went out and was lost."""

    load_wh: float
    bypass_wh: float
    import_wh: float
    export_wh: float
    exported_own_wh: float  # of it, what came from the sun and not from a battery
    pv_wh: float  # DC, at the units' inputs
    roof_wh: float  # AC, PV elsewhere in the house
    charged_wh: float  # DC, at the batteries
    discharged_wh: float
    loss_wh: float
    error_wh: float  # what does not add up, with its sign; 0 but for rounding

    @property
    def used_wh(self) -> float:
        """What house and bypass loads took."""
        return self.load_wh + self.bypass_wh

    @property
    def own_wh(self) -> float:
        """All PV."""
        return self.pv_wh + self.roof_wh

    @property
    def self_consumption_pct(self) -> float | None:
        """Share of the PV energy that was not exported; None without any. What a battery gave to the grid is not the sun's."""
        return _share_pct(self.own_wh - self.exported_own_wh, self.own_wh)

    @property
    def self_sufficiency_pct(self) -> float | None:
        """Share of what was used that was not imported; None when nothing was. 0 when charging from the grid took more."""
        return _share_pct(self.used_wh - self.import_wh, self.used_wh)


def energies(rows: Iterable[Row]) -> Energies:
    """Return what rows add up to."""
    timed = [(row, row.seconds / _HOUR_S) for row in rows]
    units = [(unit, hours) for row, hours in timed for unit in row.units]
    return Energies(
        load_wh=math.fsum(row.load_w * hours for row, hours in timed),
        bypass_wh=math.fsum(row.bypass_w * hours for row, hours in timed),
        import_wh=math.fsum(row.importing_w * hours for row, hours in timed),
        export_wh=math.fsum(row.exporting_w * hours for row, hours in timed),
        exported_own_wh=math.fsum(row.exported_own_w * hours for row, hours in timed),
        pv_wh=math.fsum(unit.pv_w * hours for unit, hours in units),
        roof_wh=math.fsum(row.other_pv_w * hours for row, hours in timed),
        charged_wh=math.fsum(unit.charging_w * hours for unit, hours in units),
        discharged_wh=math.fsum(unit.discharging_w * hours for unit, hours in units),
        loss_wh=math.fsum(unit.loss_w * hours for unit, hours in units),
        error_wh=math.fsum(row.error_w * hours for row, hours in timed),
    )


@dataclass(frozen=True, slots=True)
class Trace:
    """A whole run.

    Args:
        title: name of what was simulated.
        about: what it shows, in a sentence or two.
        units: names, in the order of each row's units.
        rows: in the order of time; a gap between two rows is a time of which nothing is known.
        happenings: in any order.
        facts: what else a reader should know, as label and text (seed, version, models ...); ``command`` is the command line that
            repeats it.
        import_price: EUR/kWh of each row, or None.
        export_price: the same for what is sold; negative when it costs.
        capacity_wh: of each unit; empty when unknown.
        reserve_pct: backup reserve of each unit; empty when there is none.

    Raises:
        InvalidInput: no rows, rows out of order, or tuples whose lengths do not fit.
    """

    title: str
    about: str
    units: tuple[str, ...]
    rows: tuple[Row, ...]
    happenings: tuple[Happening, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    import_price: tuple[float, ...] | None = None
    export_price: tuple[float, ...] | None = None
    capacity_wh: tuple[float, ...] = ()
    reserve_pct: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not self.rows:
            raise InvalidInput("a trace of a run without any row", remedy="Run it for at least one step.")
        for row in self.rows:
            if len(row.units) != len(self.units):
                raise InvalidInput(f"the row of {row.at} has {len(row.units)} units, the trace names {len(self.units)}")
        for before, after in pairwise(self.rows):
            if (after.at - before.end).total_seconds() < -DUST_S:
                raise InvalidInput(f"the row of {after.at} begins before the one of {before.at} is over")
        for name, wanted in (("import_price", len(self.rows)), ("export_price", len(self.rows))):
            if (prices := getattr(self, name)) is not None and len(prices) != wanted:
                raise InvalidInput(f"{name} has {len(prices)} values for {wanted} rows")
        for name in ("capacity_wh", "reserve_pct"):
            if (count := len(getattr(self, name))) not in (0, len(self.units)):
                raise InvalidInput(f"{name} has {count} values for {len(self.units)} units")

    @property
    def start(self) -> datetime:
        """When the first row begins."""
        return self.rows[0].at

    @property
    def end(self) -> datetime:
        """When the last row is over."""
        return self.rows[-1].end

    @property
    def energies(self) -> Energies:
        """What the whole run adds up to; computed anew each time."""
        return energies(self.rows)

    @property
    def balance_error_wh(self) -> float:
        """What does not add up, row by row and without its sign, so that errors do not cancel out."""
        return math.fsum(abs(row.error_w) * row.seconds / _HOUR_S for row in self.rows)

    @property
    def costs_eur(self) -> tuple[float, ...] | None:
        """What each row cost: the import at its price less the export at its; None without an import price."""
        if self.import_price is None:
            return None
        paid = self.export_price or (0.0,) * len(self.rows)
        return tuple(
            (row.importing_w * cost - row.exporting_w * worth) * row.seconds / _HOUR_S / 1e3
            for row, cost, worth in zip(self.rows, self.import_price, paid, strict=True)
        )

    @property
    def cost_eur(self) -> float | None:
        """What the run cost; negative when it earned; None without an import price."""
        costs = self.costs_eur
        return None if costs is None else math.fsum(costs)

    @property
    def cycles(self) -> float | None:
        """Equivalent full cycles: discharged energy over capacity, all units together; None when a capacity is unknown."""
        capacity_wh = math.fsum(self.capacity_wh)
        return self.energies.discharged_wh / capacity_wh if capacity_wh > 0 else None

    @property
    def round_trip(self) -> float | None:
        """Share, 0 to 1, of the energy spent on charging that discharging gave back; None until both have happened.

        Each row's loss is shared out evenly over all that the unit delivered in it, so what PV takes straight to the house does not
        count, and standby fed by the battery does. The two ways are multiplied, so a battery that ends fuller than it
        began makes no difference.
        """
        charged = spent = discharged = delivered = 0.0
        for row in self.rows:
            for unit in row.units:
                came = unit.pv_w + unit.discharging_w + max(0.0, -unit.inverter_w)
                went = came - unit.loss_w
                if came > 0 and went > 0:
                    charged += unit.charging_w * row.seconds
                    spent += unit.charging_w * row.seconds * came / went
                    delivered += unit.discharging_w * row.seconds * went / came
                discharged += unit.discharging_w * row.seconds
        return charged / spent * delivered / discharged if charged > 0 and discharged > 0 else None


def _share_pct(part: float, whole: float) -> float | None:
    return min(100.0, max(0.0, 100 * part / whole)) if whole > 0 else None
