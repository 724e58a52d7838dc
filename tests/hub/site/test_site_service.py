"""The site at work, on a simulated home: its totals agree with the home's own, and nothing is wrong when parts are missing."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sitehome import SiteHome, all_tables, site_home

from away_store import AwayStore
from indevolt.battery import Quality
from indevolt.clock import ManualClock
from indevolt.hub.events import MeterSample
from indevolt.hub.site.quantities import COUNTERS, FLOWS, SITE, SITE_ABOUT, SITE_UNITS
from indevolt.hub.site.totals import METER
from indevolt.store.memory import MemoryStore

HOUR_S = 3600.0
UTC = ZoneInfo("UTC")


def sample(it: SiteHome, power_w: float, *, import_wh: float | None = None, name: str = "cabinet") -> MeterSample:
    return MeterSample(name, power_w, it.clock.now(), 5.0, import_wh)


def yields(it: SiteHome) -> float:
    """Return what all PV inputs have brought so far."""
    return sum(unit.energy_wh("pv_energy") for unit in it.play.site.units)


def test_every_quantity_of_the_site_is_explained() -> None:
    assert SITE_UNITS.keys() == SITE_ABOUT.keys()
    assert set(COUNTERS) <= SITE_UNITS.keys()


async def test_the_totals_are_those_of_the_house() -> None:
    async with site_home() as it:
        await it.clock.advance(HOUR_S / 4)
        totals = it.look().totals
        truth = it.play.site
        # Units and meter are read at their own moments, so a step of the load may be in one and not in the other.
        assert totals["house_power"].value == pytest.approx(truth.load_w, abs=150)
        assert totals["grid_power"].value == pytest.approx(truth.grid_w, abs=150)
        assert totals["solar_power"].value == pytest.approx(sum(sum(unit.pv_w) for unit in truth.units), abs=60)
        stored_wh = sum(unit.stored_wh for unit in truth.units)
        capacity_wh = sum(unit.kit.capacity_wh for unit in truth.units)
        assert totals["stored_energy"].value == pytest.approx(stored_wh, rel=0.02)
        assert totals["battery_soc"].value == pytest.approx(stored_wh / capacity_wh * 100, abs=1)
        assert it.look().simulated
        assert {part.unit for part in it.look().parts} == {"kitchen", "garage"}


async def test_energies_of_a_morning_agree_with_the_homes_own_meters() -> None:
    async with site_home() as it:
        first = dict(it.hub.site.counts.totals)
        site = it.play.site
        before = (site.import_wh, site.export_wh, site.load_wh)
        await it.clock.advance(HOUR_S)
        grown = {name: it.hub.site.counts.totals[name] - first.get(name, 0.0) for name in COUNTERS if name != "energy_charger"}
        assert grown["energy_grid_import"] == pytest.approx(site.import_wh - before[0], rel=0.1)
        assert grown["energy_grid_export"] == pytest.approx(site.export_wh - before[1], rel=0.1, abs=10)
        assert grown["energy_house"] == pytest.approx(site.load_wh - before[2], rel=0.03)
        sources = grown["energy_solar"] + grown["energy_discharge"] + grown["energy_grid_import"]
        assert sum(grown[name] for name in FLOWS) == pytest.approx(sources, rel=0.2)
        assert sum(grown[name] for name in FLOWS) <= sources * 1.02


async def test_there_is_about_one_reading_of_the_site_for_each_of_the_units() -> None:
    async with site_home() as it:
        it.published()
        await it.clock.advance(300)
        assert 25 <= len(it.published()) <= 38  # of 30 readings of each unit


async def test_what_is_published_is_stored_and_rolls_up_like_a_devices_readings() -> None:
    async with site_home() as it:
        start = it.clock.now()
        await it.clock.advance(HOUR_S)
        series = await it.hub.store.series(SITE, ["house_power", "energy_house"], start, it.clock.now(), step_s=300)
        assert all(value is not None for value in series.columns["house_power"])
        counted = [float(value) for value in series.columns["energy_house"] if value is not None]
        assert len(counted) == len(series.times) >= 12
        assert counted == sorted(counted)
        found = await it.hub.store.energies(SITE, ["energy_house"], start, it.clock.now(), period="day", zone=UTC)
        assert found[0][1]["energy_house"] == pytest.approx(it.hub.site.counts.totals["energy_house"], abs=5)


# ---- when something is missing ---------------------------------------------------------------------------------------------------


async def test_a_unit_that_falls_silent_makes_totals_old_and_is_named_and_nothing_wrong_is_stored() -> None:
    async with site_home() as it:
        await it.clock.advance(120)
        last = it.value("house_power")
        it.ways["garage"].cut = True
        await it.clock.advance(120)
        it.published()
        await it.clock.advance(60)
        total = it.look().totals["house_power"]
        assert (total.quality, total.missing) == (Quality.OFFLINE, ("garage",))
        assert total.value is not None
        assert last is not None
        assert total.age_s is not None
        assert total.age_s > 120
        assert total.at is not None
        assert it.look().totals["grid_power"].quality is Quality.LIVE
        for update in it.published():
            assert update.reading["house_power"].quality is not Quality.LIVE
            assert update.reading["battery_power"].quality is not Quality.LIVE
        start = it.clock.now() - timedelta(seconds=60)
        series = await it.hub.store.series(SITE, ["house_power", "energy_solar"], start, it.clock.now())
        assert set(series.columns["house_power"]) <= {None}
        assert set(series.columns["energy_solar"]) <= {None}


async def test_it_is_told_at_once_that_totals_are_unknown_when_the_last_unit_falls_silent() -> None:
    async with site_home("summer-day") as it:
        (name,) = it.ways
        it.ways[name].cut = True
        it.published()
        await it.clock.advance(120)
        assert any(update.reading["house_power"].quality is Quality.OFFLINE for update in it.published())


async def test_a_unit_that_was_away_adds_its_energies_when_it_is_back() -> None:
    async with site_home(hour=10) as it:
        await it.clock.advance(60)
        counted, own = it.hub.site.counts.totals["energy_solar"], yields(it)
        it.ways["garage"].cut = True
        await it.clock.advance(HOUR_S)
        it.ways["garage"].cut = False
        await it.clock.advance(180)
        truth = yields(it) - own
        assert truth > 100
        assert it.hub.site.counts.totals["energy_solar"] - counted == pytest.approx(truth, abs=25)
        assert it.look().totals["energy_solar"].quality is Quality.LIVE


async def test_a_unit_that_was_never_reached_is_missing_in_every_sum() -> None:
    async with site_home(cut=("garage",)) as it:
        await it.clock.advance(60)
        totals = it.look().totals
        for name in ("house_power", "solar_power", "battery_soc", "energy_house", "energy_solar_to_house"):
            assert (totals[name].value, totals[name].missing) == (None, ("garage",)), name


# ---- meters ----------------------------------------------------------------------------------------------------------------------


async def test_two_units_that_tell_of_one_meter_count_it_once() -> None:
    async with site_home() as it:
        picture = it.look()
        assert [each.name for each in picture.candidates] == ["kitchen", "garage"]
        assert picture.meter is not None
        assert picture.meter.is_unit
        assert picture.totals["grid_power"].value == picture.meter.power.value
        assert "which is not counted again" in " ".join(picture.notes)


async def test_a_meter_of_the_hubs_own_takes_over_and_gives_back_when_it_is_silent() -> None:
    async with site_home() as it:
        told = it.look().totals["grid_power"].value
        it.hub.bus.publish(sample(it, 432.0))
        await it.clock.advance(5)
        assert it.value("grid_power") == 432
        for _ in range(6):
            await it.clock.advance(5)
            it.hub.bus.publish(sample(it, -77.0))
        await it.clock.advance(1)
        assert it.value("grid_power") == -77
        await it.clock.advance(30)
        now = it.look()
        assert now.meter is not None
        assert now.meter.name == "kitchen"
        assert now.totals["grid_power"].value == pytest.approx(told, abs=2000)
        texts = [entry.text for entry in await it.hub.store.entries(limit=100) if "meter of the house" in entry.text]
        assert texts == [
            "the meter of the house is now that of kitchen",
            "the meter of the house is now cabinet",
            "the meter of the house is now that of kitchen",
        ]


async def test_the_counters_of_a_meter_are_counted_instead_of_its_power() -> None:
    async with site_home() as it:
        for import_wh in (100_000.0, 100_010.0, 100_100.0, 100_200.0):  # more than the power would bring
            it.hub.bus.publish(sample(it, 1.0, import_wh=import_wh))
            await it.clock.advance(5)
        before = it.hub.site.counts.totals["energy_grid_import"]
        it.hub.bus.publish(sample(it, 1.0, import_wh=100_300.0))
        await it.clock.advance(5)
        assert it.hub.site.counts.totals["energy_grid_import"] - before == 100


async def test_without_any_meter_the_house_is_unknown_and_all_else_goes_on() -> None:
    async with site_home() as it:
        it.play.site.meter.online = False
        await it.clock.advance(120)
        totals = it.look().totals
        assert totals["house_power"].quality in (Quality.STALE, Quality.OFFLINE)
        assert totals["house_power"].missing == (METER,)
        assert totals["battery_power"].quality is Quality.LIVE


# ---- restarts --------------------------------------------------------------------------------------------------------------------


async def test_counts_go_on_after_a_restart_of_the_hub() -> None:
    store = MemoryStore(clock=ManualClock())
    await store.open(all_tables())
    async with site_home("summer-day", store=store) as it:
        await it.clock.advance(HOUR_S)
        before = dict(it.hub.site.counts.totals)
        clock = it.clock
    assert before["energy_house"] > 40
    assert before.keys() == set(COUNTERS) - {"energy_charger"}
    async with site_home("summer-day", store=store, clock=clock) as it:
        after = it.hub.site.counts.totals
        assert all(after[name] >= before[name] for name in before)
        assert after["energy_house"] == pytest.approx(before["energy_house"], abs=3)
    await store.close()


async def test_counts_go_on_when_the_hub_is_there_before_its_store() -> None:
    store = AwayStore(clock=ManualClock())
    await store.open(all_tables())
    async with site_home("summer-day", store=store) as it:
        await it.clock.advance(HOUR_S)
        before = dict(it.hub.site.counts.totals)
        clock = it.clock
    store.is_away = True
    async with site_home("summer-day", store=store, clock=clock) as it:
        await it.clock.advance(180)
        told = it.published()[-1].reading
        assert told.number("house_power") is not None
        assert {name: told.number(name) for name in before} == dict.fromkeys(before)
        store.is_away = False
        await it.clock.advance(60)
        after = it.hub.site.counts.totals
        assert all(after[name] >= before[name] for name in before)
        assert it.published()[-1].reading.number("energy_house") == pytest.approx(after["energy_house"])
    async with site_home("summer-day", store=store, clock=clock) as it:
        assert all(it.hub.site.counts.totals[name] >= before[name] for name in before)
    await store.close()
