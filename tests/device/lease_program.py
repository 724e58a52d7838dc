"""A program of its own that leases a battery, commands it, says so, and waits for whatever a test does to it.

``lease_program.py PORT POWER_W``: discharges with that power. Prints ``holds`` once the device shows it.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta

import indevolt


async def main(port: str, power_w: str) -> None:
    async with (
        indevolt.connect(f"127.0.0.1:{port}", spacing_s=0.02) as battery,
        battery.lease(ttl=timedelta(hours=1), actor="evening script") as lease,
    ):
        outcome = await lease.command(indevolt.Discharge(int(power_w), 10))
        sys.stdout.write(f"holds {outcome.stage}\n")
        sys.stdout.flush()
        await lease.over()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
