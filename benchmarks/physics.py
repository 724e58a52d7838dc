"""What simulated time costs: seconds of a house's life per CPU second, with one unit, three units and a cluster of three.

Without sockets: the site is told that time has passed and lives through it in steps of a fixed length. House, sky, meter, firmware
and plant are all in it, as in every virtual device.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from side_by_side import Cores, Spread, Timing, arguments, machine, pinned, rounds_of, show_table, verdict

from indevolt.clock import ManualClock
from indevolt.simulator import Simulator
from indevolt.simulator.device import form_cluster
from indevolt.simulator.house import built_in_house
from indevolt.simulator.site import Pace, Site

PRODUCT = "powerflex2000"
INPUTS = 4  # of that product, for PV
DAY_S = 86_400.0
START = datetime(2026, 6, 21, tzinfo=UTC)  # a day with everything in it: sun, a full battery, feed-in, a night at the reserve
DAYS = {1.0: 1, 10.0: 2, 60.0: 10}  # that are lived through with steps of so many seconds; each some seconds of CPU at most
GOAL_S = 5.0  # of CPU for a day of one house at steps of 1 s
UNENDING = 1 << 30  # steps in a gap: the step stays as short as it is however long the gap


def site_of(units: int, step_s: float, *, cluster: bool = False) -> tuple[ManualClock, Site]:
    """Return a house with its sun, and so many units of two modules in it."""
    clock = ManualClock(START)
    site = Site(built_in_house(1, INPUTS * units), clock=clock, pace=Pace(step_s, UNENDING))
    devices = [Simulator(PRODUCT, seed=seed, site=site) for seed in range(1, units + 1)]
    if cluster:
        form_cluster(devices)
    return clock, site


HOUSES: dict[str, Callable[[float], tuple[ManualClock, Site]]] = {
    "one unit": partial(site_of, 1),
    "three units, each by itself": partial(site_of, 3),
    "a cluster of three": partial(site_of, 3, cluster=True),
}


def live(house: str, step_s: float, days: float) -> float:
    """Return the CPU seconds that some days take."""
    clock, site = HOUSES[house](step_s)
    clock.tick(days * DAY_S)
    with Timing() as took:
        site.advance()
    return took.cpu_s


def main() -> None:
    chosen = arguments(__doc__.splitlines()[0]).parse_args()
    rounds, share = (1, 0.1) if chosen.quick else (chosen.rounds, 1.0)
    print(f"Simulated seconds per CPU second, median of {rounds} rounds in turns.\n{machine()}.")
    print(f"Goal: a day of a house with one unit at steps of 1 s in less than {GOAL_S:g} s of CPU.\n", flush=True)
    turns = {(house, step_s): partial(live, house, step_s, days * share) for step_s, days in DAYS.items() for house in HOUSES}
    with pinned(Cores.share().client):
        for house in HOUSES:
            live(house, max(DAYS), 1)  # to warm up
        found = {who: Spread.of(times) for who, times in rounds_of(rounds, turns).items()}
    rows = []
    for (house, step_s), spread in found.items():
        lived_s = DAYS[step_s] * share * DAY_S
        day_s = spread.median * DAY_S / lived_s
        rows.append(
            [
                house,
                f"{step_s:g}",
                f"{lived_s / spread.median:,.0f}",
                f"{lived_s / spread.high:,.0f} - {lived_s / spread.low:,.0f}",
                f"{spread.median / lived_s * step_s * 1e6:.1f}",
                f"{day_s:.3g}",
                verdict(met=day_s < GOAL_S) if (house, step_s) == ("one unit", min(DAYS)) else "",
            ]
        )
    show_table(["house with", "step s", "simulated s / CPU s", "least - most", "CPU µs/step", "CPU s/day", "goal"], rows)


if __name__ == "__main__":
    main()
