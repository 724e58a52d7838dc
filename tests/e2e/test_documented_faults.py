"""Every fault that docs/virtual-device.md lists does what it says there, on a real socket, to our client.

A restart in the middle of a write is among the tests of the client library (``tests/device/test_device_network.py``).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

import indevolt
from indevolt import Device, Quality, Stage
from indevolt.errors import IndevoltError, NoReply, ProtocolError, ServiceUnavailable, Unreachable
from indevolt.protocol.messages import SysGetConfig
from indevolt.simulator import FAULT_FORMS, Simulator
from indevolt.transport import HttpTransport
from indevolt.virtual import VirtualDevice

PAGE = Path(__file__).parents[2] / "docs" / "virtual-device.md"
CAPACITY = 142


@asynccontextmanager
async def opened(*faults: str, deadline_s: float = 10.0) -> AsyncIterator[Device]:
    """A battery whose faults begin once the client has opened it."""
    simulator = Simulator("powerflex2000", lag_s=0.0)
    async with VirtualDevice(simulator, port=0, discovery_port=None) as device, AsyncExitStack() as stack:
        # Without the pacing that real devices need, because its pauses and second tries are other tests' business.
        transport = HttpTransport(device.address, deadline_s=deadline_s)
        stack.push_async_callback(transport.close)
        battery = await stack.enter_async_context(indevolt.connect("virtual", transport=transport, spacing_s=0.01, patience_s=0.5))
        simulator.faults.add(*faults)
        yield battery


def test_the_page_lists_every_fault_there_is() -> None:
    table = re.findall(r"^\| `([a-z]+)[:\[`]", PAGE.read_text("utf-8"), re.MULTILINE)
    assert set(table) == {form.partition(":")[0] for form in FAULT_FORMS}


async def test_a_slow_device_is_waited_for() -> None:
    async with opened("slow:0.1*1") as battery:
        assert (await battery.read("battery_soc")).value("battery_soc") == 55


@pytest.mark.parametrize(
    ("fault", "errors"),
    [
        ("silent", (NoReply,)),
        ("reset", (NoReply, Unreachable)),
        ("garbage", (ProtocolError,)),
        ("truncated", (NoReply,)),
        ("halfjson", (ProtocolError,)),
        ("status:503", (ServiceUnavailable,)),
    ],
)
async def test_a_device_that_only_fails_ends_in_the_documented_error(fault: str, errors: tuple[type[IndevoltError], ...]) -> None:
    async with opened(fault, deadline_s=0.3) as battery:
        with pytest.raises(errors):
            await battery.exchange(SysGetConfig())


@pytest.mark.parametrize("fault", [f"poison:{CAPACITY}", f"poison:{CAPACITY}:silent"])
async def test_a_poisoned_point_is_quarantined_and_the_rest_is_read(fault: str) -> None:
    async with opened(fault, deadline_s=0.3) as battery:
        reading = await battery.read("rated_capacity", "battery_soc", "mode", "light")
    assert reading["rated_capacity"].quality is Quality.QUARANTINED
    assert {reading[name].quality for name in ("battery_soc", "mode", "light")} == {Quality.LIVE}


@pytest.mark.parametrize(
    ("fault", "stage"),
    [
        ("frozen", Stage.ACCEPTED),
        ("ignore", Stage.ACCEPTED),
        ("refuse", Stage.REFUSED),
        ("late:0.2", Stage.CONFIRMED),
    ],
)
async def test_a_write_ends_in_the_documented_stage(fault: str, stage: Stage) -> None:
    async with opened(fault) as battery:
        assert (await battery.write("backup_soc", 33)).stage is stage
