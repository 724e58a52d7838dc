"""A mistake in a scenario file is told by line, field and what is allowed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies as st
from scenario_text import HEAD, UNIT, cluster, load, mistakes

from indevolt.simulator import scenario
from indevolt.simulator.scenario.records import (
    Scenario,
)
from indevolt.tomltext import WrongToml


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
