"""History of a device, as JSON, CSV or Parquet, and the energies of its hours, days, weeks, months and years."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from tempfile import SpooledTemporaryFile
from typing import Annotated, BinaryIO, Final, Literal, TypeAlias, cast
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query
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
from indevolt.store import Aggregate, Period

AUTO_TIMES: Final = 1000  # what a chart as wide as a screen can show
MOST_TIMES: Final = 20_000  # in one answer as JSON: some MB
STEPS_S: Final = (1, 2, 5, 10, 30, 60, 300, 900, 3600, 3 * 3600, 6 * 3600, 24 * 3600, 7 * 24 * 3600)
IN_MEMORY: Final = 1024 * 1024  # bytes of an export; more goes through a temporary file
CHUNK: Final = 64 * 1024
MOST_PERIODS: Final = 10_000  # more than a year of hours
_PERIOD_S: Final = {"hour": 3600, "day": 24 * 3600, "week": 7 * 24 * 3600, "month": 28 * 24 * 3600, "year": 365 * 24 * 3600}
_SHOWN_DAYS: Final = {"hour": 1, "day": 7, "week": 56, "month": 365, "year": 3653}  # without a start
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


@dataclass(frozen=True, slots=True)
class HistoryOf:
    """Which history is asked for, and as what; the query of a device's route and the site's."""

    names: Annotated[str, Query(max_length=4000, description="Quantities, separated by commas.", examples=["battery_power"])]
    start: Start = None
    end: End = None
    step: Annotated[
        str,
        Query(pattern=r"^(auto|raw|[0-9]{1,7})$", description="Seconds; raw: the readings as they were; auto: some 1000 times."),
    ] = "auto"
    aggregate: Annotated[
        Literal["mean", "min", "max", "last"], Query(description="What stands for a step; counters, words and switches: last.")
    ] = "mean"
    format: Annotated[Literal["json", "csv", "parquet"] | None, Query(description="By default what `Accept` says, else json.")] = (
        None
    )

    async def answer(self, request: Request, hub: Hub, device: str, units: Mapping[str, str]) -> Response:
        """Return the history of a device; ``units`` are those of the quantities that are asked for."""
        asked = tuple(units)
        span = span_of(self.start, self.end, hub.clock.now(), timedelta(hours=24))
        step_s = step_of(self.step, span)
        form = self.format or _form(request.headers.get("accept", ""))
        if form != "json":
            return await _export(hub, device, names=asked, span=span, step_s=step_s, form=form)
        if step_s is not None and span.length_s / step_s > MOST_TIMES:
            raise InvalidInput(
                f"step: {span.length_s / step_s:.0f} steps of {step_s:g} s", remedy=f"At most {MOST_TIMES}; or ask for csv."
            )
        limit = MOST_TIMES if step_s is None else None
        aggregate = Aggregate(self.aggregate)
        series = await hub.store.series(device, asked, span.start, span.end, step_s=step_s, aggregate=aggregate, limit=limit)
        body = HistoryBody(
            device=device,
            start=span.start,
            end=span.end,
            step_s=step_s,
            aggregate=self.aggregate,
            units=dict(units),
            times=list(series.times),
            columns={name: list(series.columns.get(name, ())) or [None] * len(series.times) for name in asked},
        )
        same = repr((asked, step_s, self.aggregate, body.times, body.columns)).encode()  # by default the end is now
        more = limit is not None and len(series.times) >= limit
        headers = page_link(request, start=_behind(series.times[-1]), end=span.end.isoformat()) if more else {}
        return reply(request, body, same=same, headers=headers)


@dataclass(frozen=True, slots=True)
class PeriodsOf:
    """Which calendar periods are asked for; the query of all that is told per period."""

    period: Annotated[Period, Query(description="Weeks begin on Monday.")] = "day"
    start: Start = None
    end: End = None
    zone: Annotated[str | None, Query(max_length=64, description="IANA name; by default that of the site.")] = None

    def settle(self, hub: Hub) -> tuple[Span, ZoneInfo]:
        """Return the span and the zone.

        Raises:
            InvalidInput: no such zone, or too many periods.
        """
        where = zone_of(self.zone if self.zone is not None else hub.config.site.time_zone)
        if where is None:
            raise InvalidInput(f"zone: no time zone {self.zone!r:.60}", remedy='Names are like "Europe/Berlin"; "UTC" is one, too.')
        span = span_of(self.start, self.end, hub.clock.now(), timedelta(days=_SHOWN_DAYS[self.period]))
        if span.length_s / _PERIOD_S[self.period] > MOST_PERIODS:
            raise InvalidInput(f"{self.period}: more than {MOST_PERIODS} of them", remedy="Ask for less, or for longer periods.")
        return span, where


@router.get("/history", response_model=HistoryBody, responses={**FORMS, **NOT_MODIFIED, **problems(404)})
async def get_history(request: Request, hub: HubOf, keeper: KeeperOf, asked: Annotated[HistoryOf, Depends()]) -> Response:
    """Tell what quantities were, by default in the last 24 hours. Gaps are null."""
    names = known_names(keeper, asked.names) or ()
    return await asked.answer(request, hub, keeper.id, {name: unit_of(keeper, name) for name in names})


@router.get("/energies", response_model=EnergiesBody, responses={**NOT_MODIFIED, **problems(404)})
async def get_energies(
    request: Request, hub: HubOf, keeper: KeeperOf, periods: Annotated[PeriodsOf, Depends()], *, names: Names = None
) -> Response:
    """Tell by how much energies grew in each hour, day, week, month or year; by default those that the hub works out."""
    asked = known_names(keeper, names) or tuple(name for name, unit in DERIVED_UNITS.items() if unit == "Wh")
    if wrong := [name for name in asked if unit_of(keeper, name) != "Wh"]:
        raise InvalidInput(f"names: {wrong[0]} is no energy", remedy="Ask for counters in Wh, or for history.")
    if daily := [name for name in asked if name.endswith("_today")]:
        raise InvalidInput(
            f"names: {daily[0]} begins anew each day, so it does not tell by how much it grew",
            remedy=f"Ask for {daily[0].removesuffix('_today')}_total where there is one, or for its history.",
        )
    span, zone = periods.settle(hub)
    found = await hub.store.energies(keeper.id, asked, span.start, span.end, period=periods.period, zone=zone)
    energies = [EnergyBody(start=at, values={name: values.get(name) for name in asked}) for at, values in found]
    return reply(request, EnergiesBody(device=keeper.id, period=periods.period, zone=zone.key, energies=energies))


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


async def _export(hub: Hub, device: str, *, names: tuple[str, ...], span: Span, step_s: float | None, form: File) -> Response:
    """Return history as a file."""
    if step_s is not None and span.length_s / step_s > 1_000_000:
        raise InvalidInput(f"step: {span.length_s / step_s:.0f} steps", remedy="At most a million.")
    file = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed when it has been sent
    try:
        await hub.store.export(device, names, span.start, span.end, step_s=step_s, sink=cast("BinaryIO", file), form=form)
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

    name = f"{device}-{span.start:%Y%m%dT%H%M%SZ}.{form}"
    headers = {"content-disposition": f'attachment; filename="{name}"', "content-length": str(size)}
    return StreamingResponse(chunks(), 200, headers, CSV if form == "csv" else PARQUET)


def _behind(at: datetime) -> str:
    return (at + timedelta(milliseconds=1)).isoformat()
