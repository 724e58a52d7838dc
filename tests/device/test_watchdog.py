"""The watchdog: puts back what was left by who died or hangs, leaves alone who lives, and says what it could not do."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import time
from pathlib import Path
from typing import Any

import pytest

import indevolt
from indevolt.battery import Discharge, Value
from indevolt.clock import SystemClock
from indevolt.device import Device
from indevolt.device.lock import LeaseFile, Record, leases_in
from indevolt.device.watchdog import Finding, Watchdog
from indevolt.errors import IndevoltError, LeaseHeld

from .leasing import Bench
from .test_lease_lock import PATIENCE_S, posix, scene


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


class Told:
    """A watchdog over the leases of a bench, and what it said."""

    def __init__(self, bench: Bench) -> None:
        self.findings: list[Finding] = []
        self.watchdog = Watchdog(bench.folder, bench.clock, lambda _: bench.device(), self.findings.append)

    @property
    def texts(self) -> list[str]:
        return [finding.text for finding in self.findings]


async def left_behind(bench: Bench, *setting: Any) -> None:
    """Command the battery, or set something, and end without putting anything back, as a program does that dies."""

    async def session() -> None:
        async with bench.lease() as lease:
            if setting:
                await lease.write(*setting)
            await lease.command(Discharge(500, 20))
            bench.simulator.reboot(100)

    with contextlib.suppress(IndevoltError):
        await bench.passing(session())
    await bench.clock.advance(100)
    assert bench.mode == "realtime"


@asynccontextmanager
async def watching(bench: Bench) -> AsyncIterator[Told]:
    told = Told(bench)
    task = asyncio.create_task(told.watchdog.run())
    try:
        yield told
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_a_dead_program_left_is_put_back(bench: Bench) -> None:
    await left_behind(bench)
    async with watching(bench) as told:
        await bench.clock.advance(10)
    assert bench.mode == "self_use"
    assert [text.partition(" (")[0] for text in told.texts] == ["putting back what test", "all is as it was before"]
    assert bench.steps()[-2:] == ["taken over", "restored"]
    assert {note["actor"] for note in bench.files.notes()[-2:]} == {"watchdog"}
    assert not bench.files.locked()
    assert bench.files.load().snapshot is None


@pytest.mark.parametrize(
    ("name", "value"), [("deep_sleep_start_time", time(22, 30)), ("grid_charging", False), ("backup_soc", 30), ("light", "off")]
)
async def test_settings_of_any_sort_are_put_back(bench: Bench, name: str, value: Value) -> None:
    before = bench.simulator.get(name)
    await left_behind(bench, name, value)
    assert bench.simulator.get(name) == value != before
    async with watching(bench):
        await bench.clock.advance(30)
    assert (bench.mode, bench.simulator.get(name)) == ("self_use", before)


async def test_it_writes_nothing_where_nothing_was_left(bench: Bench) -> None:
    async def session() -> None:
        async with bench.lease() as lease:
            await lease.command(Discharge(500, 20))

    await bench.passing(session())
    writes = len(bench.wire.requests)
    async with watching(bench) as told:
        await bench.clock.advance(60)
    assert told.texts == []
    assert len(bench.wire.requests) == writes


async def test_who_lives_is_left_alone(bench: Bench) -> None:
    async def session() -> None:
        async with bench.lease() as lease:
            await lease.command(Discharge(100, 20))
            await bench.clock.sleep(600)
            assert bench.mode == "realtime"

    async with watching(bench) as told:
        await bench.passing(session())
    assert told.texts == []


async def test_who_hangs_for_fifteen_seconds_is_taken_over_from(bench: Bench) -> None:
    await left_behind(bench)
    hung = LeaseFile(bench.folder, bench.files.serial)
    hung.acquire(bench.clock.now())
    async with watching(bench) as told:
        await bench.clock.advance(14)
        assert told.texts == []
        await bench.clock.advance(12)
    assert bench.mode == "self_use"
    assert "shows no sign of life for 16 s" in told.texts[0]
    assert not hung.held
    hung.release()


async def test_a_clock_that_jumps_makes_nobody_dead(bench: Bench) -> None:
    async def session() -> None:
        async with bench.lease() as lease:
            await lease.command(Discharge(100, 20))
            for _ in range(10):
                bench.clock.jump(-3600 if bench.clock.monotonic() % 2 else 7200)
                await bench.clock.sleep(7)
            assert bench.mode == "realtime"

    async with watching(bench) as told:
        await bench.passing(session())
    assert told.texts == []


async def test_a_device_that_is_away_is_tried_again_until_it_is_back(bench: Bench) -> None:
    await left_behind(bench)
    bench.simulator.reboot(120)
    async with watching(bench) as told:
        await bench.clock.advance(60)
        assert told.findings[-1].text == "could not put it back: the device restarts"
        assert told.findings[-1].remedy
        assert not bench.files.locked()  # so that the hub may try as well
        await bench.clock.advance(120)
    assert bench.mode == "self_use"
    assert told.texts[-1] == "all is as it was before"


async def test_another_device_at_the_address_is_not_written_to(bench: Bench, tmp_path: Path) -> None:
    await left_behind(bench)
    other = Bench(tmp_path, serial="1234567890", clock=bench.clock)
    told = Told(bench)
    watchdog = Watchdog(bench.folder, bench.clock, lambda _: other.device(), told.findings.append)
    await bench.passing(watchdog.settle())
    assert "is another device now, with the serial number 1234567890" in told.texts[-1]
    assert other.wire.writes == []
    assert bench.files.load().snapshot is not None


async def test_releasing_by_hand_is_refused_while_the_holder_lives(bench: Bench) -> None:
    told = Told(bench)

    async def session() -> None:
        async with bench.lease() as lease:
            await lease.command(Discharge(100, 20))
            with pytest.raises(LeaseHeld, match=r"is held by test .* which is alive"):
                await told.watchdog.release(bench.files)
            assert bench.mode == "realtime"

    await bench.passing(session())


# ---- with programs that really die -----------------------------------------------------------------------------------------------


@asynccontextmanager
async def really_watching(folder: Path, address: str) -> AsyncIterator[asyncio.Queue[Finding]]:
    told: asyncio.Queue[Finding] = asyncio.Queue()

    @asynccontextmanager
    async def open_it(record: Record) -> AsyncIterator[Device]:
        assert record.address == address
        async with indevolt.connect(record.address, spacing_s=0.02) as device:
            yield device

    task = asyncio.create_task(Watchdog(folder, SystemClock(), open_it, told.put_nowait).run())
    try:
        yield told
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@posix
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV])
async def test_a_program_that_is_killed_is_made_good_for_at_once(tmp_path: Path, how: signal.Signals) -> None:
    async with scene(tmp_path) as program, really_watching(tmp_path, program.address) as told:
        await program.end(how)
        assert program.simulator.get("mode") == "realtime"
        async with asyncio.timeout(PATIENCE_S):
            assert f"process {program.process.pid}" in (await told.get()).text
            assert (await told.get()).text == "all is as it was before"
        assert program.simulator.get("mode") == "self_use"


@pytest.mark.skipif(os.name != "posix", reason="signals are of POSIX")
async def test_a_program_that_is_stopped_keeps_its_lock_and_finds_it_gone_when_it_wakes(tmp_path: Path) -> None:
    """What 15 s without a sign of life are, other tests tell; here they are over."""
    async with scene(tmp_path) as program:
        (files,) = leases_in(tmp_path)
        program.process.send_signal(signal.SIGSTOP)
        beat = files.last_beat()
        assert beat is not None
        assert files.locked()
        assert files.take_over(beat, SystemClock().now())
        program.process.send_signal(signal.SIGCONT)
        async with asyncio.timeout(PATIENCE_S):
            await program.process.wait()
        assert program.process.stderr is not None
        assert b"LeaseLost" in await program.process.stderr.read()
        assert program.simulator.get("mode") == "realtime"  # it wrote nothing any more
        files.release()
