"""What `indevolt simulate --fleet N` does, as a process of its own, asked with nothing but the standard library."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from indevolt.cli.fleet import WantedFleet
from indevolt.clock import ManualClock
from indevolt.errors import InvalidInput

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")

READ_SOC = "/rpc/Indevolt.GetData?config=%7B%22t%22%3A%5B6002%5D%7D"
START = """
from indevolt.cli.fleet import WantedFleet, serve_fleet
from indevolt.clock import SystemClock
try:
    serve_fleet(WantedFleet({wanted}), SystemClock(), {shown})
except KeyboardInterrupt:
    raise SystemExit(130)
"""


@contextmanager
def serving(wanted: str, shown: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-W", "error", "-c", START.format(wanted=wanted, shown=shown)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    text = process.stdout.readline()
    assert text, process.communicate()[1]
    return text.rstrip("\n")


def ask(host: str, port: int) -> Any:
    with urllib.request.urlopen(f"http://{host}:{port}{READ_SOC}", timeout=10) as reply:
        return json.load(reply)


def test_it_introduces_itself_prints_a_line_for_each_request_and_ends_with_ctrl_c() -> None:
    with serving("300, 0, 0, faults=('slow:0',)", "quiet=False, as_json=False") as process:
        introduction = [line(process) for _ in range(7)]
        assert introduction[0] == "virtual fleet of 300 devices of every product, seed 1"
        first, _, last = introduction[1].removeprefix("  API: http://").partition(" to http://")
        assert (first.partition(":")[0], last.partition(":")[0]) == ("127.1.0.1", "127.1.1.46")
        assert introduction[2].startswith("  discovery: UDP port ")
        assert introduction[3] == "  faults of each: slow:0"
        assert introduction[4] == f"  try: indevolt get {first}"
        assert introduction[6] == "  Ctrl-C stops it."
        assert list(ask("127.1.1.3", int(first.partition(":")[2]))) == ["6002"]
        told = line(process)
        assert told.startswith("127.1.1.3 ")
        assert told.endswith("Indevolt.GetData  battery_soc")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, "", "")


def test_json_lines_for_programs() -> None:
    with serving("10_000, 0, None, models=('bk1600',), seed=7", "quiet=False, as_json=True") as process:
        told = json.loads(line(process))
        assert (told["event"], told["devices"], told["models"], told["discovery_port"]) == ("started", 10_000, ["bk1600"], None)
        assert (told["first"], told["last"]) == ("127.1.0.1", "127.1.39.94")
        ask("127.1.39.94", told["port"])
        answered = json.loads(line(process))
    assert (answered["device"], answered["points"], answered["status"]) == ("127.1.39.94", [6002], 200)


def test_quiet_prints_the_introduction_only() -> None:
    with serving("3, 0, None", "quiet=True, as_json=True") as process:
        ask("127.1.0.2", json.loads(line(process))["port"])
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    assert out == ""


def test_options_become_the_fleet() -> None:
    fleet = WantedFleet(5, 0, None, models=("solidflex2000",), modules=3, seed=9, faults=("silent",)).build(ManualClock())
    device = fleet.device(4)
    assert (device.product.name, device.modules, [fault.spec for fault in device.faults]) == ("solidflex2000", 3, ["silent"])
    assert device.serial != WantedFleet(5, 0, None, seed=1).build(ManualClock()).device(4).serial
    with pytest.raises(InvalidInput):
        WantedFleet(5, 0, None, models=("bk1600",), modules=9).build(ManualClock())
