"""One meter as the hub knows it: what it told last, whether that may be believed, how old it is, and how often it tells. No I/O.

The rules are those of control.md, section 5, rule 4: what is no number, more than twice what can flow, or from before the last is
rejected; a meter that says nothing new for three of its intervals is frozen if it answers, and stale if it does not. What counts as
new is any change of any number that it measures, so that a steady house is told from a dead sensor by its voltage.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median
from typing import Final

import orjson

from indevolt.control.situation import MeterSample as ControlSample
from indevolt.hub.config_meters import MeterConfig, MeterRole
from indevolt.hub.meters.told import Told

PATIENCE: Final = 3  # intervals without anything new
LEAST_PATIENCE_S: Final = 10.0  # below, one lost answer of a fast meter would be an outage (control.md, section 1.9)
FAULT_FACTOR: Final = 2.0  # times what can flow is a fault of the meter
_LONG: Final = 0.9  # of the intervals are shorter than the one that patience goes by
REMEMBERED: Final = 20  # intervals that the usual one is learnt from
BACKWARDS: Final = 5  # samples in a row from before the last one: then its clock was set, and they count


class MeterState(StrEnum):
    """What a meter is worth now."""

    WAITING = "waiting"  # it has never told anything that counts
    LIVE = "live"
    FROZEN = "frozen"  # it answers, and every number stands still
    STALE = "stale"  # it does not answer, or only what is rejected


@dataclass(frozen=True, slots=True)
class SignTest:
    """What came of moving the battery and looking at the meter (control.md, section 1.7)."""

    passed: bool
    at: datetime
    evidence: str  # what was moved, and what the meter showed
    of: str  # the setting of the meter that was tested; another one is untested

    def text(self) -> str:
        """Return it as the store keeps it."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def of_text(cls, text: str) -> SignTest:
        """Return what the store has kept."""
        kept = orjson.loads(text)
        return cls(kept["passed"], datetime.fromisoformat(kept["at"]), kept["evidence"], kept["of"])


@dataclass(frozen=True, slots=True)
class Shown:
    """The last that counts of what a meter told; the power has the sign of its role.

    Of the grid, import is positive; of a plant, what it gives; of cars and other loads, what they take.
    """

    power_w: float
    phases_w: tuple[float, ...]
    import_wh: float | None  # of the grid and of loads: taken; of a plant: given
    export_wh: float | None
    at: datetime
    at_s: float  # the same instant on the monotonic clock
    arrived_s: float
    is_new: bool  # False: it told the same once more


class Meter:
    """A meter.

    Args:
        config: what its owner said.
        usual_s: how often it tells, as long as that has not been learnt.
        simulated: whether what it measures is simulated.
    """

    def __init__(self, config: MeterConfig, *, usual_s: float = 1.0, simulated: bool = False) -> None:
        self.config = config
        self.simulated = simulated
        self.shown: Shown | None = None
        self.trouble = ""  # why it does not tell, or what was rejected; empty while all is well
        self.accepted = self.rejected = self.failures = 0
        self.sign: SignTest | None = None
        self._usual_s = usual_s
        self._told: Told | None = None
        self._renewed_s = -math.inf  # when it last told something new
        self._heard_s = -math.inf  # when it last told anything that counts
        self._gaps_s: deque[float] = deque(maxlen=REMEMBERED)
        self._offsets_s: deque[float] = deque(maxlen=REMEMBERED)  # between its own clock and ours, as samples arrived
        self._backwards = 0
        self._interrupted = False  # the gap that follows is of the network, not of the meter

    @property
    def name(self) -> str:
        """What it is called."""
        return self.config.name

    @property
    def role(self) -> MeterRole:
        """What flows through it."""
        return self.config.role

    @property
    def period_s(self) -> float:
        """How often it tells something new."""
        return median(self._gaps_s) if self._gaps_s else self._usual_s

    @property
    def patience_s(self) -> float:
        """How long it may tell nothing new."""
        if self.config.patience_s is not None:
            return self.config.patience_s
        gaps_s = sorted(self._gaps_s) or [self._usual_s]
        long_s = gaps_s[int(_LONG * len(gaps_s))]  # so that one outage does not teach it to be patient with the next
        return max(LEAST_PATIENCE_S, PATIENCE * long_s)

    @property
    def setting(self) -> str:
        """What a test of its sign is good for: where it is read, and how."""
        return self.config.model_dump_json(exclude={"name", "limit_w", "every_s", "patience_s", "password"})

    @property
    def proven(self) -> bool:
        """Whether its sign was tested, and right, as it is set up now."""
        return self.sign is not None and self.sign.passed and self.sign.of == self.setting

    def state(self, now_s: float) -> MeterState:
        """Return what it is worth at a moment of the monotonic clock."""
        if self.shown is None:
            return MeterState.WAITING
        if now_s - self._heard_s > self.patience_s:
            return MeterState.STALE
        return MeterState.FROZEN if now_s - self._renewed_s > self.patience_s else MeterState.LIVE

    def why(self, now_s: float) -> str:
        """Return what is wrong at a moment of the monotonic clock; empty while all is well."""
        if not self.trouble and self.state(now_s) is MeterState.FROZEN:
            return f"every number has stood still for {now_s - self._renewed_s:.0f} s"
        return self.trouble

    def age_s(self, now_s: float) -> float:
        """Return how long ago that was measured which it told last; infinite before it told anything."""
        return math.inf if self.shown is None else now_s - self.shown.at_s

    def sample(self) -> ControlSample | None:
        """Return what control may know of it: the last new value, which grows old while the meter repeats itself."""
        shown = self.shown
        if shown is None:
            return None
        return ControlSample(shown.power_w, min(shown.at_s, self._renewed_s), self.period_s, shown.arrived_s, self.proven)

    # ---- what comes in -----------------------------------------------------------------------------------------------------------

    def take(self, told: Told, now: datetime, now_s: float, took_s: float = 0.0) -> Shown | None:
        """Judge what it told; return it if it counts.

        Args:
            told: what it told, as its kind understands it.
            now: the wall clock.
            now_s: the monotonic clock.
            took_s: for asking and answering; it measured about in the middle of it.
        """
        if reason := self._fault(told):
            self.rejected += 1
            self.trouble = f"rejected: {reason}"
            return None
        is_new = self._told is None or told.numbers != self._told.numbers or told.at != self._told.at
        at_s = self._measured_s(told, now_s, took_s)
        if is_new:
            if self._told is not None and not self._interrupted:
                self._gaps_s.append(max(0.0, at_s - self._renewed_s))
            self._interrupted = False
            self._renewed_s = at_s
        self._heard_s = now_s
        self._told = told
        self.accepted += 1
        self.trouble = ""
        self.shown = self._read(told, now - timedelta(seconds=now_s - at_s), at_s, now_s, is_new=is_new)
        return self.shown

    def fail(self, reason: str) -> None:
        """Note that it could not be asked or heard."""
        self.failures += 1
        self.trouble = reason
        self._interrupted = True

    def _fault(self, told: Told) -> str:
        """Return why something cannot be believed; empty if it can."""
        if not all(map(math.isfinite, told.numbers)):
            return "a value is no number"
        most_w = FAULT_FACTOR * self.config.limit_w
        if abs(told.power_w) > most_w:
            return f"{told.power_w:.0f} W is more than twice what can flow there, {self.config.limit_w:g} W (limit_w)"
        last = self._told.at if self._told else None
        if last is not None and told.at is not None and told.at < last and self._backwards < BACKWARDS:
            self._backwards += 1
            return f"it is of {told.at.isoformat()}, and the last was of {last.isoformat()}"
        if self._backwards >= BACKWARDS:
            self._offsets_s.clear()
        self._backwards = 0
        return ""

    def _measured_s(self, told: Told, now_s: float, took_s: float) -> float:
        """Return when something was measured: by the meter's own clock, of which only differences count, or as it arrived."""
        if told.at is None:
            return now_s - took_s / 2
        own_s = told.at.timestamp()
        self._offsets_s.append(now_s - own_s)
        return min(now_s, own_s + min(self._offsets_s))  # the fastest of the last ones was hardly under way

    def _read(self, told: Told, at: datetime, at_s: float, now_s: float, *, is_new: bool) -> Shown:
        gives = self.role is MeterRole.PV
        turned = gives != self.config.invert
        sign = -1.0 if turned else 1.0
        taken, given = (told.export_wh, told.import_wh) if turned else (told.import_wh, told.export_wh)
        phases = tuple(sign * each + 0.0 for each in told.phases_w)
        return Shown(sign * told.power_w + 0.0, phases, taken, given, at, at_s, now_s, is_new)


class Meters(Mapping[str, Meter]):
    """All meters of the hub, by name."""

    def __init__(self) -> None:
        self._meters: dict[str, Meter] = {}

    def __getitem__(self, name: str) -> Meter:
        return self._meters[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._meters)

    def __len__(self) -> int:
        return len(self._meters)

    def add(self, meter: Meter) -> None:
        """Have one more; one of the same name is replaced."""
        self._meters[meter.name] = meter

    def of(self, role: MeterRole) -> tuple[Meter, ...]:
        """Return the meters of a role."""
        return tuple(meter for meter in self._meters.values() if meter.role is role)

    @property
    def grid(self) -> Meter | None:
        """The meter of the whole house; None where none is configured."""
        return next(iter(self.of(MeterRole.GRID)), None)
