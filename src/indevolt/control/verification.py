"""Whether a battery does what it was ordered: two witnesses of each large step, one more try, and then none for a while.

That a device accepts an order, and shows it, proves nothing (control.md, section 5, rule 6). One witness is the power that the unit
shows, the other the meter of the site, or the unit's own AC power where there is none. The house moves as well, and what units
show is late, so a step is only judged where both say the same, or where the house was quiet; else nothing is said.

Not here: what the device reads back within one command (``indevolt.device.proof``), limits that are learnt (``observer``), and what
follows from a unit that is given up (``strategies.safety``).
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from indevolt.battery import Charge, Command, Discharge
from indevolt.control.situation import Dynamics, Seen, UnitState

WITHIN_S: Final = 15.0  # a step has to show in so long; longer only where dead time and slope are known to take it
LEAST_W: Final = 200.0  # of a step, above the noise of a house
ENOUGH: Final = 0.5  # of a step is a step (control.md, section 5, rule 6)
HARDLY: Final = 0.2  # of it is none; what is in between is a limit that nobody told
MOVING_W: Final = 100.0  # and so is less than was ordered, in that direction, from here on: the observer learns it
QUIET_W: Final = 60.0  # that the meter of a quiet house wanders by
QUIET_S: Final = 10.0  # for which it has to be so before a step
FRESH_S: Final = 30.0  # what was shown longer ago does not say where a step began
WAITS_S: Final = 60.0  # for witnesses after that; then nothing is said
REMEMBERED_S: Final = 180.0  # above what a command may take until it is known, and the wait for witnesses
LATE_S: Final = 25.0  # for an order to be shown: "often many seconds" (protocol.md, section 13)
NEAR_PCT: Final = 1.0  # a charge is shown in whole percent
TAPERS_PCT: Final = 95.0  # from here on a battery may take less than it is told
SUN_W: Final = 50.0  # through the unit, above the noise of a panel at night

RETRIES: Final = 1
GIVEN_UP_S: Final = 900.0  # as long as others are left alone ...
LONGEST_S: Final = 14_400.0  # ... doubled each time, up to this: every try costs two changes of mode
LINGERS_S: Final = 600.0  # an alarm is over when it was not so again for this long


class Verdict(StrEnum):
    """What became of a step."""

    MOVED = "moved"  # both witnesses show it
    STILL = "still"  # neither does
    UNSEEN = "unseen"  # the unit says so, and in a quiet house the meter does not
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Check:
    """A step that was judged."""

    verdict: Verdict
    ordered_w: float
    shown_w: float  # what the unit showed last, as it is at the meter

    def __str__(self) -> str:
        told = f"ordered {self.ordered_w:+.0f} W, it shows {self.shown_w:+.0f} W"
        match self.verdict:
            case Verdict.STILL:
                return f"{told}, and nothing moved"
            case Verdict.UNSEEN:
                return f"{told}, and the meter did not move"
        return told


@dataclass(slots=True)
class _Step:
    """A step that waits to be judged."""

    at_s: float
    way: float
    from_w: float
    least_w: float  # of all that was ordered since, at least so much
    due_s: float
    single: bool  # one order and no more: where each follows the house, the house has moved


class Verification:
    """Follows the orders of one unit. It is told what was sent, looks when there is something new, and writes nothing."""

    __slots__ = ("_dynamics", "_inner", "_ordered_w", "_outer", "_since_s", "_step")

    def __init__(self) -> None:
        self._inner: deque[Seen] = deque()
        self._outer: deque[Seen] = deque()
        self._ordered_w: float | None = None
        self._since_s = -math.inf
        self._dynamics = Dynamics()
        self._step: _Step | None = None

    def sent(self, at_s: float, power_w: float | None, dynamics: Dynamics | None = None) -> None:
        """Take note of an order that was written; None: the unit was given back to its own loop.

        Args:
            at_s: when it was written; what became of it may be known later.
            power_w: of the battery, positive when it discharges.
            dynamics: how the unit answers.
        """
        before, self._ordered_w, self._since_s = self._ordered_w, power_w, at_s
        self._dynamics = dynamics or self._dynamics
        if power_w is None:
            self._step = None
            return
        target, step = self._dynamics.at_meter(power_w), self._step
        if step is not None and (left_w := step.way * (target - step.from_w)) >= LEAST_W:
            step.least_w, step.single = min(step.least_w, left_w), False
            return
        self._step = self._begun(at_s, target, jump_w=math.inf if before is None else abs(power_w - before))

    def look(self, now_s: float, inner: Seen | None, outer: Seen | None, *, excused: bool = False) -> Check | None:
        """Return what became of a step, when that can be said; None: nothing new.

        Args:
            now_s: the monotonic clock.
            inner: the battery's power as the unit shows it, and as it would be at the meter.
            outer: power into the house that another instrument shows: what the meter shows, turned round, or the unit's AC power.
            excused: the unit has a reason not to move.
        """
        for known, seen in ((self._inner, inner), (self._outer, outer)):
            if seen is not None and (not known or seen.at_s > known[-1].at_s):
                known.append(seen)
            while known and known[0].at_s < now_s - REMEMBERED_S:
                known.popleft()
        if self._ordered_w is None:
            return None
        if excused:
            self._step = None
            return None
        if self._step is None:
            if now_s - self._since_s >= WITHIN_S:  # what was ordered long ago has to be so as well
                self._step = self._begun(now_s, self._dynamics.at_meter(self._ordered_w), jump_w=0.0)
            return None
        verdict = self._judge(self._step, now_s)
        if verdict is None:
            return None
        self._step = None
        return Check(verdict, self._ordered_w, self._inner[-1].value if self._inner else math.nan)

    # ---- inside --------------------------------------------------------------------------------------------------------------

    def _begun(self, at_s: float, target_w: float, *, jump_w: float) -> _Step | None:
        start = _last(self._inner, at_s)
        if start is None or abs(target_w - start.value) < LEAST_W or _is_limited(start.value, target_w):
            return None
        known, step_w = self._dynamics, target_w - start.value
        takes_s = known.dead_s + max(known.start_s, known.swap_s) + known.margin_s + ENOUGH * abs(step_w) / known.slew_w_per_s
        due_s = at_s + max(WITHIN_S, takes_s)
        return _Step(at_s, math.copysign(1.0, step_w), start.value, abs(step_w), due_s, single=jump_w >= LEAST_W)

    def _judge(self, step: _Step, now_s: float) -> Verdict | None:
        start = _last(self._outer, step.at_s)
        inner = [step.way * (seen.value - step.from_w) for seen in self._inner if seen.at_s > step.at_s]
        outer = [step.way * (seen.value - start.value) for seen in self._outer if start is not None and seen.at_s > step.at_s]
        enough_w = ENOUGH * step.least_w
        moved_w = max(inner, default=0.0)
        if moved_w >= enough_w and max(outer, default=0.0) >= enough_w:
            return Verdict.MOVED
        told_s = min((known[-1].at_s if known else -math.inf) for known in (self._inner, self._outer))
        if told_s < step.due_s or start is None:
            return Verdict.UNDECIDED if now_s >= step.due_s + WAITS_S else None
        stood = all(abs(each) < enough_w for each in outer)
        if moved_w <= HARDLY * step.least_w and stood:
            return Verdict.STILL
        if moved_w >= enough_w and step.single and self._was_quiet(step):
            return Verdict.UNSEEN
        return Verdict.UNDECIDED

    def _was_quiet(self, step: _Step) -> bool:
        """Return whether the meter stood still before the step and after it, so that the house did not hide it."""
        seen = [each.value for each in self._outer if each.at_s >= step.at_s - QUIET_S]
        before = [each for each in self._outer if step.at_s - QUIET_S <= each.at_s <= step.at_s]
        return len(before) > 1 and max(seen) - min(seen) < QUIET_W


class Readback:
    """Follows which order one unit shows. That is late, and a loop orders anew before, so any order of ours will do for a while."""

    __slots__ = ("_first_s", "_sent", "_shown_w")

    def __init__(self) -> None:
        self._sent: deque[Seen] = deque()  # what was ordered, and when
        self._shown_w: float | None = None  # None: no order, but another mode
        self._first_s = -math.inf  # when that was shown first

    def sent(self, at_s: float, power_w: float | None) -> None:
        """Take note of an order that was written; None: the unit was given back to its own loop."""
        if power_w is None:
            self._sent.clear()
            return
        if not self._sent or self._sent[-1].value != power_w:
            self._sent.append(Seen(power_w, at_s))
        while self._sent[0].at_s < at_s - REMEMBERED_S and len(self._sent) > 1:
            self._sent.popleft()

    def late_s(self, at_s: float, power_w: float | None) -> float:
        """Return for how long a newer order should have been shown than the one that was; 0: it shows the last.

        Args:
            at_s: when it showed this.
            power_w: of the order that it showed; None: it showed another mode.
        """
        if power_w != self._shown_w:
            self._shown_w, self._first_s = power_w, at_s
        replaced_s = math.inf
        for order in reversed(self._sent):
            if power_w is not None and abs(order.value - power_w) < 1:
                return max(0.0, at_s - replaced_s)
            replaced_s = order.at_s
        return max(0.0, at_s - max(replaced_s, self._first_s))


class Trust:
    """What follows from it: one more try, then none for a while, longer each time; one step that is seen, and all is well."""

    __slots__ = ("_failures", "_physical", "_times", "until_s", "what")

    def __init__(self) -> None:
        self.what = ""
        """What was wrong last; empty while nothing is."""
        self.until_s = -math.inf
        self._failures = 0
        self._physical = False
        self._times = 0

    def failed(self, now_s: float, what: str, *, physical: bool = True) -> bool:
        """Take note that it did not do what it was told; return whether to try once more, else it is given up from now on.

        Args:
            now_s: the monotonic clock.
            what: was wrong.
            physical: it shows the order, and nothing moved.
        """
        self.what, self._physical = what, physical
        self._failures += 1
        if self._failures <= RETRIES:
            return True
        self._failures = 0
        self._times += 1
        self.until_s = now_s + min(LONGEST_S, GIVEN_UP_S * 2.0 ** min(self._times - 1, 10))
        return False

    def took(self) -> None:
        """Take note that it shows an order; that something moves has to be seen by more than the unit itself."""
        if not self._physical:
            self._failures = 0

    def proved(self) -> None:
        """Take note that it did."""
        self.what, self.until_s, self._failures, self._times = "", -math.inf, 0, 0

    def forgive(self) -> None:
        """Try again now, as somebody asks for it; the pause after another failure is no shorter for that."""
        self.until_s = -math.inf

    def gave_up(self, now_s: float) -> bool:
        """Return whether it is given up now."""
        return now_s < self.until_s

    def alarms(self, now_s: float) -> bool:
        """Return whether it was given up lately, and has done nothing since that would show better."""
        return self._times > 0 and now_s < self.until_s + LINGERS_S


def is_excused(unit: UnitState, sent: Command, *, sun_w: float = 0.0) -> bool:
    """Return whether a unit may rightly not move: it is where the order ends, near full, or busy on its own account.

    While the sun gives through it, it may also be its socket that does as ordered: which of both an order means is not documented
    (control.md, section 0).
    """
    if unit.calibrating or unit.soc_pct is None:
        return True
    soc_pct, ordered_w = unit.soc_pct.value, 0.0
    match sent:
        case Charge(power_w=power_w, soc_pct=target_pct):
            ordered_w = -power_w
            done = soc_pct >= min(TAPERS_PCT, target_pct - NEAR_PCT, unit.limits.soc_max.value - NEAR_PCT)
        case Discharge(power_w=power_w, soc_pct=target_pct):
            ordered_w = power_w
            done = soc_pct <= NEAR_PCT + max(target_pct, unit.limits.soc_min.value, unit.backup_pct or 0.0)
        case _:
            done = False
    return done or (sun_w >= SUN_W and unit.ac_w is not None and abs(unit.ac_w.value - ordered_w) < LEAST_W)


def _is_limited(shown_w: float, target_w: float) -> bool:
    """Return whether a unit already gives what is ordered but for the amount, and so may not be able to give more."""
    return shown_w * target_w > 0 and MOVING_W <= abs(shown_w) < abs(target_w)


def _last(seen: deque[Seen], at_s: float) -> Seen | None:
    """Return what was shown last before something happened, unless that is long ago."""
    return next((each for each in reversed(seen) if at_s - FRESH_S <= each.at_s <= at_s), None)
