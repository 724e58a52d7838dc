"""The site over REST and as events, from a simulated home: totals, history, energies, flows, money, and the first view."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import pytest
from sitehome import SiteHome, site_home

from indevolt.hub.api import create_app, served
from indevolt.hub.site.prices import Price
from indevolt.hub.site.quantities import SITE_UNITS

PATIENCE_S = 20


@dataclass
class Api:
    """The home, and a client of its hub."""

    home: SiteHome
    session: aiohttp.ClientSession
    url: str

    async def get(self, path: str, status: int = 200, *, tag: str = "") -> Any:
        headers = {"If-None-Match": tag} if tag else {}
        async with asyncio.timeout(PATIENCE_S), self.session.get(f"{self.url}/api/v1/{path}", headers=headers) as answer:
            assert answer.status == status, await answer.text()
            return await answer.json() if "json" in answer.content_type else await answer.text()

    async def tag(self, path: str) -> str:
        async with asyncio.timeout(PATIENCE_S), self.session.get(f"{self.url}/api/v1/{path}") as answer:
            return answer.headers["etag"]


@asynccontextmanager
async def site_api(*arguments: Any, **more: Any) -> AsyncIterator[Api]:
    async with site_home(*arguments, **more) as home:
        application = create_app(home.hub)
        connector = aiohttp.TCPConnector(force_close=True)
        async with served(home.hub, application) as url, aiohttp.ClientSession(connector=connector) as session:
            yield Api(home, session, url)


# ---- now -------------------------------------------------------------------------------------------------------------------------


async def test_the_house_is_told_with_its_meter_and_what_each_unit_adds() -> None:
    async with site_api() as it:
        body = await it.get("site")
        assert body["values"].keys() == SITE_UNITS.keys()
        units = {unit["name"]: unit["values"] for unit in body["units"]}
        assert units.keys() == {"kitchen", "garage"}
        for name in ("battery_power", "solar_power", "stored_energy", "capacity"):
            assert body["values"][name]["value"] == pytest.approx(sum(unit[name]["value"] for unit in units.values())), name
        ac = sum(unit["ac_power"]["value"] for unit in units.values())
        assert body["values"]["house_power"]["value"] == max(0, ac + body["meter"]["power"]["value"])
        assert [meter["chosen"] for meter in body["meters"]] == [True, False]
        assert body["simulated"]
        for path in body["links"].values():
            if not path.startswith("events"):
                await it.get(path + ("?names=grid_power" if path.endswith("history") else ""))


async def test_a_silent_unit_is_named_and_its_totals_are_old() -> None:
    async with site_api() as it:
        it.home.ways["garage"].cut = True
        await it.home.clock.advance(120)
        total = (await it.get("site"))["values"]["house_power"]
        assert (total["quality"], total["missing"]) == ("offline", ["garage"])
        assert total["value"] is not None
        assert total["age_s"] > 90


async def test_what_has_not_changed_needs_no_body() -> None:
    async with site_api() as it:
        for path in ("site", "summary", "site/points"):
            await it.get(path, 304, tag=await it.tag(path))
        tag = await it.tag("site")
        await it.home.clock.advance(30)
        await it.get("site", tag=tag)


async def test_every_quantity_is_explained() -> None:
    async with site_api() as it:
        points = {each["name"]: each for each in (await it.get("site/points"))["points"]}
        assert {name: each["unit"] for name, each in points.items()} == dict(SITE_UNITS)
        assert all(each["about"] for each in points.values())


# ---- history ---------------------------------------------------------------------------------------------------------------------


async def test_history_has_steps_that_fit_a_screen_and_the_readings_themselves() -> None:
    async with site_api() as it:
        await it.home.clock.advance(600)
        body = await it.get("site/history?names=grid_power,house_power")
        assert (body["device"], body["units"]) == ("site", {"grid_power": "W", "house_power": "W"})
        assert body["step_s"] == 300
        assert body["columns"]["house_power"][-1] is not None
        raw = await it.get("site/history?names=house_power&step=raw")
        assert len(raw["times"]) > 50
        text = await it.get("site/history?names=house_power&step=raw&format=csv")
        assert len(list(csv.reader(io.StringIO(text)))) == len(raw["times"]) + 1


async def test_what_the_site_does_not_have_is_refused_with_the_nearest_name() -> None:
    async with site_api() as it:
        problem = await it.get("site/history?names=house_pwer", 422)
        assert "house_power" in problem["remedy"]


async def test_energies_add_up_to_flows() -> None:
    async with site_api(hour=10) as it:
        await it.home.clock.advance(1800)
        (today,) = (await it.get("site/energies?period=day&start=2026-10-05T00:00:00Z"))["energies"]
        values, flows = today["values"], today["flows"]
        assert flows["solar_to_house"] > 0
        sources = values["energy_solar"] + values["energy_discharge"] + values["energy_grid_import"]
        assert today["unallocated"] == pytest.approx(sources - sum(flows.values()))
        to_house = sum(flow for name, flow in flows.items() if name.endswith("_to_house"))
        assert to_house == pytest.approx(values["energy_house"], rel=0.15)
        assert 0 <= today["self_sufficiency"] <= 100
        for period in ("hour", "week", "month", "year"):
            assert (await it.get(f"site/energies?period={period}"))["energies"][-1]["values"]["energy_house"] is not None


# ---- money -----------------------------------------------------------------------------------------------------------------------


async def test_without_a_tariff_no_amount_is_made_up_and_the_reason_is_told() -> None:
    async with site_api() as it:
        body = await it.get("site/money")
        assert body["reason"] == "no tariff is configured"
        assert all(period["cost"] is None for period in body["periods"])
        assert (await it.get("summary"))["money_today"] is None


async def test_money_is_energy_times_the_price_of_its_quarter() -> None:
    async with site_api(hour=10) as it:
        it.home.hub.tariffs.append(lambda _: Price(0.30, 0.08))
        await it.home.clock.advance(870)  # up to the first whole quarter
        before_wh = it.home.hub.site.counts.totals["energy_house"]
        await it.home.clock.advance(2700)
        (today,) = (await it.get("site/money?start=2026-10-05T00:00:00Z"))["periods"]
        assert today["import_cost"] == pytest.approx(today["import_wh"] / 1000 * 0.30, abs=1e-3)
        assert today["export_revenue"] == pytest.approx(today["export_wh"] / 1000 * 0.08, abs=1e-3)
        assert today["saved_by_battery"] == pytest.approx(today["cost_without_battery"] - today["cost"], abs=1e-3)
        house_wh = it.home.hub.site.counts.totals["energy_house"] - before_wh
        assert today["cost_without_battery_and_sun"] == pytest.approx(house_wh / 1000 * 0.30, rel=0.05)
        assert today["known_s"] == 2700
        assert (await it.get("summary"))["money_today"] == today


async def test_where_a_price_is_not_known_it_is_said_for_how_long_there_is_one() -> None:
    async with site_api(hour=10) as it:
        begun: datetime = it.home.clock.now()
        it.home.hub.tariffs.append(lambda at: Price(0.30, 0.08) if at < begun + timedelta(minutes=30) else None)
        await it.home.clock.advance(3600)
        (today,) = (await it.get("site/money?start=2026-10-05T00:00:00Z"))["periods"]
        assert today["known_s"] == 1800


async def test_money_of_too_long_a_time_is_refused() -> None:
    async with site_api() as it:
        assert "400 days" in (await it.get("site/money?period=year&start=2020-01-01T00:00:00Z", 422))["remedy"]


# ---- the first view --------------------------------------------------------------------------------------------------------------


async def test_one_answer_has_all_that_a_first_view_needs() -> None:
    async with site_api() as it:
        body = await it.get("summary")
        assert body["meta"]["simulated"]
        assert {each["name"] for each in body["devices"]} == {"kitchen", "garage"}
        assert all("battery_soc" in each["values"] for each in body["devices"])
        assert body["device_count"] == 2
        site = await it.get("site")
        assert body["site"]["values"]["house_power"]["value"] == site["values"]["house_power"]["value"]
        assert body["today"]["values"]["energy_house"] is not None
        assert body["steering"] == []  # as no device may be controlled


async def test_events_go_on_where_the_first_view_ends() -> None:
    async with site_api() as it:
        last = (await it.get("summary"))["last_event_id"]
        await it.home.clock.advance(30)
        headers = {"Last-Event-ID": last}
        told: list[str] = []
        data: Any = None
        async with asyncio.timeout(PATIENCE_S), it.session.get(f"{it.url}/api/v1/events?kind=site", headers=headers) as stream:
            async for line in stream.content:
                if line.startswith(b"event: "):
                    told.append(line.split(b":")[1].strip().decode())
                if line.startswith(b"data: "):
                    data = json.loads(line[6:])
                if len(told) == 2 and line == b"\n":
                    break
        assert told == ["site", "site"]
        assert (data["device"], data["tier"]) == ("site", "site")
        assert data["values"]["house_power"] in {update.reading.value("house_power") for update in it.home.published()}


async def test_events_of_one_device_are_without_the_site_unless_it_is_asked_for() -> None:
    async with site_api() as it:
        await it.get("events?devices=nobody", 404)
        last = (await it.get("summary"))["last_event_id"]
        await it.home.clock.advance(30)
        for devices, has_site in (("kitchen", False), ("kitchen,site", True)):
            url = f"{it.url}/api/v1/events?devices={devices}&kind=site&kind=reading"
            seen = set()
            async with asyncio.timeout(PATIENCE_S), it.session.get(url, headers={"Last-Event-ID": last}) as stream:
                async for line in stream.content:
                    if line.startswith(b"data: "):
                        seen.add(json.loads(line[6:])["device"])
                        if seen == ({"kitchen", "site"} if has_site else {"kitchen"}):
                            break
            assert ("site" in seen) is has_site
