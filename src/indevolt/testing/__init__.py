"""Pytest fixtures for whoever tests code that talks to INDEVOLT batteries: virtual devices, in process and on a socket.

Loaded by ``pytest_plugins = ["indevolt.testing"]`` and never unasked; no asyncio plugin is needed. How to use it: docs/testing.md.

Here are the fixtures. What they may be told is in ``arguments``, the device on a socket in ``served``; what a device is and does
belongs to ``indevolt.simulator``.

PYTEST_DONT_REWRITE: tests may import names from here before pytest loads the plugin, and there is no assertion to rewrite.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, Final, Protocol, TypeVar, Unpack

import pytest

from indevolt.clock import ManualClock
from indevolt.errors import InvalidInput
from indevolt.simulator import Simulator
from indevolt.testing.arguments import BatteryArguments, DeviceArguments, build_battery, serve
from indevolt.testing.served import Asked, ServedDevice, ServedFaults, Stage, TravelClock, shown

__all__ = ["Asked", "MakeBattery", "MakeDevice", "ServedDevice", "ServedFaults", "TravelClock"]

MARK: Final = "indevolt"

_T = TypeVar("_T")


class MakeBattery(Protocol):
    """The type of ``make_indevolt_battery``."""

    def __call__(self, **arguments: Unpack[BatteryArguments]) -> Simulator:
        """Return another battery."""
        ...


class MakeDevice(Protocol):
    """The type of ``make_indevolt_device``."""

    def __call__(self, **arguments: Unpack[DeviceArguments]) -> ServedDevice:
        """Return another device."""
        ...


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers",
        f"{MARK}(**arguments): what indevolt_battery and indevolt_device are to be, such as product, modules, soc_pct, faults",
    )


@pytest.fixture
def indevolt_clock() -> ManualClock:
    """The time of batteries in process. It stands still, and whoever waits on it moves it: no test takes longer for that."""
    return ManualClock(auto=True)


@pytest.fixture
def make_indevolt_battery(indevolt_clock: ManualClock) -> MakeBattery:
    """Make batteries in process, on ``indevolt_clock``; each has another serial number."""
    seeds = count(1)

    def make(**arguments: Unpack[BatteryArguments]) -> Simulator:
        __tracebackhide__ = True
        try:
            return build_battery({"seed": next(seeds), **arguments}, indevolt_clock)
        except InvalidInput as error:
            raise shown(error) from None

    return make


@pytest.fixture
def make_indevolt_device() -> Iterator[MakeDevice]:
    """Make devices on sockets; each has another serial number and its own time, and all of them end with the test."""
    seeds = count(1)
    with Stage() as stage:

        def make(**arguments: Unpack[DeviceArguments]) -> ServedDevice:
            __tracebackhide__ = True
            try:
                return serve(stage, next(seeds), dict(arguments))
            except InvalidInput as error:
                raise shown(error) from None

        yield make


@pytest.fixture
def indevolt_battery(request: pytest.FixtureRequest, make_indevolt_battery: MakeBattery) -> Simulator:
    """A battery in process: a transport, for ``indevolt.connect("virtual", transport=indevolt_battery, clock=indevolt_clock)``."""
    return _made(request, make_indevolt_battery)


@pytest.fixture
def indevolt_device(request: pytest.FixtureRequest, make_indevolt_device: MakeDevice) -> ServedDevice:
    """A device on a socket of 127.0.0.1, for any client; see :class:`ServedDevice`."""
    return _made(request, make_indevolt_device)


def _made(request: pytest.FixtureRequest, make: Callable[..., _T]) -> _T:
    """Return what the markers of a test describe; the one closest to the test counts."""
    told: dict[str, Any] = {}
    for mark in request.node.iter_markers(MARK):
        if mark.args:
            pytest.fail(f"@pytest.mark.{MARK} takes arguments by name, as in product={mark.args[0]!r}", pytrace=False)
        told = {**mark.kwargs, **told}
    if not told:
        return make()
    try:
        return make(**told)
    except InvalidInput as error:
        pytest.fail(f"@pytest.mark.{MARK}: {error}. {error.remedy}", pytrace=False)
