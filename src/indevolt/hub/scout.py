"""Who is on the network, and how to get in: for people who connect a unit, and for a hub that nobody named a device.

Each device that is not kept yet is asked who it is, once; what is no battery is remembered, so that it is left alone. Kept devices
are not asked: their keepers know. How devices are heard is in ``discovery``, what they are in ``device``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias

from indevolt.clock import Clock
from indevolt.device import Device, connect
from indevolt.discovery import Api, Found
from indevolt.errors import IndevoltError, ProtocolError, Unauthorized, UnknownModel
from indevolt.hub.config import DeviceConfig

Look: TypeAlias = Callable[[], AsyncIterable[Found]]
"""Looks for devices once."""

TRY_S: Final = 5.0  # for each request of a trial: devices answer within 1 s, and somebody waits
MOST_SIGHTED: Final = 256  # that are told of: above any home, below what a hostile network may fill memory with
API_OFF: Final = (
    "Switch its local API on in the INDEVOLT app (device settings, API); it is heard only by its announcement, and does not answer."
)
LOCKED: Final = "Connect it with its password: the INDEVOLT app shows it where the API is set to HTTP + Digest."
WRONG_KEY: Final = (
    "The INDEVOLT app shows the password where the API is set to HTTP + Digest. A new or factory-reset device first needs its "
    "default one changed: `indevolt password HOST`."
)


class Access(StrEnum):
    """How a device can be got at."""

    KEPT = "kept"  # this hub keeps it already
    OPEN = "open"
    PASSWORD = "password"  # noqa: S105 - a word
    OFF = "off"  # its API is probably switched off
    SILENT = "silent"  # it was heard, but does not answer requests
    OTHER = "other"  # a meter, a plug, or no device of this maker


@dataclass(frozen=True, slots=True)
class Identity:
    """What a device is, as it answered itself."""

    title: str
    family: str
    model: str
    serial: str
    firmware: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sighting:
    """A device that was heard, and what to do about it."""

    found: Found
    access: Access
    known_as: str = ""  # the name of the device, where it is kept
    identity: Identity | None = None
    detail: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What the last search brought; ``notes`` is what hampered it."""

    at: datetime
    at_s: float
    sightings: tuple[Sighting, ...]
    notes: tuple[str, ...]


class Scout:
    """Looks for devices when asked; several who ask at once share a search.

    Args:
        look: looks for devices once.
        clock: what to wait by.
        known: the devices that are kept now: serial number and address, and the name of each.
    """

    def __init__(self, look: Look, clock: Clock, known: Callable[[], Mapping[str, str]]) -> None:
        self._look = look
        self._clock = clock
        self._known = known
        self._others: dict[tuple[str, int], Sighting] = {}  # what answers, and is no battery
        self._report: Report | None = None
        self._searching: asyncio.Task[Report] | None = None

    async def report(self, max_age_s: float) -> Report:
        """Return what is on the network, by a search that is young enough."""
        known = self._report
        if known is not None and self._clock.monotonic() - known.at_s <= max_age_s:
            return Report(known.at, known.at_s, tuple(map(self._again, known.sightings)), known.notes)
        if self._searching is None or self._searching.done():
            self._searching = asyncio.create_task(self._search(), name="discovery")
        return await asyncio.shield(self._searching)

    async def sightings(self) -> AsyncIterator[Sighting]:
        """Search, and yield each device as it is heard."""
        async for found in self._look():
            yield await self._judge(found)

    def close(self) -> None:
        """Search no further."""
        if self._searching is not None:
            self._searching.cancel()

    async def _search(self) -> Report:
        search = self._look()
        heard: list[Found] = []
        async for found in search:
            if len(heard) < MOST_SIGHTED:
                heard.append(found)
        async with asyncio.TaskGroup() as group:
            judging = [group.create_task(self._judge(found)) for found in heard]
        notes = tuple(getattr(search, "notes", ()))
        self._report = Report(self._clock.now(), self._clock.monotonic(), tuple(each.result() for each in judging), notes)
        return self._report

    async def _judge(self, found: Found) -> Sighting:
        """Tell what a device is; it is asked for that, if nobody keeps it and it may be a battery."""
        name = self._name_of(found)
        if name:
            return Sighting(found, Access.KEPT, name)
        if found.api is Api.PROBABLY_OFF:
            return Sighting(found, Access.OFF, detail="it announces itself, but does not answer", remedy=API_OFF)
        other = self._others.get((found.host, found.port))
        if other is not None:
            return other
        try:
            return Sighting(
                found, Access.OPEN, identity=await tried(DeviceConfig(name="x", host=found.host, port=found.port), self._clock)
            )
        except Unauthorized as error:
            return Sighting(found, Access.PASSWORD, detail=str(error), remedy=error.remedy)
        except (UnknownModel, ProtocolError) as error:
            sighting = Sighting(found, Access.OTHER, detail=str(error), remedy=error.remedy)
            if len(self._others) < MOST_SIGHTED:
                self._others[found.host, found.port] = sighting
            return sighting
        except IndevoltError as error:
            access = Access.SILENT if error.transient else Access.PASSWORD
            return Sighting(found, access, detail=str(error), remedy=error.remedy)

    def _again(self, sighting: Sighting) -> Sighting:
        """Return a sighting of before with the name that the device has now."""
        name = self._name_of(sighting.found)
        if name and sighting.access is not Access.KEPT:
            return Sighting(sighting.found, Access.KEPT, name, sighting.identity)
        return sighting

    def _name_of(self, found: Found) -> str:
        known = self._known()
        host = f"[{found.host}]" if ":" in found.host else found.host
        return (known.get(found.sn, "") if found.sn else "") or known.get(f"{host}:{found.port}", "")


async def tried(device: DeviceConfig, clock: Clock) -> Identity:
    """Ask a device who it is, as its keeper would, and return what it said; nothing is changed there.

    Raises:
        IndevoltError: it cannot be reached, asks for a password, or is no battery; ``remedy`` says what to do.
    """
    password = device.password.reveal() if device.password else None
    try:
        async with connect(
            device.address,
            password=password,
            model=device.model,
            modules=device.modules,
            clock=clock,
            deadline_s=TRY_S,
            ca_file=device.ca_file,
            fingerprint=device.fingerprint,
        ) as opened:
            return identity_of(opened)
    except Unauthorized as error:
        if password is None:
            raise Unauthorized("it asks for a password", remedy=LOCKED) from error
        raise Unauthorized("it does not take this password", remedy=WRONG_KEY) from error


def identity_of(device: Device) -> Identity:
    """Return what an open device is."""
    product = device.product
    return Identity(
        title=product.title if product else device.model.title,
        family=device.family,
        model=product.name if product else "",
        serial=device.serial,
        firmware=device.system.text("f_ver") or device.system.text("fw"),
        evidence=tuple(device.evidence),
    )
