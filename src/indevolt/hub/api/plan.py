"""The plan: slot by slot what the batteries are to do and why, what that is worth, pins of the owner, and days that are over.

``GET /api/v1/plan`` tells the plan that holds; with ``?reserve=40&dry=1`` the one that would hold with another reserve, and nothing
is changed by that. ``POST /api/v1/plan/pin`` ``{"slot": START, "mode": "charge"}`` pins a slot, ``"mode": null`` lets it go again.
``POST /api/v1/plan/target`` ``{"soc_pct": 80, "by": TIME}`` wants a charge by a time, ``DELETE`` does not any more.
"""

from __future__ import annotations

from datetime import UTC, date, timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from indevolt.control.plan.problem import Pin
from indevolt.control.situation import Action, Target
from indevolt.errors import InvalidInput
from indevolt.hub.api.asked import End, HubOf, Start, span_of
from indevolt.hub.api.auth import READERS, Controller
from indevolt.hub.api.plan_bodies import (
    FARTHEST,
    EnergyPlanBody,
    ForecastBody,
    ForecastSlotBody,
    PinAsked,
    PlanDayBody,
    TargetAsked,
    compared_body,
    plan_told,
    watts,
)
from indevolt.hub.api.problems import Declined, problems
from indevolt.hub.api.replies import JSON, NOT_MODIFIED, reply
from indevolt.hub.hub import Hub
from indevolt.hub.journal import Kind
from indevolt.hub.planner.days import compared
from indevolt.hub.planner.service import make
from indevolt.hub.planner.units import soc_of
from indevolt.hub.prices.records import QUARTER, quarter_of

LONGEST_FORECAST: Final = timedelta(days=20)

router = APIRouter(prefix="/api/v1", tags=["plan"], dependencies=READERS)


@router.get("/plan", response_model=EnergyPlanBody, responses={**NOT_MODIFIED, **problems(422, 503)})
async def get_plan(
    request: Request,
    hub: HubOf,
    *,
    reserve: Annotated[float | None, Query(ge=0, le=100, description="With this reserve in %, for a what-if; needs dry.")] = None,
    dry: Annotated[bool, Query(description="Make a plan only to show it; what holds stays.")] = False,
) -> Response:
    """Tell the plan that holds, or with `dry` the one that would."""
    if reserve is not None and not dry:
        raise InvalidInput("reserve is a what-if", remedy="Add dry=1; the reserve that holds is reserve_pct of [control].")
    if not dry:
        planner = hub.planner
        body = plan_told(hub, planner.plan, planner.because, planner.reason, planner.notes, soc_pct=planner.soc_pct)
        return reply(request, body)
    return reply(request, await _what_if(hub, reserve))


@router.post("/plan/pin", response_model=EnergyPlanBody, status_code=202, responses=problems(403, 409, 422))
async def pin_slot(hub: HubOf, caller: Controller, asked: PinAsked) -> Response:
    """Want something of a slot, whatever it costs, or nothing any more; the plan is made anew at once."""
    now, zone = hub.clock.now(), hub.config.site.zone
    start = quarter_of(asked.slot.astimezone(UTC))
    end = asked.end or start + QUARTER
    if not timedelta() < end - start <= FARTHEST or end <= now or end > now + FARTHEST:
        facts = f"slot {asked.slot.isoformat()} to {end.isoformat()} is over, empty, or beyond {FARTHEST.days} days"
        raise InvalidInput(facts, remedy="Slots of the plan are quarters of an hour.")
    if asked.mode is Action.DISCHARGE:
        hub.backup.refuse_at(hub, start)
    pin = None if asked.mode is None else Pin(asked.mode, asked.power_w)
    hub.planner.pin(start, end, pin)
    wanted = "let go" if asked.mode is None else f"pinned to {asked.mode}{f' with {asked.power_w:g} W' if asked.power_w else ''}"
    until = end.astimezone(zone)
    day = "" if until.date() == start.astimezone(zone).date() else f"{until:%Y-%m-%d} "
    text = f"plan from {start.astimezone(zone):%Y-%m-%d %H:%M} to {day}{until:%H:%M %Z} {wanted}"
    await hub.journal.note(Kind.HUB, text, actor=caller.actor)
    return _accepted(hub)


@router.post("/plan/target", response_model=EnergyPlanBody, status_code=202, responses=problems(403, 422))
async def want_target(hub: HubOf, caller: Controller, asked: TargetAsked) -> Response:
    """Want a charge by a time, in place of one that was asked for before; the plan is made anew at once."""
    now, ceiling_pct = hub.clock.now(), hub.config.control.ceiling_pct
    by = asked.by.astimezone(UTC)
    if not now < by <= now + FARTHEST:
        raise InvalidInput(f"by: {by.isoformat()} is over, or beyond {FARTHEST.days} days", remedy="Give a time that is to come.")
    if asked.soc_pct > ceiling_pct:
        facts = f"soc_pct: {asked.soc_pct:g} is above {ceiling_pct:g}, which is ceiling_pct of [control]"
        raise InvalidInput(facts, remedy="Ask for less, or raise that.")
    hub.planner.want(Target(asked.soc_pct, by))
    local = by.astimezone(hub.config.site.zone)
    await hub.journal.note(Kind.HUB, f"{asked.soc_pct:g} % wanted by {local:%Y-%m-%d %H:%M}", actor=caller.actor)
    return _accepted(hub)


@router.delete("/plan/target", response_model=EnergyPlanBody, status_code=202, responses=problems(403))
async def drop_target(hub: HubOf, caller: Controller) -> Response:
    """Want no charge by a time any more, but for those of the configuration."""
    if hub.planner.target is not None:
        hub.planner.want(None)
        await hub.journal.note(Kind.HUB, "no charge is wanted by a time any more", actor=caller.actor)
    return _accepted(hub)


@router.get("/plan/days/{day}", response_model=PlanDayBody, responses={**NOT_MODIFIED, **problems(422, 503)})
async def get_plan_day(
    request: Request, hub: HubOf, day: Annotated[date | Literal["today", "yesterday"], Path(description="Like 2026-06-21.")]
) -> Response:
    """Tell what was planned for a day, and what came."""
    today = hub.clock.now().astimezone(hub.config.site.zone).date()
    which = today if day == "today" else today - timedelta(days=1) if day == "yesterday" else day
    rows = await compared(hub, which)
    known = [row for row in rows if row.actual_cost is not None]
    body = PlanDayBody(
        day=which,
        currency=hub.config.site.currency,
        planned_cost=round(sum(row.planned_cost for row in known), 4) if known else None,
        actual_cost=round(sum(row.actual_cost or 0.0 for row in known), 4) if known else None,
        slots=[compared_body(row) for row in rows],
    )
    return reply(request, body)


@router.get("/forecast", response_model=ForecastBody, responses={**NOT_MODIFIED, **problems(422)})
async def get_forecast(request: Request, hub: HubOf, *, start: Start = None, end: End = None) -> Response:
    """Tell what is foreseen of sun and load, by default from now on for 36 hours."""
    forecast, plan = hub.forecast, hub.planner.plan
    now = quarter_of(hub.clock.now())
    span = span_of(start or now, end or (start or now) + timedelta(hours=36), now, timedelta(days=1))
    if span.end - span.start > LONGEST_FORECAST:
        raise InvalidInput(f"more than {LONGEST_FORECAST.days} days", remedy="Ask for less.")
    slots: list[ForecastSlotBody] = []
    at = quarter_of(span.start)
    while at < span.end:
        planned = plan.slot_at(at) if plan else None
        slots.append(
            ForecastSlotBody(
                start=at,
                pv_w=watts(forecast.pv_w(at)),
                foreseen_w=watts(forecast.foreseen_w(at)),
                clear_w=watts(forecast.clear_w(at)),
                load_w=watts(planned.load_w.p50) if planned else None,
            )
        )
        at += QUARTER
    body = ForecastBody(
        source=forecast.source,
        asked_at=forecast.asked_at,
        reason="" if forecast.source else "nobody foresees the sun; see [forecast]",
        trouble=str(forecast.trouble or ""),
        factors={hour: round(factor, 3) for hour, factor in forecast.factors.items()},
        slots=slots,
    )
    return reply(request, body)


def _accepted(hub: Hub) -> Response:
    """Return the plan that still holds; the one that was asked for is being made."""
    planner = hub.planner
    body = plan_told(hub, planner.plan, planner.because, planner.reason, planner.notes, soc_pct=planner.soc_pct)
    return Response(body.model_dump_json(), 202, media_type=JSON)


async def _what_if(hub: Hub, reserve_pct: float | None) -> EnergyPlanBody:
    """Return the plan that would hold.

    Raises:
        Declined: none can be made.
    """
    try:
        from indevolt.hub.planner.problem import NotKnown  # noqa: PLC0415 - numpy may be missing
    except ImportError as error:
        raise Declined(
            503, "planning needs two libraries more", kind="no-planner", remedy='pip install "indevolt[control]"'
        ) from error
    try:
        made = await make(hub, hub.clock.now(), reserve_pct=reserve_pct)
    except NotKnown as error:
        raise Declined(503, f"no plan can be made: {error}", kind="no-plan", transient=True) from error
    soc_pct = soc_of(hub.keepers.values())
    return plan_told(hub, made.plan, "asked for", "", made.notes, soc_pct=soc_pct, dry=True, reserve_pct=reserve_pct)
