"""The contestants of ``zero_export.py``: ours, and the laws that users have today, each in a few lines from its description.

None of it is anybody's code: control.md, section 1.3 describes what automations, integrations and energy managers do. All of them
get the same samples, the same telemetry and the same actuator; what a device cannot do is cut off for all alike.
"""

from __future__ import annotations

import math
import statistics
from abc import ABC, abstractmethod
from collections import deque
from datetime import timedelta
from typing import Final

from zero_export_home import EXPORT_CT, IMPORT_CT, MOST_W, START, STORED_CT, Case, Sample

from indevolt.battery import Limit, Limits
from indevolt.control.controller import Controller
from indevolt.control.situation import Dynamics, Goals, MeterSample, Price, Seen, Situation, UnitState

LIMITS: Final = Limits(
    Limit(MOST_W, "W", "the unit"), Limit(MOST_W, "W", "the unit"), Limit(5, "%", "the unit"), Limit(100, "%", "the unit")
)
PRICE: Final = Price(IMPORT_CT / 100, EXPORT_CT / 100)


class Ours:
    """The project's controller, told what the hub tells it: a sample that repeats the last one stays as old as that."""

    def __init__(self, case: Case, *, dynamics: Dynamics | None = None, hard_zero: bool = False) -> None:
        self.controller = Controller({"battery": dynamics or Dynamics()})
        self._goals = Goals(hard_zero=hard_zero)
        self._period_s = case.meter.period_s
        self._meter: MeterSample | None = None
        self._given: Seen | None = None

    def sample(self, sample: Sample) -> None:
        """Hear of the meter as the hub does."""
        known = self._meter
        at_s = known.at_s if known is not None and known.power_w == sample.power_w else sample.at_s
        self._meter = MeterSample(sample.power_w, at_s, self._period_s, sample.arrived_s)

    def telemetry(self, at_s: float, power_w: float) -> None:
        """Hear what the device gave; a check, and no more."""
        self._given = Seen(power_w, at_s)

    def command(self, now_s: float) -> float | None:
        """Decide, and take the order as sent."""
        unit = UnitState("battery", LIMITS, Seen(50.0, now_s), 10_000.0, ac_w=self._given)
        at = START + timedelta(seconds=now_s)
        known = Situation(at, now_s, (unit,), self._meter, price=PRICE, stored_value_per_kwh=STORED_CT / 100, goals=self._goals)
        power = self.controller.decide(known).orders[0].power_w
        if power is None or power == self.controller.commanded("battery"):
            return None
        self.controller.sent("battery", now_s, power)
        return power


class Rival(ABC):
    """What the others have in common: the newest sample, the newest telemetry, and turns."""

    def __init__(self, every_s: float) -> None:
        self.every_s = every_s
        self.newest: Sample | None = None
        self.grid_w = 0.0
        self.given_w = 0.0
        self.last_s = -math.inf

    def sample(self, sample: Sample) -> None:
        """Hear of the meter."""
        self.newest, self.grid_w = sample, sample.power_w

    def telemetry(self, _at_s: float, power_w: float) -> None:
        """Hear what the device gave; nobody asks when."""
        self.given_w = power_w

    def command(self, now_s: float) -> float | None:
        """Decide when it is time."""
        if self.newest is None or now_s - self.last_s < self.every_s:
            return None
        self.last_s = now_s
        power = self.decide(now_s)
        return None if power is None else within(power)

    @abstractmethod
    def decide(self, now_s: float) -> float | None:
        """Return the power to command; None: leave it."""


class Stepping(Rival):
    """Add a share of what the meter shows: the automation that everybody writes first, and its careful sister."""

    def __init__(self, gain: float, deadband_w: float = 0.0) -> None:
        super().__init__(5.0)
        self._gain, self._deadband_w, self._power_w = gain, deadband_w, 0.0

    def decide(self, _now_s: float) -> float | None:
        """Step, unless it is hardly anything."""
        if abs(self.grid_w) > self._deadband_w:
            self._power_w = within(self._power_w + self._gain * self.grid_w)
        return self._power_w


class Pid(Rival):
    """A PID on the meter, as owners build it from the blocks of their automation system; its gains are the best for these cases."""

    def __init__(self, proportional: float = 0.1, integral_per_s: float = 0.12, differential_s: float = 0.0) -> None:
        super().__init__(5.0)
        self._gains = (proportional, integral_per_s, differential_s)
        self._sum_w = self._before_w = 0.0

    def decide(self, _now_s: float) -> float | None:
        """Add up the three parts; the sum stays within what the device can do."""
        proportional, integral_per_s, differential_s = self._gains
        slope = (self.grid_w - self._before_w) / self.every_s
        self._before_w = self.grid_w
        self._sum_w = within(self._sum_w + integral_per_s * self.every_s * self.grid_w)
        return proportional * self.grid_w + self._sum_w + differential_s * slope


class TelemetryLaw(Rival):
    """Meter and telemetry, added: soon when the meter jumps out of its usual noise, else at a slower pace."""

    FAST_S: Final = 2.2
    SLOW_S: Final = 4.0
    OUTSIDE: Final = 3.5  # standard deviations

    def __init__(self) -> None:
        super().__init__(self.SLOW_S)
        self._seen = deque[float](maxlen=30)

    def sample(self, sample: Sample) -> None:
        """Hear of the meter, and whether that is unusual."""
        super().sample(sample)
        if len(self._seen) > 2:
            noise = max(15.0, statistics.pstdev(self._seen))
            if abs(sample.power_w - statistics.fmean(self._seen)) > self.OUTSIDE * noise:
                self.every_s = self.FAST_S
        self._seen.append(sample.power_w)

    def decide(self, _now_s: float) -> float | None:
        """Take the two as if they were of the same moment."""
        self.every_s = self.SLOW_S
        return self.given_w + self.grid_w


class WaitingLaw(Rival):
    """Meter and telemetry, added, but only with samples that are two seconds younger than the last command."""

    WAIT_S: Final = 2.0
    HYSTERESIS_W: Final = 5.0

    def __init__(self) -> None:
        super().__init__(0.0)
        self._sent_s, self._sent_w = -math.inf, 0.0

    def decide(self, now_s: float) -> float | None:
        """Wait until the meter can have seen the last command."""
        if self.newest is None or self.newest.at_s < self._sent_s + self.WAIT_S:
            return None
        wanted = within(self.given_w + self.grid_w)
        if abs(wanted - self._sent_w) < self.HYSTERESIS_W:
            return None
        self._sent_s, self._sent_w = now_s, wanted
        return wanted


class FilterLaw(Rival):
    """Meter and telemetry, added, through a PID filter every second: built for an inverter on a fast bus."""

    PROPORTIONAL: Final = 0.3
    INTEGRAL: Final = 0.3
    DIFFERENTIAL: Final = 0.1

    def __init__(self) -> None:
        super().__init__(1.0)
        self._sum_w, self._before_w = 0.0, 0.0

    def decide(self, _now_s: float) -> float | None:
        """Filter the way from what is given to what is wanted."""
        most = MOST_W / self.INTEGRAL
        self._sum_w = min(max(self._sum_w + self.grid_w, -most), most)
        slope, self._before_w = self.given_w - self._before_w, self.given_w
        return self.PROPORTIONAL * self.grid_w + self.INTEGRAL * self._sum_w - self.DIFFERENTIAL * slope


def within(power_w: float) -> float:
    """Return what a device takes."""
    return min(max(power_w, -MOST_W), MOST_W)
