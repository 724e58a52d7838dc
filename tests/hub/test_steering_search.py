"""Whatever people, plan, meter, link, app and clock do to a hub that steers, no write and no request leaves its bounds. A search.

The whole of it: strategies, ``settle``, controller, steering, lease, ledger and the device's own protocol. What is asserted is what
arrived at the device, against bounds that are written down here once more. ``tests/device/test_lease_search.py`` and
``tests/control/test_decisions_search.py`` look closer at their parts.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import tempfile
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import Phase, given, settings, strategies as st
from steered_house import MODE, REALTIME, House, Steered

from indevolt.battery import Charge, Discharge, Hold, SelfUse
from indevolt.control.situation import Action, PlanSlot
from indevolt.errors import IndevoltError
from indevolt.hub.config_meters import HomeWizardMeter
from indevolt.hub.hub import Hub
from indevolt.hub.meters.meter import Meter, SignTest
from indevolt.hub.meters.told import Told
from indevolt.protocol.messages import Request, SetData

RESERVE_PCT, CEILING_PCT, FENCE_PCT = 30, 85, 5
ORDERS_AN_HOUR, MODES_A_DAY = 400, 24
CHARGE_W, DISCHARGE_W = 2000, 2400  # what two modules carry (protocol.md, section 11)
IN_REALTIME, STANDBY, CHARGING, DISCHARGING = 4, 0, 1, 2
AT_ONCE_S = 15.0  # from asking for a backup hold until nothing else is on its way any more
SPACING_S = 1.0  # the least between two requests (protocol.md, section 7)

moves = st.one_of(*(st.builds(kind, power_w=st.integers(50, 2400), soc_pct=st.integers(5, 100)) for kind in (Charge, Discharge)))
orders = st.one_of(moves, moves, st.sampled_from([Hold(), SelfUse()]))
happenings = st.one_of(
    st.tuples(st.just("ask"), orders, st.floats(1, 40)),
    st.tuples(st.just("plan"), st.sampled_from(list(Action)), st.floats(0, 3000)),
    st.tuples(st.just("wait"), st.sampled_from([20.0, 100.0])),
    st.tuples(st.just("wait"), st.sampled_from([10.0, 40.0])),
    st.one_of(
        st.tuples(st.just("silence"), st.floats(5, 90)),
        st.tuples(st.just("restart"), st.floats(1, 60)),
        st.tuples(st.just("app"), st.sampled_from(["self_use", "schedule"])),
        st.tuples(st.just("jump"), st.floats(-90_000, 90_000)),
        st.tuples(st.just("meter"), st.sampled_from(["silent", "frozen", "well", "unproven"])),
        st.tuples(st.just("reserve"), st.integers(0, 60)),
        st.tuples(st.just("release")),
        st.tuples(st.just("keep"), st.floats(1, 40), st.sampled_from([None, 50.0, 85.0])),
        st.tuples(st.just("hub"), st.just("restarts")),
    ),
)


@dataclass
class Arrived:
    """A request as it arrived at the device, and what held then."""

    request: Request[Any]
    at_s: float
    soc_pct: float
    floor_pct: float
    kept: bool  # everything is to be kept for an outage, for a while already

    @property
    def order(self) -> tuple[Any, ...]:
        return self.request.values if isinstance(self.request, SetData) and self.request.point == REALTIME else ()


@dataclass
class Course:
    """A house, its hub, and what happens to both."""

    house: House
    arrived: list[Arrived] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)  # how many had arrived when a hub began, which knows nothing of the last one
    plan: PlanSlot | None = None
    meter: str = "well"
    last: Told = field(default_factory=lambda: Told(0.0))
    hub: Hub | None = None
    kept_s: float = math.inf  # since when all is kept, if it is

    def note(self, request: Request[Any]) -> None:
        number = self.house.number
        floor = max(RESERVE_PCT, number("backup_soc"))
        at_s = self.house.clock.monotonic()
        kept = self.hub is not None and self.hub.backup.current(self.hub) is not None and at_s - self.kept_s > AT_ONCE_S
        self.arrived.append(Arrived(request, at_s, number("battery_soc"), floor, kept))

    async def tell(self, meter: Meter) -> None:
        while True:
            site, clock = self.house.simulator.site, self.house.clock
            site.advance()
            meter.sign = None if self.meter == "unproven" else SignTest(True, clock.now(), "as a test says", meter.setting)
            if self.meter != "frozen":
                self.last = Told(site.grid_w, witness=(clock.monotonic(),))
            if self.meter != "silent":
                meter.take(self.last, clock.now(), clock.monotonic())
            await clock.sleep(1)

    async def run(self, steps: list[tuple[Any, ...]]) -> None:
        while True:
            self.starts.append(len(self.arrived))
            async with self.house.hub(automatic=True, reserve_pct=RESERVE_PCT, ceiling_pct=CEILING_PCT) as it:
                self.hub = it.hub
                meter = Meter(HomeWizardMeter(name="grid", kind="homewizard", host="127.0.0.1"))
                it.hub.meters.add(meter)
                it.hub.plans.append(lambda at: self.plan if self.plan is not None and self.plan.holds(at) else None)
                telling = asyncio.create_task(self.tell(meter))
                try:
                    await self.house.clock.advance(330)  # after a start the mode may have been changed just now
                    while steps:
                        what, *how = steps.pop(0)
                        if what == "hub":
                            break
                        with contextlib.suppress(IndevoltError):
                            await self.happens(it, what, *how)
                    else:
                        return
                finally:
                    telling.cancel()
                    await asyncio.gather(telling, return_exceptions=True)

    async def happens(self, it: Steered, what: str, *how: Any) -> None:
        simulator, clock = self.house.simulator, self.house.clock
        match what:
            case "ask" | "keep" | "release":
                await self.is_asked(it, what, *how)
            case "plan":
                now = clock.now()
                self.plan = PlanSlot(now, now + timedelta(minutes=15), how[0], how[1], "as searched for")
            case "silence":
                simulator.faults.add("silent")
                await clock.advance(how[0])
                simulator.faults.clear()
            case "restart":
                simulator.reboot(how[0])
            case "app":
                simulator.set("mode", how[0])
            case "jump":
                clock.jump(how[0])
            case "meter":
                self.meter = how[0]
            case "reserve":
                simulator.set("backup_soc", how[0])
            case _:
                await clock.advance(how[0])

    async def is_asked(self, it: Steered, what: str, *how: Any) -> None:
        clock = self.house.clock
        match what:
            case "ask":
                until = clock.now() + timedelta(minutes=how[1])
                asking = asyncio.create_task(it.unit.ask(how[0], until, actor="api anna"))
                await clock.advance(40)
                asking.cancel()  # whoever asked does not wait any longer; the override holds all the same
                await asyncio.gather(asking, return_exceptions=True)
            case "keep":
                self.kept_s = clock.monotonic()
                until = clock.now() + timedelta(minutes=how[0])
                await it.hub.backup.ask(it.hub, until, actor="api anna", charge_pct=how[1])
            case _:
                await it.unit.release(actor="api anna")


@settings(max_examples=10, phases=(Phase.explicit, Phase.generate))  # a whole hub for minutes: no time for shrinking
@given(st.lists(happenings, min_size=3, max_size=6), st.sampled_from([31, 45, 60, 84]))
async def test_no_course_of_events_takes_a_hub_out_of_its_bounds(steps: list[tuple[Any, ...]], soc_pct: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder), soc_pct=soc_pct)
        house.simulator.set("meter_connected", value=False)
        course = Course(house)
        house.wire.before = course.note
        await course.run(list(steps))
        await house.clock.advance(5)
        for each in course.arrived:
            if each.order:
                _check(each)
        for number, (before, after) in enumerate(pairwise(course.arrived), 1):
            assert number in course.starts or after.at_s - before.at_s >= SPACING_S - 1e-6
        orders = [each for each in course.arrived if each.order]
        assert _most_within(orders, 3600) <= ORDERS_AN_HOUR
        into = [
            each
            for each in course.arrived
            if isinstance(each.request, SetData) and (each.request.point, each.request.values) == (MODE, (IN_REALTIME,))
        ]
        assert _most_within(into, 86_400) <= MODES_A_DAY
        written = {each.request.point for each in course.arrived if isinstance(each.request, SetData)}
        assert written <= {MODE, REALTIME}, "no strategy writes a setting"
        if house.files.load().snapshot is None:
            assert house.mode != "realtime", "nothing outlives the hub that ordered it"
        assert not house.files.locked()


def _check(each: Arrived) -> None:
    state, power_w, target_pct = each.order
    assert state in (STANDBY, CHARGING, DISCHARGING)
    if state == DISCHARGING:
        assert not each.kept
        assert power_w <= DISCHARGE_W
        assert target_pct >= max(each.floor_pct, each.soc_pct - FENCE_PCT - 0.5)
    if state == CHARGING:
        assert power_w <= CHARGE_W
        assert target_pct <= CEILING_PCT
        assert target_pct <= max(each.soc_pct + FENCE_PCT + 0.5, 5)


def _most_within(arrived: list[Arrived], window_s: float) -> int:
    return max((sum(each.at_s - window_s < other.at_s <= each.at_s for other in arrived) for each in arrived), default=0)
