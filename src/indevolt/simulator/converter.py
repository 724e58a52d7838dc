"""The power electronics of a unit: what a conversion costs, and how fast its power moves.

Pure functions over values, and one small record of motion. What is asked of the converter is ``firmware``'s, what the battery
carries is ``physics``'.

The loss curve goes through both captured pairs, 726 W of battery giving 661 W and 2451 W giving 2240 W (protocol.md, section 12),
and
through 20 W of own consumption awake (section 15)::

    ac = dc - own - 0.0553 |dc| - 9.24e-6 dc²         dc = pv + battery

The other way, from the socket into the battery, the same is assumed (inferred).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

AWAKE_W: Final = 20.0  # "about 20 to 35 W awake"; 20 W is what the captured pairs leave room for
LINEAR: Final = 0.055273
QUADRATIC: Final = 9.2434e-6  # per W; with LINEAR and AWAKE_W it meets both pairs within 0.1 W
_DUST_S: Final = 1e-9  # what rounding may take from a step that ends where the power arrives


def to_ac(dc_w: float, own_w: float = AWAKE_W) -> float:
    """Return what so much DC power gives at the socket; negative DC power is what the socket must give."""
    return dc_w - own_w - LINEAR * abs(dc_w) - QUADRATIC * dc_w * dc_w


def to_dc(ac_w: float, own_w: float = AWAKE_W) -> float:
    """Return the DC power that so much at the socket needs: the inverse of :func:`to_ac`."""
    through = ac_w + own_w
    if through >= 0:
        slope = 1 - LINEAR
        return (slope - math.sqrt(slope * slope - 4 * QUADRATIC * through)) / (2 * QUADRATIC)
    slope = 1 + LINEAR
    return (slope - math.sqrt(slope * slope - 4 * QUADRATIC * through)) / (2 * QUADRATIC)


@dataclass(frozen=True, slots=True)
class Response:
    """How power follows an order. The values are assumed; nobody has published a measurement (control.md, section 1.2)."""

    start_s: float = 1.5  # from rest until power begins to move
    swap_s: float = 3.0  # at rest between the two directions
    wake_s: float = 10.0  # from deep standby; a relay closes and the inverter finds the grid's phase
    slew_w_per_s: float = 400.0

    @property
    def is_instant(self) -> bool:
        """Whether power is where it is wanted without any delay."""
        return self.slew_w_per_s == math.inf


LIFELIKE: Final = Response()
INSTANT: Final = Response(0.0, 0.0, 0.0, math.inf)
"""For tests that are not about time."""


class Motion:
    """Where the converter's AC power is, and what it waits for. Exact for steps of any size."""

    __slots__ = ("facing", "level_w", "wait_s")

    def __init__(self) -> None:
        self.level_w = 0.0
        self.facing = 0.0  # the direction that it last worked in, or gets ready for
        self.wait_s = 0.0

    def place(self, level_w: float) -> None:
        """Be somewhere at once: at the start of a simulation, or because a limit fell."""
        self.level_w = level_w
        if level_w:
            self.facing = math.copysign(1.0, level_w)
            self.wait_s = 0.0

    def move(self, target_w: float, seconds: float, response: Response) -> float:
        """Move towards a target and return the mean over the step, in W."""
        level = self.level_w
        if level == target_w and level:
            return level
        if response.is_instant:
            self.place(target_w)
            return target_w
        left, area, slew = seconds, 0.0, response.slew_w_per_s
        while left > 0:
            if level == 0:
                if target_w == 0:
                    self.wait_s = response.start_s  # what stands by has to start again
                    break
                left -= self._get_ready(math.copysign(1.0, target_w), left, response)
                if self.wait_s > 0:
                    break
            goal = target_w if level * target_w > 0 or level == 0 else 0.0
            ramp_s = abs(goal - level) / slew
            if ramp_s > left + _DUST_S:
                reached = level + math.copysign(slew * left, goal - level)
                area += (level + reached) / 2 * left
                level = reached
                break
            area += (level + goal) / 2 * ramp_s
            left = max(0.0, left - ramp_s)
            level = goal
            if level == target_w:
                area += level * left
                if level == 0:
                    self.wait_s = response.start_s
                break
        self.level_w = level
        return area / seconds if seconds > 0 else level

    def _get_ready(self, way: float, left: float, response: Response) -> float:
        """Wait at rest for a direction, and return how much of the time that took."""
        if self.facing != way:
            self.wait_s = max(self.wait_s, response.swap_s if self.facing == -way else response.start_s)
            self.facing = way
        pause = min(self.wait_s, left)
        self.wait_s -= pause
        return pause
