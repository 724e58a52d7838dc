"""What is known of one device: the last sample of each quantity, and how much it is worth now.

Age is measured on the monotonic clock, so a wall clock that jumps makes nothing old or new.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, NamedTuple

from indevolt.battery import Columns, Quality, Reading, Row, Sample, Value
from indevolt.clock import Clock

LIVE_CYCLES: Final = 1.6  # a sample is live for a cycle, and for the jitter and the duration of the next reading
HELD_CYCLES: Final = 2.6  # and held for one missed cycle more
_LEFT_OUT: Final = frozenset((Quality.QUARANTINED, Quality.UNANSWERED))
_VALUED: Final = (Quality.LIVE, Quality.HELD, Quality.STALE, Quality.OFFLINE)


@dataclass(slots=True)
class _Cycle:
    """What a cycle brought, when that was, and how often it comes; one for all of it, as a hub may know many thousand devices.

    The next cycle of the same quantities takes its place here, so that not each of them has to be told.
    """

    samples: Mapping[str, Sample]
    read_s: float
    period_s: float


class Aged(NamedTuple):
    """A value, when it was read, how long ago that is, and what it is worth now: a sample without its name and unit."""

    value: Value | None
    at: datetime
    age_s: float
    quality: Quality


class Latest:
    """The last sample of each quantity of a device.

    ``offline`` says that the device does not answer, ``frozen`` that it repeats itself; both devalue what is known.
    """

    def __init__(self, clock: Clock) -> None:
        self.offline = False
        self.frozen = False
        self._clock = clock
        self._cycles: dict[str, _Cycle] = {}  # by quantity
        self._whole: dict[Columns, _Cycle] = {}  # those that all of their quantities are in, and no others

    def __contains__(self, name: str) -> bool:
        return name in self._cycles

    def take(self, reading: Reading, period_s: float) -> None:
        """Take in what a cycle brought; ``period_s`` is how often it comes.

        A point that is in quarantine, or left out this time, keeps its last value, which grows old: so nothing vanishes without a
        word.
        """
        samples, now_s = reading.samples, self._clock.monotonic()
        left_out = not _LEFT_OUT.isdisjoint(reading.odd().values())
        columns = samples.columns if isinstance(samples, Row) and not left_out else None
        if columns is not None and (cycle := self._whole.get(columns)) is not None:
            cycle.samples, cycle.read_s, cycle.period_s = samples, now_s, period_s
            return
        cycle = _Cycle(samples, now_s, period_s)
        kept = {
            name: self._cycles[name] for name, quality in reading.odd().items() if quality in _LEFT_OUT and self._was_live(name)
        }
        robbed = {id(self._cycles[name]) for name in reading if name in self._cycles}
        self._whole = {its: whole for its, whole in self._whole.items() if id(whole) not in robbed}
        self._cycles.update(dict.fromkeys(reading, cycle))
        self._cycles.update(kept)
        if columns is not None:
            self._whole[columns] = cycle

    def _was_live(self, name: str) -> bool:
        known = self._cycles.get(name)
        return known is not None and known.samples[name].quality is Quality.LIVE

    def forget(self) -> None:
        """Forget everything, as it is of another device."""
        self._cycles.clear()
        self._whole.clear()

    def sample(self, name: str) -> Sample | None:
        """Return the last sample of a quantity with the quality it has now; None when it was never read."""
        cycle = self._cycles.get(name)
        if cycle is None:
            return None
        sample = cycle.samples[name]
        quality = self._worth(sample.quality, self._clock.monotonic() - cycle.read_s, cycle.period_s)
        return sample if quality is sample.quality else replace(sample, quality=quality)

    def aged(self, name: str) -> Aged | None:
        """Return what is known of a quantity now; None when it was never read."""
        cycle = self._cycles.get(name)
        if cycle is None:
            return None
        age_s, samples = self._clock.monotonic() - cycle.read_s, cycle.samples
        if isinstance(samples, Row):  # as most are: without making a sample of it
            value, at, quality = samples.value(name), samples.at, samples.odd.get(name, Quality.LIVE)
        else:
            sample = samples[name]
            value, at, quality = sample.value, sample.at, sample.quality
        return Aged(value, at, age_s, self._worth(quality, age_s, cycle.period_s))

    def told(self, names: Iterable[str]) -> Mapping[str, Sample]:
        """Return the last samples of quantities that were read, as they were when they were read."""
        return {name: cycle.samples[name] for name in names if (cycle := self._cycles.get(name)) is not None}

    def age_s(self, name: str) -> float | None:
        """Return how long ago a quantity was read; None when never."""
        cycle = self._cycles.get(name)
        return None if cycle is None else self._clock.monotonic() - cycle.read_s

    def samples(self, names: Iterable[str] | None = None) -> Mapping[str, Sample]:
        """Return samples by name, all or some."""
        wanted = self._cycles if names is None else names
        return {name: sample for name in wanted if (sample := self.sample(name)) is not None}

    def value(self, name: str) -> Value | None:
        """Return the last value of a quantity if it is live."""
        aged = self.aged(name)
        return aged.value if aged is not None and aged.quality is Quality.LIVE else None

    def reading(self, device: str, family: str, names: Iterable[str] | None = None) -> Reading:
        """Return all that is known as one reading of now."""
        return Reading(device, family, self._clock.now(), self.samples(names))

    def _worth(self, quality: Quality, age_s: float, period_s: float) -> Quality:
        """Return what is left of a quality."""
        if quality is not Quality.LIVE:
            return quality
        if self.offline:
            return Quality.OFFLINE
        if self.frozen or age_s > HELD_CYCLES * period_s:
            return Quality.STALE
        return Quality.HELD if age_s > LIVE_CYCLES * period_s else Quality.LIVE


def has_value(sample: Sample) -> bool:
    """Return whether a sample carries a value, be it an old one."""
    return sample.value is not None and sample.quality in _VALUED
