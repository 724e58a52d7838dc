"""A lease: one writer, bounded commands, and everything as before at its end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import indevolt
from indevolt.battery import Discharge, Stage
from indevolt.clock import ManualClock
from indevolt.device import Device
from indevolt.device.lease import Lease
from indevolt.device.lock import LeaseFile
from indevolt.simulator import INSTANT, Simulator, Surroundings, steady_house
from wiretap import Wiretap

HOUR = timedelta(hours=1)
MODE, REALTIME = 47005, 47015


@pytest.fixture
def simulator(clock: ManualClock) -> Simulator:
    night = steady_house(Surroundings(700, ()))
    return Simulator("powerflex2000", clock=clock, modules=2, house=night, response=INSTANT, soc_pct=60)


@pytest.fixture
def files(tmp_path: Path, simulator: Simulator) -> LeaseFile:
    return LeaseFile(tmp_path, simulator.serial)


@asynccontextmanager
async def leased(wire: Wiretap, clock: ManualClock, folder: Path, **more: Any) -> AsyncIterator[tuple[Device, Lease]]:
    async with (
        indevolt.connect("sim", transport=wire, clock=clock) as battery,
        battery.lease(**{"ttl": HOUR, "folder": folder, "actor": "test", **more}) as lease,
    ):
        yield battery, lease


async def test_what_was_before_is_back_at_the_end(
    wire: Wiretap, clock: ManualClock, tmp_path: Path, simulator: Simulator, files: LeaseFile
) -> None:
    async with leased(wire, clock, tmp_path) as (_, lease):
        outcome = await lease.command(Discharge(500, 20))
        assert outcome.stage is Stage.EFFECTIVE
        assert simulator.get("mode") == "realtime"
        assert files.load().snapshot is not None
    assert simulator.get("mode") == "self_use"
    assert files.load().snapshot is None
    assert not files.locked()
    assert [note["step"] for note in files.notes()] == ["asked", "wrote", "restored"]
