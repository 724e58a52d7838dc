"""Which devices the hub keeps, and since when: those of the configuration, those that an owner connected, those that were found.

What an owner connects while the hub runs is kept in a file of the hub's own, beside its history, that nobody else may read; the
configuration is never written to. Trying a device out is the ``scout``'s, keeping it the ``keeper``'s business.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, TypeAlias

from pydantic import ValidationError

from indevolt.errors import InvalidInput, NoSuchDevice
from indevolt.hub.config import Config, DeviceConfig
from indevolt.hub.config_file import load_text
from indevolt.hub.config_text import spelled
from indevolt.hub.keeper import Origin
from indevolt.hub.secret import Origin as Place, Secret

FILE: Final = "devices.toml"
UNREAD: Final = "devices.unread.toml"  # one that could not be read, when it had to make room
_HEAD: Final = """\
# Devices that were connected while the hub ran. The hub writes this file; to keep a device for good, move its lines into the
# configuration, and put its password where only the hub can read it.
"""
_WRITTEN: Final = ("name", "host", "port", "password", "model", "modules", "control", "fingerprint", "simulated")


Keep: TypeAlias = Callable[[DeviceConfig, Origin], None]
Drop: TypeAlias = Callable[[str], Awaitable[None]]


class Roster:
    """The devices of a hub.

    Args:
        config: what it was started with.
        keep: begins to keep a device, instead of another of that name.
        drop: keeps a device no longer.
    """

    def __init__(self, config: Config, keep: Keep, drop: Drop) -> None:
        self.file = None if config.store.kind == "memory" else config.hub.data / FILE  # nothing outlives such a hub
        self.notes: list[str] = []
        self._config = config
        self._keep = keep
        self._drop = drop
        self._added: dict[str, DeviceConfig] = {}
        self._found: dict[str, DeviceConfig] = {}
        self._let_go: set[str] = set()  # names and addresses: who was let go is not kept again because it is found again
        self._works: set[asyncio.Task[None]] = set()
        self._unread = False  # whether what is in the file could not be read, and is not to be lost
        self._turn = asyncio.Lock()  # letting go takes a while, and who comes meanwhile is not to go with it

    def begin(self) -> None:
        """Keep all that were configured, and all that were connected before and are not configured meanwhile.

        A file of the hub's own that cannot be read keeps nobody from starting: ``notes`` says so, and it is kept aside before
        another one is written.
        """
        for device in self._config.devices:
            self._keep(device, Origin.CONFIGURED)
        try:
            added = self._load()
        except InvalidInput as error:
            self._unread = True
            self.notes.append(f"devices that were connected before are not kept: {error}")
            return
        for device in added:
            self._added[device.name] = device
            if self._clash(device) is None:
                self._keep(device, Origin.ADDED)
            else:
                self.notes.append(f"{device.name} of {FILE} is in the configuration now, which counts")

    def found(self, device: DeviceConfig) -> bool:
        """Keep a device that was found on the network, and that nobody named; False if somebody has let go of it before."""
        if not self._let_go.isdisjoint((device.name, device.address)):
            return False
        self._found[device.name] = device
        self._keep(device, Origin.FOUND)
        return True

    def check(self, device: DeviceConfig) -> None:
        """Refuse a device that cannot be added.

        Raises:
            InvalidInput: its name or address is taken.
        """
        if (clash := self._clash(device)) is not None:
            raise InvalidInput(clash, remedy="Choose another name, or remove that device first.")

    async def add(self, device: DeviceConfig) -> None:
        """Keep a device from now on, and after the next start; one that was only found at its address is kept no longer.

        Raises:
            InvalidInput: its name or address is taken, or the file cannot be written.
        """
        await self._to_the_end(self._add(device))

    async def remove(self, name: str) -> None:
        """Keep a device no longer; its history stays. If it is found again, it is left alone until the hub starts anew.

        Raises:
            NoSuchDevice: there is none of that name.
            InvalidInput: it is in the configuration, which the hub does not write to.
        """
        if any(device.name == name for device in self._config.devices):
            raise InvalidInput(f"{name} is in the hub's configuration", remedy="Take it out of the file, and start the hub anew.")
        await self._to_the_end(self._remove(name))

    async def _to_the_end(self, work: Coroutine[Any, Any, None]) -> None:
        """Carry something out as a whole, also when whoever asked for it has gone meanwhile."""
        task = asyncio.create_task(work)
        self._works.add(task)
        task.add_done_callback(self._works.discard)
        await asyncio.shield(task)

    async def _add(self, device: DeviceConfig) -> None:
        async with self._turn:
            self.check(device)
            before = self._added.get(device.name)
            self._added[device.name] = device
            try:
                self._save()
            except InvalidInput:
                self._added.pop(device.name)
                if before is not None:
                    self._added[before.name] = before
                raise
            for name in [name for name, found in self._found.items() if found.address == device.address]:
                del self._found[name]
                await self._drop(name)
            self._let_go -= {device.name, device.address}
            self._keep(device, Origin.ADDED)

    async def _remove(self, name: str) -> None:
        async with self._turn:
            if name not in self._added and name not in self._found:
                raise NoSuchDevice(f"no device {name!r:.60} was connected here", remedy="`/api/v1/devices` lists all devices.")
            before = dict(self._added)
            gone = self._added.pop(name, None)
            if gone is not None:
                try:
                    self._save()
                except InvalidInput:
                    self._added = before
                    raise
            gone = self._found.pop(name, gone)
            if gone is not None:
                self._let_go.update((name, gone.address))
            await self._drop(name)

    def _clash(self, device: DeviceConfig) -> str | None:
        """Return why a device cannot stand beside the others."""
        others = [*self._config.devices, *(each for each in self._added.values() if each is not device)]
        for other in others:
            if other.name == device.name:
                return f"name: {device.name} is another device, at {other.address}"
            if other.address == device.address:
                return f"host: {device.address} is the device {other.name}"
        try:
            Config(devices=(device,))
        except ValidationError as error:  # a rule that only the whole configuration can tell, such as a reserved name
            return error.errors()[0]["msg"]
        return None

    # ---- the file ------------------------------------------------------------------------------------------------------------

    def _load(self) -> tuple[DeviceConfig, ...]:
        if self.file is None or not self.file.exists():
            return ()
        try:
            text = self.file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{self.file} cannot be read: {error}") from error
        return load_text(text, name=str(self.file), origin=Place(self.file.parent)).devices

    def _save(self) -> None:
        """Write the file anew, whole or not at all."""
        if self.file is None:
            return
        text = "\n".join((_HEAD, *(f"{lines(device, reveal=True)}\n" for device in self._added.values())))
        fresh = self.file.with_suffix(".new")
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with suppress(FileNotFoundError):
                fresh.unlink()
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            if self._unread:
                self.file.replace(self.file.with_name(UNREAD))
                self._unread = False
            fresh.replace(self.file)
        except OSError as error:
            facts = f"{self.file} cannot be written: {error.strerror or error}"
            raise InvalidInput(facts, remedy="Give the hub's data folder to the user that runs it.") from error


def lines(device: DeviceConfig, *, reveal: bool = False) -> str:
    """Return the lines of a configuration for a device; a password is only named, unless it is to be revealed."""
    found = ["[[devices]]"]
    for name in _WRITTEN:
        value: Any = getattr(device, name)
        if value is None or (value is False and name != "control"):
            continue
        if isinstance(value, Secret):
            value = value.reveal() if reveal else {"file": f"{device.name}.password"}
        found.append(f"{name} = {spelled(value)}")
    return "\n".join(found)


def name_for(serial: str) -> str:
    """Return a name for a device that nobody named."""
    return f"device-{re.sub(r'[^a-z0-9_-]', '-', serial.lower())[:30]}"
