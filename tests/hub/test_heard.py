"""What went over the wire to a device is counted, and what it said is remembered for the gateway."""

from __future__ import annotations

import pytest

from indevolt.clock import ManualClock
from indevolt.errors import NoReply
from indevolt.hub.heard import BUDGET_S, WINDOW, Health, Heard
from indevolt.protocol.messages import Data, GetData, SetData, SysGetConfig
from indevolt.simulator import Simulator

KNOWN, OTHER, UNKNOWN = 6002, 7101, 65535  # two that every unit of this family has, and one that none has


class Line:
    """A battery behind a line that remembers; ``ask`` is a poll of some points."""

    def __init__(self) -> None:
        self.clock = ManualClock(auto=True)
        self.simulator = Simulator("powerflex2000", clock=self.clock)
        self.health = Health(self.clock)
        self.heard = Heard(self.simulator, self.clock, self.health)

    async def ask(self, *points: int) -> Data:
        return await self.heard.exchange(GetData(points))


async def test_what_was_heard_is_recalled_while_it_is_young() -> None:
    line = Line()
    said = await line.ask(KNOWN, OTHER)
    line.clock.tick(5)
    assert line.heard.recall([str(KNOWN), str(OTHER)], max_age_s=5) == said
    assert line.heard.recall([str(KNOWN)], max_age_s=4.9) is None


async def test_one_point_that_was_never_asked_for_spoils_a_recall() -> None:
    line = Line()
    await line.ask(KNOWN)
    assert line.heard.recall([str(KNOWN), str(OTHER)], max_age_s=60) is None
    assert line.heard.recall([], max_age_s=60) == Data({})


async def test_what_the_device_left_out_is_known_to_be_absent() -> None:
    line = Line()
    said = await line.ask(KNOWN, UNKNOWN)
    assert set(said.values) == {str(KNOWN)}
    assert line.heard.recall([str(KNOWN), str(UNKNOWN)], max_age_s=60) == said
    values, unknown = line.heard.young([str(KNOWN), str(UNKNOWN), str(OTHER)], max_age_s=60)
    assert (set(values), list(unknown)) == ({str(KNOWN)}, [str(OTHER)])


async def test_what_grew_old_is_to_be_asked_again_and_the_rest_is_not() -> None:
    line = Line()
    await line.ask(KNOWN)
    line.clock.tick(10)
    await line.ask(OTHER)
    values, unknown = line.heard.young([str(KNOWN), str(OTHER)], max_age_s=5)
    assert (set(values), list(unknown)) == ({str(OTHER)}, [str(KNOWN)])


async def test_what_a_write_may_have_changed_is_forgotten() -> None:
    line = Line()
    await line.ask(KNOWN, OTHER)
    line.heard.forget([str(KNOWN)])
    assert line.heard.recall([str(KNOWN)], max_age_s=60) is None
    assert line.heard.recall([str(OTHER)], max_age_s=60) is not None
    line.heard.forget()
    assert line.heard.recall([str(OTHER)], max_age_s=60) is None


async def test_requests_failures_and_writes_are_counted() -> None:
    line = Line()
    await line.ask(KNOWN)
    await line.heard.exchange(SysGetConfig())
    await line.heard.exchange(SetData(47005, (1,)))
    line.simulator.faults.add("silent*1")
    with pytest.raises(NoReply):
        await line.ask(OTHER)
    assert (line.health.requests, line.health.failures, line.health.writes) == (4, 1, 1)
    assert line.heard.recall([str(OTHER)], max_age_s=60) is None


async def test_latencies_are_those_of_answers() -> None:
    line = Line()
    assert line.health.latency_s(0.5) is None
    for spec in ["slow:0.2*1"] * 98 + ["slow:3*1"] * 2:
        line.simulator.faults.add(spec)
        await line.ask(KNOWN)
    assert line.health.last_latency_s == pytest.approx(3)
    assert line.health.latency_s(0.5) == pytest.approx(0.2)
    assert line.health.latency_s(0.99) == pytest.approx(3, abs=0.1)
    for _ in range(WINDOW):
        await line.ask(KNOWN)
    assert line.health.latency_s(0.99) == pytest.approx(0)


async def test_a_single_latency_stands_for_all() -> None:
    line = Line()
    line.simulator.faults.add("slow:0.5*1")
    await line.ask(KNOWN)
    assert line.health.latency_s(0.01) == line.health.latency_s(0.99) == pytest.approx(0.5)


async def test_the_budget_is_that_of_the_last_minute() -> None:
    line = Line()
    for _ in range(30):
        await line.ask(KNOWN)
        line.clock.tick(1)
    assert line.health.budget_used == pytest.approx(0.5)
    line.clock.tick(BUDGET_S)
    assert line.health.budget_used == 0
