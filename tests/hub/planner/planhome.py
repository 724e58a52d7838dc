"""A hub with a simulated battery, made-up prices, a clear sky and two weeks of history, on a clock that a test moves."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from kept_house import Home, at_work, home

from indevolt.hub.config import Config, DeviceConfig, SiteConfig
from indevolt.hub.config_control import ControlConfig
from indevolt.hub.config_forecast import ForecastConfig, PlanConfig, PlaneConfig
from indevolt.hub.config_tariff import SimulatedTariff, TariffConfig
from indevolt.hub.forecast.service import learn
from indevolt.hub.hub import Hub
from indevolt.hub.keeper import Keeper
from indevolt.hub.planner.service import serve_planner
from indevolt.hub.prices import madeup
from indevolt.hub.prices.records import QUARTER, quarter_of
from indevolt.hub.site.quantities import SITE
from indevolt.hub.tiers import tables_of
from indevolt.simulator import Simulator
from indevolt.store import StoredReading

PATIENCE_S = 120.0  # of a test that fails: plans are worked out on a core that others may want, too
SIMULATED = SimulatedTariff(kind="simulated", surcharge=0.155, vat_pct=19.0, export_price=0.08)
ROOF = ForecastConfig(latitude_deg=52.5, longitude_deg=13.4, planes=(PlaneConfig(tilt_deg=30, azimuth_deg=180, peak_w=900),))


@dataclass
class PlanHome:
    it: Home
    hub: Hub

    async def until(self, holds: Callable[[], Any], *, step_s: float = 5.0) -> None:
        """Let time pass until something holds; gives up loudly."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                await self.it.clock.advance(step_s)
                await asyncio.sleep(0.001)  # for the thread that solves: no time of the hub

    async def until_planned(self, because: str = "") -> None:
        before = self.hub.planner.plan
        await self.until(lambda: self.hub.planner.plan not in (None, before) and because in self.hub.planner.because)

    async def journal(self) -> list[str]:
        return [entry.text for entry in await self.hub.store.entries(limit=1000)]


def usual_load_w(at: datetime) -> float:
    """A house: 250 W, and a hump in the evening."""
    return 250.0 + 600.0 * math.exp(-(((at.hour + at.minute / 60 - 18) / 1.5) ** 2))


async def remember(hub: Hub, *, days: int = 14, sunny: float = 0.6) -> None:
    """Give the site a history."""
    now = quarter_of(hub.clock.now())
    readings = []
    at = now - timedelta(days=days)
    while at < now:
        sun_w = sunny * (hub.forecast.clear_w(at) or 0.0)
        values = {"house_power": usual_load_w(at), "solar_power": sun_w, "grid_power": usual_load_w(at) - sun_w}
        readings.append(StoredReading(SITE, SITE, at, values))
        at += QUARTER
    await hub.store.append(readings)


@asynccontextmanager
async def plan_home(
    *,
    tariff: TariffConfig | None = SIMULATED,
    forecast: ForecastConfig | None = ROOF,
    history_days: int = 14,
    control: ControlConfig | None = None,
    plan: PlanConfig | None = None,
    service: bool = True,
    **simulator: Any,
) -> AsyncIterator[PlanHome]:
    async with home(**{"modules": 2, "soc_pct": 50.0, **simulator}) as it:
        config = Config(
            devices=it.hub.config.devices,
            store=it.hub.config.store,
            site=SiteConfig(time_zone="Europe/Berlin"),
            tariff=tariff,
            forecast=forecast,
            control=control or ControlConfig(),
            plan=plan or PlanConfig(horizon_h=12),  # short, so that tests are
        )
        hub = replace(it.hub, config=config)
        await hub.store.open([*tables_of("gen2"), *tables_of(SITE)])
        if tariff is not None:
            hub.prices.begin(tariff, config.site.zone)
        if isinstance(tariff, SimulatedTariff):
            hub.prices.put(madeup.spots(hub.clock.now() - timedelta(days=8), hub.prices.midnight(hub.clock.now(), 1)))
        if forecast is not None:
            hub.forecast.begin(forecast)
        if history_days:
            await remember(hub, days=history_days)
            await learn(hub)
        async with at_work(serve_planner(hub)) if service else nullcontext():
            yield PlanHome(it, hub)


@asynccontextmanager
async def second_unit(it: PlanHome, *, soc_pct: float, control: bool = False) -> AsyncIterator[Home]:
    """Add a battery like the first to the same hub, on the same clock."""
    device = DeviceConfig(name="attic", host="127.0.0.2", control=control)
    simulator = Simulator("powerflex2000", clock=it.it.clock, modules=2, soc_pct=soc_pct, seed=2)
    parts: dict[str, Any] = {"bus": it.hub.bus, "journal": it.hub.journal, "store": it.hub.store, "numbers": it.hub.numbers}
    keeper = Keeper(device, clock=it.it.clock, transport=simulator, **parts)
    assert isinstance(it.hub.keepers, dict)
    it.hub.keepers[device.name] = keeper
    async with at_work(keeper.run()):
        await it.it.pass_time(15)
        yield replace(it.it, simulator=simulator, name=device.name)
