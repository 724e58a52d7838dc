"""Scenario files: what they mean, and what ships."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, timezone
from pathlib import Path

import pytest
from scenario_text import HEAD, UNIT, cluster, event_of, load, mistakes, unit_of

from indevolt.battery import Charge, Discharge, Hold, Schedule, SelfUse
from indevolt.catalogue import products
from indevolt.errors import InvalidInput
from indevolt.simulator import scenario
from indevolt.simulator.access import Api
from indevolt.simulator.cluster import Role, Wiring
from indevolt.simulator.faults import FORMS
from indevolt.simulator.meter import MeterPlace, Via
from indevolt.simulator.scenario.records import (
    Break,
    Change,
    CsvSource,
    GridSupply,
    MeterLink,
    MeterSort,
    Note,
    Order,
    Reboot,
    Remove,
    Restore,
    Slot,
    Update,
)
from indevolt.simulator.sky import Weather

ROOT = Path(__file__).parents[2]
START = datetime(2026, 3, 20, tzinfo=UTC)


# ---- what a file means -----------------------------------------------------------------------------------------------


def test_the_smallest_file_has_a_house_a_sky_a_meter_and_a_unit() -> None:
    made = load()
    assert (made.title, made.start, made.days, made.seed, made.step_s) == ("A test", START, 3.0, 1, 1.0)
    assert (made.house.load, made.house.daily_kwh) == ("built-in", 9.0)
    assert made.sky.kind is Weather.SEASONAL
    assert made.sky.temperature_c is None
    assert made.meter.sort is MeterSort.NATIVE
    assert made.roof is None
    assert made.tariff is None
    (unit,) = made.units
    assert unit.product is products()["powerflex2000"]
    assert (unit.modules, unit.soc_pct, unit.pv_w, unit.role, unit.api) == (2, 50.0, (), Role.NONE, Api.HTTP)
    assert made.events == ()


def test_house_sky_roof_meter_and_tariff_are_what_the_file_says() -> None:
    hours = ", ".join(f"{number / 100}" for number in range(24))
    made = load(f"""
        [house]
        load = 350
        bypass_w = -600
        [sky]
        kind = "broken"
        latitude_deg = 48.1
        temperature_c = [-3, 4.5]
        [roof]
        peak_w = 5000
        azimuth_deg = 90
        [meter]
        sort = "shelly"
        port = 8099
        [tariff]
        import_price = [{hours}]
        export_price = {{ csv = "prices.csv", scale = 0.001 }}
        {UNIT}""")
    assert (made.house.load, made.house.bypass_w) == (350.0, -600.0)
    assert (made.sky.kind, made.sky.latitude_deg, made.sky.temperature_c) == (Weather.BROKEN, 48.1, (-3.0, 4.5))
    assert made.roof is not None
    assert (made.roof.peak_w, made.roof.tilt_deg, made.roof.azimuth_deg) == (5000.0, 30.0, 90.0)
    assert (made.meter.sort, made.meter.refresh_s, made.meter.port) == (MeterSort.SHELLY, 2.0, 8099)
    assert made.tariff is not None
    assert made.tariff.import_price == tuple(number / 100 for number in range(24))
    assert made.tariff.export_price == CsvSource("prices.csv", None, None, 0.001)


def test_load_and_sun_may_come_from_files() -> None:
    made = load(f"""
        [house]
        load = {{ csv = "load.csv", column = "load_w", step_s = 60 }}
        [sky]
        kind = {{ csv = "pv.csv", step_s = 900, scale = 0.5 }}
        {UNIT}""")
    assert made.house.load == CsvSource("load.csv", "load_w", 60.0, 1.0)
    assert made.sky.kind == CsvSource("pv.csv", None, 900.0, 0.5)


def test_a_unit_is_what_the_file_says() -> None:
    unit = unit_of("""
        modules = 3
        soc_pct = 12.5
        pv_w = [440, 0]
        temperature_c = -4
        settings = { backup_soc = 20, mode = "schedule", grid_charging = false, full_charge_start_time = 22:30:00 }
        load_curve = 150
        port = 8081
        serial = "1234567890"
        api = "digest"
        password = "secret"
    """)
    assert (unit.modules, unit.soc_pct, unit.pv_w, unit.temperature_c) == (3, 12.5, (440.0, 0.0), -4.0)
    assert unit.settings == {"backup_soc": 20, "mode": "schedule", "grid_charging": False, "full_charge_start_time": time(22, 30)}
    assert unit.load_curve == (150.0,) * 48
    assert (unit.port, unit.serial, unit.api, unit.password) == (8081, "1234567890", Api.DIGEST, "secret")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("http://192.168.1.5:80", MeterPlace(Via.HTTP, "192.168.1.5", 80)),
        ("udp://meter.fritz.box:1010", MeterPlace(Via.UDP, "meter.fritz.box", 1010)),
        ("push://0.0.0.0:8088", MeterPlace(Via.PUSH, "0.0.0.0", 8088)),
        ("http://[fd00::7]:8010", MeterPlace(Via.HTTP, "fd00::7", 8010)),
    ],
)
def test_a_unit_may_look_at_a_meter_elsewhere(text: str, place: MeterPlace) -> None:
    assert unit_of(f'meter = "{text}"').meter == place


@pytest.mark.parametrize(
    "text",
    ["", "http://a", "a:80", "ftp://a:80", "http://a:80/rpc", "http://b@a:80", "http://a:99999", "http://:80", "http://[a:80"],
)
def test_what_is_no_place_of_a_meter_is_told(text: str) -> None:
    (told,) = mistakes(f'{UNIT}meter = "{text}"')
    assert "units[1].meter: " in told
    assert "allowed: http://HOST:PORT, udp://HOST:PORT or push://HOST:PORT" in told


def test_a_unit_of_a_cluster_looks_at_no_meter_of_its_own() -> None:
    (told,) = mistakes(cluster("master", "slave") + 'meter = "http://127.0.0.1:80"')
    assert "units[2].meter: a cluster goes by the meter of the home" in told


def test_settings_may_be_named_by_number_as_everywhere() -> None:
    assert unit_of("settings = { 6105 = 20 }").settings == {"backup_soc": 20}


def test_a_plan_is_read_slot_by_slot() -> None:
    unit = unit_of("""
        [[units.schedule]]
        start = "22:30"
        end = "05:00"
        action = "charge"
        power_w = 1200
        [[units.schedule]]
        start = 05:00:00
        end = "06:00"
        action = "standby"
        [[units.schedule]]
        start = "17:00"
        end = "22:30"
        action = "discharge"
        power_w = 600
        soc_pct = 30
    """)
    assert unit.schedule == (
        Slot(time(22, 30), time(5), "charge", 1200, 100),
        Slot(time(5), time(6), "standby", 0, 0),
        Slot(time(17), time(22, 30), "discharge", 600, 30),
    )


def test_a_plan_may_last_until_midnight_or_all_day() -> None:
    unit = unit_of('[[units.schedule]]\nstart = "20:00"\nend = "24:00"\naction = "standby"\n')
    assert unit.schedule[0].end == time()
    unit = unit_of('[[units.schedule]]\nstart = "00:00"\nend = "24:00"\naction = "charge"\npower_w = 100\n')
    assert unit.schedule[0] == Slot(time(), time(), "charge", 100, 100)


def test_units_without_a_name_are_numbered() -> None:
    made = load('[[units]]\nmodel = "bk1600"\n[[units]]\nmodel = "solidflex3000"\n')
    assert [unit.name for unit in made.units] == ["unit1", "unit2"]


def test_several_units_may_take_any_free_port() -> None:
    made = load(f"{UNIT}port = 0\n{UNIT.replace('cellar', 'attic')}port = 0\n")
    assert [unit.port for unit in made.units] == [0, 0]


def test_a_cluster_is_a_master_and_its_slaves_wired_as_the_master_says() -> None:
    made = load(cluster("slave", "master", more='cluster_type = "centralized"\n'))
    assert [(unit.role, unit.wiring) for unit in made.units] == [
        (Role.SLAVE, Wiring.CENTRALIZED),
        (Role.MASTER, Wiring.CENTRALIZED),
    ]


def test_a_master_may_be_set_wider_than_a_single_unit() -> None:
    event = 'unit = "unit1"\ncommand = { discharge = 4500 }\nat = "12:00"\n'
    assert event_of(event, units=cluster("master", "slave")).action == Order(Discharge(4500, 5))
    assert "allowed: 50 to 2400 W" in mistakes(f"{UNIT}[[events]]\n{event.replace('unit1', 'cellar')}")[0]


def test_the_start_may_be_given_from_outside() -> None:
    start = datetime(2027, 1, 1, 13, tzinfo=timezone(timedelta(hours=1)))
    made = scenario.load(f'{HEAD}{UNIT}[[events]]\nat = "06:00"\nreboot = 3\n', name="x", start=start)
    assert made.start.isoformat() == "2027-01-01T12:00:00+00:00"
    assert made.events[0].at == datetime(2027, 1, 2, 6, tzinfo=UTC)


# ---- events ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "instant"),
    [
        ('"13:05"', datetime(2026, 3, 20, 13, 5, tzinfo=UTC)),
        ('"13:05:30"', datetime(2026, 3, 20, 13, 5, 30, tzinfo=UTC)),
        ("13:05:30", datetime(2026, 3, 20, 13, 5, 30, tzinfo=UTC)),
        ('"05:00"', datetime(2026, 3, 21, 5, tzinfo=UTC)),
        ('"06:00"', datetime(2026, 3, 20, 6, tzinfo=UTC)),
        ('"2d 06:00"', datetime(2026, 3, 22, 6, tzinfo=UTC)),
        ('"+90min"', datetime(2026, 3, 20, 7, 30, tzinfo=UTC)),
        ('"+1d2h"', datetime(2026, 3, 21, 8, tzinfo=UTC)),
        ('"+ 1h 30 min"', datetime(2026, 3, 20, 7, 30, tzinfo=UTC)),
        ("2026-03-21 12:00:00", datetime(2026, 3, 21, 12, tzinfo=UTC)),
        ("2026-03-21T12:00:00+02:00", datetime(2026, 3, 21, 10, tzinfo=UTC)),
    ],
)
def test_an_event_may_say_when_in_many_ways(at: str, instant: datetime) -> None:
    head = 'title = "A test"\nstart = 2026-03-20T06:00:00Z\ndays = 3\n'
    (event,) = load(f"{UNIT}[[events]]\nat = {at}\nreboot = 3\n", head=head).events
    assert event.at == instant
    assert event.at.utcoffset() == timedelta(0)


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10min", 600), ("1h30min", 5400), ("1.5 h", 5400), ("2d", 172_800)])
def test_an_event_may_last(text: str, seconds: float) -> None:
    assert event_of(f'at = "12:00"\nfor = "{text}"\nmeter = "offline"').for_s == seconds


@pytest.mark.parametrize(
    ("fields", "action"),
    [
        ('fault = "reset@0.2"', Break("reset@0.2")),
        ("reboot = 30", Reboot(30.0)),
        ('set = { backup_soc = 30, mode = "realtime" }', Change({"backup_soc": 30, "mode": "realtime"})),
        ("command = { charge = 800, soc = 90 }", Order(Charge(800, 90))),
        ("command = { charge = 800 }", Order(Charge(800, 100))),
        ("command = { discharge = 800 }", Order(Discharge(800, 5))),
        ('command = "self-use"', Order(SelfUse())),
        ('command = "hold"', Order(Hold())),
        ('command = "schedule"', Order(Schedule())),
        ('meter = "offline"', MeterLink(online=False)),
        ('meter = "online"', MeterLink(online=True)),
        ('grid = "down"', GridSupply(up=False)),
        ('grid = "up"', GridSupply(up=True)),
        ('remove = ["battery-soc", "6000"]', Remove(("battery_soc", "battery_power"))),
        ('restore = ["battery_soc"]', Restore(("battery_soc",))),
        (
            'firmware = { fw = "V1", f_ver = "V2", remove = ["pv1_power"], move = { battery_soc = 60002 }, down_s = 9 }',
            Update("V1", "V2", ("pv1_power",), {"battery_soc": 60002}, 9.0),
        ),
        ("firmware = {}", Update(None, None, (), {}, 60.0)),
        ('note = "Look here."', Note("Look here.")),
    ],
)
def test_each_thing_that_can_happen_becomes_a_record(fields: str, action: object) -> None:
    event = event_of(f'at = "12:00"\n{fields}')
    assert event.action == action
    assert event.for_s is None
    assert event.line == 7
    assert event.units == (() if isinstance(action, MeterLink | GridSupply | Note) else ("cellar",))


def test_a_move_may_take_the_place_of_what_moves_or_goes_away() -> None:
    event = event_of('at = "12:00"\nfirmware = { move = { battery_soc = 6000, battery_power = 6002 } }')
    assert event.action == Update(None, None, (), {"battery_soc": 6000, "battery_power": 6002}, 60.0)
    event = event_of('at = "12:00"\nfirmware = { move = { battery_soc = 6000 }, remove = ["battery_power"] }')
    assert event.action == Update(None, None, ("battery_power",), {"battery_soc": 6000}, 60.0)


def test_an_event_is_for_all_units_or_one_and_a_command_to_all_spares_the_slaves() -> None:
    units = cluster("master", "slave", "slave")
    assert event_of('at = "12:00"\nreboot = 3', units=units).units == ("unit1", "unit2", "unit3")
    assert event_of('at = "12:00"\nreboot = 3\nunit = "unit2"', units=units).units == ("unit2",)
    assert event_of('at = "12:00"\ncommand = "hold"', units=units).units == ("unit1",)
    assert event_of('at = "12:00"\ncommand = "hold"\nunit = "unit2"', units=units).units == ("unit2",)


def test_events_come_in_the_order_in_which_they_happen() -> None:
    made = load(
        f'{UNIT}[[events]]\nat = "12:00"\nnote = "b"\n[[events]]\nat = "06:00"\nnote = "a"\n[[events]]\nat = "12:00"\nnote = "c"\n'
    )
    assert [event.action for event in made.events] == [Note("a"), Note("b"), Note("c")]


# ---- what ships ------------------------------------------------------------------------------------------------------


def test_a_dozen_ships_with_what_was_asked_for() -> None:
    asked = {"winter-day", "summer-day", "clouds", "meter-outage", "wifi-trouble", "reboot", "cluster-of-three", "firmware-update"}
    assert asked <= set(scenario.names())
    assert 10 <= len(scenario.names()) <= 14
    assert list(scenario.names()) == sorted(scenario.names())


@pytest.mark.parametrize("name", scenario.names())
def test_every_shipped_scenario_loads_and_says_what_there_is_to_see(name: str) -> None:
    made = scenario.load(scenario.shipped(name), name=f"{name}.toml")
    assert "To look at: " in made.about.replace("\n", " ")
    assert made.days <= 1
    assert not [
        event for event in made.events if event.at + timedelta(seconds=event.for_s or 0) > made.start + timedelta(days=made.days)
    ]


def test_an_unknown_name_is_told_with_the_nearest_and_all() -> None:
    with pytest.raises(InvalidInput) as caught:
        scenario.shipped("winterday")
    assert str(caught.value) == "no scenario 'winterday'"
    assert caught.value.remedy.startswith("Did you mean winter-day? There are backup-reserve, ")
    with pytest.raises(InvalidInput):
        scenario.shipped("../scenario")


@pytest.mark.parametrize("number", range(4))
def test_every_scenario_of_the_guide_loads(number: int) -> None:
    printed = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "scenarios.md").read_text("utf-8"), re.DOTALL)
    assert len(printed) == 4
    assert scenario.load(printed[number], name="guide").title


def test_every_field_is_described() -> None:
    described = {section.heading: section for section in scenario.describe()}
    assert {
        "[house]",
        "[sky]",
        "[roof]",
        "[meter]",
        "[tariff]",
        "[[units]]",
        "[[units.schedule]]",
        "[[events]]",
    } <= described.keys()
    for section in described.values():
        assert section.about.endswith(".")
        for field in section.fields:
            assert field.about.endswith("."), field.name
            assert field.kind.describe()
    fault = next(field for field in described["[[events]]"].fields if field.name == "fault")
    assert all(form in fault.kind.describe() for form in FORMS)
