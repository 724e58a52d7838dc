"""Keeps prices: restores what was known, asks when there may be news, politely, and tells whoever wants to know.

Sources publish tomorrow's prices after noon. So the next day is asked for from one o'clock on, by the clocks of the site, at a
minute that is the hub's own, and then with growing patience until it is there.
"""

from __future__ import annotations

import zlib
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from indevolt.errors import IndevoltError
from indevolt.hub.config_tariff import FileTariff, TariffConfig
from indevolt.hub.journal import Kind
from indevolt.hub.prices.book import GUESSED_FROM
from indevolt.hub.prices.records import Spot
from indevolt.hub.prices.sources import ask, source_key

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub

SPREAD_S: Final = 1200.0  # hubs ask spread over so long, so that a source does not get all at once
FIRST_PAUSE_S: Final = 300.0  # after an answer without what was wanted; doubles up to ...
LONGEST_PAUSE_S: Final = 3600.0
FILE_S: Final = 60.0  # between two looks at a file
REMEMBERED: Final = 13  # months that are restored: a year of bills


async def serve_prices(hub: Hub) -> None:
    """Keep the prices of the configuration's tariff until cancelled."""
    tariff = hub.config.tariff
    if tariff is None:
        return
    desk = _Desk(hub, tariff)
    await desk.restore()
    if desk.prices.price_at not in hub.tariffs:
        hub.tariffs.append(desk.prices.price_at)
    if desk.prices.follows_market:
        await desk.run()


class _Desk:
    """Asks for prices."""

    def __init__(self, hub: Hub, tariff: TariffConfig) -> None:
        self.prices = hub.prices
        self._hub = hub
        self._tariff = tariff
        self._failures = 0  # answers in a row without what was wanted
        self.prices.begin(tariff, hub.config.site.zone)

    async def run(self) -> None:
        """Ask when there may be news, until cancelled."""
        while True:
            self._failures = 0 if await self._refresh() else self._failures + 1
            await self._hub.clock.sleep(self._pause_s())

    async def restore(self) -> None:
        """Take in what was known before the hub began."""
        now = self._hub.clock.now()
        for back in range(-1, REMEMBERED):
            month = f"{_months_before(now, back):%Y-%m}"
            with suppress(IndevoltError, ValueError, TypeError):  # the store says so itself; what is not known is asked for anew
                if text := await self._hub.store.get(self._key(month)):
                    self.prices.restore(text, self.prices.midnight(now))

    async def _refresh(self) -> bool:
        """Ask the source for what is missing; return whether nothing is, afterwards."""
        prices, now = self.prices, self._hub.clock.now()
        before = prices.trouble
        try:
            spots = await ask(self._tariff, self._first_missing(now), prices.wanted_until(now))
        except IndevoltError as error:
            prices.trouble = error
            if before is None or str(before) != str(error):
                await self._hub.journal.note(Kind.HUB, f"prices of {prices.source}: {error}", remedy=error.remedy)
            return False
        prices.trouble, prices.asked_at = None, now
        await self._take(spots)
        return not prices.lacks(now)

    def _first_missing(self, now: datetime) -> datetime:
        """Return from when on to ask: some days back, to guess from, unless these are known."""
        week = self.prices.midnight(now, -GUESSED_FROM.days // 2)
        return week if self.prices.rate_at(week) is None else self.prices.midnight(now)

    async def _take(self, spots: tuple[Spot, ...]) -> None:
        months = self.prices.put(spots)
        for month in sorted(months):
            with suppress(IndevoltError):  # the store says so itself; prices go on in memory
                await self._hub.store.put(self._key(month), self.prices.save(month))
        until = self.prices.known_until(self._hub.clock.now())
        if months and until is not None:
            text = f"prices of {self.prices.source} are known up to {self.prices.clock_time(until)}"
            await self._hub.journal.note(Kind.HUB, text)

    def _pause_s(self) -> float:
        """Return how long there can be no news."""
        if isinstance(self._tariff, FileTariff):
            return FILE_S
        if self._failures:
            return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(self._failures - 1, 10))
        now = self._hub.clock.now()
        own_s = zlib.crc32(self._hub.config.hub.name.encode()) % SPREAD_S
        return (self.prices.next_news(now) - now).total_seconds() + own_s

    def _key(self, month: str) -> str:
        return f"prices:{source_key(self._tariff)}:{month}"


def _months_before(now: datetime, count: int) -> datetime:
    months = now.year * 12 + now.month - 1 - count
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)
