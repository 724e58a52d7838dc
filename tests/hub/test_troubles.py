"""What goes wrong in real homes, one story each: what the hub says meanwhile, whom it tells, and that it recovers by itself.

The stories are those of the acceptance of issue 4. Time is a clock that is moved by hand, and whoever is told is a real receiver.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from kept_house import NAME, Home, Receiver, home, receiver

from indevolt.battery import Quality
from indevolt.clock import ManualClock
from indevolt.errors import StoreUnavailable
from indevolt.hub.alerts import CALM_S, PASSING_S
from indevolt.hub.events import Tier
from indevolt.hub.keeper import Link
from indevolt.hub.notify import serve_notifications
from indevolt.hub.tiers import names_of
from indevolt.store import Entry
from indevolt.store.memory import MemoryStore

# Apprise loads its plugins when it is first used, and one of them imports this module of old.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

POWER = names_of("gen2")[Tier.POWER]


class Story:
    """A home in trouble, and the telephone of its owner."""

    def __init__(self, it: Home, phone: Receiver) -> None:
        self.it = it
        self.phone = phone

    async def is_told(self, *texts: str) -> None:
        """Let time pass until the owner has been told; gives up loudly."""

        def heard() -> bool:
            said = "\n".join(str(message["message"]) for message in self.phone.messages)
            return all(text in said for text in texts)

        for _ in range(100):
            if heard():
                return
            await self.it.pass_time(5)
            for thread in threading.enumerate():
                if thread.name == "notification":
                    await asyncio.to_thread(thread.join, 60)
        pytest.fail(f"told was only {self.phone.messages}")

    async def wrote_down(self, *texts: str) -> bool:
        journal = await self.it.journal()
        return all(any(text in line for line in journal) for text in texts)

    def total(self, name: str) -> float:
        total = self.it.keeper.derivation.counters.total(name)
        assert total is not None
        return total

    def qualities(self) -> Counter[Quality]:
        """Return the qualities of what can be known of power in this home."""
        samples = self.it.keeper.latest.samples(POWER).values()
        missing = (Quality.NOT_INSTALLED, Quality.NOT_AVAILABLE)
        return Counter(sample.quality for sample in samples if sample.quality not in missing)

    async def history(self, name: str, seconds: float, step_s: float) -> list[Any]:
        end = self.it.clock.now()
        series = await self.it.hub.store.series(NAME, [name], end - timedelta(seconds=seconds), end, step_s=step_s)
        return list(series.columns[name])


@asynccontextmanager
async def story(**arguments: Any) -> AsyncIterator[Story]:
    async with receiver() as phone, home(urls=(phone.url,), services=(serve_notifications,), **arguments) as it:
        for thread in threading.enumerate():
            if thread.name == "notification":
                await asyncio.to_thread(thread.join, 60)  # the hub is ready to tell
        await it.pass_time(60)
        assert set(Story(it, phone).qualities()) == {Quality.LIVE}
        yield Story(it, phone)
        assert set(Story(it, phone).qualities()) == {Quality.LIVE}, "it did not recover"


async def test_a_device_that_is_off_for_an_hour() -> None:
    async with story() as told:
        it, before_wh = told.it, told.total("energy_house")
        last = it.keeper.latest.sample("battery_soc")
        it.simulator.faults.add("silent")
        await it.pass_time(3600)

        assert it.keeper.link is Link.SILENT
        assert set(told.qualities()) == {Quality.OFFLINE}
        now = it.keeper.latest.sample("battery_soc")
        assert last is not None
        assert now is not None
        assert now.value == last.value
        assert now.at < it.clock.now() - timedelta(minutes=59)
        assert it.keeper.health.budget_used < 0.1  # it is looked for with patience
        await told.is_told("cellar: has not answered for 5 minutes")

        it.simulator.faults.clear()
        await it.pass_time(60 + CALM_S + 10)
        assert await told.wrote_down("does not answer: fault: no answer", "answers after ")
        await told.is_told("cellar: over: has not answered for")
        steps = await told.history("battery_power", 3600, 300)
        assert steps[1:8] == [None] * 7  # what was not seen is unknown
        assert steps[-1] is not None
        assert told.total("energy_house") - before_wh < 700  # and not counted


async def test_a_flapping_wifi() -> None:
    async with story() as told:
        it, seen = told.it, Counter[Quality]()
        for _ in range(30):
            it.simulator.faults.add("silent")
            for _ in range(4):
                await it.pass_time(5)
                seen += told.qualities()
            it.simulator.faults.clear()
            for _ in range(8):
                await it.pass_time(5)
                seen += told.qualities()

        assert set(seen) <= {Quality.LIVE, Quality.HELD, Quality.STALE, Quality.OFFLINE}
        assert seen[Quality.LIVE] > 0.5 * seen.total()
        assert seen[Quality.HELD] > 0
        assert it.keeper.health.budget_used < 0.7
        assert it.stories() == []  # nobody is woken for it
        assert told.phone.messages == []
        assert len(await it.journal("connection")) < 70  # two lines for each time that it was away
        await it.pass_time(60)


async def test_a_wifi_that_loses_every_third_request() -> None:
    async with story() as told:
        told.it.simulator.faults.add("silent@0.33")
        seen = Counter[Quality]()
        for _ in range(120):
            await told.it.pass_time(5)
            seen += told.qualities()
        assert seen[Quality.LIVE] > 0.5 * seen.total()
        assert told.it.stories() == []
        told.it.simulator.faults.clear()
        await told.it.pass_time(90)
        assert told.it.keeper.health.failures > 20


async def test_a_point_that_spoils_every_reply_that_it_is_in() -> None:
    async with story() as told:
        it = told.it
        side = it.simulator.model.points["meter_power"].read
        assert side is not None
        it.simulator.faults.add(f"poison:{side.at}")
        await it.pass_time(120)

        qualities = told.qualities()
        assert qualities[Quality.LIVE] == qualities.total() - 1
        assert it.quality("meter_power") is Quality.STALE  # its last value grows old
        assert it.quality("grid_import_power") is Quality.NOT_AVAILABLE  # and nothing is worked out of it
        assert it.quality("charge_power") is Quality.LIVE
        assert await told.wrote_down("spoil whole replies and are left out: meter_power")
        await told.is_told("cellar: spoil whole replies and are left out: meter_power")

        it.simulator.faults.clear()
        await it.pass_time(700 + CALM_S)
        await told.is_told("cellar: over: spoil whole replies")


@pytest.mark.parametrize("how", ["silence", "errors", "nothing"])
async def test_a_device_that_says_who_it_is_and_brings_no_readings_is_not_online(how: str) -> None:
    async with story() as told:
        it = told.it
        numbers = [point.read.at for point in it.simulator.model.points.values() if point.read is not None]
        match how:
            case "silence":
                it.simulator.faults.add(*(f"poison:{number}:silent" for number in numbers))
            case "errors":
                it.simulator.faults.add(*(f"poison:{number}" for number in numbers))
            case _:
                it.simulator.lay_out(remove=list(it.simulator.model.points))
        await it.pass_time(900)

        assert it.keeper.link is (Link.REFUSED if how == "errors" else Link.SILENT)
        assert set(told.qualities()) == {Quality.OFFLINE}
        assert await told.wrote_down("refuses: HTTP 400" if how == "errors" else "does not answer: ")
        await told.is_told("cellar: refuses: HTTP 400" if how == "errors" else "cellar: has not answered for 5 minutes")
        assert len(await it.journal("connection")) < 5  # it does not come and go
        assert it.keeper.health.budget_used < 0.2

        it.simulator.faults.clear()
        it.simulator.lay_out()
        await it.pass_time(60 + CALM_S + 10)
        assert await told.wrote_down("answers after ")


async def test_a_point_that_is_read_once_a_day_is_asked_again_when_the_journal_says_so() -> None:
    async with story() as told:
        it = told.it
        side = it.simulator.model.points["load_curve_slot_12"].read
        assert side is not None
        it.simulator.faults.add(f"poison:{side.at}")
        it.simulator.update({"f_ver": "V140F.0B.0041"}, 20)  # after which everything is read
        await told.is_told("cellar: spoil whole replies and are left out: load_curve_slot_12")
        await it.pass_time(700)
        assert it.keeper.health.quarantined.keys() == {"load_curve_slot_12"}  # and it goes on being bad
        it.simulator.faults.clear()
        await it.pass_time(1300 + CALM_S)
        await told.is_told("cellar: over: spoil whole replies")
        assert it.quality("load_curve_slot_12") is Quality.LIVE


async def test_a_poisoned_point_is_not_looked_for_again_each_time_the_wifi_comes_back() -> None:
    async with story() as told:
        it = told.it
        side = it.simulator.model.points["meter_power"].read
        assert side is not None
        it.simulator.faults.add(f"poison:{side.at}")
        await it.pass_time(60)
        asked: list[int] = []
        for _ in range(5):
            it.simulator.faults.add("silent")
            await it.pass_time(60)
            assert it.keeper.link is Link.SILENT
            it.simulator.faults.remove("silent")
            before = it.keeper.health.requests
            await it.pass_time(40)
            asked.append(it.keeper.health.requests - before)
            assert it.quality("battery_power") is Quality.LIVE
            assert it.keeper.health.quarantined.keys() == {"meter_power"}
        assert max(asked) < 20  # what is read after each return; a search costs ten requests more

        it.simulator.update({"f_ver": "V140F.0B.0041"}, 10)  # which may have mended it
        it.simulator.faults.clear()
        await it.pass_time(60 + CALM_S)
        assert it.keeper.health.quarantined == {}


async def test_half_of_the_points_gone_after_a_firmware_update() -> None:
    async with story() as told:
        it = told.it
        gone = [name for name in POWER if it.quality(name) is Quality.LIVE and name != "battery_soc"][::2]
        it.simulator.update({"f_ver": "V140F.0B.0041"}, 60)
        it.simulator.lay_out(remove=gone)
        await it.pass_time(200)

        assert {it.quality(name) for name in gone} == {Quality.ABSENT}
        qualities = told.qualities()
        assert (qualities[Quality.ABSENT], qualities[Quality.LIVE]) == (len(gone), qualities.total() - len(gone))
        assert it.quality("battery_soc") is Quality.LIVE
        assert it.keeper.firmware == "V140F.0B.0041"
        assert await told.wrote_down("firmware changed from V140E.0B.003E to V140F.0B.0041")
        await told.is_told("cellar: firmware changed from V140E.0B.003E to V140F.0B.0041")
        assert "quarantine" not in it.active()

        it.simulator.update({"f_ver": "V140F.0B.0042"}, 60)
        it.simulator.lay_out()
        await it.pass_time(200)
        await told.is_told("cellar: firmware changed from V140F.0B.0041 to V140F.0B.0042")


async def test_a_fault_ends_where_another_firmware_does_not_tell_of_faults_any_more() -> None:
    async with story() as told:
        it = told.it
        for name, code in (("inverter_fault_code", "inverter_overtemperature"), ("pv2_alarm_code", "reverse_polarity")):
            it.simulator.set(name, code)
        await told.is_told("cellar: reports inverter_fault_code inverter_overtemperature, pv2_alarm_code reverse_polarity")
        it.simulator.update({"f_ver": "V140F.0B.0041"}, 20)
        it.simulator.lay_out(remove=["inverter_fault_code"])
        await told.is_told("firmware changed", "cellar: reports pv2_alarm_code reverse_polarity")
        assert it.stories().count("alarm over") == 0  # the other one holds
        it.simulator.update({"f_ver": "V140F.0B.0042"}, 20)
        it.simulator.lay_out(remove=["inverter_fault_code", "pv2_alarm_code"])
        await told.is_told("cellar: over: reports ")
        it.simulator.lay_out()
        await it.pass_time(90)


async def test_a_frozen_device_that_falls_silent_repeats_nothing_any_more() -> None:
    async with story() as told:
        told.it.simulator.faults.add("frozen")
        await told.is_told("cellar: repeats the same values although power flows")
        told.it.simulator.faults.add("silent")
        await told.is_told("cellar: has not answered for 5 minutes", "cellar: over: repeats the same values")
        assert told.it.active() == {"silent"}
        told.it.simulator.faults.clear()
        await told.it.pass_time(90)


async def test_a_device_replaced_by_one_of_another_serial_number() -> None:
    async with story() as told:
        it, serial = told.it, told.it.simulator.serial
        before = {name: told.total(name) for name in ("energy_charge", "energy_discharge", "energy_house")}
        it.simulator.update({"sn": "3899999999"}, 120)
        for name in ("battery_charge_energy_total", "battery_discharge_energy_total"):
            it.simulator.set(name, 40)  # it is a new one
        it.simulator.set("battery_soc", 20)
        await it.pass_time(300)

        assert it.keeper.serial == "3899999999"
        assert await told.wrote_down(f"another device answers: serial number 3899999999 instead of {serial}")
        await told.is_told("cellar: another device answers: serial number 3899999999")
        assert it.active() == {"replaced"}
        for name, was_wh in before.items():
            assert was_wh <= told.total(name) < was_wh + 200  # what the hub counts goes on from where it was


async def test_a_clock_that_is_set_while_a_device_is_away_does_not_change_how_long_it_was() -> None:
    async with story() as told:
        told.it.simulator.faults.add("silent")
        await told.it.pass_time(600)
        told.it.clock.jump(-3600)
        told.it.simulator.faults.clear()
        await told.it.pass_time(90)
        (line,) = [line for line in await told.it.journal("connection") if line.startswith("answers after")]
        assert 540 < float(line.split()[2]) < 690


@pytest.mark.parametrize("days", [365, -365])
async def test_news_last_an_hour_wherever_the_clock_is_set_to(days: int) -> None:
    async with story() as told:
        told.it.simulator.update({"f_ver": "V140F.0B.0041"}, 20)
        await told.is_told("cellar: firmware changed")
        told.it.clock.jump(days * 86_400)
        await told.it.pass_time(PASSING_S / 2)
        assert told.it.active() == {"firmware", "clock"}
        await told.it.pass_time(PASSING_S / 2 + 2 * CALM_S)
        assert told.it.active() == set()


@pytest.mark.parametrize("seconds", [3600.0, -3600.0])
async def test_a_clock_that_jumps_by_an_hour(seconds: float) -> None:
    async with story() as told:
        it, before_wh = told.it, told.total("energy_house")
        it.clock.jump(seconds)
        await it.pass_time(10)
        assert set(told.qualities()) == {Quality.LIVE}
        assert it.keeper.link is Link.ONLINE
        await told.is_told(f"the clock of this machine was set by {seconds:+.0f} s")
        assert await told.wrote_down(f"the clock of this machine was set by {seconds:+.0f} s")
        await it.pass_time(600)
        assert it.active() == {"clock"}
        assert told.total("energy_house") - before_wh < 200  # 700 W for some ten minutes, and no hour more
        assert None not in await told.history("battery_power", 300, 60)


# ---- and what happens to the hub itself ----------------------------------------------------------------------------------------


class Breaking(MemoryStore):
    """A store whose server is away while ``is_away`` is set, for all but readings, which wait in the store itself."""

    is_away = False

    async def journal(self, *entry: Any, **facts: Any) -> Entry:
        self._require()
        return await super().journal(*entry, **facts)

    async def get(self, key: str) -> str | None:
        self._require()
        return await super().get(key)

    async def put(self, key: str, value: str) -> None:
        self._require()
        await super().put(key, value)

    def _require(self) -> None:
        if self.is_away:
            raise StoreUnavailable("the server is away")


async def test_a_store_that_is_away_is_no_fault_of_the_device() -> None:
    store = Breaking(clock=ManualClock())
    async with story(store=store) as told:
        store.is_away = True
        told.it.simulator.update({"f_ver": "V140F.0B.0041"}, 8)
        await told.it.pass_time(600)
        assert told.it.keeper.link is Link.ONLINE
        assert set(told.qualities()) == {Quality.LIVE}
        assert told.it.keeper.error is None
        store.is_away = False
        await told.it.hub.journal.catch_up()
        assert await told.wrote_down("firmware changed from V140E.0B.003E to V140F.0B.0041")


async def test_a_store_that_is_away_from_the_start_keeps_nobody_from_reading() -> None:
    store = Breaking(clock=ManualClock())
    store.is_away = True
    async with story(store=store) as told:
        assert told.it.keeper.link is Link.ONLINE
        store.is_away = False
        await told.it.hub.journal.catch_up()
        assert await told.wrote_down("reached 127.0.0.1:8080: ")


async def test_a_hub_that_was_killed_goes_on_where_history_ends_and_notices_what_changed_meanwhile() -> None:
    clock = ManualClock()
    store = MemoryStore(clock=clock)
    async with story(store=store) as told:
        await told.it.pass_time(600)
        before = {name: told.total(name) for name in ("energy_house", "energy_charge")}
    for key in ("counters:cellar", "firmware:cellar"):
        await store.put(key, {"counters:cellar": "{}", "firmware:cellar": "V140E.0B.0001"}[key])  # as if saved long before the end
    async with story(store=store) as told:
        assert before["energy_house"] <= told.total("energy_house") < before["energy_house"] + 50
        assert before["energy_charge"] <= told.total("energy_charge") < before["energy_charge"] + 50
        assert await told.wrote_down("firmware changed from V140E.0B.0001 to V140E.0B.003E")
