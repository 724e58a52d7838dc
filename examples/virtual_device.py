"""Test your own client: a virtual device that any HTTP client can talk to, and that fails on request.

Run it: python examples/virtual_device.py
"""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from urllib.parse import quote

from indevolt.catalogue import load
from indevolt.simulator import Simulator
from indevolt.virtual import VirtualDevice


def ask(port: int, point: int) -> str:
    """Read one point with nothing but the standard library, as any other program would."""
    config = json.dumps({"t": [point]}, separators=(",", ":"))  # no blanks: devices do not take them
    url = f"http://127.0.0.1:{port}/rpc/Indevolt.GetData?config={quote(config)}"
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return str(reply.read().decode())
    except (urllib.error.URLError, OSError) as error:
        return f"failed: {error}"


async def main() -> None:
    """Start a virtual device, change it from inside, and let it misbehave."""
    simulator = Simulator("solidflex2000", modules=2)
    point = load("gen2").point("battery_soc").read
    assert point is not None  # noqa: S101 - it has a read side
    async with VirtualDevice(simulator, port=0, discovery_port=None) as virtual:
        simulator.set("battery_soc", 42)
        print("as set:        ", await asyncio.to_thread(ask, virtual.port, point.at))
        simulator.faults.add("status:503*1")
        print("with a fault:  ", await asyncio.to_thread(ask, virtual.port, point.at))
        print("and once again:", await asyncio.to_thread(ask, virtual.port, point.at))


if __name__ == "__main__":
    asyncio.run(main())
