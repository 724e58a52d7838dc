"""Writes of the command line as processes that really are told to end, are killed, or meet each other at one battery."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from indevolt.device.lock import LeaseFile
from indevolt.simulator import INSTANT, Simulator, Surroundings, steady_house
from indevolt.virtual import VirtualDevice

PROGRAM = Path(__file__).with_name("program.py")
PATIENCE_S = 60  # of a test that fails
pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are of POSIX")


class Scene:
    """A virtual battery on the network, and programs that would command it."""

    def __init__(self, folder: Path) -> None:
        night = steady_house(Surroundings(700, ()))
        self.battery = Simulator("powerflex2000", house=night, response=INSTANT, soc_pct=60, lag_s=0.0)
        self.device = VirtualDevice(self.battery, port=0, discovery_port=None, observe=self._observe)
        self.files = LeaseFile(folder, self.battery.serial)
        self.written = asyncio.Event()
        """Set once something was written."""

    def _observe(self, _peer: str, _method: str, target: str, _status: int, _took_s: float) -> None:
        if "SetData" in target:
            self.written.set()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.device.port}"

    @asynccontextmanager
    async def program(self, verb: str, *words: str) -> AsyncIterator[asyncio.subprocess.Process]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(PROGRAM), verb, self.host, *words, env={**os.environ, "INDEVOLT_LEASES": str(self.files.folder)},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()

    async def run(self, verb: str, *words: str) -> tuple[int | None, str, str]:
        async with self.program(verb, *words) as process:
            out, err = await asyncio.wait_for(process.communicate(), PATIENCE_S)
            return process.returncode, out.decode(), err.decode()


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    scene = Scene(tmp_path)
    async with scene.device:
        yield scene


async def lasting(process: asyncio.subprocess.Process) -> None:
    """Wait until a program says that what it commanded lasts."""
    assert process.stdout is not None
    said = b""
    while not said.startswith(b"It lasts until"):
        said = await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)
        assert said, "it ended before that"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
async def test_whoever_ends_it_what_was_before_is_back(scene: Scene, name: str) -> None:
    how = signal.Signals[name]
    code = 130 if how is signal.SIGINT else -how
    async with scene.program("discharge", "--power", "500") as process:
        await lasting(process)
        assert scene.battery.get("mode") == "realtime"
        process.send_signal(how)
        _, err = await asyncio.wait_for(process.communicate(), PATIENCE_S)
        assert process.returncode == code
        assert "putting back what was before" in err.decode()
        assert ("✓ stopped; what was before is back" in err.decode()) is (how is signal.SIGINT)
    assert scene.battery.get("mode") == "self_use"
    assert scene.files.load().snapshot is None


async def test_a_second_program_is_refused_and_told_who_is_first(scene: Scene) -> None:
    async with scene.program("discharge", "--power", "500") as process:
        await lasting(process)
        for words in (("charge", "--power", "300", "--keep"), ("set", "backup_soc", "20"), ("mode", "schedule")):
            code, _, err = await scene.run(*words)
            assert code == 16
            assert f"is held by indevolt discharge (process {process.pid} on " in err
            assert "next: Stop that program, or wait until it is done." in err
        assert scene.battery.get("realtime_state") == "discharge"
        assert scene.battery.get("backup_soc") == 10


async def test_killed_under_full_discharge_the_battery_stops_at_its_fence_and_the_next_program_puts_back(scene: Scene) -> None:
    async with scene.program("discharge", "--power", "2400") as process:
        await lasting(process)
        process.kill()
        await process.wait()
    assert scene.battery.get("mode") == "realtime"
    assert scene.battery.get("realtime_target_soc") == 55, "5 % below where it was"
    record = scene.files.load()
    assert record.snapshot is not None
    assert record.snapshot.settings["mode"] == "self_use"

    code, out, _ = await scene.run("set", "backup_soc", "20")
    assert code == 0
    assert "an earlier program had left it; what was before that was put back first" in out
    assert (scene.battery.get("mode"), scene.battery.get("backup_soc")) == ("self_use", 20)
    assert scene.files.load().snapshot is None


async def test_killed_between_its_two_writes_nothing_that_was_to_stay_stays(scene: Scene) -> None:
    async with scene.program("charge", "--power", "500", "--keep") as process:
        await asyncio.wait_for(scene.written.wait(), PATIENCE_S)  # the mode; the order comes once that shows
        process.kill()
        await process.wait()
    assert scene.files.load().snapshot is not None
    code, out, _ = await scene.run("lease", "--release")
    assert code == 0
    assert out.startswith("✓ nobody holds the lease of ")
    assert scene.battery.get("mode") == "self_use"
    assert [note["step"] for note in scene.files.notes()] == ["asked", "taken over", "restored"]
