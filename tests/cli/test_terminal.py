"""What needs a real terminal or a real process: prompts, Ctrl-C, pictures, closed pipes. Each run is a process on a pty."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conftest import lacking
from indevolt.clock import SystemClock
from indevolt.simulator import DEVICE_KEY, Simulator

from .conftest import PATIENCE_S, Virtual

PROGRAM = [sys.executable, "-W", "error", "-m", "indevolt"]
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A program on a terminal of its own, typed at and read like by a person."""

    def __init__(self, *words: str) -> None:
        self.ours, theirs = pty.openpty()
        settings = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24", "PYTHONUTF8": "1"}
        settings.pop("INDEVOLT_PASSWORD", None)
        self.process = subprocess.Popen(
            [*PROGRAM, *words], stdin=theirs, stdout=theirs, stderr=theirs, env=settings, start_new_session=True
        )
        os.close(theirs)
        self.seen = ""

    def read_until(self, text: str) -> str:
        """Read until something is on the screen; fails after a minute of nothing new."""
        while text not in ESCAPES.sub("", self.seen):
            ready, _, _ = select.select([self.ours], [], [], PATIENCE_S)
            assert ready, f"waited for {text!r}; seen: {self.seen!r}"
            try:
                self.seen += os.read(self.ours, 4096).decode(errors="replace")
            except OSError:  # Linux says so when the other side is closed
                pytest.fail(f"it ended before {text!r}; seen: {self.seen!r}")
        return ESCAPES.sub("", self.seen)

    def type(self, text: str) -> None:
        os.write(self.ours, text.encode())

    def end(self) -> int:
        """Read the rest and return the exit code."""
        while True:
            try:
                data = os.read(self.ours, 4096)
            except OSError:  # Linux says so when the other side is closed
                break
            if not data:
                break
            self.seen += data.decode(errors="replace")
        return self.process.wait(timeout=PATIENCE_S)


@contextmanager
def terminal(*words: str) -> Iterator[Terminal]:
    opened = Terminal(*words)
    try:
        yield opened
    finally:
        if opened.process.poll() is None:
            opened.process.kill()
            opened.process.wait()
        os.close(opened.ours)


@pytest.fixture
def locked(virtual: Virtual) -> str:
    return virtual(Simulator("powerflex2000", clock=SystemClock(), api="digest", password="secret"))


def test_a_password_is_asked_for_when_needed_and_never_echoed(locked: str) -> None:
    with terminal("get", locked, "battery_soc") as shown:
        shown.read_until(f"Password of {locked}: ")
        shown.type("secret\n")
        assert re.search(r"battery_soc +55 +%", shown.read_until("%"))
        assert shown.end() == 0
        assert "secret" not in shown.seen


def test_a_wrong_password_is_not_asked_for_again(locked: str) -> None:
    with terminal("get", locked, "battery_soc") as shown:
        shown.read_until("Password of ")
        shown.type("guess\n")
        shown.read_until("error: HTTP 401")
        assert shown.end() == 7


def test_the_password_command_asks_for_old_and_new_and_echoes_neither(virtual: Virtual) -> None:
    battery = Simulator("powerflex2000", clock=SystemClock(), api="digest", factory_default=True)
    with terminal("password", virtual(battery)) as shown:
        shown.read_until("Present password of ")
        shown.type(f"{DEVICE_KEY}\n")
        shown.read_until("New password: ")
        shown.type("qwertyui\n")
        shown.read_until("Repeat for confirmation: ")
        shown.type("qwertyui\n")
        shown.read_until("the password was changed")
        assert shown.end() == 0
        assert "qwertyui" not in shown.seen
        assert DEVICE_KEY not in shown.seen
    assert battery.password == "qwertyui"


@pytest.mark.parametrize("words", [["get"], ["password"]])
def test_ctrl_c_at_a_prompt_ends_it_cleanly(locked: str, words: list[str]) -> None:
    with terminal(*words, locked) as shown:
        shown.read_until("assword of ")
        os.killpg(shown.process.pid, signal.SIGINT)
        assert shown.end() == 130
        assert "Traceback" not in shown.seen


def test_ctrl_c_while_a_write_is_followed_waits_for_it_and_puts_back_what_was_before(virtual: Virtual) -> None:
    battery, written = Simulator("powerflex2000", clock=SystemClock(), lag_s=2.0), threading.Event()
    writes: list[str] = []

    def observe(_peer: str, _method: str, target: str, _status: int, _took_s: float) -> None:
        if "SetData" in target:
            writes.append(target)
            written.set()

    with terminal("set", virtual(battery, observe=observe), "backup_soc", "20") as shown:
        assert written.wait(PATIENCE_S)
        os.killpg(shown.process.pid, signal.SIGINT)
        assert shown.end() == 130
        assert "✓ stopped; what was before is back" in ESCAPES.sub("", shown.seen)
        assert "Traceback" not in shown.seen
    assert (battery.get("backup_soc"), len(writes)) == (10, 2)


def test_watch_draws_a_picture_and_ctrl_c_ends_it(virtual: Virtual) -> None:
    host = virtual(Simulator("powerflex2000", clock=SystemClock()))
    with terminal("watch", host) as shown:
        picture = shown.read_until("pv_energy_today")
        assert "every 5 s" in picture
        assert re.search(r"battery_soc +55(\.\d)? +%", picture)
        os.killpg(shown.process.pid, signal.SIGINT)
        assert shown.end() == 130
        assert "Traceback" not in shown.seen
        assert shown.seen.rfind("\x1b[?25h") > shown.seen.rfind("\x1b[?25l")  # the cursor is back


def test_the_demo_draws_a_picture_and_ctrl_c_ends_it() -> None:
    with terminal("demo", "--no-discovery", "--no-open") as shown:
        picture = shown.read_until("house: takes")
        assert "The demo home" in picture
        assert "Everything is simulated" in picture
        os.killpg(shown.process.pid, signal.SIGINT)
        assert shown.end() == 130
        assert "Traceback" not in shown.seen


def test_an_error_is_wrapped_to_the_terminal() -> None:
    with terminal("simulate", "--fault", "gremlins") as shown:
        assert shown.end() == 2
        lines = ESCAPES.sub("", shown.seen).replace("\r", "").splitlines()
    assert lines[0].startswith("error: ")
    assert lines[1].startswith("  next: ")
    assert all(line.startswith("        ") for line in lines[2:])
    assert len(lines) > 2
    assert max(map(len, lines)) <= 80


def test_a_reader_that_leaves_early_hears_no_complaint() -> None:
    with subprocess.Popen([*PROGRAM, "points"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        complaint = process.stderr.read()
    assert complaint == ""
    assert process.returncode == 141


@pytest.mark.parametrize("words", [["points"], ["points", "--json"]])
def test_a_full_disk_is_told_in_one_line(words: list[str]) -> None:
    if not Path("/dev/full").exists():
        lacking("needs a device that is always full")
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run([*PROGRAM, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ran.returncode == 74
    assert ran.stderr == "error: the output cannot be written: No space left on device\n"


def test_the_module_is_the_program() -> None:
    ran = subprocess.run([*PROGRAM, "--version"], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("indevolt ")
