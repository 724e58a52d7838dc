"""A virtual battery with a day of its own, and a client that reads it through a real socket: what `indevolt demo` shows.

Here is only what belongs together; how it looks is up to the command line.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from indevolt.clock import Clock, FastClock, SystemClock
from indevolt.device import Device, connect
from indevolt.errors import InvalidInput
from indevolt.protocol.discovery import API_PORT, PORT
from indevolt.simulator import Simulator
from indevolt.virtual import VirtualDevice


@dataclass(frozen=True, slots=True)
class Demo:
    """What is running: the device's inside, its place on the network, and the client."""

    simulator: Simulator
    virtual: VirtualDevice
    battery: Device
    speed: float  # how many times faster than real its day goes


@asynccontextmanager
async def running(
    product: str,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    discovery: bool = True,
    speed: float = 60.0,
    clock: Clock | None = None,
) -> AsyncIterator[Demo]:
    """Start a virtual battery and open it with the client; both end with the ``async with``.

    Args:
        product: which one.
        host: where it listens.
        port: its TCP port; by default the usual one, or any free one where that is taken.
        discovery: whether it answers discovery, at the usual port and where that is free.
        speed: how many times faster than real its day goes.
        clock: real time.

    Raises:
        InvalidInput: no such product, or the port that was asked for is taken.
    """
    real = clock or SystemClock()
    async with AsyncExitStack() as stack:
        simulator = Simulator(product, clock=FastClock(real, speed))
        virtual = await _first_that_opens(
            stack,
            [
                VirtualDevice(simulator, host=host, port=wanted_port, discovery_port=wanted_discovery)
                for wanted_port in ([API_PORT, 0] if port is None else [port])
                for wanted_discovery in ([PORT, None] if discovery else [None])
            ],
        )
        battery = await stack.enter_async_context(connect(f"{host}:{virtual.port}", clock=real))
        yield Demo(simulator, virtual, battery, speed)


async def _first_that_opens(stack: AsyncExitStack, devices: Sequence[VirtualDevice]) -> VirtualDevice:
    """Open the first that can be opened: another virtual device may be using the usual ports."""
    for device in devices[:-1]:
        try:
            return await stack.enter_async_context(device)
        except InvalidInput:
            continue
    return await stack.enter_async_context(devices[-1])
