"""A backup hold over REST: everything is kept for an outage until a time. What it is and how it ends is ``steer.backup``'s."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response

from indevolt.hub.api.asked import HubOf, Moment
from indevolt.hub.api.auth import READERS, Controller
from indevolt.hub.api.problems import problems
from indevolt.hub.api.replies import JSON
from indevolt.hub.steer.backup import LEAST_PCT, LONGEST, Backup

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub

LONGEST_MIN: Final = LONGEST // timedelta(minutes=1)

router = APIRouter(prefix="/api/v1", tags=["steering"], dependencies=READERS)


class NewBackup(BaseModel):
    """How long everything is to be kept, and whether the batteries are charged for it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"minutes": 2880, "charge_pct": 90}]})

    minutes: Annotated[int, Field(ge=1, le=LONGEST_MIN)] | None = Field(default=None, description="How long.")
    until: Moment | None = Field(default=None, description=f"Or until when: within {LONGEST.days} days.")
    charge_pct: Annotated[float, Field(ge=LEAST_PCT, le=100)] | None = Field(
        default=None,
        description="Charge to this first, also from the grid. Without it, what is there is kept, and the surplus.",
    )
    reason: Annotated[str, Field(max_length=200)] = Field(default="", description="Why, for the journal.")

    @model_validator(mode="after")
    def _ends(self) -> NewBackup:
        if (self.minutes is None) == (self.until is None):
            raise ValueError("give either minutes or until; every backup hold ends")
        return self


class BackupBody(BaseModel):
    """Everything is kept for an outage until then, as somebody asked."""

    until: datetime
    charge_pct: float | None = Field(description="Charged to first; null: what is there is kept, and the surplus stored.")
    at: datetime = Field(description="When it was asked for.")
    by: str
    reason: str


class BackedUp(BaseModel):
    """What is kept for an outage; null: nothing."""

    backup: BackupBody | None


@router.post("/steering/backup", response_model=BackedUp, responses=problems(403, 422))
async def ask_for_backup(hub: HubOf, caller: Controller, *, body: NewBackup) -> Response:
    """Keep everything for an outage until a time, in place of what was asked for before: nothing is given, and no price counts."""
    until = body.until or hub.clock.now() + timedelta(minutes=body.minutes or 0)
    await hub.backup.ask(hub, until, actor=caller.actor, charge_pct=body.charge_pct, reason=body.reason)
    return _told(hub)


@router.get("/steering/backup", response_model=BackedUp)
async def get_backup(hub: HubOf) -> Response:
    """Tell what is kept for an outage."""
    return _told(hub)


@router.delete("/steering/backup", response_model=BackedUp, responses=problems(403))
async def end_backup(hub: HubOf, caller: Controller) -> Response:
    """End it now; what decided before decides again."""
    await hub.backup.end(hub, actor=caller.actor)
    return _told(hub)


def backup_body(held: Backup) -> BackupBody:
    """Return what is kept as a body."""
    return BackupBody(until=held.until.astimezone(UTC), charge_pct=held.charge_pct, at=held.at, by=held.by, reason=held.reason)


def _told(hub: Hub) -> Response:
    held = hub.backup.current(hub)
    return Response(BackedUp(backup=backup_body(held) if held else None).model_dump_json(), 200, media_type=JSON)
