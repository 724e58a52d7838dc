"""Connecting devices while the hub runs: who is on the network, trying one out, keeping it, and letting it go again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from indevolt.hub.api.asked import NAME, HubOf, KeeperOf
from indevolt.hub.api.auth import Admin, Reader, require
from indevolt.hub.api.devices import describe
from indevolt.hub.api.models import DeviceBody
from indevolt.hub.api.problems import Declared, Declined, problems
from indevolt.hub.api.replies import JSON, reply
from indevolt.hub.config import DeviceConfig
from indevolt.hub.hub import Hub
from indevolt.hub.journal import Kind
from indevolt.hub.roster import Roster, lines, name_for
from indevolt.hub.scout import Access, Identity, Scout, Sighting, tried
from indevolt.hub.tokens import Role

router = APIRouter(prefix="/api/v1", tags=["connecting"])

_TRIED: Declared = problems(502, 503, 504)


class IdentityBody(BaseModel):
    """What a device is, as it answered itself."""

    title: str
    family: str
    model: str = Field(description="Product; empty where it cannot be told.")
    serial: str
    firmware: str
    evidence: list[str]


class SightingBody(BaseModel):
    """A device that was heard on the network."""

    host: str
    port: int
    serial: str = Field(description="Empty where it did not say.")
    firmware: str
    access: Access = Field(
        description=(
            "kept: it is connected already. open: it can be. password: with its password. off: its API is probably switched off. "
            "silent: heard, but does not answer requests. other: a meter, a plug, or no device of this maker."
        )
    )
    device: str = Field(description="Its name here, where it is kept; else empty.")
    proposed_name: str = Field(description="A name that it could have.")
    identity: IdentityBody | None
    detail: str
    remedy: str = Field(description="What to do next.")


class DiscoveryBody(BaseModel):
    """Who is on the network."""

    at: datetime = Field(description="When the search ended.")
    age_s: float
    devices: list[SightingBody]
    notes: list[str] = Field(description="What hampered the search.")
    next_step: str = Field(description="What to do if a device is missing.")


class NewDevice(BaseModel):
    """A device to be connected."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "cellar", "host": "192.168.1.50", "control": False}]}
    )

    name: Annotated[str, Field(pattern=NAME, description="What topics and history call it.")]
    host: Annotated[str, Field(min_length=1, max_length=255, description="Its address or name in your network.")]
    port: Annotated[int, Field(ge=1, le=65535)] | None = Field(default=None, description="Where host does not say it; else 8080.")
    password: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="Its Digest password, where its API is set to HTTP + Digest."
    )
    model: Annotated[str, Field(min_length=1, max_length=60)] | None = Field(
        default=None, description="Product or family, where it cannot be told."
    )
    modules: Annotated[int, Field(ge=1, le=6)] | None = Field(default=None, description="Where they cannot be told.")
    fingerprint: Annotated[str, Field(max_length=100)] | None = Field(default=None, description="Of its certificate, for https.")
    control: bool = Field(default=False, description="Let settings and commands through.")
    simulated: bool = Field(default=False, description="It is a virtual device; whatever shows its values says so.")

    def device(self) -> DeviceConfig:
        """Return it as the configuration has it.

        Raises:
            RequestValidationError: something in it is not allowed there.
        """
        try:
            return DeviceConfig(**self.model_dump(exclude_none=True))
        except ValidationError as error:
            found = [{**each, "loc": ("body", *each["loc"]), "input": None} for each in error.errors(include_url=False)]
            raise RequestValidationError(found) from None


class AnsweredBody(BaseModel):
    """What a device answered; it was not connected."""

    dry_run: bool = True
    identity: IdentityBody


class ConnectedBody(BaseModel):
    """A device that was connected."""

    device: DeviceBody
    identity: IdentityBody
    kept_in: str = Field(description="The hub's own file that it is in; empty: it is kept until the hub ends.")
    toml: str = Field(description="The lines to move into the configuration, to keep it for good; the password is left out.")


@router.get("/discovery", response_model=DiscoveryBody, responses=problems(503))
async def get_discovery(
    request: Request,
    hub: HubOf,
    caller: Reader,
    *,
    max_age_s: Annotated[float, Query(ge=0, le=86_400, description="Search anew if the last search is older.")] = 60.0,
) -> Response:
    """Tell who is on the network, and how to connect them. Takes some seconds when it searches; for admins and on this machine."""
    if caller.name:
        require(caller, Role.ADMIN)  # without a token it is somebody on this machine
    report = await _scout(hub).report(max_age_s)
    body = DiscoveryBody(
        at=report.at,
        age_s=round(hub.clock.monotonic() - report.at_s, 3),
        devices=[_sighting(hub, each) for each in report.sightings],
        notes=list(report.notes),
        next_step=(
            "A device answers only after its local API was switched on in the INDEVOLT app, and only within the same network: no "
            "guest Wi-Fi, no other subnet. Where its address is known, it can be connected by that."
        ),
    )
    return reply(request, body)


@router.post(
    "/devices", response_model=ConnectedBody | AnsweredBody, status_code=201, responses={200: {"model": AnsweredBody}, **_TRIED}
)
async def connect_device(
    hub: HubOf,
    caller: Admin,
    body: NewDevice,
    *,
    dry_run: Annotated[bool, Query(description="Only try whether it answers, and tell what it is.")] = False,
) -> Response:
    """Connect a device now, and after the next start. It is tried first: nothing changes if it does not answer as it should."""
    roster = _roster(hub)
    device = body.device()
    roster.check(device)
    identity = await tried(device, hub.clock)
    if dry_run:
        return Response(AnsweredBody(identity=_identity(identity)).model_dump_json(), 200, media_type=JSON)
    await roster.add(device)
    text = f"connected {device.address} as {device.name}: {identity.title}, serial number {identity.serial}"
    await hub.journal.note(Kind.HUB, text, device=device.name, actor=caller.actor, control=device.control)
    found = ConnectedBody(
        device=describe(hub.keeper(device.name)),
        identity=_identity(identity),
        kept_in=str(roster.file) if roster.file else "",
        toml=lines(device),
    )
    return Response(found.model_dump_json(), 201, {"location": f"devices/{device.name}"}, JSON)


@router.delete("/devices/{device}", status_code=204, responses=problems(404))
async def disconnect_device(hub: HubOf, keeper: KeeperOf, caller: Admin) -> Response:
    """Keep a device no longer that was connected or found here; its history stays. What is in the configuration is removed there.

    If it is found on the network again, it is left alone until the hub starts anew, or somebody connects it.
    """
    await _roster(hub).remove(keeper.id)
    await hub.journal.note(Kind.HUB, f"let go of {keeper.id}", device=keeper.id, actor=caller.actor)
    return Response(None, 204)


def _roster(hub: Hub) -> Roster:
    if hub.roster is None:
        raise Declined(503, "this hub takes no devices while it runs", remedy="Put them into its configuration.")
    return hub.roster


def _scout(hub: Hub) -> Scout:
    if hub.scout is None:
        raise Declined(503, "this hub does not look for devices", remedy="`indevolt discover` does.")
    return hub.scout


def _sighting(hub: Hub, sighting: Sighting) -> SightingBody:
    found = sighting.found
    kept = hub.keepers.get(sighting.known_as)
    return SightingBody(
        host=found.host,
        port=found.port,
        serial=found.sn,
        firmware=found.firmware,
        access=sighting.access,
        device=kept.id if kept else "",
        proposed_name=kept.id if kept else name_for(found.sn or found.host),
        identity=_identity(sighting.identity) if sighting.identity else None,
        detail=sighting.detail,
        remedy=sighting.remedy,
    )


def _identity(identity: Identity) -> IdentityBody:
    return IdentityBody(
        title=identity.title,
        family=identity.family,
        model=identity.model,
        serial=identity.serial,
        firmware=identity.firmware,
        evidence=list(identity.evidence),
    )
