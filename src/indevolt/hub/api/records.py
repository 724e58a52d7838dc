"""The journal, by pages or as a file, and the alerts that hold now."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable
from typing import Annotated, Final, Literal

import orjson
from fastapi import APIRouter, Query
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

Kinds = Annotated[list[Kind] | None, Query(alias="kind", description="Only these kinds; may be given several times.")]
Of = Annotated[str | None, Query(pattern=NAME, description="Only of this device.")]
After = Annotated[int, Query(ge=0, le=2**53, description="Only entries with a higher number.")]


@router.get("/journal", response_model=EntryList, responses=NOT_MODIFIED)
async def list_entries(
    request: Request,
    hub: HubOf,
    *,
    after: After = 0,
    kind: Kinds = None,
    device: Of = None,
    start: Start = None,
    end: End = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """Tell what happened, oldest first, a page at a time; `Link` leads to the next one."""
    found = await hub.store.entries(after=after, kinds=kind or (), device=device, start=start, end=end, limit=limit)
    more = len(found) == limit
    following = found[-1].number if more else None
    headers = page_link(request, after=found[-1].number) if more else {}
    return reply(request, EntryList(entries=[entry_body(each) for each in found], next_after=following), headers=headers)


@router.get("/journal/export", response_class=StreamingResponse, responses={**FILES, **problems(503)})
async def export_entries(
    hub: HubOf,
    *,
    form: Annotated[Literal["jsonl", "csv"], Query(alias="format")] = "jsonl",
    after: After = 0,
    kind: Kinds = None,
    device: Of = None,
    start: Start = None,
    end: End = None,
) -> Response:
    """Give out the whole journal, or a part of it, as JSON lines or CSV."""
    first = await hub.store.entries(after=after, kinds=kind or (), device=device, start=start, end=end, limit=PAGE)

    async def pages() -> AsyncIterator[bytes]:
        page = first
        if form == "csv":
            yield _rows([HEAD])
        while page:
            yield _as_csv(page) if form == "csv" else _as_lines(page)
            if len(page) < PAGE:
                return
            page = await hub.store.entries(after=page[-1].number, kinds=kind or (), device=device, start=start, end=end, limit=PAGE)

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
