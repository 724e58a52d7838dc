"""The plan as the API tells it: its shapes, and how they are made of what the hub knows. Routes are ``plan``'s."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from indevolt.control.plan.planned import Balance, Band, Plan, PlannedSlot
from indevolt.control.situation import Action
from indevolt.hub.hub import Hub
from indevolt.hub.planner.days import Compared
from indevolt.hub.planner.planner import TOO_OLD
from indevolt.hub.planner.targets import targets_of

COMMANDED: Final = "the unit is commanded now; it is written once that is over"
FARTHEST: Final = timedelta(days=4)  # that a slot may be pinned ahead, and a target wanted


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
    power_w: float = Field(description="Of charge, at least, and of discharge; 0: as much as there is.")
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


class LoadCurveBody(BaseModel):
    """The plan in the load curve of one device, whose owner wants it there."""

    device: str
    laid_at: datetime | None = Field(description="When it was written last; null: it is not there now.")
    watts: list[int] | None = Field(description="By half hour of the device's clock, from 00:00 on.")
    reason: str = Field(description="Why nothing is to be there now; else empty.")


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
    load_curves: list[LoadCurveBody] = Field(description="Of devices with plan_in_load_curve = true.")
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
        default=0.0, description="Of charge, at least, and of discharge; 0: as much as there is."
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


def plan_told(
    hub: Hub,
    plan: Plan | None,
    because: str,
    reason: str,
    notes: tuple[str, ...],
    *,
    soc_pct: float | None,
    dry: bool = False,
    reserve_pct: float | None = None,
) -> EnergyPlanBody:
    """Return a plan, or why there is none; one that only shows what would be may have another reserve."""
    now = hub.clock.now()
    return EnergyPlanBody(
        name=plan.name if plan else "",
        at=plan.at.astimezone(UTC) if plan else None,
        because=because if plan else "",
        reason=reason,
        dry=dry,
        automatic=hub.config.control.automatic and hub.planner.slot_at in hub.plans,
        stale=plan is not None and now - plan.at >= TOO_OLD,
        simulated=hub.prices.simulated or any(keeper.simulated for keeper in hub.keepers.values()),
        currency=plan.currency if plan else hub.config.site.currency,
        time_zone=hub.config.site.time_zone,
        reserve_pct=hub.config.control.reserve_pct if reserve_pct is None else reserve_pct,
        soc_pct=None if soc_pct is None else round(soc_pct, 1),
        notes=[*notes, *(plan.notes if plan else ())],
        battery=_battery(hub, reserve_pct),
        gate=_gate(hub),
        targets=[TargetBody(soc_pct=each.soc_pct, by=each.by) for each in targets_of(hub, now, now + FARTHEST)],
        load_curves=load_curves(hub),
        totals=_totals(plan) if plan else None,
        stored_value=[StoredValueBody(soc_pct=each.soc_pct, per_kwh=round(each.per_kwh, 4)) for each in plan.stored_value]
        if plan
        else [],
        slots=_slots(plan) if plan else [],
    )


@lru_cache(maxsize=2)  # of a plan every page asks again each minute; none changes after it was made
def _slots(plan: Plan) -> list[PlanSlotBody]:
    return [_slot(slot) for slot in plan.slots]


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


def _battery(hub: Hub, reserve_pct: float | None) -> BatteryBody | None:
    try:
        from indevolt.hub.planner.problem import NotKnown, battery_of, control_with  # noqa: PLC0415 - needs the extra control
    except ImportError:
        return None
    try:
        known = battery_of(hub.keepers.values(), control_with(hub, reserve_pct), wear_per_kwh=hub.config.plan.wear_per_kwh)
    except NotKnown:
        return None
    return BatteryBody(
        capacity_wh=known.capacity_wh,
        charge_w=known.charge_w,
        discharge_w=known.discharge_w,
        floor_pct=known.floor_pct,
        ceiling_pct=known.ceiling_pct,
    )


def load_curves(hub: Hub) -> list[LoadCurveBody]:
    """Return what lies in the load curves of devices whose owners want the plan there."""
    units = [keeper.steering for keeper in hub.keepers.values() if keeper.steering is not None and keeper.steering.curve.asked]
    return [
        LoadCurveBody(
            device=unit.keeper.id,
            laid_at=unit.curve.laid_at,
            watts=None if unit.curve.laid is None else list(unit.curve.laid),
            reason=unit.curve.reason or (COMMANDED if unit.commands and unit.curve.laid is None else ""),
        )
        for unit in units
    ]


def _gate(hub: Hub) -> GateBody:
    usual = hub.config.plan.gate
    tuned = hub.planner.tuned if hub.planner.tuned is not None and hub.planner.tuned.usual == usual else None
    untuned = (
        "no night has tried gates with this configuration yet"
        if hub.config.plan.tune
        else "the owner's; it is not tuned ([plan] tune)"
    )
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


def compared_body(row: Compared) -> ComparedBody:
    """Return a quarter of a past day."""
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


def watts(value: float | None) -> float | None:
    """Return a power as it is told."""
    return None if value is None else round(value, 1)
