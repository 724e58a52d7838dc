"""The servers that the benchmarks ask, each in a process of its own, on loopback addresses and ports that the system chooses.

Run by the benchmarks only. All of them answer ``GetData`` by looking each point up in a dictionary and writing JSON with orjson.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeAlias

from poll_clients import loop_factory
from side_by_side import Json, raise_file_limit

PRODUCT = "powerflex2000"  # of the family that the benchmarks ask about
MOST_POINTS = 100  # real devices take about 50 in a request; here the virtual one shall not mind

Running: TypeAlias = AbstractAsyncContextManager[list[tuple[str, int]]]
"""A server that runs inside ``async with`` and says at which addresses."""


def loopback(index: int) -> str:
    """Return the address of one virtual device among many: 127.0.0.1 for the first, then 127.1.x.y."""
    return f"127.1.{index // 250}.{index % 250 + 1}" if index else "127.0.0.1"


@contextlib.asynccontextmanager
async def indevolt(values: Mapping[str, Any], devices: int, *, keep_alive: bool) -> AsyncIterator[list[tuple[str, int]]]:
    """Run our server with a fixed backend, once for each device: each serves one request at a time, as a device does."""
    from indevolt.protocol.messages import AnyRequest, Data, GetData, Reply, SysConfig
    from indevolt.server import Server

    def answer(request: AnyRequest) -> Reply:
        if isinstance(request, GetData):
            return Data({key: values[key] for key in request.keys if key in values})
        return SysConfig({"sn": "0123456789"})  # asked once by whoever opens a device

    async with contextlib.AsyncExitStack() as stack:
        addresses = []
        for index in range(devices):
            server = Server(answer, keep_alive=keep_alive)
            await server.start(loopback(index), 0)
            stack.push_async_callback(server.close)
            addresses.append((loopback(index), server.port))
        yield addresses


@contextlib.asynccontextmanager
async def device(devices: int, *, keep_alive: bool) -> AsyncIterator[list[tuple[str, int]]]:
    """Run whole virtual devices: a simulator that lives its day, behind the same server; discovery off."""
    from indevolt.simulator import Simulator
    from indevolt.virtual import VirtualDevice

    async with contextlib.AsyncExitStack() as stack:
        addresses = []
        for index in range(devices):
            simulator = Simulator(PRODUCT, seed=index + 1, max_points=MOST_POINTS)
            virtual = VirtualDevice(simulator, loopback(index), 0, keep_alive=keep_alive, discovery_port=None)
            await stack.enter_async_context(virtual)
            addresses.append((virtual.host, virtual.port))
        yield addresses


@contextlib.asynccontextmanager
async def aiohttp(values: Mapping[str, Any]) -> AsyncIterator[list[tuple[str, int]]]:
    """Run an aiohttp handler that does the same work."""
    import orjson
    from aiohttp import web

    async def answer(request: web.Request) -> web.Response:
        asked = orjson.loads(request.query["config"])["t"]
        found = {key: values[key] for key in map(str, asked) if key in values}
        return web.Response(body=orjson.dumps(found), content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/rpc/Indevolt.GetData", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, loopback(0), 0)
        await site.start()
        yield [tuple(address[:2]) for address in runner.addresses]
    finally:
        await runner.cleanup()


def chosen(server: str, order: Json) -> Running:
    """Return the server that was asked for."""
    makers: dict[str, Callable[[], Running]] = {
        "indevolt": lambda: indevolt(order["values"], order.get("devices", 1), keep_alive=order.get("keep_alive", False)),
        "device": lambda: device(order.get("devices", 1), keep_alive=order.get("keep_alive", False)),
        "aiohttp": lambda: aiohttp(order["values"]),
    }
    return makers[server]()


async def serve(server: str) -> None:
    """Take the order from the first line of the input, say the addresses, and serve until the input ends."""
    order = json.loads(sys.stdin.readline())
    async with chosen(server, order) as addresses:
        print(json.dumps({"addresses": addresses}), flush=True)
        await asyncio.to_thread(sys.stdin.read)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server", choices=["indevolt", "device", "aiohttp"])
    parser.add_argument("--loop", default="asyncio")
    arguments = parser.parse_args()
    raise_file_limit()
    with asyncio.Runner(loop_factory=loop_factory(arguments.loop)) as runner:
        runner.run(serve(arguments.server))


if __name__ == "__main__":
    main()
