"""Keeps the forecast of the sun: asks a service, politely, and learns once an hour from what the plant gave."""

from __future__ import annotations

import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from indevolt.errors import IndevoltError
from indevolt.hub.config_forecast import ForecastConfig, SunSource
from indevolt.hub.forecast import forecast_solar, open_meteo
from indevolt.hub.forecast.book import LEARNT_FROM
from indevolt.hub.journal import Kind
from indevolt.hub.site.quantities import SITE
from indevolt.hub.websource import fetch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from indevolt.hub.hub import Hub

ASK_S: Final = 3600.0  # weather models run every one to six hours
LEARN_S: Final = 3600.0
FIRST_PAUSE_S: Final = 300.0  # after a failure; doubles up to ...
LONGEST_PAUSE_S: Final = 3600.0


async def serve_forecast(hub: Hub) -> None:
    """Keep the forecast until cancelled."""
    config = hub.config.forecast
    if config is None:
        return
    forecast = hub.forecast
    forecast.begin(config)
    with suppress(IndevoltError, ValueError):  # the store says so itself; what is not known is asked for anew
        if text := await hub.store.get(_key(config)):
            forecast.restore(text, hub.clock.now())
    failures = 0
    while True:
        await learn(hub)
        failures = 0 if await _ask(hub, config) else failures + 1
        pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(failures - 1, 10)) if failures else min(ASK_S, LEARN_S)
        await hub.clock.sleep(pause_s)


async def learn(hub: Hub) -> None:
    """Compare what was foreseen with what the plant gave."""
    now = hub.clock.now()
    with suppress(IndevoltError):  # without history nothing is learnt
        series = await hub.store.series(SITE, ["solar_power"], now - LEARNT_FROM, now, step_s=900.0)
        given = zip(series.times, series.columns["solar_power"], strict=True)
        hub.forecast.learn({at: power_w for at, power_w in given if isinstance(power_w, float | int)})


async def _ask(hub: Hub, config: ForecastConfig) -> bool:
    """Ask the service about each plane; return whether there is nothing to be asked again."""
    if config.source is SunSource.CLEAR_SKY or not config.planes:
        return True
    forecast, before = hub.forecast, hub.forecast.trouble
    try:
        told = [await _foreseen(config, number) for number in range(len(config.planes))]
    except IndevoltError as error:
        forecast.trouble = error
        if before is None or str(before) != str(error):
            await hub.journal.note(Kind.HUB, f"forecast of {config.source}: {error}", remedy=error.remedy)
        return False
    forecast.trouble = None
    forecast.take(told, hub.clock.now())
    with suppress(IndevoltError):  # the store says so itself; the forecast goes on in memory
        await hub.store.put(_key(config), forecast.save())
    return True


async def _foreseen(config: ForecastConfig, number: int) -> Mapping[datetime, float]:
    plane = config.planes[number]
    if config.source is SunSource.OPEN_METEO:
        return open_meteo.parse(await fetch(open_meteo.request(config, plane)), plane)
    return forecast_solar.parse(await fetch(forecast_solar.request(config, plane)))


def _key(config: ForecastConfig) -> str:
    """Return what forecasts of a plant are kept under: of another plant, or another source, nothing is to be learnt."""
    plant = config.model_dump_json(include={"source", "latitude_deg", "longitude_deg", "planes"})
    return f"forecast:{zlib.crc32(plant.encode()):08x}"
