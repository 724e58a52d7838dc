"""Perfect foresight: the least that a past could have cost with this battery, found backwards on the plant itself.

Every choice is run through the real minutes of each quarter from every level, so no method that acts by quarters does better, but
for what a grid of levels rounds. A yardstick, not a method.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from indevolt.control.plan.choice import Choice
from indevolt.control.plan.effects import Numbers, change_of
from indevolt.control.plan.past import Past, Terms
from indevolt.control.plan.plant import Plant, limits
from indevolt.control.situation import Action

LEVELS: Final = 161
_SHARES: Final = (1.0, 0.75, 0.5, 0.25)  # of the greatest power


class Foresight:
    """The best choice of each quarter at each level of charge."""

    def __init__(self, past: Past, terms: Terms, first: int, last: int, *, levels: int = LEVELS) -> None:
        """Work backwards through a span; some seconds for two weeks of minutes."""
        battery = terms.battery
        powers = [share * battery.charge_w for share in _SHARES if terms.grid_charging]
        self.choices = [Choice(action) for action in (Action.SELF_USE, Action.HOLD, Action.STOP, Action.DISCHARGE)]
        self.choices += [Choice(Action.CHARGE, power_w) for power_w in powers]
        bounds = [limits(choice, battery, to_grid=terms.battery_to_grid) for choice in self.choices]
        self._low_w, self._high_w = (np.array([bound[index] for bound in bounds])[:, None] for index in (0, 1))
        forced = [np.nan if bound[2] is None else bound[2] for bound in bounds]
        self._forced_w = np.array(forced)[:, None]
        self._past, self._battery, self._first = past, battery, first
        self.level_wh = np.linspace(battery.floor_pct, battery.ceiling_pct, levels) / 100 * battery.capacity_wh
        self._best = np.empty((last - first, levels), dtype=np.intp)
        self._remaining = np.empty((last - first + 1, levels))
        self._remaining[-1] = -self.level_wh / 1000 * past.settled_per_kwh(first, last)
        for quarter in range(last - 1, first - 1, -1):
            cost, after_wh = self._quarter(quarter)
            cost += np.interp(after_wh, self.level_wh, self._remaining[quarter - first + 1])
            self._best[quarter - first] = cost.argmin(axis=0)
            self._remaining[quarter - first] = cost.min(axis=0)

    def __call__(self, quarter: int, plant: Plant) -> Choice:
        """Return the best choice of the nearest level."""
        level = int(np.abs(self.level_wh - plant.stored_wh).argmin())
        return self.choices[int(self._best[quarter - self._first, level])]

    def worth(self, quarter: int, stored_wh: float) -> float:
        """Return what so much energy is worth when a quarter begins, but for a constant, to one who knows what comes."""
        return -float(np.interp(stored_wh, self.level_wh, self._remaining[quarter - self._first]))

    def _quarter(self, quarter: int) -> tuple[Numbers, Numbers]:
        """Return the cost of a quarter and the energy at its end, by choice and level."""
        battery, passage = self._battery, self._past.passage(quarter)
        hours = passage.step_s / 3600
        stored = np.broadcast_to(self.level_wh, (len(self.choices), len(self.level_wh)))
        cost = np.zeros(stored.shape)
        low_wh, high_wh = self.level_wh[0], self.level_wh[-1]
        for load_w, pv_w in zip(passage.load_w, passage.pv_w, strict=True):
            net_w = load_w + battery.asleep_w - pv_w
            ac_w = np.where(np.isnan(self._forced_w), np.clip(net_w, self._low_w, self._high_w), self._forced_w)
            ac_w = np.where(np.abs(ac_w) < battery.minimum_w, 0.0, ac_w)
            change = change_of(ac_w, battery) * hours
            after = np.clip(stored + change, low_wh, high_wh)
            power_w = ac_w * np.divide(after - stored, change, out=np.ones_like(stored), where=change != 0)
            stored = after
            grid_w = net_w - power_w
            price = np.where(grid_w > 0, passage.import_per_kwh, passage.export_per_kwh)
            cost += (grid_w * price + np.maximum(power_w, 0.0) * battery.wear_per_kwh) * (hours / 1000)
        return cost, stored
