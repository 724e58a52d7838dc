"""A battery that is run through minutes of a real past: what methods are compared on, and no more than that needs.

The same curve of losses as the plan's, but in minutes and not in slots: peaks that the power limit cuts, a load that crosses zero
within a slot, the minimum power, and ten minutes of standing ready before it sleeps, all of which a plan does not know. The
simulator's plant, with its converter, cells and registers, is another thing: ``simulator.physics``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from indevolt.control.plan.choice import Choice
from indevolt.control.plan.problem import BatteryModel
from indevolt.control.situation import Action

SLEEPS_AFTER_S: Final = 600.0
"""Of rest, then it goes into deep standby (inferred, as in the simulator)."""


@dataclass(slots=True)
class Tally:
    """What was counted, in Wh and in the tariff's currency."""

    imported_wh: float = 0.0
    exported_wh: float = 0.0
    charged_wh: float = 0.0  # at the socket
    discharged_wh: float = 0.0  # at the socket
    energy_cost: float = 0.0
    wear_cost: float = 0.0
    switches: int = 0


@dataclass(frozen=True, slots=True)
class Passage:
    """A slot of the past, in steps."""

    load_w: Sequence[float]
    pv_w: Sequence[float]
    step_s: float
    import_per_kwh: float
    export_per_kwh: float


class Plant:
    """One battery at one house."""

    def __init__(self, battery: BatteryModel, *, battery_to_grid: bool = False) -> None:
        """Start at the model's charge, asleep."""
        self.battery = battery
        self.battery_to_grid = battery_to_grid
        self.stored_wh = battery.capacity_wh * battery.soc_pct / 100
        self.tally = Tally()
        self._rest_s = SLEEPS_AFTER_S
        self._choice: Choice | None = None

    @property
    def soc_pct(self) -> float:
        """State of charge."""
        return self.stored_wh / self.battery.capacity_wh * 100

    def run(self, choice: Choice, passage: Passage) -> None:
        """Keep to a choice while load and PV go as they went."""
        battery, tally, loss = self.battery, self.tally, self.battery.loss
        least_wh = battery.floor_pct / 100 * battery.capacity_wh
        most_wh = battery.ceiling_pct / 100 * battery.capacity_wh
        low_w, high_w, forced_w = limits(choice, battery, to_grid=self.battery_to_grid)
        step_s, hours = passage.step_s, passage.step_s / 3600
        tally.switches += self._choice is not None and choice != self._choice
        self._choice = choice
        for load, pv in zip(passage.load_w, passage.pv_w, strict=True):
            own_w = battery.asleep_w if self._rest_s >= SLEEPS_AFTER_S else battery.awake_w
            net_w = load + battery.asleep_w - pv
            ac_w = forced_w if forced_w is not None else min(max(net_w, low_w), high_w)
            if (
                abs(ac_w) < battery.minimum_w
                or (ac_w > 0 and self.stored_wh <= least_wh)
                or (ac_w < 0 and self.stored_wh >= most_wh)
            ):
                ac_w = 0.0
            if ac_w == 0.0:
                grid_w = load + own_w - pv
                self._rest_s += step_s
            else:
                size = abs(ac_w)
                rate_w = -ac_w - loss.fixed_w - size * (loss.linear + size * loss.quadratic_per_w)
                change_wh = rate_w * hours
                room_wh = (most_wh if change_wh > 0 else least_wh) - self.stored_wh
                share = min(1.0, room_wh / change_wh) if change_wh * room_wh > 0 else 0.0
                ac_w *= share
                self.stored_wh += share * change_wh
                grid_w = net_w - ac_w
                self._rest_s = 0.0
                if ac_w > 0:
                    tally.discharged_wh += ac_w * hours
                    tally.wear_cost += ac_w * hours / 1000 * battery.wear_per_kwh
                else:
                    tally.charged_wh -= ac_w * hours
            if grid_w > 0:
                tally.imported_wh += grid_w * hours
                tally.energy_cost += grid_w * hours / 1000 * passage.import_per_kwh
            else:
                tally.exported_wh -= grid_w * hours
                tally.energy_cost += grid_w * hours / 1000 * passage.export_per_kwh


def limits(choice: Choice, battery: BatteryModel, *, to_grid: bool) -> tuple[float, float, float | None]:
    """Return the range within which a choice follows the house, and the power where it follows nothing."""
    match choice.action:
        case Action.SELF_USE:
            return -battery.charge_w, battery.discharge_w, None
        case Action.HOLD:
            return -battery.charge_w, 0.0, None
        case Action.STOP:
            return 0.0, 0.0, None
        case Action.CHARGE:
            return -battery.charge_w, -min(choice.power_w or battery.charge_w, battery.charge_w), None
        case Action.DISCHARGE:
            power_w = min(choice.power_w or battery.discharge_w, battery.discharge_w)
            return (0.0, power_w, power_w) if to_grid else (0.0, power_w, None)
