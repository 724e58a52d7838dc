"""One writer per device, among programs that really are programs of their own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import indevolt
from indevolt.device.lock import Holder, LeaseFile, Record, leases_in
from indevolt.errors import InvalidInput, LeaseHeld
from indevolt.simulator import INSTANT, Simulator, Surroundings, steady_house
from indevolt.virtual import VirtualDevice

PROGRAM = Path(__file__).with_name("lease_program.py")
NOW = datetime(2026, 6, 21, 10, 0, tzinfo=UTC)
PATIENCE_S = 30  # of a test that fails
posix = pytest.mark.skipif(os.name != "posix", reason="signals are of POSIX")


class Program:
    """Another program that holds the lease and discharges."""

    def __init__(self, process: asyncio.subprocess.Process, simulator: Simulator, port: int) -> None:
        self.process = process
        self.simulator = simulator
        self.address = f"127.0.0.1:{port}"

    async def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        return await asyncio.wait_for(self.process.wait(), PATIENCE_S)


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Program]:
    """A virtual battery on the network that another program discharges."""
    night = steady_house(Surroundings(700, ()))
    simulator = Simulator("powerflex2000", house=night, response=INSTANT, soc_pct=60, lag_s=0.0)
    async with VirtualDevice(simulator, port=0, discovery_port=None) as device:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(PROGRAM), str(device.port), "500",
            env={**os.environ, "INDEVOLT_LEASES": str(folder)}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            said = await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)
            assert said == b"holds effective\n", (await process.communicate())[1].decode()
            yield Program(process, simulator, device.port)
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()


@posix
async def test_a_second_program_is_told_who_holds_it(tmp_path: Path) -> None:
    async with (
        scene(tmp_path) as program,
        indevolt.connect(program.address, spacing_s=0.02) as battery,
    ):
        with pytest.raises(LeaseHeld, match=rf"is held by evening script \(process {program.process.pid} on "):
            async with battery.lease(ttl=timedelta(hours=1), folder=tmp_path):
                pass
        assert program.simulator.get("mode") == "realtime"


@posix
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
async def test_a_signal_puts_back_what_was_before_and_ends_the_program(tmp_path: Path, name: str) -> None:
    how = signal.Signals[name]
    async with scene(tmp_path) as program:
        assert await program.end(how) == -how
        assert program.simulator.get("mode") == "self_use"
        (file,) = leases_in(tmp_path)
        assert file.load().snapshot is None


@posix
async def test_ctrl_c_puts_back_what_was_before(tmp_path: Path) -> None:
    async with scene(tmp_path) as program:
        await program.end(signal.SIGINT)
        assert program.simulator.get("mode") == "self_use"


@posix
async def test_after_kill_9_the_next_lease_puts_back_what_was_before(tmp_path: Path) -> None:
    async with scene(tmp_path) as program:
        await program.end(signal.SIGKILL)
        assert program.simulator.get("mode") == "realtime"
        (file,) = leases_in(tmp_path)
        record = file.load()
        assert record.snapshot is not None
        assert (record.snapshot.settings["mode"], record.wrote["mode"]) == ("self_use", "realtime")
        assert record.wrote["realtime_target_soc"] == 55  # the battery stops there by itself
        async with (
            indevolt.connect(program.address, spacing_s=0.02) as battery,
            battery.lease(ttl=timedelta(hours=1), folder=tmp_path, actor="morning script") as lease,
        ):
            assert program.simulator.get("mode") == "self_use"
            assert lease.snapshot is None
        assert program.simulator.get("mode") == "self_use"


# ---- the files themselves --------------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> LeaseFile:
    return LeaseFile(tmp_path, "SN/1")


def test_a_lock_is_held_until_it_is_let_go(files: LeaseFile) -> None:
    other = LeaseFile(files.folder, "SN/1")
    files.acquire(NOW)
    assert (files.held, other.held, other.locked()) == (True, False, True)
    with pytest.raises(LeaseHeld, match="SN/1 is held by another program"):
        other.acquire(NOW)
    files.release()
    assert not other.locked()
    other.acquire(NOW)
    other.release()


def test_devices_do_not_share_a_lock(files: LeaseFile) -> None:
    other = LeaseFile(files.folder, "SN/2")
    files.acquire(NOW)
    other.acquire(NOW)
    assert files.held
    assert other.held
    files.release()
    other.release()


def test_each_heartbeat_is_another_one_even_if_the_clock_stands_still(files: LeaseFile) -> None:
    files.acquire(NOW)
    beats = {files.last_beat()}
    files.beat(NOW)
    beats.add(files.last_beat())
    files.beat(NOW - timedelta(hours=1))
    beats.add(files.last_beat())
    files.release()
    assert len(beats) == 3


def test_who_hangs_is_taken_over_from_and_notices(files: LeaseFile) -> None:
    watchdog = LeaseFile(files.folder, "SN/1")
    files.acquire(NOW)
    beat = watchdog.last_beat()
    assert beat is not None
    assert watchdog.take_over(beat, NOW)
    assert (watchdog.held, files.held) == (True, False)
    later = watchdog.last_beat()
    files.beat(NOW + timedelta(hours=9))  # the one that hung wakes up
    assert watchdog.last_beat() == later
    files.release()
    assert watchdog.held
    watchdog.release()


def test_who_shows_a_sign_of_life_is_not_taken_over_from(files: LeaseFile) -> None:
    watchdog = LeaseFile(files.folder, "SN/1")
    files.acquire(NOW)
    beat = watchdog.last_beat()
    assert beat is not None
    files.beat(NOW + timedelta(seconds=5))
    assert not watchdog.take_over(beat, NOW)
    assert files.held
    files.release()


def test_of_two_who_would_take_over_one_does(files: LeaseFile) -> None:
    first, second = (LeaseFile(files.folder, "SN/1") for _ in range(2))
    files.acquire(NOW)
    beat = first.last_beat()
    assert beat is not None
    assert first.take_over(beat, NOW + timedelta(seconds=1))
    assert not second.take_over(beat, NOW + timedelta(seconds=1))
    for each in (first, second, files):
        each.release()


def test_a_record_comes_back_as_it_was_kept(files: LeaseFile) -> None:
    files.acquire(NOW)
    record = Record("SN/1", "192.0.2.1:8080", Holder.here("a script", NOW), NOW, "evening", wrote={"mode": "realtime"})
    files.save(record)
    assert files.load() == record
    files.release()


def test_a_record_that_is_none_of_ours_is_not_guessed_at(files: LeaseFile) -> None:
    files.folder.mkdir(exist_ok=True)
    files.record_path.write_text("{}")
    with pytest.raises(InvalidInput, match="no record of a lease") as refused:
        files.load()
    assert str(refused.value).startswith(f"{files.record_path}: ")
    assert "then remove the file" in refused.value.remedy


def test_a_line_of_the_journal_that_was_cut_off_spoils_no_other(files: LeaseFile) -> None:
    files.acquire(NOW)
    files.note(NOW, "asked", what="hold")
    with files.journal_path.open("ab") as journal:
        journal.write(b'{"at": "2026-')
    assert [note["step"] for note in files.notes()] == ["asked"]
    files.release()


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="leases cannot be kept in"):
        LeaseFile(tmp_path / "file" / "leases", "SN1").acquire(NOW)
