"""One battery that knows its future: the programme finds the directions, a linear model the powers.

What is left when on and off are decided is convex, so HiGHS finds the best powers in milliseconds where the whole mixed-integer
model takes a hundred (``benchmarks/plan.py`` has both). For perfect foresight and for comparison; with an uncertain future the
programme alone plans better (control.md, section 2.2).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from indevolt.control.plan.coupled import CoupledPlan, CoupledProblem, Unit, solve_powers
from indevolt.control.plan.course import choose, course_of
from indevolt.control.plan.effects import effects_of
from indevolt.control.plan.problem import Problem
from indevolt.control.plan.programme import programme
from indevolt.control.plan.terminal import terminal_value
from indevolt.errors import InvalidInput

_LEVELS: Final = 121
_STEPS: Final = 6
"""One scenario is little work, so there is time for twice the levels and for powers in between: some 12 ms."""


def coupled_of(problem: Problem) -> CoupledProblem:
    """Return a problem with one future as a mixed-integer model takes it.

    Raises:
        InvalidInput: it has several futures.
    """
    if len(problem.scenarios) != 1:
        raise InvalidInput(f"scenarios: {len(problem.scenarios)} futures, where one is to be known", remedy="Give one.")
    (scenario,) = problem.scenarios
    unit = Unit("battery", problem.battery, problem.terminal or terminal_value(problem), problem.targets)
    return CoupledProblem(
        slots=problem.slots,
        load_w=scenario.load_w,
        pv_w=scenario.pv_w,
        units=(unit,),
        peak=problem.peak,
        feed_in_cap_w=problem.feed_in_cap_w,
        battery_to_grid=problem.battery_to_grid,
        grid_charging=problem.grid_charging,
        reserve_price=problem.reserve_price,
    )


def solve_deterministic(problem: Problem) -> CoupledPlan:
    """Return the best powers for a known future, within some thousandths of the mixed-integer model's saving.

    Raises:
        InvalidInput: the problem has several futures.
    """
    coupled = coupled_of(problem)
    problem = replace(problem, gate=0.0)  # there is no doubt where all is known
    effects = effects_of(problem, steps=_STEPS)
    found = programme(problem, effects, coupled.units[0].terminal, levels=_LEVELS, gates=())
    chosen = choose(problem, effects, found, coupled.units[0].terminal)
    ac_w = course_of(problem, effects, found, chosen.walks).battery_w[:, 0]
    return solve_powers(coupled, np.where(ac_w < 0, 1.0, 0.0), np.where(ac_w > 0, 1.0, 0.0))
