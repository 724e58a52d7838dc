"""Whatever is asked of a lease and whatever happens meanwhile, no write leaves its bounds, and none outlives it. Searched for.

A battery on the simulator, a program that holds its lease, and a course of orders, silences, restarts, foreign writes, jumps of the
clock and time that passes.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import given, settings, strategies as st

from indevolt.battery import Charge, Command, Discharge, Hold, Schedule, SelfUse
from indevolt.device.lease import Lease
from indevolt.errors import IndevoltError
from indevolt.protocol.messages import Request, SetData

from .leasing import MODE, REALTIME, Bench

FLOOR_PCT, CEILING_PCT, FENCE_PCT = 30, 85, 5  # the fence is written down here once more, and so is the budget:
ORDERS_AN_HOUR, MODES_A_DAY, KEPT_BACK, APART_S = 400, 24, 2, 300
TTL = timedelta(minutes=10)
CHARGE_W, DISCHARGE_W = 2000, 2400  # what two modules carry (protocol.md, section 11)
CHARGING, DISCHARGING = 1, 2

moves = st.one_of(
    *(st.builds(kind, power_w=st.integers(50, 2400), soc_pct=st.integers(5, 100)) for kind in (Charge, Discharge)),
    *(st.builds(kind, power_w=st.integers(0, 3000), soc_pct=st.integers(0, 110)) for kind in (Charge, Discharge)),
)
commands: st.SearchStrategy[Command] = st.one_of(moves, moves, st.sampled_from([Hold(), SelfUse(), Schedule()]))
orders_of = st.tuples(st.sampled_from(["command", "command", "adjust"]), commands)
happenings = st.one_of(
    orders_of,
    orders_of,
    orders_of,
    st.tuples(st.just("wait"), st.sampled_from([1.0, 30.0, 200.0, 400.0])),
    st.one_of(
        st.tuples(st.just("write"), st.sampled_from(["inverter_input_limit", "backup_soc"]), st.integers(0, 2600)),
        st.tuples(st.just("silence"), st.floats(1, 120)),
        st.tuples(st.just("restart"), st.floats(1, 60)),
        st.tuples(st.just("foreign"), st.sampled_from(["self_use", "schedule", "realtime"])),
        st.tuples(st.just("jump"), st.floats(-90_000, 90_000)),
        st.tuples(st.just("renew"), st.floats(1, 600)),
    ),
)


@dataclass
class Written:
    """A write as it arrived, and what held then."""

    point: int
    values: tuple[int | float, ...]
    at_s: float
    soc_pct: float
    floor_pct: float


@dataclass
class Course:
    """A lease, what happens to it, and every write that arrived."""

    bench: Bench
    written: list[Written] = field(default_factory=list)
    until_s: float = 0.0

    def note(self, request: Request[Any]) -> None:
        if isinstance(request, SetData):
            device, clock = self.bench.simulator, self.bench.clock
            soc, own = float(str(device.get("battery_soc"))), float(str(device.get("backup_soc")))
            self.written.append(Written(request.point, request.values, clock.monotonic(), soc, max(FLOOR_PCT, own)))

    async def run(self, steps: list[tuple[Any, ...]]) -> None:
        with contextlib.suppress(IndevoltError):
            async with self.bench.lease(ttl=TTL, floor_pct=FLOOR_PCT, ceiling_pct=CEILING_PCT) as lease:
                self.until_s = self.bench.clock.monotonic() + TTL.total_seconds()
                for what, *how in steps:
                    with contextlib.suppress(IndevoltError):
                        await self.happens(lease, what, *how)

    async def happens(self, lease: Lease, what: str, *how: Any) -> None:
        simulator, clock = self.bench.simulator, self.bench.clock
        acts: dict[str, Callable[..., Awaitable[object]]] = {
            "command": lease.command, "adjust": lease.adjust, "write": lease.write, "wait": clock.sleep
        }  # fmt: skip
        match what:
            case "silence":
                simulator.faults.add("silent")
                await clock.sleep(how[0])
                simulator.faults.clear()
            case "restart":
                simulator.reboot(how[0])
            case "foreign":
                simulator.set("mode", how[0])
            case "jump":
                clock.jump(how[0])
            case "renew":
                if not lease.ended:
                    lease.renew(timedelta(seconds=how[0]))
                    self.until_s = clock.monotonic() + how[0]
            case _:
                await acts[what](*how)


@settings(max_examples=100)
@given(st.lists(happenings, min_size=2, max_size=12), st.sampled_from([31, 34, 60, 83]))
async def test_no_course_of_events_takes_a_write_out_of_its_bounds(steps: list[tuple[Any, ...]], soc_pct: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), soc_pct=soc_pct)
        course = Course(bench)
        bench.wire.before = course.note
        await bench.passing(course.run(steps))
        orders = [each for each in course.written if each.point == REALTIME]
        for order in orders:
            state, power_w, target_pct = order.values
            if state == DISCHARGING:
                assert power_w <= DISCHARGE_W
                assert target_pct >= max(order.floor_pct, order.soc_pct - FENCE_PCT - 0.5)
            if state == CHARGING:
                assert power_w <= CHARGE_W
                assert target_pct <= max(CEILING_PCT, 5)
                assert target_pct <= max(order.soc_pct + FENCE_PCT + 0.5, 5)
        assert _most_within(orders, 3600) <= ORDERS_AN_HOUR
        into = [each for each in course.written if each.point == MODE and each.values == (4,)]
        assert _most_within(into, 86_400) <= MODES_A_DAY - KEPT_BACK
        for before, after in pairwise(into):
            assert after.at_s - before.at_s >= APART_S
        for each in (*orders, *into):
            assert each.at_s <= course.until_s + 1  # nothing commands after the end
        assert not bench.files.locked()
        if bench.files.load().snapshot is None and ("foreign", "realtime") not in steps:
            assert bench.mode != "realtime", "what was before is back, or the file says what is owed"


def _most_within(written: list[Written], window_s: float) -> int:
    return max((sum(each.at_s - window_s < other.at_s <= each.at_s for other in written) for each in written), default=0)
