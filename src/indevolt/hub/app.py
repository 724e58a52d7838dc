"""Putting the hub together: the only place that constructs things, starts services, and ends them.

A service is a coroutine function. Keepers, recorder and store are what the hub is for: if one of them fails, the hub ends with the
exit code of the error. Bridges (API, MQTT, gateway, ...) may fail: each is started anew after a pause, and the rest goes on.
"""

from __future__ import annotations

import asyncio
import gc
import re
import signal
from collections.abc import AsyncIterable, Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from indevolt.catalogue import families
from indevolt.clock import Clock, SystemClock
from indevolt.device import connect
from indevolt.discovery import Api, Found, discover
from indevolt.errors import IndevoltError, ProtocolError, UnknownModel
from indevolt.hub.alerts import Alerts, serve_alerts
from indevolt.hub.bus import Bus
from indevolt.hub.config import Config, DeviceConfig
from indevolt.hub.hub import Hub
from indevolt.hub.journal import Journal, Kind
from indevolt.hub.keeper import Keeper
from indevolt.hub.logs import LOGGER, serve_log
from indevolt.hub.recorder import serve_recorder
from indevolt.hub.site.quantities import SITE
from indevolt.hub.site.service import serve_site
from indevolt.hub.steer.service import serve_steering
from indevolt.hub.systemd import READY, STOPPING, notify, serve_watchdog
from indevolt.hub.tiers import tables_of
from indevolt.store import Store, Table

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Service: TypeAlias = Callable[[Hub], Coroutine[Any, Any, None]]
Look: TypeAlias = Callable[[], AsyncIterable[Found]]
"""Looks for devices once."""

RESTORE_S: Final = 10.0  # within which what was before steering is back; the watchdog, or the next start, does it otherwise
STOP_S: Final = 5.0  # within which everything else has ended
UPKEEP_S: Final = 300.0  # between two rounds of rolling up, sealing and deleting
FIRST_PAUSE_S: Final = 1.0  # before a bridge that failed is started anew; doubles ...
LONGEST_PAUSE_S: Final = 60.0  # ... up to this
STEADY_S: Final = 60.0  # a bridge that ran so long had not failed at its start
SEARCH_S: Final = 60.0  # between two searches, while the configuration names no device


def open_store(config: Config, clock: Clock) -> Store:
    """Return the store that a configuration asks for; nothing is opened yet."""
    store = config.store
    if store.kind == "postgres":
        from indevolt.store.postgres import PostgresStore  # noqa: PLC0415 - its driver is an extra of its own

        assert store.url is not None  # noqa: S101 - the configuration was checked
        return PostgresStore(store.url.reveal(), clock=clock, spool=config.hub.data / "spool.sqlite3", raw_days=store.raw_days)
    if store.kind == "memory":
        from indevolt.store.memory import MemoryStore  # noqa: PLC0415 - for tests and trials

        return MemoryStore(clock=clock, raw_days=store.raw_days)
    from indevolt.store.sqlite import SqliteStore  # noqa: PLC0415 - only the one that is used

    path = store.path or config.hub.data / "history.sqlite3"
    return SqliteStore(path, clock=clock, raw_days=store.raw_days, five_minute_days=store.five_minute_days)


@contextmanager
def collecting_rarely() -> Iterator[None]:
    """Let Python search this process for reference cycles more rarely than usual, while a ``with`` lasts.

    A hub replaces what it knows all the time and makes hardly any cycles. By default the search takes a quarter of a busy hub's CPU
    and stops it for some tenths of a second (``benchmarks/hub.py``); so it waits until there are 50,000 objects (some 10 MB) more
    than at the last one.
    """
    before = gc.get_threshold()
    gc.set_threshold(50_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@asynccontextmanager
async def running(
    config: Config, *, clock: Clock | None = None, bridges: Mapping[str, Service] | None = None, look: Look | None = None
) -> AsyncIterator[Hub]:
    """Run a hub while an ``async with`` lasts; everything of it has ended afterwards.

    Args:
        config: what it does.
        clock: what to wait by.
        bridges: services to run instead of those that the configuration asks for.
        look: looks for devices, while the configuration names none; by default everywhere on this network.

    Raises:
        IndevoltError: the store cannot be opened; or what the hub is for failed, as an exception group from the body.
    """
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        store = open_store(config, clock)
        await store.open(list(_all_tables()))
        stack.push_async_callback(store.close)
        bus = Bus()
        journal = Journal(store, bus, clock)
        keepers: dict[str, Keeper] = {}
        hub = Hub(config, clock, store, bus, journal, Alerts(bus, journal, clock), keepers, clock.now())
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(service(hub), name=name) for name, service in _CORE.items()]

            def keep(device: DeviceConfig) -> None:
                for former in [task for task in tasks if task.get_name() == f"keeper {device.name}"]:
                    former.cancel()  # the device is at another address now
                    tasks.remove(former)
                keeper = Keeper(
                    device,
                    clock=clock,
                    bus=bus,
                    journal=journal,
                    store=store,
                    numbers=hub.numbers,
                    alone=lambda: len(keepers) == 1,
                )
                keepers[keeper.id] = keeper
                tasks.append(group.create_task(keeper.run(), name=f"keeper {keeper.id}"))

            for device in config.devices:
                keep(device)
            chosen = dict(_bridges(config)) if bridges is None else bridges
            tasks += [group.create_task(_supervised(hub, name, service), name=name) for name, service in chosen.items()]
            if any(device.control for device in config.devices):
                tasks.append(group.create_task(_supervised(hub, "steering", serve_steering), name="steering"))
            if not config.devices:
                searching = _Search(keep, look or partial(discover, clock=clock))
                tasks.append(group.create_task(_supervised(hub, "discovery", searching.serve), name="discovery"))
            count = f"{len(keepers)} device{'' if len(keepers) == 1 else 's'}"
            await journal.note(Kind.HUB, f"started with {count}", version=_version())
            try:
                yield hub
            finally:
                with suppress(IndevoltError):
                    await journal.note(Kind.HUB, "stopping")
                # Steering first, as it puts back what was before through the keepers.
                for these, most_s in (([task for task in tasks if task.get_name() == "steering"], RESTORE_S), (tasks, STOP_S)):
                    for task in these:
                        task.cancel()
                    _, late = await asyncio.wait(these, timeout=most_s) if these else (set(), set())
                    for task in late:
                        LOGGER.warning("%s did not end within %g s", task.get_name(), most_s)


async def run_until_stopped(
    config: Config, *, clock: Clock | None = None, started: Callable[[Hub], None] | None = None, look: Look | None = None
) -> signal.Signals:
    """Run a hub until SIGTERM or Ctrl-C, and return which it was.

    Args:
        config: what it does.
        clock: what to wait by.
        started: told once it runs.
        look: looks for devices, while the configuration names none.

    Raises:
        IndevoltError: what the hub is for failed.
    """
    stop = asyncio.Event()
    stopped_by: list[signal.Signals] = []

    def heed(each: signal.Signals) -> None:
        stopped_by.append(each)
        stop.set()

    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError):  # Windows: there only Ctrl-C, as KeyboardInterrupt
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, heed, each)
    try:
        with collecting_rarely():
            async with running(config, clock=clock, look=look) as hub:
                if started is not None:
                    started(hub)
                notify(READY)
                await stop.wait()
                notify(STOPPING)
    except BaseExceptionGroup as failed:  # not except*, which would raise a group again
        raise _first(failed) from failed
    finally:
        with suppress(NotImplementedError):
            for each in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(each)
    return stopped_by[0]


def _first(error: BaseException) -> BaseException:
    """Return the first error of a group, which says more than the group does; or the error itself."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _upkeep(hub: Hub) -> None:
    """Let the store roll up, seal and delete now and then."""
    while True:
        await hub.clock.sleep(UPKEEP_S)
        with suppress(IndevoltError):  # it tells in its health
            await hub.store.maintain(hub.clock.now())


class _Search:
    """Looks for devices, as nobody named any. They are only read."""

    def __init__(self, keep: Callable[[DeviceConfig], None], look: Look) -> None:
        self._keep = keep
        self._look = look
        self._others: set[tuple[str, int]] = set()  # what answers, and is no battery

    async def serve(self, hub: Hub) -> None:
        """Look again and again until cancelled."""
        while True:
            async for found in self._look():
                known = {keeper.config.address for keeper in hub.keepers.values()}
                if found.sn and found.api is Api.ON and (found.host, found.port) not in self._others:
                    device = DeviceConfig(name=_name_of(found.sn), host=found.host, port=found.port)
                    if device.address not in known and await self._may_be_battery(hub, device):
                        self._keep(device)
                        await hub.journal.note(Kind.HUB, f"found {device.address}", device=device.name, serial=found.sn)
            await hub.clock.sleep(SEARCH_S)

    async def _may_be_battery(self, hub: Hub, device: DeviceConfig) -> bool:
        """Ask a device what it is: meters, plugs and P1 readers are found as well."""
        try:
            async with connect(device.address, clock=hub.clock):
                return True
        except (UnknownModel, ProtocolError) as error:
            self._others.add((device.host, device.port or 0))
            await hub.journal.note(Kind.HUB, f"left out {device.address}: {error}")
        except IndevoltError as error:
            return not error.transient  # one that wants a password is kept, and says so; one that is away is found again
        return False


def _name_of(serial: str) -> str:
    """Return the name of a device that nobody named."""
    return f"device-{re.sub(r'[^a-z0-9_-]', '-', serial.lower())[:30]}"


async def _supervised(hub: Hub, name: str, service: Service) -> None:
    """Run a bridge, and start it anew when it fails."""
    pause_s = FIRST_PAUSE_S
    while True:
        hub.services[name] = "running"
        began_s = hub.clock.monotonic()
        try:
            await service(hub)
        except Exception as error:  # noqa: BLE001 - whatever a bridge raises ends that bridge, not the hub
            cause = _first(error)
            known = isinstance(cause, IndevoltError)
            LOGGER.warning("%s failed: %s", name, cause, exc_info=None if known else error)
            hub.services[name] = f"restarting: {str(cause) or type(cause).__name__}"
        else:
            hub.services[name] = "ended"
            return
        if hub.clock.monotonic() - began_s >= STEADY_S:
            pause_s = FIRST_PAUSE_S
        await hub.clock.sleep(pause_s)
        pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)


_CORE: Final[Mapping[str, Service]] = {
    "recorder": serve_recorder,
    "site": serve_site,
    "upkeep": _upkeep,
    "alerts": serve_alerts,
    "log": serve_log,
    "watchdog": serve_watchdog,
}


def _bridges(config: Config) -> Iterator[tuple[str, Service]]:
    """Yield the bridges that a configuration asks for; each is imported only then."""
    from indevolt.hub.api import serve_api  # noqa: PLC0415 - as said above

    yield "api", serve_api
    if any(device.gateway for device in config.devices):
        from indevolt.hub.gateway import serve_gateway  # noqa: PLC0415

        yield "gateway", serve_gateway
    if config.meters:
        from indevolt.hub.meters.service import serve_meters  # noqa: PLC0415

        yield "meters", serve_meters
    if config.tariff is not None:
        from indevolt.hub.prices.service import serve_prices  # noqa: PLC0415

        yield "prices", serve_prices
    if config.forecast is not None:
        from indevolt.hub.forecast.service import serve_forecast  # noqa: PLC0415

        yield "forecast", serve_forecast
    if config.mqtt is not None:
        from indevolt.hub.mqtt import serve_mqtt  # noqa: PLC0415

        yield "mqtt", serve_mqtt
    if config.influx is not None:
        from indevolt.hub.influx import serve_influx  # noqa: PLC0415

        yield "influx", serve_influx
    if config.notify.urls:
        from indevolt.hub.notify import serve_notifications  # noqa: PLC0415

        yield "notifications", serve_notifications


def _all_tables() -> Iterator[Table]:
    seen: set[str] = set()
    for family in (*families(), SITE):
        for table in tables_of(family):
            if table.name not in seen:
                seen.add(table.name)
                yield table


def _version() -> str:
    from importlib.metadata import version  # noqa: PLC0415 - slow to import

    return version("indevolt")
