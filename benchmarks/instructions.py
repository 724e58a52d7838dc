"""What a poll costs in instructions: the same contestants as in ``poll.py``, counted by valgrind instead of timed.

The count is of the client's own instructions, without the kernel's, and comes out the same whatever else the machine does. So it
tells what a client itself can be blamed for where system calls are dear and CPU times shake. Needs valgrind
(``apt install valgrind``).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys

from poll import COUNTS, HERE, LEAST_GAIN, Contestant, contestants, rival_environment
from side_by_side import Child, Cores, arguments, loops, machine, show_table, verdict
from wire_values import FAMILY, everything, question

FEW, MANY = 20, 120  # polls; the difference is free of start-up
COLLECTED = re.compile(r"Collected : (\d+)")


def count(contestant: Contestant, python: str, order: list[dict[str, object]]) -> int:
    """Return the instructions that a contestant's whole process takes for some orders."""
    loop = ["--loop", contestant.loop] if contestant.loop else []
    callgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={os.devnull}"]
    done = subprocess.run(
        [*callgrind, python, str(HERE / "poll_clients.py"), contestant.client, *loop],
        input="".join(json.dumps(each) + "\n" for each in order),
        env={**os.environ, "UV_USE_IO_URING": "0", "PYTHONHASHSEED": "0"},  # valgrind knows no io_uring
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    found = COLLECTED.search(done.stderr)
    assert found is not None, done.stderr
    return int(found[1])


def main() -> None:
    arguments(__doc__.splitlines()[0]).parse_args()
    if shutil.which("valgrind") is None:
        print("Instructions cannot be counted without valgrind: apt install valgrind")
        return
    print(f"Instructions of the client per GetData poll, outside the kernel. {machine()}.")
    print(f"Goal for raw points, as in poll.py: at most 1/{LEAST_GAIN:g} of indevolt-api.\n", flush=True)
    rows = contestants(rival_environment())
    with Child([sys.executable, str(HERE / "servers.py"), "indevolt", "--loop", loops()[0]], Cores.share().server) as server:
        targets = server.ask(values=everything(), devices=1)["addresses"]
        for points in COUNTS:
            asked = question(points)
            start = {"targets": targets, "points": asked.points, "names": asked.names, "family": FAMILY}
            costs = {
                who: (count(who, python, [start, {"polls": MANY}]) - count(who, python, [start, {"polls": FEW}])) / (MANY - FEW)
                for who, python in rows.items()
            }
            rivals = {who.loop: cost for who, cost in costs.items() if who.client == "indevolt-api"}
            lines = []
            for who, cost in costs.items():
                gain = rivals[who.loop] / cost if who.loop in rivals else None
                goal = verdict(met=gain >= LEAST_GAIN) if who.has_goal and gain is not None else ""
                lines.append([who.title, f"{cost:,.0f}", "" if gain is None else f"1/{gain:.1f}", goal])
            print(f"{points} points, one device, one poll after the other")
            show_table(["client", "instructions/poll", "of indevolt-api", "goal"], lines)


if __name__ == "__main__":
    main()
