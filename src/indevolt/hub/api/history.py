"""History of a device, as JSON, CSV or Parquet, and the energies of its hours, days, weeks and months."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from tempfile import SpooledTemporaryFile
from typing import Annotated, BinaryIO, Final, Literal, TypeAlias, cast

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from indevolt.errors import InvalidInput
from indevolt.hub.api.asked import (
    LONGEST_RAW,
    End,
    HubOf,
    KeeperOf,
    Names,
    Span,
    Start,
    known_names,
    span_of,
    unit_of,
)
from indevolt.hub.api.auth import READERS
from indevolt.hub.api.models import EnergiesBody, EnergyBody, HistoryBody
from indevolt.hub.api.problems import Declared, problems
from indevolt.hub.api.replies import NOT_MODIFIED, page_link, reply
from indevolt.hub.config_values import zone_of
from indevolt.hub.derive import DERIVED_UNITS
from indevolt.hub.hub import Hub
from indevolt.hub.keeper import Keeper
from indevolt.store import Aggregate, Period

AUTO_TIMES: Final = 1000  # what a chart as wide as a screen can show
MOST_TIMES: Final = 20_000  # in one answer as JSON: some MB
STEPS_S: Final = (1, 2, 5, 10, 30, 60, 300, 900, 3600, 3 * 3600, 6 * 3600, 24 * 3600, 7 * 24 * 3600)
IN_MEMORY: Final = 1024 * 1024  # bytes of an export; more goes through a temporary file
CHUNK: Final = 64 * 1024
MOST_PERIODS: Final = 10_000  # more than a year of hours
_PERIOD_S: Final = {"hour": 3600, "day": 24 * 3600, "week": 7 * 24 * 3600, "month": 28 * 24 * 3600}
_SHOWN_DAYS: Final = {"hour": 1, "day": 7, "week": 56, "month": 365}  # without a start
File: TypeAlias = Literal["csv", "parquet"]
CSV: Final = "text/csv; charset=utf-8"
PARQUET: Final = "application/vnd.apache.parquet"
FORMS: Final[Declared] = {
    200: {
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            PARQUET: {"schema": {"type": "string", "format": "binary"}},
        }
    }
}

router = APIRouter(prefix="/api/v1/devices/{device}", tags=["history"], dependencies=READERS)


@router.get("/history", response_model=HistoryBody, responses={**FORMS, **NOT_MODIFIED, **problems(404)})
async def get_history(
    request: Request,
    hub: HubOf,
    keeper: KeeperOf,
    *,
    names: Annotated[str, Query(max_length=4000, description="Quantities, separated by commas.", examples=["battery_power"])],
    start: Start = None,
    end: End = None,
    step: Annotated[
        str,
        Query(pattern=r"^(auto|raw|[0-9]{1,7})$", description="Seconds; raw: the readings as they were; auto: some 1000 times."),
    ] = "auto",
    aggregate: Annotated[
        Literal["mean", "min", "max", "last"], Query(description="What stands for a step; counters, words and switches: last.")
    ] = "mean",
    format: Annotated[  # noqa: A002 - the name of the parameter in the address
        Literal["json", "csv", "parquet"] | None, Query(description="By default what `Accept` says, else json.")
    ] = None,
) -> Response:
    """Tell what quantities were, by default in the last 24 hours. Gaps are null."""
    asked = known_names(keeper, names) or ()
    span = span_of(start, end, hub.clock.now(), timedelta(hours=24))
    step_s = step_of(step, span)
    form = format or _form(request.headers.get("accept", ""))
    if form != "json":
        return await _export(hub, keeper, names=asked, span=span, step_s=step_s, form=form)
    if step_s is not None and span.length_s / step_s > MOST_TIMES:
        raise InvalidInput(
            f"step: {span.length_s / step_s:.0f} steps of {step_s:g} s", remedy=f"At most {MOST_TIMES}; or ask for csv."
        )
    limit = MOST_TIMES if step_s is None else None
    series = await hub.store.series(
        keeper.id, asked, span.start, span.end, step_s=step_s, aggregate=Aggregate(aggregate), limit=limit
    )
    body = HistoryBody(
        device=keeper.id,
        start=span.start,
        end=span.end,
        step_s=step_s,
        aggregate=aggregate,
        units={name: unit_of(keeper, name) for name in asked},
        times=list(series.times),
        columns={name: list(series.columns.get(name, ())) or [None] * len(series.times) for name in asked},
    )
    same = repr((asked, step_s, aggregate, body.times, body.columns)).encode()  # by default the end is now
    more = limit is not None and len(series.times) >= limit
    headers = page_link(request, start=_behind(series.times[-1]), end=span.end.isoformat()) if more else {}
    return reply(request, body, same=same, headers=headers)


@router.get("/energies", response_model=EnergiesBody, responses={**NOT_MODIFIED, **problems(404)})
async def get_energies(
    request: Request,
    hub: HubOf,
    keeper: KeeperOf,
    *,
    period: Annotated[Period, Query(description="Weeks begin on Monday.")] = "day",
    names: Names = None,
    start: Start = None,
    end: End = None,
    zone: Annotated[str | None, Query(max_length=64, description="IANA name; by default that of the site.")] = None,
) -> Response:
    """Tell by how much energies grew in each hour, day, week or month; by default those that the hub works out."""
    asked = known_names(keeper, names) or tuple(name for name, unit in DERIVED_UNITS.items() if unit == "Wh")
    if wrong := [name for name in asked if unit_of(keeper, name) != "Wh"]:
        raise InvalidInput(f"names: {wrong[0]} is no energy", remedy="Ask for counters in Wh, or for history.")
    where = zone_of(zone if zone is not None else hub.config.site.time_zone)
    if where is None:
        raise InvalidInput(f"zone: no time zone {zone!r:.60}", remedy='Names are like "Europe/Berlin"; "UTC" is one, too.')
    span = span_of(start, end, hub.clock.now(), timedelta(days=_SHOWN_DAYS[period]))
    if span.length_s / _PERIOD_S[period] > MOST_PERIODS:
        raise InvalidInput(f"{period}: more than {MOST_PERIODS} of them", remedy="Ask for less, or for longer periods.")
    found = await hub.store.energies(keeper.id, asked, span.start, span.end, period=period, zone=where)
    energies = [EnergyBody(start=at, values={name: values.get(name) for name in asked}) for at, values in found]
    return reply(request, EnergiesBody(device=keeper.id, period=period, zone=where.key, energies=energies))


def step_of(step: str, span: Span) -> float | None:
    """Return the step in seconds; None for the readings as they were.

    Raises:
        InvalidInput: 0, or too much would come.
    """
    if step == "raw":
        if span.end - span.start > LONGEST_RAW:
            raise InvalidInput(
                f"step: raw over {span.length_s / 86_400:.0f} days", remedy=f"At most {LONGEST_RAW.days}; or give a step."
            )
        return None
    if step == "auto":
        return float(next((each for each in STEPS_S if span.length_s / each <= AUTO_TIMES), STEPS_S[-1]))
    if int(step) < 1:
        raise InvalidInput("step: 0 s", remedy="At least 1 s; raw for the readings as they were.")
    return float(step)


def _form(accept: str) -> Literal["json", "csv", "parquet"]:
    """Return the form that a client wants most; JSON unless it names another."""
    for each in accept.split(","):
        kind = each.partition(";")[0].strip().lower()
        if kind in ("application/json", "*/*"):
            return "json"
        if kind == "text/csv":
            return "csv"
        if kind in (PARQUET, "application/parquet"):
            return "parquet"
    return "json"


async def _export(hub: Hub, keeper: Keeper, *, names: tuple[str, ...], span: Span, step_s: float | None, form: File) -> Response:
    """Return history as a file."""
    if step_s is not None and span.length_s / step_s > 1_000_000:
        raise InvalidInput(f"step: {span.length_s / step_s:.0f} steps", remedy="At most a million.")
    file = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed when it has been sent
    try:
        await hub.store.export(keeper.id, names, span.start, span.end, step_s=step_s, sink=cast("BinaryIO", file), form=form)
        size = await run_in_threadpool(file.tell)
        await run_in_threadpool(file.seek, 0)
    except BaseException:
        file.close()
        raise

    async def chunks() -> AsyncIterator[bytes]:
        try:
            while chunk := await run_in_threadpool(file.read, CHUNK):
                yield chunk
        finally:
            file.close()

    name = f"{keeper.id}-{span.start:%Y%m%dT%H%M%SZ}.{form}"
    headers = {"content-disposition": f'attachment; filename="{name}"', "content-length": str(size)}
    return StreamingResponse(chunks(), 200, headers, CSV if form == "csv" else PARQUET)


def _behind(at: datetime) -> str:
    return (at + timedelta(milliseconds=1)).isoformat()
