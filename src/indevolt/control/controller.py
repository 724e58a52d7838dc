"""From a situation to a decision: what observer, strategies, ``settle``, ``steady`` and ``split`` do together.

The one thing with a memory that the hub calls. It is told what was really sent, and by that alone it believes that anything was. It
does nothing by itself: no clock, no device.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from indevolt.battery import Charge, Command, Discharge, Hold, SelfUse
from indevolt.control.decision import PACED, Bound, Decision, Proposal, Reason, UnitOrder, Weight
from indevolt.control.observer import Aim, Observer
from indevolt.control.reach import Reach, reach
from indevolt.control.repeats import Repeats
from indevolt.control.settle import Settled, settle
from indevolt.control.situation import Dynamics, Rank, Seen, Situation, Tier, UnitState
from indevolt.control.split import Share, Split
from indevolt.control.steady import LEAST_W, Pace, Steady, Wish
from indevolt.control.strategies import ordered

HARD_QUANTILE: Final = 0.15  # hard zero export: of a chattering load little more than its base
USUAL_QUANTILE: Final = 0.35  # where prices are unknown (control.md, section 1.2, point 3)
QUANTILES: Final = (0.05, 0.95)
SWITCH_S: Final = 300.0  # between the device's own loop and commands, but for safety (control.md, section 5, rule 13)
NOTABLE_W: Final = 12.0  # less than the deadband is no difference to be explained


class Controller:
    """Decides for the units at one grid connection; :meth:`decide` is called at least once for each sample of the meter."""

    def __init__(self, dynamics: Mapping[str, Dynamics], *, ranks: Sequence[Rank] = tuple(Rank), pace: Pace | None = None) -> None:
        """Begin with units at rest.

        Args:
            dynamics: of every unit that may be commanded, by name: from commissioning, or assumed.
            ranks: the order in which strategies are heard; one that is left out is silent. Safety is first in any case.
            pace: how ready to move.
        """
        self._observer = Observer(dynamics)
        self._strategies = ordered(ranks)
        self._steady = Steady(pace)
        self._split = Split()
        self._commanded: dict[str, float | None] = dict.fromkeys(dynamics)  # None: its own loop decides
        self._switched_s = -math.inf
        self._told_s: dict[str, float] = {}
        self._sent_s: dict[str, float] = {}
        self._usable: tuple[str, ...] = ()
        self._repeats = Repeats()
        self._saturated = False

    @property
    def dynamics(self) -> Mapping[str, Dynamics]:
        """What is known by now of how units answer; worth keeping over a restart."""
        return self._observer.dynamics

    def sent(self, unit: str, at_s: float, power_w: float | None) -> None:
        """Take note that a unit took a command; None: it was given back to its own loop."""
        before, self._commanded[unit] = self._commanded[unit], power_w
        self._sent_s[unit] = at_s
        if (before is None) != (power_w is None):
            self._switched_s = at_s
        if power_w is not None:
            self._observer.sent(unit, at_s, power_w)
        self._steady.sent(at_s, sum(self._commanded[name] or 0.0 for name in {*self._usable, unit}))

    def learn(self, unit: str, known: Dynamics) -> None:
        """Go by this from now on: somebody tried how the unit answers."""
        self._observer.learn(unit, known)

    def commanded(self, unit: str) -> float | None:
        """Return what a unit took last; None: nothing, or that its own loop decides."""
        return self._commanded[unit]

    def decide(self, situation: Situation) -> Decision:
        """Return what all units are to do now, with every reason."""
        aim = aim_of(situation)
        situation = replace(situation, meter=self._repeats.heard(situation.meter, self._observer.moved_w))
        self._look(situation, aim)
        situation = self._known(situation, aim)
        self._usable = tuple(unit.name for unit in situation.usable)
        self._steady.commanded_w = sum(self._commanded[name] or 0.0 for name in self._usable)
        said = [(rank, proposal) for rank, strategy in self._strategies if (proposal := strategy(situation))]
        settled = settle(situation, said)
        settled = self._with_dwell(situation, said, settled)
        power, urgent = settled.power_w, False
        if power is not None:
            wish = self._wish(situation, settled, power)
            power = self._steady.consider(situation.at_s, wish)
            asking = self._repeats.question_w(situation.meter, situation.at_s, self._steady.commanded_w, wish)
            if asking is not None and wish.low_w <= self._steady.commanded_w <= wish.high_w:
                power = asking
            if abs(power - wish.power_w) >= NOTABLE_W:
                settled = replace(settled, reasons=(*settled.reasons, _waits(wish.power_w)))
            urgent = not wish.low_w <= self._steady.commanded_w <= wish.high_w
        self._saturated = settled.wanted_w is not None and not settled.low_w < settled.wanted_w < settled.high_w
        return Decision(
            situation.at,
            situation.at_s,
            situation.tier,
            power,
            settled.wanted_w,
            settled.low_w,
            settled.high_w,
            self._orders(situation, power),
            settled.reasons,
            urgent,
        )

    # ---- inside --------------------------------------------------------------------------------------------------------------

    def _look(self, situation: Situation, aim: Aim) -> None:
        """Let the observer see what is new."""
        for unit in situation.units:
            told = self._told(unit)
            if told is None or told.at_s <= self._told_s.get(unit.name, -math.inf):
                continue
            self._told_s[unit.name] = told.at_s
            self._observer.told(unit.name, told, commanded=self._commanded[unit.name] is not None)
        if situation.meter is not None:
            self._observer.see(situation.meter, aim, saturated=self._saturated)

    def _told(self, unit: UnitState) -> Seen | None:
        """Return what a unit says that its battery gives, as it shows at the meter; None where it is silent, or not ours.

        PV of its own goes through the same socket. It is no part of a command, nor of what the house takes beyond its PV, so the
        socket counts only where the battery is not told of.
        """
        if unit.name not in self._commanded:
            return None
        if unit.battery_w is None:
            return unit.ac_w
        return replace(unit.battery_w, value=self._observer.dynamics[unit.name].at_meter(unit.battery_w.value))

    def _known(self, situation: Situation, aim: Aim) -> Situation:
        """Return the situation with what is known here: the load, what was commanded, and limits that were learnt.

        A unit that cannot be reached goes on with what it was told last: the others do without that much, and never work against
        it.
        """
        units = tuple(self._unit(situation, unit) for unit in situation.units)
        astray = sum(unit.commanded_w or 0.0 for unit in units if not unit.usable)
        load = self._observer.net_load(aim)
        if load is not None and astray:
            rest = load.wanted_w - astray
            wanted = 0.0 if rest * astray < 0 else rest
            load = replace(
                load, power_w=load.power_w - astray, low_w=load.low_w - astray, high_w=load.high_w - astray, wanted_w=wanted
            )
        return replace(situation, net_load=load, units=units, unit_pv_w=situation.unit_pv_w + max(0.0, astray))

    def _unit(self, situation: Situation, unit: UnitState) -> UnitState:
        if unit.name not in self._commanded:
            return replace(unit, controlled=False)
        unit = replace(unit, commanded_w=self._commanded[unit.name], dynamics=self._observer.dynamics[unit.name])
        learnt = self._observer.limit_w(unit.name, situation.at_s)
        if not learnt:
            return unit
        side = unit.limits.discharge if learnt > 0 else unit.limits.charge
        found = replace(side, value=min(side.value, abs(learnt)), cause="it was seen to give no more when commanded more")
        limits = replace(unit.limits, discharge=found) if learnt > 0 else replace(unit.limits, charge=found)
        return replace(unit, limits=limits)

    def _with_dwell(self, situation: Situation, said: Sequence[tuple[Rank, Proposal]], settled: Settled) -> Settled:
        """Return it as it is, or in the mode that units are in where a mode must not change again so soon."""
        if situation.at_s - self._switched_s >= SWITCH_S or not settled.follows_house:
            return settled
        commanded = any(self._commanded[unit.name] is not None for unit in situation.usable)
        if commanded and settled.power_w is None:
            # What binds commands only was no bound of the loop's, but is one now.
            commands = settle(replace(situation, tier=Tier.REALTIME), said)
            return replace(commands, reasons=(*commands.reasons, _note("commands go on: the mode was changed just now")))
        safe = not any(reason.rank is Rank.SAFETY and reason.weight is Weight.BINDING for reason in settled.reasons)
        if not commanded and settled.power_w is not None and situation.tier is not Tier.REALTIME and safe:
            return replace(
                settled, power_w=None, reasons=(*settled.reasons, _note("the mode was changed just now: the loop goes on"))
            )
        return settled

    def _wish(self, situation: Situation, settled: Settled, power: float) -> Wish:
        meter, load = situation.meter, situation.net_load
        exports = load is not None and power > load.wanted_w  # on purpose, so what goes to the grid is nothing to be cut
        return Wish(
            power,
            settled.hard_low_w,
            settled.hard_high_w,
            settled.follows_house,
            None if meter is None or exports else meter.power_w,
            math.inf if meter is None else meter.period_s,
        )

    def _orders(self, situation: Situation, power: float | None) -> tuple[UnitOrder, ...]:
        usable = situation.usable
        if power is None:
            return tuple(UnitOrder(unit.name, SelfUse(), None, ("the device's own loop follows the house",)) for unit in usable)
        reaches = {unit.name: reach(situation, unit) for unit in usable}
        if power == self._steady.commanded_w and self._stands(usable, reaches):
            given: Mapping[str, float] = {unit.name: self._commanded[unit.name] or 0.0 for unit in usable}
        else:
            shares = [_share(situation, unit, reaches[unit.name]) for unit in usable]
            before = {unit.name: self._commanded[unit.name] or 0.0 for unit in usable}
            given = self._split.adjust(situation.at_s, power, shares, before, self._sent_s)
        return tuple(self._order(situation, unit, given[unit.name], reaches[unit.name]) for unit in usable)

    def _stands(self, usable: Sequence[UnitState], reaches: Mapping[str, Reach]) -> bool:
        """Return whether everybody may go on with what he was told."""
        return all(
            (now := self._commanded[unit.name]) is not None and reaches[unit.name].low_w <= now <= reaches[unit.name].high_w
            for unit in usable
        )

    @staticmethod
    def _order(situation: Situation, unit: UnitState, power_w: float, reached: Reach) -> UnitOrder:
        watts = math.trunc(power_w)  # towards rest: a limit of 600.7 W is not passed
        notes = tuple(bound.reason for bound in reached.bounds if _is_at(watts, bound))
        command = _command(watts, math.ceil(situation.floor_pct(unit)), math.floor(situation.ceiling_pct(unit)))
        return UnitOrder(unit.name, command, 0.0 if isinstance(command, Hold) else float(watts), notes)


def aim_of(situation: Situation) -> Aim:
    """Return what zero export aims at: the target of the owner, and how a chattering load is weighed by what it costs."""
    goals, price, value = situation.goals, situation.price, situation.stored_value_per_kwh
    if goals.hard_zero:
        return Aim(goals.grid_target_w, HARD_QUANTILE)
    if price is None or value is None or price.import_per_kwh <= price.export_per_kwh:
        return Aim(goals.grid_target_w, USUAL_QUANTILE)
    quantile = (price.import_per_kwh - value) / (price.import_per_kwh - price.export_per_kwh)
    return Aim(goals.grid_target_w, min(max(quantile, QUANTILES[0]), QUANTILES[1]))


def _share(situation: Situation, unit: UnitState, reached: Reach) -> Share:
    seen, capacity = unit.soc_pct or Seen(0.0, 0.0), unit.capacity_wh or 1000.0
    above = (seen.value - situation.floor_pct(unit)) / 100 * capacity
    below = (situation.ceiling_pct(unit) - seen.value) / 100 * capacity
    return Share(unit.name, reached.low_w, reached.high_w, seen.value, above, below)


def _command(watts: int, floor_pct: int, ceiling_pct: int) -> Command:
    if abs(watts) < LEAST_W:
        return Hold()
    return Discharge(watts, floor_pct) if watts > 0 else Charge(-watts, ceiling_pct)


def _is_at(watts: int, bound: Bound) -> bool:
    return watts in (
        math.trunc(bound.low_w) if math.isfinite(bound.low_w) else None,
        math.trunc(bound.high_w) if math.isfinite(bound.high_w) else None,
    )


def _waits(power_w: float) -> Reason:
    text = f"{power_w:+.0f} W are due, once that has lasted, makes a difference, and is not too soon after the last command"
    return Reason(Rank.SELF_USE, PACED, text, Weight.BINDING)


def _note(text: str) -> Reason:
    return Reason(Rank.SAFETY, "controller", text, Weight.BINDING)
