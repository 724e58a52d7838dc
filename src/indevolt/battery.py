"""The vocabulary: what every layer, from codec to dashboard, says about a battery.

Records only. How they travel is in ``protocol``, what a point number means is in ``catalogue``.

Two rules hold everywhere above the wire:

* **Units**: W, Wh, V, A, Hz, %, °C, s; values are plain numbers, never strings with units.
* **Sign**: power is positive when it flows into the house (grid import, PV, a discharging battery), so that
  ``load = grid + pv + battery``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from enum import StrEnum
from itertools import chain
from typing import Final, TypeAlias, assert_never

Value: TypeAlias = bool | int | float | str | time | datetime
"""What a quantity can be: a switch, a number in its unit, a word of an enum or a text, a time of day, a clock."""


class Quality(StrEnum):
    """How much a sample is worth.

    Only a LIVE sample has a value, but for the three that a long-running observer gives to what it knew last: HELD, STALE and
    OFFLINE samples have the last value, with the time it is from.
    """

    LIVE = "live"
    HELD = "held"  # the cycle that should have renewed it was missed, the one before was not
    STALE = "stale"  # older than that, or the device repeats itself
    OFFLINE = "offline"  # the device does not answer any more
    NOT_AVAILABLE = "not available"  # the device sent its sentinel for "I have no value"
    NOT_INSTALLED = "not installed"  # belongs to a pack or input this unit does not have
    ABSENT = "absent"  # asked for, and left out of the reply
    QUARANTINED = "quarantined"  # this point spoils whole replies, so it is not asked for now
    UNREADABLE = "unreadable"  # the device sent something the catalogue cannot read
    UNANSWERED = "unanswered"  # asked for, and the device did not answer at all


@dataclass(frozen=True, slots=True)
class Sample:
    """One quantity at one instant; ``value`` is None unless the quality is LIVE, or one of those that have the last value."""

    name: str
    value: Value | None
    unit: str
    at: datetime
    quality: Quality = Quality.LIVE

    def age(self, now: datetime) -> float:
        """Return the seconds since this was read; negative if the clock was set back."""
        return (now - self.at).total_seconds()


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Names and units of a selection of quantities: what is the same in each :class:`Row` of it."""

    names: tuple[str, ...]
    units: tuple[str, ...]
    index: Mapping[str, int]  # where each name stands

    @staticmethod
    def of(units: Mapping[str, str]) -> Columns:
        """Return the columns for units by name."""
        return Columns(tuple(units), tuple(units.values()), {name: index for index, name in enumerate(units)})


@dataclass(frozen=True, slots=True, eq=False)
class Row(Mapping[str, Sample]):
    """Samples of one instant, by column. A :class:`Sample` is made when somebody asks for it: of most, only the value is wanted."""

    columns: Columns
    told: Sequence[Value | None]  # None for what is not live
    at: datetime
    odd: Mapping[str, Quality] = field(default_factory=dict)  # the qualities of what is not live, by name

    def __getitem__(self, name: str) -> Sample:
        index = self.columns.index[name]
        return Sample(name, self.told[index], self.columns.units[index], self.at, self.odd.get(name, Quality.LIVE))

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns.names)

    def __len__(self) -> int:
        return len(self.columns.names)

    def __contains__(self, name: object) -> bool:
        return name in self.columns.index

    def value(self, name: str) -> Value | None:
        """Return the value, or None where there is none."""
        index = self.columns.index.get(name)
        return None if index is None else self.told[index]

    def tell(self, names: Iterable[str]) -> list[Value | None]:
        """Return several values, None where there is none."""
        index, told = self.columns.index, self.told
        return [None if (at := index.get(name)) is None else told[at] for name in names]

    def live(self) -> dict[str, Value]:
        """Return the values of what is live, by name."""
        found = {name: value for name, value in zip(self.columns.names, self.told, strict=True) if value is not None}
        for name in self.odd:
            found.pop(name, None)
        return found


@dataclass(frozen=True, slots=True)
class Reading(Mapping[str, Sample]):
    """What one device said; a mapping from quantity name to :class:`Sample`."""

    device: str  # serial number, or the address while that is unknown
    family: str
    at: datetime
    samples: Mapping[str, Sample]

    def __getitem__(self, name: str) -> Sample:
        return self.samples[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.samples)

    def __len__(self) -> int:
        return len(self.samples)

    def value(self, name: str) -> Value | None:
        """Return the value, or None when it was not asked for or is not live. Unknown is never 0."""
        if isinstance(self.samples, _AT_ONCE):
            return self.samples.value(name)
        sample = self.samples.get(name)
        return None if sample is None else sample.value

    def tell(self, names: Iterable[str]) -> list[Value | None]:
        """Return several values at once, as :meth:`value` does one."""
        if isinstance(self.samples, _AT_ONCE):
            return self.samples.tell(names)
        return [self.value(name) for name in names]

    def live(self) -> dict[str, Value]:
        """Return the values of what is live, by name."""
        if isinstance(self.samples, _AT_ONCE):
            return self.samples.live()
        samples = self.samples.values()
        return {each.name: each.value for each in samples if each.quality is Quality.LIVE and each.value is not None}

    def values_but(self, name: str) -> Sequence[Value | None]:
        """Return what is live, in the order of the quantities, and None for the others and for one that does not matter."""
        if isinstance(self.samples, Row):
            told = list(self.samples.told)
            if (index := self.samples.columns.index.get(name)) is not None:
                told[index] = None
            return told
        return [each.value if each.quality is Quality.LIVE and each.name != name else None for each in self.samples.values()]

    def odd(self) -> Mapping[str, Quality]:
        """Return the qualities of what is not live, by name."""
        if isinstance(self.samples, Row):
            return self.samples.odd
        if isinstance(self.samples, Shares):
            return self.samples.odd()
        return {name: sample.quality for name, sample in self.samples.items() if sample.quality is not Quality.LIVE}

    def number(self, name: str) -> float | None:
        """Return a numeric value as float, or None when unknown or not a number."""
        value = self.value(name)
        return float(value) if type(value) is int or type(value) is float else None


@dataclass(frozen=True, slots=True, eq=False)
class Shares(Mapping[str, Sample]):
    """Samples that several readings have brought, each with its own time; no quantity is in two of them."""

    readings: Sequence[Reading]

    def __getitem__(self, name: str) -> Sample:
        for reading in self.readings:
            if name in reading.samples:
                return reading.samples[name]
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self.readings)

    def __len__(self) -> int:
        return sum(map(len, self.readings))

    def value(self, name: str) -> Value | None:
        """Return the value, or None where there is none."""
        return next((value for reading in self.readings if (value := reading.value(name)) is not None), None)

    def tell(self, names: Iterable[str]) -> list[Value | None]:
        """Return several values, None where there is none."""
        live = self.live()
        return [live.get(name) for name in names]

    def live(self) -> dict[str, Value]:
        """Return the values of what is live, by name."""
        return {name: value for reading in self.readings for name, value in reading.live().items()}

    def odd(self) -> dict[str, Quality]:
        """Return the qualities of what is not live, by name."""
        return {name: quality for reading in self.readings for name, quality in reading.odd().items()}


_AT_ONCE: Final = (Row, Shares)  # tell values without making samples of them


@dataclass(frozen=True, slots=True)
class SelfUse:
    """The device's own self-consumption loop: it follows its meter."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The device's own charge and discharge schedule, as saved in the app."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Stand by: neither charge nor discharge."""


@dataclass(frozen=True, slots=True)
class Charge:
    """Charge with ``power_w`` (positive watts) until ``soc_pct``."""

    power_w: int
    soc_pct: int = 100


@dataclass(frozen=True, slots=True)
class Discharge:
    """Discharge with ``power_w`` (positive watts) until ``soc_pct``."""

    power_w: int
    soc_pct: int = 5


Command: TypeAlias = SelfUse | Schedule | Hold | Charge | Discharge


def in_words(command: Command) -> str:
    """Return a command as people are told of it."""
    match command:
        case Charge(power_w=power_w, soc_pct=soc_pct):
            return f"charge with {power_w} W up to {soc_pct} %"
        case Discharge(power_w=power_w, soc_pct=soc_pct):
            return f"discharge with {power_w} W down to {soc_pct} %"
        case Hold():
            return "neither charge nor discharge"
        case SelfUse():
            return "self-use, as the device does it"
        case Schedule():
            return "the schedule that is saved in the device"
        case _:
            assert_never(command)


class Stage(StrEnum):
    """How far a write got, proven."""

    REFUSED = "refused"  # result: false
    INTERRUPTED = "interrupted"  # the device went away or restarted before anything could be proven
    ACCEPTED = "accepted"  # result: true, and no more: the read side did not follow in time, or there is none
    CONFIRMED = "confirmed"  # the read side shows the wanted value
    EFFECTIVE = "effective"  # and the power moved as commanded


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a write or a command."""

    stage: Stage
    wanted: Mapping[str, Value]
    before: Mapping[str, Value | None] = field(default_factory=dict)
    shown: Mapping[str, Value | None] = field(default_factory=dict)  # last read-back; None: not readable
    took_s: float = 0.0  # from the first write to the last proof
    notes: tuple[str, ...] = ()  # clamped values, slow confirmations, what is still missing

    @property
    def proven(self) -> bool:
        """Whether the device itself shows what was wanted."""
        return self.stage in (Stage.CONFIRMED, Stage.EFFECTIVE)


@dataclass(frozen=True, slots=True)
class Limit:
    """An upper bound that holds now, and why."""

    value: float
    unit: str
    cause: str


@dataclass(frozen=True, slots=True)
class Limits:
    """Effective limits of one unit or cluster, each with its cause."""

    charge: Limit
    discharge: Limit
    soc_min: Limit
    soc_max: Limit
