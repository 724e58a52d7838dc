"""What the house takes without the battery: the net load, seen through a meter that is late and a battery that is slow.

Watts of the battery and watts at the meter have a gain of about 1, so nothing is regulated here: the load is estimated, and the
battery follows it (control.md, section 1.2, points 1 to 5). A sample counts at the time it was measured, and what the
battery gave then is only known to lie in a range, as its dead time is only known to a margin. What that range explains changes
nothing: the controller does not answer its own echo, which is why others hunt.

Not here: limits, what is commanded how often (``steady``), and whether a sample may be believed, which is settled where it is read.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from indevolt.control.identify import Identification
from indevolt.control.response import Track
from indevolt.control.situation import Dynamics, MeterSample, NetLoad, Seen

VAGUE_W: Final = 30.0  # a range of the battery's power wider than this: only what lies outside of it counts
JUMP_W: Final = 80.0  # a surprise above this is a step of the load; of one below, half is noise
SMOOTHING: Final = 0.5
TRIM_GAIN: Final = 0.06  # of the residual, per sample: a minute until it is gone with a meter of 1 s
TRIM_MOST_W: Final = 60.0  # above what deadband and losses leave, below what a wrong trim may cost
CHATTER_S: Final = 30.0  # looked back over for a load that chatters, at least
ALIKE: Final = 0.35  # by how much two steps of a chattering load differ at most
TWICE: Final = 2  # up and down again, so often
TOO_FAST: Final = 2.0
"""Following with a delay r costs r of both errors in each cycle, staying put the half cycle of one: shorter half cycles than about
2.2 r are not worth following. With a meter of 1 s that is 9 s."""
RAMP_W: Final = 500.0  # of a delay: the time for half a step of 1 kW, ...
ROUNDING_S: Final = 0.75  # ... and rounding
STRAY_W: Final = 120.0  # telemetry that is so far from the track ...
STRAY_S: Final = 10.0  # ... for so long, while nothing should move, shows a limit that nobody told
LEARNT_S: Final = 60.0  # and that limit is believed for so long


@dataclass(frozen=True, slots=True)
class Aim:
    """What zero export aims at."""

    grid_w: float = 5.0  # at the meter, import positive
    quantile: float = 0.35  # of a chattering load: what import costs, over what import and export cost together


class Observer:
    """Keeps the estimate from sample to sample; one for each grid connection."""

    def __init__(self, dynamics: Mapping[str, Dynamics], *, identifies: bool = True) -> None:
        """Begin with units at rest.

        Args:
            dynamics: of every unit that may be commanded, by name.
            identifies: find them again while running.
        """
        self._tracks = {name: Track(each) for name, each in dynamics.items()}
        self._identified = {name: Identification(each) for name, each in dynamics.items()} if identifies else {}
        self._stray_since_s: dict[str, float] = {}
        self._learnt: dict[str, Seen] = {}
        self._load_w: float | None = None
        self._low_w = self._high_w = 0.0
        self._sample_s = 0.0
        self._trim_w = 0.0
        self._facing = 0
        self._steps: deque[tuple[float, float]] = deque()  # jumps of the load: when, by how much
        self._seen: deque[tuple[float, float]] = deque()  # estimates: of when, how much
        self._too_fast_s = self._window_s = CHATTER_S
        self._quiet = False

    # ---- what it is told -----------------------------------------------------------------------------------------------------

    def learn(self, unit: str, known: Dynamics) -> None:
        """Go by this from now on, and find out anew from there."""
        self._tracks[unit].dynamics = known
        if unit in self._identified:
            self._identified[unit] = Identification(known)

    def sent(self, unit: str, at_s: float, power_w: float) -> None:
        """Take note of a command that a unit was sent."""
        self._tracks[unit].command(at_s, power_w)
        if unit in self._identified:
            self._identified[unit].sent(at_s, power_w)
        facing = (power_w > 0) - (power_w < 0)
        if facing and facing != self._facing:
            self._facing, self._trim_w = facing, 0.0

    def told(self, unit: str, power: Seen, *, commanded: bool) -> None:
        """Take note of what a unit says that its battery gives, as it shows at the meter.

        While it is commanded that is only a check, since it is late: it may show a limit (:meth:`limit_w`). While the device's own
        loop decides there is nothing better.
        """
        track = self._tracks[unit]
        if not commanded:
            track.place(power.at_s, power.value)
            return
        settled = power.at_s - track.final_s
        level = track.final_w
        if settled < 0 or abs(level - power.value) < STRAY_W:
            self._stray_since_s.pop(unit, None)
        elif power.value * level > 0 and abs(power.value) < abs(level):  # of the other way it would be no limit of this one
            since = self._stray_since_s.setdefault(unit, power.at_s)
            if power.at_s - since >= STRAY_S:
                self._learnt[unit] = power

    def limit_w(self, unit: str, now_s: float) -> float | None:
        """Return what a unit was lately seen to give instead of what it was commanded; None: it does as it is told."""
        learnt = self._learnt.get(unit)
        if learnt is None or learnt.age_s(now_s) > LEARNT_S:
            return None
        return self._tracks[unit].dynamics.for_meter(learnt.value)

    def see(self, sample: MeterSample, aim: Aim, *, saturated: bool = False) -> bool:
        """Take in a sample; returns whether it was new. ``saturated``: the battery is at a limit, so the trim waits."""
        at_s = sample.at_s
        if self._load_w is not None and at_s <= self._sample_s:
            return False
        self._sample_s = at_s
        self._pace(sample)
        self._identify(at_s, sample.power_w)
        low, high = self._battery_w(at_s)
        self._low_w, self._high_w = low + sample.power_w, high + sample.power_w
        raw = self._power_w(at_s) + sample.power_w
        before = raw if self._load_w is None else self._load_w
        vague = high - low > VAGUE_W
        after = min(max(before, self._low_w), self._high_w) if vague else _towards(before, raw)
        self._load_w = after
        self._quiet = not vague and abs(raw - before) <= JUMP_W
        self._remember(at_s, after, after - before)
        residual = sample.power_w - aim.grid_w
        if self._quiet and not saturated and abs(residual) < TRIM_MOST_W and not self._chatters():
            self._trim_w = min(max(self._trim_w + TRIM_GAIN * residual, -TRIM_MOST_W), TRIM_MOST_W)
        return True

    # ---- what it says --------------------------------------------------------------------------------------------------------

    def net_load(self, aim: Aim) -> NetLoad | None:
        """Return the estimate; None before the first sample."""
        if self._load_w is None:
            return None
        chattering = self._chatters()
        load_w = self._quantile_w(aim.quantile) if chattering else self._load_w
        return NetLoad(
            power_w=load_w,
            low_w=min(self._low_w, self._load_w),
            high_w=max(self._high_w, self._load_w),
            wanted_w=self._for_meter(load_w - aim.grid_w + self._trim_w),
            at_s=self._sample_s,
            settled=self._quiet,
            chattering=chattering,
        )

    def given_w(self, unit: str, at_s: float) -> float:
        """Return what a unit gives at an instant, by what it was sent."""
        return self._tracks[unit].level_w(at_s)

    def moved_w(self, from_s: float, to_s: float) -> float:
        """Return by how much all units together have moved between two instants, at least, as far as these are known."""
        was, now = self._battery_w(from_s), self._battery_w(to_s)
        return max(0.0, now[0] - was[1], was[0] - now[1])

    def still_since_s(self, unit: str) -> float:
        """Return since when a unit has given the same, or until when it moves, by what it was sent."""
        return self._tracks[unit].final_s

    @property
    def dynamics(self) -> Mapping[str, Dynamics]:
        """What is known of every unit by now."""
        return {name: track.dynamics for name, track in self._tracks.items()}

    # ---- inside --------------------------------------------------------------------------------------------------------------

    def _for_meter(self, power_w: float) -> float:
        """Return the command, over all units, that gives so much at the meter."""
        commands = [track.dynamics.for_meter(power_w) for track in self._tracks.values()]
        return sum(commands) / len(commands) if commands else power_w

    def _power_w(self, at_s: float) -> float:
        return sum(track.level_w(at_s) for track in self._tracks.values())

    def _battery_w(self, at_s: float) -> tuple[float, float]:
        """Return the range of the battery's power at an instant that is known to a margin."""
        low = high = 0.0
        for track in self._tracks.values():
            margin_s = track.dynamics.margin_s
            least, most = track.range_w(at_s - margin_s, at_s + margin_s)
            low, high = low + least, high + most
        return low, high

    def _identify(self, at_s: float, grid_w: float) -> None:
        together, loud = self._power_w(at_s), self._chatters()
        for name, identification in self._identified.items():
            track = self._tracks[name]
            if identification.see(at_s, grid_w + together - track.level_w(at_s), loud=loud):
                track.dynamics = identification.dynamics

    def _pace(self, sample: MeterSample) -> None:
        """Work out which changes of the load are too fast to follow."""
        late_s = 0.0 if sample.arrived_s is None else max(0.0, sample.arrived_s - sample.at_s)
        known = [track.dynamics for track in self._tracks.values()]
        moving_s = max((each.dead_s + RAMP_W / each.slew_w_per_s for each in known), default=0.0)
        self._too_fast_s = TOO_FAST * (sample.period_s / 2 + late_s + moving_s + ROUNDING_S)
        self._window_s = max(CHATTER_S, 2.5 * self._too_fast_s)

    def _remember(self, at_s: float, load_w: float, step_w: float) -> None:
        self._seen.append((at_s, load_w))
        if abs(step_w) > JUMP_W:
            self._steps.append((at_s, step_w))
        while self._seen[0][0] < at_s - self._window_s:
            self._seen.popleft()
        while self._steps and self._steps[0][0] < at_s - self._window_s:
            self._steps.popleft()

    def _chatters(self) -> bool:
        """Return whether the load goes up and down by about the same again and again: a hob, a drum."""
        alternations = 0
        for (first_s, first), (second_s, second) in itertools.pairwise(self._steps):
            alike = first * second < 0 and abs(first + second) <= ALIKE * max(abs(first), abs(second))
            alternations += alike and second_s - first_s <= self._too_fast_s
        return alternations >= TWICE

    def _quantile_w(self, quantile: float) -> float:
        """Return the quantile of the window by time; each estimate holds until the next."""
        held = sorted((load, later_s - at_s) for (at_s, load), (later_s, _) in itertools.pairwise(self._seen))
        if not held:
            return self._seen[-1][1]
        sums = list(itertools.accumulate(seconds for _, seconds in held))
        return held[min(bisect_left(sums, quantile * sums[-1]), len(held) - 1)][0]


def _towards(before: float, raw: float) -> float:
    surprise = raw - before
    return raw if abs(surprise) > JUMP_W else before + SMOOTHING * surprise
