"""Where the power of one unit is after its commands: dead time, slope, the wait at standby and between the two directions.

The observer needs it to tell the house's own steps from echoes of ours, and commissioning fits it to what a meter saw. It is a
model of what is known from outside; the physics of the simulator are no part of it. Powers as seen at the meter, positive into the
house.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import Final

from indevolt.control.situation import Dynamics

REMEMBERED_S: Final = 60.0
"""Above the longest window that anybody looks back over; below what would make the lists long."""


class Track:
    """A line of straight pieces through time: what one unit gives, by its commands so far."""

    __slots__ = ("_levels", "_pending_s", "_pending_way", "_remembered_s", "_times", "dynamics")

    def __init__(self, dynamics: Dynamics, *, power_w: float = 0.0, at_s: float = 0.0, remembered_s: float = REMEMBERED_S) -> None:
        """Begin at rest, or at a power that has been there for long."""
        self.dynamics = dynamics
        self._remembered_s = remembered_s
        self._times: list[float] = [at_s]
        self._levels: list[float] = [dynamics.at_meter(power_w)]
        self._pending_s = -math.inf  # when the last start from rest begins to move
        self._pending_way = 0.0

    def command(self, at_s: float, power_w: float) -> None:
        """Take note of a command that was sent; commands come in the order of time."""
        dynamics = self.dynamics
        target = dynamics.at_meter(power_w)
        if target == self._levels[-1]:
            return  # it is there, or on its way
        now = max(at_s + dynamics.dead_s, self._times[0])
        level = self.level_w(now)
        keep = bisect_right(self._times, now)
        del self._times[keep:], self._levels[keep:]
        facing = next((math.copysign(1.0, each) for each in reversed(self._levels) if each), 0.0)
        self._add(now, level)
        if level and level * target <= 0:
            facing = math.copysign(1.0, level)
            now += abs(level) / dynamics.slew_w_per_s
            level = 0.0
            self._add(now, level)
        if level == target:
            return
        if level == 0:
            now = self._ready_s(now, math.copysign(1.0, target), facing)
            self._add(now, 0.0)
        self._add(now + abs(target - level) / dynamics.slew_w_per_s, target)
        self._forget(at_s - self._remembered_s)

    def place(self, at_s: float, power_w: float) -> None:
        """Take note of what the unit gives by itself, as it tells."""
        keep = bisect_right(self._times, at_s)
        del self._times[keep:], self._levels[keep:]
        self._add(max(at_s, self._times[0]), power_w)
        self._forget(at_s - self._remembered_s)

    def level_w(self, at_s: float) -> float:
        """Return the power at an instant, also a future one if nothing more is commanded."""
        times, levels = self._times, self._levels
        after = bisect_right(times, at_s)
        if after == 0:
            return levels[0]
        if after == len(times):
            return levels[-1]
        since, until = times[after - 1], times[after]
        part = (at_s - since) / (until - since)
        return levels[after - 1] + (levels[after] - levels[after - 1]) * part

    def range_w(self, from_s: float, to_s: float) -> tuple[float, float]:
        """Return the lowest and the highest power between two instants."""
        ends = [self.level_w(from_s), self.level_w(to_s)]
        ends += self._levels[bisect_right(self._times, from_s) : bisect_right(self._times, to_s)]
        return min(ends), max(ends)

    @property
    def final_w(self) -> float:
        """Where it ends if nothing more is commanded."""
        return self._levels[-1]

    @property
    def final_s(self) -> float:
        """When it ends there."""
        return self._times[-1]

    def _ready_s(self, now: float, way: float, facing: float) -> float:
        """Return when a unit at rest begins to move."""
        if not (self._pending_way == way and self._pending_s > now):
            wait = self.dynamics.swap_s if facing == -way else self.dynamics.start_s
            self._pending_s, self._pending_way = now + wait, way
        return self._pending_s

    def _add(self, at_s: float, level_w: float) -> None:
        if at_s <= self._times[-1]:
            self._levels[-1] = level_w
        else:
            self._times.append(at_s)
            self._levels.append(level_w)

    def _forget(self, before_s: float) -> None:
        keep = max(0, bisect_right(self._times, before_s) - 1)
        del self._times[:keep], self._levels[:keep]
