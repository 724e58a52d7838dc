"""What a plan earns, against what users have.

Four seasons, two PV plants, two prices for what is fed in, forecasts as wrong as real ones. Everybody runs the same battery in the
same minutes with the same knowledge: published prices, the home's own history, a forecast of PV. Wear is charged to all, and what
is left in the battery is settled at one price.

Goals: never below plain self-use, best or within 1 % of the best in every case, 92 % of perfect foresight in the mean; one
stochastic solve under 100 ms, a deterministic one under 25 ms.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import mean, median
from typing import Final

import numpy as np
from plan_rivals import Executor, emhass, milp
from plan_site import BATTERY, CASES, FEED_IN, TERMS, Case
from side_by_side import Child, importable

from indevolt.control.plan.coupled import solve_coupled
from indevolt.control.plan.deterministic import coupled_of, solve_deterministic
from indevolt.control.plan.effects import change_of, moved
from indevolt.control.plan.past import PER_DAY, Outlook
from indevolt.control.plan.problem import Problem, Scenario, TerminalValue
from indevolt.control.plan.programme import terminal_worth
from indevolt.control.plan.replay import HORIZON, Decide, Method, decide_by, run
from indevolt.control.plan.solve import solve

HERE: Final = Path(__file__).parent
CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "indevolt-bench" / "emhass"
EMHASS: Final = "emhass==0.18.7"  # some 1.1 GB with what it needs
EXACT_S: Final = 30.0
TIE: Final = 1e-6  # EUR a day
OURS: Final = "plan"
NO_BATTERY, SELF_USE, FORESIGHT = "no battery", "self-use", "foresight"


def emhass_python() -> str | None:
    """Return the interpreter of EMHASS's own environment, which is made the first time; None where it cannot be."""
    python = CACHE / "bin" / "python"
    if not (python.exists() and importable(str(python), "emhass")):
        print(f"Installing {EMHASS} into {CACHE} (once, about 1.1 GB) ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(CACHE)], check=True)
        done = subprocess.run([str(python), "-m", "pip", "install", "--quiet", EMHASS], check=False)
        if done.returncode != 0:
            return None
    return str(python)


# ---- seasons ---------------------------------------------------------------------------------------------------------


def seasons(case: Case, *, days: int, every: int, python: str | None, errors: bool) -> dict[str, float]:
    """Return what each contestant costs a day."""
    past = case.past(errors=errors)
    first, last = case.first, case.first + days * PER_DAY
    replayed: dict[str, float] = {}
    methods = {
        NO_BATTERY: Method.NO_BATTERY,
        SELF_USE: Method.SELF_USE,
        "price rule": Method.RULE,
        OURS: Method.PLAN,
        FORESIGHT: Method.FORESIGHT,
    }
    with ExitStack() as stack:
        rivals: dict[str, Decide] = {"our MILP": Executor(past, milp(TERMS), every)}
        if python is not None:
            child = stack.enter_context(Child([python, str(HERE / "plan_emhass.py")], None))
            for name, keeps in (("EMHASS, charge kept", True), ("EMHASS, charge used", False)):
                rivals[name] = Executor(past, emhass(TERMS, child, keeps_charge=keeps), every)
        for name, method in methods.items():
            decide = decide_by(past, TERMS, method, first, last)
            replayed[name] = run(past, TERMS, method, decide, first=first, last=last).cost_per_day
        for name, decide in rivals.items():
            replayed[name] = run(past, TERMS, Method.PLAN, decide, first=first, last=last).cost_per_day
    return replayed


def show_seasons(answers: Iterable[tuple[Case, dict[str, float]]]) -> None:
    """Print what each contestant saves against no battery, case by case as they come, and whether the goals are met."""
    names: list[str] = []
    shares: dict[str, list[float]] = {}
    below, behind = [], []
    print("\nSaved against no battery, in ct a day\n")
    for case, cost in answers:
        if not names:
            names = [name for name in cost if name not in (NO_BATTERY, OURS, FORESIGHT)] + [OURS, FORESIGHT]
            print("| case | " + " | ".join(names) + " | plan of foresight |\n|---|" + "---:|" * (len(names) + 1))
        saved = {name: cost[NO_BATTERY] - cost[name] for name in names}
        for name in names:
            shares.setdefault(name, []).append(saved[name] / saved[FORESIGHT])
        row = " | ".join(f"{saved[name] * 100:.2f}" for name in names)
        print(f"| {case} | {row} | {shares[OURS][-1]:.1%} |", flush=True)
        best = max(saved[name] for name in names if name != FORESIGHT)
        if saved[OURS] < saved[SELF_USE] - TIE:
            below.append(f"{case} ({(saved[SELF_USE] - saved[OURS]) * 100:.2f} ct below)")
        if saved[OURS] < best - abs(best) * 0.01 - TIE:
            behind.append(f"{case} ({(best - saved[OURS]) * 100:.2f} ct behind)")
    print("| mean share of foresight | " + " | ".join(f"{mean(shares[name]):.1%}" for name in names) + " | |")
    share = mean(shares[OURS])
    print(f"\nnever below self-use: {'met' if not below else 'MISSED in ' + '; '.join(below)}")
    print(f"best or within 1 % of the best in each case: {'met' if not behind else 'MISSED in ' + '; '.join(behind)}")
    print(f"at least 92 % of foresight in the mean: {'met' if share >= 0.92 else 'MISSED'} ({share:.1%})")


# ---- speed and exactness -----------------------------------------------------------------------------------------------


def days_of() -> Iterator[tuple[str, Problem]]:
    """Yield problems with one future: the next day and a half as it came, in each season."""
    for case in CASES:
        if case.feed_in != FEED_IN[1]:
            continue
        past = case.past()
        load_w, pv_w = past.by_quarter()
        for quarter in (case.first + 40, case.first + 5 * PER_DAY):
            span = slice(quarter, quarter + HORIZON)
            future = Scenario(tuple(load_w[span].tolist()), tuple(pv_w[span].tolist()))
            slots = Outlook(past).known(quarter, HORIZON).slots
            yield (
                str(case),
                Problem(
                    slots, (future,), replace(BATTERY, soc_pct=30), terminal=TerminalValue(0.2, 0.1), gate=0.0, switch_cost=0.0
                ),
            )


def show_speed(rounds: int) -> None:
    """Print what solving costs, and how near the quick deterministic solver comes to the exact model."""
    case = CASES[-1]
    past = case.past()
    quarter = case.first + 40
    print(f"\nOne solve, {HORIZON} slots, CPU time, median of {rounds}\n\n| | ms | goal |\n|---|---:|---|")
    for days in (7, 14):
        known = Outlook(past, load_days=days).known(quarter, HORIZON)
        problem = Problem(known.slots, known.scenarios(), replace(BATTERY, soc_pct=50))
        cost_ms = timed(partial(solve, problem, known.slots[0].start), rounds)
        count = len(problem.scenarios)
        print(f"| stochastic, {count} scenarios, plan with reasons and bands | {cost_ms:.0f} | {verdict(cost_ms, 100)} |")
    certain = list(days_of())
    quick_ms = [timed(partial(solve_deterministic, problem), 3) for _, problem in certain]
    print(f"| deterministic | {median(quick_ms):.0f} | {verdict(median(quick_ms), 25)} |")
    milp_ms = [timed(partial(solve_coupled, coupled_of(problem)), 1) for _, problem in certain]
    print(f"| mixed-integer, 12 h whole, gap 1 % | {median(milp_ms):.0f} | |")
    shares = []
    for _, problem in certain:
        exact = solve_coupled(coupled_of(problem), gap=1e-5, whole_hours=100, seconds=EXACT_S)
        quick = solve_deterministic(problem)
        without = no_battery_cost(problem)
        shares.append(
            (without - true_cost(problem, quick.unit_w["battery"])) / (without - true_cost(problem, exact.unit_w["battery"]))
        )
    print(f"\nThe deterministic plan saves {mean(shares):.2%} of what the exact mixed-integer model does, {min(shares):.2%} on the")
    print(f"worst of {len(shares)} days; both counted with the curve of losses itself.")


def true_cost(problem: Problem, battery_w: Sequence[float]) -> float:
    """Return what powers cost with the curve of losses itself, and not with its pieces."""
    battery, terminal = problem.battery, problem.terminal
    assert terminal is not None
    (future,) = problem.scenarios
    stored = np.array([battery.soc_pct / 100 * battery.capacity_wh])
    total = 0.0
    for slot, load_w, pv_w, power_w in zip(problem.slots, future.load_w, future.pv_w, battery_w, strict=True):
        ac_w = np.array([power_w if abs(power_w) > 1 else 0.0])
        stored, share = moved(stored, change_of(ac_w, battery) * slot.hours, battery)
        given_w = float((ac_w * share)[0])
        grid_kwh = (load_w + battery.asleep_w - pv_w - given_w) * slot.hours / 1000
        total += grid_kwh * (slot.import_per_kwh if grid_kwh > 0 else slot.export_per_kwh)
        total += max(given_w, 0.0) * slot.hours / 1000 * battery.wear_per_kwh
    return total - float(terminal_worth(terminal, stored, battery)[0])


def no_battery_cost(problem: Problem) -> float:
    """Return what the same day costs without one."""
    (future,) = problem.scenarios
    total = 0.0
    for slot, load_w, pv_w in zip(problem.slots, future.load_w, future.pv_w, strict=True):
        grid_kwh = (load_w - pv_w) * slot.hours / 1000
        total += grid_kwh * (slot.import_per_kwh if grid_kwh > 0 else slot.export_per_kwh)
    return total


def timed(work: Callable[[], object], rounds: int) -> float:
    """Return the median CPU time in ms."""
    taken = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        taken.append((time.process_time() - started) * 1000)
    return median(taken)


def verdict(value: float, limit: float) -> str:
    """Say whether a goal is met."""
    return f"below {limit:g}: {'met' if value < limit else 'MISSED'}"


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two cases of two days, to see in a minute or two that it works")
    parser.add_argument("--only", default="", help="cases whose name contains this, such as 'July, 4'")
    parser.add_argument("--days", type=int, default=14, help="days of each case")
    parser.add_argument("--every", type=int, default=4, help="quarters of an hour between two plans of MILP and EMHASS")
    parser.add_argument("--jobs", type=int, default=1, help="cases at a time")
    parser.add_argument("--rounds", type=int, default=15, help="of the timings")
    parser.add_argument("--without-emhass", action="store_true", help="leave EMHASS out")
    parser.add_argument("--right-forecasts", action="store_true", help="with forecasts of PV that come true")
    parser.add_argument("--part", choices=["seasons", "speed"], help="only one of the tables")
    asked = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f}; numpy {np.__version__}, HiGHS {version('highspy')}", flush=True)
    if asked.part != "seasons":
        show_speed(3 if asked.quick else asked.rounds)
    if asked.part != "speed":
        cases = [case for case in (CASES[2], CASES[8]) if asked.quick] or [case for case in CASES if asked.only in str(case)]
        python = None if asked.without_emhass else emhass_python()
        measure = partial(
            seasons, days=2 if asked.quick else asked.days, every=asked.every, python=python, errors=not asked.right_forecasts
        )
        with ProcessPoolExecutor(asked.jobs) as pool:
            show_seasons(zip(cases, pool.map(measure, cases), strict=True))


if __name__ == "__main__":
    main()
