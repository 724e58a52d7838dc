"""The demo is a whole home with its hub, in a process of its own and in real time."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from indevolt.demo import running, settled
from indevolt.hub.events import Noted, Steered
from indevolt.simulator import Simulator
from indevolt.simulator.scenario import load, shipped

from .conftest import Program, Virtual

PROGRAM = [sys.executable, "-W", "error", "-m", "indevolt"]


def demo(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROGRAM, "demo", "--no-discovery", *words], capture_output=True, text=True, check=False)


def test_it_shows_a_home_that_its_hub_reads_through_real_sockets(closed_port: int) -> None:
    ran = demo("--port", str(closed_port), "--count", "2")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("The demo home: 2 units and a meter, with a hub\nEverything is simulated")
    assert f"indevolt watch 127.0.0.1:{closed_port}" in ran.stdout
    first = next(line for line in ran.stdout.splitlines() if line.startswith("  "))
    assert re.fullmatch(r"  http://127\.0\.0\.1:\d+/#token=\S+  \(the dashboard\)", first)
    lines = re.findall(r"^2026-04-18 06:0\d:\d\d  balcony: self_use.*cellar: self_use.*house: takes", ran.stdout, re.MULTILINE)
    assert len(lines) == 2
    assert all(
        re.search(r"battery_power -?\d+ W, solar_power \d+ W, ac_power -?\d+ W, meter_power -?\d+ W", line) for line in lines
    )
    assert ran.stderr == ""


def test_it_is_json_for_programs(closed_port: int) -> None:
    ran = demo("--scenario", "reboot", "--port", str(closed_port), "--count", "1", "--json")
    shown: dict[str, Any] = json.loads(ran.stdout)
    assert shown["simulated"] is True
    assert all("battery_soc" in unit for unit in shown["units"].values())
    told = list(shown["steering"].values())
    assert all(unit["owner"] == "device" for unit in told)
    assert all(unit["why"] for unit in told)


def test_its_hub_decides_and_says_why_unless_it_is_told_not_to_or_sees_too_little(closed_port: int) -> None:
    ran = demo("--port", str(closed_port), "--count", "4")
    assert "hub: zero export: each unit follows its own meter" in ran.stdout.splitlines()[-1]
    for words in (["--no-control"], ["--speed", "121"]):
        ran = demo("--port", str(closed_port), "--count", "2", *words)
        assert ran.stdout.splitlines()[-1].endswith("hub: nothing is commanded; the device decides, in mode self_use")


async def test_its_plan_is_shown_at_once_and_carried_out_later() -> None:
    house, after = load(shipped("demo"), name="demo"), timedelta(minutes=10)
    async with running(house, port=0, hub_port=0, discovery=False, automatic=True, plan_after=after) as it:
        await settled(it)
        hub = it.hub
        with hub.bus.subscribe(Noted, size=1000) as notes:
            assert hub.plans == []
            async for note in notes:
                if note.entry.text.startswith("from now on the plan is carried out"):
                    break
        assert hub.clock.now() - hub.started >= after
        assert hub.planner.plan is not None
        assert hub.planner.slot_at in hub.plans
        with hub.bus.subscribe(Steered, size=1000) as told:
            async for _ in told:
                if all(each.why.startswith("the plan until") for each in it.steering.values()):
                    break
        texts = [entry.text for entry in await hub.store.entries(kinds=("decision",), limit=1000) if entry.device == "cellar"]
        assert texts[0].startswith("zero export: each unit follows its own meter")
        assert texts[-1].startswith("the plan until")


def test_its_page_may_do_everything_by_the_token_in_its_address(closed_port: int) -> None:
    words = [*PROGRAM, "demo", "--no-discovery", "--port", str(closed_port), "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            shown: dict[str, Any] = json.loads(process.stdout.readline())
            connection = HTTPConnection(shown["url"].removeprefix("http://"), timeout=60)
            connection.request("GET", "/api/v1/meta", headers={"Authorization": f"Bearer {shown['token']}"})
            assert json.load(connection.getresponse())["caller"] == {"name": "demo", "role": "admin"}
            connection.close()
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate()


@pytest.mark.parametrize("option", ["--port", "--hub-port"])
def test_it_says_when_the_port_that_was_asked_for_is_taken(virtual: Virtual, option: str) -> None:
    taken = virtual(Simulator()).rpartition(":")[2]
    ran = demo(option, taken, "--count", "1")
    assert ran.returncode == 2
    assert "cannot listen" in ran.stderr


@pytest.mark.parametrize("command", ["demo", "simulate"])
def test_a_speed_that_is_no_number_is_no_defect(indevolt: Program, command: str) -> None:
    ran = indevolt(command, "--no-discovery", "--speed", "nan")
    assert ran.code == 2
    assert "'--speed': nan is not in the range 1<=x<=" in ran.err


def test_it_names_the_scenarios_that_there_are() -> None:
    ran = demo("--scenario", "moonlight", "--count", "1")
    assert ran.returncode == 2
    assert "winter-day" in ran.stderr


@pytest.mark.skipif(os.name != "posix", reason="signals are of POSIX")
def test_told_to_end_it_leaves_nothing_behind(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*PROGRAM, "demo", "--no-discovery"], stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(tmp_path)}
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("The demo home")
        assert [path.name.startswith("indevolt-demo-") for path in tmp_path.iterdir()] == [True]
        process.terminate()
        process.stdout.read()
        assert process.wait(60) == -signal.SIGTERM
    assert not list(tmp_path.iterdir())
