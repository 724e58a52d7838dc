"""A whole home to try things on: a scenario on the network, and a hub that owns its units. What `indevolt demo` shows.

Here is only what belongs together; how it looks is up to the command line. Everything is on this machine, and all is simulated.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from indevolt.clock import Clock
from indevolt.discovery import Found, discover
from indevolt.errors import InvalidInput
from indevolt.hub.api.app import create_app
from indevolt.hub.api.server import served
from indevolt.hub.api.steering import SteeringBody, steering_body
from indevolt.hub.app import Service, running as running_hub
from indevolt.hub.config import ApiConfig, Config, DeviceConfig, HubConfig, PollConfig, SiteConfig, StoreConfig, TokenConfig
from indevolt.hub.config_control import ControlConfig
from indevolt.hub.config_forecast import ForecastConfig, PlaneConfig
from indevolt.hub.config_tariff import SimulatedTariff
from indevolt.hub.events import Update
from indevolt.hub.forecast.service import serve_forecast
from indevolt.hub.hub import Hub, PlanAt
from indevolt.hub.journal import Kind
from indevolt.hub.planner.service import serve_planner
from indevolt.hub.prices.service import serve_prices
from indevolt.hub.secret import Secret
from indevolt.hub.site.book import Picture
from indevolt.hub.site.service import look
from indevolt.hub.tokens import Role, hash_token, make_token
from indevolt.protocol.discovery import API_PORT, PORT
from indevolt.simulator.play import ReadLines, no_files
from indevolt.simulator.scenario.records import Scenario
from indevolt.virtual_home import VirtualHome, stage

HOST: Final = "127.0.0.1"
HUB_PORT: Final = ApiConfig().port
PLANNED_UP_TO: Final = 600.0  # times as fast as real: at that, a plan is made every one and a half seconds
STEERED_UP_TO: Final = 120.0  # ... and a unit is read every half minute
ZERO_EXPORT_FIRST: Final = timedelta(hours=1)  # of the home's time, before the plan is carried out
READ_EVERY_S: Final = 0.25  # real seconds between two readings of a unit, and no less than the vendor's 5 s of the home's time


@dataclass(frozen=True, slots=True)
class Demo:
    """What is running: the home, the hub that keeps it, and where the hub is found."""

    home: VirtualHome
    hub: Hub
    url: str
    speed: float  # how many times faster than real the home's time passes
    token: str = ""  # opens everything the hub can do; made anew each time

    @property
    def page(self) -> str:
        """Where the hub's page is, with the token behind the #, which a browser sends to nobody."""
        return f"{self.url}/#token={self.token}"

    @property
    def steering(self) -> Mapping[str, SteeringBody]:
        """Who decides what each unit does, and why, as the API tells it."""
        return {name: steering_body(keeper) for name, keeper in self.hub.keepers.items()}

    @property
    def house(self) -> Picture:
        """What the house as a whole does, as the hub works it out."""
        return look(self.hub)


@asynccontextmanager
async def running(
    scenario: Scenario,
    *,
    read_lines: ReadLines = no_files,
    port: int | None = None,
    hub_port: int | None = None,
    discovery: bool = True,
    control: bool = True,
    automatic: bool = False,
    plan_after: timedelta = ZERO_EXPORT_FIRST,
    speed: float = 60.0,
    clock: Clock | None = None,
) -> AsyncIterator[Demo]:
    """Put a home and its hub on this machine; both end with the ``async with``.

    The hub lives in the home's time, so what it counts agrees with the units, however fast that time passes.

    Args:
        scenario: the home.
        read_lines: gives the lines of CSV files.
        port: TCP port of the first unit; by default the usual one, or any free one where that is taken.
        hub_port: TCP port of the hub; by default the usual one, or any free one where that is taken.
        discovery: whether the units answer discovery, at the usual port and where that is free.
        control: whether the hub may write to them.
        automatic: whether it also decides by itself: zero export, and later its plan. Where time passes more than
            :data:`STEERED_UP_TO` times as fast it does not, as it sees too little of the home then.
        plan_after: how much of the home's time passes before its plan is carried out and not only shown.
        speed: how many times faster than real the home's time passes.
        clock: real time.

    Raises:
        InvalidInput: a port that was asked for is taken.
    """
    async with AsyncExitStack() as stack:
        home = await _open_home(stack, scenario, read_lines, port=port, speed=speed, clock=clock, discovery=discovery)
        token = make_token("demo")
        decides = control and automatic and speed <= STEERED_UP_TO
        leases = Path(stack.enter_context(TemporaryDirectory(prefix="indevolt-demo-")))  # nothing of it is left behind
        control_config = ControlConfig(automatic=decides, leases=leases)
        config = _configuration(home, speed, control=control, token=token).model_copy(update={"control": control_config})
        own_time = home.play.site.clock
        look = partial(_look, home, clock)
        planner = partial(_plan_later, plan_after) if decides else serve_planner
        hub = await stack.enter_async_context(running_hub(config, clock=own_time, bridges=_bridges(speed, planner), look=look))
        try:
            url = await _open_api(stack, hub, hub_port)
        except InvalidInput:
            await stack.aclose()  # here, as the hub's tasks would make a group of the error
            raise
        yield Demo(home, hub, url, speed, token)


async def _open_home(
    stack: AsyncExitStack,
    scenario: Scenario,
    read_lines: ReadLines,
    *,
    port: int | None,
    speed: float,
    clock: Clock | None,
    discovery: bool,
) -> VirtualHome:
    """Open the home at the usual ports, or at others where those are taken and nobody asked for them."""
    tries = [
        (first, wanted_discovery)
        for first in ([API_PORT, 0] if port is None else [port])
        for wanted_discovery in ([PORT, None] if discovery else [None])
    ]
    for number, (first, wanted_discovery) in enumerate(tries, 1):
        play = stage(scenario, clock=clock, speed=speed, read_lines=read_lines)
        home = VirtualHome(play, HOST, first, discovery_port=wanted_discovery)
        try:
            return await stack.enter_async_context(home)
        except InvalidInput:
            if number == len(tries):
                raise
    raise AssertionError("there is always something to try")


def _configuration(home: VirtualHome, speed: float, *, control: bool, token: str) -> Config:
    poll = PollConfig(power_s=max(5.0, READ_EVERY_S * speed), packs_s=max(60.0, 20 * READ_EVERY_S * speed))
    return Config(
        hub=HubConfig(name="indevolt-demo"),
        api=ApiConfig(tokens=(TokenConfig(name="demo", role=Role.ADMIN, hash=Secret(hash_token(token))),)),
        site=SiteConfig(name=home.play.scenario.title, time_zone="UTC"),
        devices=tuple(
            DeviceConfig(name=name, host=HOST, port=unit.port, control=control, poll=poll, simulated=True)
            for name, unit in home.units.items()
        ),
        # About as in Germany, for a plant whose surplus is sold at the market.
        tariff=SimulatedTariff(kind="simulated", surcharge=0.155, vat_pct=19.0, export_factor=1.0, export_surcharge=-0.005),
        forecast=_sun_of(home.play.scenario),
        store=StoreConfig(kind="memory"),
    )


def _sun_of(scenario: Scenario) -> ForecastConfig:
    """Return where the home is and how its modules lie, as an owner would say it."""
    planes = [(sum(unit.pv_w), 30.0, 180.0) for unit in scenario.units]  # as the scenario lays them
    if scenario.roof is not None:
        planes.append((scenario.roof.peak_w, scenario.roof.tilt_deg, scenario.roof.azimuth_deg))
    return ForecastConfig(
        latitude_deg=scenario.sky.latitude_deg,
        longitude_deg=scenario.sky.longitude_deg,
        planes=tuple(
            PlaneConfig(peak_w=peak_w, tilt_deg=tilt, azimuth_deg=azimuth) for peak_w, tilt, azimuth in planes if peak_w >= 10
        ),
    )


def _bridges(speed: float, planner: Service) -> dict[str, Service]:
    """Return what runs beside the hub's own parts."""
    planning = {"planner": planner} if speed <= PLANNED_UP_TO else {}
    return {"prices": serve_prices, "forecast": serve_forecast, **planning}


async def _plan_later(after: timedelta, hub: Hub) -> None:
    """Make plans and show them from the first moment, and let steering follow them a while later."""
    plans: list[PlanAt] = []
    async with asyncio.TaskGroup() as group:
        group.create_task(serve_planner(replace(hub, plans=plans)), name="planner of the demo")
        await hub.clock.sleep((hub.started + after - hub.clock.now()).total_seconds())
        if plans:
            hub.plans.extend(plans)
            await hub.journal.note(Kind.DECISION, "from now on the plan is carried out; up to now it was only shown")


async def _look(home: VirtualHome, clock: Clock | None) -> AsyncIterator[Found]:
    """Look for devices on this machine alone: nothing of the demo leaves it."""
    if home.discovery_port is not None:
        async for found in discover(1.0, targets=[HOST], port=home.discovery_port, local_port=0, passive=False, clock=clock):
            yield found


async def _open_api(stack: AsyncExitStack, hub: Hub, port: int | None) -> str:
    """Serve the hub's API, at the usual port or a free one, and return its address."""
    for number in [HUB_PORT, 0] if port is None else [port]:
        api = hub.config.api.model_copy(update={"port": number})
        there = replace(hub, config=hub.config.model_copy(update={"api": api}))
        try:
            return await stack.enter_async_context(served(there, create_app(there)))
        except InvalidInput:
            if number == 0 or port is not None:
                raise
    raise AssertionError("a free port can always be had")


async def settled(demo: Demo) -> None:
    """Wait until the hub has read every unit once."""
    with demo.hub.bus.subscribe(Update) as updates:
        while not all("battery_soc" in keeper.latest for keeper in demo.hub.keepers.values()):
            await updates.get()
