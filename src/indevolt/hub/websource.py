"""What is asked of a source on the web, prices or weather, and how; which words each takes is its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

import aiohttp
import orjson

from indevolt.errors import IndevoltError, NoReply, ProtocolError, Unauthorized, Unreachable, status_error

ANSWER_S: Final = 30.0
LARGEST: Final = 4 * 1024 * 1024  # bytes of an answer: ten times a week of quarters in XML
_AGENT: Final = "indevolt-hub"


@dataclass(frozen=True, slots=True)
class WebRequest:
    """One request. Nothing of it is ever logged but host and path: parameters and headers may hold a token."""

    url: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None  # then it is a POST of JSON

    @property
    def place(self) -> str:
        """Whom it goes to, for people."""
        parts = urlsplit(self.url)
        return f"{parts.hostname}{parts.path}"


Json: TypeAlias = Any
"""Whatever a document of JSON holds."""
Asking: TypeAlias = Callable[[datetime, datetime], WebRequest]
"""Makes the request for a stretch of time."""


async def fetch(request: WebRequest) -> bytes:
    """Ask, and return the answer.

    Raises:
        IndevoltError: no answer, or an error; what the source said about it is among the facts.
    """
    headers = {"User-Agent": _AGENT, "Accept": "application/json, */*;q=0.5", **request.headers}
    if request.body is not None:
        headers["Content-Type"] = "application/json"
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_S), headers=headers) as session,
            session.request(
                "GET" if request.body is None else "POST", request.url, params=request.parameters, data=request.body
            ) as answer,
        ):
            body = bytearray()
            async for piece in answer.content.iter_chunked(64 * 1024):
                body += piece
                if len(body) > LARGEST:
                    raise ProtocolError(f"{request.place} answers with more than {LARGEST} bytes")
            status = answer.status
    except TimeoutError as error:
        raise NoReply(f"{request.place} did not answer within {ANSWER_S:g} s", remedy="It is tried again later.") from error
    except (aiohttp.ClientError, OSError) as error:
        remedy = "Is this machine on the internet? It is tried again later."
        raise Unreachable(f"{request.place}: {str(error) or type(error).__name__}", remedy=remedy) from error
    if status != 200:
        raise _refused(request, status, bytes(body[:300]))
    return bytes(body)


def document_of(body: bytes) -> Json:
    """Return the JSON document of an answer.

    Raises:
        ProtocolError: it is none.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ProtocolError(
            f"the answer is no JSON: {error}", raw=body[:200], remedy="See what the source's documentation says."
        ) from error


def _refused(request: WebRequest, status: int, said: bytes) -> IndevoltError:
    facts = f"from {request.place}: {said.decode('utf-8', 'replace').strip() or 'no reason given'}"
    if status in (401, 403):
        return Unauthorized(facts, code=status, remedy="Check the token in the configuration.")
    error = status_error(status, facts)
    error.remedy = "It is tried again later." if status >= 500 or status == 429 else "Check the settings of the source."
    return error
