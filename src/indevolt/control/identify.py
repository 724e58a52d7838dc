"""How a unit answers, found again while it runs: dead time, slope and gain, from what the meter shows after our own steps.

For each candidate there is a track of what the battery would give. The one that fits leaves the quietest rest when it is added to
the meter (control.md, section 1.2). One step proves nothing, as the house moves as well: a candidate is believed when it was
better in step after step, by more than chance would make it. With a meter of ten seconds that hardly ever comes true, and then
what was assumed, or found by ``commission``, stays.

The gain is the slope of the fit; a command names battery watts, and losses make that less at the meter (protocol.md, section 12:
661 W of 726 W). The waits at rest and between directions are not looked for here; steps with one of them in it say nothing.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Final

from indevolt.control.response import Track
from indevolt.control.situation import Dynamics

DEAD_S: Final = tuple(step / 4 for step in range(25))
"""Dead times of 0 to 6 s; coarser ones would make the gain look smaller than it is."""
SLEW_W_PER_S: Final = (100.0, 200.0, 400.0, 800.0)
"""Slopes; between two of them a step of 1 kW takes so long that half of the difference does not matter."""
CANDIDATES: Final = tuple((dead_s, slew) for slew in SLEW_W_PER_S for dead_s in DEAD_S)
LEAST_STEP_W: Final = 150.0  # of ours, to learn from; below it the house is louder
LISTEN_S: Final = 14.0  # after a step: above the longest dead time, and a ramp of 800 W with the gentlest slope
SAMPLES_LEAST: Final = 5  # of a step, or its dead time and its slope stand in for each other: a meter of 5 s shows too little
REMEMBERED_STEPS: Final = 40
STEPS_CLEAN: Final = 2  # steps with a wait in them count only until there are so many without
SURELY: Final = 0.1  # what leaves less than that of the meter's movement is believed at once, ...
FEWER: Final = 0.5  # ... if the present one leaves twice as much; everything else has to be better step after step, ...
STEPS_LEAST: Final = 6  # ... and in so many
ENOUGH_W2: Final = 8 * 400.0**2  # of our movement before anything is believed: eight steps of 400 W, or one of 1.1 kW
CHANCE: Final = 2.5  # standard deviations, that what is better by chance does not reach
CLEARLY: Final = 0.9  # the best leaves so much less than the present one
APART_S: Final = 1.5  # dead times that far from the present one have to be worse before it counts as known
LOUD_W: Final = 250.0  # what does not fit by more is a step of the house, and counts no more for being larger
AROUND_S: Final = 0.5  # a step, when it is weighed: dead times are known no better
GAIN_LEAST: Final = 0.8  # a converter that lost more would be broken, ...
GAIN_MOST: Final = 1.2  # ... and so would one that took more than this to charge
GAIN_WEIGHT_W2: Final = 10 * 400.0**2  # with which the first gain counts: some ten steps of 400 W
FORGET: Final = 0.97  # of what is known of the gain, for each step: some thirty steps count
KNOWN_MARGIN_S: Final = 1.0  # above a period of a fast meter, below what hides a step of the house for long


@dataclass(slots=True)
class _Step:
    """One step of ours, and what was seen of it."""

    power_w: float  # by so much
    is_clean: bool  # no wait at rest is in it
    at_s: float
    rest_w2: list[float]  # what each candidate leaves of the meter's movement ...
    moved_w2: float = 0.0  # ... and that movement
    samples: int = 0
    begin: tuple[float, float] | None = None  # the last sample before it shows
    is_weighed: bool = False

    @property
    def until_s(self) -> float:
        """When there is nothing more to hear of it."""
        return self.at_s + LISTEN_S


class Identification:
    """Listens after every step of one unit; :attr:`dynamics` is the best known."""

    def __init__(self, dynamics: Dynamics) -> None:
        self.dynamics = self._first = dynamics
        self._tracks = [
            Track(replace(dynamics, dead_s=dead_s, slew_w_per_s=slew, gain=1.0, charge_gain=1.0)) for dead_s, slew in CANDIDATES
        ]
        self._steps: deque[_Step] = deque(maxlen=REMEMBERED_STEPS)
        self._step: _Step | None = None  # the one that is listened to
        self._seen: tuple[float, float] | None = None  # the last sample: when, and what
        self._commanded_w = 0.0
        self._fit = {1: (0.0, 0.0), -1: (0.0, 0.0)}  # by direction: the square of our movement, and the meter's along with it

    def sent(self, at_s: float, power_w: float) -> None:
        """Take note of a command."""
        for track in self._tracks:
            track.command(at_s, power_w)
        before, self._commanded_w = self._commanded_w, power_w
        straight = before * power_w > 0
        if self._step is not None and at_s < self._step.until_s:
            self._step.is_clean = self._step.is_clean and straight
        elif abs(power_w - before) >= LEAST_STEP_W:
            self._step = _Step(power_w - before, straight, at_s, [0.0] * len(CANDIDATES))
            self._fit = {way: (FORGET * own, FORGET * along) for way, (own, along) in self._fit.items()}

    def see(self, at_s: float, grid_w: float, *, loud: bool = False) -> bool:
        """Take in a sample of the meter, as if the other units were no part of the house; returns whether the dynamics changed.

        Args:
            at_s: when it was measured.
            grid_w: what it showed.
            loud: the house switches to and fro, so that nothing can be told from it.
        """
        before, self._seen = self._seen, (at_s, grid_w)
        self._step = step = None if loud else self._step
        if step is None or before is None:
            return False
        moved, known, was = grid_w - before[1], self.dynamics, self.dynamics
        for index, track in enumerate(self._tracks):
            rest = moved + known.at_meter(track.level_w(at_s)) - known.at_meter(track.level_w(before[0]))
            step.rest_w2[index] += min(rest * rest, LOUD_W * LOUD_W)
        step.samples += 1
        step.moved_w2 += min(moved * moved, LOUD_W * LOUD_W)
        self._weigh(step, before, (at_s, grid_w))
        if at_s < step.until_s:
            return False
        self._step = None
        if step.samples >= SAMPLES_LEAST:
            self._steps.append(step)
            self._judge()
        known = self.dynamics
        self.dynamics = replace(known, gain=self._gain(1, self._first.gain), charge_gain=self._gain(-1, self._first.charge_gain))
        return self.dynamics != was

    def _weigh(self, step: _Step, before: tuple[float, float], now: tuple[float, float]) -> None:
        """Let a step count for the gain, from just before it shows until it is done: on the way only the slope shows."""
        known, track = self.dynamics, self._tracks[_nearest(self.dynamics)]
        if now[0] <= step.at_s + known.dead_s - AROUND_S:
            step.begin = now
        elif step.begin is None:
            step.begin = before
        if step.is_weighed or now[0] < max(track.final_s, step.at_s + known.dead_s) + AROUND_S:
            return
        step.is_weighed = True
        was, level = track.level_w(step.begin[0]), track.level_w(now[0])
        moved = now[1] - step.begin[1]
        if was * level >= 0 and abs(moved + known.at_meter(level) - known.at_meter(was)) < LOUD_W:
            way = 1 if was + level > 0 else -1
            own, along = self._fit[way]
            self._fit[way] = (own + (level - was) ** 2, along - moved * (level - was))

    def _judge(self) -> None:
        """Believe the candidate that has proven itself, if one has."""
        known, present = self.dynamics, _nearest(self.dynamics)
        clean = [step for step in self._steps if step.is_clean]
        steps = clean if len(clean) >= STEPS_CLEAN else self._steps
        if sum(step.power_w**2 for step in steps) < ENOUGH_W2:
            return
        sums = [math.fsum(rests) for rests in zip(*(step.rest_w2 for step in steps), strict=True)]
        best = min(range(len(sums)), key=sums.__getitem__)
        same = min(_of_slope(known.slew_w_per_s), key=sums.__getitem__)
        if not (sums[best] < CLEARLY * sums[same] and _is_better(best, same, steps)):
            best = same  # dead time and slope stand in for each other where samples are far apart
        surely = sums[best] < SURELY * sum(step.moved_w2 for step in steps) and sums[best] < FEWER * sums[present]
        if surely or (sums[best] < CLEARLY * sums[present] and _is_better(best, present, steps)):
            known = replace(known, dead_s=CANDIDATES[best][0], slew_w_per_s=CANDIDATES[best][1])
            self._fit = dict.fromkeys(self._fit, (0.0, 0.0))  # what was seen of the gain went by another track
        elif not known.identified and not all(_is_better(present, far, steps) for far in _apart(present)):
            return
        self.dynamics = replace(known, margin_s=min(known.margin_s, KNOWN_MARGIN_S), identified=True)

    def _gain(self, way: int, first: float) -> float:
        """Return the gain of one direction: what was seen of it, and the first one with a weight of its own."""
        own, along = self._fit[way]
        if own < ENOUGH_W2:
            return self.dynamics.gain if way > 0 else self.dynamics.charge_gain
        slope = (along + GAIN_WEIGHT_W2 * first) / (own + GAIN_WEIGHT_W2)
        return round(min(max(slope, GAIN_LEAST), GAIN_MOST), 2)


def _is_better(one: int, other: int, steps: Collection[_Step]) -> bool:
    """Return whether a candidate left less than another in more steps, and by more, than chance would have it."""
    ahead = [step.rest_w2[other] - step.rest_w2[one] for step in steps]
    return len(ahead) >= STEPS_LEAST and math.fsum(ahead) > CHANCE * math.sqrt(math.fsum(each * each for each in ahead))


def _nearest(known: Dynamics) -> int:
    """Return the candidate that is nearest to what is known."""
    return min(_of_slope(known.slew_w_per_s), key=lambda index: abs(CANDIDATES[index][0] - known.dead_s))


def _of_slope(slew_w_per_s: float) -> range:
    """Return the candidates of the slope that is nearest to this one."""
    nearest = min(range(len(SLEW_W_PER_S)), key=lambda index: abs(math.log(SLEW_W_PER_S[index] / slew_w_per_s)))
    return range(nearest * len(DEAD_S), (nearest + 1) * len(DEAD_S))


def _apart(present: int) -> Iterable[int]:
    """Return the candidates of the same slope whose dead times are the nearest that matter."""
    dead_s, slew = CANDIDATES[present]
    return [index for index in _of_slope(slew) if abs(CANDIDATES[index][0] - dead_s) == APART_S]
