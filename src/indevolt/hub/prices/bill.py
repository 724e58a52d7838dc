"""From a market's price to what a bill says, and prices that go by the hour and the day of the week. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from indevolt.hub.config_tariff import WEEKDAYS, BandConfig, FixedTariff, MarketTariff, TimeOfUseTariff
from indevolt.hub.prices.records import Rate, Spot

DIGITS: Final = 6  # of a price: a ten-thousandth of a cent


def rate_of(spot: Spot, tariff: MarketTariff) -> Rate:
    """Return what a bill says: (price x factor + surcharge) x (1 + VAT); for what is given, without VAT."""
    import_price = (spot.price * tariff.factor + tariff.surcharge) * (1 + tariff.vat_pct / 100)
    if tariff.export_factor is None:
        export_price = tariff.export_price
    else:
        market = spot.price if spot.market is None else spot.market
        export_price = market * tariff.export_factor + tariff.export_surcharge
    return Rate(round(import_price, DIGITS), round(export_price, DIGITS))


def rate_at(at: datetime, tariff: FixedTariff | TimeOfUseTariff, zone: ZoneInfo) -> Rate:
    """Return what holds at an instant, by the clocks of the site."""
    if isinstance(tariff, TimeOfUseTariff):
        local = at.astimezone(zone)
        for band in tariff.bands:
            if _fits(band, local):
                export_price = tariff.export_price if band.export_price is None else band.export_price
                return Rate(band.import_price, export_price)
    return Rate(tariff.import_price, tariff.export_price)


def _fits(band: BandConfig, local: datetime) -> bool:
    today = WEEKDAYS[local.weekday()] in band.days
    yesterday = WEEKDAYS[local.weekday() - 1] in band.days
    now = local.time()
    if band.start < band.end:
        return today and band.start <= now < band.end
    return (today and now >= band.start) or (yesterday and now < band.end)  # at midnight, nothing is before its end
