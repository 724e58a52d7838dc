"""Prices are fetched over real HTTP when there may be news, politely; they outlive the hub, and the API tells what is guessed."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from api.apihome import PATIENCE_S, api_home
from kept_house import a_hub, at_work

from indevolt.clock import ManualClock
from indevolt.errors import Unauthorized
from indevolt.hub.api.prices import PriceSlotBody
from indevolt.hub.config import Config, SiteConfig, StoreConfig
from indevolt.hub.config_tariff import (
    AwattarTariff,
    EntsoeTariff,
    FileTariff,
    FixedTariff,
    OctopusTariff,
    SimulatedTariff,
    TariffConfig,
    TibberTariff,
)
from indevolt.hub.hub import Hub
from indevolt.hub.prices import madeup
from indevolt.hub.prices.book import Prices
from indevolt.hub.prices.service import FIRST_PAUSE_S, serve_prices
from indevolt.hub.secret import Secret
from indevolt.store.memory import MemoryStore
from websource import Asked, WebSource, web_source

MORNING = datetime(2026, 6, 22, 7, 0, tzinfo=UTC)  # nine o'clock in Berlin
DAY = timedelta(days=1)


@dataclass
class PriceHome:
    hub: Hub
    clock: ManualClock

    @property
    def prices(self) -> Prices:
        return self.hub.prices

    async def until(self, holds: Any, *, step_s: float = 60.0) -> None:
        """Let time pass until something holds; gives up loudly."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                await self.clock.advance(step_s)
                await asyncio.sleep(0.001)  # for sockets: no time of the hub

    async def journal(self) -> list[str]:
        return [entry.text for entry in await self.hub.store.entries(limit=1000)]


@asynccontextmanager
async def price_home(tariff: TariffConfig, store: Any = None, *, start: datetime = MORNING) -> AsyncIterator[PriceHome]:
    clock = ManualClock(start)
    config = Config(site=SiteConfig(time_zone="Europe/Berlin"), tariff=tariff, store=StoreConfig(kind="memory"))
    hub = a_hub(config, clock, store)
    if store is None:
        await hub.store.open([])
    async with at_work(serve_prices(hub)):
        await clock.advance(0)
        yield PriceHome(hub, clock)
    if store is None:
        await hub.store.close()


class Market:
    """What aWATTar would answer: prices up to a moment that a test sets."""

    def __init__(self, until: datetime) -> None:
        self.until = until
        self.fail: int | None = None

    def answer(self, asked: Asked) -> str | int:
        if self.fail is not None:
            return self.fail
        start, end = (datetime.fromtimestamp(int(asked.query[name]) / 1000, UTC) for name in ("start", "end"))
        hours = []
        at = start
        while at < min(end, self.until):
            ms = int(at.timestamp() * 1000)
            hours.append({"start_timestamp": ms, "end_timestamp": ms + 3_600_000, "marketprice": 50 + at.hour})
            at += timedelta(hours=1)
        return json.dumps({"data": hours})


def awattar(web: WebSource, **more: Any) -> AwattarTariff:
    return AwattarTariff(kind="awattar", url=web.url, surcharge=0.1, **more)


def midnight(days: int) -> datetime:
    return datetime(2026, 6, 21, 22, 0, tzinfo=UTC) + days * DAY  # of the 22nd in Berlin


# ---- when it is asked ----------------------------------------------------------------------------------------------------------


async def test_today_is_asked_for_at_once_and_tomorrow_after_one_o_clock() -> None:
    market = Market(midnight(1))
    async with web_source(market.answer) as web, price_home(awattar(web)) as it:
        await it.until(lambda: it.prices.known_until(it.clock.now()))
        price = it.prices.price_at(MORNING)
        assert price is not None
        assert price.import_per_kwh == pytest.approx(0.157)
        assert it.hub.price_at(MORNING) == price
        await it.clock.advance(3.9 * 3600)
        assert len(web.asked) == 1, "until one o'clock there can be no news"
        market.until = midnight(2)
        await it.until(lambda: it.prices.known_until(it.clock.now()) == midnight(2))
        asked_at = it.clock.now().astimezone(it.hub.config.site.zone)
        assert (asked_at.hour, asked_at.minute <= 21) == (13, True)
        await it.clock.advance(20 * 3600)
        assert len(web.asked) == 2
        assert "prices of awattar are known up to 2026-06-24 00:00" in await it.journal()


async def test_a_source_that_has_no_news_is_asked_with_growing_patience() -> None:
    market = Market(midnight(1))
    async with web_source(market.answer) as web, price_home(awattar(web), start=MORNING + timedelta(hours=6)) as it:
        await web.until_asked(1)
        times: list[float] = []
        for number in range(2, 7):
            began_s = it.clock.monotonic()
            await it.until(lambda number=number: len(web.asked) == number)
            times.append(round((it.clock.monotonic() - began_s) / FIRST_PAUSE_S))
        assert times == [1, 2, 4, 8, 12]
        assert it.prices.lacks(it.clock.now())
        market.until = midnight(2)
        await it.until(lambda: not it.prices.lacks(it.clock.now()))


async def test_a_source_that_fails_is_told_of_once_and_prices_that_are_known_stay() -> None:
    market = Market(midnight(1))
    async with web_source(market.answer) as web, price_home(awattar(web)) as it:
        await it.until(lambda: it.prices.known_until(it.clock.now()))
        market.fail = 503
        await it.until(lambda: len(web.asked) >= 4, step_s=600)
        told = [text for text in await it.journal() if "HTTP 503" in text]
        assert len(told) == 1
        assert it.prices.trouble is not None
        assert it.prices.price_at(MORNING) is not None
        market.fail, market.until = None, midnight(2)
        await it.until(lambda: it.prices.trouble is None)
        assert it.prices.price_at(MORNING + DAY) is not None


async def test_a_token_that_is_refused_is_told_and_never_shown() -> None:
    tariff = TibberTariff(kind="tibber", token=Secret("geheim"))
    async with web_source(lambda _: 401) as web, price_home(tariff.model_copy(update={"url": web.url})) as it:
        await it.until(lambda: it.prices.trouble)
        assert isinstance(it.prices.trouble, Unauthorized)
        assert web.asked[0].headers["Authorization"] == "Bearer geheim"
        assert not any("geheim" in text for text in await it.journal())


async def test_days_before_are_asked_for_once_so_that_there_is_something_to_guess_from() -> None:
    market = Market(midnight(1))
    async with web_source(market.answer) as web, price_home(awattar(web)) as it:
        await it.until(lambda: it.prices.known_until(it.clock.now()))
        (slot,) = it.prices.slots(midnight(1), midnight(1) + timedelta(hours=1))
        assert not slot.known
        assert slot.rate.import_price == pytest.approx(0.172)
        await it.until(lambda: len(web.asked) >= 2, step_s=600)
        starts = [datetime.fromtimestamp(int(asked.query["start"]) / 1000, UTC) for asked in web.asked[:2]]
        assert starts == [midnight(0) - 7 * DAY, midnight(0)]


async def test_other_sources_are_asked_as_documented() -> None:
    results = [{"value_inc_vat": 21.0, "valid_from": "2026-06-21T22:00:00Z", "valid_to": "2026-06-22T22:00:00Z"}]
    tariff = OctopusTariff(kind="octopus", product="AGILE-1", code="E-1R-AGILE-1-C")
    async with (
        web_source(lambda _: json.dumps({"results": results})) as web,
        price_home(tariff.model_copy(update={"url": web.url})) as it,
    ):
        await it.until(lambda: it.prices.price_at(MORNING))
        assert web.asked[0].path == "/AGILE-1/electricity-tariffs/E-1R-AGILE-1-C/standard-unit-rates/"
    document = "<Acknowledgement_MarketDocument><Reason><code>999</code></Reason></Acknowledgement_MarketDocument>"
    entsoe = EntsoeTariff(kind="entsoe", zone="10Y1001A1001A82H", token=Secret("geheim"))
    async with web_source(lambda _: document) as web, price_home(entsoe.model_copy(update={"url": web.url})) as it:
        await it.until(lambda: it.prices.asked_at)
        assert web.asked[0].query["securityToken"] == "geheim"
        assert (it.prices.trouble, it.prices.lacks(MORNING)) == (None, True)


# ---- what outlives the hub -----------------------------------------------------------------------------------------------------


async def test_prices_outlive_the_hub_and_need_no_network_then() -> None:
    store = MemoryStore(clock=ManualClock(MORNING))
    await store.open([])
    market = Market(midnight(1))
    async with web_source(market.answer) as web, price_home(awattar(web), store) as it:
        await it.until(lambda: it.prices.known_until(it.clock.now()))
        await it.until(lambda: len(web.asked) >= 1)
        before = it.prices.slots(midnight(-7), midnight(3))
    async with price_home(awattar(web), store) as it:  # the server is gone
        await it.until(lambda: it.prices.trouble)
        assert it.prices.slots(midnight(-7), midnight(3)) == before
        assert it.prices.price_at(MORNING) is not None
    await store.close()


async def test_what_somebody_else_kept_there_does_no_harm() -> None:
    store = MemoryStore(clock=ManualClock(MORNING))
    await store.open([])
    for text in ("no json", "[[1]]", '{"a": 1}', "[[1e99, 1, 1, null, 1, 1]]"):
        await store.put("prices:simulated:2026-06", text)
        async with price_home(SimulatedTariff(kind="simulated"), store) as it:
            await it.until(lambda: it.prices.price_at(MORNING))
    await store.close()


# ---- sources of this machine ---------------------------------------------------------------------------------------------------


async def test_a_file_is_read_anew_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text("start,price\n2026-06-22T09:00:00+02:00,0.2\n")
    async with price_home(FileTariff(kind="file", file=file)) as it:
        await it.until(lambda: it.prices.price_at(MORNING))
        file.write_text("start,price\n2026-06-22T09:00:00+02:00,0.3\n")
        version = it.prices.version
        await it.until(lambda: it.prices.version > version)
        price = it.prices.price_at(MORNING)
        assert price is not None
        assert price.import_per_kwh == 0.3
        file.write_text("nonsense")
        await it.until(lambda: it.prices.trouble)
        assert "there is no column start" in str(it.prices.trouble)
        assert it.prices.price_at(MORNING) == price


async def test_made_up_prices_need_nobody() -> None:
    async with price_home(SimulatedTariff(kind="simulated", surcharge=0.15, vat_pct=19.0)) as it:
        await it.until(lambda: it.prices.price_at(MORNING))
        assert it.prices.known_until(MORNING) == midnight(1)
        await it.until(lambda: it.prices.known_until(it.clock.now()) == midnight(2), step_s=600)


# ---- through the API -----------------------------------------------------------------------------------------------------------


async def test_the_api_tells_prices_and_which_of_them_are_guessed() -> None:
    async with api_home() as it:
        it.hub.prices.begin(SimulatedTariff(kind="simulated"), it.hub.config.site.zone)
        empty = (await it.ask("/api/v1/prices")).json
        assert (empty["slots"], empty["known_until"], empty["source"]) == ([], None, "simulated")
        it.hub.prices.put(madeup.spots(it.hub.prices.midnight(it.clock.now()) - 7 * DAY, it.hub.prices.midnight(it.clock.now(), 1)))
        answer = await it.ask("/api/v1/prices")
        body = answer.json
        assert (body["unit"], body["simulated"], body["time_zone"], body["reason"]) == ("EUR/kWh", True, "Europe/Berlin", "")
        assert body["notes"][0] == "These prices are made up, to try things out."
        assert [slot["known"] for slot in body["slots"]].index(False) == 96
        assert body["slots"][0]["start"] == "2026-06-20T22:00:00Z"
        assert body["slots"][-1]["end"] == "2026-06-22T22:00:00Z"
        assert set(body["slots"][0]) == {"start", "end", "import_price", "export_price", "known"}
        again = await it.ask("/api/v1/prices", headers={"If-None-Match": answer.headers["etag"]})
        assert again.status == 304
        short = await it.ask("/api/v1/prices?start=2026-06-21T12:00:00Z&end=2026-06-21T13:00:00Z")
        assert len(short.json["slots"]) == 4


async def test_prices_of_months_are_not_kept_for_who_asks_next() -> None:
    def held() -> int:
        gc.collect()
        return sum(isinstance(each, PriceSlotBody) for each in gc.get_objects())

    async with api_home() as it:
        it.hub.prices.begin(FixedTariff(kind="fixed", import_price=0.3), it.hub.config.site.zone)
        before = held()
        answer = await it.ask("/api/v1/prices?start=2026-04-01T00:00:00Z&end=2026-07-01T00:00:00Z")
        assert len(answer.json["slots"]) == 91 * 24
        assert held() == before


async def test_what_is_told_anew_is_seen_although_it_was_asked_for_before() -> None:
    async with api_home() as it:
        begun = it.hub.prices.midnight(it.clock.now())
        assert (await it.ask("/api/v1/prices")).json["slots"] == []
        it.hub.prices.begin(SimulatedTariff(kind="simulated"), it.hub.config.site.zone)
        for hours in (12, 24):
            it.hub.prices.put(madeup.spots(begun, begun + timedelta(hours=hours)))
            known = [slot for slot in (await it.ask("/api/v1/prices")).json["slots"] if slot["known"]]
            assert known[-1]["end"] == f"{begun + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"


async def test_without_a_tariff_the_api_says_so() -> None:
    async with api_home() as it:
        body = (await it.ask("/api/v1/prices")).json
        assert (body["reason"], body["slots"], body["source"]) == ("no tariff is configured; see [tariff]", [], "")
        for query in ("start=2026-06-21T12:00:00Z&end=2026-06-21T12:00:00Z", "start=2026-01-01T00:00:00Z&end=2026-06-21T12:00:00Z"):
            refused = await it.ask(f"/api/v1/prices?{query}")
            assert (refused.status, "not above 0 and up to 100 days apart" in refused.json["detail"]) == (422, True)


async def test_a_fixed_price_reaches_the_bill_of_the_site() -> None:
    async with price_home(FixedTariff(kind="fixed", import_price=0.3)) as it:
        price = it.hub.price_at(MORNING)
        assert price is not None
        assert (price.import_per_kwh, price.export_per_kwh) == (0.3, 0.0)
