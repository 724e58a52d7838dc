"""What Open-Meteo foresees of the sun on a plane. Pure.

Facts are from its public API documentation: ``GET /v1/forecast`` with ``minutely_15`` values ``global_tilted_irradiance`` (W/m2,
the mean of the quarter of an hour before the time) and ``temperature_2m`` (°C); its azimuth is 0 for south, -90 for east, 90 for
west. One request for each plane.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from indevolt.errors import ProtocolError
from indevolt.hub.config_forecast import ForecastConfig, PlaneConfig
from indevolt.hub.prices.records import QUARTER
from indevolt.hub.websource import WebRequest, document_of

URL: Final = "https://api.open-meteo.com/v1/forecast"
DAYS: Final = 3
PAST_DAYS: Final = 1  # so that today is whole
_HEAT_PER_W: Final = 0.03  # a module in 1 kW/m2 of sun is 30 K above the air
_LOSS_PER_K: Final = 0.004  # of silicon, from 25 °C on
_YIELD: Final = 0.92  # of a plant but for heat: dirt, cables and inverter, before its own history says better


def request(config: ForecastConfig, plane: PlaneConfig) -> WebRequest:
    """Return what is asked for a plane."""
    parameters = {
        "latitude": f"{config.latitude_deg:.4f}",
        "longitude": f"{config.longitude_deg:.4f}",
        "minutely_15": "global_tilted_irradiance,temperature_2m",
        "tilt": f"{plane.tilt_deg:g}",
        "azimuth": f"{from_south(plane.azimuth_deg):g}",
        "forecast_days": str(DAYS),
        "past_days": str(PAST_DAYS),
        "timeformat": "unixtime",
        "timezone": "GMT",
    }
    if config.token is not None:
        parameters["apikey"] = config.token.reveal()
    return WebRequest(config.url or URL, parameters)


def parse(body: bytes, plane: PlaneConfig) -> dict[datetime, float]:
    """Return what a plane is foreseen to give, by quarter of an hour.

    Raises:
        ProtocolError: it is no such answer, or says what is wrong with the question.
    """
    document = document_of(body)
    try:
        if document.get("error"):
            raise ProtocolError(f"Open-Meteo says: {document.get('reason', '')!s:.200}", remedy="Check [forecast].")
        told = document["minutely_15"]
        rows = zip(told["time"], told["global_tilted_irradiance"], told["temperature_2m"], strict=True)
        return {
            datetime.fromtimestamp(at_s, UTC) - QUARTER: _power_w(float(sun_w), 15.0 if air_c is None else float(air_c), plane)
            for at_s, sun_w, air_c in rows
            if sun_w is not None
        }
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ProtocolError(f"this is no forecast as Open-Meteo has it: {error!r:.80}", raw=body[:200]) from error


def from_south(azimuth_deg: float) -> float:
    """Return a compass direction as these services count: 0 is south, -90 east, 90 west."""
    return (azimuth_deg % 360) - 180


def _power_w(sun_w: float, air_c: float, plane: PlaneConfig) -> float:
    heat = 1 - _LOSS_PER_K * (air_c + _HEAT_PER_W * sun_w - 25)
    return max(0.0, plane.peak_w * sun_w / 1000 * heat * _YIELD)
