"""What comes of planning: slot by slot what to do, what is expected, what it gains, and why.

Frozen records without numpy, for the runtime, the API and the page. What actually happened is history's; what a slot makes the
battery do is ``control.strategies``'.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from indevolt.control.situation import Action, PlanSlot


@dataclass(frozen=True, slots=True)
class Band:
    """Where something is expected: below ``p10`` in one of ten cases, above ``p90`` in one of ten."""

    p10: float
    p50: float
    p90: float


@dataclass(frozen=True, slots=True)
class PlannedSlot:
    """One slot of a plan. Powers are expected means in W, signed as everywhere; money is in the plan's currency."""

    start: datetime
    end: datetime
    action: Action
    power_w: float  # of charge and discharge, a positive number of watts; 0: as much as there is
    reason: str
    import_per_kwh: float
    export_per_kwh: float
    published: bool  # the prices; False: assumed
    pinned: bool
    load_w: Band
    pv_w: Band
    soc_pct: Band  # at its end
    battery_w: float
    grid_w: float
    cost: float  # of its energy, with wear and standby
    gain: float  # over plain self-use in this slot and as planned afterwards, the gate deducted
    stored_value_per_kwh: float  # of one more kWh in the battery at its start

    def order(self, plan: str) -> PlanSlot:
        """Return what a strategy needs of it; ``plan`` names the plan it is of."""
        return PlanSlot(self.start, self.end, self.action, self.power_w, self.reason, plan, self.pinned)


@dataclass(frozen=True, slots=True)
class StoredValue:
    """What one more kWh is worth at a state of charge: at the socket, after the losses and wear of giving it back."""

    soc_pct: float
    per_kwh: float


@dataclass(frozen=True, slots=True)
class Balance:
    """What the horizon is expected to cost under one way of running the battery, in the plan's currency."""

    energy: float  # import less export
    wear: float
    stored: float  # value of what is in the battery at the end, less that at the start

    @property
    def total(self) -> float:
        """Cost with everything counted."""
        return self.energy + self.wear - self.stored


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A plan, and what it is worth compared with doing without it. Compare totals, not energies: what is left at the end counts."""

    at: datetime  # what it knows is from then
    slots: tuple[PlannedSlot, ...]
    currency: str
    planned: Balance
    self_use: Balance  # the same battery in plain self-use
    no_battery: Balance
    stored_value: tuple[StoredValue, ...]  # now, by state of charge
    notes: tuple[str, ...] = ()  # what cannot be kept, such as a target out of reach

    @property
    def name(self) -> str:
        """What journal and reasons call it."""
        return f"plan of {self.at:%Y-%m-%d %H:%M}"

    @property
    def gain_over_self_use(self) -> float:
        """Expected over the horizon, in the currency."""
        return self.self_use.total - self.planned.total

    @property
    def saving(self) -> float:
        """Expected against having no battery, over the horizon, in the currency."""
        return self.no_battery.total - self.planned.total

    def slot_at(self, at: datetime) -> PlannedSlot | None:
        """Return the slot that runs at an instant, or None outside the plan."""
        return next((slot for slot in self.slots if slot.start <= at < slot.end), None)
