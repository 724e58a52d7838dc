"""One grid connection: a house, its meter, and the units that share both. Here time passes.

Advanced when somebody looks, in steps that are short while it is watched and long after it was left alone, so a site that nobody
asks costs nothing. What a unit can do is in ``physics``, what it wants in ``firmware``, what surrounds it in ``house``.

Signs are the house's, and after every step::

    load = grid + roof + the units' ac
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Final

from indevolt.clock import Clock
from indevolt.simulator.cluster import CENTRALIZED_W, Role, Share, Wiring, share_alike, share_by_charge
from indevolt.simulator.converter import to_ac
from indevolt.simulator.firmware import DAY_S, Firmware, Mode
from indevolt.simulator.house import House
from indevolt.simulator.meter import Meter
from indevolt.simulator.physics import HOUR_S, Unit

SETTLED_S: Final = 5.0  # in a step longer than this the units' loops have settled
MAX_STEPS: Final = 1000  # of one gap, at some ten microseconds each, whatever its length
_DUST_S: Final = 1e-6  # what rounding leaves of a gap
_TOGETHER: Final = 0.5  # of what the meter shows each unit corrects, when several follow it unaware of each other (inferred)

Observer = Callable[[datetime, float], None]
"""Told start and seconds of each step, after it."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How finely time is stepped.

    ``step_s`` is the shortest step, and values change no more often. A gap of more than ``steps_per_gap`` of them takes longer
    steps, up to ``longest_s``.
    """

    step_s: float = 1.0
    steps_per_gap: int = 60
    longest_s: float = 900.0  # a quarter of an hour: the sun moves 4 degrees in it

    def step_for(self, gap_s: float) -> float:
        """Return the step to cross a gap with."""
        if gap_s <= self.step_s * self.steps_per_gap:
            return self.step_s
        wanted = max(min(self.longest_s, gap_s / self.steps_per_gap), gap_s / MAX_STEPS)
        return max(self.step_s, wanted // self.step_s * self.step_s)


class Member:
    """A unit in its place."""

    __slots__ = ("aim_w", "firmware", "first_input", "inputs", "meter", "role", "sampled_w", "unit", "wiring")

    def __init__(self, unit: Unit, firmware: Firmware, first_input: int, inputs: int) -> None:
        self.unit = unit
        self.firmware = firmware
        self.first_input = first_input
        self.inputs = inputs
        self.role = Role.NONE
        self.wiring = Wiring.COORDINATED
        self.aim_w = 0.0
        self.sampled_w = 0.0  # what it gave when the meter was read
        self.meter: Meter | None = None  # one of its own, on the network; None: the site's

    def see(self, grid_w: float) -> None:
        """Take in what the unit's own meter shows now; until the first time it is lost."""
        if self.meter is not None:
            self.meter.take(grid_w)
            self.sampled_w = self.unit.ac_w

    @property
    def is_alone(self) -> bool:
        """Whether it belongs to no cluster."""
        return self.role is Role.NONE


class Site:
    """One grid connection. Powers are means over the last step, in W; energies in Wh since the start."""

    __slots__ = (
        "_acting_s",
        "_agenda",
        "_at_s",
        "_midnight_s",
        "_observers",
        "_order",
        "clock",
        "export_wh",
        "grid_up",
        "grid_w",
        "house",
        "import_wh",
        "load_w",
        "load_wh",
        "members",
        "meter",
        "pace",
        "roof_w",
        "roof_wh",
        "version",
    )

    def __init__(self, house: House, *, clock: Clock, pace: Pace | None = None, meter: Meter | None = None) -> None:
        self.house = house
        self.clock = clock
        self.pace = pace or Pace()
        self.meter = meter or Meter()
        self.members: list[Member] = []
        self.grid_up = True
        self.version = 0  # another one whenever something may have changed
        self.load_w = self.roof_w = self.grid_w = 0.0
        self.import_wh = self.export_wh = self.load_wh = self.roof_wh = 0.0
        self._at_s = clock.monotonic()
        self._midnight_s = _midnight_after(clock.now().timestamp())
        self._acting_s: float | None = None  # the moment of the action that is being carried out
        self._agenda: list[tuple[float, int, Callable[[], None]]] | None = None
        self._order: count[int] | None = None
        self._observers: tuple[Observer, ...] = ()

    # ---- who is there --------------------------------------------------------------------------------------------------------

    def join(self, unit: Unit, firmware: Firmware, inputs: int) -> Member:
        """Take in a unit with so many PV inputs."""
        first = sum(member.inputs for member in self.members)
        member = Member(unit, firmware, first, inputs)
        self.members.append(member)
        return member

    @property
    def is_clustered(self) -> bool:
        """Whether some of the units form a cluster."""
        return any(not member.is_alone for member in self.members)

    def member_of(self, unit: Unit) -> Member:
        """Return the place of a unit."""
        return next(member for member in self.members if member.unit is unit)

    @property
    def units(self) -> tuple[Unit, ...]:
        """The units, in the order they came."""
        return tuple(member.unit for member in self.members)

    def meter_of(self, unit: Unit) -> Meter:
        """Return the meter that a unit goes by."""
        return self.member_of(unit).meter or self.meter

    def watch(self, observer: Observer) -> None:
        """Tell somebody about every step."""
        self._observers += (observer,)

    @property
    def at_s(self) -> float:
        """The moment up to which everything has happened, on the clock's monotonic time."""
        return self._at_s

    # ---- time ----------------------------------------------------------------------------------------------------------------

    def after(self, delay_s: float, action: Callable[[], None]) -> None:
        """Do something once the clock has moved on so far; actions happen in the order of their time, each at its own.

        What an action puts on the agenda counts from the action's own moment.
        """
        if self._agenda is None or self._order is None:
            self._agenda, self._order = [], count()
        now = self.clock.monotonic() if self._acting_s is None else self._acting_s
        heapq.heappush(self._agenda, (now + delay_s, next(self._order), action))

    @property
    def next_due_s(self) -> float:
        """How long it is until the next action; without end where there is none."""
        return max(0.0, self._agenda[0][0] - self.clock.monotonic()) if self._agenda else math.inf

    @property
    def is_due(self) -> bool:
        """Whether :meth:`advance` would change anything now."""
        if self._acting_s is not None:
            return False
        now, agenda = self.clock.monotonic(), self._agenda
        return now - self._at_s >= self.pace.step_s - _DUST_S or (agenda is not None and agenda != [] and agenda[0][0] <= now)

    def advance(self) -> None:
        """Live up to the clock's present, each action on the agenda at its own moment. From within an action it does nothing."""
        if self._acting_s is not None:
            return
        now = self.clock.monotonic()
        while self._agenda and self._agenda[0][0] <= now:
            due, _, action = heapq.heappop(self._agenda)
            self._run(due, now)
            self._acting_s = due
            try:
                action()
            finally:
                self._acting_s = None
        self._run(now, now)

    def settle(self, *, at_once: bool = False) -> None:
        """Let what was changed just now take effect without any time passing; ``at_once``: as if it had been so all along."""
        self._step(self.clock.now().timestamp() - (self.clock.monotonic() - self._at_s), 0.0, at_once=at_once)
        if at_once:
            self.meter.grid_w = self.meter.shown_w = self.grid_w
            for member in self.members:
                member.sampled_w = member.unit.ac_w

    def _run(self, until_s: float, now_s: float) -> None:
        gap = until_s - self._at_s
        if gap < self.pace.step_s - _DUST_S:
            return
        step_s = self.pace.step_for(gap)
        left = (gap + _DUST_S) // self.pace.step_s * self.pace.step_s
        unix_s = self.clock.now().timestamp() - (now_s - self._at_s)
        if not 0 < self._midnight_s - unix_s <= DAY_S:  # the wall clock was set
            self._midnight_s = _midnight_after(unix_s)
        while left > _DUST_S:
            seconds = min(step_s, left, self._midnight_s - unix_s)
            self._step(unix_s, seconds)
            unix_s += seconds
            left -= seconds
            self._at_s += seconds
            if self._midnight_s - unix_s <= _DUST_S:
                self._midnight_s += DAY_S
                for member in self.members:
                    member.unit.turn_day()

    # ---- a step --------------------------------------------------------------------------------------------------------------

    def _step(self, unix_s: float, seconds: float, *, at_once: bool = False) -> None:
        self.version += 1
        around = self.house(datetime.fromtimestamp(unix_s + seconds / 2, UTC))
        grid_up = self.grid_up and around.grid_up
        self.load_w, self.roof_w = (around.load_w, around.roof_w) if grid_up else (0.0, 0.0)
        settled = at_once or seconds > SETTLED_S
        active = []
        for member in self.members:
            unit, orders = member.unit, member.firmware.orders
            unit.look(around.pv_w[member.first_input : member.first_input + member.inputs], seconds)
            # A battery that is full and has a command lets a micro-inverter feed in no more than that (control.md, section 0).
            welcome = max(0.0, orders.power_w) if orders.mode is Mode.POWER and member.firmware.full else None
            offered = around.bypass_w if member is self.members[0] else 0.0
            unit.plug(offered, seconds, on=orders.bypass_on, welcome_w=welcome)
            unit.island = not grid_up or orders.mode is Mode.PORTABLE
            settled = settled or unit.response.is_instant
            if unit.island:
                unit.run_alone(seconds, around.ambient_c)
            else:
                active.append(member)
        if active:
            self._aim(active, unix_s, seconds, settled=settled)
        given = 0.0
        for member in active:
            unit = member.unit
            aim = member.firmware.settle(unit, member.aim_w, unix_s, seconds)
            if at_once:
                unit.motion.place(min(max(aim, unit.low_w), unit.high_w))
            unit.run(aim, seconds, around.ambient_c)
            given += unit.ac_w
        self.grid_w = self.load_w - self.roof_w - given if grid_up else 0.0
        self._take_down(seconds)
        if self._observers and seconds > 0:
            start = datetime.fromtimestamp(unix_s, UTC)
            for observer in self._observers:
                observer(start, seconds)

    # ---- who aims at what ----------------------------------------------------------------------------------------------------

    def _aim(self, members: Sequence[Member], unix_s: float, seconds: float, *, settled: bool) -> None:
        """Give every unit the inverter power that it tries to reach in this step."""
        net, meter = self.load_w - self.roof_w, self.meter
        given = sum(member.unit.ac_w for member in members)
        followers: list[Member] = []
        fixed: list[Member] = []
        for member in members:
            seen = member.meter or meter
            wanted = member.firmware.decide(member.unit, unix_s, seconds, meter_online=seen.online)
            if wanted is None and member.meter is None:
                followers.append(member)
                continue
            if wanted is None:
                if seen.fresh:  # what its own meter shows need not be what the site's would, so it goes by that alone
                    seen.fresh = False
                    self._follow((member,), member.sampled_w + seen.grid_w)
                fixed.append(member)
                continue
            by_site = settled and member.meter is None
            need = net - given + member.unit.ac_w if by_site else member.sampled_w + seen.grid_w
            member.aim_w = self._steer(member, wanted, need)
            fixed.append(member)
        if self.is_clustered and (master := _commander(members)) is not None:
            slaves = [member for member in followers if member.role is Role.SLAVE]
            followers = [member for member in followers if member.role is not Role.SLAVE]
            self._divide(master, slaves, seconds)
            fixed += slaves
        if not followers or not (settled or meter.fresh):
            return
        meter.fresh = False
        groups = _groups(followers) if len(followers) > 1 else [followers]
        covered = sum(member.aim_w - member.unit.bypass_w for member in fixed)
        for index, group in enumerate(groups):
            if settled:
                need = (net - covered) / (len(groups) - index)
            else:
                correction = meter.grid_w if len(groups) == 1 else meter.grid_w * min(_TOGETHER, 1.5 / len(groups))
                need = sum(member.sampled_w for member in group) + correction
            covered += self._follow(group, need)

    def _steer(self, member: Member, wanted_w: float, need_w: float) -> float:
        """Return the inverter power for a battery power; ``need_w`` is what the house would take from this unit."""
        unit, orders = member.unit, member.firmware.orders
        if orders.mode is Mode.KEEP:
            return to_ac(unit.pv_offered_w + wanted_w, unit.own_w)
        battery = min(max(wanted_w, -unit.charge_max_w), unit.discharge_max_w)
        aim = to_ac(unit.pv_offered_w + battery, unit.own_w)
        if battery >= 0:
            aim = max(0.0, aim)  # at rest it feeds itself from what it has
        if orders.sees_meter and (member.meter or self.meter).online:
            aim = min(aim, max(0.0, need_w + orders.feed_in_max_w + unit.bypass_w))
        return aim

    def _follow(self, group: Sequence[Member], need_w: float) -> float:
        """Let one unit, or those of a cluster, cover what the house needs; returns what the house will get."""
        if len(group) == 1:
            parts: Sequence[float] = (need_w,)
        else:
            shares = [Share(member.unit.soc_pct, member.unit.low_w, member.unit.high_w) for member in group]
            parts = share_by_charge(_through_one_socket(group[0], need_w), shares)
        covered = 0.0
        for member, part in zip(group, parts, strict=True):
            unit = member.unit
            wanted = part + unit.bypass_w
            # PV that neither house nor battery takes goes to the grid, as far as it may.
            surplus = to_ac(unit.pv_offered_w - unit.charge_max_w, unit.own_w)
            aim = max(wanted, min(surplus, max(0.0, wanted + member.firmware.orders.feed_in_max_w)))
            member.aim_w = min(max(aim, unit.low_w), unit.high_w)
            covered += member.aim_w - unit.bypass_w
        return covered

    def _divide(self, master: Member, slaves: Sequence[Member], seconds: float) -> None:
        """Divide the command of a master among it and its slaves."""
        orders = master.firmware.orders
        for slave in slaves:
            if orders.target_pct is not None:
                slave.unit.stop_at(orders.target_pct, seconds, charging=orders.power_w < 0)
        group = (master, *slaves)
        shares = [Share(each.unit.soc_pct, -each.unit.charge_max_w, each.unit.discharge_max_w) for each in group]
        for member, part in zip(group, share_alike(_through_one_socket(master, orders.power_w), shares), strict=True):
            member.aim_w = self._steer(member, part, math.inf)

    def _take_down(self, seconds: float) -> None:
        """Count, and read the meter where it is time."""
        hours, meter = seconds / HOUR_S, self.meter
        if self.grid_w >= 0:
            self.import_wh += self.grid_w * hours
        else:
            self.export_wh -= self.grid_w * hours
        self.load_wh += self.load_w * hours
        self.roof_wh += self.roof_w * hours
        due = meter.read(self.grid_w, seconds)
        for member in self.members:
            if member.meter is not None:
                member.meter.wait(seconds)
            elif due:
                member.sampled_w = member.unit.ac_w


def _commander(members: Sequence[Member]) -> Member | None:
    """Return the master if it has a command for all."""
    return next((each for each in members if each.role is Role.MASTER and each.firmware.orders.mode is Mode.POWER), None)


def _groups(followers: Sequence[Member]) -> list[Sequence[Member]]:
    """Return who follows together: the units of a cluster as one, each other unit by itself; those with the most sun first."""
    cluster = [member for member in followers if not member.is_alone]
    groups: list[Sequence[Member]] = [(member,) for member in followers if member.is_alone]
    if cluster:
        groups.append(cluster)
    return sorted(groups, key=lambda group: -sum(member.unit.pv_offered_w for member in group))


def _through_one_socket(member: Member, total_w: float) -> float:
    """Return what is left of a power where all units of a cluster are behind one socket."""
    if member.wiring is Wiring.COORDINATED:
        return total_w
    return min(total_w, CENTRALIZED_W[member.unit.kit.product.family])


def _midnight_after(unix_s: float) -> float:
    return (unix_s // DAY_S + 1) * DAY_S
