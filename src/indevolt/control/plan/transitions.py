"""A programme for one battery that knows its future: from level to level, whatever power that takes.

Where nothing is uncertain the power of a slot need not be one of the few that a device is told: each pair of levels is a power, so
going backwards over a fine grid finds the best, but for the grid. Plain self-use, which ends between levels, is tried too, and a
pinned slot has its pin alone. Not here: several futures (``programme``), and powers without a grid (``deterministic``).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from indevolt.control.plan.effects import Flags, Numbers, change_of, effects_of, grid_cost, power_limits
from indevolt.control.plan.problem import LossCurve, Problem, TerminalValue
from indevolt.control.plan.programme import levels_of, standing_costs, terminal_worth

_STRAIGHT: Final = 1e-12  # of a curve of losses, per W: so little curvature stands for none
_NEAR_WH: Final = 1e-6


class Transitions:
    """What it costs to get from any level to any other within each slot, and from there to the end."""

    def __init__(self, problem: Problem, terminal: TerminalValue, *, levels: int) -> None:
        """Work out all powers of the only scenario, and go backwards."""
        battery, effects = problem.battery, effects_of(problem)
        self.level_wh = levels_of(battery, levels)
        self._floor_wh, self._ceiling_wh = (pct / 100 * battery.capacity_wh for pct in (battery.floor_pct, battery.ceiling_pct))
        hours, net_w = effects.hours[:, None], effects.net_w[:, :1]
        step_wh = self.level_wh[1] - self.level_wh[0]
        most_in_w, most_out_w = power_limits(problem, net_w)
        up = int((change_of(-most_in_w, battery) * hours / step_wh).max())
        down = int((-change_of(most_out_w, battery) * hours / step_wh).max())
        steps = np.arange(-max(down, 0), max(up, 0) + 1)
        self._change_wh = steps * step_wh
        self._ac_w = ac_w = power_at(self._change_wh / hours, battery.loss)
        free = np.array([slot.pin is None for slot in problem.slots])[:, None]
        able = (ac_w * steps < 0) & (np.abs(ac_w) >= battery.minimum_w) & (ac_w <= most_out_w) & (-ac_w <= most_in_w)
        cost = grid_cost((net_w - ac_w)[:, None, :], problem)[:, 0, :] + np.maximum(ac_w, 0) * hours * battery.wear_per_kwh / 1000
        self._cost = np.where(free & (able | (steps == 0)), cost, np.inf)
        # The first choice that a slot has is plain self-use, or its pin.
        first = (np.arange(len(problem.slots)), effects.allowed.argmax(axis=1), 0)
        moves = effects.change_wh[first] != 0
        self._first_wh, self._first_w = effects.change_wh[first], effects.ac_w[first]
        self._rest = effects.rest_cost[:, 0]
        self._per_wh = (effects.cost[first] - self._rest) / np.where(moves, self._first_wh, np.inf)
        self.after = self._backwards(-terminal_worth(terminal, self.level_wh, battery), standing_costs(problem, self.level_wh))

    def powers_from(self, stored_wh: float) -> tuple[Numbers, float]:
        """Return the power of each slot, positive gives, that costs least from so much energy on, and what that costs."""
        taken_w = np.empty(len(self._cost))
        total = 0.0
        for slot, cost in enumerate(self._cost):
            then = stored_wh + self._change_wh
            counted = cost + np.interp(then, self.level_wh, self.after[slot])
            counted[self._outside(stored_wh, then)] = np.inf
            best = int(counted.argmin())
            first = float(self._bounded(stored_wh, stored_wh + self._first_wh[slot]))
            spent = self._rest[slot] + (first - stored_wh) * self._per_wh[slot]
            if spent + np.interp(first, self.level_wh, self.after[slot]) <= counted[best]:
                share = (first - stored_wh) / self._first_wh[slot] if self._first_wh[slot] else 1.0
                taken_w[slot], stored_wh = self._first_w[slot] * share, first
            else:
                taken_w[slot], spent, stored_wh = self._ac_w[slot, best], cost[best], float(then[best])
            total += float(spent)
        return taken_w, total

    def _backwards(self, ahead: Numbers, standing: Numbers) -> Numbers:
        """Return the cost that remains at the end of each slot, by levels."""
        level_wh, (slots, powers) = self.level_wh, self._cost.shape
        here = level_wh[:, None]
        outside = self._outside(here, here + self._change_wh)
        beyond = np.where(outside, np.inf, 0.0) if outside.any() else None
        after = np.empty((slots, len(level_wh)))
        padded = np.full(len(level_wh) + powers - 1, np.inf)
        start = int((self._change_wh < 0).sum())
        window, counted = sliding_window_view(padded, powers), np.empty((len(level_wh), powers))
        for slot in range(slots - 1, -1, -1):
            after[slot] = padded[start : start + len(level_wh)] = ahead + standing[slot]
            np.add(window, self._cost[slot], out=counted)
            if beyond is not None:
                counted += beyond
            first = self._bounded(level_wh, level_wh + self._first_wh[slot])
            followed = self._rest[slot] + (first - level_wh) * self._per_wh[slot] + np.interp(first, level_wh, after[slot])
            ahead = np.minimum(counted.min(axis=1), followed)
        return after

    def _bounded(self, stored_wh: Numbers | float, then_wh: Numbers | float) -> Numbers:
        bounded: Numbers = np.minimum(
            np.maximum(then_wh, np.minimum(stored_wh, self._floor_wh)), np.maximum(stored_wh, self._ceiling_wh)
        )
        return bounded

    def _outside(self, stored_wh: Numbers | float, then_wh: Numbers) -> Flags:
        """Return which changes would leave the bounds, or lead further away from them."""
        outside: Flags = np.abs(self._bounded(stored_wh, then_wh) - then_wh) > _NEAR_WH
        return outside


def power_at(rate_w: Numbers, loss: LossCurve) -> Numbers:
    """Return the power at the socket, positive gives, with which the stored energy changes so fast: the curve of losses, solved."""
    curve, way = max(loss.quadratic_per_w, _STRAIGHT), np.where(rate_w > 0, 1.0, -1.0)
    half = (1 - way * loss.linear) / 2
    root = np.sqrt(np.maximum(half * half - curve * (loss.fixed_w + rate_w), 0.0))
    ac_w: Numbers = np.where(rate_w == 0, 0.0, (root - half) / curve)
    return ac_w
