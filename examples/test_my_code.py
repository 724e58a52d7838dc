"""Test your own INDEVOLT code: pytest fixtures give it a virtual battery, which fails on request and lives through an hour at once.

Run it: pytest examples/test_my_code.py (or: python examples/test_my_code.py)
"""
# ruff: noqa: S101, S310 - tests assert, and the only URL is that of the device

from __future__ import annotations

import asyncio
import json
import sys
from http.client import HTTPException
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest

import indevolt
from indevolt.simulator import Simulator
from indevolt.testing import MakeDevice, ServedDevice

pytest_plugins = ["indevolt.testing"]  # in a project, this line belongs into the conftest.py at its top

# ---- your code: a client that asks a second time when something goes wrong ------------------------------------------------

SOC = 6002
MODE, REALTIME = 47005, 4
COMMAND, CHARGE = 47015, 1


class MyBattery:
    """Any code that talks to a device; here with the standard library."""

    def __init__(self, url: str, *, timeout_s: float = 5.0) -> None:
        self.url = url
        self.timeout_s = timeout_s

    def soc_pct(self) -> float | None:
        """Return the state of charge; None when the device does not say."""
        reply = self._ask("GetData", {"t": [SOC]})
        return None if reply is None else reply.get(str(SOC))

    def charge(self, power_w: int, up_to_pct: int) -> bool:
        """Charge; returns whether the device took the order."""
        writes = [(MODE, [REALTIME]), (COMMAND, [CHARGE, power_w, up_to_pct])]
        return all((self._ask("SetData", {"f": 16, "t": point, "v": values}) or {}).get("result") for point, values in writes)

    def _ask(self, rpc: str, config: dict[str, Any]) -> dict[str, Any] | None:
        text = quote(json.dumps(config, separators=(",", ":")))
        for _ in range(2):
            try:
                with urlopen(f"{self.url}/rpc/Indevolt.{rpc}?config={text}", timeout=self.timeout_s) as reply:
                    found: dict[str, Any] = json.load(reply)
                    return found
            except (OSError, HTTPException, ValueError):  # no connection, no answer, half an answer, no JSON
                continue
        return None


# ---- its tests -------------------------------------------------------------------------------------------------------------


def test_it_reads_what_the_device_shows(indevolt_device: ServedDevice) -> None:
    indevolt_device.set("battery_soc", 42)
    assert MyBattery(indevolt_device.url).soc_pct() == 42
    assert [request.config for request in indevolt_device.requests] == [{"t": [SOC]}]


@pytest.mark.parametrize("fault", ["reset*1", "garbage*1", "truncated*1", "halfjson*1", "status:503*1"])
def test_it_survives_a_hiccup(indevolt_device: ServedDevice, fault: str) -> None:
    indevolt_device.faults.add(fault)
    assert MyBattery(indevolt_device.url).soc_pct() == 55
    assert len(indevolt_device.requests) == 2


def test_it_invents_no_value_when_the_device_is_silent(indevolt_device: ServedDevice) -> None:
    indevolt_device.faults.add("silent")
    assert MyBattery(indevolt_device.url, timeout_s=0.1).soc_pct() is None


def test_it_finds_a_device_again_that_restarts(indevolt_device: ServedDevice) -> None:
    battery = MyBattery(indevolt_device.url)
    indevolt_device.reboot(down_s=30)
    assert battery.soc_pct() is None
    indevolt_device.travel(30)
    assert battery.soc_pct() is not None


def test_it_charges(make_indevolt_device: MakeDevice) -> None:
    device = make_indevolt_device(product="solidflex2000", modules=3, soc_pct=20)
    assert MyBattery(device.url).charge(1200, up_to_pct=30)
    assert device.get("battery_power") == pytest.approx(-1200, abs=5)
    device.travel(3600)
    assert MyBattery(device.url).soc_pct() == 30


def test_the_client_of_the_library_needs_no_socket(indevolt_battery: Simulator, indevolt_clock: indevolt.ManualClock) -> None:
    async def charge_twice() -> list[indevolt.Stage]:
        async with indevolt.connect("virtual", transport=indevolt_battery, clock=indevolt_clock) as battery:
            return [(await battery.charge(power_w=800, soc_pct=80)).stage for _ in range(2)]

    indevolt_battery.faults.add("refuse*1")
    assert asyncio.run(charge_twice()) == [indevolt.Stage.REFUSED, indevolt.Stage.EFFECTIVE]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-q"]))
