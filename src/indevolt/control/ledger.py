"""How much may be written, how far a command may reach, what has to be put back: the rules of a lease, as functions over values.

Facts and limits are those of control.md, section 5. Locks, files, clocks and the device itself are the business of
``indevolt.device.lease``.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from indevolt.battery import Charge, Command, Discharge, Value
from indevolt.control import load_curve
from indevolt.control.situation import LEAST_SOC_PCT

FENCE_PCT: Final = 5
"""How far a command may move the charge before it has to be given anew: a dead writer costs no more (section 1.2, point 10)."""
FENCE_STEP_PCT: Final = 2
"""The fence is moved when it may move so far, so that it costs a write every 2 % and never stands closer than 3 %."""
REALTIME: Final = "realtime"
REALTIME_NAMES: Final = ("realtime_state", "realtime_power", "realtime_target_soc")
"""Written together, as one request."""
MODE: Final = "mode"
LOAD_CURVE: Final = "load_curve"
"""The budget of all points of a load curve together: they are written in one go."""
DIRECTION_CHANGES: Final = "direction_changes"
"""How often orders went from charge to discharge or back. Counted beside the budgets, and no reason not to write."""
DIRECTIONS: Final = ("charge", "discharge")


# ---- the write budget ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Allowance:
    """How often something may be written."""

    most: int
    window_s: float
    apart_s: float = 0.0  # at least so long between two
    kept_back: int = 0  # of ``most``, for putting back what was before
    binds: bool = True  # else more of it is only told


REALTIME_ALLOWANCE: Final = Allowance(400, 3600.0)
"""Whether real-time points wear the flash is not published; 400 an hour is what good control needs (section 5, rule 10)."""
SETTING_ALLOWANCE: Final = Allowance(24, 86_400.0, apart_s=300.0, kept_back=2)
"""Everything else counts as flash (section 5, rules 10 and 13)."""
DIRECTION_ALLOWANCE: Final = Allowance(60, 86_400.0, binds=False)
"""More than that wears relays and converter (section 5, rule 13)."""
CALM_CHANGES: Final = 50
"""An alarm ends when there are no more than so many, and not each time that one of sixty is a day old."""


def allowance_of(name: str) -> Allowance:
    """Return what holds for a budget."""
    return {REALTIME: REALTIME_ALLOWANCE, DIRECTION_CHANGES: DIRECTION_ALLOWANCE}.get(name, SETTING_ALLOWANCE)


def budgets_of(names: Iterable[str]) -> tuple[str, ...]:
    """Return the budgets that a write of these quantities counts in; what is written together counts once."""
    return tuple(dict.fromkeys(_budget_of(name) for name in names))


def _budget_of(name: str) -> str:
    return REALTIME if name in REALTIME_NAMES else LOAD_CURVE if name in load_curve.NAMES else name


@dataclass(frozen=True, slots=True)
class Budget:
    """How much of an allowance is used."""

    name: str
    used: int
    allowance: Allowance
    free_in_s: float  # until one more may be written; 0: now

    @property
    def left(self) -> int:
        """How many writes there still are, without those that are kept back."""
        return max(0, self.allowance.most - self.allowance.kept_back - self.used)


@dataclass(frozen=True, slots=True)
class Ledger:
    """When what was written, in seconds that only grow."""

    writes: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    facing: str = ""  # the direction of the last order that had one

    def booked(self, names: Iterable[str], at_s: float) -> Ledger:
        """Return the ledger with one more write; what is too old to matter is dropped."""
        added = dict(self.writes)
        for name in budgets_of(names):
            kept = self._within(name, at_s)
            added[name] = (*kept, max(at_s, kept[-1] if kept else at_s))
        return replace(self, writes=added)

    def turned(self, wanted: Mapping[str, Value], at_s: float) -> Ledger:
        """Return the ledger after an order; its direction counts where it is not the last one, and rest in between changes none."""
        way = wanted.get(REALTIME_NAMES[0])
        if way not in DIRECTIONS or way == self.facing:
            return self
        counted = self.booked((DIRECTION_CHANGES,), at_s) if self.facing else self
        return replace(counted, facing=str(way))

    def budget(self, name: str, now_s: float) -> Budget:
        """Return what is used of a budget, and when it has room for one more."""
        allowance = allowance_of(name)
        kept = self._within(name, now_s)
        free_s = now_s
        if kept:
            free_s = max(free_s, kept[-1] + allowance.apart_s)
        open_to_all = allowance.most - allowance.kept_back
        if allowance.binds and len(kept) >= open_to_all:
            free_s = max(free_s, kept[len(kept) - open_to_all] + allowance.window_s)
        return Budget(name, len(kept), allowance, free_s - now_s)

    def budgets(self, now_s: float) -> tuple[Budget, ...]:
        """Return all budgets that were ever used, the two that every command needs, and how often the direction changed."""
        return tuple(self.budget(name, now_s) for name in dict.fromkeys((REALTIME, MODE, DIRECTION_CHANGES, *self.writes)))

    def spent(self, names: Iterable[str], now_s: float) -> Budget | None:
        """Return the budget that does not allow this write now and will last; None if all do."""
        spent = [each for name in budgets_of(names) if (each := self.budget(name, now_s)).free_in_s > 0]
        return max(spent, key=lambda each: each.free_in_s, default=None)

    def latest_s(self) -> float:
        """Return when the last write was; 0 without any."""
        return max((times[-1] for times in self.writes.values() if times), default=0.0)

    def _within(self, name: str, now_s: float) -> tuple[float, ...]:
        times = self.writes.get(name, ())
        return times[bisect.bisect_right(times, now_s - allowance_of(name).window_s) :]


def wears(changes: Budget, *, told: bool) -> bool:
    """Return whether the direction changes too often; ``told``: that was said already, and ends later than it began."""
    return changes.used > (CALM_CHANGES if told else changes.allowance.most)


# ---- the fence -------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Room:
    """Between which states of charge the battery may be moved."""

    floor_pct: float = LEAST_SOC_PCT
    ceiling_pct: float = 100.0

    def within(self, *, floor_pct: float, ceiling_pct: float) -> Room:
        """Return the part of it that other bounds leave."""
        floor_pct = max(LEAST_SOC_PCT, self.floor_pct, floor_pct)
        return Room(floor_pct, max(floor_pct, min(100.0, self.ceiling_pct, ceiling_pct)))


def within_room(command: Command, room: Room) -> Command:
    """Return the command with a target within the room.

    A charge that may not begin at all gets a target that is reached already, so the device stands by.
    """
    match command:
        case Discharge(soc_pct=target_pct):
            return replace(command, soc_pct=min(100, math.ceil(max(room.floor_pct, target_pct))))
        case Charge(soc_pct=target_pct):
            return replace(command, soc_pct=max(math.ceil(LEAST_SOC_PCT), math.floor(min(room.ceiling_pct, target_pct))))
    return command


def fenced(command: Command, soc_pct: float, room: Room) -> Command:
    """Return the command with a target that is near: 5 % away at most, and within the room."""
    return within_room(
        command,
        replace(room, floor_pct=max(room.floor_pct, soc_pct - FENCE_PCT), ceiling_pct=min(room.ceiling_pct, soc_pct + FENCE_PCT)),
    )


def bounded(command: Command, sent: Command | None, soc_pct: float, room: Room) -> Command:
    """Return the command with a fence; with that of what was sent last, as long as it need not be moved.

    A fence is moved on when it may move 2 % or has come to its end, and back at once when it is too far away.
    """
    near = fenced(command, soc_pct, room)
    match near, sent:
        case Discharge(soc_pct=new_pct), Discharge(soc_pct=old_pct):
            is_last = new_pct == math.ceil(max(room.floor_pct, getattr(command, "soc_pct", 0)))
            stands = 0 <= old_pct - new_pct < FENCE_STEP_PCT
        case Charge(soc_pct=new_pct), Charge(soc_pct=old_pct):
            is_last = new_pct == math.floor(min(room.ceiling_pct, getattr(command, "soc_pct", 100)))
            stands = 0 <= new_pct - old_pct < FENCE_STEP_PCT
        case _:
            return near
    return replace(near, soc_pct=old_pct) if stands and not is_last else near


def fence_is_due(wanted: Command, sent: Command, soc_pct: float, room: Room) -> bool:
    """Return whether the fence of what was sent last has to be moved."""
    match bounded(wanted, sent, soc_pct, room), sent:
        case (Charge(soc_pct=new_pct), Charge(soc_pct=old_pct)) | (Discharge(soc_pct=new_pct), Discharge(soc_pct=old_pct)):
            return new_pct != old_pct
    return False


def reached(command: Command, soc_pct: float | None, room: Room) -> bool:
    """Return whether the charge that a command aims at is there, or as near as the room allows."""
    match command:
        case Charge(soc_pct=target_pct):
            return soc_pct is not None and soc_pct >= min(target_pct, room.ceiling_pct)
        case Discharge(soc_pct=target_pct):
            return soc_pct is not None and soc_pct <= max(target_pct, room.floor_pct)
    return False


# ---- what was before -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was set before the first write; a setting joins it before it is first written."""

    at: datetime
    settings: Mapping[str, Value]

    def joined(self, settings: Mapping[str, Value]) -> Snapshot:
        """Return it with settings that it does not have yet."""
        return replace(self, settings={**settings, **self.settings})

    def rebased(self, settings: Mapping[str, Value]) -> Snapshot:
        """Return it with settings that their owner changed for good, as far as it has them."""
        return replace(self, settings={name: settings.get(name, value) for name, value in self.settings.items()})

    def owed(self, wrote: Mapping[str, Value]) -> bool:
        """Return whether anything that was written is not what it was before."""
        return any(name in wrote and wrote[name] != value for name, value in self.settings.items())


@dataclass(frozen=True, slots=True)
class Restoration:
    """What has to be written so that all is as before, and what is left as it is, because somebody else changed it since."""

    writes: Mapping[str, Value]
    left: Mapping[str, Value]


def restoration(snapshot: Snapshot, wrote: Mapping[str, Value], shown: Mapping[str, Value | None]) -> Restoration:
    """Return how to get back.

    Args:
        snapshot: what was before.
        wrote: what we wrote last, of each setting; a write that may have got lost is in it as well.
        shown: what the device shows now; None where it cannot be read.
    """
    writes: dict[str, Value] = {}
    left: dict[str, Value] = {}
    realtime = snapshot.settings.get(MODE) == REALTIME
    for name, value in snapshot.settings.items():
        if name in REALTIME_NAMES and not realtime:
            continue  # outside of real-time mode they do nothing
        if name not in wrote:
            continue
        now = shown.get(name)
        if now is None:
            writes[name] = value
        elif now != value:
            (writes if now == wrote[name] else left)[name] = value if now == wrote[name] else now
    if any(name in writes for name in REALTIME_NAMES):
        writes.update({name: snapshot.settings[name] for name in REALTIME_NAMES if name in snapshot.settings})
    if MODE in left:
        # Whoever chose another mode decides from then on; real-time values of ours do nothing in it.
        writes = {name: value for name, value in writes.items() if name not in REALTIME_NAMES}
    return Restoration(writes, left)


def strange(wrote: Mapping[str, Value], shown: Mapping[str, Value | None]) -> Mapping[str, Value]:
    """Return what the device shows and we did not write: of mode and real-time points, as far as they can be read."""
    mode = shown.get(MODE)
    if MODE in wrote and mode is not None and mode != wrote[MODE]:
        return {MODE: mode}
    return {
        name: now
        for name in REALTIME_NAMES
        if wrote.get(MODE) == REALTIME and name in wrote and (now := shown.get(name)) is not None and now != wrote[name]
    }
