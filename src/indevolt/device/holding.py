"""Holding a lease: its begin, its end whatever ends it, and what looks after it meanwhile.

Whoever left a device without putting it back, killed or without a link, is made good for first. Then the body of the ``async with``
runs, beside a heartbeat. At its end, by return, exception, cancellation, a signal or time, what was before is put back; a lease
that could not do so says it, and leaves its record for the watchdog.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from indevolt.clock import Clock
from indevolt.control.ledger import Room
from indevolt.device.account import Account, Hear
from indevolt.device.lease import Lease, Look
from indevolt.device.lock import BEAT_S, Holder, LeaseFile, lease_folder
from indevolt.device.signals import ending_on_signals
from indevolt.errors import IndevoltError, LeaseLost

if TYPE_CHECKING:
    from indevolt.device.device import Device

TEND_S: Final = 30.0
"""Between two looks at the device; 5 % of charge take minutes at any power."""
RESTORE_S: Final = 60.0
"""For putting back what was before, while the device cannot be reached."""


@asynccontextmanager
async def holding(
    device: Device,
    clock: Clock,
    *,
    ttl: timedelta,
    actor: str,
    reason: str = "",
    room: Room | None = None,
    folder: Path | None = None,
    restore_s: float = RESTORE_S,
    look: Look | None = None,
    hear: Hear | None = None,
) -> AsyncIterator[Lease]:
    """Hold the lease of a device while an ``async with`` lasts; see :meth:`Device.lease`."""
    files = LeaseFile(folder or lease_folder(), device.serial or device.address)
    files.acquire(clock.now())
    try:
        lease = Lease(device, clock, Account(files, files.load(), clock, hear), room=room or Room(), look=look)
        async with beating(files, clock):
            await lease.restore(restore_s, "left behind by an earlier lease")
        lease.begin(Holder.here(actor, clock.now()), device.address, reason, ttl)
        async with _looked_after(lease, files, clock, restore_s):
            with ending_on_signals():
                try:
                    yield lease
                finally:
                    await _finished(lease, restore_s)
    finally:
        files.release()


@asynccontextmanager
async def _looked_after(lease: Lease, files: LeaseFile, clock: Clock, restore_s: float) -> AsyncIterator[None]:
    keeping = asyncio.create_task(_look_after(lease, files, clock, restore_s), name="lease")
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


async def _look_after(lease: Lease, files: LeaseFile, clock: Clock, restore_s: float) -> None:
    """Beat, tend, and end the lease when its time has passed or somebody took it over."""
    tended_s = clock.monotonic()
    while True:
        await clock.sleep(max(0.0, min(BEAT_S, lease.left_s)))
        files.beat(clock.now())
        try:
            lease.check()
            if clock.monotonic() - tended_s >= TEND_S:
                tended_s = clock.monotonic()
                async with beating(files, clock):  # a device that is away takes its time
                    await lease.tend()
        except LeaseLost:
            break
        except IndevoltError:
            continue  # the link is lost, or the budget spent: what stands is fenced
    async with beating(files, clock):
        with suppress(IndevoltError):  # the end of the body tries again, and tells
            await lease.restore(restore_s, lease.ended)


@asynccontextmanager
async def beating(files: LeaseFile, clock: Clock) -> AsyncIterator[None]:
    """Show that the holder lives, while an ``async with`` lasts."""
    task = asyncio.create_task(_beat(files, clock))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _beat(files: LeaseFile, clock: Clock) -> None:
    while True:
        await clock.sleep(BEAT_S)
        files.beat(clock.now())


async def _finished(lease: Lease, restore_s: float) -> None:
    """Put back what was before. Being cancelled once more does not stop it, being cancelled twice does."""
    lease.end("it was given back")
    task = asyncio.ensure_future(lease.restore(restore_s, lease.ended))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        if task.done():
            raise
        await task
        raise
