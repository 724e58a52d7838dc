"""What requests may ask for: names of devices and quantities, spans of time, steps; each checked once, for all routes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Annotated, Final, TypeAlias

from fastapi import Depends, Path, Query
from pydantic import AfterValidator, AwareDatetime
from starlette.requests import Request

from indevolt.catalogue import families, load
from indevolt.errors import InvalidInput
from indevolt.hub.derive import DERIVED_UNITS
from indevolt.hub.hub import Hub
from indevolt.hub.keeper import Keeper
from indevolt.hub.site.quantities import SITE_UNITS

MOST_NAMES: Final = 100
FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)  # before any device of this maker
LAST: Final = datetime(2100, 1, 1, tzinfo=UTC)
LONGEST_RAW: Final = timedelta(days=31)
NAME: Final = r"^[a-z0-9][a-z0-9_-]{0,39}$"


async def the_hub(request: Request) -> Hub:
    """Return the hub that the application serves."""
    hub: Hub = request.app.state.hub
    return hub


HubOf: TypeAlias = Annotated[Hub, Depends(the_hub)]
DeviceName: TypeAlias = Annotated[str, Path(pattern=NAME, description="Name of a device in the hub's configuration.")]


async def the_keeper(device: DeviceName, hub: HubOf) -> Keeper:
    """Return the keeper of the device that the path names."""
    return hub.keeper(device)


KeeperOf: TypeAlias = Annotated[Keeper, Depends(the_keeper)]


def _reasonable(at: datetime) -> datetime:
    if not FIRST <= at <= LAST:
        raise ValueError("between the years 2000 and 2100 only")
    return at.astimezone(UTC)


Moment: TypeAlias = Annotated[AwareDatetime, AfterValidator(_reasonable)]
Start: TypeAlias = Annotated[
    Moment | None, Query(description="From here on (ISO 8601 with an offset or Z; a + has to be sent as %2B).")
]
End: TypeAlias = Annotated[Moment | None, Query(description="Up to here, and without it; by default now.")]
Names: TypeAlias = Annotated[
    str | None, Query(max_length=4000, description="Quantities, separated by commas.", examples=["battery_power,battery_soc"])
]


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of time that is not empty."""

    start: datetime
    end: datetime

    @property
    def length_s(self) -> float:
        """How long it is."""
        return (self.end - self.start).total_seconds()


def span_of(start: datetime | None, end: datetime | None, now: datetime, default: timedelta) -> Span:
    """Return what start and end mean.

    Raises:
        InvalidInput: it would be empty.
    """
    until = end or now
    since = start or until - default
    if since >= until:
        raise InvalidInput(f"start {since.isoformat()} is not before end {until.isoformat()}", remedy="Exchange them.")
    return Span(since, until)


def names_in(text: str) -> tuple[str, ...]:
    """Return names that are separated by commas, each once.

    Raises:
        InvalidInput: none, or too many.
    """
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not 0 < len(names) <= MOST_NAMES:
        raise InvalidInput(f"names: {len(names)} names", remedy=f"Give 1 to {MOST_NAMES}, separated by commas.")
    return names


def known_names(keeper: Keeper, names: str | None) -> tuple[str, ...] | None:
    """Return the quantities asked for; None for all.

    Raises:
        InvalidInput: one that no device of this family has, with the nearest names.
    """
    if names is None:
        return None
    return _known(names_in(names), _all_names(keeper), f"{keeper.id} has", f"/api/v1/devices/{keeper.id}/points")


def heard_names(names: str | None) -> tuple[str, ...] | None:
    """Return the quantities that a listener asks for, of any family, as devices come and go; None for all.

    Raises:
        InvalidInput: one that nothing has, with the nearest names.
    """
    if names is None:
        return None
    known = {*DERIVED_UNITS, *SITE_UNITS, *(name for family in families() for name in load(family).points)}
    return _known(names_in(names), known, "there is", "/api/v1/devices/DEVICE/points")


def _known(asked: tuple[str, ...], known: Collection[str], has: str, list_of: str) -> tuple[str, ...]:
    for name in asked:
        if name not in known:
            near = get_close_matches(name, known, n=3, cutoff=0.6)
            remedy = f"Did you mean {' or '.join(near)}?" if near else f"`{list_of}` lists them."
            raise InvalidInput(f"names: {has} no quantity {name!r:.60}", remedy=remedy)
    return asked


def known_devices(hub: Hub, names: str | None) -> Sequence[Keeper]:
    """Return the keepers of devices asked for; all for None.

    Raises:
        NoSuchDevice: one that the hub does not have.
    """
    return tuple(hub.keepers.values()) if names is None else tuple(hub.keeper(name) for name in names_in(names))


def unit_of(keeper: Keeper, name: str) -> str:
    """Return the unit of a quantity; empty for words and while nobody knows."""
    if name in DERIVED_UNITS:
        return DERIVED_UNITS[name]
    for family in _families(keeper):
        point = load(family).points.get(name)
        if point is not None:
            return point.unit
    return ""


def _families(keeper: Keeper) -> Iterable[str]:
    """Return the family of a device; all of them as long as it has not been reached."""
    return (keeper.model.family,) if keeper.model else families()


def _all_names(keeper: Keeper) -> set[str]:
    return {*DERIVED_UNITS, *(name for family in _families(keeper) for name in load(family).points)}
