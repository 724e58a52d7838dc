"""A virtual home on the network: each unit and the meter of a scenario behind a port of its own, and time that passes for all.

What ``virtual`` is for one device. What happens in the home is ``simulator.play``'s; here it gets its ports, one discovery for all,
its units their view of meters elsewhere, and somebody who lets time pass, so that nothing depends on who asks when.
"""

from __future__ import annotations

import asyncio
import ssl as tls
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime
from itertools import count, repeat
from types import TracebackType
from typing import Final, Self, TypeAlias

from indevolt.beacon import SharedBeacon
from indevolt.clock import Clock, FastClock, SystemClock
from indevolt.errors import InvalidInput
from indevolt.meter_link import MeterLink
from indevolt.protocol import discovery, push
from indevolt.protocol.discovery import API_PORT, Identification
from indevolt.server import Observer
from indevolt.shelly import ShellyMeter
from indevolt.simulator import Api, Board
from indevolt.simulator.play import Play, ReadLines, no_files
from indevolt.simulator.scenario.records import MeterSort, Scenario, UnitSpec
from indevolt.simulator.trace import Happening
from indevolt.virtual import EVERYBODY, VirtualDevice

HomeObserver: TypeAlias = Callable[[str], Observer]
"""Given the name of a unit, or :data:`METER`, returns who is told what is served there."""

METER: Final = ""
"""The name of the meter where units have theirs; no unit can be called so."""

TICK_S: Final = 0.25
"""Time passes at least so often, in real seconds."""

_STEPS_PER_S: Final = 10_000  # steps of one unit in a real second: some 20 us each, so a fifth of a core
_STEPS_S: Final = (1, 2, 3, 5, 6, 10, 12, 15, 20, 30, 60)  # all divide an hour, so that midnight is never within a step


class StageClock(FastClock):
    """A fast clock that stands at its start until the curtain rises, so that nothing of the play is over when the stage is set."""

    _is_up = False

    def monotonic(self) -> float:
        """Return the fast seconds since the curtain rose."""
        return super().monotonic() if self._is_up else 0.0

    def rise(self) -> None:
        """Let time pass from now on."""
        if not self._is_up:
            self._start_s, self._is_up = self._real.monotonic(), True


def stage(scenario: Scenario, *, clock: Clock | None = None, speed: float = 1.0, read_lines: ReadLines = no_files) -> Play:
    """Return a scenario ready to be put on the network, at its first moment.

    Where time is so fast that steps of the scenario's length would keep a processor busy, they are longer.

    Args:
        scenario: what to play.
        clock: real time.
        speed: how many times as fast the home's time passes, up to ``FastClock.FASTEST``.
        read_lines: gives the lines of CSV files.

    Raises:
        InvalidInput: a CSV file that cannot be read as one.
        ValueError: a speed that is out of range.
    """
    wanted_s = speed * len(scenario.units) / _STEPS_PER_S
    step_s = max(scenario.step_s, next((step for step in _STEPS_S if step >= wanted_s), _STEPS_S[-1]))
    own_time = StageClock(clock or SystemClock(), speed, start=scenario.start)
    return Play(replace(scenario, step_s=step_s), clock=own_time, read_lines=read_lines)


class VirtualHome:
    """Serves a home while its ``async with`` lasts.

    Args:
        play: the home; of :func:`stage`, its time begins to pass when the ports are open.
        host: address to listen on, for HTTP and discovery.
        port: TCP port of the first unit whose scenario names none, the next ones follow; 0 takes free ones.
        ssl: speak TLS with this, at units whose API is ``https``.
        strict: answer 400 to an unusable ``config`` instead of ``200 {}``.
        discovery_port: UDP port of discovery, where one socket answers for all; 0 for a free one; None answers nobody.
        announce_s: each unit broadcasts an announcement so often, in the home's time.
        push_s: the meter broadcasts its reading so often, in the home's time.
        destination: where broadcasts go.
        announce_port: and to which UDP port, announcements.
        push_port: and readings.
        tick_s: time passes at least so often, in the home's time; this is also how late happenings are told.
        observe: told what was answered.
        tell: told what happens in the home.

    Raises:
        InvalidInput: readings are to be broadcast, and the meter is none that does.
    """

    def __init__(
        self,
        play: Play,
        host: str = "127.0.0.1",
        port: int = API_PORT,
        *,
        ssl: tls.SSLContext | None = None,
        strict: bool = False,
        discovery_port: int | None = discovery.PORT,
        announce_s: float | None = None,
        push_s: float | None = None,
        destination: str = EVERYBODY,
        announce_port: int = discovery.PORT,
        push_port: int = push.PORT,
        tick_s: float = TICK_S,
        observe: HomeObserver | None = None,
        tell: Callable[[Happening], None] | None = None,
    ) -> None:
        if push_s is not None and play.meter is None:
            raise InvalidInput(
                f"push_s: the meter of this home ({play.scenario.meter.sort}) broadcasts nothing",
                remedy=f'Only meters of the vendor do: set sort = "{MeterSort.P1}" in [meter], or go without.',
            )
        self.play = play
        self.host = host
        self._clock: Clock = play.site.clock
        self._tick_s = tick_s
        self._observe = observe
        self._tell = tell
        self._told = 0  # happenings
        self._stack = AsyncExitStack()
        self._ticker: asyncio.Task[None] | None = None
        self._discovery_port = discovery_port
        self._beacon = SharedBeacon(self._identifications, self._clock)

        def device(
            name: str, board: Board, at: int, *, announce_s: float | None = None, push_s: float | None = None
        ) -> VirtualDevice:
            return VirtualDevice(
                board,
                host,
                at,
                ssl=ssl if board.access.api is Api.HTTPS else None,
                strict=strict,
                discovery_port=None,
                announce_s=announce_s,
                push_s=push_s,
                destination=destination,
                announce_port=announce_port,
                push_port=push_port,
                observe=self._observer(name),
            )

        spec = play.scenario.meter
        ports = _ports(play.scenario.units, port, taken=spec.port)
        self.units: Mapping[str, VirtualDevice] = {
            name: device(name, unit, at, announce_s=announce_s) for (name, unit), at in zip(play.units.items(), ports, strict=True)
        }
        self.links: Mapping[str, MeterLink] = {
            spec.name: MeterLink(play.units[spec.name], spec.meter) for spec in play.scenario.units if spec.meter is not None
        }
        self.meter = None if play.meter is None else device(METER, play.meter, spec.port, push_s=push_s)
        self.shelly = (
            ShellyMeter(lambda _: play.measurement(), host, spec.port, clock=self._clock, seed=play.scenario.seed)
            if spec.sort is MeterSort.SHELLY
            else None
        )

    async def __aenter__(self) -> Self:
        """Open the ports and let time pass; once only.

        Raises:
            InvalidInput: a port is taken or not allowed, or HTTPS without a certificate.
        """
        try:
            for each in (*self.units.values(), self.meter, self.shelly, *self.links.values()):
                if each is not None:
                    await self._stack.enter_async_context(each)
            if self._discovery_port is not None:
                await self._beacon.start(self.host, self._discovery_port)
                self._stack.push_async_callback(self._beacon.close)
                self._discovery_port = self._beacon.port
        except BaseException:
            await self.close()
            raise
        if isinstance(self._clock, StageClock):
            self._clock.rise()
        self.catch_up()
        self._ticker = asyncio.get_running_loop().create_task(self._pass_time())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the ports and stop; a second call does nothing.

        Raises:
            Exception: what had stopped the home before.
        """
        ticker, self._ticker = self._ticker, None
        if ticker is not None:
            ticker.cancel()
            await asyncio.wait([ticker])
        await self._stack.aclose()
        if ticker is not None and not ticker.cancelled() and (failure := ticker.exception()) is not None:
            raise failure

    async def keep_going(self) -> None:
        """Wait as long as time passes: until somebody cancels this, or something is wrong, which :meth:`close` then raises."""
        if (ticker := self._ticker) is not None:
            await asyncio.wait([ticker])

    @property
    def at(self) -> datetime:
        """The home's own time: the moment up to which everything has happened."""
        return self.play.at

    @property
    def meter_port(self) -> int | None:
        """The TCP port of the meter, None where none answers."""
        served = self.meter or self.shelly
        return None if served is None else served.port

    @property
    def discovery_port(self) -> int | None:
        """The UDP port of discovery, None without discovery."""
        return self._discovery_port

    def catch_up(self) -> None:
        """Let everything happen that is due."""
        self.play.site.advance()
        self._notice()

    async def _pass_time(self) -> None:
        while True:
            await self._clock.sleep(self._tick_s)
            self.catch_up()

    def _notice(self) -> None:
        """See what has happened, whoever let time pass."""
        if self.shelly is not None and self.shelly.online is not self.play.site.meter.online:
            self.shelly.online = self.play.site.meter.online
        while self._told < len(self.play.happenings):
            happening = self.play.happenings[self._told]
            self._told += 1
            if self._tell is not None:
                self._tell(happening)

    def _observer(self, name: str) -> Observer | None:
        if self._observe is None:
            return None
        observer = self._observe(name)

        def observe(peer: str, method: str, target: str, status: int, took_s: float) -> None:
            self._notice()  # what has happened before is told before
            observer(peer, method, target, status, took_s)

        return observe

    def _identifications(self) -> Iterator[Identification]:
        for served in (*self.units.values(), self.meter):
            identification = None if served is None else served.simulator.identification()
            if served is not None and identification is not None:
                # Real devices are always at the one port and never say so; here only the port tells them apart.
                yield replace(identification, port=served.port)


def _ports(units: Iterable[UnitSpec], first: int, *, taken: int) -> Iterator[int]:
    """Yield the port of each unit: its own, or the next one that nobody has."""
    specs = tuple(units)
    named = {taken, *(spec.port for spec in specs)}
    free = iter(number for number in count(first) if number not in named) if first else repeat(0)
    for spec in specs:
        yield next(free) if spec.port is None else spec.port
