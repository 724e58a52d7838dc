"""Prices: what a kWh costs and brings, stretch by stretch, and what of it is only guessed."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from indevolt.errors import InvalidInput
from indevolt.hub.api.asked import End, HubOf, Span, Start
from indevolt.hub.api.auth import READERS
from indevolt.hub.api.models import TroubleBody
from indevolt.hub.api.problems import problems
from indevolt.hub.api.replies import NOT_MODIFIED, reply
from indevolt.hub.hub import Hub
from indevolt.hub.prices.book import Prices

LONGEST: Final = timedelta(days=100)
AHEAD_DAYS: Final = 2  # from the start of today, where nothing else is asked for
OFTEN: Final = timedelta(days=3)  # pages ask for less, again and again; a hundred days would keep some 10 MB for nobody

router = APIRouter(prefix="/api/v1", tags=["prices"], dependencies=READERS)


class PriceSlotBody(BaseModel):
    """A stretch of an hour at most with one price."""

    start: datetime
    end: datetime
    import_price: float = Field(description="What a kWh costs, everything included; may be negative.")
    export_price: float = Field(description="What one that is given brings; may be negative.")
    known: bool = Field(description="false: guessed from past days, as nobody knows it yet.")


class PriceList(BaseModel):
    """Prices from one instant to another. Stretches of which nothing can be said are left out."""

    source: str = Field(description="Kind of the tariff; empty without one.")
    simulated: bool = Field(description="Whether they are made up.")
    unit: str = Field(examples=["EUR/kWh"])
    time_zone: str
    follows_market: bool = Field(description="Whether they come from day to day; else they hold until the configuration changes.")
    known_until: datetime | None = Field(description="Up to when they are known without a gap; null: always, or not even now.")
    asked_at: datetime | None = Field(description="When the source last answered.")
    reason: str = Field(description="Why there are none, such as that no tariff is configured; else empty.")
    notes: list[str]
    trouble: TroubleBody | None = Field(description="Why the source does not tell.")
    slots: list[PriceSlotBody]


@router.get("/prices", response_model=PriceList, responses={**NOT_MODIFIED, **problems(422)})
async def list_prices(request: Request, hub: HubOf, *, start: Start = None, end: End = None) -> Response:
    """Tell prices, by default from the start of today to the end of tomorrow."""
    prices, now = hub.prices, hub.clock.now()
    since = start or prices.midnight(now)
    until = end or max(since + timedelta(days=1), prices.midnight(now, AHEAD_DAYS))
    span = _checked(since, until)
    often = span.end - span.start <= OFTEN
    trouble = prices.trouble
    body = PriceList(
        source=prices.source,
        simulated=prices.simulated,
        unit=f"{hub.config.site.currency}/kWh",
        time_zone=hub.config.site.time_zone,
        follows_market=prices.follows_market,
        known_until=prices.known_until(now),
        asked_at=prices.asked_at,
        reason=_reason(hub),
        notes=prices.notes(now),
        trouble=TroubleBody(detail=str(trouble), remedy=trouble.remedy) if trouble else None,
        slots=_slots_again(prices, (prices.source, prices.version), span) if often else _slots(prices, span),
    )
    return reply(request, body)


def _slots(prices: Prices, span: Span) -> list[PriceSlotBody]:
    return [
        PriceSlotBody(
            start=each.start,
            end=each.end,
            import_price=each.rate.import_price,
            export_price=each.rate.export_price,
            known=each.known,
        )
        for each in prices.slots(span.start, span.end)
    ]


@lru_cache(maxsize=4)
def _slots_again(prices: Prices, _state: tuple[str, int], span: Span) -> list[PriceSlotBody]:
    """Return the same, made once for each state of what is known."""
    return _slots(prices, span)


def _reason(hub: Hub) -> str:
    if hub.prices.tariff is None:
        return "no tariff is configured; see [tariff]"
    return ""


def _checked(start: datetime, end: datetime) -> Span:
    """Return a stretch of time that is neither empty nor too long.

    Raises:
        InvalidInput: it is.
    """
    if not timedelta() < end - start <= LONGEST:
        facts = f"start {start.isoformat()} and end {end.isoformat()} are not above 0 and up to {LONGEST.days} days apart"
        raise InvalidInput(facts, remedy="Ask for less.")
    return Span(start, end)
