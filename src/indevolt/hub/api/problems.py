"""Errors as they leave the API: problem details (RFC 9457), each with what to do next.

The one place where the error family, mistakes in a request and what the web framework raises become answers. Nothing secret is
repeated: of a wrong value only its beginning, of an unexpected error nothing at all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, TypeAlias

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from indevolt.errors import (
    BudgetSpent,
    IndevoltError,
    InvalidInput,
    LeaseHeld,
    LeaseLost,
    NoReply,
    NoSuchDevice,
    NotRestored,
    ReadOnly,
    Refused,
    Unreachable,
)
from indevolt.hub.api.models import OutcomeBody

MEDIA_TYPE: Final = "application/problem+json"
SHOWN: Final = 60  # characters of a wrong value that are repeated

Declared: TypeAlias = dict[int | str, dict[str, Any]]
"""Answers of an operation, as FastAPI takes them."""

MEANINGS: Final[Mapping[int, str]] = {
    400: "The request cannot be read",
    401: "A token is needed, or this one is not known",
    403: "This caller may not do that, or the owner did not allow it for this device",
    404: "No such device, quantity or page",
    405: "Not with this method",
    408: "The request did not come whole in time",
    409: "The device refused, or somebody else steers it",
    413: "The request is too large",
    415: "The body is not application/json",
    421: "The hub is not known by this name; see `hosts` in its configuration",
    422: "Something in the request is not allowed; nothing was sent to a device",
    429: "Too many requests or writes; `Retry-After` says when to try again",
    500: "A defect of the hub; its log says more",
    502: "The device answered with an error, or with what is no OpenData",
    503: "The device, the store or the hub itself is away or busy for now",
    504: "No answer in time, or nobody knows what became of it",
}


class FieldProblem(BaseModel):
    """One mistake in a request."""

    field: str = Field(description="Where it is, such as `query.step` or `body.power_w`.")
    value: str = Field(default="", description="What was given, cut off after some characters.")
    allowed: str = Field(default="", description="What would be right, where that is known.")
    message: str


class Problem(BaseModel):
    """Why a request was not fulfilled (RFC 9457), and what to do next."""

    type: str = Field(description="A name for this sort of problem, for programs.", examples=["urn:indevolt:invalid-input"])
    title: str = Field(description="What the status means here.")
    status: int
    detail: str = Field(description="The facts.")
    remedy: str = Field(default="", description="What to do next.")
    transient: bool = Field(default=False, description="Whether the same request may succeed later.")
    errors: list[FieldProblem] = Field(default=[], description="Every mistake of the request, where there is more to say.")
    outcome: OutcomeBody | None = Field(default=None, description="What became of a write that was sent all the same.")


class Declined(Exception):
    """A request that is not fulfilled, with the answer that it gets."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        kind: str = "",
        remedy: str = "",
        transient: bool = False,
        errors: Sequence[FieldProblem] = (),
        outcome: OutcomeBody | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        title = MEANINGS.get(status) or HTTPStatus(status).phrase
        self.problem = Problem(
            type=f"urn:indevolt:{kind or HTTPStatus(status).phrase.lower().replace(' ', '-')}",
            title=title,
            status=status,
            detail=detail,
            remedy=remedy,
            transient=transient,
            errors=list(errors),
            outcome=outcome,
        )
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """Return the answer."""
        body = self.problem.model_dump_json(exclude_defaults=True)
        return Response(body, self.problem.status, {**self.headers, "cache-control": "no-store"}, MEDIA_TYPE)


def problems(*statuses: int) -> Declared:
    """Return the declaration of problems that an operation may answer with."""
    return {status: {"description": MEANINGS[status], "content": {MEDIA_TYPE: {"schema": REFERENCE}}} for status in statuses}


REFERENCE: Final = {"$ref": "#/components/schemas/Problem"}


def status_of(error: IndevoltError) -> int:
    """Return the HTTP status for an error of the family.

    A device that refuses *us* (its own 401, say) is a bad gateway: the caller's token is fine.
    """
    match error:
        case NoSuchDevice():
            return 404
        case InvalidInput():
            return 422
        case ReadOnly():
            return 403
        case Refused():
            return 409
        case NoReply():
            return 504
        case Unreachable():
            return 503
        case LeaseHeld() | LeaseLost() | NotRestored():
            return 409
        case BudgetSpent():
            return 429
    return 503 if error.transient or type(error).__name__.startswith("Store") else 502


def declined(error: IndevoltError) -> Declined:
    """Return an error of the family as an answer."""
    name = type(error).__name__
    kind = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("-")
    status = status_of(error)
    wait_s = math.ceil(error.wait_s) if isinstance(error, BudgetSpent) else 10
    headers = {"retry-after": str(wait_s)} if status in (429, 503) else {}
    return Declined(status, str(error), kind=kind, remedy=error.remedy, transient=error.transient, headers=headers)


def shown(value: object) -> str:
    """Return the beginning of a wrong value, in characters that any terminal and any encoding can carry."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except ValueError:  # an integer too long to be written
        return "a very long number"
    safe = text[: SHOWN + 1].encode("utf-8", "backslashreplace").decode()
    return safe if len(text) <= SHOWN else f"{safe[:SHOWN]}..."


def misread(error: RequestValidationError) -> Declined:
    """Return the mistakes that FastAPI found in a request as an answer."""
    found = [
        FieldProblem(
            field=".".join(str(part) for part in each["loc"])[:200],
            value=shown(each["input"]) if each.get("input") is not None and each["type"] != "missing" else "",
            allowed=_allowed(each),
            message=shown_message(each),
        )
        for each in error.errors()[:20]
    ]
    first = found[0]
    unreadable = any(each["type"] == "json_invalid" for each in error.errors())
    return Declined(
        400 if unreadable else 422,
        f"{first.field}: {first.message}",
        kind="unreadable-json" if unreadable else "invalid-input",
        remedy=f"Allowed: {first.allowed}." if first.allowed else "`/api/v1/openapi.json` says what each operation takes.",
        errors=found,
    )


def shown_message(each: Mapping[str, Any]) -> str:
    """Return what is wrong, without the address of a web page that pydantic adds to some."""
    text = str(each["msg"]).removeprefix("Value error, ")
    return text.encode("utf-8", "backslashreplace").decode()


def _allowed(each: Mapping[str, Any]) -> str:
    facts = each.get("ctx") or {}
    low, high = facts.get("ge", facts.get("gt")), facts.get("le", facts.get("lt"))
    match facts:
        case {"expected": expected}:
            return str(expected)
        case {"pattern": pattern}:
            return f"what fits {pattern}"
        case {"max_length": most}:
            return f"up to {most} characters or items"
        case {"min_length": least}:
            return f"at least {least} characters or items"
    if low is not None:
        return f"{low} or more"
    return f"up to {high}" if high is not None else ""


async def answer_family(_request: Request, error: Exception) -> Response:
    """Answer an error of the family."""
    assert isinstance(error, IndevoltError)  # noqa: S101 - registered for these only
    return declined(error).response()


async def answer_declined(_request: Request, error: Exception) -> Response:
    """Answer what was declined."""
    assert isinstance(error, Declined)  # noqa: S101 - registered for these only
    return error.response()


async def answer_misread(_request: Request, error: Exception) -> Response:
    """Answer mistakes that FastAPI found."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for these only
    return misread(error).response()


_REMEDIES: Final[Mapping[int, str]] = {
    400: "Send one JSON document; `/api/v1/openapi.json` says what each operation takes.",
    404: "`/api/v1/openapi.json` lists what there is.",
    405: "`Allow` names the methods.",
}


async def answer_framework(request: Request, error: Exception) -> Response:
    """Answer what the framework raises: no such page, no such method."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for these only
    remedy = _REMEDIES.get(error.status_code, "")
    headers = {"allow": ", ".join(_methods_of(request))} if error.status_code == 405 else error.headers
    return Declined(error.status_code, str(error.detail), remedy=remedy, headers=headers).response()


def _methods_of(request: Request) -> list[str]:
    """Return what can be done with a path; the framework names only the methods of the first route that has it."""
    routes = [route for route in request.app.state.pages if isinstance(route, Route)]
    return sorted({method for route in routes if route.path_regex.match(request.url.path) for method in route.methods or ()})


async def answer_defect(_request: Request, _error: Exception) -> Response:
    """Answer what nobody expected, without repeating it; the server logs it."""
    return Declined(500, "the hub failed at this", remedy="Its log says more; please report it.").response()
