"""A hub with two devices behind its real API on a loopback port: one that answers and one that is off.

Sockets are real, and the time of hub and devices moves only when a test says so.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp

from indevolt.catalogue import families
from indevolt.clock import ManualClock
from indevolt.errors import Unreachable
from indevolt.hub.alerts import Alerts
from indevolt.hub.api import create_app, served
from indevolt.hub.api.connections import Connection
from indevolt.hub.bus import Bus
from indevolt.hub.config import ApiConfig, Config, DeviceConfig, SiteConfig, StoreConfig, TokenConfig
from indevolt.hub.config_control import ControlConfig, IssuerConfig
from indevolt.hub.hub import Hub
from indevolt.hub.journal import Journal
from indevolt.hub.keeper import Keeper
from indevolt.hub.recorder import serve_recorder
from indevolt.hub.secret import Secret
from indevolt.hub.steer.service import serve_steering
from indevolt.hub.tiers import tables_of
from indevolt.hub.tokens import Role, hash_token
from indevolt.protocol.messages import Request
from indevolt.simulator import INSTANT, Simulator, Surroundings, steady_house
from indevolt.store.memory import MemoryStore
from indevolt.transport import ReplyT, Transport

START = datetime(2026, 6, 21, 10, 0, tzinfo=UTC)
PATIENCE_S = 20  # of a test that fails; one that succeeds never waits
DEVICE = "/api/v1/devices/cellar"


class Nowhere:
    """A device that is switched off."""

    async def exchange(self, request: Request[ReplyT]) -> ReplyT:
        raise Unreachable(f"nobody answers there to {request!r:.20}")

    async def close(self) -> None:
        pass


@cache
def tokens() -> Mapping[Role, str]:
    return {role: f"{role}.{role}-secret" for role in Role}


@cache
def token_configs() -> tuple[TokenConfig, ...]:
    return tuple(TokenConfig(name=role.value, role=role, hash=Secret(hash_token(token))) for role, token in tokens().items())


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    json: Any


@dataclass
class ApiHome:
    """The hub, its device and a client."""

    hub: Hub
    clock: ManualClock
    simulator: Simulator
    url: str
    session: aiohttp.ClientSession
    app: Any

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    async def ask(
        self, path: str, *, method: str = "GET", role: Role | None = None, headers: Mapping[str, str] | None = None, **more: Any
    ) -> Answer:
        """Send a request and return the answer."""
        sent = dict(headers or {})
        if role is not None:
            sent["Authorization"] = f"Bearer {tokens()[role]}"
        async with asyncio.timeout(PATIENCE_S), self.session.request(method, self.url + path, headers=sent, **more) as response:
            body = await response.read()
            is_json = "json" in response.headers.get("content-type", "") and body and "ndjson" not in response.content_type
            return Answer(response.status, response.headers, body, await response.json(content_type=None) if is_json else None)

    async def ask_while_time_passes(self, path: str, **request: Any) -> Answer:
        """Send a request that the device's own time is needed for."""
        task = asyncio.create_task(self.ask(path, **request))
        async with asyncio.timeout(PATIENCE_S):
            while not task.done():
                await self.clock.advance(0.5)
        return await task

    async def control(self, path: str, body: Any, *, method: str = "POST", **more: Any) -> Answer:
        """Send a setting or a command with the token for it."""
        return await self.ask_while_time_passes(f"{DEVICE}/{path}", method=method, role=Role.CONTROL, json=body, **more)

    async def journal(self) -> list[str]:
        return [entry.text for entry in await self.hub.store.entries(limit=1000)]


async def until(condition: Callable[[], Any]) -> None:
    """Let others run until something holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what it waits for happens in a server, which has no event for tests
            await asyncio.sleep(0)


@asynccontextmanager
async def api_home(
    *,
    control: bool = True,
    api: Mapping[str, Any] | None = None,
    app: Mapping[str, Any] | None = None,
    connection: type[Connection] = Connection,
    simulator: Mapping[str, Any] | None = None,
    leases: Path | None = None,
    issuers: tuple[IssuerConfig, ...] = (),
) -> AsyncIterator[ApiHome]:
    """Run hub and API; with a folder for leases, its steering as well."""
    clock = ManualClock(START)
    house = steady_house(Surroundings(700, ()))
    sim = Simulator("powerflex2000", clock=clock, house=house, modules=2, response=INSTANT, **(simulator or {}))
    devices = (DeviceConfig(name="cellar", host="127.0.0.1", control=control), DeviceConfig(name="attic", host="127.0.0.2"))
    config = Config(
        devices=devices,
        site=SiteConfig(time_zone="Europe/Berlin"),
        store=StoreConfig(kind="memory"),
        api=ApiConfig(port=0, **{"tokens": token_configs(), **(api or {})}),
        control=ControlConfig(leases=leases, issuers=issuers) if leases else ControlConfig(issuers=issuers),
    )
    store, bus = MemoryStore(clock=clock), Bus()
    await store.open(list({table.name: table for family in families() for table in tables_of(family)}.values()))
    journal = Journal(store, bus, clock)
    numbers = itertools.count(1)
    ways: dict[str, Transport] = {"cellar": sim, "attic": Nowhere()}
    keepers = {
        each.name: Keeper(each, clock=clock, bus=bus, journal=journal, store=store, numbers=numbers, transport=ways[each.name])
        for each in devices
    }
    hub = Hub(config, clock, store, bus, journal, Alerts(bus, journal, clock), keepers, clock.now())
    tasks = [asyncio.create_task(each.run()) for each in keepers.values()]
    tasks.append(asyncio.create_task(serve_recorder(hub)))
    steering = asyncio.create_task(serve_steering(hub)) if leases else None
    await clock.advance(10)
    try:
        application = create_app(hub, **{"pulse_s": 0.0, **(app or {})})
        async with (
            served(hub, application, connection=connection) as url,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session,
        ):
            yield ApiHome(hub, clock, sim, url, session, application)
    finally:
        if steering is not None:
            steering.cancel()
            while not steering.done():
                await clock.advance(0.5)  # what was before is put back in the device's own time
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await store.close()
