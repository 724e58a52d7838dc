"""Every rule that raises an alert, and that it ends by itself: with a real keeper, on a simulated battery."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from kept_house import NAME, Home, a_hub, at_work, home

from indevolt.clock import ManualClock
from indevolt.hub.alerts import CALM_S, MEANING, PASSING_S, What, serve_alerts
from indevolt.hub.config import Config
from indevolt.hub.events import Alert
from indevolt.hub.keeper import Link
from indevolt.protocol.messages import Data, GetData, Raw, Request
from indevolt.simulator import Api, Simulator
from indevolt.store import Health
from indevolt.store.memory import MemoryStore
from indevolt.transport import ReplyT

OVER = CALM_S + 10


def test_every_sort_of_alert_says_what_it_means() -> None:
    assert set(MEANING) == set(What)


async def test_a_healthy_house_raises_none() -> None:
    async with home() as it:
        await it.pass_time(1800)
        assert it.active() == set()
        assert it.stories() == []


# ---- devices -------------------------------------------------------------------------------------------------------------------


async def test_a_device_that_is_silent_for_longer_than_allowed_and_comes_back() -> None:
    async with home(silent_after_s=120) as it:
        it.simulator.faults.add("silent")
        await it.pass_time(100)
        assert it.stories() == []
        await it.pass_time(120)
        assert it.stories() == ["silent"]
        assert "has not answered for 2 minutes: fault: no answer" in it.texts()[0]
        await it.pass_time(600)
        assert "13 minutes" in it.hub.alerts.active[NAME, What.SILENT].text
        it.simulator.faults.clear()
        await it.pass_time(60 + OVER)
        assert it.stories() == ["silent", "silent over"]
        assert it.texts()[-1].startswith("over: has not answered for 1")


async def test_a_device_that_refuses_us() -> None:
    async with home() as it:
        it.simulator.faults.add("status:401")
        await it.pass_time(120)
        assert it.active() == {"refused"}
        assert "401 Unauthorized" in it.texts()[0]
        it.simulator.faults.clear()
        await it.pass_time(60 + OVER)
        assert it.stories() == ["refused", "refused over"]


async def test_a_device_that_repeats_itself() -> None:
    async with home() as it:
        it.simulator.faults.add("frozen")
        await it.pass_time(240)
        assert it.active() == {"frozen"}
        it.simulator.faults.clear()
        await it.pass_time(OVER)
        assert it.stories() == ["frozen", "frozen over"]


async def test_faults_that_a_device_reports_are_told_by_their_words() -> None:
    async with home() as it:
        it.simulator.set("inverter_fault_code", "inverter_overtemperature")
        await it.pass_time(20)
        assert it.texts() == ["reports inverter_fault_code inverter_overtemperature"]
        it.simulator.set("pv2_alarm_code", "reverse_polarity")
        await it.pass_time(130)
        assert it.texts()[1:] == ["reports inverter_fault_code inverter_overtemperature, pv2_alarm_code reverse_polarity"]
        it.simulator.set("inverter_fault_code", "none")
        it.simulator.set("pv2_alarm_code", "none")
        await it.pass_time(130 + OVER)
        assert it.active() == set()
        assert it.stories()[-1] == "alarm over"


async def test_a_fault_state_is_an_alarm_and_so_is_a_code_that_nobody_documented() -> None:
    async with home(way=lambda simulator: Spoiled(simulator, {"inverter_fault_code": 77, "system_state": 7})) as it:
        await it.pass_time(10)
        assert it.texts() == ["reports inverter_fault_code code 77, system_state fault"]


async def test_points_that_spoil_whole_replies() -> None:
    async with home() as it:
        number = it.simulator.model.points["meter_power"].read
        assert number is not None
        it.simulator.faults.add(f"poison:{number.at}")
        await it.pass_time(60)
        assert it.texts() == ["spoil whole replies and are left out: meter_power"]
        it.simulator.faults.clear()
        await it.pass_time(700 + OVER)
        assert it.stories() == ["quarantine", "quarantine over"]


async def test_a_limit_that_somebody_else_changed_is_told_each_time_it_changes() -> None:
    async with home() as it:
        it.simulator.set("max_ac_output_power", 600)
        await it.pass_time(650)
        it.simulator.set("backup_soc", 45)
        await it.pass_time(650)
        assert it.texts() == ["max_ac_output_power changed from 2400 to 600", "backup_soc changed from 10 to 45"]
        await it.pass_time(PASSING_S + OVER)
        assert it.stories() == ["limit", "limit", "limit over"]


async def test_a_limit_that_we_changed_ourselves_is_no_drift() -> None:
    async with home(control=True) as it:
        writing = asyncio.create_task(it.keeper.write("backup_soc", 30, actor="anna"))
        await it.pass_time(40)
        await writing
        await it.pass_time(1300)
        assert it.simulator.get("backup_soc") == 30
        assert it.stories() == []


async def test_another_firmware() -> None:
    async with home() as it:
        it.simulator.update({"f_ver": "V140F.0B.0041"}, 8)
        await it.pass_time(100)
        assert it.stories() == ["firmware"]
        assert it.texts()[0].endswith("to V140F.0B.0041")
        await it.pass_time(PASSING_S + OVER)
        assert it.stories() == ["firmware", "firmware over"]


async def test_another_device_at_the_address_with_other_limits_is_one_alert() -> None:
    async with home() as it:
        it.simulator.update({"sn": "3899999999"}, 8)
        it.simulator.set("backup_soc", 45)
        await it.pass_time(700)
        assert it.stories() == ["replaced"]
        await it.pass_time(PASSING_S + OVER)
        assert it.active() == set()


class Spoiled:
    """A battery of which some points say something else."""

    def __init__(self, simulator: Simulator, values: dict[str, Raw]) -> None:
        self.values = values
        self._simulator = simulator

    async def exchange(self, request: Request[ReplyT]) -> ReplyT:
        reply: Any = await self._simulator.exchange(request)
        if not isinstance(request, GetData):
            return cast("ReplyT", reply)
        said = dict(reply.values)
        for name, value in self.values.items():
            side = self._simulator.model.points[name].read
            if side is not None and side.key in said:
                said[side.key] = value
        return cast("ReplyT", Data(said))  # as GetData is answered

    async def close(self) -> None: ...


async def test_powers_that_cannot_have_the_right_signs() -> None:
    ways: list[Spoiled] = []

    def wrong_sign(simulator: Simulator) -> Spoiled:
        ways.append(Spoiled(simulator, {"ac_power": 640}))
        return ways[0]

    async with home(way=wrong_sign) as it:
        await it.pass_time(60)
        assert it.active() == {"signs"}
        ways[0].values = {}
        await it.pass_time(20 + OVER)
        assert it.stories() == ["signs", "signs over"]


# ---- the hub itself ------------------------------------------------------------------------------------------------------------


class Sick(MemoryStore):
    """A store that says how it is, as one on a full disk does."""

    state = "ok"
    lost = 0
    moved_aside: Path | None = None

    def health(self) -> Health:
        return {**super().health(), "state": self.state, "lost": self.lost}


async def test_history_in_trouble() -> None:
    clock = ManualClock()
    store = Sick(clock=clock)
    async with home(store=store) as it:
        store.state = "degraded: database or disk is full"
        await it.pass_time(10)
        assert it.texts() == ["history: degraded: database or disk is full"]
        assert it.told[0].device == ""
        store.state = "ok"
        await it.pass_time(OVER)
        assert it.stories() == ["store", "store over"]


async def test_readings_that_history_gave_up_are_news_also_once_it_is_well_again() -> None:
    clock = ManualClock()
    store = Sick(clock=clock)
    async with home(store=store) as it:
        store.state, store.lost = "degraded: database or disk is full", 3
        await it.pass_time(10)
        assert it.texts() == ["history: degraded: database or disk is full; 3 readings are lost"]
        store.state = "ok"
        await it.pass_time(OVER)
        assert it.stories() == ["store"]
        (standing,) = it.hub.alerts.active.values()
        assert standing.text.startswith("history: 3 readings are lost since the hub began")
        await it.pass_time(PASSING_S + OVER)
        assert it.stories() == ["store", "store over"]


async def test_a_history_that_was_damaged_is_news() -> None:
    clock = ManualClock()
    store = Sick(clock=clock)
    async with home(store=store) as it:
        store.moved_aside = Path("/data/history.sqlite3.damaged-20260621T100000Z")
        await it.pass_time(10)
        assert it.texts() == ["history was damaged; it is kept as history.sqlite3.damaged-20260621T100000Z, and a new one begins"]
        await it.pass_time(PASSING_S + OVER)
        assert it.stories() == ["store", "store over"]


async def test_a_service_that_is_started_anew() -> None:
    async with home() as it:
        it.hub.services["mqtt"] = "restarting: no broker"
        await it.pass_time(10)
        assert it.texts() == ["mqtt is restarting: no broker"]
        it.hub.services["mqtt"] = "running"
        await it.pass_time(OVER)
        assert it.stories() == ["service", "service over"]


@pytest.mark.parametrize(("seconds", "text"), [(3600, "by +3600 s"), (-3600, "by -3600 s")])
async def test_a_clock_that_was_set_is_told_once_and_makes_no_device_silent(seconds: float, text: str) -> None:
    async with home() as it:
        it.simulator.faults.add("silent")
        await it.pass_time(60)
        assert it.keeper.link is Link.SILENT
        it.clock.jump(seconds)
        await it.pass_time(60)
        it.simulator.faults.clear()
        await it.pass_time(60)
        assert it.stories() == ["clock"]
        assert text in it.texts()[0]
        await it.pass_time(2 * PASSING_S + OVER)
        assert it.active() == set()


async def test_a_clock_that_is_corrected_a_little_is_no_news() -> None:
    async with home() as it:
        for _ in range(10):
            it.clock.jump(20)
            await it.pass_time(30)
        assert it.stories() == []


# ---- no flapping ---------------------------------------------------------------------------------------------------------------


async def flicker(it: Home, times: int) -> None:
    for _ in range(times):
        it.simulator.set("inverter_fault_code", "grid_disconnected")
        await it.pass_time(12)
        it.simulator.set("inverter_fault_code", "none")
        await it.pass_time(12)


async def test_what_comes_and_goes_is_one_alert() -> None:
    async with home() as it:
        await flicker(it, 20)
        assert it.stories() == ["alarm"]
        await it.pass_time(OVER)
        assert it.stories() == ["alarm", "alarm over"]
        await flicker(it, 1)
        assert it.stories() == ["alarm", "alarm over", "alarm"]


async def test_beginning_and_end_are_in_the_journal() -> None:
    async with home() as it:
        await flicker(it, 1)
        await it.pass_time(OVER)
        entries = await it.hub.store.entries(kinds=["alert"])
        assert [(entry.device, entry.data["what"], entry.data["active"]) for entry in entries] == [
            (NAME, "alarm", True),
            (NAME, "alarm", False),
        ]


async def test_an_alert_that_only_counts_on_is_told_once() -> None:
    clock = ManualClock()
    hub = a_hub(Config(), clock)
    with hub.bus.subscribe(Alert) as told:
        for minutes in range(5, 9):
            await hub.alerts.begin(What.SILENT, f"silent for {minutes} minutes", device=NAME)
        (first,) = told.take()
    assert hub.alerts.active[NAME, What.SILENT] == replace(first, text="silent for 8 minutes")


async def test_what_never_was_cannot_end() -> None:
    clock = ManualClock()
    hub = a_hub(Config(), clock)
    with hub.bus.subscribe(Alert) as told:
        async with at_work(serve_alerts(hub)):
            await clock.advance(10 * CALM_S)
        assert told.take() == []


async def test_a_device_whose_local_api_is_switched_off_is_silent() -> None:
    async with home() as it:
        it.simulator.access.api = Api.OFF
        await it.pass_time(400)
        assert it.active() == {"silent"}
