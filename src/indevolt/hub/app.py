"""Putting the hub together: the only place that constructs things, starts services, and ends them.

A service is a coroutine function. Keepers, recorder and store are what the hub is for: if one of them fails, the hub ends with the
exit code of the error. Bridges (API, MQTT, gateway, ...) may fail: each is started anew after a pause, and the rest goes on.
"""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from indevolt.catalogue import families
from indevolt.clock import Clock, SystemClock
from indevolt.discovery import discover
from indevolt.errors import IndevoltError
from indevolt.hub.alerts import Alerts, serve_alerts
from indevolt.hub.bus import Bus
from indevolt.hub.config import Config, DeviceConfig
from indevolt.hub.config_meters import MeterRole
from indevolt.hub.events import REMOVED, LinkChanged
from indevolt.hub.hub import Hub
from indevolt.hub.journal import Journal, Kind
from indevolt.hub.keeper import Keeper, Link, Origin
from indevolt.hub.logs import LOGGER, serve_log
from indevolt.hub.recorder import serve_recorder
from indevolt.hub.roster import Roster, name_for
from indevolt.hub.scout import Access, Look, Scout
from indevolt.hub.site.quantities import SITE
from indevolt.hub.site.service import serve_site
from indevolt.hub.steer.service import serve_steering
from indevolt.hub.systemd import READY, STOPPING, notify, serve_watchdog
from indevolt.hub.tiers import tables_of
from indevolt.store import Store, Table

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Service: TypeAlias = Callable[[Hub], Coroutine[Any, Any, None]]
STEERING: Final = "steering"  # the service, which some devices need
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
    if store.url is not None:  # PostgreSQL has one, and nothing else
        from indevolt.store.postgres import PostgresStore

        return PostgresStore(
            store.url.reveal(),
            clock=clock,
            spool=config.hub.data / "spool.sqlite3",
            raw_days=store.raw_days,
            five_minute_days=store.five_minute_days,
        )
    if store.kind == "memory":
        from indevolt.store.memory import MemoryStore

        return MemoryStore(clock=clock, raw_days=store.raw_days)
    from indevolt.store.sqlite import SqliteStore

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
        async with asyncio.TaskGroup() as group:
            work = _Work(config, clock, store, group, look or partial(discover, clock=clock))
            hub = work.hub
            for name, service in _CORE.items():
                work.start(name, service(hub))
            work.roster.begin()
            for name, service in (dict(_bridges(config)) if bridges is None else bridges).items():
                work.start(name, _supervised(hub, name, service))
            if not config.devices:
                work.start("discovery", _supervised(hub, "discovery", _search))
            count = f"{len(hub.keepers)} device{'' if len(hub.keepers) == 1 else 's'}"
            await hub.journal.note(Kind.HUB, f"started with {count}", version=_version())
            for note in work.roster.notes:
                await hub.journal.note(Kind.HUB, note)
            try:
                yield hub
            finally:
                with suppress(IndevoltError):
                    await hub.journal.note(Kind.HUB, "stopping")
                await work.end()


class _Work:
    """All that a running hub consists of: its record, its keepers, and the tasks of both."""

    def __init__(self, config: Config, clock: Clock, store: Store, group: asyncio.TaskGroup, look: Look) -> None:
        bus = Bus()
        journal = Journal(store, bus, clock)
        self._keepers: dict[str, Keeper] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}  # by name
        self._group = group
        self.roster = Roster(config, self.keep, self.drop)
        self.hub = Hub(
            config,
            clock,
            store,
            bus,
            journal,
            Alerts(bus, journal, clock),
            self._keepers,
            clock.now(),
            roster=self.roster,
            scout=Scout(look, clock, self._known),
        )

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Begin a task of the hub."""
        self._tasks[name] = self._group.create_task(work, name=name)

    def keep(self, device: DeviceConfig, origin: Origin) -> None:
        """Begin to keep a device; whoever kept one of that name before, ends."""
        hub = self.hub
        if (former := self._tasks.pop(f"keeper {device.name}", None)) is not None:
            former.cancel()  # the device is at another address now
        keeper = Keeper(
            device,
            clock=hub.clock,
            bus=hub.bus,
            journal=hub.journal,
            store=hub.store,
            numbers=hub.numbers,
            alone=lambda: len(self._keepers) == 1 and all(meter.role is not MeterRole.PV for meter in hub.config.meters),
        )
        keeper.origin = origin
        self._keepers[keeper.id] = keeper
        self.start(f"keeper {keeper.id}", keeper.run())
        if device.control and STEERING not in self._tasks:
            self.start(STEERING, _supervised(hub, STEERING, serve_steering))

    async def drop(self, name: str) -> None:
        """Keep a device no longer."""
        hub, keeper = self.hub, self._keepers[name]
        if keeper.steering is not None:
            await keeper.steering.end()  # which puts back what was before, through the keeper
        await _ended([self._tasks.pop(f"keeper {name}")], STOP_S)
        del self._keepers[name]
        await hub.alerts.forget(name)
        hub.bus.publish(LinkChanged(name, REMOVED, "is not kept any more", hub.clock.now()))

    async def end(self) -> None:
        """End everything."""
        if self.hub.scout is not None:
            self.hub.scout.close()
        if STEERING in self._tasks:
            await _ended([self._tasks[STEERING]], RESTORE_S)  # first, as it puts back what was before through the keepers
        await _ended(list(self._tasks.values()), STOP_S)

    def _known(self) -> Mapping[str, str]:
        """Return the names of devices, by address and by serial number."""
        names = {keeper.config.address: keeper.id for keeper in self._keepers.values()}
        return names | {keeper.serial: keeper.id for keeper in self._keepers.values() if keeper.serial}


async def _ended(tasks: Sequence[asyncio.Task[None]], most_s: float) -> None:
    """Cancel tasks and wait for them, but not for ever."""
    for task in tasks:
        task.cancel()
    _, late = await asyncio.wait(tasks, timeout=most_s) if tasks else (set(), set())
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


async def _search(hub: Hub) -> None:
    """Keep what is found on the network again and again, as nobody named any device; it is only read."""
    assert hub.scout is not None  # noqa: S101 - made just before
    assert hub.roster is not None  # noqa: S101 - made just before
    left_out: set[str] = set()
    while True:
        async for sighting in hub.scout.sightings():
            if not sighting.found.sn:
                continue
            device = DeviceConfig(name=name_for(sighting.found.sn), host=sighting.found.host, port=sighting.found.port)
            kept = hub.keepers.get(device.name)
            has_moved = kept is not None and _has_moved(kept, device, sighting.found.sn)
            is_new = kept is None and sighting.access in (Access.OPEN, Access.PASSWORD)
            if has_moved or is_new:  # one that wants a password is kept, and says so
                if hub.roster.found(device):
                    await hub.journal.note(Kind.HUB, f"found {device.address}", device=device.name, serial=sighting.found.sn)
            elif sighting.access is Access.OTHER and device.address not in left_out:
                left_out.add(device.address)
                await hub.journal.note(Kind.HUB, f"left out {device.address}: {sighting.detail}")
        await hub.clock.sleep(SEARCH_S)


def _has_moved(kept: Keeper, heard: DeviceConfig, serial: str) -> bool:
    """Return whether a device that was found is to be looked for where it is heard now.

    Not while it is where it was: it may be heard at two addresses, and anybody may say its serial number.
    """
    if kept.origin is not Origin.FOUND or kept.config.address == heard.address:
        return False
    return kept.link in (Link.SILENT, Link.CONNECTING) or kept.serial not in ("", serial)


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
    from indevolt.hub.api import serve_api

    yield "api", serve_api
    if any(device.gateway for device in config.devices):
        from indevolt.hub.gateway import serve_gateway

        yield "gateway", serve_gateway
    if any(device.pose for device in config.devices):
        from indevolt.hub.pose.service import serve_pose

        yield "pose", serve_pose
    if config.meters:
        from indevolt.hub.meters.service import serve_meters

        yield "meters", serve_meters
    if config.tariff is not None:
        from indevolt.hub.prices.service import serve_prices

        yield "prices", serve_prices
    if config.forecast is not None:
        from indevolt.hub.forecast.service import serve_forecast

        yield "forecast", serve_forecast
    if config.tariff is not None and config.plan.enabled:
        from indevolt.hub.planner.service import serve_planner
        from indevolt.hub.planner.tuning import serve_tuning

        yield "planner", serve_planner
        yield "tuning", serve_tuning
    if config.mqtt is not None:
        from indevolt.hub.mqtt import serve_mqtt

        yield "mqtt", serve_mqtt
    if config.influx is not None:
        from indevolt.hub.influx import serve_influx

        yield "influx", serve_influx
    if config.notify.urls:
        from indevolt.hub.notify import serve_notifications

        yield "notifications", serve_notifications


def _all_tables() -> Iterator[Table]:
    seen: set[str] = set()
    for family in (*families(), SITE):
        for table in tables_of(family):
            if table.name not in seen:
                seen.add(table.name)
                yield table


def _version() -> str:
    from importlib.metadata import version

    return version("indevolt")
