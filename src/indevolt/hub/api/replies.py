"""Answers with a name for their content (ETag), so that who has it already gets 304 and no body; and links to further pages."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from indevolt.hub.api.problems import Declared

JSON: Final = "application/json"
SMALLEST: Final = 1024  # bytes that are worth compressing: with their headers, they are one packet
QUICK: Final = 4  # level: a tenth of the size of most answers, in some 0.2 ms
NOT_MODIFIED: Final[Declared] = {304: {"description": "What `If-None-Match` names is still so; no body"}}


def reply(request: Request, body: BaseModel, *, same: bytes | None = None, headers: Mapping[str, str] | None = None) -> Response:
    """Return a body as JSON, or 304 if the client has it.

    Args:
        request: what was asked.
        body: the answer.
        same: what the name of the content is made of, where the body also says things that always change, such as an age.
        headers: further ones.
    """
    content = body.model_dump_json().encode()
    tag = f'"{hashlib.blake2b(content if same is None else same, digest_size=12).hexdigest()}"'
    told = {**(headers or {}), "etag": tag}
    if has_tag(request.headers.get("if-none-match", ""), tag):
        return Response(None, 304, told)
    if len(content) >= SMALLEST and takes(request, "gzip"):
        told |= {"content-encoding": "gzip", "vary": "accept-encoding"}
        content = gzip.compress(content, compresslevel=QUICK, mtime=0)
    return Response(content, 200, told, JSON)


def takes(request: Request, encoding: str) -> bool:
    """Return whether a client takes an encoding of content."""
    for each in request.headers.get("accept-encoding", "").lower().split(","):
        name, _, weight = each.partition(";")
        if name.strip() == encoding:
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def page_link(request: Request, **changes: str | int) -> dict[str, str]:
    """Return the header that leads to the next page: this request with other parameters."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in changes]
    query = urlencode([*kept, *((name, str(value)) for name, value in changes.items())])
    return {"link": f'<{request.url.path}?{query}>; rel="next"'}


def has_tag(asked: str, tag: str) -> bool:
    """Return whether a client that sent this ``If-None-Match`` has the content of a tag."""
    return asked.strip() == "*" or tag in (each.strip().removeprefix("W/") for each in asked.split(","))
