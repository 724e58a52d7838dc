"""The application: routes behind the gate, errors as problems, and the OpenAPI document that describes both.

Made anew for each hub. How it is put on a port is in ``server``.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from indevolt.errors import IndevoltError
from indevolt.hub.api import (
    backup,
    control,
    devices,
    envelopes,
    explaining,
    history,
    live,
    meters,
    plan,
    prices,
    records,
    roster,
    site,
    state,
    steering,
    summary,
    trials,
)
from indevolt.hub.api.auth import Tokens, role_for
from indevolt.hub.api.desk import Desk
from indevolt.hub.api.gate import ANSWER_S, Gate
from indevolt.hub.api.live import Feed
from indevolt.hub.api.problems import (
    MEANINGS,
    Declined,
    Problem,
    answer_declined,
    answer_defect,
    answer_family,
    answer_framework,
    answer_misread,
    problems,
)
from indevolt.hub.api.state import API_VERSION
from indevolt.hub.api.webfiles import page_router, public_paths
from indevolt.hub.hub import Hub
from indevolt.hub.tokens import Role
from indevolt.hub.writes import WriteLog

ROUTERS: Final = (
    summary.router,
    site.router,
    roster.router,
    devices.router,
    history.router,
    control.router,
    prices.router,
    plan.router,
    records.router,
    live.router,
    meters.router,
    state.router,
    steering.router,
    envelopes.router,
    backup.router,
    explaining.router,
    trials.router,
)
DOCUMENT: Final = "/api/v1/openapi.json"
ABOUT: Final = """\
Everything the hub knows and can do. Units are W, Wh, V, A, Hz, %, °C, s; power is positive when it flows into the house; times are
ISO 8601. Unknown is null, never 0, and every value says how old it is and what it is worth.

Programs on the hub's own machine may read without a token; everything else needs `Authorization: Bearer TOKEN`, where the token's
role is read, control or admin. Settings and commands also need `control = true` for the device in the hub's configuration.
Errors are problem details (RFC 9457) with a `remedy`.
"""
ALWAYS: Final = (400, 401, 403, 408, 413, 421, 422, 429, 500, 503, 504)  # what the gate, or a defect, may answer to anything
_CORS_HEADERS: Final = ("Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "Last-Event-ID")
_CORS_EXPOSED: Final = ("ETag", "Link", "Retry-After", "Idempotent-Replayed", "Content-Disposition")


def create_app(
    hub: Hub,
    extra_routers: Iterable[APIRouter] = (),
    *,
    heartbeat_s: float = live.HEARTBEAT_S,
    pulse_s: float = live.PULSE_S,
    answer_s: float = ANSWER_S,
) -> FastAPI:
    """Return the API of a hub.

    Its feed (``app.state.feed``) has to run, and its desk (``app.state.desk``) to be closed in the end; ``server`` sees to both.

    Args:
        hub: whom it serves.
        extra_routers: further pages behind the same gate, such as /metrics.
        heartbeat_s: the longest silence of an event stream.
        pulse_s: the least time between two writes to an event stream.
        answer_s: how long an answer may take to begin.
    """
    app = _routes((page_router(), *extra_routers))
    app.state.hub = hub
    run_id = f"{int(hub.started.timestamp()):x}"
    app.state.feed = Feed(hub.bus, hub.clock, run_id, heartbeat_s=heartbeat_s, pulse_s=pulse_s)
    app.state.desk = Desk(hub.clock, hub.config.api.commands_per_minute, hub.store)
    app.state.waiting = Counter()
    app.state.writes = WriteLog(hub.store, hub.config.site.zone)
    app.state.tokens = Tokens(hub.config.api.tokens, hub.clock, hub.store)
    app.add_middleware(
        Gate,
        config=hub.config.api,
        tokens=app.state.tokens,
        names=own_names(),
        public=public_paths(),
        answer_s=answer_s,
    )
    if hub.config.api.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(hub.config.api.origins),
            allow_methods=["GET", "PUT", "POST", "DELETE"],
            allow_headers=list(_CORS_HEADERS),
            expose_headers=list(_CORS_EXPOSED),
        )
    return app


def own_names() -> tuple[str, ...]:
    """Return what this machine is called, and so may be called by clients."""
    name = socket.gethostname().lower()
    short = name.partition(".")[0]
    return name, short, f"{short}.local"


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document; no hub is needed for it."""
    return _routes(()).openapi()


def _routes(extra_routers: Iterable[APIRouter]) -> FastAPI:
    app = _Api(
        title="indevolt hub",
        version=API_VERSION,
        description=ABOUT,
        openapi_url=DOCUMENT,
        docs_url=None,  # both would load programs from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_name_of,
        separate_input_output_schemas=False,
    )
    routers = (*ROUTERS, *extra_routers)
    for router in routers:
        app.include_router(router)
    app.state.pages = [*app.routes, *(route for router in routers for route in router.routes)]
    app.add_exception_handler(IndevoltError, answer_family)
    app.add_exception_handler(Declined, answer_declined)
    app.add_exception_handler(RequestValidationError, answer_misread)
    app.add_exception_handler(HTTPException, answer_framework)
    app.add_exception_handler(Exception, answer_defect)
    return app


def _name_of(route: APIRoute) -> str:
    return route.name


class _Api(FastAPI):
    """FastAPI whose document tells of what stands before and around the routes, too."""

    def openapi(self) -> dict[str, Any]:
        """Return the document."""
        if self.openapi_schema is None:
            self.openapi_schema = _completed(super().openapi())
        return self.openapi_schema


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    """Add tokens, and the problems that any operation may answer with."""
    schemas = document["components"]["schemas"]
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    for name, schema in {**problem.pop("$defs", {}), "Problem": problem}.items():
        schemas.setdefault(name, schema)
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    token = {"type": "http", "scheme": "bearer", "description": "A token of the hub; `indevolt hub token NAME` makes one."}
    document["components"]["securitySchemes"] = {"token": token}
    document["components"]["responses"] = {f"Problem{status}": answer for status, answer in problems(*MEANINGS).items()}
    for route in (each for router in ROUTERS for each in router.routes if isinstance(each, APIRoute)):
        for method in route.methods or ():
            _complete(method.lower(), document["paths"][route.path][method.lower()], role_for(route))
    return document


def _complete(method: str, operation: dict[str, Any], role: Role | None) -> None:
    nearby: list[dict[str, list[str]]] = [{}] if role is Role.READ else []  # programs on this machine may read without one
    operation["security"] = [{}] if role is None else [*nearby, {"token": []}]
    if role is not None:
        operation["x-role"] = role.value
    statuses = [*ALWAYS, *([415] if method in ("post", "put") else [])]
    answers = operation["responses"]
    declared = {*answers, *map(str, statuses)}
    operation["responses"] = {
        status: {"$ref": f"#/components/responses/Problem{status}"} if int(status) >= 400 else answers[status]
        for status in sorted(declared)
    }
