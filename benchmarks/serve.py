"""How many GetData replies a second a server gives: ours, an aiohttp handler doing the same work, and nginx with a fixed body.

``wrk`` asks over loopback, with one thread, from another core. nginx is the floor: it neither reads the question nor makes up an
answer.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from side_by_side import Child, Cores, Spread, arguments, end, has, loops, machine, pinned, rounds_of, show_table, verdict
from wire_values import Question, question

HERE = Path(__file__).parent
COUNTS = (10, 100)
CONNECTIONS = 32  # enough to keep a server busy all the time; more only makes them wait longer
LEAST_GAIN = 3.0  # the goals of the project: so many times aiohttp, with a fresh connection for each request ...
MOST_COST = 2.5  # ... and at most so many times slower than nginx

NGINX_CONFIG = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  default_type application/json;
  keepalive_requests 1000000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location / {{ return 200 '{body}'; }}
  }}
}}
"""


@dataclass(frozen=True)
class Contestant:
    """One row."""

    title: str
    server: str
    loop: str = ""

    @property
    def is_ours(self) -> bool:
        """Whether the goals are about it."""
        return self.server in ("indevolt", "device")


def contestants() -> list[Contestant]:
    """Return the rows that can be measured here."""
    rows = [Contestant(f"virtual device ({loop})", "device", loop) for loop in loops()]
    rows += [Contestant(f"our server, fixed table ({loop})", "indevolt", loop) for loop in loops()]
    if has("aiohttp"):
        rows += [Contestant(f"aiohttp handler ({loop})", "aiohttp", loop) for loop in loops()]
    else:
        print("aiohttp is not installed here (pip install aiohttp): going on without it.")
    if shutil.which("nginx"):
        rows.append(Contestant("nginx, fixed body", "nginx"))
    else:
        print("nginx is not installed (Debian: apt install nginx-light): going on without it.")
    return rows


# ---- the servers -----------------------------------------------------------------------------------------------------


@contextmanager
def nginx(body: str, core: int | None) -> Iterator[int]:
    """Run nginx of our own, with everything it writes in a temporary folder, and say its port."""
    with TemporaryDirectory() as folder:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        config = Path(folder) / "nginx.conf"
        config.write_text(NGINX_CONFIG.format(folder=folder, port=port, body=body), "utf-8")
        with pinned(core):
            process = subprocess.Popen(["nginx", "-p", folder, "-e", f"{folder}/error.log", "-c", str(config)], text=True)
        try:
            wait_for(port, process)
            yield port
        finally:
            process.terminate()
            end(process)


def wait_for(port: int, process: subprocess.Popen[str]) -> None:
    """Wait until a port answers, for at most 5 s."""
    for _ in range(100):
        if process.poll() is not None:
            raise SystemExit(f"nginx ended at once, with code {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("nginx did not open its port within 5 s")


def start(stack: ExitStack, contestant: Contestant, asked: Question, *, keep_alive: bool, core: int | None) -> str:
    """Start a server on the stack and return the URL to ask."""
    if contestant.server == "nginx":
        port = stack.enter_context(nginx(json.dumps(asked.values, separators=(",", ":")), core))
    else:
        argv = [sys.executable, str(HERE / "servers.py"), contestant.server, "--loop", contestant.loop]
        child = stack.enter_context(Child(argv, core))
        port = child.ask(values=asked.values, keep_alive=keep_alive)["addresses"][0][1]
    config = "%7B%22t%22:%5B" + ",".join(map(str, asked.points)) + "%5D%7D"
    return f"http://127.0.0.1:{port}/rpc/Indevolt.GetData?config={config}"


# ---- the questions ---------------------------------------------------------------------------------------------------


def replies_per_second(url: str, seconds: int, *, keep_alive: bool, core: int | None) -> float:
    """Let wrk ask for some seconds; an answer that is no good ends the benchmark."""
    header = [] if keep_alive else ["-H", "Connection: close"]
    with pinned(core):
        wrk = subprocess.Popen(
            ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", *header, url],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        output, _ = wrk.communicate(timeout=seconds + 30)
    finally:
        end(wrk)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if rate is None or "Non-2xx" in output or "Socket errors" in output:
        raise SystemExit(f"wrk is not content with {url[:60]}...:\n{output}")
    return float(rate[1])


def report(title: str, results: Mapping[Contestant, Spread], *, keep_alive: bool) -> None:
    """Print one table; ratios are of medians, and to aiohttp on the same event loop."""
    rivals = {contestant.loop: spread.median for contestant, spread in results.items() if contestant.server == "aiohttp"}
    floor = next((spread.median for contestant, spread in results.items() if contestant.server == "nginx"), None)
    rows = []
    for contestant, spread in results.items():
        rival = rivals.get(contestant.loop)
        gain = None if rival is None else spread.median / rival
        cost = None if floor is None else floor / spread.median
        goals = [None if cost is None else cost <= MOST_COST]
        if not keep_alive:
            goals.append(None if gain is None else gain >= LEAST_GAIN)
        known = [goal for goal in goals if goal is not None]
        rows.append(
            [
                contestant.title,
                f"{spread.median:,.0f}",
                f"{spread.low:,.0f} - {spread.high:,.0f}",
                "" if gain is None else f"{gain:.1f}",
                "" if cost is None else f"{cost:.2f}",
                verdict(met=all(known)) if contestant.is_ours and known else "",
            ]
        )
    print(title)
    show_table(["server", "replies/s", "least - most", "x aiohttp", "nginx is x", "goal"], rows)


def compare(
    rows: Sequence[Contestant], asked: Question, cores: Cores, rounds: int, seconds: int, *, keep_alive: bool
) -> dict[Contestant, Spread]:
    """Start everybody, and let wrk ask each in turns."""
    with ExitStack() as stack:
        urls = {row: start(stack, row, asked, keep_alive=keep_alive, core=cores.server) for row in rows}
        turns = {
            row: partial(replies_per_second, url, seconds, keep_alive=keep_alive, core=cores.client) for row, url in urls.items()
        }
        return {row: Spread.of(rates) for row, rates in rounds_of(rounds, turns).items()}


def main() -> None:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=1, help="how long wrk asks each server in each round (default 1)")
    chosen = parser.parse_args()
    if not shutil.which("wrk"):
        print("wrk is not installed (Debian: apt install wrk; macOS: brew install wrk): nothing here can be measured without it.")
        return
    rounds = 1 if chosen.quick else chosen.rounds
    cores = Cores.share()
    rows = contestants()
    print(f"GetData replies a second under wrk ({CONNECTIONS} connections), median of {rounds} rounds in turns.")
    print(f"{machine()}, {cores.describe()}.")
    print(f"Goal: with close at least {LEAST_GAIN:g} x aiohttp; nginx at most {MOST_COST:g} x as fast.\n", flush=True)
    for count in COUNTS:
        for keep_alive in (True, False):
            results = compare(rows, question(count), cores, rounds, chosen.seconds, keep_alive=keep_alive)
            report(f"{count} points, {'keep-alive' if keep_alive else 'close'}", results, keep_alive=keep_alive)


if __name__ == "__main__":
    main()
