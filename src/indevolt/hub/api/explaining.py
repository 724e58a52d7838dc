"""Why a battery does what it does now, and what it would take to do otherwise: the decision in sentences."""

from __future__ import annotations

from datetime import tzinfo
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from indevolt.control import explain
from indevolt.control.decision import Decision
from indevolt.hub.api.asked import HubOf, KeeperOf
from indevolt.hub.api.auth import READERS
from indevolt.hub.api.posing import in_a_sentence
from indevolt.hub.api.problems import problems
from indevolt.hub.api.replies import NOT_MODIFIED, reply
from indevolt.hub.api.steering import ReasonBody, SteeringBody, steering_body
from indevolt.hub.keeper import Keeper

router = APIRouter(prefix="/api/v1", tags=["steering"], dependencies=READERS)


class ObstacleBody(BaseModel):
    """What stands in the way of another power."""

    by: str
    text: str
    otherwise: str = Field(description="What would have to be different; empty: nothing that anybody could change.")


class ExplanationBody(BaseModel):
    """Why it does what it does, and what it would take to do otherwise."""

    steering: SteeringBody
    why: list[str] = Field(description="Sentences, the most important first.")
    said: list[ReasonBody] = Field(description="Everything that was said, and what became of it.")
    applied: bool = Field(description="false: strategies are heard and not followed, as automatic = false or a pause.")
    power_w: float | None = Field(description="The other power that was asked about, positive when discharging.")
    obstacles: list[ObstacleBody] = Field(description="What keeps it from that power; empty: nothing.")


@router.get("/devices/{device}/steering/explanation", response_model=ExplanationBody, responses={**NOT_MODIFIED, **problems(404)})
async def explain_steering(
    request: Request,
    hub: HubOf,
    keeper: KeeperOf,
    *,
    power_w: Annotated[float | None, Query(ge=-100_000, le=100_000, description="Another power; positive discharges.")] = None,
) -> Response:
    """Tell why a battery does what it does now, and what it would take to give or take another power."""
    steering = steering_body(keeper)
    decision = keeper.steering.decision if keeper.steering else None
    applied = steering.command is not None or _is_left(keeper)
    found = () if decision is None or power_w is None else explain.obstacles(decision, power_w)
    body = ExplanationBody(
        steering=steering,
        why=[*_first(keeper, steering, hub.config.site.zone), *(explain.why(decision) if decision is not None and applied else ())],
        said=_said(decision),
        applied=applied,
        power_w=power_w,
        obstacles=[ObstacleBody(by=each.strategy, text=each.reason, otherwise=each.otherwise) for each in found],
    )
    return reply(request, body, same=body.model_dump_json(exclude={"steering"}).encode())


def _said(decision: Decision | None) -> list[ReasonBody]:
    reasons = decision.reasons if decision is not None else ()
    return [ReasonBody(by=each.rank, text=each.text, weight=each.weight, otherwise=each.otherwise) for each in reasons]


def _is_left(keeper: Keeper) -> bool:
    """Return whether strategies leave the device to its own loop, as that does what they want."""
    return keeper.steering is not None and keeper.steering.left is not None


def _first(keeper: Keeper, steering: SteeringBody, zone: tzinfo) -> list[str]:
    """Return what outranks every strategy: that nobody may write, somebody else does, or something is wrong."""
    found = [f"{steering.why}."]
    if steering.foreign is not None:
        until = steering.foreign.until.astimezone(zone)
        found.append(f"Somebody else wrote ({steering.foreign.what}); that is left alone until {until:%H:%M %Z}.")
    if steering.posed is not None:
        found.append(in_a_sentence(steering.posed))
    if steering.trouble is not None:
        found.append(f"{steering.trouble.detail}. {steering.trouble.remedy}")
    if steering.backup is not None:
        by, until = steering.backup.by, steering.backup.until.astimezone(zone)
        found.append(f"{by} asked for a backup hold until {until:%Y-%m-%d %H:%M %Z}; nothing is given before its end.")
    if steering.paused_until is not None:
        found.append(f"What decides by itself pauses until {steering.paused_until.astimezone(zone):%H:%M %Z}.")
    if keeper.config.control and steering.command is None and steering.paused_until is None and not _is_left(keeper):
        found.append("Strategies may not decide here (automatic = false in [control]), or want what the device does by itself.")
    return found
