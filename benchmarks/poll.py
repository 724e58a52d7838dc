"""What a poll costs the one who polls: our client, indevolt-api and bare sockets against the same server.

The figure is CPU time of the client's process per GetData poll, with a fresh connection and ``Connection: close``, as real devices
need it. Everything stays on loopback addresses; the server is ours, on a core of its own, and answers from a fixed table.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from side_by_side import Child, Cores, Json, Spread, arguments, importable, loops, machine, rounds_of, show_table, verdict
from wire_values import FAMILY, everything, question

HERE = Path(__file__).parent
RIVAL = "indevolt-api==1.8.8"
OWN_ENVIRONMENT = HERE.parent / ".venv" / "bench-indevolt-api"  # inside .venv, so that it goes with it

COUNTS = (10, 100)
DEVICES = 1000
POLLS = 1000  # a round of one device; even bare sockets then take some 15 ms, far above the resolution of the CPU clock
TICK_S = 0.01  # in which systems count user and kernel time
LEAST_GAIN = 5.0  # the goals of the project: a fifth of indevolt-api's CPU ...
MOST_COST = 2.5  # ... and at most so many times that of bare sockets


@dataclass(frozen=True)
class Contestant:
    """One row."""

    title: str
    client: str
    loop: str = ""
    has_goal: bool = False


@dataclass(frozen=True)
class Measured:
    """CPU and wall seconds per poll, over the rounds; and the part of the CPU time that is not the kernel's."""

    cpu: Spread
    user_share: float | None
    wall: Spread

    @staticmethod
    def of(found: Sequence[Json], polls: int) -> Measured:
        """Return what some rounds of so many polls say. The system counts user time in ticks, so a share needs many of them."""
        total_s = sum(one["cpu_s"] for one in found)
        return Measured(
            Spread.of(one["cpu_s"] / polls for one in found),
            sum(one["user_s"] for one in found) / total_s if total_s > 100 * TICK_S else None,
            Spread.of(one["wall_s"] / polls for one in found),
        )


def contestants(rival: str | None) -> dict[Contestant, str]:
    """Return the rows, with the interpreter of each."""
    rows = {Contestant("bare sockets", "bare"): sys.executable}
    for loop in loops():
        rows[Contestant(f"indevolt, raw points ({loop})", "indevolt", loop, has_goal=True)] = sys.executable
    for loop in loops():
        rows[Contestant(f"indevolt, typed Reading ({loop})", "indevolt-reading", loop)] = sys.executable
    if rival is not None:
        for loop in loops():
            rows[Contestant(f"indevolt-api ({loop})", "indevolt-api", loop)] = rival
    return rows


def rival_environment() -> str | None:
    """Return an interpreter that has indevolt-api, made the first time and used again; None if it cannot be had."""
    python = OWN_ENVIRONMENT / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    needs = [RIVAL, *(["uvloop"] if "uvloop" in loops() else [])]
    if python.exists() and all(importable(str(python), name) for name in ("indevolt_api", *needs[1:])):
        return str(python)
    print(f"Installing {' and '.join(needs)} into {OWN_ENVIRONMENT.relative_to(HERE.parent)} ...", flush=True)
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(OWN_ENVIRONMENT)], check=True)
        constraints = str(HERE.parent / "constraints.txt")
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "--constraint", constraints, *needs], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"{RIVAL} could not be installed ({error}); going on without its rows.")
        return None
    return str(python)


def measure(rounds: int, running: dict[Contestant, Child], order: dict[str, int], polls: int) -> dict[Contestant, Measured]:
    """Give everybody the same order of so many polls, in turns, and return what a poll cost."""
    turns = {contestant: partial(child.ask, **order) for contestant, child in running.items()}
    return {contestant: Measured.of(found, polls) for contestant, found in rounds_of(rounds, turns).items()}


def report(title: str, results: dict[Contestant, Measured]) -> None:
    """Print one table; ratios are of medians, and to the rival on the same event loop."""
    bare = next(measured for contestant, measured in results.items() if contestant.client == "bare").cpu.median
    rivals = {
        contestant.loop: measured.cpu.median for contestant, measured in results.items() if contestant.client == "indevolt-api"
    }
    rows = []
    for contestant, measured in results.items():
        cpu = measured.cpu
        cost, rival = cpu.median / bare, rivals.get(contestant.loop)
        gain = None if rival is None else rival / cpu.median
        goal = verdict(met=cost <= MOST_COST and gain >= LEAST_GAIN) if contestant.has_goal and gain is not None else ""
        rows.append(
            [
                contestant.title,
                f"{cpu.median * 1e6:.1f}",
                f"{cpu.low * 1e6:.1f} - {cpu.high * 1e6:.1f}",
                f"{measured.user_share:.0%}" if measured.user_share is not None else "",
                f"{cost:.2f}",
                "" if gain is None else f"1/{gain:.1f}",
                f"{1 / measured.wall.median:,.0f}",
                goal,
            ]
        )
    print(title)
    show_table(["client", "CPU µs/poll", "least - most", "user", "x bare", "of indevolt-api", "polls/s", "goal"], rows)


def start(contestant: Contestant, python: str, core: int | None) -> Child:
    """Start a contestant's process."""
    loop = ["--loop", contestant.loop] if contestant.loop else []
    return Child([python, str(HERE / "poll_clients.py"), contestant.client, *loop], core)


def main() -> None:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=DEVICES, help=f"virtual devices to poll at once (default {DEVICES})")
    chosen = parser.parse_args()
    rounds, polls = (1, POLLS // 10) if chosen.quick else (chosen.rounds, POLLS)
    devices = chosen.devices if sys.platform == "linux" else 1  # elsewhere only 127.0.0.1 exists
    cores = Cores.share()
    rows = contestants(rival_environment())
    print(f"CPU of the client per GetData poll, median of {rounds} rounds in turns.")
    print(f"{machine()}, {cores.describe()}.")
    print(f"Goal for raw points: at most 1/{LEAST_GAIN:g} of indevolt-api, and at most {MOST_COST:g} x bare sockets.\n", flush=True)
    with ExitStack() as stack:
        server = stack.enter_context(
            Child([sys.executable, str(HERE / "servers.py"), "indevolt", "--loop", loops()[0]], cores.server)
        )
        targets = server.ask(values=everything(), devices=devices)["addresses"]
        running = {who: stack.enter_context(start(who, python, cores.client)) for who, python in rows.items()}
        for count in COUNTS:
            asked = question(count)
            for child in running.values():
                child.ask(targets=targets, points=asked.points, names=asked.names, family=FAMILY)
            situations: list[tuple[str, dict[str, int], int]] = [("one device, one poll after the other", {"polls": polls}, polls)]
            if devices > 1:
                situations.append((f"{devices} devices, all at once", {"cycles": 1}, devices))
            for situation, order, made in situations:
                measure(1, running, order, made)  # to warm up
                report(f"{count} points, {situation}", measure(rounds, running, order, made))


if __name__ == "__main__":
    main()
