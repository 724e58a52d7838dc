"""Plants and cars with meters of their own, asked over real HTTP beside a simulated home: what totals and energies make of them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from sitehome import SiteHome, all_tables, site_home

from indevolt.battery import Quality
from indevolt.clock import ManualClock
from indevolt.hub.config_meters import BatteryMeter, HomeWizardMeter, MeterRole
from indevolt.hub.mqtt.site import OF_CHARGERS, has_chargers, site_entities
from indevolt.hub.site.quantities import FLOWS, SITE
from indevolt.hub.steer.situation import branches_w
from indevolt.store.memory import MemoryStore
from websource import Asked, web_source

QUARTER_S = 900


@dataclass
class Sockets:
    """What the meters answer, by their names, as HomeWizard meters: import is positive. One without an entry is broken."""

    tell: dict[str, dict[str, float]] = field(
        default_factory=lambda: {"roof": {"active_power_w": -800.0}, "wallbox": {"active_power_w": 3600.0}}
    )
    asked: int = 0

    def answer(self, name: str) -> str | int:
        self.asked += 1  # as the voltage of a real one, it changes with each answer: the meter is alive
        told: Mapping[str, float] | None = self.tell.get(name)
        return 503 if told is None else json.dumps({**told, "active_voltage_v": 230 + self.asked % 7 / 10})


@dataclass
class Branched:
    """The home, and its sockets."""

    home: SiteHome
    sockets: Sockets


@asynccontextmanager
async def branched(roles: Mapping[str, MeterRole], **more: Any) -> AsyncIterator[Branched]:
    """Run the home with meters; it goes on when each has told something."""
    sockets = Sockets()

    def of(name: str) -> Any:
        def answers(_: Asked) -> str | int:
            return sockets.answer(name)

        return web_source(answers)

    async with of("roof") as roof, of("wallbox") as wallbox:
        ports = {"roof": roof.port, "wallbox": wallbox.port}
        meters = tuple(
            HomeWizardMeter(name=name, kind="homewizard", host=f"127.0.0.1:{ports[name]}", role=role)
            for name, role in roles.items()
        )
        async with site_home(meters=meters, **more) as home:
            await home.until(lambda: all(home.hub.meters[name].shown for name in roles))
            await home.pass_s(10)
            yield Branched(home, sockets)


PLANT = {"roof": MeterRole.PV}
BOTH = {"roof": MeterRole.PV, "wallbox": MeterRole.CHARGER}


async def test_a_plant_adds_to_sun_and_house_and_a_car_is_told_apart() -> None:
    async with site_home() as plain:
        await plain.clock.advance(120)
        before = {name: plain.value(name) for name in ("solar_power", "house_power", "ac_power")}
    async with branched(BOTH) as it:
        await it.home.until(lambda: it.home.clock.now() >= plain.clock.now())
        picture = it.home.look()
        for name, added_w in (("solar_power", 800.0), ("house_power", 800.0), ("ac_power", 0.0)):
            base_w = before[name]
            assert base_w is not None
            assert picture.totals[name].value == pytest.approx(base_w + added_w, abs=150), name
        assert picture.totals["charger_power"].value == 3600
        assert [(each.meter, each.role) for each in picture.branches] == list(BOTH.items())
        assert "roof" in " ".join(picture.notes)
        assert {each.name for each in picture.candidates} == {"kitchen", "garage"}  # a branch is no meter of the house


async def test_a_plant_that_falls_silent_makes_sun_and_house_old_and_is_named_and_history_has_a_gap() -> None:
    async with branched(PLANT) as it:
        last = it.home.value("solar_power")
        del it.sockets.tell["roof"]
        await it.home.pass_s(30)
        totals = it.home.look().totals
        for name in ("solar_power", "house_power", "energy_solar", "energy_house", "energy_solar_to_house"):
            assert (totals[name].quality, totals[name].missing) == (Quality.STALE, ("roof",)), name
        assert totals["solar_power"].value == pytest.approx(last, abs=50)
        assert totals["grid_power"].quality is Quality.LIVE
        since = it.home.clock.now()
        counted = it.home.hub.site.counts.totals["energy_house"]
        await it.home.pass_s(60)
        series = await it.home.hub.store.series(SITE, ["solar_power", "energy_house"], since, it.home.clock.now())
        assert set(series.columns["solar_power"]) | set(series.columns["energy_house"]) == {None}
        assert it.home.hub.site.counts.totals["energy_house"] == counted
        it.sockets.tell["roof"] = {"active_power_w": -650.0}
        await it.home.until(lambda: it.home.look().totals["house_power"].quality is Quality.LIVE)
        assert it.home.look().totals["house_power"].missing == ()


async def test_a_plant_that_never_told_anything_leaves_sun_and_house_unknown() -> None:
    meter = HomeWizardMeter(name="roof", kind="homewizard", host="127.0.0.1:1", role=MeterRole.PV)
    async with site_home(meters=(meter,)) as it:
        await it.pass_s(30)
        for name in ("solar_power", "house_power", "energy_solar"):
            total = it.look().totals[name]
            assert (total.value, total.missing) == (None, ("roof",)), name
        assert it.value("battery_power") is not None


async def test_energies_of_plant_and_car_without_counters_are_integrated_from_their_powers() -> None:
    async with branched(BOTH) as it:
        counts, units = it.home.hub.site.counts, it.home.play.site.units
        before, own_wh = dict(counts.totals), sum(unit.energy_wh("pv_energy") for unit in units)
        await it.home.pass_s(QUARTER_S)
        grown = {name: counts.totals[name] - before.get(name, 0.0) for name in counts.totals}
        own_wh = sum(unit.energy_wh("pv_energy") for unit in units) - own_wh
        assert grown["energy_charger"] == pytest.approx(3600 / 4, rel=0.02)
        assert grown["energy_solar"] == pytest.approx(own_wh + 800 / 4, rel=0.05)
        sources = grown["energy_solar"] + grown["energy_discharge"] + grown["energy_grid_import"]
        assert sum(grown[name] for name in FLOWS) == pytest.approx(sources, rel=0.15)
        assert it.home.look().totals["energy_charger"].quality is Quality.LIVE


async def test_the_counters_of_plant_and_car_are_counted_instead_and_made_up_for_after_an_outage() -> None:
    async with branched(BOTH) as it:
        it.sockets.tell = {
            "roof": {"active_power_w": -1.0, "total_power_export_kwh": 50.0},
            "wallbox": {"active_power_w": 1.0, "total_power_import_kwh": 20.0},
        }
        await it.home.pass_s(20)
        counts = it.home.hub.site.counts
        before, own_wh = dict(counts.totals), sum(unit.energy_wh("pv_energy") for unit in it.home.play.site.units)
        it.sockets.tell = {}
        await it.home.pass_s(60)
        it.sockets.tell = {
            "roof": {"active_power_w": -1.0, "total_power_export_kwh": 50.2},
            "wallbox": {"active_power_w": 1.0, "total_power_import_kwh": 20.5},
        }
        await it.home.until(lambda: counts.totals["energy_charger"] > before["energy_charger"])
        await it.home.pass_s(20)
        own_wh = sum(unit.energy_wh("pv_energy") for unit in it.home.play.site.units) - own_wh
        assert counts.totals["energy_charger"] - before["energy_charger"] == pytest.approx(500)
        assert counts.totals["energy_solar"] - before["energy_solar"] == pytest.approx(200 + own_wh, abs=20)


async def test_what_a_car_took_is_still_known_after_a_restart_of_the_hub() -> None:
    store = MemoryStore(clock=ManualClock())
    await store.open(all_tables())
    async with branched(BOTH, store=store) as it:
        await it.home.pass_s(120)
        before, clock = dict(it.home.hub.site.counts.totals), it.home.clock
    assert before["energy_charger"] > 100
    async with branched(BOTH, store=store, clock=clock) as it:
        assert it.home.hub.site.counts.totals["energy_charger"] >= before["energy_charger"]
        start, end = clock.now() - timedelta(hours=1), clock.now()
        series = await store.series(SITE, ["charger_power"], start, end, step_s=60)
        assert 3600.0 in series.columns["charger_power"]
    await store.close()


async def test_the_meter_of_a_battery_that_measures_a_plant_is_not_taken_for_that_of_the_house() -> None:
    meter = BatteryMeter(name="roof", kind="battery", device="kitchen", role=MeterRole.PV, invert=True)
    async with site_home(meters=(meter,)) as it:
        await it.clock.advance(60)
        picture = it.look()
        assert [each.name for each in picture.candidates] == ["garage"]
        assert [each.power.usable for each in picture.branches] == [True]


async def test_entities_of_chargers_are_enabled_only_where_there_is_one() -> None:
    for roles, enabled in ((PLANT, False), (BOTH, True)):
        async with branched(roles) as it:
            entities = {entity.name: entity for entity in site_entities(chargers=has_chargers(it.home.hub))}
            for name in OF_CHARGERS:
                assert entities[name].fields.get("enabled_by_default", True) is enabled


async def test_steering_goes_by_what_plants_give_and_cars_take_and_by_nothing_that_is_old() -> None:
    async with branched(BOTH) as it:
        assert branches_w(it.home.hub) == (800, 3600)
        del it.sockets.tell["roof"], it.sockets.tell["wallbox"]
        await it.home.pass_s(30)
        assert branches_w(it.home.hub) == (None, None)
    async with site_home() as plain:
        assert branches_w(plain.hub) == (0, None), "no plant is measured, and nothing is known of cars"
