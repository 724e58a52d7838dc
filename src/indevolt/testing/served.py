"""A virtual device on a socket, as a test sees it: in a thread of its own, with its own time.

Because of the thread, blocking code, code on any event loop and other processes can all talk to it. Not here: what a device does
(``simulator``), and how bytes travel (``virtual``).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any, Self, TypeVar
from urllib.parse import parse_qs, urlsplit

from indevolt.battery import Value
from indevolt.clock import Clock, FastClock, ManualClock, SystemClock
from indevolt.errors import InvalidInput
from indevolt.simulator import Api, Simulator
from indevolt.simulator.faults import REBOOT_S
from indevolt.virtual import VirtualDevice

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that a device was sent, and what became of it."""

    method: str
    target: str  # path and query as sent
    status: int  # of the reply; 0 where a fault left no HTTP reply

    @property
    def rpc(self) -> str:
        """The name of the RPC, such as ``Indevolt.GetData``."""
        return urlsplit(self.target).path.removeprefix("/rpc/")

    @property
    def config(self) -> object:
        """The decoded ``config`` of the query; None if there is none, or none that is JSON."""
        try:
            return json.loads(parse_qs(urlsplit(self.target).query)["config"][0])
        except (KeyError, ValueError):
            return None


class TravelClock:
    """The time of a served device: it stands still or runs, and can be moved on; but whoever waits, waits in real time.

    So the device has its own time, and a late answer is late for the client.
    """

    def __init__(self, start: datetime, speed: float = 0.0) -> None:
        self._real = SystemClock()
        self._own: Clock = FastClock(self._real, speed, start=start) if speed else ManualClock(start.astimezone(UTC))
        self._travelled_s = 0.0

    def now(self) -> datetime:
        """Return the device's time in UTC."""
        return self._own.now() + timedelta(seconds=self._travelled_s)

    def monotonic(self) -> float:
        """Return the device's seconds since the start."""
        return self._own.monotonic() + self._travelled_s

    async def sleep(self, seconds: float) -> None:
        """Wait for real."""
        await self._real.sleep(seconds)

    def travel(self, seconds: float) -> None:
        """Move on."""
        self._travelled_s += seconds


class ServedFaults:
    """The faults of a served device, by their specs (docs/virtual-device.md)."""

    def __init__(self, device: ServedDevice) -> None:
        self._device = device

    def add(self, *specs: str) -> None:
        """Add faults; none is added when one is wrong.

        Raises:
            InvalidInput: a spec has no such form.
        """
        __tracebackhide__ = True
        self._device.do(lambda simulator: simulator.faults.add(*specs))

    def remove(self, *specs: str) -> None:
        """Mend what was added by these specs."""
        __tracebackhide__ = True
        self._device.do(lambda simulator: simulator.faults.remove(*specs))

    def clear(self) -> None:
        """Mend everything."""
        self._device.do(lambda simulator: simulator.faults.clear())

    def __iter__(self) -> Iterator[str]:
        """Yield the specs of those that still wait for requests."""
        return iter(self._device.do(lambda simulator: [fault.spec for fault in simulator.faults]))

    def __bool__(self) -> bool:
        return any(self)


class ServedDevice:
    """A virtual battery on a socket. Whatever is called here is carried out in the device's own thread, between two requests.

    Attributes:
        host: where it listens.
        port: its TCP port.
        address: both, as ``indevolt.connect`` takes them.
        url: ``http://HOST:PORT``, what a client puts before ``/rpc/``.
        serial: its serial number.
        discovery_port: its UDP port, where discovery was asked for.
        faults: what goes wrong.
        home: all units of its scenario by name, itself among them; empty without a scenario.
    """

    def __init__(
        self,
        stage: Stage,
        simulator: Simulator,
        clock: TravelClock,
        home: Mapping[str, ServedDevice],
        **how: Any,  # noqa: ANN401 - of VirtualDevice
    ) -> None:
        self._stage = stage
        self._simulator = simulator
        self._clock = clock
        self._asked: list[Asked] = []
        self._virtual = VirtualDevice(simulator, port=0, observe=self._observe, **how)
        stage.open(self._virtual)
        self.host = self._virtual.host
        self.port = self._virtual.port
        self.address = str(self._virtual.address)
        self.url = f"{'https' if self._virtual.address.tls else 'http'}://{self.address}"
        self.serial = simulator.serial
        self.discovery_port = self._virtual.discovery_port
        self.faults = ServedFaults(self)
        self.home = home

    def __repr__(self) -> str:
        return f"<virtual {self._simulator.product.title} at {self.url}>"

    @property
    def requests(self) -> tuple[Asked, ...]:
        """What it was asked and how that ended, in this order; a request that is still being answered is not among them."""
        return self._stage.call(lambda: tuple(self._asked))

    def do(self, action: Callable[[Simulator], _T]) -> _T:
        """Do something to the simulator behind it, and return what that returns."""
        __tracebackhide__ = True
        return self._stage.call(lambda: action(self._simulator))

    def get(self, name: str) -> Value | None:
        """Return what a quantity shows now; None when unknown.

        Raises:
            InvalidInput: no such quantity.
        """
        __tracebackhide__ = True
        return self.do(lambda simulator: simulator.get(name))

    def set(self, name: str, value: Value) -> None:
        """Make a quantity show a value, as if it had been so all along; see :meth:`Simulator.set`.

        Raises:
            InvalidInput: no such quantity, or a value that it cannot show.
        """
        __tracebackhide__ = True
        self.do(lambda simulator: simulator.set(name, value))

    def set_api(self, api: Api | str) -> None:
        """Change the setting of the local API, as the app does.

        Raises:
            InvalidInput: no such setting, or ``https`` without an SSL context.
        """
        __tracebackhide__ = True
        self._stage.wait(self._virtual.set_api(api))

    def reboot(self, down_s: float = REBOOT_S) -> None:
        """Restart: connections are reset until so many seconds of the device's own time are over."""
        self.do(lambda simulator: simulator.reboot(down_s))

    def travel(self, seconds: float) -> None:
        """Let the device live through so many seconds at once; the units of one scenario travel together.

        Raises:
            InvalidInput: not a number of seconds, 0 or more.
        """
        __tracebackhide__ = True
        if not 0 <= seconds < float("inf"):
            raise shown(InvalidInput(f"cannot travel {seconds:g} s", remedy="Time only goes forward: 0 or more."))
        self._stage.call(lambda: self._travel(seconds))

    def _travel(self, seconds: float) -> None:
        site = self._simulator.site
        site.advance()
        while seconds > 0:  # from one event to the next, so that each happens while the clock says so
            part_s = min(seconds, site.next_due_s)
            self._clock.travel(part_s)
            site.advance()
            seconds -= part_s

    def _observe(self, _peer: str, method: str, target: str, status: int, _took_s: float) -> None:
        self._asked.append(Asked(method, target, status))


class Stage:
    """An event loop in a thread of its own, and on it the served devices of one test."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="indevolt.testing", daemon=True)
        self._open: list[VirtualDevice] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            for virtual in reversed(self._open):
                self.wait(virtual.close())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def open(self, virtual: VirtualDevice) -> None:
        """Put a device on its socket, until the end."""
        self.wait(virtual.__aenter__())
        self._open.append(virtual)

    def call(self, action: Callable[[], _T]) -> _T:
        """Carry out a function in the thread; raises what it raises."""
        __tracebackhide__ = True

        async def carry_out() -> _T:
            return action()

        return self.wait(carry_out())

    def wait(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Carry out a coroutine in the thread; raises what it raises.

        Raises:
            InvalidInput: the test is over.
        """
        __tracebackhide__ = True
        if self._loop.is_closed():
            work.close()
            raise shown(InvalidInput("the virtual device is gone", remedy="It lives as long as the test whose fixture made it."))
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result()
        except InvalidInput as error:
            raise shown(error) from None


def shown(error: InvalidInput) -> InvalidInput:
    """Return a mistake of a test as pytest is to show it: where the test makes it, and with what to do about it."""
    if error.remedy and error.remedy not in getattr(error, "__notes__", ()):
        error.add_note(error.remedy)
    return error.with_traceback(None)
