"""Settings and commands: read, planned, and carried out with an outcome.

2xx means that something was sent: 200 when the device itself shows it, 202 when it took it and does not show it yet. A refusal of
the device is 409, and 504 when nobody knows what became of it; both carry the outcome. After any other problem nothing was changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Final, Literal, TypeAlias

from fastapi import APIRouter, Header, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from indevolt.battery import Charge, Command, Discharge, Hold, Outcome, Schedule, SelfUse, Stage, Value
from indevolt.catalogue import Write
from indevolt.device import Device
from indevolt.device.device import Plan
from indevolt.errors import IndevoltError, InvalidInput
from indevolt.hub.api.asked import HubOf, KeeperOf
from indevolt.hub.api.auth import READERS, Caller, Controller
from indevolt.hub.api.desk import Desk, Work
from indevolt.hub.api.devices import bounds_of, kind_of, limits_body, not_reached
from indevolt.hub.api.models import LastWriteBody, OutcomeBody, PlanBody, SettingBody, SettingList, Step
from indevolt.hub.api.problems import Declared, Declined, problems
from indevolt.hub.api.replies import JSON, NOT_MODIFIED, reply
from indevolt.hub.hub import Hub
from indevolt.hub.keeper import Keeper
from indevolt.hub.writes import WriteLog, Written

MOST_NUMBER: Final = 1e9  # far above any setting, far below where floats lose whole numbers

Number: TypeAlias = Annotated[int, Field(ge=-1_000_000_000, le=1_000_000_000)]
Decimal: TypeAlias = Annotated[float, Field(ge=-MOST_NUMBER, le=MOST_NUMBER, allow_inf_nan=False)]
Word: TypeAlias = Annotated[str, Field(min_length=1, max_length=64)]
Setting: TypeAlias = bool | Number | Decimal | Word
DryRun: TypeAlias = Annotated[bool, Query(description="Only tell what would be sent.")]
Key: TypeAlias = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="Any text of yours. The same request with the same key within a day gives the same answer and sends nothing.",
    ),
]
SettingName: TypeAlias = Annotated[str, Path(pattern=r"^[a-z0-9_]{1,64}$", description="Name of a quantity.")]
CARRIED: Final[Declared] = {
    200: {"description": "The device itself shows it; or, with `dry_run`, what would be sent"},
    202: {"description": "Sent and taken, but the device does not show it (yet)", "model": OutcomeBody},
    **problems(404, 409, 502, 503, 504),
}

_LEFT_ALONE: Final[Mapping[str, Command]] = {"hold": Hold(), "self-use": SelfUse(), "schedule": Schedule()}

router = APIRouter(prefix="/api/v1/devices/{device}", tags=["control"], dependencies=READERS)


class Asked(BaseModel):
    """What a command may say beside its numbers."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(max_length=200)] = Field(default="", description="Why, for the journal.")


class NewSetting(Asked):
    """A value for a setting."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"value": 20, "reason": "storm warning"}]})

    value: Setting | Annotated[list[Setting], Field(min_length=1, max_length=16)] = Field(
        description="A number in its unit, a word, a switch, a time like 22:30; or a list, for points that follow each other."
    )


class ChargeOrder(Asked):
    """Charge until the target."""

    power_w: Annotated[int, Field(ge=0, le=100_000)] = Field(description="Watts, positive.")
    soc_pct: Annotated[int, Field(ge=0, le=100)] = Field(default=100, description="Stop there.")


class DischargeOrder(Asked):
    """Discharge until the target."""

    power_w: Annotated[int, Field(ge=0, le=100_000)] = Field(description="Watts, positive.")
    soc_pct: Annotated[int, Field(ge=0, le=100)] = Field(default=5, description="Stop there.")


# ---- settings --------------------------------------------------------------------------------------------------------------------


@router.get("/settings", response_model=SettingList, responses={**NOT_MODIFIED, **problems(404, 503)})
async def list_settings(request: Request, hub: HubOf, keeper: KeeperOf) -> Response:
    """List what can be read and written, with the present values, the last write of each, and how many there were."""
    if keeper.model is None:
        raise not_reached(keeper)
    written = await _written(request, hub, keeper)
    settings = [_setting(keeper, name, written.get(name)) for name in keeper.settings()]
    same = repr([(each.name, each.value, each.at, each.quality, each.writes_today, each.last_write) for each in settings]).encode()
    return reply(request, SettingList(device=keeper.id, control=keeper.config.control, settings=settings), same=same)


@router.get("/settings/{name}", response_model=SettingBody, responses={**NOT_MODIFIED, **problems(404, 503)})
async def get_setting(request: Request, hub: HubOf, keeper: KeeperOf, name: SettingName) -> Response:
    """Tell what a setting is."""
    _check_setting(keeper, name)
    body = _setting(keeper, name, (await _written(request, hub, keeper)).get(name))
    return reply(request, body, same=repr((body.value, body.at, body.quality, body.writes_today, body.last_write)).encode())


@router.put("/settings/{name}", response_model=OutcomeBody | PlanBody, responses=CARRIED)
async def write_setting(
    request: Request,
    keeper: KeeperOf,
    caller: Controller,
    *,
    name: SettingName,
    body: NewSetting,
    dry_run: DryRun = False,
    key: Key = None,
) -> Response:
    """Write a setting, and tell what became of it; takes up to half a minute."""
    _check_setting(keeper, name)
    values: list[Value] = list(body.value) if isinstance(body.value, list) else [body.value]

    async def work() -> Response:
        if dry_run:
            return planned(PlanBody(steps=[_step(_device(keeper).plan_write(name, *values), sent=True)]))
        return ended(await keeper.write(name, *values, actor=caller.actor, reason=body.reason))

    return await carry(request, caller, keeper, work, key)


# ---- commands --------------------------------------------------------------------------------------------------------------------


@router.post("/commands/charge", response_model=OutcomeBody | PlanBody, responses=CARRIED)
async def charge(
    request: Request, keeper: KeeperOf, caller: Controller, *, body: ChargeOrder, dry_run: DryRun = False, key: Key = None
) -> Response:
    """Charge with so many watts up to a state of charge. More than the unit can do now is lowered, and a note says so."""
    return await _command(request, keeper, caller, Charge(body.power_w, body.soc_pct), body, dry_run=dry_run, key=key)


@router.post("/commands/discharge", response_model=OutcomeBody | PlanBody, responses=CARRIED)
async def discharge(
    request: Request, keeper: KeeperOf, caller: Controller, *, body: DischargeOrder, dry_run: DryRun = False, key: Key = None
) -> Response:
    """Discharge with so many watts down to a state of charge. More than the unit can do now is lowered, and a note says so."""
    return await _command(request, keeper, caller, Discharge(body.power_w, body.soc_pct), body, dry_run=dry_run, key=key)


@router.post("/commands/{command}", response_model=OutcomeBody | PlanBody, responses=CARRIED)
async def let_be(
    request: Request,
    keeper: KeeperOf,
    caller: Controller,
    *,
    command: Annotated[Literal["hold", "self-use", "schedule"], Path()],
    body: Asked | None = None,
    dry_run: DryRun = False,
    key: Key = None,
) -> Response:
    """Hold: neither charge nor discharge. Self-use: follow the meter. Schedule: follow what was saved in the app."""
    return await _command(request, keeper, caller, _LEFT_ALONE[command], body or Asked(), dry_run=dry_run, key=key)


async def _command(
    request: Request, keeper: Keeper, caller: Caller, command: Command, asked: Asked, *, dry_run: bool, key: str | None
) -> Response:
    async def work() -> Response:
        if not dry_run:
            return ended(await keeper.command(command, actor=caller.actor, reason=asked.reason))
        steering = keeper.steering
        return planned(plan_body(await (steering.preview(command) if steering else _device(keeper).plan_command(command))))

    return await carry(request, caller, keeper, work, key)


async def carry(request: Request, caller: Caller, keeper: Keeper, work: Work, key: str | None) -> Response:
    """Have a write carried out, once for its key."""
    desk: Desk = request.app.state.desk
    asked = (request.method.encode(), str(request.url.path).encode(), request.url.query.encode(), await request.body())
    return await desk.carry(caller, keeper.id, work, key=key, asked=asked)


# ---- bodies ----------------------------------------------------------------------------------------------------------------------


def outcome_body(outcome: Outcome) -> OutcomeBody:
    """Return an outcome as a body."""
    return OutcomeBody(
        stage=outcome.stage,
        proven=outcome.proven,
        wanted=dict(outcome.wanted),
        before=dict(outcome.before),
        shown=dict(outcome.shown),
        took_s=round(outcome.took_s, 3),
        notes=list(outcome.notes),
    )


def ended(outcome: Outcome, told: BaseModel | None = None) -> Response:
    """Return the answer to a write that ended so; ``told`` instead of the outcome alone, where it was taken."""
    body = outcome_body(outcome)
    facts = "; ".join(outcome.notes) or "no more is known"
    match outcome.stage:
        case Stage.REFUSED:
            remedy = "Check the value against the points of the device, and that it is in a mode that allows it."
            return Declined(409, f"the device refused: {facts}", kind="refused", remedy=remedy, outcome=body).response()
        case Stage.INTERRUPTED:
            remedy = "Read the setting again when the device is back, before you write anew."
            return Declined(504, f"nobody knows: {facts}", kind="interrupted", remedy=remedy, outcome=body).response()
        case Stage.ACCEPTED:
            return Response((told or body).model_dump_json(), 202, media_type=JSON)
    return Response((told or body).model_dump_json(), 200, media_type=JSON)


def plan_body(plan: Plan) -> PlanBody:
    """Return what a command would send as a body."""
    steps = [_step(step, sent=not plan.needs_no(step)) for step in plan.steps]
    return PlanBody(steps=steps, notes=list(plan.notes), limits=limits_body(plan.limits))


def planned(plan: PlanBody) -> Response:
    """Return the answer to a dry run."""
    return Response(plan.model_dump_json(), 200, media_type=JSON)


def _step(write: Write, *, sent: bool) -> Step:
    return Step(point=write.point, values=list(write.values), wanted=dict(write.wanted), sent=sent)


def _device(keeper: Keeper) -> Device:
    if keeper.device is None:
        raise not_reached(keeper)
    return keeper.device


def _check_setting(keeper: Keeper, name: str) -> None:
    """Refuse what is no setting.

    Raises:
        Declined: 404.
    """
    if keeper.model is None:
        raise not_reached(keeper)
    try:
        point = keeper.model.point(name)
    except InvalidInput as error:
        raise Declined(404, str(error), kind="no-such-setting", remedy=error.remedy) from None
    if name not in keeper.model.points or not point.writes:
        remedy = f"`/api/v1/devices/{keeper.id}/settings` lists what can be written."
        raise Declined(404, f"{name} is no setting", kind="no-such-setting", remedy=remedy)


async def _written(request: Request, hub: Hub, keeper: Keeper) -> Mapping[str, Written]:
    """Return the writes of each setting; none while the journal cannot be read."""
    log: WriteLog = request.app.state.writes
    with suppress(IndevoltError):  # the store says so itself
        return await log.of(keeper.id, hub.clock.now())
    return {}


def _setting(keeper: Keeper, name: str, written: Written | None) -> SettingBody:
    assert keeper.model is not None  # noqa: S101 - checked before
    point = keeper.model.points[name]
    sample = keeper.latest.sample(name)
    kind, words = kind_of(point.writes[0].codec)
    low, high = bounds_of(point)
    age_s = keeper.latest.age_s(name)
    return SettingBody(
        name=name,
        group=point.group,
        about=point.about,
        value=sample.value if sample else None,
        unit=point.unit,
        at=sample.at if sample else None,
        age_s=None if age_s is None else round(age_s, 3),
        quality=sample.quality if sample else None,
        kind=kind,
        words=words,
        range=point.range_text(),
        low=low,
        high=high,
        note=point.note,
        last_write=_last_write(written) if written else None,
        writes_today=written.today if written else 0,
        writes_ever=written.ever if written else 0,
    )


def _last_write(written: Written) -> LastWriteBody:
    return LastWriteBody(at=written.at, actor=written.actor, stage=written.stage, reason=written.reason, entry=written.number)
