"""Day-ahead prices of aWATTar, and of whoever answers as it does. Pure.

Facts are from its public API documentation: ``GET /v1/marketdata?start=MS&end=MS``, a list of stretches in ``data`` with
``start_timestamp`` and ``end_timestamp`` in milliseconds, and ``marketprice`` in EUR/MWh.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from indevolt.errors import ProtocolError
from indevolt.hub.config_tariff import AwattarTariff
from indevolt.hub.prices.records import Spot
from indevolt.hub.websource import Json, WebRequest, document_of

URLS: Final = {"de": "https://api.awattar.de/v1/marketdata", "at": "https://api.awattar.at/v1/marketdata"}


def request(tariff: AwattarTariff, start: datetime, end: datetime) -> WebRequest:
    """Return what is asked for a stretch of time."""
    span = {"start": f"{start.timestamp() * 1000:.0f}", "end": f"{end.timestamp() * 1000:.0f}"}
    return WebRequest(tariff.url or URLS[tariff.country], span)


def parse(body: bytes) -> tuple[Spot, ...]:
    """Return what was told.

    Raises:
        ProtocolError: it is no such list.
    """
    try:
        return tuple(_spot(each) for each in document_of(body)["data"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ProtocolError(f"this is no list of prices as aWATTar has it: {error!r:.80}", raw=body[:200]) from error


def _spot(each: Json) -> Spot:
    start, end = (datetime.fromtimestamp(each[name] / 1000, UTC) for name in ("start_timestamp", "end_timestamp"))
    return Spot(start, end, float(each["marketprice"]) / 1000)
