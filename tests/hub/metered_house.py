"""A house whose battery follows it by real-time orders and a meter of the hub's own, with which a test may do as it likes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from steered_house import House, Steered

from indevolt.hub.api.steering import SteeringBody, steering_body
from indevolt.hub.config_meters import HomeWizardMeter
from indevolt.hub.meters.meter import Meter, MeterState
from indevolt.hub.meters.service import keep_sign, watch
from indevolt.hub.meters.told import Told
from indevolt.simulator import LIFELIKE

LOAD_W = 700
AT_REST_W = 60  # what a unit at rest may show


class Metered:
    """A hub that follows the house by a meter of its own, with which a test may do as it likes."""

    def __init__(self, house: House, steered: Steered, meter: Meter) -> None:
        self.house, self.steered, self.meter = house, steered, meter
        self.silent = self.frozen = False
        self.elsewhere = False  # the battery is behind another meter from now on, and the house is quiet
        self._last = Told(0.0)

    @property
    def told(self) -> SteeringBody:
        """What the API tells of the steering."""
        return steering_body(self.steered.keeper)

    def state(self) -> MeterState:
        return self.meter.state(self.house.clock.monotonic())

    @property
    def reasons(self) -> str:
        return "; ".join((self.told.why, *(reason.text for reason in self.told.reasons)))

    async def tell(self) -> None:
        """Tell every second what flows, as long as the meter does."""
        clock, site = self.house.clock, self.house.simulator.site
        while True:
            site.advance()
            if not self.frozen:  # its voltage, say, never stands still
                self._last = Told(self._last.power_w if self.elsewhere else site.grid_w, witness=(clock.monotonic(),))
            if not self.silent:
                self.meter.take(self._last, clock.now(), clock.monotonic())
            await clock.sleep(1)

    async def texts(self, *kinds: str) -> list[str]:
        return [entry.text for entry in await self.steered.entries(*kinds)]

    async def follows_the_house(self) -> bool:
        """Let two minutes pass, and return whether the battery covers the house then."""
        await self.house.clock.advance(120)
        return self.house.power_w == pytest.approx(LOAD_W, abs=80)


@asynccontextmanager
async def metered(folder: Path, *, proven: bool = True, **simulator: Any) -> AsyncIterator[Metered]:
    house = House(folder, load_w=LOAD_W, **{"response": LIFELIKE, **simulator})
    house.simulator.set("meter_connected", value=False)
    async with house.hub(automatic=True) as steered:
        meter = Meter(HomeWizardMeter(name="grid", kind="homewizard", host="127.0.0.1"))
        steered.hub.meters.add(meter)
        it = Metered(house, steered, meter)
        if proven:
            await keep_sign(steered.hub, meter, passed=True, evidence="300 W more were seen as import")
        tasks = [asyncio.create_task(it.tell()), asyncio.create_task(watch(steered.hub))]
        try:
            yield it
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
