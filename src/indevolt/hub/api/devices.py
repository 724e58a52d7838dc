"""Devices: who they are, how they answer, what they say now, and what each quantity means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Final, Literal

import orjson
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from indevolt.battery import Limit, Limits, Quality, Reading, Sample
from indevolt.catalogue import Model, Point, effective_limits
from indevolt.catalogue.codec import Codec, Number, Switch, TimeOfDay, Words
from indevolt.errors import InvalidInput, Unreachable
from indevolt.hub.api.asked import NAME, HubOf, KeeperOf, Names, known_devices, known_names
from indevolt.hub.api.auth import READERS, too_many
from indevolt.hub.api.models import (
    DeviceBody,
    DeviceDetail,
    DeviceList,
    HealthBody,
    LimitBody,
    LimitsBody,
    PackBody,
    PackList,
    PointBody,
    PointList,
    ReadingBody,
    ReadingList,
    SampleBody,
    TroubleBody,
)
from indevolt.hub.api.problems import problems
from indevolt.hub.api.replies import NOT_MODIFIED, page_link, reply
from indevolt.hub.derive import DERIVED_ABOUT, DERIVED_UNITS
from indevolt.hub.events import Tier
from indevolt.hub.keeper import Keeper
from indevolt.hub.latest import has_value
from indevolt.hub.tiers import names_of, tables_of

MOST_FRESH: Final = 48  # quantities in one request to a device (protocol.md, section 3.1)
MAIN: Final = "main"  # the group of the pack inside the main unit
MOST_WAITING: Final = 16  # askers that may wait for a device; it answers one request a second

router = APIRouter(prefix="/api/v1", tags=["devices"], dependencies=READERS)


@router.get("/devices", response_model=DeviceList, responses=NOT_MODIFIED)
async def list_devices(
    request: Request,
    hub: HubOf,
    after: Annotated[str, Query(pattern=NAME, description="Go on behind this name.")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """List devices by name, a page at a time; `Link` leads to the next one."""
    names = sorted(name for name in hub.keepers if name > after)
    page = names[:limit]
    headers = page_link(request, after=page[-1]) if len(names) > limit else {}
    return reply(request, DeviceList(devices=[describe(hub.keepers[name]) for name in page]), headers=headers)


@router.get("/devices/{device}", response_model=DeviceDetail, responses=NOT_MODIFIED | problems(404))
async def get_device(request: Request, keeper: KeeperOf) -> Response:
    """Tell who a device is, how it answers, and what it can do now."""
    known = describe(keeper)
    body = DeviceDetail(**dict(known), health=_health(keeper), limits=limits_of(keeper))
    return reply(request, body)


@router.get("/readings", response_model=ReadingList, responses=NOT_MODIFIED | problems(404))
async def list_readings(
    request: Request,
    hub: HubOf,
    devices: Annotated[str | None, Query(max_length=4000, description="Names, separated by commas; by default all.")] = None,
    names: Names = None,
) -> Response:
    """Tell what is known of several devices now. Quantities that a device does not have are left out."""
    keepers = known_devices(hub, devices)
    asked = None
    if names is not None and keepers:
        asked = [name.strip() for name in names.split(",")]
    found = [(keeper, keeper.snapshot(asked)) for keeper in keepers]
    body = ReadingList(readings=[_reading(keeper, reading) for keeper, reading in found])
    return reply(request, body, same=_content(found))


@router.get("/devices/{device}/readings", response_model=ReadingBody, responses=NOT_MODIFIED | problems(404, 502, 503))
async def get_readings(
    request: Request,
    keeper: KeeperOf,
    names: Names = None,
    max_age_s: Annotated[
        float | None,
        Query(ge=0, le=86_400, description="Read from the device what is older, up to 48 names; else nothing is asked of it."),
    ] = None,
) -> Response:
    """Tell what is known now, all quantities or some; each with unit, time, age and quality."""
    asked = known_names(keeper, names)
    if max_age_s is not None:
        await _refresh(request.app.state.waiting, keeper, asked, max_age_s)
    reading = keeper.snapshot(asked)
    return reply(request, _reading(keeper, reading), same=_content([(keeper, reading)]))


@router.get("/devices/{device}/points", response_model=PointList, responses=NOT_MODIFIED | problems(404, 503))
async def list_points(request: Request, keeper: KeeperOf) -> Response:
    """List what each quantity of a device means: its catalogue, and what the hub works out."""
    if keeper.model is None:
        raise not_reached(keeper)
    family = keeper.model.family
    tiers = {name: tier for tier, names in names_of(family).items() for name in names}
    kept = {column.name for table in tables_of(family) for column in table.columns}
    points = [_point(point, tiers.get(point.name), history=point.name in kept) for point in keeper.model.points.values()]
    points += [_derived(name, unit) for name, unit in DERIVED_UNITS.items()]
    return reply(request, PointList(device=keeper.id, family=family, points=points))


@router.get("/devices/{device}/packs", response_model=PackList, responses=NOT_MODIFIED | problems(404, 503))
async def list_packs(request: Request, keeper: KeeperOf) -> Response:
    """List the battery packs of a device, with all that each tells: charge, health, temperatures, cells."""
    if keeper.model is None:
        raise not_reached(keeper)
    parts = sorted({part_of(point) for point in keeper.model.points.values()})
    packs = [_pack(keeper, keeper.model, part) for part in parts if part]
    same = repr([(pack.installed, [(each.value, each.quality) for each in pack.values.values()]) for pack in packs]).encode()
    return reply(request, PackList(device=keeper.id, packs=packs), same=same)


# ---- bodies ----------------------------------------------------------------------------------------------------------------------


def describe(keeper: Keeper) -> DeviceBody:
    """Return what is known of who a device is."""
    device = keeper.device
    return DeviceBody(
        name=keeper.id,
        title=keeper.title,
        family=keeper.model.family if keeper.model else "",
        model=device.product.name if device and device.product else "",
        serial=keeper.serial,
        firmware=keeper.firmware,
        address=keeper.config.address,
        origin=keeper.origin,
        simulated=keeper.simulated,
        control=keeper.config.control,
        link=keeper.link,
        link_since=keeper.link_since,
        frozen=keeper.latest.frozen,
        trouble=trouble_of(keeper),
        quarantined=dict(keeper.health.quarantined),
        evidence=list(device.evidence) if device else [],
        warnings=list(device.warnings) if device else [],
    )


def trouble_of(keeper: Keeper) -> TroubleBody | None:
    """Return what is wrong with a device now."""
    return TroubleBody(detail=str(keeper.error), remedy=keeper.error.remedy) if keeper.error else None


def not_reached(keeper: Keeper) -> Unreachable:
    """Return the error for what cannot be said before a device was reached."""
    remedy = keeper.error.remedy if keeper.error else "Wait until it answers; the journal says what is wrong."
    return Unreachable(f"{keeper.id} has not been reached yet", remedy=remedy)


def limits_of(keeper: Keeper) -> LimitsBody | None:
    """Return what a unit can do now, out of what is known; nothing is asked of it."""
    if keeper.device is None:
        return None
    known = keeper.snapshot()
    shown = {name: sample.value for name, sample in known.items() if sample.quality in (Quality.LIVE, Quality.HELD)}
    modules = keeper.config.modules or _modules(keeper, known)
    leader = shown.get("cluster_role") == "master"
    return limits_body(effective_limits(keeper.device.model, keeper.device.product, modules, shown, cluster=leader))


def limits_body(limits: Limits) -> LimitsBody:
    """Return limits as a body."""

    def body(limit: Limit) -> LimitBody:
        return LimitBody(value=limit.value, unit=limit.unit, cause=limit.cause)

    charge, discharge = body(limits.charge), body(limits.discharge)
    return LimitsBody(charge=charge, discharge=discharge, soc_min=body(limits.soc_min), soc_max=body(limits.soc_max))


def _modules(keeper: Keeper, known: Reading) -> int | None:
    """Return how many battery modules there are, main unit included, if the serial numbers of the packs were all read."""
    presence = keeper.model.presence if keeper.model else {}
    told = [known[name].quality for name in presence.values() if name in known]
    if not presence or len(told) < len(presence):
        return None
    return 1 + sum(quality is not Quality.NOT_INSTALLED for quality in told)


def part_of(point: Point) -> str:
    """Return the pack that a quantity belongs to, the main unit's own among them; empty for the unit as a whole."""
    return point.part or (MAIN if point.group == MAIN else "")


def _pack(keeper: Keeper, model: Model, part: str) -> PackBody:
    names = [point.name for point in model.points.values() if part_of(point) == part and point.read is not None]
    known = keeper.latest.samples(names)
    mark = model.presence.get(part)
    sample = known.get(mark or f"{part}_sn")
    installed = True if mark is None else None if sample is None else sample.quality is not Quality.NOT_INSTALLED
    cells_v = [
        float(each.value)
        for name, each in known.items()
        if "cell" in name and each.unit == "V" and isinstance(each.value, int | float) and has_value(each)
    ]
    return PackBody(
        part=part,
        installed=installed,
        serial=str(sample.value) if sample is not None and sample.value is not None else "",
        values={name: sample_body(keeper, each) for name, each in known.items() if each.quality is not Quality.NOT_INSTALLED},
        cell_spread_v=round(max(cells_v) - min(cells_v), 4) if len(cells_v) > 1 else None,
    )


def _health(keeper: Keeper) -> HealthBody:
    health = keeper.health
    return HealthBody(
        requests=health.requests,
        failures=health.failures,
        blips=health.blips,
        writes=health.writes,
        budget_used=round(health.budget_used, 3),
        latency_last_s=health.last_latency_s,
        latency_p50_s=health.latency_s(0.5),
        latency_p99_s=health.latency_s(0.99),
    )


def sample_body(keeper: Keeper, sample: Sample) -> SampleBody:
    """Return one quantity as a body."""
    age_s = keeper.latest.age_s(sample.name)
    return SampleBody(value=sample.value, unit=sample.unit, at=sample.at, age_s=round(age_s or 0.0, 3), quality=sample.quality)


def _reading(keeper: Keeper, reading: Reading) -> ReadingBody:
    return ReadingBody(
        device=keeper.id,
        family=reading.family,
        simulated=keeper.simulated,
        link=keeper.link,
        at=reading.at,
        values={name: sample_body(keeper, sample) for name, sample in reading.items()},
    )


def _content(found: Iterable[tuple[Keeper, Reading]]) -> bytes:
    """Return what names the content of readings: all but ages and the time of asking."""
    return orjson.dumps(
        [
            [keeper.id, keeper.link, [[each.name, each.value, each.at, each.quality] for each in reading.values()]]
            for keeper, reading in found
        ]
    )


async def _refresh(waiting: Counter[str], keeper: Keeper, asked: tuple[str, ...] | None, max_age_s: float) -> None:
    """Have the device asked for what is too old."""
    if asked is None or len(asked) > MOST_FRESH:
        raise InvalidInput("max_age_s: names are missing, or too many", remedy=f"Give 1 to {MOST_FRESH} names along with it.")
    if keeper.model is None:
        raise not_reached(keeper)
    readable = [name for name in asked if name in keeper.model.points and keeper.model.points[name].read is not None]
    if not readable:
        return
    if waiting[keeper.id] >= MOST_WAITING:
        raise too_many(f"{MOST_WAITING} others wait for {keeper.id} already", 5.0)
    waiting[keeper.id] += 1
    try:
        await keeper.fresh(readable, max_age_s)
    finally:
        waiting[keeper.id] -= 1


# ---- what quantities mean --------------------------------------------------------------------------------------------------------

Kind = Literal["number", "word", "switch", "time", "text"]


def kind_of(codec: Codec | None) -> tuple[Kind, list[str]]:
    """Return what sort of quantity a codec makes, and the words that it can be."""
    match codec:
        case Number():
            return "number", []
        case Words(codes=codes):
            return "word", list(codes)
        case Switch():
            return "switch", ["off", "on"]
        case TimeOfDay():
            return "time", []
    return "text", []


def bounds_of(point: Point) -> tuple[float | None, float | None]:
    """Return the least and the most that may be written; None where it is not a number, or not documented."""
    lows = [side.low for side in point.writes if side.low is not None]
    highs = [side.high for side in point.writes if side.high is not None]
    return min(lows, default=None), max(highs, default=None)


def _point(point: Point, tier: Tier | None, *, history: bool) -> PointBody:
    codec = point.writes[0].codec if point.writes else point.read.codec if point.read else None
    kind, words = kind_of(codec)
    low, high = bounds_of(point)
    return PointBody(
        name=point.name,
        group=point.group,
        part=part_of(point),
        about=point.about,
        unit=point.unit,
        kind=kind,
        words=words,
        read=point.read.at if point.read else None,
        writes=[side.at for side in point.writes],
        tier=tier,
        history=history,
        settable=point.settable,
        range=point.range_text(),
        low=low,
        high=high,
        source=point.source,
        note=point.note,
    )


def _derived(name: str, unit: str) -> PointBody:
    return PointBody(
        name=name,
        group="derived",
        part="",
        about=DERIVED_ABOUT[name],
        unit=unit,
        kind="number",
        words=[],
        read=None,
        writes=[],
        tier=Tier.DERIVED,
        history=True,
        settable=False,
        range="",
        low=None,
        high=None,
        source="the hub",
        note="",
    )
