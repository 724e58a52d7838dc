"""Scenario files: what they mean, what ships, and that a mistake is told by line, field and what is allowed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from indevolt.battery import Charge, Discharge, Hold, Schedule, SelfUse
from indevolt.catalogue import products
from indevolt.errors import InvalidInput
from indevolt.simulator import scenario
from indevolt.simulator.access import Api
from indevolt.simulator.cluster import Role, Wiring
from indevolt.simulator.faults import FORMS
from indevolt.simulator.scenario.records import (
    Break,
    Change,
    CsvSource,
    Event,
    GridSupply,
    MeterLink,
    MeterSort,
    Note,
    Order,
    Reboot,
    Remove,
    Restore,
    Scenario,
    Slot,
    UnitSpec,
    Update,
)
from indevolt.simulator.sky import Weather
from indevolt.tomltext import WrongToml

ROOT = Path(__file__).parents[2]
START = datetime(2026, 3, 20, tzinfo=UTC)
HEAD = 'title = "A test"\nstart = 2026-03-20\ndays = 3\n'
UNIT = '[[units]]\nname = "cellar"\nmodel = "powerflex2000"\n'


def load(text: str = UNIT, *, head: str = HEAD) -> Scenario:
    return scenario.load(head + text, name="mine.toml")


def unit_of(fields: str) -> UnitSpec:
    (unit,) = load(UNIT + fields).units
    return unit


def event_of(fields: str, *, units: str = UNIT) -> Event:
    (event,) = load(f"{units}[[events]]\n{fields}").events
    return event


def mistakes(text: str, *, head: str = HEAD) -> list[str]:
    """Return what is wrong, with lines counted from the first behind the head."""
    with pytest.raises(WrongToml) as caught:
        load(text, head=head)
    assert str(caught.value).startswith("mine.toml")
    shift = head.count("\n")
    return [
        f"line {mistake.line - shift}{', ' if mistake.where else ''}{mistake.where}: {mistake.what}"
        for mistake in caught.value.mistakes
    ]


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


def cluster(*roles: str, more: str = "") -> str:
    return "".join(f'[[units]]\nmodel = "powerflex2000"\ncluster = "{role}"\n{more if role == "master" else ""}' for role in roles)


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


# ---- mistakes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "units: missing; allowed: 1 to 12 tables, each headed [[units]]"),
        ('[units]\nmodel = "bk1600"', "line 1, units: { model = "),
        ("[[units]]\n", "line 1, units[1].model: missing; allowed: "),
        ('[[units]]\nmodel = "powerflx2000"', 'line 2, units[1].model: "powerflx2000" does not fit; did you mean powerflex2000'),
        (f"{UNIT}moduls = 2", "line 4, units[1].moduls: unknown field; did you mean modules or model? [[units]] has: name, model,"),
        (f"{UNIT}modules = 7", "line 4, units[1].modules: 7 does not fit; allowed: a whole number from 1 to 6"),
        ('[[units]]\nmodel = "bk1600"\nmodules = 4', "line 3, units[1].modules: 4 does not fit; allowed: 1 to 3 for a BK1600"),
        (
            '[[units]]\nmodel = "bk1600"\npv_w = [1,\n2, 3]',
            "line 3, units[1].pv_w: 3 PV inputs do not fit; allowed: up to 2 for a BK1600",
        ),
        (f"{UNIT}pv_w = [440,\n  1501]", "line 5, units[1].pv_w[2]: 1501 does not fit; allowed: a number from 0 to 1500 W"),
        (f"{UNIT}soc_pct = 101", "line 4, units[1].soc_pct: 101 does not fit; allowed: a number from 0 to 100 %"),
        (f"{UNIT}settings = {{ backup_sco = 3 }}", "line 4, units[1].settings.backup_sco: SolidFlex/PowerFlex 2000 series has no"),
        (f"{UNIT}settings = {{ backup_soc = 101 }}", "units[1].settings.backup_soc: 101 % is out of range; allowed: 0 to 100 %"),
        (f"{UNIT}settings.backup_soc = 1.5", "units[1].settings.backup_soc: 1.5 is not a whole number; allowed: 0 to 100 %"),
        (f'{UNIT}[units.settings]\nmode = "selfuse"', "line 5, units[1].settings.mode: 'selfuse' is not one of self_use, realtime"),
        (f"{UNIT}settings = {{ battery_soc = 3 }}", "units[1].settings.battery_soc: battery_soc can only be read"),
        (f"{UNIT}settings = {{ mode = [1] }}", "units[1].settings.mode: [1] does not fit; allowed: a number, a text, a time"),
        (f'{UNIT}password = "x"', 'line 4, units[1].password: only asked for with api = "digest"'),
        (
            f"{UNIT}load_curve = [1, 2]",
            "line 4, units[1].load_curve: [1, 2] does not fit; allowed: a number from 0 to 12000 W; or a list of 48",
        ),
        (UNIT + UNIT, "line 5, units[2].name: cellar is taken by units[1]; each needs its own"),
        (f"{UNIT}port = 8080\n{UNIT.replace('cellar', 'attic')}port = 8080", "line 8, units[2].port: 8080 is taken by units[1]"),
        (UNIT.replace("cellar", "all"), 'line 2, units[1].name: "all" does not fit'),
        (cluster("slave"), "line 3, units[1].cluster: slaves without a master"),
        (cluster("master"), "line 3, units[1].cluster: a master without slaves"),
        (cluster("master", "master"), "line 6, units[2].cluster: a second master; units[1] is the master already"),
        (cluster("master", "slave", "slave", "slave"), "line 12, units[4].cluster: unit number 4 of the cluster; allowed: up to 3"),
        (f'{UNIT}cluster_type = "coordinated"', "line 4, units[1].cluster_type: only a master has it"),
        (f"[house]\nload = 3\ndaily_kwh = 9\n{UNIT}", "line 3, house.daily_kwh: only the built-in appliances have it"),
        (f'[house]\nload = "builtin"\n{UNIT}', 'line 2, house.load: "builtin" does not fit; did you mean built-in?'),
        (f"[house]\nload = {{ column = 'x' }}\n{UNIT}", "line 2, house.load.csv: missing; allowed: a file name"),
        (f"[sky]\ntemperature_c = [5, -5]\n{UNIT}", "line 2, sky.temperature_c: [5, -5] does not fit; allowed: the coldest first"),
        (f'[sky]\nkind = "claer"\n{UNIT}', 'line 2, sky.kind: "claer" does not fit; did you mean clear?'),
        (f"[roof]\ntilt_deg = 30\n{UNIT}", "line 1, roof.peak_w: missing; allowed: a number from 1 to 30000 W"),
        (f'[meter]\nsort = "none"\nport = 80\n{UNIT}', "line 3, meter.port: without a meter nothing answers there"),
        (
            f"[tariff]\nimport_price = [1, 2]\n{UNIT}",
            "line 2, tariff.import_price: [1, 2] does not fit; allowed: a number from -10 to 10 EUR/kWh; or",
        ),
    ],
)
def test_a_mistake_in_house_or_unit_tells_line_field_and_what_is_allowed(text: str, mistake: str) -> None:
    (told,) = mistakes(text)
    assert mistake in told


@pytest.mark.parametrize(
    ("fields", "mistake"),
    [
        ('end = "05:00"\naction = "charge"\npower_w = 100', "line 1, schedule[1].start: missing; allowed: a time of day"),
        (
            'start = "25:00"\nend = "05:00"\naction = "standby"',
            'line 2, schedule[1].start: "25:00" does not fit; allowed: times from',
        ),
        ('start = "1d 03:00"\nend = "05:00"\naction = "standby"', "line 2, schedule[1].start: "),
        (
            'start = 3\nend = "05:00"\naction = "standby"',
            "line 2, schedule[1].start: 3 does not fit; allowed: a time of day like 22:30",
        ),
        (
            'start = "03:00"\nend = "03:00"\naction = "charge"\npower_w = 100',
            "line 3, schedule[1].end: the slot ends where it starts",
        ),
        ('start = "03:00"\nend = "05:00"\naction = "sell"', 'line 4, schedule[1].action: "sell" does not fit; allowed: "charge"'),
        (
            'start = "03:00"\nend = "05:00"\naction = "charge"',
            "line 1, schedule[1].power_w: missing; to charge, a unit needs a power",
        ),
        (
            'start = "03:00"\nend = "05:00"\naction = "charge"\npower_w = 9000',
            "schedule[1].power_w: 9000 W is out of range; allowed: 50 to",
        ),
        (
            'start = "03:00"\nend = "05:00"\naction = "discharge"\npower_w = 100\nsoc_pct = 3',
            "line 6, schedule[1].soc_pct: 3 % is out of range; allowed: 5 to 100 %",
        ),
        ('start = "03:00"\nend = "05:00"\naction = "standby"\nsoc_pct = 10', "line 5, schedule[1].soc_pct: standby takes neither"),
    ],
)
def test_a_mistake_in_a_plan_tells_line_field_and_what_is_allowed(fields: str, mistake: str) -> None:
    (told,) = mistakes(f"{UNIT}[[units.schedule]]\n{fields}")
    line = int(re.findall(r"line (\d+)", told)[0]) - 3
    assert mistake in re.sub(r"line \d+, units\[1\]\.", f"line {line}, ", told)


@pytest.mark.parametrize(
    ("first", "second", "clash"),
    [
        (("22:00", "06:00"), ("05:59", "07:00"), True),
        (("22:00", "06:00"), ("21:00", "22:01"), True),
        (("22:00", "06:00"), ("23:00", "01:00"), True),
        (("22:00", "06:00"), ("06:00", "22:00"), False),
        (("00:00", "24:00"), ("12:00", "12:01"), True),
        (("12:00", "13:00"), ("12:00", "13:00"), True),
    ],
)
def test_slots_may_touch_and_not_overlap(first: tuple[str, str], second: tuple[str, str], clash: bool) -> None:
    text = UNIT + "".join(
        f'[[units.schedule]]\nstart = "{start}"\nend = "{end}"\naction = "standby"\n' for start, end in (first, second)
    )
    if not clash:
        assert len(load(text).units[0].schedule) == 2
        return
    (told,) = mistakes(text)
    assert told.startswith("line 8, units[1].schedule[2]: ")
    assert "overlaps slot 1" in told


@pytest.mark.parametrize(
    ("fields", "mistake"),
    [
        ('note = "x"', "line 1, events[1].at: missing; allowed: a time of day like 13:05"),
        ('at = "13.05"\nnote = "x"', 'line 2, events[1].at: "13.05" does not fit; allowed: a time of day like 13:05'),
        ('at = "13:60"\nnote = "x"', "line 2, events[1].at: "),
        ('at = "+soon"\nnote = "x"', 'line 2, events[1].at: "soon" does not fit; allowed: a duration like 90s'),
        ('at = "+0s"\nnote = "x"', "line 2, events[1].at: "),
        ('at = 13\nnote = "x"', "line 2, events[1].at: 13 does not fit"),
        (
            'at = "3d 00:00"\nnote = "x"',
            "line 2, events[1].at: 2026-03-23 00:00:00 is not in the scenario; allowed: 2026-03-20 00:00:00 to 2026-03-23",
        ),
        ('at = 2026-03-19T23:59:59Z\nnote = "x"', "line 2, events[1].at: 2026-03-19 23:59:59 is not in the scenario"),
        (
            'at = "12:00"\nfor = "ten minutes"\nmeter = "offline"',
            'line 3, events[1].for: "ten minutes" does not fit; allowed: a duration',
        ),
        ('at = "12:00"\nfor = "0s"\nmeter = "offline"', 'line 3, events[1].for: "0s" does not fit'),
        ('at = "12:00"\nfor = "1h"\nnote = "x"', "line 3, events[1].for: note does not end by itself; remove it"),
        ('at = "12:00"\nfor = "1h"\nreboot = 3', "line 3, events[1].for: reboot does not end by itself"),
        ('at = "12:00"', "line 1, events[1]: nothing to happen; an event needs exactly one of fault, reboot, set, command, meter"),
        ('at = "12:00"\nnote = "x"\ngrid = "up"', "line 1, events[1]: grid and note to happen; an event needs exactly one of"),
        (
            'at = "12:00"\nunit = "celar"\nreboot = 3',
            'line 3, events[1].unit: "celar" does not fit; did you mean cellar? allowed: cellar, all',
        ),
        ('at = "12:00"\nunit = "cellar"\ngrid = "down"', "line 3, events[1].unit: grid concerns the whole house; remove it"),
        ('at = "12:00"\nfualt = "silent"', "line 3, events[1].fualt: unknown field; did you mean fault?"),
        (
            'at = "12:00"\nfault = "tired"',
            "line 3, events[1].fault: cannot read the fault 'tired': no such fault; forms: slow:SECONDS",
        ),
        ('at = "12:00"\nreboot = "30s"', 'line 3, events[1].reboot: "30s" does not fit; allowed: a number from 0 to 3600 s'),
        ('at = "12:00"\nset = {}', "line 3, events[1].set: nothing to set"),
        (
            'at = "12:00"\nset = { backup_soc = 200 }',
            "line 3, events[1].set.backup_soc: 200 % is out of range; allowed: 0 to 100 %",
        ),
        (
            'at = "12:00"\ncommand = "stop"',
            'line 3, events[1].command: "stop" does not fit; allowed: "self-use", "hold", "schedule"; or',
        ),
        ('at = "12:00"\ncommand = {}', "line 3, events[1].command: exactly one of charge and discharge is needed"),
        ('at = "12:00"\ncommand = { charge = 1, discharge = 1 }', "line 3, events[1].command: exactly one of charge and discharge"),
        (
            'at = "12:00"\ncommand = { charge = 20 }',
            "line 3, events[1].command.charge: 20 W is out of range; allowed: 50 to 2400 W",
        ),
        (
            'at = "12:00"\ncommand = { charge = 99, soc = 1 }',
            "line 3, events[1].command.soc: 1 % is out of range; allowed: 5 to 100 %",
        ),
        ('at = "12:00"\ncommand = { charge = 1.5 }', "line 3, events[1].command.charge: 1.5 does not fit; allowed: a whole number"),
        ('at = "12:00"\nmeter = "off"', 'line 3, events[1].meter: "off" does not fit'),
        ('at = "12:00"\nremove = []', "line 3, events[1].remove: [] does not fit"),
        (
            'at = "12:00"\nremove = ["battery_soc",\n"batery_power"]',
            "line 4, events[1].remove[2]: SolidFlex/PowerFlex 2000 series has no",
        ),
        ('at = "12:00"\nremove = ["load_source"]', "line 3, events[1].remove[1]: load_source can only be written"),
        (
            'at = "12:00"\n[events.firmware]\nmove = { battery_soc = 70000 }',
            "line 4, events[1].firmware.move.battery_soc: 70000 does not fit",
        ),
        (
            'at = "12:00"\nfirmware.move.battery_soc = 6000',
            "events[1].firmware.move.battery_soc: 6000 is taken by battery_power; choose",
        ),
        (
            'at = "12:00"\nfirmware = { move = { battery_soc = 1 }, remove = ["battery_soc", "model_code"] }',
            "removed as well; choose one",
        ),
    ],
)
def test_a_mistake_in_an_event_tells_line_field_and_what_is_allowed(fields: str, mistake: str) -> None:
    (told,) = mistakes(f"[[events]]\n{fields}\n{UNIT}")
    assert mistake in told


def test_two_quantities_cannot_move_to_one_number() -> None:
    told = mistakes(f'{UNIT}[[events]]\nat = "12:00"\nfirmware = {{ move = {{ battery_soc = 60002, system_soc = 60002 }} }}')
    assert len(told) == 2
    assert all("60002 is taken by" in each for each in told)


def test_all_mistakes_of_a_file_are_told_at_once() -> None:
    told = mistakes(
        f'[sky]\nkind = "x"\n{UNIT}modules = 9\n[[events]]\nat = "25:00"\nunit = "attic"\nfault = "tired"\n', head="tite = 1\n"
    )
    assert [each.partition(": ")[0] for each in told] == [
        "line 0, tite",
        "line 0, title",
        "line 0, start",
        "line 2, sky.kind",
        "line 6, units[1].modules",
        "line 8, events[1].at",
        "line 9, events[1].unit",
        "line 10, events[1].fault",
    ]


def test_what_is_no_toml_is_told_with_its_line() -> None:
    (told,) = mistakes("[[units]\n")
    assert told.startswith("line 1: ")


SNIPPETS = [
    *HEAD.splitlines(),
    *UNIT.splitlines(),
    "[house]",
    "[[events]]",
    "[[units.schedule]]",
    'at = "12:00"',
    "units = 3",
    "[events]",
    "days = 1e300",
    "start = 9999-12-31T23:59:59-23:00",
    'at = "999d 12:00"',
    "at = 0001-01-01T00:00:00+23:00",
    "set = { a = { b = 1 } }",
    "command = { charge = 99999999999999999999 }",
    'command = { charge = "1" }',
    'firmware = { move = { x = "y" }, remove = [1] }',
    "settings = { backup_soc = nan, mode = inf }",
    "house = 3",
    "tariff = []",
    'cluster = "slave"',
    'unit = "cellar"',
    'start = "22:00"',
    'end = "24:00"',
    'action = "charge"',
    "power_w = 100",
]


def outcome(text: str) -> Scenario | WrongToml:
    try:
        return scenario.load(text, name="x.toml")
    except WrongToml as error:
        return error


@given(st.lists(st.sampled_from(SNIPPETS), max_size=12))
def test_any_file_is_a_scenario_or_told_to_be_wrong(lines: list[str]) -> None:
    made = outcome("\n".join(lines))
    if isinstance(made, Scenario):
        assert made.units
        return
    assert made.mistakes
    assert all(1 <= mistake.line <= max(1, len(lines)) and mistake.what for mistake in made.mistakes)


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
