"""A site's past lived again under several methods on the same plant: what each would have cost.

The same battery, prices and minutes; wear is charged to all, and what is left in the battery at the end is settled at
one price. No method looks ahead but the one that is called foresight. What was known when is ``past``'s, what a battery does
``plant``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypeAlias, assert_never

import numpy as np

from indevolt.control.plan.choice import Choice
from indevolt.control.plan.course import choose
from indevolt.control.plan.effects import effects_of
from indevolt.control.plan.foresight import Foresight
from indevolt.control.plan.past import PER_DAY, Known, Outlook, Past, Terms
from indevolt.control.plan.plant import Plant, Tally
from indevolt.control.plan.problem import Problem
from indevolt.control.plan.programme import Programme, programme
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
    battery = terms.battery
    if method is Method.NO_BATTERY:
        battery = replace(battery, asleep_w=0.0, awake_w=0.0)
    plant = Plant(battery, battery_to_grid=terms.battery_to_grid)
    start_wh = plant.stored_wh
    taken, soc_pct = [], []
    for quarter in range(first, last):
        choice = decide(quarter, plant)
        plant.run(choice, past.passage(quarter))
        taken.append(choice)
        soc_pct.append(plant.soc_pct)
    left_wh = plant.stored_wh - start_wh
    flat = left_wh / 1000 * past.settled_per_kwh(first, last)
    settled = flat if worth is None else worth(plant.stored_wh) - worth(start_wh)
    return Replayed(method, (last - first) / PER_DAY, plant.tally, left_wh, settled, tuple(taken), tuple(soc_pct))


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


class Planning:
    """The programme: whole every hour, and its next hours every quarter with what is running now."""

    def __init__(self, past: Past, terms: Terms) -> None:
        self.outlook, self.terms = Outlook(past), terms
        self._whole: tuple[int, Programme] | None = None
        self._running: Action | None = None

    def __call__(self, quarter: int, plant: Plant) -> Choice:
        """Plan, and return the first choice of the plan."""
        since = FULL_EVERY if self._whole is None else quarter - self._whole[0]
        if self._whole is None or since >= FULL_EVERY:
            problem = self._problem(self.outlook.known(quarter, HORIZON), plant)
            terminal = terminal_value(problem)
            effects = effects_of(problem)
            found = programme(problem, effects, terminal)
            self._whole = quarter, found
        else:
            problem = self._problem(self.outlook.known(quarter, HORIZON - since), plant)
            terminal = terminal_value(problem)
            effects, near = effects_of(problem), problem.first(NEAR)
            whole = self._whole[1]
            found = programme(near, effects_of(near), terminal, ahead=whole.after[since + NEAR - 1])
            found = found.followed_by(whole, since + NEAR)
        choice = effects.choices[choose(problem, effects, found, terminal).first]
        self._running = choice.action
        return choice

    def _problem(self, known: Known, plant: Plant) -> Problem:
        # Exactly within its bounds, so that all plans of a day have the same levels.
        battery = self.terms.battery
        soc_pct = min(max(plant.soc_pct, battery.floor_pct), battery.ceiling_pct)
        return Problem(
            slots=known.slots,
            scenarios=known.scenarios(),
            battery=replace(battery, soc_pct=soc_pct),
            battery_to_grid=self.terms.battery_to_grid,
            grid_charging=self.terms.grid_charging,
            gate=self.terms.gate,
            running=self._running,
        )
