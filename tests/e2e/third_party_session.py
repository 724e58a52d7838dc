"""One whole session of indevolt-api 1.8.8 against a virtual device; prints what the client saw as JSON.

Run by ``test_indevolt_api.py`` inside a network namespace of its own, because this client broadcasts and insists on the documented
ports. Usage: ``third_party_session.py PRODUCT GENERATION``.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from typing import Any

import aiohttp
from indevolt_api import (
    SET_REALTIME_ACTION,
    IndevoltAPI,
    IndevoltBattery,
    IndevoltConfig,
    IndevoltEnergyMode,
    IndevoltGrid,
    IndevoltRealtimeAction,
    IndevoltSolar,
    IndevoltSystem,
    async_discover,
)

from indevolt.simulator import INSTANT, Simulator, Surroundings, steady_house
from indevolt.virtual import VirtualDevice

BATCH = 50  # what Home Assistant core sends with this client in one request
READ_CONFIG = [point for point in IndevoltConfig if point.name.startswith("READ_")]
POINTS = list(dict.fromkeys([*IndevoltSystem, *IndevoltGrid, *IndevoltBattery, *IndevoltSolar, *READ_CONFIG]))


async def session(product: str, generation: int) -> dict[str, Any]:
    """Let the client do everything it can do, and note what it got."""
    night = steady_house(Surroundings(700, ()))
    simulator = Simulator(product, house=night, lag_s=0.0, response=INSTANT)
    seen: dict[str, Any] = {"serial": simulator.serial}
    async with VirtualDevice(simulator, host="0.0.0.0", port=8080, discovery_port=8099), aiohttp.ClientSession() as http:
        found = await async_discover(timeout=1.5)
        seen["discovered"] = [{"host": device.host, "port": device.port, **device.metadata} for device in found]
        api = IndevoltAPI.from_discovered_device(found[0], http)
        seen["config"] = (await api.get_config())["device"]
        points: dict[str, Any] = {}
        for number in range(0, len(POINTS), BATCH):
            points |= await api.fetch_data([str(point) for point in itertools.islice(POINTS, number, number + BATCH)])
        seen["points"] = points
        api.check_charge_limits(700, 80, generation)
        seen["mode written"] = await api.set_data(IndevoltConfig.WRITE_ENERGY_MODE, IndevoltEnergyMode.REAL_TIME_CONTROL)
        seen["mode"] = await api.fetch_data(IndevoltConfig.READ_ENERGY_MODE)
        for name, action in (("charge", api.charge(700, 80)), ("discharge", api.discharge(500, 10)), ("stop", api.stop())):
            accepted = await action
            await asyncio.sleep(1.1)  # the virtual battery moves once a second
            state = [IndevoltConfig.READ_REALTIME_STATE, IndevoltBattery.POWER, IndevoltBattery.CHARGE_DISCHARGE_STATE]
            seen[name] = {"accepted": accepted, **await api.fetch_data([str(point) for point in state])}
        seen["nonsense refused"] = not await api.set_data(SET_REALTIME_ACTION, [IndevoltRealtimeAction.CHARGE, 99_999, 80])
        seen["back"] = await api.set_data(IndevoltConfig.WRITE_ENERGY_MODE, IndevoltEnergyMode.SELF_CONSUMED_PRIORITIZED)
    return seen


if __name__ == "__main__":
    print(json.dumps(asyncio.run(session(sys.argv[1], int(sys.argv[2])))))
