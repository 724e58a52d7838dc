"""A watchdog over leases: puts back what a program left that died or hangs, from a process of its own.

It only reads files until then, so it may look often. A dead holder has let go of its lock, whatever killed it; one that hangs keeps
it and shows no heartbeat, and is taken over from. Time is measured by the watchdog's own monotonic clock, between two looks at the
same heartbeat, so no jump of a wall clock makes a living holder dead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from indevolt.clock import Clock
from indevolt.control.ledger import Room
from indevolt.device.account import Account
from indevolt.device.device import Device
from indevolt.device.holding import RESTORE_S, beating
from indevolt.device.lease import Lease
from indevolt.device.lock import STALE_S, Holder, LeaseFile, Record, leases_in
from indevolt.errors import IndevoltError, InvalidInput, LeaseHeld, NotRestored

LOOK_S: Final = 2.0
"""Between two looks at the files; far below the 15 s after which a holder counts as hanging."""
AGAIN_S: Final = 30.0
"""Before an attempt that failed is made again; the hub may take the lease meanwhile."""
ACTOR: Final = "watchdog"


@dataclass(frozen=True, slots=True)
class Seen:
    """A heartbeat, and when it was first seen."""

    beat: int
    at_s: float


@dataclass(frozen=True, slots=True)
class Finding:
    """What the watchdog did, for people; ``remedy`` is empty when all is well."""

    serial: str
    text: str
    remedy: str = ""


class Watchdog:
    """Watches the leases of one folder.

    Args:
        folder: where they are kept.
        clock: what to wait by.
        open_device: the way to the device of a record, which may need a password that no record has.
        tell: hears of each finding.
    """

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        open_device: Callable[[Record], AbstractAsyncContextManager[Device]],
        tell: Callable[[Finding], None],
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._open_device = open_device
        self._tell = tell
        self._seen: dict[str, Seen] = {}
        self._not_before_s: dict[str, float] = {}
        self._at_work: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Watch until cancelled."""
        try:
            while True:
                self.look()
                await self._clock.sleep(LOOK_S)
        finally:
            for task in self._at_work.values():
                task.cancel()
            await asyncio.gather(*self._at_work.values(), return_exceptions=True)

    async def settle(self) -> None:
        """Look once, and wait until what was begun has ended. Who hangs is not noticed that way."""
        self.look()
        await asyncio.gather(*self._at_work.values())

    async def release(self, files: LeaseFile) -> None:
        """Put back what one holder left; one that still has its lock gets as long to show a sign of life as any.

        Raises:
            LeaseHeld: it lives.
        """
        deadline_s = self._clock.monotonic() + STALE_S + 2 * LOOK_S
        while not (why := self._taken(files)):
            record = files.load()
            if record.snapshot is None and not files.locked():
                return
            if self._clock.monotonic() > deadline_s:
                raise LeaseHeld(f"{files.serial} is held by {record.holder or 'another program'}, which is alive")
            await self._clock.sleep(LOOK_S)
        self._at_work[files.lock_path.name] = asyncio.create_task(self._put_back(files, why))
        await asyncio.gather(*self._at_work.values())

    def look(self) -> None:
        """Look at all leases, and begin to put back what was left."""
        for files in leases_in(self._folder):
            key = files.lock_path.name
            if key in self._at_work or self._clock.monotonic() < self._not_before_s.get(key, 0.0):
                continue
            with suppress(IndevoltError):
                if files.load().snapshot is not None and (why := self._taken(files)):
                    self._at_work[key] = asyncio.create_task(self._put_back(files, why), name=f"watchdog {files.serial}")

    def _taken(self, files: LeaseFile) -> str:
        """Take the lock of a holder that died or hangs, and return why; empty while it is well."""
        with suppress(LeaseHeld):
            files.acquire(self._clock.now())
            if files.load().snapshot is not None:
                return "its holder died, or could not put it back"
            files.release()
            return ""
        beat, now_s = files.last_beat(), self._clock.monotonic()
        seen = self._seen.get(files.lock_path.name)
        if beat is None or seen is None or seen.beat != beat:
            if beat is not None:
                self._seen[files.lock_path.name] = Seen(beat, now_s)
            return ""
        if now_s - seen.at_s < STALE_S or not files.take_over(beat, self._clock.now()):
            return ""
        return f"its holder shows no sign of life for {now_s - seen.at_s:.0f} s"

    async def _put_back(self, files: LeaseFile, why: str) -> None:
        record = files.load()
        account = Account(files, record, self._clock, None)
        who = "nobody" if record.holder is None else str(record.holder)
        try:
            account.keep(replace(record, holder=Holder.here(ACTOR, self._clock.now())))
            account.note("taken over", why=why, holder=who)
            self._tell(Finding(files.serial, f"putting back what {who} left: {why}"))
            async with beating(files, self._clock), self._open_device(record) as device:
                if record.serial not in (device.serial, device.address):
                    raise InvalidInput(
                        f"at {record.address} is another device now, with the serial number {device.serial}",
                        remedy="Find out where the device is, and check its mode in the app.",
                    )
                lease = Lease(device, self._clock, account, room=Room())
                lease.end(why)
                await lease.restore(RESTORE_S, why)
        except IndevoltError as error:
            self._not_before_s[files.lock_path.name] = self._clock.monotonic() + AGAIN_S
            if not isinstance(error, NotRestored):  # which stands there already
                account.note("not restored", why=why, trouble=str(error))
            self._tell(Finding(files.serial, f"could not put it back: {error}", error.remedy or "Check its mode in the app."))
        else:
            self._tell(Finding(files.serial, "all is as it was before"))
        finally:
            files.release()
            del self._at_work[files.lock_path.name]
