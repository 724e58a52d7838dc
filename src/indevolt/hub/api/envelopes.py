"""Envelopes over REST: a range of battery power that somebody outside asks for. What they are is ``steer.envelopes``'s."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from indevolt.hub.api.asked import HubOf
from indevolt.hub.api.auth import READERS, Controller
from indevolt.hub.api.problems import problems
from indevolt.hub.api.replies import JSON
from indevolt.hub.steer.envelopes import Signed

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub

router = APIRouter(prefix="/api/v1", tags=["steering"], dependencies=READERS)


class SignedEnvelope(BaseModel):
    """A range of battery power, signed by an issuer of `[[control.issuers]]`."""

    model_config = ConfigDict(extra="forbid")

    issuer: Annotated[str, Field(max_length=40)]
    hub: Annotated[str, Field(max_length=100)] = Field(description="The name of this hub, or `*`.")
    low_w: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] = Field(description="Positive: discharge.")
    high_w: Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
    issued: Annotated[str, Field(max_length=40)] = Field(description="ISO 8601 with an offset; later than that of the one before.")
    until: Annotated[str, Field(max_length=40)] = Field(description="Within 24 h.")
    signature: Annotated[str, Field(max_length=100)] = Field(description="Ed25519, base64; docs/control.md says over what.")


class EnvelopeBody(BaseModel):
    """A range of battery power that is asked for from outside; below safety and people, above the plan."""

    issuer: str
    low_w: float = Field(description="Positive: discharge.")
    high_w: float
    until: datetime


class Enveloped(BaseModel):
    """What is asked for from outside; null: nothing."""

    envelope: EnvelopeBody | None


@router.post("/steering/envelope", response_model=Enveloped, responses=problems(403, 409, 422, 503))
async def take_envelope(hub: HubOf, *, body: SignedEnvelope) -> Response:
    """Take a range of battery power that a trusted issuer asks for until a time. It needs the signature, and no role but read."""
    await hub.envelopes.take(hub, Signed(**body.model_dump()))
    return Response(_enveloped(hub).model_dump_json(), 200, media_type=JSON)


@router.get("/steering/envelope", response_model=Enveloped)
async def get_envelope(hub: HubOf) -> Response:
    """Tell which range is asked for from outside."""
    return Response(_enveloped(hub).model_dump_json(), 200, media_type=JSON)


@router.delete("/steering/envelope", response_model=Enveloped, responses=problems(403))
async def drop_envelope(hub: HubOf, caller: Controller) -> Response:
    """Heed it no more; the same one is not taken again."""
    await hub.envelopes.drop(hub, actor=caller.actor)
    return Response(_enveloped(hub).model_dump_json(), 200, media_type=JSON)


def _enveloped(hub: Hub) -> Enveloped:
    held = hub.envelopes.current(hub)
    if held is None:
        return Enveloped(envelope=None)
    until = held.until.astimezone(UTC)
    return Enveloped(envelope=EnvelopeBody(issuer=held.issuer, low_w=held.low_w, high_w=held.high_w, until=until))
