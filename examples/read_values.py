"""Read a battery: named values with unit, time and quality. Here it is a virtual one; put an address instead for your own.

Run it: python examples/read_values.py
"""

from __future__ import annotations

import asyncio

import indevolt
from indevolt.simulator import Simulator
from indevolt.virtual import VirtualDevice


async def main() -> None:
    """Start a virtual battery, and read it as one reads a real one."""
    clock = indevolt.ManualClock(auto=True)  # waits take no time here; leave it out for a real device
    simulator = Simulator("powerflex2000", clock=clock)
    async with (
        VirtualDevice(simulator, port=0, discovery_port=None) as virtual,
        indevolt.connect(f"127.0.0.1:{virtual.port}", clock=clock) as battery,
    ):
        print(f"{battery.model.title}, recognized by {'; '.join(battery.evidence)}")

        reading = await battery.read("battery_soc", "battery_power", "meter_power", "pack1_soc", "pack5_soc")
        for name, sample in reading.items():
            # A value is there only if the quality is "live": what is not installed is not 0.
            value = "unknown" if sample.value is None else f"{sample.value} {sample.unit}"
            print(f"  {name:<14} {value} ({sample.quality})")

        limits = await battery.limits()
        print(f"It may charge with {limits.charge.value:g} W: {limits.charge.cause}")


if __name__ == "__main__":
    asyncio.run(main())
