"""One battery that knows its future: going from level to level finds the directions, a linear model the powers.

What is left when on and off are decided is convex, so HiGHS finds the best powers in milliseconds where the whole mixed-integer
model takes a hundred; and since it is known about which powers they will be, it follows the curve of losses closely just there
(``benchmarks/plan.py`` has both). For perfect foresight and for comparison; with an uncertain future the programme alone plans
better (control.md, section 2.2).
"""

from __future__ import annotations

from typing import Final

from indevolt.control.plan.coupled import CoupledPlan, CoupledProblem, Unit, solve_powers
from indevolt.control.plan.problem import Problem
from indevolt.control.plan.terminal import terminal_value
from indevolt.control.plan.transitions import Transitions
from indevolt.errors import InvalidInput

_LEVELS: Final = 201
"""Steps of half a percent: 20 Wh of 4 kWh. Finer ones find no better directions."""


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
    """Return the best powers for a known future, as good as the mixed-integer model's by the curve of losses itself.

    Raises:
        InvalidInput: the problem has several futures.
    """
    coupled = coupled_of(problem)
    (unit,) = coupled.units
    way = Transitions(problem, unit.terminal, levels=_LEVELS)
    battery_w, _ = way.powers_from(problem.battery.soc_pct / 100 * problem.battery.capacity_wh)
    return solve_powers(coupled, battery_w)
