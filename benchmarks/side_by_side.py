"""What every benchmark here needs: processes that take turns, medians, and a table that says whether a goal is met.

Absolute figures drift with the machine and with what else runs on it; ratios taken in the same run do not. So all contestants
are started first, and then measured in rounds: A B C, A B C, ... Only the standard library is used, because a contestant's own
environment runs this too.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeAlias, TypeVar

Json: TypeAlias = dict[str, Any]
WhoT = TypeVar("WhoT")
MeasureT = TypeVar("MeasureT")

PATIENCE_S = 120  # above the slowest honest answer (1000 polls by the slowest client take about 1 s), below anybody's patience
QUIET = 0.5  # load average; kernel work for others is billed to whoever runs, so even CPU time grows on a busy machine
LEAST_ROUNDS = 5  # a median of fewer says little


# ---- processes -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cores:
    """Who may run where: what serves on one core, what asks on another, so that they do not take each other's time."""

    server: int | None
    client: int | None

    @staticmethod
    def share() -> Cores:
        """Return two cores of this process, or none where the system cannot pin or has only one."""
        if not hasattr(os, "sched_getaffinity"):
            return Cores(None, None)
        mine = sorted(os.sched_getaffinity(0))
        return Cores(mine[0], mine[1]) if len(mine) > 1 else Cores(None, None)

    def describe(self) -> str:
        """Return one line about it, for the report."""
        if self.server is None:
            return "not pinned to cores"
        return f"server on core {self.server}, client on core {self.client}"


@contextlib.contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """Start what is started inside on this core: a child inherits it, with no moment in which it runs elsewhere."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Child:
    """A process of ours that answers each line of JSON with one, and ends when its input does: so it cannot outlive us."""

    def __init__(self, argv: Sequence[str], core: int | None) -> None:
        """Start it on a core; ``argv`` names the interpreter, the script and its arguments."""
        self._name = " ".join(argv[1:])
        with pinned(core):
            self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **question: Any) -> Json:
        """Send a question and wait for the answer, but not for ever."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        guard = threading.Timer(PATIENCE_S, self._process.kill)
        guard.start()
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        finally:
            guard.cancel()
        if not line:
            raise SystemExit(f"{self._name} gave no answer (it ended, or took longer than {PATIENCE_S} s)")
        answer: Json = json.loads(line)
        return answer

    def close(self) -> None:
        """End it, and wait until it is gone."""
        end(self._process)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def end(process: subprocess.Popen[str]) -> None:
    """End one process that we started: by closing its input, then by asking, then by force."""
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    for persuade in (None, process.terminate, process.kill):
        if persuade is not None:
            persuade()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=3)
            break
    if process.stdout is not None:
        process.stdout.close()


def answer_questions(answer: Callable[[Json], Json]) -> None:
    """Be a :class:`Child`: answer until the input ends."""
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


# ---- event loops and limits ------------------------------------------------------------------------------------------


def loops() -> list[str]:
    """Return the event loops to show: uvloop first, where it is installed."""
    return ["uvloop", "asyncio"] if has("uvloop") else ["asyncio"]


def has(module: str) -> bool:
    """Return whether a package can be imported here."""
    return importable(sys.executable, module)


def importable(python: str, module: str) -> bool:
    """Return whether an interpreter can import a package."""
    done = subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False)
    return done.returncode == 0


def raise_file_limit() -> int:
    """Let this process open as many files as it may, and return how many."""
    try:
        import resource
    except ImportError:
        return 512
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard != resource.RLIM_INFINITY else max(soft, 65536)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


# ---- measuring -------------------------------------------------------------------------------------------------------


@dataclass
class Timing:
    """CPU and wall time of what ran inside a ``with``; ``user_s`` is the part of the CPU time that was not spent in the kernel."""

    cpu_s: float = 0.0
    user_s: float = 0.0
    wall_s: float = 0.0

    def __enter__(self) -> Self:
        gc.collect()
        self.cpu_s, self.user_s, self.wall_s = self._now()
        return self

    def __exit__(self, *_: object) -> None:
        cpu_s, user_s, wall_s = self._now()
        self.cpu_s, self.user_s, self.wall_s = cpu_s - self.cpu_s, user_s - self.user_s, wall_s - self.wall_s

    @staticmethod
    def _now() -> tuple[float, float, float]:
        return time.process_time(), os.times().user, time.perf_counter()


@dataclass(frozen=True)
class Spread:
    """What the rounds gave."""

    median: float
    low: float
    high: float

    @staticmethod
    def of(values: Iterable[float]) -> Spread:
        """Return the middle and the ends of some values."""
        values = sorted(values)
        return Spread(statistics.median(values), values[0], values[-1])


def rounds_of(count: int, contestants: Mapping[WhoT, Callable[[], MeasureT]]) -> dict[WhoT, list[MeasureT]]:
    """Measure every contestant once a round, in turns, and return what each round gave."""
    found: dict[WhoT, list[MeasureT]] = {name: [] for name in contestants}
    for _ in range(count):
        for name, measure in contestants.items():
            found[name].append(measure())
    return found


# ---- saying it -------------------------------------------------------------------------------------------------------


def arguments(description: str, *, rounds: int = LEAST_ROUNDS) -> argparse.ArgumentParser:
    """Return the parser with the options that all benchmarks have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=rounds, help=f"rounds to take the median of (default {rounds})")
    parser.add_argument("--quick", action="store_true", help="one small round, to see that it works; the figures mean little")
    return parser


def machine() -> str:
    """Return one line about what this ran on, and whether it had the machine for itself."""
    text = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return f"{text}, load {load:.1f} before we began (do not trust figures above {QUIET:g})" if load > QUIET else text


def show_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: the first column to the left, figures to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(heads, *rows, strict=True)]
    for row in (heads, ["-" * width for width in widths], *rows):
        first, *others = (
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join([first, *others]).rstrip())
    print()


def verdict(*, met: bool) -> str:
    """Return how a goal went."""
    return "met" if met else "MISSED"
