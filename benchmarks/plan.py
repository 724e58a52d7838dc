"""What a plan earns, against what users have.

Four seasons, two PV plants, two prices for what is fed in, forecasts as wrong as real ones. Everybody runs the same battery in the
same minutes with the same knowledge: published prices, the home's own history, a forecast of PV. Wear is charged to all. What is
left in the battery counts as much as it is worth in the two days that follow to one who knows them: if all of it had one price,
foresight alone would know what to end with, and in winter that is a good part of what a few days save.

Goals: never below plain self-use, best or within 1 % of the best in every case, 92 % of perfect foresight in the mean; one
stochastic solve under 100 ms, a deterministic one under 25 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import mean, median
from typing import Final

import numpy as np
from plan_rivals import Executor, emhass, milp
from plan_site import BATTERY, CASES, DEVELOPMENT_CASES, FEED_IN, REPLAYED_DAYS, TAIL_DAYS, TERMS, Case
from side_by_side import Child, importable

from indevolt.control.plan.coupled import solve_coupled, solve_powers
from indevolt.control.plan.deterministic import coupled_of, solve_deterministic
from indevolt.control.plan.effects import change_of, moved
from indevolt.control.plan.foresight import Foresight
from indevolt.control.plan.past import PER_DAY, Outlook
from indevolt.control.plan.problem import Problem, Scenario, TerminalValue
from indevolt.control.plan.programme import terminal_worth
from indevolt.control.plan.replay import HORIZON, Decide, Method, Planning, decide_by, run
from indevolt.control.plan.solve import solve
from indevolt.control.plan.tuning import NEVER, tune_gate

HERE: Final = Path(__file__).parent
CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "indevolt-bench" / "emhass"
EMHASS: Final = "emhass==0.18.7"  # some 1.1 GB with what it needs
EXACT_S: Final = 30.0
TIE: Final = 1e-6  # EUR a day
GATES: Final = (TERMS.gate, 0.01)  # per kWh, and plain self-use: one of them is found before each case ...
TUNED_DAYS: Final = 7  # ... on the last so many days of its history; the hub does it each night, with more gates on more days
NO_BATTERY, SELF_USE, RULE, MILP, FORESIGHT = "no battery", "self-use", "price rule", "our MILP", "foresight"
OURS, TUNED = "plan", "plan, gate tuned"
EMHASS_KEPT, EMHASS_USED = "EMHASS, charge kept", "EMHASS, charge used"
RIVALS: Final = (MILP, EMHASS_KEPT, EMHASS_USED)
WHO: Final = (NO_BATTERY, SELF_USE, RULE, *RIVALS, TUNED, OURS, FORESIGHT)
USUAL: Final = tuple(who for who in WHO if who != TUNED)  # which takes as long again


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


@dataclass(frozen=True)
class Run:
    """What one contestant costs a day in one case, in EUR; what is left at the end settled in two ways."""

    case: str
    who: str
    days: int
    fair: float  # at what it is worth to one who knows the days after
    flat: float  # all of it at one share of the mean price


class Course:
    """One case, on which all contestants are run."""

    def __init__(self, case: Case, *, days: int, errors: bool, known: Mapping[str, Run]) -> None:
        self.case, self.days, self.known = case, days, dict(known)
        self.past = case.past(errors=errors)
        self.first, self.last = case.first, case.first + days * PER_DAY
        self.foresight = Foresight(self.past, TERMS, self.first, self.last + TAIL_DAYS * PER_DAY)

    def run(self, who: str, method: Method, decide: Decide) -> Run:
        """Run a contestant."""
        worth = partial(self.foresight.worth, self.last)
        ran = run(self.past, TERMS, method, decide, first=self.first, last=self.last, worth=worth)
        flat = ran.left_wh / 1000 * self.past.settled_per_kwh(self.first, self.last)
        return Run(str(self.case), who, self.days, ran.cost_per_day, ran.cost_per_day + (ran.settled - flat) / ran.days)

    def run_ours(self, who: str) -> Run:
        """Run who needs nothing but this project; what is known need not be run again."""
        if who not in self.known:
            self.known[who] = replace(self._run_ours(who), who=who)
        return self.known[who]

    def _run_ours(self, who: str) -> Run:
        if who == FORESIGHT:
            # Each way to settle has a foresight of its own.
            flat = Foresight(self.past, TERMS, self.first, self.last)
            fair = self.run(who, Method.FORESIGHT, self.foresight).fair
            return replace(self.run(who, Method.FORESIGHT, flat), fair=fair)
        if who == TUNED:
            first = self.first - TUNED_DAYS * PER_DAY
            gate = tune_gate(self.past, TERMS, first=first, last=self.first, gates=GATES, usual=TERMS.gate).gate
            print(f"{self.case}: gate {'never' if gate == NEVER else gate}", file=sys.stderr, flush=True)
            if gate in (TERMS.gate, NEVER):
                return self.run_ours(OURS if gate == TERMS.gate else SELF_USE)
            return self.run(who, Method.PLAN, Planning(self.past, replace(TERMS, gate=gate)))
        method = {NO_BATTERY: Method.NO_BATTERY, SELF_USE: Method.SELF_USE, RULE: Method.RULE, OURS: Method.PLAN}[who]
        return self.run(who, method, decide_by(self.past, TERMS, method, self.first, self.last))

    def run_rival(self, who: str, every: int, child: Child | None) -> Run:
        """Run a planner that takes one forecast for certain."""
        if who == MILP:
            powers = milp(TERMS)
        else:
            assert child is not None
            powers = emhass(TERMS, child, keeps_charge=who == EMHASS_KEPT)
        return self.run(who, Method.PLAN, Executor(self.past, powers, every))


def seasons(
    case: Case, *, wanted: Sequence[str], days: int, every: int, python: str | None, errors: bool, kept: Sequence[Run]
) -> list[Run]:
    """Return what each contestant costs a day."""
    known = {each.who: each for each in kept if each.case == str(case) and each.days == days}
    course = Course(case, days=days, errors=errors, known=known)
    runs = [course.run_ours(who) for who in wanted if who not in RIVALS]
    with ExitStack() as stack:
        child = stack.enter_context(Child([python, str(HERE / "plan_emhass.py")], None)) if python is not None else None
        runs += [course.run_rival(who, every, child) for who in wanted if who == MILP or (who in RIVALS and child is not None)]
    return runs


def kept_in(file: Path | None) -> list[Run]:
    """Return what earlier runs measured."""
    if file is None or not file.exists():
        return []
    return [Run(**json.loads(line)) for line in file.read_text("utf-8").splitlines()]


def keep(file: Path | None, runs: Iterable[Run]) -> None:
    """Add to what earlier runs measured."""
    if file is not None:
        with file.open("a", encoding="utf-8") as lines:
            lines.writelines(json.dumps(asdict(each)) + "\n" for each in runs)


def show_seasons(cases: Sequence[Case], runs: Iterable[Run]) -> None:
    """Print what each contestant saves against no battery, and whether the goals are met."""
    cost = {(each.case, each.who): each for each in runs}
    cases = [case for case in cases if all((str(case), who) in cost for who in (NO_BATTERY, FORESIGHT))]
    names = [who for who in WHO if who != NO_BATTERY and any((str(case), who) in cost for case in cases)]
    print("\nSaved against no battery, in ct a day; what is left counts as much as it is worth in the days after\n")
    print("| case | " + " | ".join(names) + " | plan of foresight |\n|---|" + "---:|" * (len(names) + 1))
    shares: dict[str, list[float]] = {}
    flat_shares, below, behind = [], [], []
    for case in map(str, cases):
        saved = {who: cost[case, NO_BATTERY].fair - cost[case, who].fair for who in names if (case, who) in cost}
        for who, value in saved.items():
            shares.setdefault(who, []).append(value / saved[FORESIGHT])
        cells = [f"{saved[who] * 100:.2f}" if who in saved else "" for who in names]
        cells.append(f"{saved[OURS] / saved[FORESIGHT]:.1%}" if OURS in saved else "")
        print(f"| {case}, {cost[case, FORESIGHT].days} days | " + " | ".join(cells) + " |")
        if OURS not in saved:
            continue
        flat = {who: cost[case, NO_BATTERY].flat - cost[case, who].flat for who in (OURS, FORESIGHT)}
        flat_shares.append(flat[OURS] / flat[FORESIGHT])
        best = max(value for who, value in saved.items() if who != FORESIGHT)
        if SELF_USE in saved and saved[OURS] < saved[SELF_USE] - TIE:
            below.append(f"{case} ({(saved[SELF_USE] - saved[OURS]) * 100:.2f} ct below)")
        if saved[OURS] < best - abs(best) * 0.01 - TIE:
            behind.append(f"{case} ({(best - saved[OURS]) * 100:.2f} ct behind)")
    print("| mean share of foresight | " + " | ".join(f"{mean(shares[who]):.1%} of {len(shares[who])}" for who in names) + " | |")
    if not flat_shares:
        return
    share = mean(shares[OURS])
    print(f"\nnever below self-use: {'met' if not below else 'MISSED in ' + '; '.join(below)}")
    print(f"best or within 1 % of the best in each case: {'met' if not behind else 'MISSED in ' + '; '.join(behind)}")
    print(f"at least 92 % of foresight in the mean: {'met' if share >= 0.92 else 'MISSED'} ({share:.1%})")
    print(f"the same with all that is left settled at one price, which only foresight knows: {mean(flat_shares):.1%}")


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
    for days in (7, 11, 14):
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
    by_model, by_curve = [], []
    for _, problem in certain:
        coupled, without = coupled_of(problem), no_battery_cost(problem)
        exact_w = solve_coupled(coupled, gap=1e-5, whole_hours=100, seconds=EXACT_S).unit_w["battery"]
        polished_w = solve_powers(coupled, np.array(exact_w)).unit_w["battery"]
        quick_w = solve_deterministic(problem).unit_w["battery"]
        quick, exact, polished = (without - true_cost(problem, powers) for powers in (quick_w, exact_w, polished_w))
        by_model.append(quick / exact)
        by_curve.append(quick / max(exact, polished))
    print(f"\nThe deterministic plan saves {mean(by_model):.2%} of what the exact mixed-integer model does,")
    print(
        f"{min(by_model):.2%} on the worst of {len(by_model)} days, counted with the curve of losses itself, of which the model has"
    )
    print(f"four pieces. With the model's powers polished along the curve too: {mean(by_curve):.2%}, worst {min(by_curve):.2%}.")


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
    parser.add_argument("--weeks", choices=["benchmark", "development"], default="benchmark", help="those that count, or others")
    parser.add_argument("--only", default="", help="cases whose name contains this, such as 'July, 4'")
    parser.add_argument("--who", choices=WHO, nargs="*", default=USUAL, help="only these contestants; none: print what is kept")
    parser.add_argument("--days", type=int, default=REPLAYED_DAYS, help="days of each case")
    parser.add_argument("--every", type=int, default=4, help="quarters of an hour between two plans of MILP and EMHASS")
    parser.add_argument("--jobs", type=int, default=1, help="cases at a time")
    parser.add_argument("--keep", type=Path, help="a file that collects what was measured, over several runs")
    parser.add_argument("--rounds", type=int, default=15, help="of the timings")
    parser.add_argument("--right-forecasts", action="store_true", help="with forecasts of PV that come true")
    parser.add_argument("--part", choices=["seasons", "speed"], help="only one of the tables")
    asked = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f}; numpy {np.__version__}, HiGHS {version('highspy')}", flush=True)
    if asked.part != "seasons":
        show_speed(3 if asked.quick else asked.rounds)
    if asked.part != "speed":
        cases = [case for case in (CASES if asked.weeks == "benchmark" else DEVELOPMENT_CASES) if asked.only in str(case)]
        if asked.quick:
            cases = [cases[2 % len(cases)], cases[8 % len(cases)]]
        python = emhass_python() if {EMHASS_KEPT, EMHASS_USED} & set(asked.who) else None
        runs = kept_in(asked.keep)
        measure = partial(
            seasons,
            kept=runs,
            wanted=asked.who,
            days=2 if asked.quick else asked.days,
            every=asked.every,
            python=python,
            errors=not asked.right_forecasts,
        )
        with ProcessPoolExecutor(asked.jobs) as pool:
            for case, more in zip(cases, pool.map(measure, cases), strict=True) if asked.who else ():
                keep(asked.keep, more)
                runs += more
                print(f"{case}: measured", file=sys.stderr, flush=True)
        show_seasons(cases, runs)


if __name__ == "__main__":
    main()
