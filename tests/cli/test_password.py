"""`indevolt password`: one step, verified, and nothing echoed."""

from __future__ import annotations

import pytest

from indevolt.clock import ManualClock
from indevolt.simulator import DEVICE_KEY, Simulator

from .conftest import Program, Virtual


@pytest.fixture
def new_battery(clock: ManualClock) -> Simulator:
    return Simulator("powerflex2000", clock=clock, api="digest", factory_default=True)


def test_a_new_device_opens_up_once_its_password_is_changed(indevolt: Program, virtual: Virtual, new_battery: Simulator) -> None:
    host = virtual(new_battery)
    assert indevolt("get", host, "battery_soc", INDEVOLT_PASSWORD=DEVICE_KEY).code == 7
    ran = indevolt("password", host, INDEVOLT_PASSWORD=DEVICE_KEY, INDEVOLT_NEW_PASSWORD="qwertyui")
    assert ran.code == 0
    assert "✓ the password was changed" in ran.out
    assert "qwertyui" not in ran.out + ran.err
    assert indevolt("get", host, "battery_soc", INDEVOLT_PASSWORD="qwertyui").code == 0


def test_a_wrong_present_password_changes_nothing(indevolt: Program, virtual: Virtual, new_battery: Simulator) -> None:
    ran = indevolt("password", virtual(new_battery), INDEVOLT_PASSWORD="guess", INDEVOLT_NEW_PASSWORD="qwertyui")
    assert ran.code == 7
    assert new_battery.password == DEVICE_KEY


def test_a_password_that_cannot_be_is_refused_before_anything_is_sent(indevolt: Program, closed_port: int) -> None:
    ran = indevolt("password", f"127.0.0.1:{closed_port}", INDEVOLT_PASSWORD="a", INDEVOLT_NEW_PASSWORD="longer than sixteen bytes")
    assert ran.code == 2
    assert "1 to 16 bytes" in ran.err
    assert "longer than" not in ran.err


def test_a_device_that_cannot_be_reached_was_told_nothing(indevolt: Program, closed_port: int) -> None:
    ran = indevolt("password", f"127.0.0.1:{closed_port}", INDEVOLT_PASSWORD="a", INDEVOLT_NEW_PASSWORD="b")
    assert ran.code == 3
    assert "refused the connection" in ran.err


def test_scripts_are_told_where_passwords_come_from(indevolt: Program, closed_port: int) -> None:
    ran = indevolt("password", f"127.0.0.1:{closed_port}")
    assert ran.code == 2
    assert "INDEVOLT_NEW_PASSWORD" in ran.err


def test_json_for_programs(indevolt: Program, virtual: Virtual, new_battery: Simulator) -> None:
    host = virtual(new_battery)
    ran = indevolt("password", host, "--json", INDEVOLT_PASSWORD=DEVICE_KEY, INDEVOLT_NEW_PASSWORD="qwertyui")
    assert ran.json == {"changed": True, "address": host}
