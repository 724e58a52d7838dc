"""What of a wish becomes a command: minimum power, the price of changing direction, deadband, and how often.

A command is a request to a slow device and a movement of its converter, so one that gains nothing is not sent (control.md,
section 1.2, points 6 to 9). What is out of the range that safety leaves does not wait for any of it. Not here: what is wished
(``observer``, strategies), within which range (``settle``), and budgets over hours (``ledger``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

LEAST_W: Final = 50.0
"""The device takes no less in real-time mode (control.md, section 0)."""
LONGEST_S: Final = 5.0  # between two looks; a longer gap counts as so much


@dataclass(frozen=True, slots=True)
class Pace:
    """How ready to move; values of control.md, section 1.2, where the comment names no other reason."""

    least_w: float = LEAST_W
    start_w: float = 60.0  # from rest, only for a wish of this ...
    start_wh: float = 0.33  # ... once so much has been wished for: 60 W for 20 s, or 1 kW for 1.2 s
    stop_w: float = 20.0
    turn_wh: float = 0.4  # the same for the other direction: 48 W for 30 s or 480 W for 3 s
    dwell_s: float = 30.0  # between two changes of direction
    deadband_w: float = 12.0
    deadband_share: float = 0.02
    cut_w: float = 6.0  # the deadband of less discharge while there is export
    worth_ws: float = 80.0  # a difference is commanded when it has cost so much: 1 kW at once, 20 W after 4 s. Halves the writes
    interval_s: float = 2.0  # between commands with a meter of up to 2 s ...
    slow_interval_s: float = 5.0  # ... and with a slower one
    fast_meter_s: float = 2.5  # up to 2 s, with jitter
    urgent_export_w: float = 100.0  # export above this is cut after ...
    urgent_interval_s: float = 1.0  # ... the least that the device wants between two requests


@dataclass(frozen=True, slots=True)
class Wish:
    """What is settled, and what has to be known about it."""

    power_w: float
    low_w: float  # what may not be left for a moment
    high_w: float
    follows_house: bool  # then hunting is damped; otherwise somebody wants just this
    grid_w: float | None = None  # as the meter showed last; None: unknown, or given to the grid on purpose
    period_s: float = math.inf  # of the meter


class Steady:
    """Remembers what was commanded, and lets a wish through when it is worth it; one for the units that act as one battery."""

    __slots__ = (
        "_asked_s",
        "_facing",
        "_forced",
        "_missed_ws",
        "_turned_s",
        "_want_way",
        "_want_wh",
        "commanded_w",
        "pace",
        "sent_s",
    )

    def __init__(self, pace: Pace | None = None) -> None:
        self.pace = pace or Pace()
        self.commanded_w = 0.0
        self.sent_s = -math.inf
        self._facing = 0  # the direction of the last command that was not 0
        self._turned_s = -math.inf
        self._want_way = 0  # the direction that is wished for and not yet had, ...
        self._want_wh = 0.0  # ... and how much of it
        self._missed_ws = 0.0  # by what is commanded, against what is wished
        self._asked_s: float | None = None
        self._forced = False  # what is commanded was not wished: it had to be within its range

    def sent(self, at_s: float, power_w: float) -> None:
        """Take note of what was commanded."""
        way = _way(power_w)
        if way and self._facing and way != self._facing:
            self._turned_s = at_s
        self._facing = way or self._facing
        self.commanded_w, self.sent_s, self._missed_ws = power_w, at_s, 0.0

    def consider(self, at_s: float, wish: Wish) -> float:
        """Return the power that should be commanded now; what is commanded already means: send nothing."""
        now = self.commanded_w
        seconds = 0.0 if self._asked_s is None else min(max(at_s - self._asked_s, 0.0), LONGEST_S)
        self._asked_s = at_s
        target = self._aim(at_s, seconds, wish)
        if not wish.low_w <= now <= wish.high_w:
            self._forced = True
            return target
        if wish.follows_house and not self._is_worth_it(target, seconds, wish):
            return now
        if at_s - self.sent_s < self._interval_s(target, wish):
            return now
        self._forced = self._forced and target == now
        return target

    def _aim(self, at_s: float, seconds: float, wish: Wish) -> float:
        """Return the wish within its range, as something that the converter can do and should begin."""
        pace, now = self.pace, self.commanded_w
        target = min(max(wish.power_w, wish.low_w), wish.high_w)
        way = _way(target)
        if now and way == _way(now):
            self._want_way, self._want_wh = 0, 0.0
            return self._at_least(target, wish)
        if abs(target) < (pace.start_w if wish.follows_house else pace.least_w):
            self._want_wh = 0.0 if abs(target) < pace.stop_w else self._want_wh
            return 0.0
        if way != self._want_way:
            self._want_way, self._want_wh = way, 0.0
        self._want_wh += abs(target) * seconds / 3600
        turning = self._facing not in (0, way)
        if turning and at_s - self._turned_s < pace.dwell_s:
            return 0.0
        if wish.follows_house and self._want_wh < (pace.turn_wh if turning else pace.start_wh):
            return 0.0
        return target

    def _at_least(self, target: float, wish: Wish) -> float:
        """Return the power itself, or the least that the device can do, or nothing where even that is too much."""
        if abs(target) >= self.pace.least_w:
            return target
        held = math.copysign(self.pace.least_w, target)
        return held if abs(target) >= self.pace.stop_w and wish.low_w <= held <= wish.high_w else 0.0

    def _is_cut(self, target: float, wish: Wish) -> bool:
        return wish.grid_w is not None and wish.grid_w < 0 < self.commanded_w and target < self.commanded_w

    def _is_worth_it(self, target: float, seconds: float, wish: Wish) -> bool:
        pace, now = self.pace, self.commanded_w
        gap = target - now
        if target == 0 and now:
            return True
        band = pace.cut_w if self._is_cut(target, wish) else max(pace.deadband_w, pace.deadband_share * abs(target))
        if abs(gap) < band or self._missed_ws * gap < 0:
            self._missed_ws = 0.0
        if abs(gap) < band:
            return False
        self._missed_ws += gap * seconds
        # A slow meter tells nothing new for a while, so what it showed will have lasted until it does.
        lasts_s = wish.period_s if self._is_slow(wish) and math.isfinite(wish.period_s) else 0.0
        return abs(self._missed_ws) + abs(gap) * lasts_s >= pace.worth_ws

    def _interval_s(self, target: float, wish: Wish) -> float:
        pace = self.pace
        if self._is_cut(target, wish) and wish.grid_w is not None and wish.grid_w < -pace.urgent_export_w:
            return pace.urgent_interval_s
        if not wish.follows_house:  # an order does not hunt, so it only waits for the device
            return pace.urgent_interval_s
        if self._forced:  # what had to be let go for a moment is taken up again as soon as it may be, also with a slow meter
            return pace.urgent_interval_s
        return pace.slow_interval_s if self._is_slow(wish) else pace.interval_s

    def _is_slow(self, wish: Wish) -> bool:
        return wish.period_s > self.pace.fast_meter_s


def _way(power_w: float) -> int:
    return (power_w > 0) - (power_w < 0)
