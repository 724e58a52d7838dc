"""Charge up to a state of charge, watch it happen, and put things back. A simulated hour takes a moment.

Run it: python examples/charge_until.py
"""

from __future__ import annotations

import asyncio

import indevolt
from indevolt.simulator import Simulator
from indevolt.virtual import VirtualDevice

TARGET_PCT = 70


async def main() -> None:
    """Charge a virtual battery until it is at the target."""
    clock = indevolt.ManualClock(auto=True)  # waits take no time here; leave it out for a real device
    simulator = Simulator("powerflex2000", clock=clock, modules=3)
    async with (
        VirtualDevice(simulator, port=0, discovery_port=None) as virtual,
        indevolt.connect(f"127.0.0.1:{virtual.port}", clock=clock) as battery,
    ):
        outcome = await battery.charge(power_w=2400, soc_pct=TARGET_PCT)
        print(f"charging is {outcome.stage} after {outcome.took_s:.0f} s", *outcome.notes)
        if not outcome.proven:  # accepted is not done
            return
        try:
            async for reading in battery.watch("battery_soc", "battery_power", every_s=300):
                soc, power = reading.number("battery_soc"), reading.number("battery_power")
                print(f"{reading.at:%H:%M}  {soc} %  {power} W")
                if soc is not None and soc >= TARGET_PCT:
                    break
        finally:
            outcome = await battery.self_use()  # real-time mode would stay
            print(f"self-use is {outcome.stage}")


if __name__ == "__main__":
    asyncio.run(main())
