"""The house as a whole: its totals now, their history, its energies and where they went, and what they cost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Annotated, Final, Literal, cast
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from indevolt.errors import InvalidInput
from indevolt.hub.api.asked import HubOf, Span, names_in
from indevolt.hub.api.auth import READERS
from indevolt.hub.api.history import FORMS, HistoryOf, PeriodsOf
from indevolt.hub.api.models import HistoryBody, SampleBody
from indevolt.hub.api.replies import NOT_MODIFIED, reply
from indevolt.hub.api.site_models import (
    BranchBody,
    MeterBody,
    MoneyBody,
    SiteBody,
    SiteEnergiesBody,
    SiteMoneyBody,
    SitePeriodBody,
    SitePointBody,
    SitePointList,
    TotalBody,
    UnitShareBody,
)
from indevolt.hub.hub import Hub
from indevolt.hub.site.book import Picture
from indevolt.hub.site.money import STEP_S, TAKEN_FOR_GRANTED, USED, Money, spent
from indevolt.hub.site.quantities import COUNTERS, ENERGIES, FLOWS, LEVELS, POWERS, SITE, SITE_ABOUT, SITE_UNITS, Flow
from indevolt.hub.site.service import look
from indevolt.hub.site.totals import Candidate, Known, Part, Total
from indevolt.store import Aggregate, Period, boundaries

LONGEST_MONEY: Final = timedelta(days=400)  # a year and a month of quarters of an hour
_SHARES: Final = ("battery_power", "ac_power", "solar_power", "battery_soc", "stored_energy", "capacity")
_GROUPS: Final[tuple[tuple[Literal["power", "level", "energy", "flow"], Iterable[str]], ...]] = (
    ("power", POWERS),
    ("level", LEVELS),
    ("energy", ENERGIES),
    ("flow", FLOWS),
)
_LINKS: Final = {name: f"site/{name}" for name in ("points", "history", "energies", "money")} | {"events": "events?kind=site"}

router = APIRouter(prefix="/api/v1/site", tags=["site"], dependencies=READERS)


@router.get("", response_model=SiteBody, responses=NOT_MODIFIED)
async def get_site(request: Request, hub: HubOf) -> Response:
    """Tell the totals of the house now, which meter they are made of, and what each unit contributes."""
    body = site_body(hub, look(hub))
    return reply(request, body, same=content_of(body))


@router.get("/points", response_model=SitePointList, responses=NOT_MODIFIED)
async def list_site_points(request: Request) -> Response:
    """List what each quantity of the site means."""
    points = [
        SitePointBody(name=name, group=group, about=SITE_ABOUT[name], unit=SITE_UNITS[name])
        for group, names in _GROUPS
        for name in names
    ]
    return reply(request, SitePointList(points=points))


@router.get("/history", response_model=HistoryBody, responses={**FORMS, **NOT_MODIFIED})
async def get_site_history(request: Request, hub: HubOf, asked: Annotated[HistoryOf, Depends()]) -> Response:
    """Tell what the totals were, by default in the last 24 hours. Gaps are null."""
    names = names_in(asked.names)
    for name in names:
        if name not in SITE_UNITS:
            near = get_close_matches(name, SITE_UNITS, n=3, cutoff=0.6)
            remedy = f"Did you mean {' or '.join(near)}?" if near else "`/api/v1/site/points` lists them."
            raise InvalidInput(f"names: the site has no quantity {name!r:.60}", remedy=remedy)
    return await asked.answer(request, hub, SITE, {name: SITE_UNITS[name] for name in names})


@router.get("/energies", response_model=SiteEnergiesBody, responses=NOT_MODIFIED)
async def get_site_energies(request: Request, hub: HubOf, periods: Annotated[PeriodsOf, Depends()]) -> Response:
    """Tell the energies of each hour, day, week, month or year, and where they went."""
    span, zone = periods.settle(hub)
    energies = await energies_of(hub, span, periods.period, zone)
    return reply(request, SiteEnergiesBody(period=periods.period, zone=zone.key, energies=energies))


@router.get("/money", response_model=SiteMoneyBody, responses=NOT_MODIFIED)
async def get_site_money(request: Request, hub: HubOf, periods: Annotated[PeriodsOf, Depends()]) -> Response:
    """Tell what the energy of each period cost and brought, and what it would have cost without battery and sun."""
    span, zone = periods.settle(hub)
    if span.end - span.start > LONGEST_MONEY:
        raise InvalidInput(
            f"start: {span.length_s / 86_400:.0f} days before end", remedy=f"Money is told of {LONGEST_MONEY.days} days at most."
        )
    return reply(request, await money_of(hub, span, periods.period, zone))


# ---- now -------------------------------------------------------------------------------------------------------------------------


def site_body(hub: Hub, picture: Picture) -> SiteBody:
    """Return the house at an instant as a body."""
    chosen = picture.meter.name if picture.meter else None
    meters = [_meter(each, chosen=each.name == chosen) for each in picture.candidates]
    return SiteBody(
        name=hub.config.site.name,
        at=picture.at,
        simulated=picture.simulated,
        values={name: _total(total) for name, total in picture.totals.items()},
        meter=next((each for each in meters if each.chosen), None),
        meters=meters,
        branches=[
            BranchBody(name=each.meter, role=each.role, simulated=each.simulated, power=_sample(each.power, "W"))
            for each in picture.branches
        ],
        units=[_unit(hub, part) for part in picture.parts],
        notes=list(picture.notes),
        links=_LINKS,
    )


def content_of(body: SiteBody) -> bytes:
    """Return what names the content of the house: all but ages and the time of asking."""
    values = [(name, each.value, each.at, each.quality, each.missing) for name, each in body.values.items()]
    units = [(unit.name, unit.link, [(each.value, each.quality) for each in unit.values.values()]) for unit in body.units]
    meters = [(each.name, each.chosen, each.power and (each.power.value, each.power.quality)) for each in body.meters]
    branches = [(each.name, each.power and (each.power.value, each.power.quality)) for each in body.branches]
    return repr((values, units, meters, branches, body.notes)).encode()


def _total(total: Total) -> TotalBody:
    return TotalBody(
        value=total.value,
        unit=total.unit,
        at=total.at,
        age_s=None if total.age_s is None else round(total.age_s, 3),
        quality=total.quality,
        missing=list(total.missing),
    )


def _meter(candidate: Candidate, *, chosen: bool) -> MeterBody:
    return MeterBody(
        name=candidate.name, kind="unit" if candidate.is_unit else "meter", chosen=chosen, power=_sample(candidate.power, "W")
    )


def _sample(known: Known, unit: str) -> SampleBody | None:
    if known.at is None:
        return None
    return SampleBody(value=known.value, unit=unit, at=known.at, age_s=round(known.age_s or 0.0, 3), quality=known.quality)


def _unit(hub: Hub, part: Part) -> UnitShareBody:
    keeper = hub.keepers[part.unit]
    shares = {name: _sample(_share(part, name), SITE_UNITS[name]) for name in _SHARES}
    return UnitShareBody(
        name=part.unit,
        title=keeper.title,
        simulated=part.simulated,
        link=keeper.link,
        cluster=part.role,
        values={name: each for name, each in shares.items() if each is not None},
    )


def _share(part: Part, name: str) -> Known:
    return part.stored_energy if name == "stored_energy" else part[name]


# ---- periods ---------------------------------------------------------------------------------------------------------------------


async def energies_of(hub: Hub, span: Span, period: Period, zone: ZoneInfo) -> list[SitePeriodBody]:
    """Return the energies of the site per period."""
    found = await hub.store.energies(SITE, COUNTERS, span.start, span.end, period=period, zone=zone)
    return [_period(start, values) for start, values in found]


def _period(start: datetime, grown: Mapping[str, float | None]) -> SitePeriodBody:
    flows = {flow: grown.get(name) for flow, name in zip(Flow, FLOWS, strict=True)}
    sources = [grown.get(name) for name in ("energy_solar", "energy_discharge", "energy_grid_import")]
    known = [each for each in (*sources, *flows.values()) if each is not None]
    whole = len(known) == len(sources) + len(flows)
    return SitePeriodBody(
        start=start,
        values={name: grown.get(name) for name in ENERGIES},
        flows=flows,
        unallocated=sum(known[: len(sources)]) - sum(known[len(sources) :]) if whole else None,
        self_sufficiency=_share_pct(grown.get("energy_house"), grown.get("energy_grid_import")),
        self_consumption=_share_pct(grown.get("energy_solar"), grown.get("energy_grid_export")),
    )


def _share_pct(whole: float | None, lost: float | None) -> float | None:
    if whole is None or lost is None or whole <= 0:
        return None
    return round(min(100.0, max(0.0, (1 - lost / whole) * 100)), 1)


async def money_of(hub: Hub, span: Span, period: Period, zone: ZoneInfo) -> SiteMoneyBody:
    """Return what energy cost per period."""
    starts = boundaries(span.start, span.end, period, zone)
    reason = "" if hub.tariffs else "no tariff is configured"
    money = [Money() for _ in starts[:-1]]
    if hub.tariffs:
        first, end = starts[0].astimezone(UTC), min(starts[-1].astimezone(UTC), hub.clock.now())
        series = await hub.store.series(SITE, USED, first - timedelta(seconds=STEP_S), end, step_s=STEP_S, aggregate=Aggregate.LAST)
        columns = cast("Mapping[str, Sequence[float | None]]", series.columns)
        # A year is 35,000 quarters: too much to hold everybody else up for.
        money = await asyncio.to_thread(spent, series.times, columns, starts, hub.price_at)
        if any(each.import_cost is None for each in money):
            reason = "of some periods, energies or prices are not known"
    return SiteMoneyBody(
        period=period,
        zone=zone.key,
        currency=hub.config.site.currency,
        reason=reason,
        notes=list(TAKEN_FOR_GRANTED),
        periods=[_money(start, each) for start, each in zip(starts, money, strict=False)],
    )


def _money(start: datetime, money: Money) -> MoneyBody:
    def rounded(amount: float | None) -> float | None:
        return None if amount is None else round(amount, 4)

    known = money.known_s > 0
    return MoneyBody(
        start=start,
        import_cost=rounded(money.import_cost),
        export_revenue=rounded(money.export_revenue),
        cost=rounded(money.cost),
        cost_without_battery=rounded(money.cost_without_battery),
        cost_without_battery_and_sun=rounded(money.cost_without_battery_and_sun),
        saved_by_battery=rounded(money.saved_by_battery),
        saved_by_battery_and_sun=rounded(money.saved_by_battery_and_sun),
        known_s=money.known_s,
        import_wh=round(money.import_wh, 1) if known else None,
        export_wh=round(money.export_wh, 1) if known else None,
    )
