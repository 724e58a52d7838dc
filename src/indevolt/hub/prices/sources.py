"""How each source is asked: the only place that knows all kinds of tariffs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, assert_never

from indevolt.errors import InvalidInput
from indevolt.hub.config_tariff import (
    AwattarTariff,
    EnergyChartsTariff,
    EntsoeTariff,
    FileTariff,
    FixedTariff,
    OctopusTariff,
    SimulatedTariff,
    TariffConfig,
    TibberTariff,
    TimeOfUseTariff,
)
from indevolt.hub.prices import awattar, energy_charts, entsoe, madeup, octopus, pricefile, tibber
from indevolt.hub.prices.records import Spot
from indevolt.hub.websource import WebRequest, fetch

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class WebPrices:
    """A source on the web: how it is asked, and how its answer is read."""

    request: Callable[[datetime, datetime], WebRequest]
    parse: Callable[[bytes], tuple[Spot, ...]]


def web_prices(tariff: TariffConfig) -> WebPrices | None:
    """Return how a source on the web is asked; None where there is none to ask."""
    match tariff:
        case AwattarTariff():
            return WebPrices(partial(awattar.request, tariff), awattar.parse)
        case EnergyChartsTariff():
            return WebPrices(partial(energy_charts.request, tariff), energy_charts.parse)
        case EntsoeTariff():
            return WebPrices(partial(entsoe.request, tariff), entsoe.parse)
        case TibberTariff():
            return WebPrices(partial(tibber.request, tariff), partial(tibber.parse, home=tariff.home))
        case OctopusTariff():
            return WebPrices(partial(octopus.request, tariff), octopus.parse)
        case FixedTariff() | TimeOfUseTariff() | FileTariff() | SimulatedTariff():
            return None
        case _:
            assert_never(tariff)


async def ask(tariff: TariffConfig, start: datetime, end: datetime) -> tuple[Spot, ...]:
    """Return what the source of a tariff tells of a stretch of time; more or less of it, as it likes.

    Raises:
        IndevoltError: it cannot be asked now, or does not say what it should.
    """
    if (web := web_prices(tariff)) is not None:
        return web.parse(await fetch(web.request(start, end)))
    match tariff:
        case FileTariff(file=path):
            return pricefile.parse(_text_of(path))
        case SimulatedTariff():
            return madeup.spots(start, end)
    return ()


def source_key(tariff: TariffConfig) -> str:
    """Return what prices of a source are kept under: its kind, and what decides which prices it tells."""
    names = ("country", "zone", "home", "product", "code")
    return "-".join([tariff.kind, *(str(value) for name in names if (value := getattr(tariff, name, None)) is not None)])


def _text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}", remedy="See file of [tariff].") from error
