"""Shell completion: commands, options, models, names of quantities and modes."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from click.shell_completion import ShellComplete

from conftest import lacking
from indevolt.cli.app import cli

from .conftest import Program


def completions(*words: str) -> list[str]:
    *before, last = words
    return [item.value for item in ShellComplete(cli, {}, "indevolt", "_INDEVOLT_COMPLETE").get_completions(list(before), last)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["dis"], ["discover", "discharge"]),
        (["get", "192.168.1.20", "battery_so"], ["battery_soc"]),
        (["get", "192.168.1.20", "battery_soc", "meter_con"], ["meter_connected"]),
        (["get", "192.168.1.20", "load_sou"], []),  # it can only be written
        (["watch", "192.168.1.20", "battery_st"], ["battery_state"]),
        (["set", "192.168.1.20", "load_sou"], ["load_source"]),
        (["set", "192.168.1.20", "battery_so"], []),  # it can only be read
        (["mode", "192.168.1.20", "s"], ["self-use", "schedule"]),
        (["points", "--model", "solid"], ["solidflex2000", "solidflex3000", "solidflex1200"]),
        (["get", "--model", "bk1600", "192.168.1.20", "system_s"], []),  # gen1 has no such thing
        (["simulate", "--api", "d"], ["digest"]),
        (["simulate", "--fault", "poi"], ["poison:POINT", "poison:POINT:silent"]),
        (["charge", "--dry"], ["--dry-run"]),
    ],
)
def test_what_is_begun_is_completed(words: list[str], expected: list[str]) -> None:
    assert sorted(completions(*words)) == sorted(expected)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script(indevolt: Program, shell: str) -> None:
    ran = indevolt("completion", shell)
    assert ran.code == 0
    assert "_INDEVOLT_COMPLETE" in ran.out


def test_bash_can_read_its_script(indevolt: Program) -> None:
    if shutil.which("bash") is None:
        lacking("needs bash")
    script = indevolt("completion", "bash").out
    checked = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
