"""The hub itself: whether it lives and is ready, what it is, and how it was set up, without secrets."""

from __future__ import annotations

from collections import Counter
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

import indevolt
from indevolt.hub.api.asked import HubOf
from indevolt.hub.api.auth import ADMINS, READERS, Caller, Reader, Tokens
from indevolt.hub.api.live import Feed
from indevolt.hub.api.models import (
    Alive,
    CallerBody,
    ConfigBody,
    ConfigValueBody,
    HubHealth,
    MetaBody,
    TokenBody,
    TokenList,
)
from indevolt.hub.api.problems import Declined, problems
from indevolt.hub.api.records import active
from indevolt.hub.api.replies import JSON, NOT_MODIFIED, reply
from indevolt.hub.config_sources import said
from indevolt.hub.hub import Hub
from indevolt.hub.keeper import Link

API_VERSION = "1.0"
TOKENS_HOW_TO = (
    "`indevolt hub token NAME --role ROLE` makes a token and prints what goes into [[api.tokens]] of the configuration; taking "
    "those lines out, and starting the hub anew, takes it away."
)

router = APIRouter(tags=["hub"])


@router.get("/healthz", response_model=Alive)
async def alive() -> Response:
    """Answer, if the hub lives; nobody needs a token for that."""
    return Response(Alive().model_dump_json(), 200, {"cache-control": "no-store"}, JSON)


@router.get("/api/v1/health", response_model=HubHealth, responses=NOT_MODIFIED, dependencies=READERS)
async def get_health(request: Request, hub: HubOf) -> Response:
    """Tell how the hub, its services, its store and its devices are."""
    feed: Feed = request.app.state.feed
    body = HubHealth(
        ready=not why_not_ready(hub),
        started=hub.started,
        services=dict(hub.services),
        store=dict(hub.store.health()),
        devices=dict(Counter(keeper.link for keeper in hub.keepers.values())),
        alerts=sum(1 for _ in active(hub)),
        streams=feed.listeners,
    )
    return reply(request, body)


@router.get("/api/v1/health/ready", response_model=Alive, responses=problems(503), dependencies=READERS)
async def get_ready(hub: HubOf) -> Response:
    """Answer 200 once the store keeps what is read and every device has been tried; 503 until then."""
    if why := why_not_ready(hub):
        remedy = "`/api/v1/health` and the journal say more."
        raise Declined(503, why, kind="not-ready", remedy=remedy, transient=True, headers={"retry-after": "5"})
    return Response(Alive().model_dump_json(), 200, {"cache-control": "no-store"}, JSON)


@router.get("/api/v1/meta", response_model=MetaBody, responses=NOT_MODIFIED)
async def get_meta(request: Request, hub: HubOf, caller: Reader) -> Response:
    """Tell which hub this is, and who asks."""
    return reply(request, meta_body(hub, caller))


@router.get("/api/v1/config", response_model=ConfigBody, responses=NOT_MODIFIED, tags=["admin"], dependencies=ADMINS)
async def get_config(request: Request, hub: HubOf) -> Response:
    """Tell how the hub was set up, and of each value where it comes from; secrets and hashes are stars."""
    shown: dict[str, Any] = hub.config.model_dump(mode="json", by_alias=True)
    values = [
        ConfigValueBody(path=each.path, value=each.value, source=each.source, detail=each.detail) for each in said(hub.config)
    ]
    return reply(request, ConfigBody(file=str(hub.config.file or ""), config=shown, values=values))


@router.get("/api/v1/tokens", response_model=TokenList, responses=NOT_MODIFIED, tags=["admin"], dependencies=ADMINS)
async def list_tokens(request: Request, hub: HubOf) -> Response:
    """List who may do what, and when each token was last used."""
    tokens: Tokens = request.app.state.tokens
    found = [
        TokenBody(name=each.name, role=each.role, last_used=await tokens.last_used(each.name)) for each in hub.config.api.tokens
    ]
    return reply(request, TokenList(tokens=found, how_to=TOKENS_HOW_TO))


def meta_body(hub: Hub, caller: Caller) -> MetaBody:
    """Return which hub this is, and who asks."""
    site = hub.config.site
    return MetaBody(
        name=hub.config.hub.name,
        version=indevolt.__version__,
        api=API_VERSION,
        site=site.name,
        time_zone=site.time_zone,
        currency=site.currency,
        simulated=any(keeper.simulated for keeper in hub.keepers.values()),
        started=hub.started,
        today=hub.clock.now().astimezone(site.zone).date(),
        caller=CallerBody(name=caller.name, role=caller.role),
    )


def why_not_ready(hub: Hub) -> str:
    """Return what the hub still waits for; empty when it is ready."""
    state = str(hub.store.health().get("state", "unknown"))
    if state != "ok":
        return f"the store is {state}"
    waiting = [name for name, keeper in hub.keepers.items() if keeper.link is Link.CONNECTING]
    return f"{', '.join(waiting[:5])} not tried yet" if waiting else ""
