"""Hubs for the page to show: the demo house, and hubs over devices of a test's own, on free ports and in the loop of the tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Final

from indevolt import demo
from indevolt.clock import FastClock, SystemClock
from indevolt.discovery import Found
from indevolt.hub.api import create_app, served
from indevolt.hub.app import running as running_hub
from indevolt.hub.config import ApiConfig, Config, DeviceConfig, HubConfig, SiteConfig, StoreConfig, TokenConfig
from indevolt.hub.hub import Hub
from indevolt.hub.secret import Secret
from indevolt.hub.tokens import Role, hash_token
from indevolt.simulator import Simulator, Surroundings, steady_house
from indevolt.simulator.scenario import load, shipped
from indevolt.virtual import VirtualDevice

HOST: Final = "127.0.0.1"
TOKEN: Final = "owner.of-the-house"
SPEED: Final = 60.0


@cache
def _owner() -> TokenConfig:
    """Return the one who may do everything, whose token is :data:`TOKEN`."""
    return TokenConfig(name="owner", role=Role.ADMIN, hash=Secret(hash_token(TOKEN)))


@dataclass
class Scene:
    """A hub with its page, and the devices behind it."""

    url: str
    hub: Hub
    devices: dict[str, VirtualDevice]
    batteries: dict[str, Simulator]  # what is behind them; empty for the demo
    page: AsyncExitStack  # what serves the page; closing it is what a hub that ends looks like to a browser


@asynccontextmanager
async def demo_house(*, speed: float = SPEED) -> AsyncIterator[Scene]:
    """Run what `make run` runs: two units, a meter and their hub, where a minute lasts a second."""
    house = load(shipped("demo"), name="demo")
    async with demo.running(house, port=0, hub_port=0, discovery=False, speed=speed) as it, AsyncExitStack() as page:
        await demo.settled(it)
        url = await _page_of(page, it.hub)
        yield Scene(url, it.hub, dict(it.home.units), {}, page)


@asynccontextmanager
async def house_of(units: int, *, control: bool = True, nearby: Sequence[Found] = ()) -> AsyncIterator[Scene]:
    """Run a hub over so many batteries, each behind a real port; with none it is a hub at its first start.

    Each house takes 700 W and has 300 W of sun. ``nearby``: what the hub finds where it looks for devices.
    """
    clock = FastClock(SystemClock(), SPEED)
    async with AsyncExitStack() as stack:
        devices: dict[str, VirtualDevice] = {}
        batteries: dict[str, Simulator] = {}
        for number in range(1, units + 1):
            house = steady_house(Surroundings(700, (300,)))
            name = f"unit-{number}"
            batteries[name] = Simulator("powerflex2000", clock=clock, house=house, modules=2)
            device = VirtualDevice(batteries[name], HOST, 0, discovery_port=None)
            devices[name] = await stack.enter_async_context(device)
        config = Config(
            hub=HubConfig(name="a-hub"),
            site=SiteConfig(name="A house", time_zone="UTC"),
            devices=tuple(
                DeviceConfig(name=name, host=HOST, port=device.port, control=control, simulated=True)
                for name, device in devices.items()
            ),
            store=StoreConfig(kind="memory"),
        )
        hub = await stack.enter_async_context(running_hub(config, clock=clock, bridges={}, look=partial(_each, nearby)))
        page = await stack.enter_async_context(AsyncExitStack())
        yield Scene(await _page_of(page, hub), hub, devices, batteries, page)


async def _page_of(page: AsyncExitStack, hub: Hub) -> str:
    there = replace(hub, config=hub.config.model_copy(update={"api": ApiConfig(port=0, tokens=(_owner(),))}))
    return await page.enter_async_context(served(there, create_app(there)))


async def _each(nearby: Sequence[Found]) -> AsyncIterator[Found]:
    """Find these."""
    for found in nearby:
        yield found
