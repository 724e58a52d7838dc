"""`indevolt lease` and `indevolt watchdog`: who holds a battery, and ending what a dead program left."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from indevolt.clock import ManualClock
from indevolt.control.ledger import Snapshot
from indevolt.device.lock import Holder, LeaseFile
from indevolt.simulator import INSTANT, Api, Simulator

from .conftest import Program, Virtual

THEN = datetime(2026, 6, 21, 9, 0, tzinfo=UTC)


@pytest.fixture
def simulator(clock: ManualClock) -> Simulator:
    return Simulator("powerflex2000", clock=clock, response=INSTANT, lag_s=0.0)


@pytest.fixture
def host(virtual: Virtual, simulator: Simulator) -> str:
    return virtual(simulator)


@pytest.fixture
def left(tmp_path: Path, simulator: Simulator, host: str) -> LeaseFile:
    """The lease of a program that commanded the battery and died."""
    files = LeaseFile(tmp_path, simulator.serial)
    files.acquire(THEN)
    record = files.load()
    files.save(
        replace(
            record,
            address=host,
            holder=Holder("evening script", 4711, "pi", THEN),
            until=THEN + timedelta(hours=1),
            snapshot=Snapshot(THEN, {"mode": "self_use"}),
            wrote={"mode": "realtime"},
            ledger=record.ledger.booked(["mode"], THEN.timestamp()),
        )
    )
    files.release()
    simulator.set("mode", "realtime")
    return files


def test_a_battery_that_nobody_holds(indevolt: Program, host: str, tmp_path: Path) -> None:
    ran = indevolt("lease", host, INDEVOLT_LEASES=str(tmp_path))
    assert ran.code == 0
    assert ran.out.startswith("✓ nobody holds the lease of ")
    assert "realtime              0   400      now" in ran.out


def test_what_a_dead_program_left_is_told_with_the_next_step(indevolt: Program, host: str, left: LeaseFile) -> None:
    ran = indevolt("lease", host, "--leases", str(left.folder))
    assert ran.code == 0
    assert "✗ the program that commanded it is gone, and what was before is not back" in ran.out
    assert "indevolt lease HOST --release" in ran.out
    assert "puts back: mode self_use" in ran.out


def test_a_program_can_read_it(indevolt: Program, host: str, left: LeaseFile) -> None:
    told = indevolt("lease", host, "--leases", str(left.folder), "--json").json
    assert (told["serial"], told["held"], told["left_behind"]) == (left.serial, False, True)
    assert told["holder"] == {"actor": "evening script", "pid": 4711, "host": "pi", "since": "2026-06-21T09:00:00+00:00"}
    assert told["puts_back"] == {"mode": "self_use"}
    assert {"name": "mode", "used": 1, "most": 24, "left": 21, "free_in_s": 0} in told["budgets"]


def test_a_device_that_is_off_is_found_by_its_address(indevolt: Program, left: LeaseFile, host: str, simulator: Simulator) -> None:
    simulator.reboot(1000)
    assert indevolt("lease", host, "--leases", str(left.folder), "--json").json["left_behind"]


def test_a_time_of_day_that_will_be_put_back_is_told_as_one(indevolt: Program, host: str, left: LeaseFile) -> None:
    record = left.load()
    left.save(replace(record, snapshot=Snapshot(THEN, {"deep_sleep_start_time": time(22, 30)})))
    assert indevolt("lease", host, "--json", INDEVOLT_LEASES=str(left.folder)).json["puts_back"] == {
        "deep_sleep_start_time": "22:30:00"
    }
    assert "puts back: deep_sleep_start_time 22:30:00" in indevolt("lease", host, INDEVOLT_LEASES=str(left.folder)).out


def test_releasing_puts_back_what_was_before(indevolt: Program, host: str, left: LeaseFile, simulator: Simulator) -> None:
    ran = indevolt("lease", host, "--leases", str(left.folder), "--release")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("✓ nobody holds the lease")
    assert simulator.get("mode") == "self_use"


def test_releasing_says_what_it_could_not_do(indevolt: Program, host: str, left: LeaseFile, simulator: Simulator) -> None:
    simulator.faults.add("ignore")
    ran = indevolt("lease", host, "--leases", str(left.folder), "--release")
    assert ran.code == 18
    assert "is not as it was before (mode self_use): the device does not show it" in ran.err
    assert "Check the mode in the app" in ran.err


def test_the_watchdog_puts_back_once(indevolt: Program, host: str, left: LeaseFile, simulator: Simulator) -> None:
    ran = indevolt("watchdog", "--leases", str(left.folder), "--once")
    assert ran.code == 0
    assert f"✓ {left.serial}: putting back what evening script (process 4711 on pi" in ran.out
    assert ran.out.endswith(f"✓ {left.serial}: all is as it was before\n")
    assert simulator.get("mode") == "self_use"
    again = indevolt("watchdog", "--leases", str(left.folder), "--once")
    assert (again.code, again.out) == (0, "")


def test_the_watchdog_fails_loudly(indevolt: Program, host: str, left: LeaseFile, simulator: Simulator) -> None:
    simulator.faults.add("refuse")
    ran = indevolt("watchdog", "--leases", str(left.folder), "--once", "--json")
    assert ran.code == 18
    assert '"text":"could not put it back: ' in ran.out.splitlines()[-1]


def test_the_watchdog_knows_the_passwords_of_the_hub(
    indevolt: Program, virtual: Virtual, left: LeaseFile, simulator: Simulator, tmp_path: Path
) -> None:
    locked = Simulator(
        "powerflex2000", clock=simulator.clock, response=INSTANT, lag_s=0.0, api=Api.DIGEST, password="geheim42", serial=left.serial
    )
    locked.set("mode", "realtime")
    host = virtual(locked)
    file = tmp_path / "home.toml"
    file.write_text(
        f'control.leases = "{left.folder}"\n[[devices]]\nname = "cellar"\nhost = "{host}"\npassword = "geheim42"\ncontrol = true\n'
    )
    left.acquire(THEN)
    left.save(replace(left.load(), address=host))
    left.release()
    assert indevolt("watchdog", "--once", "--leases", str(left.folder)).code == 18
    assert indevolt("watchdog", "--once", "--config", str(file)).code == 0
    assert locked.get("mode") == "self_use"
