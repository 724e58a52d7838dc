"""What the tests of control begin with: one unit, a meter, and a controller that is told what was sent; and a home to try it in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from indevolt.battery import Charge, Command, Discharge, Hold, Limit, Limits
from indevolt.clock import ManualClock
from indevolt.control.controller import Controller
from indevolt.control.decision import Decision
from indevolt.control.situation import Caps, Dynamics, MeterSample, NetLoad, Seen, Situation, UnitState
from indevolt.protocol.messages import Result, SetData
from indevolt.simulator import Simulator
from indevolt.simulator.converter import LIFELIKE, Response
from indevolt.simulator.house import Surroundings
from indevolt.simulator.site import Pace, Site

NOON = datetime(2026, 5, 9, 12, 0, tzinfo=UTC)
BACKUP_PCT = 10
FREE = Caps(battery_to_grid=True)
"""No cap at all: what is tested then is something else."""


def limits(charge_w: float = 2400, discharge_w: float = 2400) -> Limits:
    return Limits(
        Limit(charge_w, "W", "three modules"),
        Limit(discharge_w, "W", "three modules"),
        Limit(5, "%", "floor"),
        Limit(100, "%", "full"),
    )


def unit(name: str = "battery", *, soc: float | None = 50.0, **changes: Any) -> UnitState:
    state = UnitState(name, limits(), None if soc is None else Seen(soc, 100.0), 5400.0)
    return replace(state, **changes)


def sample(power_w: float = 0.0, *, at_s: float = 100.0, period_s: float = 1.0, proven: bool = True) -> MeterSample:
    return MeterSample(power_w, at_s, period_s, at_s, proven)


def load(power_w: float) -> NetLoad:
    """A load that is known exactly, seen with a grid target of 0."""
    return NetLoad(power_w, power_w, power_w, power_w, 100.0, settled=True)


def situation(*units: UnitState, **changes: Any) -> Situation:
    """At 100 s of the monotonic clock, at noon, with a meter that measured just now and 400 W of load."""
    begin = Situation(NOON, 100.0, units or (unit(),), sample(400.0), load(400.0))
    return replace(begin, **changes)


@dataclass
class Home:
    """A simulated home under a controller: a clock of half seconds, a meter that is late, a device that is slow.

    The device is told over its own protocol. ``net_w`` is what the house takes, less PV, at a second.
    """

    net_w: Callable[[float], float]
    period_s: float = 1.0
    late_s: float = 0.5
    dead_s: float = 1.5
    response: Response = LIFELIKE
    dynamics: Dynamics = field(default_factory=Dynamics)
    caps: Caps = field(default_factory=Caps)
    soc_pct: float = 50.0
    silent: Callable[[float], bool] = lambda _: False
    frozen: Callable[[float], bool] = lambda _: False  # the meter repeats itself
    tells_time: bool = True  # the meter does; of one that does not, the same value once more is as old as the first
    change: Callable[[Situation], Situation] = lambda known: known

    def __post_init__(self) -> None:
        self.clock = ManualClock(NOON)
        self.site = Site(self._around, clock=self.clock, pace=Pace(step_s=0.5))
        self.device = Simulator(
            "solidflex2000",
            clock=self.clock,
            site=self.site,
            modules=3,
            soc_pct=self.soc_pct,
            response=self.response,
            lag_s=self.dead_s,
        )
        self.device.set("meter_connected", False)
        self.device.set("backup_soc", BACKUP_PCT)
        self.device.set("mode", "realtime")
        self.controller = Controller({"battery": self.dynamics})
        self.writes: list[tuple[float, float]] = []
        self.decision: Decision | None = None
        self._coming: list[tuple[float, MeterSample]] = []
        self._sample: MeterSample | None = None
        self._shown_w: float | None = None
        self._commanded_w: float | None = None

    def _around(self, at: datetime) -> Surroundings:
        net = self.net_w((at - NOON).total_seconds())
        return Surroundings(max(0.0, net), (), 22.0, max(0.0, -net))

    @property
    def now_s(self) -> float:
        return self.clock.monotonic()

    @property
    def grid_w(self) -> float:
        return self.site.grid_w

    @property
    def battery_w(self) -> float:
        """What it gives at the socket."""
        return self.device.unit.ac_w

    def run(self, seconds: float) -> list[tuple[float, float, float]]:
        """Live on, and return every half second's time, grid power and battery power."""
        seen = []
        for _ in range(round(seconds * 2)):
            self.clock.tick(0.5)
            self.site.advance()
            self._measure()
            self._steer()
            seen.append((self.now_s, self.grid_w, self.battery_w))
        return seen

    def _measure(self) -> None:
        if self.now_s % self.period_s < 0.25 and not self.silent(self.now_s):
            arrives = self.now_s + self.late_s
            frozen = self.frozen(self.now_s) and self._shown_w is not None
            self._shown_w = self._shown_w if frozen else float(round(self.grid_w))
            self._coming.append((arrives, MeterSample(self._shown_w or 0.0, self.now_s, self.period_s, arrives)))
        while self._coming and self._coming[0][0] <= self.now_s:
            before, self._sample = self._sample, self._coming.pop(0)[1]
            if before is not None and not self.tells_time and before.power_w == self._sample.power_w:
                self._sample = replace(self._sample, at_s=before.at_s)

    def _steer(self) -> None:
        plant = self.device.unit
        state = UnitState("battery", limits(), Seen(plant.soc_pct, self.now_s), plant.kit.capacity_wh, backup_pct=BACKUP_PCT)
        known = Situation(self.clock.now(), self.now_s, (state,), self._sample, caps=self.caps)
        self.decision = self.controller.decide(self.change(known))
        order = self.decision.order("battery")
        if order is not None and order.power_w is not None and order.power_w != self._commanded_w:
            write = self.device.model.spell(order.command)[-1]
            assert self.device.answer(SetData(write.point, write.values)) == Result(result=True)
            self._commanded_w = order.power_w
            self.controller.sent("battery", self.now_s, order.power_w)
            self.writes.append((self.now_s, order.power_w))


def signed(command: Command) -> float:
    match command:
        case Charge(power_w=power_w):
            return -float(power_w)
        case Discharge(power_w=power_w):
            return float(power_w)
        case Hold():
            return 0.0
    raise AssertionError(command)


def later(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)
