"""The journal, by pages or as a file, and the alerts that hold now."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace
from typing import Annotated, Final, Literal

import orjson
from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from indevolt.hub.api.asked import NAME, End, HubOf, Start
from indevolt.hub.api.auth import READERS
from indevolt.hub.api.models import AlertBody, AlertList, EntryBody, EntryList
from indevolt.hub.api.problems import Declared, problems
from indevolt.hub.api.replies import NOT_MODIFIED, page_link, reply
from indevolt.hub.hub import Hub
from indevolt.hub.journal import Kind
from indevolt.store import Entry

PAGE: Final = 1000  # entries at a time of an export
LINES: Final = "application/x-ndjson"
CSV: Final = "text/csv; charset=utf-8"
HEAD: Final = ("number", "at", "kind", "device", "actor", "text", "data")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")  # what spreadsheets take for one
FILES: Final[Declared] = {
    200: {
        "description": "The journal as a file",
        "content": {LINES: {"schema": {"type": "string"}}, "text/csv": {"schema": {"type": "string"}}},
    }
}

router = APIRouter(prefix="/api/v1", tags=["journal"], dependencies=READERS)


@dataclass(frozen=True, slots=True)
class Search:
    """Which entries are asked for, and in which order; the query of both routes."""

    order: Annotated[
        Literal["oldest", "newest"], Query(description="Which come first: with `newest`, `before` leads to older ones.")
    ] = "oldest"
    after: Annotated[int, Query(ge=0, le=2**53, description="Only entries with a higher number.")] = 0
    before: Annotated[int | None, Query(ge=1, le=2**53, description="Only entries with a lower number.")] = None
    kind: Annotated[list[Kind] | None, Query(description="Only these kinds; may be given several times.")] = None
    device: Annotated[str | None, Query(pattern=f"{NAME}|^$", description="Only of this device; empty: of the hub itself.")] = None
    actor: Annotated[str | None, Query(max_length=200, description="Only what this one did, named as in entries.")] = None
    start: Start = None
    end: End = None

    async def page(self, hub: Hub, limit: int) -> list[Entry]:
        """Return the first entries."""
        return await hub.store.entries(
            after=self.after,
            before=self.before,
            kinds=self.kind or (),
            device=self.device,
            actor=self.actor,
            start=self.start,
            end=self.end,
            newest_first=self.order == "newest",
            limit=limit,
        )

    def beyond(self, entry: Entry) -> Search:
        """Return the same question for those that come after an entry in this order."""
        return replace(self, before=entry.number) if self.order == "newest" else replace(self, after=entry.number)


SearchOf = Annotated[Search, Depends()]


@router.get("/journal", response_model=EntryList, responses=NOT_MODIFIED)
async def list_entries(
    request: Request, hub: HubOf, search: SearchOf, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> Response:
    """Tell what happened, the oldest or the newest first, a page at a time; `Link` leads to the next one."""
    found = await search.page(hub, limit)
    last = found[-1].number if len(found) == limit else None
    newest = search.order == "newest"
    body = EntryList(
        entries=[entry_body(each) for each in found], next_after=None if newest else last, next_before=last if newest else None
    )
    headers = {} if last is None else page_link(request, **{"before" if newest else "after": last})
    return reply(request, body, headers=headers)


@router.get("/journal/export", response_class=StreamingResponse, responses={**FILES, **problems(503)})
async def export_entries(
    hub: HubOf, search: SearchOf, *, form: Annotated[Literal["jsonl", "csv"], Query(alias="format")] = "jsonl"
) -> Response:
    """Give out the whole journal, or a part of it, as JSON lines or CSV."""
    first = await search.page(hub, PAGE)

    async def pages() -> AsyncIterator[bytes]:
        page = first
        if form == "csv":
            yield _rows([HEAD])
        while page:
            yield _as_csv(page) if form == "csv" else _as_lines(page)
            if len(page) < PAGE:
                return
            page = await search.beyond(page[-1]).page(hub, PAGE)

    headers = {"content-disposition": f'attachment; filename="journal.{form}"'}
    return StreamingResponse(pages(), 200, headers, CSV if form == "csv" else LINES)


@router.get("/alerts", response_model=AlertList, responses=NOT_MODIFIED, tags=["alerts"])
async def list_alerts(request: Request, hub: HubOf) -> Response:
    """Tell what needs attention now."""
    return reply(request, AlertList(alerts=list(active(hub))))


def active(hub: Hub) -> Iterable[AlertBody]:
    """Yield the alerts that hold now."""
    for alert in tuple(hub.alerts.active.values()):
        yield AlertBody(device=alert.device, what=alert.what, text=alert.text, since=alert.since)


def entry_body(entry: Entry) -> EntryBody:
    """Return a line of the journal as a body."""
    return EntryBody(
        number=entry.number,
        at=entry.at,
        kind=entry.kind,
        device=entry.device,
        actor=entry.actor,
        text=entry.text,
        data=dict(entry.data),
    )


def _as_lines(page: Iterable[Entry]) -> bytes:
    return b"".join(entry_body(entry).model_dump_json().encode() + b"\n" for entry in page)


def _as_csv(page: Iterable[Entry]) -> bytes:
    return _rows(
        (
            str(entry.number),
            entry.at.isoformat(),
            entry.kind,
            entry.device,
            _harmless(entry.actor),
            _harmless(entry.text),
            orjson.dumps(dict(entry.data), default=str).decode(),
        )
        for entry in page
    )


def _harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula: parts of it may come from callers."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _rows(rows: Iterable[Iterable[str]]) -> bytes:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue().encode()
