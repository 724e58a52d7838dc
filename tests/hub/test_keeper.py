"""A keeper owns one device: it polls it politely, knows how old everything is, and says what happened."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from indevolt.battery import Charge, Quality, Stage
from indevolt.clock import ManualClock
from indevolt.errors import ReadOnly
from indevolt.hub.bus import Bus, Subscription
from indevolt.hub.config import DeviceConfig
from indevolt.hub.events import Alert, LinkChanged, Noted, Tier, Update
from indevolt.hub.journal import Journal
from indevolt.hub.keeper import Keeper, Link
from indevolt.hub.tiers import tables_of
from indevolt.protocol.messages import Data, GetData
from indevolt.simulator import Simulator, Surroundings, steady_house
from indevolt.store.memory import MemoryStore


@dataclass
class Home:
    """A keeper at work on a simulated device."""

    keeper: Keeper
    simulator: Simulator
    clock: ManualClock
    store: MemoryStore
    events: Subscription[Any]

    async def pass_time(self, seconds: float) -> None:
        await self.clock.advance(seconds)

    async def journal(self) -> list[str]:
        return [entry.text for entry in await self.store.entries(limit=1000)]

    def link(self) -> Link:
        return self.keeper.link

    def quality(self, name: str) -> Quality | None:
        sample = self.keeper.latest.sample(name)
        return None if sample is None else sample.quality


@asynccontextmanager
async def home(*, control: bool = False, **arguments: Any) -> AsyncIterator[Home]:
    clock = ManualClock()
    simulator = Simulator("powerflex2000", clock=clock, house=steady_house(Surroundings(700, ())), **arguments)
    store, bus = MemoryStore(clock=clock), Bus()
    await store.open(tables_of("gen2"))
    keeper = Keeper(
        DeviceConfig(name="cellar", host="127.0.0.1", control=control),
        clock=clock,
        bus=bus,
        journal=Journal(store, bus, clock),
        store=store,
        numbers=itertools.count(1),
        transport=simulator,
    )
    with bus.subscribe(Update, LinkChanged, Noted, Alert, size=100_000) as events:
        task = asyncio.create_task(keeper.run())
        await clock.advance(10)
        yield Home(keeper, simulator, clock, store, events)
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled() and (error := task.exception()):
            raise error
    await store.close()


async def test_a_device_is_reached_and_read_tier_by_tier() -> None:
    async with home() as it:
        assert it.keeper.link is Link.ONLINE
        assert it.keeper.serial == it.simulator.serial
        tiers = [event.tier for event in it.events.take() if isinstance(event, Update)]
        assert set(tiers) == {Tier.POWER, Tier.PACKS, Tier.SETTINGS, Tier.IDENTITY, Tier.DERIVED}
        assert it.quality("battery_soc") is Quality.LIVE
        assert it.quality("pack1_soc") is Quality.LIVE
        assert it.quality("pack3_soc") is Quality.NOT_INSTALLED
        assert it.keeper.snapshot(["house_power"]).number("house_power") == pytest.approx(700, abs=5)


async def test_power_is_read_every_five_seconds_and_packs_every_minute() -> None:
    async with home() as it:
        await it.pass_time(5)
        it.events.take()
        await it.pass_time(120)
        tiers = [event.tier for event in it.events.take() if isinstance(event, Update)]
        assert 22 <= tiers.count(Tier.POWER) <= 26
        assert 1 <= tiers.count(Tier.PACKS) <= 4  # two batches
        assert it.keeper.health.budget_used < 0.4


async def test_one_missed_cycle_is_held_and_then_live_again() -> None:
    async with home() as it:
        it.simulator.faults.add("silent*1")
        await it.pass_time(9)
        assert it.keeper.link is Link.ONLINE
        await it.pass_time(10)
        assert it.quality("battery_soc") is Quality.LIVE
        assert it.keeper.health.blips <= 1


async def test_a_device_that_goes_away_is_offline_and_comes_back_by_itself() -> None:
    async with home() as it:
        it.simulator.faults.add("silent")
        await it.pass_time(120)
        assert it.link() is Link.SILENT
        assert it.quality("battery_soc") is Quality.OFFLINE
        assert it.keeper.latest.sample("battery_soc").value is not None  # type: ignore[union-attr]  # it was read before
        it.simulator.faults.clear()
        await it.pass_time(120)
        assert it.link() is Link.ONLINE
        assert it.quality("battery_soc") is Quality.LIVE
        texts = await it.journal()
        assert any("does not answer" in text for text in texts)
        assert any(text.startswith("answers after") for text in texts)


async def test_a_poisoned_point_is_found_and_the_rest_flows_on() -> None:
    async with home() as it:
        it.simulator.faults.add("poison:11016")
        await it.pass_time(60)
        assert "meter_power" in it.keeper.health.quarantined
        assert it.quality("battery_soc") is Quality.LIVE
        assert it.quality("meter_power") in (Quality.STALE, Quality.QUARANTINED)
        assert it.keeper.snapshot(["grid_import_power"]).value("grid_import_power") is None


async def test_a_frozen_device_is_noticed_within_minutes() -> None:
    async with home() as it:
        it.simulator.faults.add("frozen")
        await it.pass_time(240)
        assert it.quality("battery_power") is Quality.STALE
        it.simulator.faults.clear()
        await it.pass_time(20)
        assert it.quality("battery_power") is Quality.LIVE


@pytest.mark.parametrize("seconds", [8, 60])  # within the patience of a reading, and beyond it
async def test_a_restart_is_written_down(seconds: float) -> None:
    async with home() as it:
        await it.pass_time(700)
        it.simulator.reboot(seconds)
        await it.pass_time(180)
        assert it.keeper.link is Link.ONLINE
        assert sum("restarted" in text for text in await it.journal()) == 1


async def test_another_firmware_is_written_down_and_missing_points_are_absent() -> None:
    async with home() as it:
        it.simulator.update({"f_ver": "V140F.0B.0041"}, 8)
        it.simulator.lay_out(remove=["main_temperature"])
        await it.pass_time(200)
        assert it.keeper.firmware == "V140F.0B.0041"
        assert it.quality("main_temperature") is Quality.ABSENT
        assert any("firmware changed" in text for text in await it.journal())


async def test_another_device_at_the_address_is_noticed_and_energies_go_on() -> None:
    async with home() as it:
        before = it.keeper.derivation.counters.total("energy_charge")
        it.simulator.reboot(8)
        it.simulator.update({"sn": "3899999999"}, 8)
        it.simulator.set("battery_charge_energy_total", 1000)
        await it.pass_time(200)
        assert it.keeper.serial == "3899999999"
        assert any("another device answers" in text for text in await it.journal())
        after = it.keeper.derivation.counters.total("energy_charge")
        assert before is not None
        assert after == pytest.approx(before, abs=100)


async def test_a_wall_clock_that_jumps_an_hour_changes_no_quality() -> None:
    async with home() as it:
        it.clock.jump(3600)
        await it.pass_time(6)
        assert it.quality("battery_soc") is Quality.LIVE


async def test_nothing_is_written_unless_the_owner_allowed_it() -> None:
    async with home() as it:
        with pytest.raises(ReadOnly):
            await it.keeper.write("backup_soc", 20, actor="test")
        with pytest.raises(ReadOnly):
            await it.keeper.command(Charge(800), actor="test")
        assert it.simulator.get("backup_soc") == 10


async def test_a_write_is_proven_and_both_its_ends_are_in_the_journal() -> None:
    async with home(control=True) as it:
        task = asyncio.create_task(it.keeper.write("backup_soc", 20, actor="anna", reason="winter"))
        await it.pass_time(40)
        assert (await task).stage is Stage.CONFIRMED
        entries = [entry for entry in await it.store.entries(limit=1000) if entry.kind == "write"]
        assert [entry.data["step"] for entry in entries] == ["asked", "ended"]
        assert entries[1].actor == "anna"
        assert (entries[1].data["before"], entries[1].data["shown"]) == ({"backup_soc": 10}, {"backup_soc": 20})


async def test_what_was_written_is_known_at_once() -> None:
    async with home(control=True) as it:
        task = asyncio.create_task(it.keeper.write("backup_soc", 20, actor="anna"))
        await it.pass_time(40)  # settings are polled every 10 minutes
        await task
        assert it.keeper.latest.value("backup_soc") == 20


async def test_what_is_young_enough_is_answered_without_asking_the_device() -> None:
    async with home() as it:
        asked = it.keeper.health.requests
        reading = await it.keeper.fresh(["battery_soc"], max_age_s=60)
        assert reading.number("battery_soc") is not None
        assert it.keeper.health.requests == asked


async def test_fifty_askers_share_one_request() -> None:
    async with home() as it:
        await it.pass_time(3)
        asked = it.keeper.health.requests
        tasks = [asyncio.create_task(it.keeper.fresh(["battery_soc", "mode"], max_age_s=0)) for _ in range(50)]
        await it.pass_time(2)
        readings = await asyncio.gather(*tasks)
        assert len({reading.number("battery_soc") for reading in readings}) == 1
        assert it.keeper.health.requests - asked <= 2  # theirs, and perhaps a poll


async def test_raw_polls_are_answered_from_what_was_heard() -> None:
    async with home() as it:
        await it.pass_time(5)
        asked = it.keeper.health.requests
        task = asyncio.create_task(it.keeper.exchange(GetData((6002, 7101, 65535)), max_age_s=60))
        await it.pass_time(1)  # at most, as the device wants it
        reply = await task
        assert isinstance(reply, Data)
        assert it.keeper.health.requests > asked  # one of the points was never asked for
        asked = it.keeper.health.requests
        again = await it.keeper.exchange(GetData((6002, 7101, 65535)), max_age_s=60)
        assert again == reply
        assert it.keeper.health.requests == asked


async def test_energies_survive_a_restart_of_the_hub() -> None:
    async with home() as it:
        await it.pass_time(600)
        store, total = it.store, it.keeper.derivation.counters.total("energy_house")
        saved = None
    assert total is not None
    assert total > 100
    saved = await store.get("counters:cellar")
    assert saved is not None
    assert "energy_house" in saved
