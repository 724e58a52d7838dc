"""Unit rates of Octopus Energy, such as Agile. Pure.

Facts are from its public API documentation: half-hourly rates in ``results``, newest first, with ``value_inc_vat`` in pence,
``valid_from`` and ``valid_to``; that is null where the rate holds until further notice. A page holds up to 1500.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from indevolt.errors import ProtocolError
from indevolt.hub.config_tariff import OctopusTariff
from indevolt.hub.prices.records import QUARTER, Spot
from indevolt.hub.websource import Json, WebRequest, document_of

URL: Final = "https://api.octopus.energy/v1/products"
_PAGE: Final = "1500"
_ONWARD: Final = timedelta(days=2)  # that a rate without an end is taken for known


def request(tariff: OctopusTariff, start: datetime, end: datetime) -> WebRequest:
    """Return what is asked for a stretch of time."""
    base = tariff.url or URL
    url = f"{base.rstrip('/')}/{tariff.product}/electricity-tariffs/{tariff.code}/standard-unit-rates/"
    span = {"period_from": f"{start:%Y-%m-%dT%H:%M:%SZ}", "period_to": f"{end:%Y-%m-%dT%H:%M:%SZ}", "page_size": _PAGE}
    return WebRequest(url, span)


def parse(body: bytes) -> tuple[Spot, ...]:
    """Return what was told, oldest first.

    Raises:
        ProtocolError: it is no such list.
    """
    try:
        return tuple(sorted((_spot(each) for each in document_of(body)["results"]), key=lambda spot: spot.start))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ProtocolError(f"these are no rates as Octopus has them: {error!r:.80}", raw=body[:200]) from error


def _spot(each: Json) -> Spot:
    start = datetime.fromisoformat(each["valid_from"]).astimezone(UTC)
    end = datetime.fromisoformat(each["valid_to"]).astimezone(UTC) if each["valid_to"] else start + _ONWARD
    if end - start < QUARTER:
        raise ValueError(f"a rate from {start} to {end}")
    return Spot(start, end, float(each["value_inc_vat"]) / 100)
