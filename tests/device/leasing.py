"""A virtual battery at night and a lease of it, on a clock that a test moves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import indevolt
from indevolt.clock import ManualClock
from indevolt.device import Device
from indevolt.device.lease import Lease
from indevolt.device.lock import LeaseFile
from indevolt.simulator import INSTANT, Simulator, Surroundings, steady_house
from wiretap import Wiretap

T = TypeVar("T")
HOUR = timedelta(hours=1)
MODE, REALTIME, BACKUP_SOC = 47005, 47015, 1142


async def passing(clock: ManualClock, work: Coroutine[Any, Any, T]) -> T:
    """Let time pass until something is done; a day at most."""
    task = asyncio.ensure_future(work)
    for _ in range(24 * 3600 // 5):
        if task.done():
            break
        await clock.advance(5)
    return await asyncio.wait_for(task, 0)


class Bench:
    """A battery that is leased, the wire to it, and the files of its lease."""

    def __init__(self, folder: Path, **simulator: Any) -> None:
        self.folder = folder
        self.clock: ManualClock = simulator.pop("clock", None) or ManualClock()
        night = steady_house(Surroundings(700, ()))
        self.simulator = Simulator(
            "powerflex2000", **{"clock": self.clock, "modules": 2, "house": night, "response": INSTANT, "soc_pct": 60, **simulator}
        )
        self.wire = Wiretap(self.simulator)
        self.files = LeaseFile(folder, self.simulator.serial)

    async def passing(self, work: Coroutine[Any, Any, T]) -> T:
        return await passing(self.clock, work)

    @asynccontextmanager
    async def device(self) -> AsyncIterator[Device]:
        async with indevolt.connect("sim", transport=self.wire, clock=self.clock) as device:
            yield device

    @asynccontextmanager
    async def lease(self, **more: Any) -> AsyncIterator[Lease]:
        async with (
            self.device() as device,
            device.lease(**{"ttl": HOUR, "folder": self.folder, "actor": "test", **more}) as lease,
        ):
            yield lease

    @property
    def mode(self) -> Any:
        return self.simulator.get("mode")

    @property
    def modes_written(self) -> list[Any]:
        return [values[0] for point, values in self.wire.writes if point == MODE]

    @property
    def orders(self) -> list[tuple[Any, ...]]:
        """What was written to the real-time points: state, power, target."""
        return [values for point, values in self.wire.writes if point == REALTIME]

    def steps(self) -> list[str]:
        return [note["step"] for note in self.files.notes()]
