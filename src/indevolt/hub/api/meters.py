"""The meters that the hub follows itself: what each shows, how old that is, and whether it may be believed."""

from __future__ import annotations

import math
from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from indevolt.hub.api.asked import HubOf
from indevolt.hub.api.auth import READERS
from indevolt.hub.api.replies import NOT_MODIFIED, reply
from indevolt.hub.config_meters import MeterRole
from indevolt.hub.meters.meter import Meter, MeterState

router = APIRouter(prefix="/api/v1", tags=["meters"], dependencies=READERS)


class SignTestBody(BaseModel):
    """What came of moving a battery and looking at the meter."""

    passed: bool
    at: datetime
    evidence: str


class MeterDetail(BaseModel):
    """One meter. Of the grid, import is positive; of a plant what it gives; of cars and other loads what they take."""

    name: str
    kind: str
    role: MeterRole
    state: MeterState = Field(
        description="waiting: it never told anything that counts; live; frozen: it answers, and every number stands still; stale."
    )
    why: str = Field(description="What is wrong; empty while all is well.")
    simulated: bool
    power_w: float | None
    phases_w: list[float]
    import_wh: float | None = Field(description="Its own counter.")
    export_wh: float | None
    at: datetime | None = Field(description="When it measured that.")
    age_s: float | None = Field(description="How long ago that was, by a clock that does not jump.")
    period_s: float = Field(description="How often it tells something new, as learnt.")
    patience_s: float = Field(description="How long it may tell nothing new.")
    proven: bool = Field(description="Whether its sign was tested, and right, as it is set up now.")
    sign_test: SignTestBody | None
    accepted: int = Field(description="Samples that counted since the start.")
    rejected: int = Field(description="Samples that could not be believed.")
    failures: int = Field(description="Times that it could not be asked or heard.")


class MeterList(BaseModel):
    """The meters of the configuration."""

    meters: list[MeterDetail]


@router.get("/meters", response_model=MeterList, responses=NOT_MODIFIED)
async def list_meters(request: Request, hub: HubOf) -> Response:
    """List the meters of the hub itself; what batteries tell of their own is among their readings, and in `/api/v1/site`."""
    now_s = hub.clock.monotonic()
    body = MeterList(meters=[meter_detail(meter, now_s) for meter in hub.meters.values()])
    same = MeterList(meters=[each.model_copy(update={"age_s": None}) for each in body.meters])
    return reply(request, body, same=same.model_dump_json().encode())


def meter_detail(meter: Meter, now_s: float) -> MeterDetail:
    """Return what is known of a meter."""
    shown, sign, age_s = meter.shown, meter.sign, meter.age_s(now_s)
    return MeterDetail(
        name=meter.name,
        kind=meter.config.kind,
        role=meter.role,
        state=meter.state(now_s),
        why=meter.why(now_s),
        simulated=meter.simulated,
        power_w=shown.power_w if shown else None,
        phases_w=list(shown.phases_w) if shown else [],
        import_wh=shown.import_wh if shown else None,
        export_wh=shown.export_wh if shown else None,
        at=shown.at if shown else None,
        age_s=round(age_s, 2) if math.isfinite(age_s) else None,
        period_s=round(meter.period_s, 2),
        patience_s=round(meter.patience_s, 1),
        proven=meter.proven,
        sign_test=SignTestBody(passed=sign.passed, at=sign.at, evidence=sign.evidence) if sign else None,
        accepted=meter.accepted,
        rejected=meter.rejected,
        failures=meter.failures,
    )
