"""Day-ahead prices of Energy-Charts. Pure.

Facts are from its public API documentation: ``GET /price?bzn=DE-LU&start=DATE&end=DATE``, two lists of one length, ``unix_seconds``
and ``price``, in EUR/MWh; null where there is no price. A stretch ends where the next begins.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

from indevolt.errors import ProtocolError
from indevolt.hub.config_tariff import EnergyChartsTariff
from indevolt.hub.prices.records import Spot
from indevolt.hub.websource import WebRequest, document_of

URL: Final = "https://api.energy-charts.info/price"
_HOUR_S: Final = 3600.0


def request(tariff: EnergyChartsTariff, start: datetime, end: datetime) -> WebRequest:
    """Return what is asked for a stretch of time; whole days of the zone, one more on each side."""
    days = {"start": f"{start - timedelta(days=1):%Y-%m-%d}", "end": f"{end + timedelta(days=1):%Y-%m-%d}"}
    return WebRequest(tariff.url or URL, {"bzn": tariff.zone, **days})


def parse(body: bytes) -> tuple[Spot, ...]:
    """Return what was told.

    Raises:
        ProtocolError: these are no such lists.
    """
    try:
        document = document_of(body)
        told = sorted(zip(map(float, document["unix_seconds"]), document["price"], strict=True))
        steps_s = [min(_HOUR_S, later - at) for (at, _), (later, _) in pairwise(told)]
        steps_s.append(steps_s[-1] if steps_s else _HOUR_S)
        return tuple(
            Spot(datetime.fromtimestamp(at, UTC), datetime.fromtimestamp(at + step_s, UTC), float(price) / 1000)
            for (at, price), step_s in zip(told, steps_s, strict=True)
            if price is not None
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ProtocolError(f"these are no prices as Energy-Charts has them: {error!r:.80}", raw=body[:200]) from error
