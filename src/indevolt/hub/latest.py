"""What is known of one device: the last sample of each quantity, and how much it is worth now.

Age is measured on the monotonic clock, so a wall clock that jumps makes nothing old or new.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

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
        aged = self.aged(name)
        return None if aged is None else aged[0]

    def aged(self, name: str) -> tuple[Sample, float] | None:
        """Return that sample, and how long ago it was read in seconds; None when never."""
        cycle = self._cycles.get(name)
        if cycle is None:
            return None
        age_s = self._clock.monotonic() - cycle.read_s
        return self._judge(cycle.samples[name], age_s, cycle.period_s), age_s

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
        return {name: aged[0] for name in wanted if (aged := self.aged(name)) is not None}

    def value(self, name: str) -> Value | None:
        """Return the last value of a quantity if it is live."""
        sample = self.sample(name)
        return sample.value if sample is not None and sample.quality is Quality.LIVE else None

    def reading(self, device: str, family: str, names: Iterable[str] | None = None) -> Reading:
        """Return all that is known as one reading of now."""
        return Reading(device, family, self._clock.now(), self.samples(names))

    def _judge(self, sample: Sample, age_s: float, period_s: float) -> Sample:
        if sample.quality is not Quality.LIVE:
            return sample
        if self.offline:
            quality = Quality.OFFLINE
        elif self.frozen or age_s > HELD_CYCLES * period_s:
            quality = Quality.STALE
        elif age_s > LIVE_CYCLES * period_s:
            quality = Quality.HELD
        else:
            return sample
        return replace(sample, quality=quality)


def has_value(sample: Sample) -> bool:
    """Return whether a sample carries a value, be it an old one."""
    return sample.value is not None and sample.quality in _VALUED
