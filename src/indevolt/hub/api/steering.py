"""Steering: who decides what a battery does, orders of people with an end, and a pause for everything that decides by itself.

``GET /api/v1/devices/{device}/steering`` tells how a unit is steered now::

    {"device": "cellar", "control": true,
     "owner": "user",              // device, user, fleet, plan, self_use, safety, foreign: who decides now
     "mode": "realtime",           // what the device shows; null: unknown
     "tier": "realtime",           // native: its own loop and meter; posed: the hub poses as its meter; realtime: written orders;
                                   // null: none of these (its own schedule, say, or unknown)
     "posed": {"transports": ["http"], "places": ["http 0.0.0.0:80"], "follows": true, "over": "http", "shown_w": 120.5, "why": ""}
              or null,             // the meter that the hub poses as for it
     "command": {"command": "charge", "power_w": 800, "soc_pct": 80},   // as asked for; null: nothing is commanded
     "sent": {"command": "charge", "power_w": 800, "soc_pct": 61},      // as the device has it: within limits, with the fence
     "since": "...", "until": "...",                                   // until null: until something changes
     "why": "charge with 800 W up to 80 %, as laptop asked, until 14:30",
     "together": [],          // of several units that are decided for as one battery: all of them, as "why" is of them all
     "reasons": [{"by": "user", "text": "...", "weight": "chosen", "otherwise": "..."}],
     "override": {"id": "7c9e...", "command": {...}, "at": "...", "until": "...", "by": "api laptop", "reason": "",
                  "step": "effective", "outcome": {...} or null} or null,
     "lease": {"ours": true, "actor": "hub", "pid": 1, "host": "pi", "since": "...", "until": "..."} or null,
     "budgets": [{"name": "realtime", "used": 3, "most": 400, "left": 397, "window_s": 3600, "free_in_s": 0}, ...],
                              // also "direction_changes": between orders to charge and to discharge; more than "most" is told
     "paused_until": null, "backup": {"until": "...", "charge_pct": 90, "at": "...", "by": "api anna", "reason": "a storm"} or null,
     "foreign": {"what": "mode is schedule", "since": "...", "until": "..."} or null,
     "given_up": {"what": "ordered +700 W, ...", "since": "...", "until": "..."} or null,   // it does not do what it is told
     "trouble": {"detail": "...", "remedy": "..."} or null,
     "outcome": {...} or null}     // of what was sent last

``POST /api/v1/devices/{device}/overrides`` takes ``{"command": "charge" | "discharge" | "hold" | "self_use", "power_w": 800,
"soc_pct": 80, "minutes": 90 or "until": "...", "reason": ""}``. ``power_w`` belongs to charge and discharge and is needed there,
``soc_pct`` is where they are done (100, 5). An override ends at its end, 24 h at most, or when the charge is reached; then what was
before comes back. With ``?dry_run=true`` the answer is what would be written (a ``PlanBody``). Else it is
``{"override": {...}, "outcome": {...}}``: 200 when the device shows it, 202 while it does not yet, or waits for its turn (then
``outcome`` is null and ``trouble`` of the steering says why); problems as for commands. ``Idempotency-Key`` as there.

``DELETE /api/v1/devices/{device}/overrides/current`` ends it now and answers with the steering; ``?undo=true`` gives back the
override that it replaced, if that has not ended. ``POST /api/v1/steering/pause`` ``{"minutes": 60}`` stops everything that decides
by itself, for all units, and ``POST /api/v1/steering/resume`` lets it go on; both answer ``{"paused_until": ... or null}``.
Overrides of people and safety go on while it is paused.

Progress comes as events of ``/api/v1/events`` of the kind ``steering``::

    {"device": "cellar", "override": "7c9e..." or "", "at": "...", "owner": "user", "text": "...", "outcome": {...} or null,
     "step": "asked" | "accepted" | "confirmed" | "effective" | "failed" | "ended" | "restored" | "changed"}

``changed`` says that the steering should be asked for again.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.requests import Request
from starlette.responses import Response

from indevolt.battery import Charge, Command, Discharge, Hold, SelfUse
from indevolt.errors import ReadOnly, Unreachable
from indevolt.hub.api.asked import HubOf, KeeperOf, Moment
from indevolt.hub.api.auth import READERS, Controller
from indevolt.hub.api.backup import BackupBody, backup_body
from indevolt.hub.api.control import CARRIED, DryRun, Key, carry, ended, outcome_body, plan_body, planned
from indevolt.hub.api.models import OutcomeBody, PlanBody, TroubleBody
from indevolt.hub.api.posing import PosedBody, posed_body
from indevolt.hub.api.problems import problems
from indevolt.hub.api.replies import JSON, NOT_MODIFIED, reply
from indevolt.hub.keeper import Keeper
from indevolt.hub.steer.records import Override, Owner, Step, Told, arguments_of, word_of
from indevolt.hub.steer.unit import UnitSteering

router = APIRouter(prefix="/api/v1", tags=["steering"], dependencies=READERS)


# ---- bodies ----------------------------------------------------------------------------------------------------------------------


class CommandBody(BaseModel):
    """A command."""

    command: Literal["charge", "discharge", "hold", "self_use", "schedule"]
    power_w: int | None = Field(default=None, description="Watts, positive; of charge and discharge.")
    soc_pct: int | None = Field(default=None, description="Where charge and discharge are done.")


class ReasonBody(BaseModel):
    """Something that was said about what to do, and what became of it."""

    by: str = Field(description="Who said it.")
    text: str
    weight: str = Field(description="chosen, outranked, binding, slack, overruled.")
    otherwise: str = Field(description="What would have to be different for this not to hold.")


class OverrideBody(BaseModel):
    """What a person asked for. It always ends."""

    id: str
    command: CommandBody
    at: datetime
    until: datetime
    by: str
    reason: str
    step: Step
    outcome: OutcomeBody | None = Field(description="Of its first carrying out; null before, and after a restart of the hub.")


class LeaseBody(BaseModel):
    """Who may write to the device now."""

    ours: bool
    actor: str
    pid: int
    host: str
    since: datetime
    until: datetime | None


class BudgetBody(BaseModel):
    """How often something was written, and how often it may be."""

    name: str = Field(description="realtime, the name of a setting, or direction_changes, which are counted and never kept from.")
    used: int
    most: int
    left: int = Field(description="Without those that are kept back for putting back what was before.")
    window_s: float
    free_in_s: float = Field(description="Until one more may be written.")


class ForeignBody(BaseModel):
    """Somebody else wrote; it is left alone until then."""

    what: str
    since: datetime
    until: datetime


class GivenUpBody(BaseModel):
    """The unit does not do what it is told, so it is left to its own loop until then."""

    what: str
    since: datetime
    until: datetime


class SteeringBody(BaseModel):
    """Who decides what a battery does now, and why."""

    device: str
    control: bool
    owner: Owner
    mode: str | None
    tier: Literal["native", "posed", "realtime"] | None
    posed: PosedBody | None = Field(description="The meter that the hub poses as for it; null: none.")
    command: CommandBody | None = Field(description="As asked for.")
    sent: CommandBody | None = Field(description="As the device has it: within its limits, with a near target.")
    since: datetime
    until: datetime | None
    why: str
    together: list[str] = Field(
        default_factory=list,
        description="The units for which ``why`` was decided as for one battery, so that it need be said once.",
    )
    reasons: list[ReasonBody]
    override: OverrideBody | None
    lease: LeaseBody | None
    budgets: list[BudgetBody]
    paused_until: datetime | None
    backup: BackupBody | None = Field(description="What is kept for an outage, in all units; see `/api/v1/steering/backup`.")
    foreign: ForeignBody | None
    given_up: GivenUpBody | None = Field(default=None, description="It does not do what it is told; null: it does.")
    trouble: TroubleBody | None
    outcome: OutcomeBody | None = Field(description="Of what was sent last.")


class NewOverride(BaseModel):
    """What a person wants the battery to do for a while."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"command": "charge", "power_w": 800, "soc_pct": 80, "minutes": 90}]}
    )

    command: Literal["charge", "discharge", "hold", "self_use"]
    power_w: Annotated[int, Field(ge=0, le=100_000)] | None = Field(default=None, description="Watts, positive.")
    soc_pct: Annotated[int, Field(ge=0, le=100)] | None = Field(default=None, description="Done there.")
    minutes: Annotated[int, Field(ge=1, le=1440)] | None = Field(default=None, description="How long at most.")
    until: Moment | None = Field(default=None, description="Or until when: within 24 h.")
    reason: Annotated[str, Field(max_length=200)] = Field(default="", description="Why, for the journal.")

    @model_validator(mode="after")
    def _fits(self) -> NewOverride:
        moves = self.command in ("charge", "discharge")
        if moves and self.power_w is None:
            raise ValueError(f"{self.command} needs power_w")
        if not moves and (self.power_w, self.soc_pct) != (None, None):
            raise ValueError(f"{self.command} takes neither power_w nor soc_pct")
        if (self.minutes is None) == (self.until is None):
            raise ValueError("give either minutes or until; every override ends")
        return self

    def order(self) -> Command:
        """Return what it asks for."""
        match self.command:
            case "charge":
                return Charge(self.power_w or 0, 100 if self.soc_pct is None else self.soc_pct)
            case "discharge":
                return Discharge(self.power_w or 0, 5 if self.soc_pct is None else self.soc_pct)
            case "hold":
                return Hold()
            case "self_use":
                return SelfUse()


class OverrideResult(BaseModel):
    """An override, and what became of its first carrying out."""

    override: OverrideBody
    outcome: OutcomeBody | None = Field(description="null: it waits for its turn; the steering says for what.")


class Pause(BaseModel):
    """How long nothing decides by itself."""

    model_config = ConfigDict(extra="forbid")

    minutes: Annotated[int, Field(ge=1, le=1440)] = Field(description="How long.")


class Paused(BaseModel):
    """Until when nothing decides by itself; null: it does."""

    paused_until: datetime | None


# ---- routes ----------------------------------------------------------------------------------------------------------------------


@router.get("/devices/{device}/steering", response_model=SteeringBody, responses={**NOT_MODIFIED, **problems(404)})
async def get_steering(request: Request, keeper: KeeperOf) -> Response:
    """Tell who decides what a battery does now, and why."""
    return reply(request, steering_body(keeper))


@router.post("/devices/{device}/overrides", response_model=OverrideResult | PlanBody, responses=CARRIED)
async def override(
    request: Request,
    hub: HubOf,
    keeper: KeeperOf,
    caller: Controller,
    *,
    body: NewOverride,
    dry_run: DryRun = False,
    key: Key = None,
) -> Response:
    """Have the battery do something for a while; then what was before comes back. Takes up to half a minute."""

    async def work() -> Response:
        unit = _unit(keeper)
        if dry_run:
            return planned(plan_body(await unit.preview(body.order())))
        until = body.until or hub.clock.now() + timedelta(minutes=body.minutes or 0)
        made, outcome = await unit.ask(body.order(), until, actor=caller.actor, reason=body.reason)
        if outcome is None:
            return Response(OverrideResult(override=override_body(made), outcome=None).model_dump_json(), 202, media_type=JSON)
        return ended(outcome, OverrideResult(override=override_body(made), outcome=outcome_body(outcome)))

    return await carry(request, caller, keeper, work, key)


@router.delete("/devices/{device}/overrides/current", response_model=SteeringBody, responses=problems(404, 409, 503))
async def release(
    keeper: KeeperOf,
    caller: Controller,
    *,
    undo: Annotated[bool, Query(description="Give back the override that it replaced.")] = False,
) -> Response:
    """End the override now; what was before comes back."""
    await _unit(keeper).release(actor=caller.actor, undo=undo)
    return Response(steering_body(keeper).model_dump_json(), 200, media_type=JSON)


@router.post("/steering/pause", response_model=Paused)
async def pause(hub: HubOf, caller: Controller, *, body: Pause) -> Response:
    """Stop everything that decides by itself, for all units. Overrides of people and safety go on."""
    until = hub.clock.now() + timedelta(minutes=body.minutes)
    await hub.pause.set(hub, until, actor=caller.actor)
    return Response(Paused(paused_until=until).model_dump_json(), 200, media_type=JSON)


@router.post("/steering/resume", response_model=Paused)
async def resume(hub: HubOf, caller: Controller) -> Response:
    """Let everything decide by itself again."""
    await hub.pause.set(hub, None, actor=caller.actor)
    return Response(Paused(paused_until=None).model_dump_json(), 200, media_type=JSON)


def _unit(keeper: Keeper) -> UnitSteering:
    """Return what steers a unit.

    Raises:
        ReadOnly: the owner did not allow it.
        Unreachable: not now.
    """
    if not keeper.config.control:
        raise ReadOnly(f"{keeper.id} is read-only here")
    if keeper.steering is None:
        raise Unreachable(
            f"{keeper.id} is not steered now", remedy="The service `steering` of the hub has failed; its log says why."
        )
    return keeper.steering


# ---- filling bodies --------------------------------------------------------------------------------------------------------------


def steering_body(keeper: Keeper) -> SteeringBody:
    """Return how a unit is steered now."""
    unit = keeper.steering
    mode = keeper.latest.value("mode")
    wish = unit.wish if unit else None
    trouble = unit.trouble if unit else None
    made = unit.override if unit else None
    return SteeringBody(
        device=keeper.id,
        control=keeper.config.control,
        owner=unit.owner if unit else Owner.DEVICE,
        mode=str(mode) if mode is not None else None,
        tier=_tier(keeper),
        posed=posed_body(keeper),
        command=_command(wish.command) if wish else None,
        sent=_command(unit.lease.sent) if unit and unit.lease and unit.lease.sent else None,
        since=unit.since if unit else keeper.link_since,
        until=wish.until.astimezone(UTC) if wish and wish.until else None,
        why=wish.why if wish else unit.left.why if unit and unit.left else _left_alone(keeper),
        together=_together(unit),
        reasons=[ReasonBody(by=each.by, text=each.text, weight=each.weight, otherwise=each.otherwise) for each in _reasons(unit)],
        override=override_body(made) if made else None,
        lease=_lease(unit) if unit else None,
        budgets=[
            BudgetBody(
                name=each.name,
                used=each.used,
                most=each.allowance.most,
                left=each.left,
                window_s=each.allowance.window_s,
                free_in_s=round(each.free_in_s, 1),
            )
            for each in (unit.budgets() if unit else ())
        ],
        paused_until=unit.paused_until if unit else None,
        backup=backup_body(unit.backup) if unit and unit.backup else None,
        foreign=_foreign(unit) if unit else None,
        given_up=_given_up(unit) if unit else None,
        trouble=TroubleBody(detail=str(trouble), remedy=trouble.remedy) if trouble else None,
        outcome=outcome_body(unit.outcome) if unit and unit.outcome else None,
    )


def override_body(made: Override) -> OverrideBody:
    """Return an override as a body."""
    return OverrideBody(
        id=made.id,
        command=_command(made.command),
        at=made.at,
        until=made.until.astimezone(UTC),
        by=made.by,
        reason=made.reason,
        step=made.step,
        outcome=outcome_body(made.outcome) if made.outcome else None,
    )


def _command(command: Command) -> CommandBody:
    return CommandBody.model_validate({"command": word_of(command), **arguments_of(command)})


def _reasons(unit: UnitSteering | None) -> tuple[Told, ...]:
    wish, left = (unit.wish, unit.left) if unit else (None, None)
    if wish is None:
        return left.reasons if left else ()
    return wish.reasons or (Told(wish.owner.value, wish.why),)


def _together(unit: UnitSteering | None) -> list[str]:
    if unit is None or unit.decision is None or unit.override is not None or (unit.wish or unit.left) is None:
        return []
    return [order.unit for order in unit.decision.orders]


def _left_alone(keeper: Keeper) -> str:
    if not keeper.config.control:
        return "this hub only reads it: control = false"
    mode = keeper.latest.value("mode")
    return "nothing is commanded" + (f"; the device decides, in mode {mode}" if mode is not None else "")


def _tier(keeper: Keeper) -> Literal["native", "posed", "realtime"] | None:
    mode = keeper.latest.value("mode")
    if mode == "self_use" and keeper.posing is not None and keeper.posing.follows:
        return "posed"
    if mode == "self_use" and keeper.latest.value("meter_connected") is True:
        return "native"
    return "realtime" if mode == "realtime" else None


def _lease(unit: UnitSteering) -> LeaseBody | None:
    record = unit.record()
    if record.holder is None:
        return None
    who = record.holder
    return LeaseBody(ours=unit.lease is not None, actor=who.actor, pid=who.pid, host=who.host, since=who.since, until=record.until)


def _foreign(unit: UnitSteering) -> ForeignBody | None:
    yielded = unit.lease.yielded if unit.lease else None
    return None if yielded is None else ForeignBody(what=str(yielded), since=yielded.at, until=yielded.until)


def _given_up(unit: UnitSteering) -> GivenUpBody | None:
    found = unit.proofs.given_up
    return None if found is None else GivenUpBody(what=found.what, since=found.since, until=found.until.astimezone(UTC))
