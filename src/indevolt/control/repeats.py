"""Whether a meter that says the same again still measures, and how old that makes what it says.

A meter in whole watts that tells every ten seconds says the same twice by chance, in a quiet house often. A dead one does so for
ever. What tells them apart is our own battery: where it has moved in between, a living meter shows that; where it has not, it is
moved a little, so that the next sample has to differ. Without such a proof one repetition of a slow meter is believed, and
what goes on is as old as that (control.md, section 5, rule 4, allows three).

Meters that tell their own time, or anything else that they measure, need none of it: what is new there is known where they are
read. Not here: what follows from the age (``strategies.safety``).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from indevolt.control.situation import MeterSample
from indevolt.control.steady import LEAST_W, Wish

SLOW_S: Final = 2.5
"""Of a meter with a longer period a repeated value may be chance; of a faster one, ten seconds of it are none."""
DOUBT_PERIODS: Final = 3  # a fast meter that answers and says the same for so long, ...
DOUBT_S: Final = 8.0  # ... and no less, is asked
OFTEN: Final = 1.2  # periods, after which one that is asked more often than it measures should have measured again
REMEMBERED: Final = 6  # repetitions that the next is compared with; the third is not believed any more
QUESTION_W: Final = 20.0  # above the resolution of a meter, below what matters


class Repeats:
    """Judges the samples of one meter in the order in which they come."""

    __slots__ = ("_arrived_s", "_asked", "_gap_s", "_late_s", "_new_s", "_refuted", "_same_s")

    def __init__(self) -> None:
        self._new_s = -math.inf  # when that was measured which was new last
        self._late_s = 0.0  # how late that was heard of
        self._arrived_s = -math.inf  # when anything was heard last, ...
        self._gap_s = math.inf  # ... and how long after what came before
        self._same_s: deque[float] = deque(maxlen=REMEMBERED)  # when the same was measured, the first time included
        self._refuted = False  # the battery has moved since, and the meter did not show it
        self._asked = False  # it was moved in order to see that

    def heard(self, meter: MeterSample | None, moved_w: Callable[[float, float], float]) -> MeterSample | None:
        """Return the sample with the time that it may count as measured.

        Args:
            meter: as it was read: its time is that of the last value that was new.
            moved_w: by how much, at least, our own battery has moved between two moments.
        """
        if meter is None or meter.arrived_s is None:
            return meter
        if meter.arrived_s > self._arrived_s:
            self._gap_s, self._arrived_s = meter.arrived_s - self._arrived_s, meter.arrived_s
        if meter.at_s != self._new_s:
            self._new_s, self._late_s = meter.at_s, meter.arrived_s - meter.at_s
            self._refuted = self._asked = False
            self._same_s.clear()
            self._same_s.append(meter.at_s)
        again_s = self._again_s(meter)
        if meter.period_s <= SLOW_S or again_s < meter.period_s / 2:
            return meter
        measured_s = meter.at_s + again_s
        if measured_s > self._same_s[-1]:
            self._refuted = self._refuted or any(moved_w(each, measured_s) >= QUESTION_W / 2 for each in self._same_s)
            self._same_s.append(measured_s)
        return meter if self._refuted else replace(meter, at_s=meter.at_s + min(again_s, meter.period_s))

    def question_w(self, meter: MeterSample | None, now_s: float, commanded_w: float, wish: Wish) -> float | None:
        """Return the power that asks a meter in doubt whether it still measures; None where there is nothing to ask.

        The question stands until it is answered: a battery that had moved back by then would have shown nothing.
        """
        if meter is None or meter.arrived_s is None or self._refuted or abs(commanded_w) < LEAST_W:
            return None
        if self._asked:
            return commanded_w if abs(commanded_w - wish.power_w) <= 2 * QUESTION_W else None
        if not self._doubts(meter, now_s):
            return None
        for asking in (commanded_w - QUESTION_W, commanded_w + QUESTION_W):
            if abs(asking) >= LEAST_W and wish.low_w <= asking <= wish.high_w:
                self._asked = True
                return asking
        return None

    def _doubts(self, meter: MeterSample, now_s: float) -> bool:
        """Return whether it is time to ask, so that the answer comes before the meter is given up."""
        if meter.period_s > SLOW_S:
            is_asked_often = self._gap_s < meter.period_s / 2  # and tells the same until it measures again
            return self._again_s(meter) > meter.period_s * (OFTEN if is_asked_often else 0.5)
        answers = meter.arrived_s is not None and now_s - meter.arrived_s <= 2 * meter.period_s
        return answers and now_s - self._new_s > max(DOUBT_PERIODS * meter.period_s, DOUBT_S)

    def _again_s(self, meter: MeterSample) -> float:
        """Return how long after what was new it has measured the same once more."""
        return 0.0 if meter.arrived_s is None else meter.arrived_s - self._late_s - self._new_s
