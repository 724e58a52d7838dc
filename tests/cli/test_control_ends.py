"""How long a command lasts, what ends it, and what comes back: `charge`, `discharge`, `hold`, `set` and `mode` under a lease."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from indevolt.clock import Clock, FastClock, SystemClock
from indevolt.device.lock import Holder, LeaseFile, Record
from indevolt.simulator import INSTANT, Simulator, Surroundings, steady_house
from patient_clock import PatientClock

from .conftest import Program, Virtual


@pytest.fixture
def clock() -> Any:
    """Fifteen times as fast as real: a lease has several actors that wait, each for its own time."""
    return FastClock(PatientClock(), 15)


@pytest.fixture
def battery(clock: Clock) -> Simulator:
    night = steady_house(Surroundings(700, ()))
    return Simulator("powerflex2000", clock=clock, response=INSTANT, lag_s=0.0, house=night, soc_pct=55)


@pytest.fixture
def host(virtual: Virtual, battery: Simulator) -> str:
    return virtual(battery)


@pytest.fixture
def files(tmp_path: Path, battery: Simulator) -> LeaseFile:
    return LeaseFile(tmp_path / "leases", battery.serial)


# ---- it ends ---------------------------------------------------------------------------------------------------------------------


def test_what_was_before_is_back_after_the_time(indevolt: Program, host: str, battery: Simulator, files: LeaseFile) -> None:
    ran = indevolt("discharge", host, "--power", "400", "--for", "20s")
    assert ran.code == 0
    assert "✓ effective   battery_power is 400 W" in ran.out
    assert re.search(r"It lasts until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d, or Ctrl-C; then what was before comes back\.", ran.out)
    assert ran.out.endswith("✓ over, as its time has passed; what was before is back\n")
    assert battery.get("mode") == "self_use"
    assert [note["step"] for note in files.notes()] == ["asked", "wrote", "restored"]
    assert files.notes()[0]["actor"] == "indevolt discharge"


def test_it_ends_when_the_charge_is_there(indevolt: Program, host: str, battery: Simulator) -> None:
    ran = indevolt("charge", host, "--power", "500", "--soc", "55")
    assert ran.code == 0
    assert ran.out.endswith("✓ over, as the charge is at 55 %; what was before is back\n")
    assert battery.get("mode") == "self_use"


def test_a_program_is_told_when_and_why_it_ended(indevolt: Program, host: str) -> None:
    told = indevolt("hold", host, "--for", "10s", "--json").json
    assert (told["stage"], told["exit_code"]) == ("effective", 0)
    held = told["held"]
    assert held["until"].startswith("20")
    assert (held["ended"], held["restored"]) == ("its time has passed", True)


def test_what_is_not_proven_is_put_back_at_once(indevolt: Program, host: str, battery: Simulator) -> None:
    battery.faults.add("late:200")
    ran = indevolt("charge", host, "--power", "500", "--json")
    assert ran.code == ran.json["exit_code"] == 10
    assert ran.json["held"]["ended"] == "it was not proven"
    assert battery.get("mode") == "self_use"


@pytest.mark.parametrize("words", [("set", "backup_soc", "60", "--for", "10s"), ("mode", "schedule", "--for", "10s")])
def test_a_setting_or_a_mode_may_end_as_well(
    indevolt: Program, host: str, battery: Simulator, files: LeaseFile, words: tuple[str, ...]
) -> None:
    verb, *rest = words
    ran = indevolt(verb, host, *rest)
    assert ran.code == 0
    assert ran.out.endswith("✓ over, as its time has passed; what was before is back\n")
    assert (battery.get("backup_soc"), battery.get("mode")) == (10, "self_use")
    assert [len(times) for times in files.load().ledger.writes.values()] == [2], "there and back both count"


def test_an_end_that_could_not_put_things_back_says_so(indevolt: Program, virtual: Virtual, battery: Simulator) -> None:
    def observe(_peer: str, _method: str, target: str, _status: int, _took_s: float) -> None:
        if "47015" in target:
            battery.faults.add("refuse")

    ran = indevolt("hold", virtual(battery, observe=observe), "--for", "1s", "--json")
    assert ran.code == ran.json["error"]["exit_code"] == 18
    assert "is not as it was before (mode self_use): the device does not show it" in ran.json["error"]["message"]
    assert battery.get("mode") == "realtime"


@pytest.mark.parametrize("span", ["25h", "2", "0m", "soon", "-1m", "99999999999999d"])
def test_a_time_that_is_none_or_too_long_is_refused(indevolt: Program, closed_port: int, span: str) -> None:
    ran = indevolt("hold", f"127.0.0.1:{closed_port}", "--for", span)
    assert ran.code == 2
    assert f"{span} is no time span" in ran.err


# ---- it stays --------------------------------------------------------------------------------------------------------------------


def test_what_is_kept_on_purpose_stays_and_nobody_owes_anything(
    indevolt: Program, host: str, battery: Simulator, files: LeaseFile
) -> None:
    told = indevolt("charge", host, "--power", "500", "--soc", "90", "--keep", "--json").json
    assert (told["stage"], told["held"]) == ("effective", None)
    assert (battery.get("mode"), battery.get("realtime_target_soc")) == ("realtime", 90)
    assert files.load().snapshot is None
    assert not files.locked()
    assert indevolt("mode", host, "self-use").code == 0, "the way out is open at any time"
    assert battery.get("mode") == "self_use"


def test_a_setting_stays_by_itself(indevolt: Program, host: str, battery: Simulator, files: LeaseFile) -> None:
    assert indevolt("set", host, "backup_soc", "20").code == 0
    assert battery.get("backup_soc") == 20
    assert files.load().snapshot is None


def test_keeping_and_ending_exclude_each_other(indevolt: Program, closed_port: int) -> None:
    ran = indevolt("hold", f"127.0.0.1:{closed_port}", "--for", "1h", "--keep")
    assert ran.code == 2
    assert "--keep and --for exclude each other" in ran.err


def test_a_hub_that_holds_the_lease_is_named_even_where_its_configuration_has_a_mistake(
    indevolt: Program, host: str, files: LeaseFile, tmp_path: Path
) -> None:
    wrong = tmp_path / "home.toml"
    wrong.write_text("api.port = -1\n")
    now = SystemClock().now()
    files.acquire(now)
    files.save(Record(files.serial, holder=Holder.here("hub", now)))
    ran = indevolt("hold", host, "--for", "1h", "--leases", str(files.folder), INDEVOLT_CONFIG=str(wrong))
    files.release()
    assert ran.code == 16
    assert "is held by hub (process " in ran.err
    assert "\n  next: " in ran.err


def test_leases_of_a_hub_are_seen_without_its_secrets(indevolt: Program, host: str, files: LeaseFile, tmp_path: Path) -> None:
    home = tmp_path / "home.toml"
    home.write_text(f'control.leases = "{files.folder}"\nnotify.urls = [{{ env = "OF_THE_HUB_ALONE" }}]\n')
    now = SystemClock().now()
    files.acquire(now)
    files.save(Record(files.serial, holder=Holder.here("hub", now)))
    elsewhere = {"INDEVOLT_LEASES": str(tmp_path / "elsewhere"), "INDEVOLT_CONFIG": str(home)}
    ran = indevolt("hold", host, "--for", "1h", **elsewhere)
    files.release()
    assert ran.code == 16
    assert "is held by hub (process " in ran.err


# ---- how often -------------------------------------------------------------------------------------------------------------------


def test_writes_count_and_too_many_are_refused(indevolt: Program, host: str, battery: Simulator, files: LeaseFile) -> None:
    assert indevolt("set", host, "backup_soc", "20").code == 0
    ran = indevolt("set", host, "backup_soc", "25")
    assert ran.code == 19
    assert "backup_soc was written 1 times; allowed: 22 in 24 h, at least 5 min apart" in ran.err
    assert battery.get("backup_soc") == 20
    again = indevolt("set", host, "backup_soc", "20")
    assert again.code == 0
    assert "it was so already, so nothing was written" in again.out
    assert len(files.load().ledger.writes["backup_soc"]) == 1
