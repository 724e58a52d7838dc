"""A site's past lived again under several methods on the same plant: what each would have cost.

The same battery, prices and minutes; wear is charged to all, and what is left in the battery at the end is settled at
one price. No method looks ahead but the one that is called foresight. What was known when is ``past``'s, what a battery does
``plant``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypeAlias, assert_never

import numpy as np

from indevolt.control.plan.choice import Choice
from indevolt.control.plan.course import choose
from indevolt.control.plan.effects import Effects, effects_of
from indevolt.control.plan.foresight import Foresight
from indevolt.control.plan.past import PER_DAY, Known, Outlook, Past, Terms
from indevolt.control.plan.plant import Passage, Plant, Tally
from indevolt.control.plan.problem import Problem, TerminalValue
from indevolt.control.plan.programme import GATES, Programme, programme
from indevolt.control.plan.terminal import terminal_value
from indevolt.control.situation import Action

HORIZON: Final = 144  # quarters: a day and a half
NEAR: Final = 8  # quarters that are planned again in between, with what is running now
FULL_EVERY: Final = 4  # quarters from one whole plan to the next


class Method(StrEnum):
    """How a battery is run."""

    NO_BATTERY = "no_battery"
    SELF_USE = "self_use"
    RULE = "rule"
    PLAN = "plan"
    FORESIGHT = "foresight"


Decide: TypeAlias = Callable[[int, Plant], Choice]
"""From a quarter and the battery at its start to what the quarter is told to do."""
Worth: TypeAlias = Callable[[float], float]
"""What so many Wh are worth that are left at the end."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a method came to."""

    method: Method
    days: float
    tally: Tally
    left_wh: float  # in the battery at the end, less what was in it at the start
    settled: float  # what that counts for
    taken: tuple[Choice, ...]  # by quarter
    soc_pct: tuple[float, ...]  # at the end of each quarter

    @property
    def cost(self) -> float:
        """Energy and wear, less what is left."""
        return self.tally.energy_cost + self.tally.wear_cost - self.settled

    @property
    def cost_per_day(self) -> float:
        """The same by day."""
        return self.cost / self.days


def replay(past: Past, terms: Terms, methods: Iterable[Method], *, first: int = PER_DAY, last: int | None = None) -> list[Replayed]:
    """Return what each method comes to between two quarters of a past; what lies before them is history to learn from."""
    end = past.quarters if last is None else last
    return [run(past, terms, method, decide_by(past, terms, method, first, end), first=first, last=end) for method in methods]


def run(past: Past, terms: Terms, method: Method, decide: Decide, *, first: int, last: int, worth: Worth | None = None) -> Replayed:
    """Run a battery through a past as somebody decides.

    Args:
        past: what happened.
        terms: the battery, and what it may do.
        method: what to call it.
        decide: what each quarter is told to do.
        first: the quarter with which to begin.
        last: the quarter before which to end.
        worth: of what is left at the end; None: all the same, a share of the mean price.
    """
    (replayed,) = race(past, terms, [(method, decide)], first=first, last=last, worth=worth)
    return replayed


def race(
    past: Past, terms: Terms, entries: Sequence[tuple[Method, Decide]], *, first: int, last: int, worth: Worth | None = None
) -> list[Replayed]:
    """Run several batteries side by side, quarter by quarter, so that what they have in common is worked out once."""
    lanes = [_Lane(method, decide, terms) for method, decide in entries]
    for quarter in range(first, last):
        passage = past.passage(quarter)
        for lane in lanes:
            lane.run(quarter, passage)
    return [lane.result((last - first) / PER_DAY, past.settled_per_kwh(first, last), worth) for lane in lanes]


class _Lane:
    """One of several batteries that are run side by side."""

    def __init__(self, method: Method, decide: Decide, terms: Terms) -> None:
        battery = terms.battery
        if method is Method.NO_BATTERY:
            battery = replace(battery, asleep_w=0.0, awake_w=0.0)
        self.method, self.decide = method, decide
        self.plant = Plant(battery, battery_to_grid=terms.battery_to_grid)
        self.start_wh = self.plant.stored_wh
        self.taken: list[Choice] = []
        self.soc_pct: list[float] = []

    def run(self, quarter: int, passage: Passage) -> None:
        choice = self.decide(quarter, self.plant)
        self.plant.run(choice, passage)
        self.taken.append(choice)
        self.soc_pct.append(self.plant.soc_pct)

    def result(self, days: float, per_kwh: float, worth: Worth | None) -> Replayed:
        left_wh = self.plant.stored_wh - self.start_wh
        settled = left_wh / 1000 * per_kwh if worth is None else worth(self.plant.stored_wh) - worth(self.start_wh)
        return Replayed(self.method, days, self.plant.tally, left_wh, settled, tuple(self.taken), tuple(self.soc_pct))


def decide_by(past: Past, terms: Terms, method: Method, first: int, last: int) -> Decide:
    """Return how a method decides."""
    match method:
        case Method.NO_BATTERY:
            return lambda _quarter, _plant: Choice(Action.STOP)
        case Method.SELF_USE:
            return lambda _quarter, _plant: Choice(Action.SELF_USE)
        case Method.RULE:
            return PriceRule(past, terms)
        case Method.PLAN:
            return Planning(past, terms)
        case Method.FORESIGHT:
            return Foresight(past, terms, first, last)
        case _:
            assert_never(method)


class PriceRule:
    """Thresholds on the price, as automations and simple tools have them.

    Charge while power is among the cheapest of what is published and the dearest hours pay for it; keep what is stored while it is
    cheaper than the mean; else plain self-use.
    """

    CHEAP: Final = 0.2  # of the published prices
    DEAR: Final = 0.8
    KEPT: Final = 0.88  # of a kWh bought comes back
    LEAST_GAIN: Final = 0.05  # per kWh, beyond wear

    def __init__(self, past: Past, terms: Terms) -> None:
        self.outlook, self.terms = Outlook(past), terms

    def __call__(self, quarter: int, _plant: Plant) -> Choice:
        """Decide by the published prices alone."""
        published = self.outlook.published(quarter)
        prices = self.outlook.past.import_per_kwh[quarter : quarter + min(published, PER_DAY)]
        now, dear = float(prices[0]), float(np.quantile(prices, self.DEAR))
        if now <= np.quantile(prices, self.CHEAP) and dear * self.KEPT - now >= self.terms.battery.wear_per_kwh + self.LEAST_GAIN:
            return Choice(Action.CHARGE) if self.terms.grid_charging else Choice(Action.HOLD)
        if now < prices.mean() and dear - now >= self.LEAST_GAIN:
            return Choice(Action.HOLD)
        return Choice(Action.SELF_USE)


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """All of a plan but the charge of the battery that it is for, and what that wants to gain."""

    problem: Problem
    terminal: TerminalValue
    effects: Effects
    found: Programme


class Preparing:
    """The programme: whole every hour, and its next hours every quarter with what is running now.

    It is the same for all batteries of one kind at one site, so several that differ only in what they want to gain share it.
    """

    def __init__(self, past: Past, terms: Terms, gates: Sequence[float] = ()) -> None:
        """Prepare for all of these gates."""
        self.outlook = Outlook(past)
        # Within its bounds, so that all plans of a day have the same levels.
        self.terms = replace(terms, battery=replace(terms.battery, soc_pct=terms.battery.floor_pct))
        self.gates = (*gates, *GATES)
        self._least = min((terms.gate, *gates))
        self._whole: tuple[int, Programme] | None = None
        self._last: tuple[int, Prepared] | None = None

    def at(self, quarter: int) -> Prepared:
        """Return what is prepared for a quarter; later ones follow."""
        if self._last is None or self._last[0] != quarter:
            self._last = quarter, self._prepare(quarter)
        return self._last[1]

    def _prepare(self, quarter: int) -> Prepared:
        since = FULL_EVERY if self._whole is None else quarter - self._whole[0]
        if self._whole is None or since >= FULL_EVERY:
            problem = self._problem(self.outlook.known(quarter, HORIZON))
            terminal, effects = terminal_value(problem), effects_of(problem)
            found = programme(problem, effects, terminal, gates=self.gates)
            self._whole = quarter, found
        else:
            problem = self._problem(self.outlook.known(quarter, HORIZON - since))
            terminal, effects = terminal_value(problem), effects_of(problem)
            near, whole = problem.first(NEAR), self._whole[1]
            found = programme(near, effects_of(near), terminal, gates=self.gates, ahead=whole.after[since + NEAR - 1])
            found = found.followed_by(whole, since + NEAR)
        return Prepared(problem, terminal, effects, found)

    def _problem(self, known: Known) -> Problem:
        return Problem(
            slots=known.slots,
            scenarios=known.scenarios(),
            battery=self.terms.battery,
            battery_to_grid=self.terms.battery_to_grid,
            grid_charging=self.terms.grid_charging,
            gate=self._least,
        )


class Planning:
    """What the first slot of a plan says, planned anew each quarter."""

    def __init__(self, past: Past, terms: Terms, preparing: Preparing | None = None) -> None:
        """Plan with a gate; with what is prepared for several, or alone."""
        self.terms, self.preparing = terms, preparing or Preparing(past, terms)
        self._running: Action | None = None

    def __call__(self, quarter: int, plant: Plant) -> Choice:
        """Plan, and return the first choice of the plan."""
        prepared, battery = self.preparing.at(quarter), self.terms.battery
        soc_pct = min(max(plant.soc_pct, battery.floor_pct), battery.ceiling_pct)
        problem = replace(prepared.problem, battery=replace(battery, soc_pct=soc_pct), gate=self.terms.gate, running=self._running)
        found = prepared.found.wanting(self.terms.gate)
        choice = prepared.effects.choices[choose(problem, prepared.effects, found, prepared.terminal).first]
        self._running = choice.action
        return choice
