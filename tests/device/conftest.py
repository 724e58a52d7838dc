"""A virtual battery in process, on a clock that needs no waiting, and a wire that listens to what is asked of it."""

from __future__ import annotations

import pytest

from indevolt.clock import ManualClock
from indevolt.simulator import INSTANT, Simulator
from wiretap import Wiretap


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(auto=True)


@pytest.fixture
def simulator(clock: ManualClock) -> Simulator:
    return Simulator("powerflex2000", clock=clock, modules=2, response=INSTANT)


@pytest.fixture
def wire(simulator: Simulator) -> Wiretap:
    return Wiretap(simulator)
