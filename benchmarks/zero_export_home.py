"""The home in which zero-export laws are compared: the project's own simulator, a meter that is late, and the books.

Half a second a step, and nothing waits for anything. The battery is kept at half charge, so that a full or empty one does not hide
what the law does. Powers are watts, positive into the house; what the battery gives and takes is counted at the socket.
"""

from __future__ import annotations

import itertools
import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Protocol, TypeAlias

from indevolt.battery import Charge, Command, Discharge, Hold
from indevolt.clock import ManualClock
from indevolt.protocol.messages import Result, SetData
from indevolt.simulator import Simulator
from indevolt.simulator.converter import Response
from indevolt.simulator.house import Surroundings
from indevolt.simulator.site import Pace, Site

STEP_S: Final = 0.5
IMPORT_CT: Final = 30.0  # a kWh
EXPORT_CT: Final = 8.0
STORED_CT: Final = 20.0  # one in the battery, at the socket
LEAST_W: Final = 50  # what a device can be told (seed, section 5.2)
MOST_W: Final = 2400
TELEMETRY_S: Final = 5.0  # what a device wants between two polls
TELEMETRY_LAG_S: Final = 0.5
STALE_S: Final = 20.0
RESTING_W: Final = 5.0
CROSSED_W: Final = 20.0
HARMLESS_W: Final = 35.0  # on the grid, once a step is settled ...
SETTLED_S: Final = 10.0  # ... for so long
START: Final = datetime(2026, 5, 9, 9, 0, tzinfo=UTC)

Watts: TypeAlias = Callable[[float], float]
"""Watts at a second since the start."""


@dataclass(frozen=True)
class MeterKind:
    """How often a meter measures, and how late one hears of it."""

    period_s: float
    late_s: float
    jitter_s: float = 0.0  # of the delay
    dropped: float = 0.0  # share of samples

    def __str__(self) -> str:
        return f"{self.period_s:g} s / {self.late_s:g} s"


@dataclass(frozen=True)
class Case:
    """A load, a meter, and a device."""

    name: str
    net_w: Watts  # load less PV
    hours: float
    meter: MeterKind
    response: Response = field(default_factory=Response)
    dead_s: float = 1.5  # from a write until it works
    silent: Callable[[float], bool] = lambda _: False  # no sample comes
    frozen: Callable[[float], bool] = lambda _: False  # the meter repeats itself
    steps_s: tuple[float, ...] = ()  # where settling is measured


@dataclass(frozen=True)
class Sample:
    """What a law is told of the meter."""

    at_s: float  # when it was measured
    arrived_s: float
    power_w: float


class Law(Protocol):
    """A contestant."""

    def sample(self, sample: Sample) -> None:
        """Hear of the meter."""

    def telemetry(self, at_s: float, power_w: float) -> None:
        """Hear what the device says that it gave."""

    def command(self, now_s: float) -> float | None:
        """Say what to command; asked every half second. None: nothing new."""


@dataclass
class Flow:
    """Energies of one way to run the home, in Wh."""

    import_wh: float = 0.0
    export_wh: float = 0.0
    battery_wh: float = 0.0

    def book(self, grid_w: float, battery_w: float) -> None:
        """Count a step."""
        hours = STEP_S / 3600
        self.import_wh += max(0.0, grid_w) * hours
        self.export_wh += max(0.0, -grid_w) * hours
        self.battery_wh += battery_w * hours

    @property
    def cost_ct(self) -> float:
        """What it costs, with what is taken out of the battery."""
        return (self.import_wh * IMPORT_CT - self.export_wh * EXPORT_CT + self.battery_wh * STORED_CT) / 1000


@dataclass
class Books:
    """What came of it."""

    hours: float
    real: Flow = field(default_factory=Flow)
    ideal: Flow = field(default_factory=Flow)  # a battery that knows the load and is there at once, within the same limits
    bare: Flow = field(default_factory=Flow)  # no battery
    writes: int = 0
    flips: int = 0
    crossings: int = 0
    stale_s: float = 0.0  # of discharge while the newest sample is older than 20 s
    trace: list[tuple[float, float]] = field(default_factory=list)  # seconds and grid power

    @property
    def captured(self) -> float:
        """Share of the possible benefit, in percent."""
        return 100 * (self.bare.cost_ct - self.real.cost_ct) / (self.bare.cost_ct - self.ideal.cost_ct)

    @property
    def avoidable_import(self) -> float:
        """Wh an hour."""
        return (self.real.import_wh - self.ideal.import_wh) / self.hours

    @property
    def avoidable_export(self) -> float:
        """Wh an hour."""
        return (self.real.export_wh - self.ideal.export_wh) / self.hours


class Home:
    """A case that is being played."""

    def __init__(self, case: Case, law: Law, seed: int) -> None:
        self.case, self.law, self.books = case, law, Books(case.hours)
        self._clock = ManualClock(START)
        self._site = Site(self._around, clock=self._clock, pace=Pace(step_s=STEP_S))
        self._device = Simulator(
            "solidflex2000",
            clock=self._clock,
            site=self._site,
            modules=6,
            soc_pct=50,
            response=case.response,
            lag_s=case.dead_s,
        )
        self._device.set("meter_connected", value=False)
        self._device.set("mode", "realtime")
        self._chance = random.Random(seed)
        self._coming: deque[Sample] = deque()
        self._telling: deque[tuple[float, float, float]] = deque()  # when one hears, of when, how much
        self._next_sample_s, self._next_telemetry_s = case.meter.period_s, TELEMETRY_S
        self._newest_s = 0.0
        self._shown_w = 0.0
        self._sent_w = 0.0
        self._facing = self._side = 0

    def _around(self, at: datetime) -> Surroundings:
        net = self.case.net_w((at - START).total_seconds())
        return Surroundings(max(0.0, net), (), 22.0, max(0.0, -net))

    def step(self, now_s: float) -> None:
        """Live on by half a second."""
        unit, site, books = self._device.unit, self._site, self.books
        self._clock.tick(STEP_S)
        site.advance()
        unit.soc_pct = 50.0
        net = self.case.net_w(now_s - STEP_S / 2)
        ideal = min(max(net, unit.low_w), unit.high_w)
        books.real.book(site.grid_w, unit.ac_w)
        books.ideal.book(net - ideal, ideal)
        books.bare.book(net, 0.0)
        if self.case.steps_s:
            books.trace.append((now_s, site.grid_w))
        side = (site.grid_w > CROSSED_W) - (site.grid_w < -CROSSED_W)
        books.crossings += side == -self._side != 0
        self._side = side or self._side
        self._measure(now_s, site.grid_w, unit.ac_w)
        # A meter that repeats itself is as old as what it repeats.
        if now_s - self._newest_s > STALE_S and unit.ac_w > RESTING_W:
            books.stale_s += STEP_S
        if (wanted := self.law.command(now_s)) is not None:
            self._write(as_command(wanted))

    def _measure(self, now_s: float, grid_w: float, given_w: float) -> None:
        case = self.case
        if now_s >= self._next_sample_s - STEP_S / 10:
            self._next_sample_s += case.meter.period_s
            late_s = max(0.0, case.meter.late_s + self._chance.uniform(-1, 1) * case.meter.jitter_s)
            if not case.frozen(now_s):
                self._shown_w = float(round(grid_w))
            if not case.silent(now_s) and self._chance.random() >= case.meter.dropped:
                self._coming.append(Sample(now_s, now_s + late_s, self._shown_w))
        if now_s >= self._next_telemetry_s - STEP_S / 10:
            self._next_telemetry_s += TELEMETRY_S
            self._telling.append((now_s + TELEMETRY_LAG_S, now_s, float(round(given_w))))
        while self._coming and self._coming[0].arrived_s <= now_s:
            sample = self._coming.popleft()
            if not case.frozen(sample.at_s):
                self._newest_s = sample.at_s
            self.law.sample(sample)
        while self._telling and self._telling[0][0] <= now_s:
            _, at_s, power_w = self._telling.popleft()
            self.law.telemetry(at_s, power_w)

    def _write(self, command: Command) -> None:
        if signed(command) == self._sent_w:
            return
        write = self._device.model.spell(command)[-1]
        if self._device.answer(SetData(write.point, write.values)) != Result(result=True):
            raise SystemExit(f"{command} was refused")
        self._sent_w = signed(command)
        self.books.writes += 1
        way = (self._sent_w > 0) - (self._sent_w < 0)
        self.books.flips += way == -self._facing != 0
        self._facing = way or self._facing


def play(case: Case, law: Law, *, seed: int = 1) -> Books:
    """Play a case through, and return what came of it."""
    home = Home(case, law, seed)
    for step in range(1, round(case.hours * 3600 / STEP_S) + 1):
        home.step(step * STEP_S)
    return home.books


def as_command(power_w: float) -> Command:
    """Return what a device can be told: nothing below its least power, nothing above its most."""
    whole = round(power_w)
    if abs(whole) < LEAST_W:
        return Hold()
    return Discharge(min(whole, MOST_W)) if whole > 0 else Charge(min(-whole, MOST_W))


def signed(command: Command) -> float:
    """Return the power of a command."""
    match command:
        case Charge(power_w=power_w):
            return -float(power_w)
        case Discharge(power_w=power_w):
            return float(power_w)
        case _:
            return 0.0


@dataclass(frozen=True)
class Settling:
    """How the grid came to rest after steps of the load."""

    seconds: tuple[float, ...]  # of each step, in order of length; what did not settle has the time until the next
    overshoot_w: float  # to the other side, the worst
    swings: int  # from side to side beyond 50 W after the first, the most after one step

    @property
    def mean(self) -> float:
        """Seconds."""
        return sum(self.seconds) / len(self.seconds)

    @property
    def p95(self) -> float:
        """Seconds that 95 of 100 do not exceed."""
        return self.seconds[max(0, math.ceil(0.95 * len(self.seconds)) - 1)]


def settling(case: Case, books: Books) -> Settling:
    """Return how each step of a case settled: within 35 W of nothing for 10 s."""
    ends = (*case.steps_s[1:], case.hours * 3600)
    seconds, overshoot, swings = [], 0.0, 0
    for index, (step_s, end_s) in enumerate(zip(case.steps_s, ends, strict=True)):
        after = [(at - step_s, grid) for at, grid in books.trace if step_s < at <= end_s]
        way = 1 if index % 2 == 0 else -1  # the load rises first: import at once, export by overshoot
        seconds.append(_settled_s(after, end_s - step_s))
        overshoot = max(overshoot, *(-way * grid for _, grid in after))
        sides = [side for _, grid in after if (side := (grid > 50) - (grid < -50))]
        swings = max(swings, sum(one != other for one, other in itertools.pairwise(sides)))
    return Settling(tuple(sorted(seconds)), overshoot, swings)


def _settled_s(after: list[tuple[float, float]], until_s: float) -> float:
    quiet_since_s: float | None = None
    for at, grid in after:
        if abs(grid) >= HARMLESS_W:
            quiet_since_s = None
        elif quiet_since_s is None:
            quiet_since_s = at
        elif at - quiet_since_s >= SETTLED_S:
            return quiet_since_s
    return until_s
