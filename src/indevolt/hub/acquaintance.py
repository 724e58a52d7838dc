"""Who answers at an address: the device that we know, the same with another firmware or restarted meanwhile, or another one.

What follows from it (energies that must not jump, things to forget) is for ``keeper``.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from indevolt.clock import Clock
from indevolt.device import Device
from indevolt.errors import IndevoltError
from indevolt.hub.journal import Journal, Kind
from indevolt.protocol.messages import SysConfig
from indevolt.store import Store

UPTIME_SLACK_S: Final = 30.0  # an uptime that is shorter by more than this means a restart


class Acquaintance:
    """What is known of one device, and kept for the next start of the hub.

    Args:
        name: how the hub calls the device.
        clock: measures how long it must have been running.
        journal: where changes go.
        store: keeps serial number and firmware.
    """

    def __init__(self, name: str, clock: Clock, journal: Journal, store: Store) -> None:
        self.serial = self.firmware = ""
        self._name = name
        self._clock = clock
        self._journal = journal
        self._store = store
        self._is_new = True
        self._is_compared = False  # with what was kept by an earlier run of the hub
        self._up_since_s: float | None = None  # on our clock, as it told last

    def recognizes(self, system: SysConfig) -> bool:
        """Return whether this is the device that was greeted last, which has not been restarted or updated since."""
        serial, firmware = system.text("sn"), _firmware_of(system)
        if (serial and self.serial and serial != self.serial) or (firmware and firmware != self.firmware):
            return False
        if self._has_restarted(system):
            return False
        self._up_since_s = self._told_up_since_s(system)  # its clock and ours drift apart
        return True

    async def greet(self, device: Device, title: str) -> bool:
        """Write down who answers and what has changed since it was greeted last; return whether it is another device."""
        system, serial, firmware = device.system, device.serial, _firmware_of(device.system)
        kept = {} if self._is_compared else await self._recall()
        known, before = kept.get("serial", self.serial), kept.get("firmware", self.firmware)
        is_another = bool(known and serial and serial != known)
        if is_another:
            text = f"another device answers: serial number {serial} instead of {known}"
            await self._journal.note(Kind.CONNECTION, text, device=self._name, before=known, after=serial)
        elif before and firmware and firmware != before:
            text = f"firmware changed from {before} to {firmware}"
            await self._journal.note(Kind.FIRMWARE, text, device=self._name, before=before, after=firmware)
        elif self._has_restarted(system):
            told = system.device["run_time"]
            await self._journal.note(Kind.CONNECTION, f"restarted {told} s ago", device=self._name, run_time_s=told)
        if self._is_new:
            text = f"reached {device.address}: {title}, serial number {serial}, firmware {firmware or 'unknown'}"
            await self._journal.note(Kind.CONNECTION, text, device=self._name, evidence=list(device.evidence))
        self._is_new = False
        self.serial, self.firmware = serial, firmware
        self._up_since_s = self._told_up_since_s(system)
        for what, text in (("serial", serial), ("firmware", firmware)):
            if text and self._is_compared:  # else what was kept is still to be compared, once the store is back
                with suppress(IndevoltError):  # the store says so itself, and it is no fault of the device
                    await self._store.put(f"{what}:{self._name}", text)
        return is_another

    def _has_restarted(self, system: SysConfig) -> bool:
        told_s = self._told_up_since_s(system)
        return told_s is not None and self._up_since_s is not None and told_s > self._up_since_s + UPTIME_SLACK_S

    def _told_up_since_s(self, system: SysConfig) -> float | None:
        """Return when a device says that it was switched on; None where it does not say."""
        told = system.device.get("run_time")
        return self._clock.monotonic() - told if isinstance(told, int) else None

    async def _recall(self) -> dict[str, str]:
        """Return what was known of the device before the hub began, as far as it was; nothing while the store is away."""
        try:
            found = {what: await self._store.get(f"{what}:{self._name}") for what in ("serial", "firmware")}
        except IndevoltError:
            return {}
        self._is_compared = True
        return {what: text for what, text in found.items() if text}


def _firmware_of(system: SysConfig) -> str:
    return system.text("f_ver") or system.text("fw")
