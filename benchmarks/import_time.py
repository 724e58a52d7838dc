"""What ``import indevolt`` costs over bare Python, in wall time of a fresh interpreter; and what the library needs installed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import tomllib
from functools import partial
from pathlib import Path

from side_by_side import Cores, Spread, arguments, machine, pinned, rounds_of, show_table, verdict

ROUNDS = 11  # starting an interpreter is noisy: more rounds than elsewhere
GOAL_MS = 60.0
PROGRAMS = {
    "bare Python": "pass",
    "import indevolt": "import indevolt",
    "and its client, when first used": "import indevolt; indevolt.connect, indevolt.discover",
    "import asyncio, to compare": "import asyncio",
}


# Byte code is kept, as on any user's machine, even where whoever runs this has told Python not to.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def start_up(program: str, core: int | None) -> float:
    """Return the seconds that an interpreter takes from start to end of a program."""
    with pinned(core):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", program], check=True, env=ENVIRONMENT)
        return time.perf_counter() - started


def main() -> None:
    chosen = arguments(__doc__, rounds=ROUNDS).parse_args()
    rounds = 1 if chosen.quick else chosen.rounds
    core = Cores.share().client
    turns = {title: partial(start_up, program, core) for title, program in PROGRAMS.items()}
    rounds_of(1, turns)  # writes the byte code
    found = {title: Spread.of(times) for title, times in rounds_of(rounds, turns).items()}
    bare = found["bare Python"].median
    rows = []
    for title, spread in found.items():
        over = (spread.median - bare) * 1000
        has_goal = title == "import indevolt"
        rows.append(
            [
                title,
                f"{spread.median * 1000:.1f}",
                f"{spread.low * 1000:.1f} - {spread.high * 1000:.1f}",
                f"{over:.1f}" if title != "bare Python" else "",
                verdict(met=over < GOAL_MS) if has_goal else "",
            ]
        )
    print(f"Time of a fresh interpreter, median of {rounds} rounds in turns.\n{machine()}.")
    print(f"Goal: below {GOAL_MS:g} ms over bare Python.\n")
    show_table(["program", "ms", "least - most", "over bare", "goal"], rows)
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text("utf-8"))["project"]
    print(f"pip install indevolt brings: {', '.join(project['dependencies'])}")


if __name__ == "__main__":
    main()
