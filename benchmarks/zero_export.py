"""How well does a battery follow a house, through a meter that is late? Ours and the laws that users have today.

Twelve cases: three loads (a real house by the second, the same with a cloudy roof, an evening of a household that cooks and washes)
and four meters, from every second to every ten. Energy is priced with 30 ct a kWh of import, 8 of export and 20 in the battery.
*Captured* is the benefit over having no battery, as a share of what one could have that knows the load and is there at once.

Then: steps of a kilowatt, dead times that nobody told, and meters that drop samples, fall silent or freeze. All is simulated
(``zero_export_home``); no figure is of a real device.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import random
import statistics
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Final

from side_by_side import show_table, verdict
from zero_export_home import START, Books, Case, Law, MeterKind, Watts, play, settling
from zero_export_laws import FilterLaw, Ours, Pid, Stepping, TelemetryLaw, WaitingLaw

from indevolt.control.situation import Dynamics
from indevolt.simulator.appliances import Household
from indevolt.simulator.converter import Response
from indevolt.simulator.sky import Sky, Weather, plane

REAL_LOAD: Final = Path(__file__).parents[2] / "shared" / "data" / "rae_house1_1s_load.csv.gz"  # beside the checkout, where it is
MINUTE_LOAD: Final = Path(__file__).parent / "data" / "household_load_1min.csv.gz"
METERS: Final = (MeterKind(1, 0.5), MeterKind(2, 1), MeterKind(5, 2), MeterKind(10, 3))
FAST: Final = METERS[:2]
PV_PEAK_W: Final = 1600.0
NOISE_W: Final = 3.0  # standard deviation, by the second; the real house has more
KNOWN: Final = Dynamics(dead_s=1.75, gain=0.93, charge_gain=1.07, margin_s=1.0, identified=True)
"""What commissioning finds of the simulated unit."""

GOAL_CAPTURED: Final = 88.0
GOAL_WRITES: Final = 400.0
GOAL_FLIPS: Final = 5.0
GOAL_SETTLE_S: Final = 12.0

Make = Callable[[Case], Law]

LAWS: Final[Mapping[str, Make]] = {
    "ours": Ours,
    "ours, commissioned": lambda case: Ours(case, dynamics=KNOWN),
    "ours, hard zero export": lambda case: Ours(case, hard_zero=True),
    "u += g every 5 s": lambda _: Stepping(1.0),
    "u += 0.5 g every 5 s, deadband 20 W": lambda _: Stepping(0.5, 20.0),
    "PID every 5 s": lambda _: Pid(),
    "telemetry + meter, 2.2 / 4 s": lambda _: TelemetryLaw(),
    "telemetry + meter, 2 s after a command": lambda _: WaitingLaw(),
    "telemetry + meter, PID filter every 1 s": lambda _: FilterLaw(),
}


# ---- loads ---------------------------------------------------------------------------------------------------------------


def by_second(values: Sequence[float], step_s: float = 1.0) -> Watts:
    """Return a load out of values that each hold until the next."""
    last = len(values) - 1
    return lambda second: values[min(int(second / step_s), last)]


@cache
def house_load(real: Path) -> tuple[str, Watts]:
    """Return the load of a real house, and what it is."""
    if real.exists():
        with gzip.open(real, "rt") as lines:
            next(lines)
            return "house", by_second([float(line.split(",")[1]) for line in lines])
    with gzip.open(MINUTE_LOAD, "rt") as lines:  # 17 h of 2 January
        minutes = [float(line.split(",")[-1]) for line in itertools.islice(lines, 1 + 2460, 1 + 2460 + 240)]
    return "house (by minutes)", by_second(minutes, 60.0)


@cache
def roof(hours: float) -> Sequence[float]:
    """Return what a roof under broken clouds gives, by the second."""
    sky, lies = Sky(11, weather=Weather.BROKEN), plane()
    return [
        PV_PEAK_W * lies.per_peak(sky.light(datetime.fromtimestamp(START.timestamp() + second, UTC)))
        for second in range(int(hours * 3600))
    ]


def noisy(hours: float) -> Watts:
    """Return what is left of a house when nothing switches."""
    chance = random.Random(5)
    return by_second([chance.gauss(0, NOISE_W) for _ in range(int(hours * 3600) + 1)])


@cache
def evening(hours: float) -> Watts:
    """Return an evening of a simulated household from about 16:20 on: hob, oven, washing machine."""
    household, noise = Household(2, 12), noisy(hours)
    begin = START.replace(hour=16, minute=20) + timedelta(days=1)
    return by_second([household(begin + timedelta(seconds=second)) + noise(second) for second in range(int(hours * 3600))])


def cases(real: Path, share: float) -> list[Case]:
    """Return the twelve."""
    name, load = house_load(real)
    sun = by_second(roof(4 * share))

    def less_sun(second: float) -> float:
        return load(second) - sun(second)

    loads = [(name, load, 4 * share), (f"{name} less PV", less_sun, 4 * share), ("evening", evening(3 * share), 3 * share)]
    return [Case(what, net, hours, meter) for meter in METERS for what, net, hours in loads]


def kilowatt(meter: MeterKind, share: float) -> Case:
    """Return a load that rises and falls by a kilowatt, at moments that have nothing to do with the meter's."""
    chance = random.Random(0)
    at, steps = 60.0, list[float]()
    while at < 2 * share * 3600 - 120:
        steps.append(at)
        at += chance.uniform(100, 120)

    noise = noisy(2 * share)

    def net(second: float) -> float:
        return 400.0 + 1000.0 * (bisect_right(steps, second) % 2) + noise(second)

    return Case("1 kW", net, 2 * share, meter, steps_s=tuple(steps))


def hob(meter: MeterKind, share: float) -> Case:
    """Return the worst for whoever follows: 1.5 kW for five seconds out of twelve, for ever."""
    noise = noisy(share)
    return Case("hob", lambda second: 300.0 + 1500.0 * (second % 12 < 5) + noise(second), share, meter)


# ---- tables --------------------------------------------------------------------------------------------------------------


def compare(real: Path, share: float) -> None:
    every = cases(real, share)
    found = {name: [play(case, make(case)) for case in every] for name, make in LAWS.items()}
    rows = []
    for name, books in found.items():
        met = (
            _mean(books, "captured") >= GOAL_CAPTURED
            and _hourly(books, "writes") <= GOAL_WRITES
            and _hourly(books, "flips") <= GOAL_FLIPS
        )
        worst = min(range(len(every)), key=lambda index: books[index].captured)
        rows.append(
            [
                name,
                f"{_mean(books, 'avoidable_import'):.1f}",
                f"{_mean(books, 'avoidable_export'):.1f}",
                f"{_hourly(books, 'writes'):.0f}",
                f"{max(each.writes / each.hours for each in books):.0f}",
                f"{_hourly(books, 'flips'):.1f}",
                f"{_hourly(books, 'crossings'):.0f}",
                f"{_mean(books, 'captured'):.1f}",
                f"{books[worst].captured:.1f} ({every[worst].name}, {every[worst].meter})",
                verdict(met=met) if name.startswith("ours") else "",
            ]
        )
    print("All twelve cases, means; Wh an hour, per hour, %")
    heads = ["law", "import", "export", "writes", "most", "flips", "crossings", "captured", "worst case", "goal"]
    show_table(heads, rows)
    print("Captured in each case, %")
    show_table(
        ["law", *(f"{case.name}, {case.meter.period_s:g} s" for case in every)],
        [[name, *(f"{each.captured:.1f}" for each in books)] for name, books in found.items()],
    )


def steps(share: float) -> None:
    rows = []
    for name, make in LAWS.items():
        for meter in METERS:
            case = kilowatt(meter, share)
            books = play(case, make(case))
            came = settling(case, books)
            goal = verdict(met=came.p95 <= GOAL_SETTLE_S and came.swings <= 1) if name.startswith("ours") and meter in FAST else ""
            rows.append(
                [
                    f"{name}; {meter}",
                    f"{came.mean:.1f}",
                    f"{came.p95:.1f}",
                    f"{came.seconds[-1]:.1f}",
                    f"{came.overshoot_w:.0f}",
                    f"{came.swings}",
                    goal,
                ]
            )
    print("Steps of 1 kW: seconds until the grid stays within 35 W for 10 s; overshoot, W; swings beyond 50 W after one step")
    show_table(["law; meter", "mean", "p95", "worst", "overshoot", "swings", "goal"], rows)


def wrong_dead_times(share: float) -> None:
    meter, rows = METERS[1], []
    chosen: Mapping[str, Make] = {
        "ours, assuming 1.5 s": Ours,
        "ours, assuming 3 s": lambda case: Ours(case, dynamics=Dynamics(dead_s=3.0)),
        **{name: make for name, make in LAWS.items() if not name.startswith("ours")},
    }
    begin = Case("evening", evening(3 * share), 3 * share, meter)
    slow = replace(begin, response=Response(slew_w_per_s=100.0))
    changed = [*(replace(begin, dead_s=dead_s) for dead_s in (0.3, 1.5, 3.0, 5.0)), slow]
    for name, make in chosen.items():
        found = []
        for case in changed:
            law = make(case)
            captured = f"{play(case, law).captured:.1f}"
            if isinstance(law, Ours):
                known = law.controller.dynamics["battery"]
                captured += f" ({known.dead_s:g} s, {known.slew_w_per_s:g} W/s)"
            found.append(captured)
        rows.append([name, *found])
    print(f"Captured in the evening with a meter of {meter}, %; in brackets what was found while running")
    show_table(["law", "0.3 s", "1.5 s", "3 s", "5 s", "100 W/s"], rows)


def troubles(real: Path, share: float) -> None:
    name, load = house_load(real)
    begin = Case(name, load, 4 * share, METERS[0])
    chosen = {
        "jitter of 0.5 s and 10 % lost": replace(begin, meter=replace(METERS[1], jitter_s=0.5, dropped=0.1)),
        "silent for 1 of 10 minutes": replace(begin, silent=lambda second: second % 600 < 60),
        "silent, every 10 s": replace(begin, meter=METERS[3], silent=lambda second: second % 600 < 60),
        "frozen for 1 of 10 minutes": replace(begin, frozen=lambda second: second % 600 < 60),
        "frozen, every 5 s": replace(begin, meter=METERS[2], frozen=lambda second: second % 600 < 60),
        "frozen, every 10 s": replace(begin, meter=METERS[3], frozen=lambda second: second % 600 < 60),
        "hob, every 1 s": hob(METERS[0], share),
        "hob, every 10 s": hob(METERS[3], share),
    }
    rows = []
    for trouble, case in chosen.items():
        for law, make in LAWS.items():
            books = play(case, make(case))
            goal = verdict(met=books.stale_s == 0) if law.startswith("ours") else ""
            figures = [f"{books.captured:.1f}", f"{books.writes / books.hours:.0f}", f"{books.crossings / books.hours:.0f}"]
            rows.append([f"{trouble}: {law}", *figures, f"{books.stale_s:.0f}", goal])
    print("Troubles: captured %, writes and crossings an hour, seconds of discharge on a meter older than 20 s")
    show_table(["trouble: law", "captured", "writes", "crossings", "stale s", "goal"], rows)


def _mean(books: Sequence[Books], what: str) -> float:
    return statistics.fmean(getattr(each, what) for each in books)


def _hourly(books: Sequence[Books], what: str) -> float:
    return statistics.fmean(getattr(each, what) / each.hours for each in books)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, to see that it works; the figures mean little")
    parser.add_argument("--real", type=Path, default=REAL_LOAD, help="load of a real house by the second: seconds, watts")
    parser.add_argument("--only", choices=("cases", "steps", "dead", "troubles"), help="one table")
    chosen = parser.parse_args()
    share = 0.1 if chosen.quick else 1.0
    tables = {
        "cases": partial(compare, chosen.real, share),
        "steps": partial(steps, share),
        "dead": partial(wrong_dead_times, share),
        "troubles": partial(troubles, chosen.real, share),
    }
    name, _ = house_load(chosen.real)
    print(
        f"Goals: {GOAL_CAPTURED:g} % captured at {GOAL_WRITES:g} writes and {GOAL_FLIPS:g} flips an hour; settled within", end=" "
    )
    print(f"{GOAL_SETTLE_S:g} s (95 %) with the two fast meters, no swings, and no discharge on an old meter. Load: {name}.\n")
    for table, show in tables.items():
        if chosen.only in (None, table):
            show()


if __name__ == "__main__":
    main()
