"""Commissioning over REST: have a unit tried, and hear what came of it. It moves the battery for some minutes."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from indevolt.control.commission import Finding, Sign
from indevolt.hub.api.asked import HubOf, KeeperOf
from indevolt.hub.api.auth import READERS, Controller
from indevolt.hub.api.models import TroubleBody
from indevolt.hub.api.problems import problems
from indevolt.hub.api.replies import JSON, NOT_MODIFIED, reply
from indevolt.hub.steer.trials import TrialState

router = APIRouter(prefix="/api/v1/devices/{device}", tags=["steering"], dependencies=READERS)


class NewTrial(BaseModel):
    """What is to be tried."""

    model_config = ConfigDict(extra="forbid")

    silence: bool = Field(default=True, description="Also whether a command goes on while nobody writes: two minutes more.")


class DynamicsBody(BaseModel):
    """How a unit answers."""

    dead_s: float = Field(description="Seconds from a command until the power moves.")
    slew_w_per_s: float
    start_s: float = Field(description="Seconds more, from rest.")
    swap_s: float = Field(description="Seconds more, from one direction to the other.")
    gain: float = Field(description="Watts at the meter for each watt of discharge that is commanded.")
    charge_gain: float = Field(description="And for each watt of charge.")


class FindingBody(BaseModel):
    """What a trial says."""

    sign: Sign = Field(
        description="right: charging shows as import; reversed; unseen: the meter does not see this battery; unknown: too loud."
    )
    evidence: str
    source: str = Field(description="What the rest was seen by: the meter, or the unit itself.")
    fits: float = Field(description="Share of the movement that is explained.")
    dynamics: DynamicsBody | None
    shown_after_s: float | None = Field(description="Seconds until the device shows a command.")
    goes_on: bool | None = Field(description="Whether a command holds while nobody writes; null: not tried.")
    notes: list[str]


class TrialBody(BaseModel):
    """A trial that runs, or the last one since the hub started; all null where there was none."""

    device: str
    running: bool
    at: datetime | None
    actor: str | None
    step: str | None
    finding: FindingBody | None
    trouble: TroubleBody | None


@router.get("/trial", response_model=TrialBody, responses={**NOT_MODIFIED, **problems(404)})
async def show_trial(request: Request, hub: HubOf, keeper: KeeperOf) -> Response:
    """Tell how far a trial is, or what came of the last one."""
    return reply(request, trial_body(keeper.id, hub.trials.states.get(keeper.id)))


@router.post("/trial", response_model=TrialBody, status_code=202, responses=problems(404, 409, 503))
async def begin_trial(hub: HubOf, keeper: KeeperOf, caller: Controller, body: NewTrial) -> Response:
    """Have a unit tried: some minutes of charge, and of discharge once the meter is proven right. What was before comes back."""
    state = hub.trials.ask(hub, keeper.id, actor=caller.actor, silence=body.silence)
    return Response(trial_body(keeper.id, state).model_dump_json(), 202, media_type=JSON)


def trial_body(device: str, state: TrialState | None) -> TrialBody:
    """Return a trial as a body."""
    if state is None:
        return TrialBody(device=device, running=False, at=None, actor=None, step=None, finding=None, trouble=None)
    trouble = state.trouble
    return TrialBody(
        device=device,
        running=state.running,
        at=state.at,
        actor=state.actor,
        step=state.step,
        finding=None if state.finding is None else _finding_body(state.finding),
        trouble=None if trouble is None else TroubleBody(detail=str(trouble), remedy=trouble.remedy),
    )


def _finding_body(finding: Finding) -> FindingBody:
    known = finding.dynamics
    return FindingBody(
        sign=finding.sign,
        evidence=finding.evidence,
        source=finding.source,
        fits=finding.fits,
        dynamics=None
        if known is None
        else DynamicsBody(
            dead_s=known.dead_s,
            slew_w_per_s=known.slew_w_per_s,
            start_s=known.start_s,
            swap_s=known.swap_s,
            gain=known.gain,
            charge_gain=known.charge_gain,
        ),
        shown_after_s=finding.shown_after_s,
        goes_on=finding.goes_on,
        notes=list(finding.notes),
    )
