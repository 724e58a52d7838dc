"""`indevolt set`, `mode`, `charge`, `discharge`, `hold`: what they send, and what they say became of it.

How long it lasts, and what comes back, is in ``test_control_ends``.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any
from urllib.parse import unquote

import pytest

from indevolt.clock import Clock, FastClock
from indevolt.protocol.messages import AnyRequest, Reply, SetData
from indevolt.simulator import INSTANT, Simulator
from patient_clock import PatientClock

from .conftest import Program, Virtual


@pytest.fixture
def clock() -> Any:
    """Ten times as fast as real: a lease has several actors that wait, each for its own time."""
    return FastClock(PatientClock(), 10)


@pytest.fixture
def battery(clock: Clock) -> Simulator:
    return Simulator("powerflex2000", clock=clock, response=INSTANT, lag_s=0.0)


def test_a_setting_is_written_and_proven(indevolt: Program, virtual: Virtual, battery: Simulator) -> None:
    ran = indevolt("set", virtual(battery), "backup_soc", "20")
    assert ran.code == 0
    assert battery.get("backup_soc") == 20
    assert "✓ accepted" in ran.out
    assert "the device shows backup_soc 20 %" in ran.out


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("grid_charging", "off", False),
        ("light", "on", "on"),
        ("deep_sleep_start_time", "22:30", "22:30"),
        ("inverter_input_limit", "800", 800),
    ],
)
def test_values_are_typed_as_people_say_them(indevolt: Program, virtual: Virtual, name: str, value: str, shown: object) -> None:
    host = virtual()
    assert indevolt("set", host, name, value).code == 0
    told = indevolt("get", host, name, "--json").json["values"][name]["value"]
    assert told == (f"{shown}:00" if name.endswith("time") else shown)


def test_several_values_go_to_consecutive_points(indevolt: Program, virtual: Virtual, battery: Simulator) -> None:
    ran = indevolt("set", virtual(battery), "deep_sleep_start_time", "22:30", "06:15", "--json")
    assert ran.json["wanted"] == {"deep_sleep_start_time": "22:30:00", "deep_sleep_end_time": "06:15:00"}
    assert ran.json["stage"] == "confirmed"


@pytest.mark.parametrize("words", [("set", "realtime_state", "charge", "700", "80"), ("mode", "realtime")])
def test_what_moves_the_battery_is_no_setting(
    indevolt: Program, virtual: Virtual, battery: Simulator, words: tuple[str, ...]
) -> None:
    verb, *rest = words
    ran = indevolt(verb, virtual(battery), *rest)
    assert ran.code == 2
    assert "is part of a command" in ran.err
    assert "charge, discharge, hold" in ran.err
    assert battery.get("mode") == "self_use"


def test_a_command_is_effective_when_the_power_moves(indevolt: Program, virtual: Virtual, battery: Simulator) -> None:
    ran = indevolt("charge", virtual(battery), "--power", "800", "--soc", "90", "--keep")
    assert ran.code == 0
    assert "✓ effective   battery_power is -800 W" in ran.out


def test_discharge_and_hold_and_back_to_self_use(indevolt: Program, virtual: Virtual, battery: Simulator) -> None:
    host = virtual(battery)
    assert indevolt("discharge", host, "--power", "100", "--soc", "20", "--keep", "--json").json["stage"] == "effective"
    assert indevolt("hold", host, "--keep", "--json").json["stage"] == "effective"
    assert battery.get("mode") == "realtime"
    assert indevolt("mode", host, "self-use").code == 0
    assert battery.get("mode") == "self_use"


def test_a_mode_without_a_command_of_its_own_is_written(indevolt: Program, virtual: Virtual, clock: Clock) -> None:
    portable = Simulator("bk1600", clock=clock, response=INSTANT, lag_s=0.0)
    assert indevolt("mode", virtual(portable), "outdoor-portable").code == 0
    assert portable.get("mode") == "outdoor_portable"


def test_power_above_what_holds_is_lowered_and_said_so(indevolt: Program, virtual: Virtual, battery: Simulator) -> None:
    ran = indevolt("charge", virtual(battery), "--power", "2400", "--keep")
    assert ran.code == 0
    assert "power lowered from 2400 W to 2000 W: 2 battery modules" in ran.out


class Fainting(Simulator):
    """Takes a write, and restarts before anything of it shows."""

    def serve(self, request: AnyRequest) -> Reply | Awaitable[Reply]:
        reply = super().serve(request)
        if isinstance(request, SetData):
            self.reboot(3600)
        return reply


@pytest.mark.parametrize(
    ("fault", "fate"),
    [
        ("refuse", (9, "✗ refused     the device answered result: false")),
        ("ignore", (10, "✗ confirmed   not shown within")),
        ("late:12", (0, "shown late, after")),
    ],
)
def test_a_write_that_is_refused_never_shown_or_late_is_told_as_such(
    indevolt: Program, virtual: Virtual, battery: Simulator, fault: str, fate: tuple[int, str]
) -> None:
    code, said = fate
    battery.faults.add(fault)
    ran = indevolt("set", virtual(battery), "backup_soc", "20")
    assert ran.code == code
    assert said in ran.out
    assert ("next: " in ran.err) is (code != 0)


def test_a_device_that_restarts_in_the_middle_is_a_fate_of_its_own(indevolt: Program, virtual: Virtual, clock: Clock) -> None:
    ran = indevolt("set", virtual(Fainting("powerflex2000", clock=clock)), "backup_soc", "20")
    assert ran.code == 4
    assert "✗ interrupted" in ran.out
    assert "went away and has not come back" in ran.out


def test_an_outcome_is_json_for_programs(indevolt: Program, virtual: Virtual, battery: Simulator) -> None:
    battery.faults.add("refuse")
    ran = indevolt("set", virtual(battery), "backup_soc", "20", "--json")
    assert ran.code == ran.json["exit_code"] == 9
    assert (ran.json["stage"], ran.json["proven"], ran.json["before"]) == ("refused", False, {"backup_soc": 10})


# ---- dry runs ----------------------------------------------------------------------------------------------------------------


def test_a_dry_run_shows_the_very_request_and_writes_nothing(indevolt: Program, virtual: Virtual, battery: Simulator) -> None:
    seen: list[str] = []
    host = virtual(battery, observe=lambda _peer, _method, target, _status, _s: seen.append(target))
    told = indevolt("set", host, "backup_soc", "20", "--dry-run", "--json").json
    assert not any("SetData" in target for target in seen)

    indevolt("set", host, "backup_soc", "20")
    (sent,) = [target for target in seen if "SetData" in target]
    assert told["requests"][0]["url"] == f"http://{host}{sent}"
    assert unquote(sent).endswith('config={"f":16,"t":1142,"v":[20]}')


def test_a_dry_run_of_a_command_is_what_this_device_would_be_sent_now(indevolt: Program, virtual: Virtual, clock: Clock) -> None:
    battery = Simulator("solidflex2000", clock=clock, modules=1)
    battery.set("mode", "realtime")
    told = indevolt("charge", virtual(battery), "--power", "2400", "--dry-run", "--json").json

    assert [(request["point"], request["values"]) for request in told["requests"]] == [
        (47015, [1, 896, 60])
    ]  # one module at 25 °C, and a fence 5 % away
    assert "lowered from 2400 W to 896 W" in told["notes"][0]
    assert "as near as the fence wants it" in told["notes"][1]
    assert "mode is right already" in told["notes"][2]
    assert battery.get("realtime_state") == "standby"
    kept = indevolt("charge", virtual(battery), "--power", "2400", "--keep", "--dry-run", "--json").json
    assert kept["requests"][0]["values"] == [1, 896, 100]


def test_a_dry_run_with_a_named_model_needs_no_device(indevolt: Program, closed_port: int) -> None:
    ran = indevolt("charge", f"127.0.0.1:{closed_port}", "--power", "700", "--soc", "80", "--dry-run", "--model", "powerflex2000")
    assert ran.code == 0
    assert "Nothing is written" in ran.out
    assert "point 47005, values [4]" in ran.out
    assert "point 47015, values [1, 700, 80]" in ran.out


def test_a_dry_run_of_something_impossible_says_so(indevolt: Program, closed_port: int) -> None:
    ran = indevolt("charge", f"127.0.0.1:{closed_port}", "--power", "99999", "--dry-run", "--model", "gen2")
    assert ran.code == 2
    assert "99999 W is out of range" in ran.err
