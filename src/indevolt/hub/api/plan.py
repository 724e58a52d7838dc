"""The plan: slot by slot what the batteries are to do and why, what that is worth, pins of the owner, and days that are over.

``GET /api/v1/plan`` tells the plan that holds; with ``?reserve=40&dry=1`` the one that would hold with another reserve, and nothing
is changed by that. ``POST /api/v1/plan/pin`` ``{"slot": START, "mode": "charge"}`` pins a slot, ``"mode": null`` lets it go again.
``POST /api/v1/plan/target`` ``{"soc_pct": 80, "by": TIME}`` wants a charge by a time, ``DELETE`` does not any more.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from indevolt.control.plan.planned import Balance, Band, Plan, PlannedSlot
from indevolt.control.plan.problem import Pin
from indevolt.control.situation import Action, Target
from indevolt.errors import InvalidInput
from indevolt.hub.api.asked import End, HubOf, Start, span_of
from indevolt.hub.api.auth import READERS, Controller
from indevolt.hub.api.problems import Declined, problems
from indevolt.hub.api.replies import JSON, NOT_MODIFIED, reply
from indevolt.hub.hub import Hub
from indevolt.hub.journal import Kind
from indevolt.hub.planner.days import Compared, compared
from indevolt.hub.planner.planner import TOO_OLD
from indevolt.hub.planner.targets import targets_of
from indevolt.hub.prices.records import QUARTER, quarter_of

FARTHEST: Final = timedelta(days=4)  # that a slot may be pinned ahead
LONGEST_FORECAST: Final = timedelta(days=20)

router = APIRouter(prefix="/api/v1", tags=["plan"], dependencies=READERS)


class BandBody(BaseModel):
    """Where something is expected: below p10 in one of ten cases, above p90 in one of ten."""

    p10: float
    p50: float
    p90: float


class PlanSlotBody(BaseModel):
    """A slot of the plan. Powers are expected means in W; money is in the currency of the plan."""

    start: datetime
    end: datetime
    mode: Action = Field(description="self_use; hold: store the surplus, give nothing; charge, discharge: with power_w; stop.")
    power_w: float = Field(description="Of charge and discharge; 0: as much as there is.")
    reason: str
    pinned: bool
    import_price: float
    export_price: float
    known: bool = Field(description="Whether the prices are known; else they are guessed.")
    load_w: BandBody
    pv_w: BandBody
    soc_pct: BandBody = Field(description="At its end.")
    battery_w: float = Field(description="Positive: out of the battery.")
    grid_w: float = Field(description="Positive: from the grid.")
    cost: float = Field(description="Of its energy, with wear and standby.")
    gain: float = Field(description="Over plain self-use in this slot.")
    stored_value: float = Field(description="What one more kWh in the battery is worth then.")


class BalanceBody(BaseModel):
    """What the horizon is expected to cost. Compare totals: what is left in the battery at the end counts."""

    energy: float = Field(description="Import less export.")
    wear: float
    stored: float = Field(description="Value of what is in the battery at the end, less that at the start.")
    total: float


class StoredValueBody(BaseModel):
    """What one more kWh is worth at a state of charge, after the losses and wear of giving it back."""

    soc_pct: float
    per_kwh: float


class TotalsBody(BaseModel):
    """The plan against doing without it."""

    planned: BalanceBody
    self_use: BalanceBody = Field(description="The same battery in plain self-use.")
    no_battery: BalanceBody = Field(description="Doing nothing.")
    gain_over_self_use: float
    saving: float = Field(description="Against having no battery.")


class TriedBody(BaseModel):
    """A gate that was tried on past days."""

    gate: float = Field(description="1: plain self-use, which no plan is worth leaving.")
    cost_per_day: float = Field(description="What it would have cost, wear and what is left in the battery counted.")


class GateBody(BaseModel):
    """What a plan has to gain before plain self-use is left for it, per kWh, and how that was found."""

    per_kwh: float = Field(description="The one that holds.")
    configured: float
    tuned_at: datetime | None = Field(description="When gates were tried on the site's own past days; null: not yet.")
    days: float = Field(description="On so many days.")
    tried: list[TriedBody] = Field(description="Empty where there was too little history.")
    reason: str = Field(description="Why it holds.")


class TargetBody(BaseModel):
    """A charge that is wanted by a time."""

    soc_pct: float
    by: datetime


class TargetAsked(BaseModel):
    """A charge that the owner wants by a time, once."""

    model_config = ConfigDict(extra="forbid")

    soc_pct: Annotated[float, Field(ge=5, le=100, allow_inf_nan=False)]
    by: AwareDatetime = Field(description="Within the next four days.")


class BatteryBody(BaseModel):
    """All batteries as one, as plans reckon with them."""

    capacity_wh: float
    charge_w: float
    discharge_w: float
    floor_pct: float
    ceiling_pct: float


class EnergyPlanBody(BaseModel):
    """The plan, or why there is none."""

    name: str = Field(description="What journal and reasons call it; empty without one.")
    at: datetime | None
    because: str = Field(description="Why it was made when it was.")
    reason: str = Field(description="Why there is none, or none anew; empty while all is well.")
    dry: bool = Field(description="Whether it only shows what would be.")
    automatic: bool = Field(description="Whether it is carried out; else it is only shown ([control] automatic).")
    stale: bool = Field(description="Whether it is too old to be carried out.")
    simulated: bool = Field(description="Whether prices or batteries are simulated.")
    currency: str
    time_zone: str
    reserve_pct: float
    soc_pct: float | None = Field(description="Where it begins.")
    notes: list[str]
    battery: BatteryBody | None = Field(description="null while no battery is known well enough to plan with.")
    gate: GateBody
    targets: list[TargetBody] = Field(description="Charges that the owner wants by a time, the next one first.")
    totals: TotalsBody | None
    stored_value: list[StoredValueBody]
    slots: list[PlanSlotBody]


class PinAsked(BaseModel):
    """What is wanted of a slot."""

    model_config = ConfigDict(extra="forbid")

    slot: AwareDatetime = Field(description="Its start.")
    end: AwareDatetime | None = Field(default=None, description="For several slots: the end of the last one.")
    mode: Action | None = Field(description="null: whatever the plan finds best.")
    power_w: Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)] = Field(
        default=0.0, description="Of charge and discharge; 0: as much as there is."
    )


class ComparedBody(BaseModel):
    """A quarter of an hour of a past day. Powers are means in W; null: nobody knows."""

    start: datetime
    end: datetime
    mode: str
    reason: str
    planned: dict[str, float]
    actual: dict[str, float | None]
    import_price: float
    export_price: float
    planned_cost: float = Field(description="Of energy alone.")
    actual_cost: float | None


class PlanDayBody(BaseModel):
    """What was planned for a day, each slot as the plan had it when it began, and what came."""

    day: date
    currency: str
    planned_cost: float | None = Field(description="Of the slots whose actual cost is known.")
    actual_cost: float | None
    slots: list[ComparedBody]


class ForecastSlotBody(BaseModel):
    """A quarter of an hour; means in W, null where nobody knows."""

    start: datetime
    pv_w: float | None = Field(description="Foreseen, and put right by what the plant gave before.")
    foreseen_w: float | None = Field(description="As the source foresees or foresaw it.")
    clear_w: float | None = Field(description="With a clear sky.")
    load_w: float | None = Field(description="As the plan expects it; null beyond the plan.")


class ForecastBody(BaseModel):
    """What is foreseen of sun and load."""

    source: str = Field(description="Who foresees the sun; empty without [forecast].")
    asked_at: datetime | None
    reason: str
    trouble: str
    factors: dict[int, float] = Field(description="By hour of the day (UTC): what the plant gave for what had been foreseen.")
    slots: list[ForecastSlotBody]


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
        body = _body(hub, planner.plan, planner.because, planner.reason, planner.notes, soc_pct=planner.soc_pct)
        return reply(request, body)
    return reply(request, await _what_if(hub, reserve))


@router.post("/plan/pin", response_model=EnergyPlanBody, status_code=202, responses=problems(403, 422))
async def pin_slot(hub: HubOf, caller: Controller, asked: PinAsked) -> Response:
    """Want something of a slot, whatever it costs, or nothing any more; the plan is made anew at once."""
    now = hub.clock.now()
    start, end = quarter_of(asked.slot.astimezone(UTC)), asked.end or asked.slot + QUARTER
    if not timedelta() < end - start <= FARTHEST or end <= now or end > now + FARTHEST:
        facts = f"slot {asked.slot.isoformat()} to {end.isoformat()} is over, empty, or beyond {FARTHEST.days} days"
        raise InvalidInput(facts, remedy="Slots of the plan are quarters of an hour.")
    pin = None if asked.mode is None else Pin(asked.mode, asked.power_w)
    hub.planner.pin(start, end, pin)
    wanted = "let go" if asked.mode is None else f"pinned to {asked.mode}{f' with {asked.power_w:g} W' if asked.power_w else ''}"
    text = f"plan from {start.isoformat()} to {end.isoformat()} {wanted}"
    await hub.journal.note(Kind.HUB, text, actor=f"api {caller.name}".strip())
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
    await hub.journal.note(Kind.HUB, f"{asked.soc_pct:g} % wanted by {local:%Y-%m-%d %H:%M}", actor=f"api {caller.name}".strip())
    return _accepted(hub)


@router.delete("/plan/target", response_model=EnergyPlanBody, status_code=202, responses=problems(403))
async def drop_target(hub: HubOf, caller: Controller) -> Response:
    """Want no charge by a time any more, but for those of the configuration."""
    if hub.planner.target is not None:
        hub.planner.want(None)
        await hub.journal.note(Kind.HUB, "no charge is wanted by a time any more", actor=f"api {caller.name}".strip())
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
        slots=[_compared(row) for row in rows],
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
                pv_w=_watts(forecast.pv_w(at)),
                foreseen_w=_watts(forecast.foreseen_w(at)),
                clear_w=_watts(forecast.clear_w(at)),
                load_w=_watts(planned.load_w.p50) if planned else None,
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
    body = _body(hub, planner.plan, planner.because, planner.reason, planner.notes, soc_pct=planner.soc_pct)
    return Response(body.model_dump_json(), 202, media_type=JSON)


async def _what_if(hub: Hub, reserve_pct: float | None) -> EnergyPlanBody:
    """Return the plan that would hold.

    Raises:
        Declined: none can be made.
    """
    from indevolt.hub.planner.service import make, soc_of  # noqa: PLC0415 - needs the extra control

    try:
        from indevolt.hub.planner.problem import NotKnown  # noqa: PLC0415 - as above
    except ImportError as error:
        raise Declined(503, hub.planner.reason, kind="no-planner", remedy='pip install "indevolt[control]"') from error
    try:
        plan, notes = await make(hub, hub.clock.now(), reserve_pct=reserve_pct)
    except NotKnown as error:
        raise Declined(503, f"no plan can be made: {error}", kind="no-plan", transient=True) from error
    body = _body(hub, plan, "asked for", "", notes, soc_pct=soc_of(hub))
    changes = {"dry": True} | ({} if reserve_pct is None else {"reserve_pct": reserve_pct})
    return body.model_copy(update=changes)


def _body(
    hub: Hub, plan: Plan | None, because: str, reason: str, notes: tuple[str, ...], *, soc_pct: float | None
) -> EnergyPlanBody:
    now = hub.clock.now()
    return EnergyPlanBody(
        name=plan.name if plan else "",
        at=plan.at.astimezone(UTC) if plan else None,
        because=because if plan else "",
        reason=reason,
        dry=False,
        automatic=hub.config.control.automatic and hub.planner.slot_at in hub.plans,
        stale=plan is not None and now - plan.at >= TOO_OLD,
        simulated=hub.prices.simulated or any(keeper.simulated for keeper in hub.keepers.values()),
        currency=plan.currency if plan else hub.config.site.currency,
        time_zone=hub.config.site.time_zone,
        reserve_pct=hub.config.control.reserve_pct,
        soc_pct=None if soc_pct is None else round(soc_pct, 1),
        notes=[*notes, *(plan.notes if plan else ())],
        battery=_battery(hub),
        gate=_gate(hub),
        targets=[TargetBody(soc_pct=each.soc_pct, by=each.by) for each in targets_of(hub, now, now + FARTHEST)],
        totals=_totals(plan) if plan else None,
        stored_value=[StoredValueBody(soc_pct=each.soc_pct, per_kwh=round(each.per_kwh, 4)) for each in plan.stored_value]
        if plan
        else [],
        slots=[_slot(slot) for slot in plan.slots] if plan else [],
    )


def _slot(slot: PlannedSlot) -> PlanSlotBody:
    return PlanSlotBody(
        start=slot.start,
        end=slot.end,
        mode=slot.action,
        power_w=round(slot.power_w),
        reason=slot.reason,
        pinned=slot.pinned,
        import_price=slot.import_per_kwh,
        export_price=slot.export_per_kwh,
        known=slot.published,
        load_w=_band(slot.load_w, 0),
        pv_w=_band(slot.pv_w, 0),
        soc_pct=_band(slot.soc_pct, 1),
        battery_w=round(slot.battery_w),
        grid_w=round(slot.grid_w),
        cost=round(slot.cost, 5),
        gain=round(slot.gain, 5),
        stored_value=round(slot.stored_value_per_kwh, 4),
    )


def _battery(hub: Hub) -> BatteryBody | None:
    try:
        from indevolt.hub.planner.problem import NotKnown, battery_of  # noqa: PLC0415 - needs the extra control
    except ImportError:
        return None
    try:
        known = battery_of(hub.keepers.values(), hub.config.control, wear_per_kwh=hub.config.plan.wear_per_kwh)
    except NotKnown:
        return None
    return BatteryBody(
        capacity_wh=known.capacity_wh,
        charge_w=known.charge_w,
        discharge_w=known.discharge_w,
        floor_pct=known.floor_pct,
        ceiling_pct=known.ceiling_pct,
    )


def _gate(hub: Hub) -> GateBody:
    tuned, usual = hub.planner.tuned, hub.config.plan.gate
    untuned = "no night has tried gates yet" if hub.config.plan.tune else "the owner's; it is not tuned ([plan] tune)"
    return GateBody(
        per_kwh=hub.planner.gate(usual),
        configured=usual,
        tuned_at=tuned.at if tuned else None,
        days=tuned.days if tuned else 0.0,
        tried=[TriedBody(gate=each, cost_per_day=round(cost, 4)) for each, cost in tuned.cost_per_day.items()] if tuned else [],
        reason=tuned.reason if tuned else untuned,
    )


def _totals(plan: Plan) -> TotalsBody:
    return TotalsBody(
        planned=_balance(plan.planned),
        self_use=_balance(plan.self_use),
        no_battery=_balance(plan.no_battery),
        gain_over_self_use=round(plan.gain_over_self_use, 4),
        saving=round(plan.saving, 4),
    )


def _balance(balance: Balance) -> BalanceBody:
    return BalanceBody(
        energy=round(balance.energy, 4), wear=round(balance.wear, 4), stored=round(balance.stored, 4), total=round(balance.total, 4)
    )


def _band(band: Band, digits: int) -> BandBody:
    return BandBody(p10=round(band.p10, digits), p50=round(band.p50, digits), p90=round(band.p90, digits))


def _compared(row: Compared) -> ComparedBody:
    return ComparedBody(
        start=row.start,
        end=row.end,
        mode=row.action,
        reason=row.reason,
        planned=dict(row.planned),
        actual={name: None if value is None else round(value, 1) for name, value in row.actual.items()},
        import_price=row.import_price,
        export_price=row.export_price,
        planned_cost=round(row.planned_cost, 5),
        actual_cost=None if row.actual_cost is None else round(row.actual_cost, 5),
    )


def _watts(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
