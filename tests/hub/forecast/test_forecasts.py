"""What services foresee is understood, what the plant gave corrects it, and it outlives the hub."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given, strategies as st
from kept_house import a_hub, at_work

from indevolt.clock import ManualClock
from indevolt.errors import ProtocolError
from indevolt.hub.config import Config, StoreConfig
from indevolt.hub.config_forecast import ForecastConfig, PlaneConfig, SunSource
from indevolt.hub.forecast import forecast_solar, open_meteo
from indevolt.hub.forecast.book import LEAST, MOST, Forecasts
from indevolt.hub.forecast.service import learn, serve_forecast
from indevolt.hub.hub import Hub
from indevolt.hub.prices.records import QUARTER
from indevolt.hub.secret import Secret
from indevolt.hub.site.quantities import SITE
from indevolt.hub.tiers import tables_of
from indevolt.store import StoredReading
from indevolt.store.memory import MemoryStore
from websource import Asked, WebSource, web_source

NOON = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)
SOUTH = PlaneConfig(tilt_deg=30, azimuth_deg=180, peak_w=1000)
EAST = PlaneConfig(tilt_deg=20, azimuth_deg=90, peak_w=500)
PATIENCE_S = 20.0


def config(source: SunSource = SunSource.CLEAR_SKY, **more: Any) -> ForecastConfig:
    return ForecastConfig(**{"source": source, "latitude_deg": 52.5, "longitude_deg": 13.4, "planes": (SOUTH,), **more})


def quarters(count: int, start: datetime = NOON) -> list[datetime]:
    return [start + number * QUARTER for number in range(count)]


# ---- what services say ---------------------------------------------------------------------------------------------------------


def meteo(*rows: tuple[int, float | None, float | None]) -> bytes:
    times, sun, air = (list(column) for column in zip(*rows, strict=True))
    told = {"time": times, "global_tilted_irradiance": sun, "temperature_2m": air}
    return json.dumps({"latitude": 52.5, "minutely_15_units": {"time": "unixtime"}, "minutely_15": told}).encode()


def test_open_meteo_is_asked_for_a_plane_and_tells_the_quarter_before_a_time() -> None:
    asked = open_meteo.request(config(token=Secret("geheim")), EAST)
    assert asked.url == "https://api.open-meteo.com/v1/forecast"
    assert (asked.parameters["tilt"], asked.parameters["azimuth"], asked.parameters["apikey"]) == ("20", "-90", "geheim")
    assert "geheim" not in asked.place
    at_s = int(NOON.timestamp())
    found = open_meteo.parse(meteo((at_s, 0.0, 20.0), (at_s + 900, 1000.0, -5.0), (at_s + 1800, None, 20.0)), SOUTH)
    assert list(found) == [NOON - QUARTER, NOON]
    assert found[NOON - QUARTER] == 0.0
    assert found[NOON] == pytest.approx(920), "a module in 1 kW/m2 is 25 degrees warm at five below zero"


def test_open_meteo_says_what_is_wrong_with_a_question() -> None:
    with pytest.raises(ProtocolError, match="Open-Meteo says: Latitude must be in range"):
        open_meteo.parse(b'{"error": true, "reason": "Latitude must be in range of -90 to 90"}', SOUTH)


@pytest.mark.parametrize(("compass", "south"), [(0, -180), (90, -90), (180, 0), (270, 90), (360, -180)])
def test_services_count_directions_from_the_south(compass: float, south: float) -> None:
    assert open_meteo.from_south(compass) == south


def test_forecast_solar_is_asked_for_a_plane_and_power_changes_evenly_between_its_instants() -> None:
    asked = forecast_solar.request(config(token=Secret("key")), EAST)
    assert asked.url == "https://api.forecast.solar/key/estimate/watts/52.5000/13.4000/20/-90/0.5"
    told = {"2026-06-21T12:00:00+00:00": 0, "2026-06-21T13:00:00+00:00": 800, "2026-06-21T13:10:00+00:00": 0}
    found = forecast_solar.parse(json.dumps({"result": told, "message": {"code": 0}}).encode())
    assert found == pytest.approx(dict(zip(quarters(5), [100, 300, 500, 700, 400 * 10 / 15], strict=True)))


def test_a_night_between_two_instants_gives_nothing() -> None:
    told = {"2026-06-21 19:30:00": 0, "2026-06-22 03:00:00": 0, "2026-06-22 04:00:00": 100}
    assert set(forecast_solar.parse(json.dumps({"result": told}).encode())) == set(quarters(4, NOON + timedelta(hours=15)))


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["result", "minutely_15", "time", "temperature_2m", "2026-06-21"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(JSON)
def test_whatever_a_service_answers_it_is_understood_or_refused(document: Any) -> None:
    body = json.dumps(document).encode()
    for parse in (partial(open_meteo.parse, plane=SOUTH), forecast_solar.parse):
        try:
            assert isinstance(parse(body), dict)
        except ProtocolError:
            continue


# ---- what is made of it --------------------------------------------------------------------------------------------------------


def test_without_a_place_or_a_plant_nothing_is_foreseen() -> None:
    assert Forecasts().pv_w(NOON) is None
    assert Forecasts(config(planes=())).pv_w(NOON) is None


def test_a_clear_sky_needs_nobody_and_knows_night_and_noon() -> None:
    forecast = Forecasts(config(planes=(SOUTH, EAST)))
    noon_w, night_w = forecast.pv_w(NOON), forecast.pv_w(NOON + timedelta(hours=12))
    assert noon_w == pytest.approx(1130, rel=0.05)
    assert night_w == 0.0
    assert forecast.pv_w(NOON + timedelta(minutes=14)) == noon_w


def test_what_the_plant_gave_corrects_what_is_foreseen_hour_by_hour() -> None:
    forecast = Forecasts(config())
    given: dict[datetime, float] = {}
    for day in range(1, 15):
        for at in quarters(96, NOON - timedelta(days=day, hours=12)):
            foreseen_w = forecast.foreseen_w(at) or 0.0
            given[at] = foreseen_w * (0.2 if at.hour < 8 else 0.8)  # a tree in the east
    version = forecast.version
    forecast.learn(given)
    assert forecast.version > version
    assert forecast.factors[12] == pytest.approx(0.8, abs=0.05)
    assert forecast.factors[6] < 0.5
    noon_w = forecast.foreseen_w(NOON)
    assert noon_w is not None
    assert forecast.pv_w(NOON) == pytest.approx(0.8 * noon_w, rel=0.05)


def test_one_dull_day_does_not_turn_off_the_sun() -> None:
    forecast = Forecasts(config())
    forecast.learn(dict.fromkeys(quarters(96, NOON - timedelta(hours=36)), 0.0))
    assert all(factor >= LEAST for factor in forecast.factors.values())
    assert 0.3 < forecast.factors[12] < 0.6
    assert forecast.factors[5] > forecast.factors[12], "an hour that gives little teaches little"


def test_a_plant_that_gives_far_more_than_it_can_is_not_believed() -> None:
    forecast = Forecasts(config())
    for _ in range(3):
        forecast.learn(dict.fromkeys(quarters(96 * 14, NOON - timedelta(days=14)), 1e6))
    assert max(forecast.factors.values()) <= MOST


def test_inverters_let_no_more_through_than_they_can() -> None:
    assert Forecasts(config(limit_w=300.0)).pv_w(NOON) == 300.0


def test_what_is_past_stays_as_it_was_foreseen() -> None:
    forecast = Forecasts(config(SunSource.OPEN_METEO))
    forecast.take([dict.fromkeys(quarters(8), 100.0), dict.fromkeys(quarters(8), 50.0)], NOON)
    forecast.take([dict.fromkeys(quarters(8), 400.0)], NOON + timedelta(hours=1))
    assert [forecast.foreseen_w(at) for at in quarters(8)] == [150.0] * 4 + [400.0] * 4
    assert forecast.foreseen_w(NOON + timedelta(hours=3)) is None


def test_what_is_kept_is_what_was_foreseen() -> None:
    forecast = Forecasts(config(SunSource.OPEN_METEO))
    forecast.take([dict.fromkeys(quarters(8), 100.0)], NOON)
    again = Forecasts(config(SunSource.OPEN_METEO))
    again.restore(forecast.save(), NOON)
    assert [again.foreseen_w(at) for at in quarters(9)] == [100.0] * 8 + [None]
    much_later = Forecasts(config(SunSource.OPEN_METEO))
    much_later.restore(forecast.save(), NOON + timedelta(days=60))
    assert much_later.save() == "{}"
    for text in ("no json", "[1]", '{"a": 1}', '{"1": null}', '{"1e99": 1}'):
        with pytest.raises(ValueError, match=r"kept forecast|invalid literal|Expecting value"):
            again.restore(text, NOON)


# ---- the service ---------------------------------------------------------------------------------------------------------------


@dataclass
class SunHome:
    hub: Hub
    clock: ManualClock

    async def until(self, holds: Callable[[], Any], *, step_s: float = 60.0) -> None:
        """Let time pass until something holds; gives up loudly."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                await self.clock.advance(step_s)
                await asyncio.sleep(0.001)  # for sockets: no time of the hub


@asynccontextmanager
async def sun_home(forecast: ForecastConfig, store: MemoryStore | None = None) -> AsyncIterator[SunHome]:
    clock = ManualClock(NOON)
    hub = a_hub(Config(forecast=forecast, store=StoreConfig(kind="memory")), clock, store)
    if store is None:
        await hub.store.open(tables_of(SITE))
    async with at_work(serve_forecast(hub)):
        await clock.advance(0)
        yield SunHome(hub, clock)
    if store is None:
        await hub.store.close()


def answers(asked: Asked) -> bytes:
    """Answer as Open-Meteo: 500 W/m2 in the south, 100 in the east."""
    sun_w = 500.0 if asked.query["azimuth"] == "0" else 100.0
    return meteo(*((int(at.timestamp()) + 900, sun_w, 10.0) for at in quarters(96)))


def of_web(web: WebSource, **more: Any) -> ForecastConfig:
    return config(SunSource.OPEN_METEO, url=web.url, **more)


async def test_each_plane_is_asked_for_over_real_http_and_all_are_added_up() -> None:
    async with web_source(answers) as web, sun_home(of_web(web, planes=(SOUTH, EAST))) as it:
        await it.until(lambda: it.hub.forecast.asked_at)
        assert [asked.query["azimuth"] for asked in web.asked] == ["0", "-90"]
        assert it.hub.forecast.pv_w(NOON) == pytest.approx(500 * 0.92 + 0.1 * 500 * 0.92 * 1.048, rel=0.01)


async def test_a_service_is_asked_once_an_hour_and_a_failure_is_told_once() -> None:
    failing = False

    def sometimes(asked: Asked) -> bytes | int:
        return 503 if failing else answers(asked)

    async with web_source(sometimes) as web, sun_home(of_web(web)) as it:
        await it.until(lambda: it.hub.forecast.asked_at)
        await it.clock.advance(3500)
        assert len(web.asked) == 1
        failing = True
        await it.until(lambda: len(web.asked) >= 4)
        told = [entry.text for entry in await it.hub.store.entries() if "HTTP 503" in entry.text]
        assert len(told) == 1
        assert it.hub.forecast.trouble is not None
        assert it.hub.forecast.pv_w(NOON + timedelta(hours=20)) is not None
        failing = False
        await it.until(lambda: it.hub.forecast.trouble is None)


async def test_a_forecast_outlives_the_hub_unless_the_plant_is_another_one() -> None:
    store = MemoryStore(clock=ManualClock(NOON))
    await store.open(tables_of(SITE))
    async with web_source(answers) as web, sun_home(of_web(web), store) as it:
        await it.until(lambda: it.hub.forecast.asked_at)
    async with sun_home(of_web(web), store) as it:  # the server is gone
        await it.until(lambda: it.hub.forecast.trouble)
        assert it.hub.forecast.pv_w(NOON) is not None
    async with sun_home(of_web(web, planes=(EAST,)), store) as it:
        await it.until(lambda: it.hub.forecast.trouble)
        assert it.hub.forecast.pv_w(NOON) is None
    await store.close()


async def test_the_history_of_the_site_is_what_is_learnt_from() -> None:
    async with sun_home(config()) as it:
        forecast = it.hub.forecast
        readings = [
            StoredReading(SITE, SITE, at, {"solar_power": 0.5 * (forecast.foreseen_w(at) or 0.0)})
            for at in quarters(96 * 7, NOON - timedelta(days=7))
        ]
        await it.hub.store.append(readings)
        await learn(it.hub)
        assert forecast.factors[12] == pytest.approx(0.5, abs=0.1)
