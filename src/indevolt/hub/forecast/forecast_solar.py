"""What Forecast.Solar foresees of a plane. Pure.

Facts are from its public API documentation: ``GET /estimate/watts/LAT/LON/TILT/AZIMUTH/KWP``, power in W at instants from sunrise
to sunset, in ``result``; azimuth -180 to 180 with 0 for south; with a key, that comes first in the path. Without one it answers
twelve questions an hour. Between two instants power is taken to change evenly.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

from indevolt.errors import ProtocolError
from indevolt.hub.config_forecast import ForecastConfig, PlaneConfig
from indevolt.hub.forecast.open_meteo import from_south
from indevolt.hub.prices.records import QUARTER, quarter_of
from indevolt.hub.websource import WebRequest, document_of

URL: Final = "https://api.forecast.solar"


def request(config: ForecastConfig, plane: PlaneConfig) -> WebRequest:
    """Return what is asked for a plane."""
    key = f"/{config.token.reveal()}" if config.token is not None else ""
    place = f"{config.latitude_deg:.4f}/{config.longitude_deg:.4f}"
    lies = f"{plane.tilt_deg:g}/{from_south(plane.azimuth_deg):g}/{plane.peak_w / 1000:g}"
    return WebRequest(f"{(config.url or URL).rstrip('/')}{key}/estimate/watts/{place}/{lies}", {"time": "utc"})


def parse(body: bytes) -> dict[datetime, float]:
    """Return what a plane is foreseen to give, by quarter of an hour.

    Raises:
        ProtocolError: it is no such answer.
    """
    try:
        told = sorted((_moment(at), float(power_w)) for at, power_w in document_of(body)["result"].items())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProtocolError(f"this is no forecast as Forecast.Solar has it: {error!r:.80}", raw=body[:200]) from error
    found: dict[datetime, float] = {}
    for (start, first_w), (end, last_w) in pairwise(told):
        if (end - start).total_seconds() > 4 * 3600:
            continue  # a night
        at = quarter_of(start)
        while at < end:
            since, until = max(at, start), min(at + QUARTER, end)
            share = ((since + (until - since) / 2) - start) / (end - start)
            found[at] = found.get(at, 0.0) + (first_w + (last_w - first_w) * share) * ((until - since) / QUARTER)
            at += QUARTER
    return found


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
