"""How a unit answers, found again while it runs: dead time and gain, from what the meter shows after our own steps.

For each candidate of the dead time there is a track of what the battery would give. The one that fits leaves the quietest rest when
it is added to the meter: argmin of the variance of the innovations (control.md, section 1.2). The gain is the slope of that fit; a
command names battery watts, and losses make that less at the meter (protocol.md, section 12: 661 W of 726 W).

Slope and waits are not looked for here; ``commission`` fits them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from indevolt.control.response import Track
from indevolt.control.situation import Dynamics

CANDIDATES_S: Final = tuple(step / 4 for step in range(25))
"""Dead times of 0 to 6 s; coarser ones would make the gain look smaller than it is."""
LEAST_STEP_W: Final = 150.0  # of ours, to learn from; below it the house is louder
LISTEN_S: Final = 10.0  # after a step: above the longest dead time and a ramp of 1 kW
FORGET: Final = 0.97  # of what was learnt, for each step: some thirty steps count
ENOUGH_W2: Final = 8 * 400.0**2  # of movement before a candidate is believed: about eight steps of 400 W
CLEARLY: Final = 0.9  # the best leaves so much less than the present one
LOUD_W: Final = 200.0  # what does not fit by more is a step of the house, and says nothing about the gain
GAIN_LEAST: Final = 0.8  # a converter that lost more would be broken, ...
GAIN_MOST: Final = 1.2  # ... and so would one that took more than this to charge
GAIN_WEIGHT_W2: Final = 10 * 400.0**2  # with which the first gain counts: some ten steps of 400 W
KNOWN_MARGIN_S: Final = 1.0  # above a period of a fast meter, below what hides a step of the house for long


class Identification:
    """Listens after every step of one unit; :attr:`dynamics` is the best known."""

    def __init__(self, dynamics: Dynamics) -> None:
        self.dynamics = self._first = dynamics
        self._tracks = [Track(replace(dynamics, dead_s=dead_s, gain=1.0, charge_gain=1.0)) for dead_s in CANDIDATES_S]
        self._rest_w2 = [0.0] * len(CANDIDATES_S)  # what a candidate leaves of the meter's movement
        self._moved_w2 = [0.0] * len(CANDIDATES_S)  # the candidate's own movement
        self._slopes = {  # by direction: the candidate's movement where the house was quiet, and the meter's along with it
            way: ([0.0] * len(CANDIDATES_S), [0.0] * len(CANDIDATES_S)) for way in (1, -1)
        }
        self._levels: list[float] = []
        self._grid_w: float | None = None
        self._until_s = 0.0
        self._commanded_w = 0.0

    def sent(self, at_s: float, power_w: float) -> None:
        """Take note of a command."""
        for track in self._tracks:
            track.command(at_s, power_w)
        if abs(power_w - self._commanded_w) >= LEAST_STEP_W:
            self._until_s = at_s + LISTEN_S
            for sums in (self._rest_w2, self._moved_w2, *self._slopes[1], *self._slopes[-1]):
                sums[:] = [each * FORGET for each in sums]
        self._commanded_w = power_w

    def see(self, at_s: float, grid_w: float) -> bool:
        """Take in a sample of the meter, as if the other units were no part of the house; returns whether the dynamics changed."""
        levels = [track.level_w(at_s) for track in self._tracks]
        before, self._levels = self._levels, levels
        last, self._grid_w = self._grid_w, grid_w
        if last is None or at_s > self._until_s:
            return False
        moved, known = grid_w - last, self.dynamics
        for index, (was, level) in enumerate(zip(before, levels, strict=True)):
            rest = moved + known.at_meter(level) - known.at_meter(was)
            self._rest_w2[index] += rest * rest
            self._moved_w2[index] += (level - was) ** 2
            if abs(rest) < LOUD_W and was * level >= 0:
                quiet, along = self._slopes[1 if was + level > 0 else -1]
                quiet[index] += (level - was) ** 2
                along[index] -= moved * (level - was)
        return self._judge()

    def _judge(self) -> bool:
        best = min(range(len(CANDIDATES_S)), key=self._rest_w2.__getitem__)
        if self._moved_w2[best] < ENOUGH_W2:
            return False
        known = self.dynamics
        present = min(range(len(CANDIDATES_S)), key=lambda index: abs(CANDIDATES_S[index] - known.dead_s))
        dead_s = known.dead_s
        if self._rest_w2[best] < CLEARLY * self._rest_w2[present]:
            present, dead_s = best, CANDIDATES_S[best]
        found = replace(
            known,
            dead_s=dead_s,
            gain=self._slope(1, present, self._first.gain),
            charge_gain=self._slope(-1, present, self._first.charge_gain),
            margin_s=min(known.margin_s, KNOWN_MARGIN_S),
            identified=True,
        )
        changed, self.dynamics = found != known, found
        return changed

    def _slope(self, way: int, index: int, first: float) -> float:
        """Return the gain of one direction: what was seen of it, and the first one with a weight of its own."""
        quiet, along = self._slopes[way]
        slope = (along[index] + GAIN_WEIGHT_W2 * first) / (quiet[index] + GAIN_WEIGHT_W2)
        return round(min(max(slope, GAIN_LEAST), GAIN_MOST), 2)
