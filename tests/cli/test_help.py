"""The help pages: complete, consistent, and their examples are command lines that exist."""

from __future__ import annotations

import shlex
import subprocess
import sys

import click
import pytest

from indevolt.cli.app import COMMANDS, EXAMPLES, cli
from indevolt.cli.ending import exit_codes
from indevolt.cli.page import Subcommand
from indevolt.errors import IndevoltError

from .conftest import Program

NAMES = [name for section in COMMANDS.values() for name in section]
CONTRACT = {
    "discover", "info", "get", "watch", "set", "mode", "charge", "discharge", "hold", "password", "doctor", "points", "record",
    "simulate", "hub", "demo", "completion", "lease", "watchdog", "explain", "journal", "commission",
    "plan", "backtest", "outage",
}  # fmt: skip
WITHOUT_JSON = {"completion", "hub"}  # of the hub, its commands have it


def command_of(name: str) -> Subcommand:
    command = cli.get_command(click.Context(cli), name)
    assert isinstance(command, Subcommand)
    return command


def test_the_commands_are_those_of_the_contract() -> None:
    assert set(NAMES) == CONTRACT


def test_the_program_alone_shows_its_help(indevolt: Program) -> None:
    ran = indevolt()
    assert ran.code == 0
    assert ran.out == indevolt("--help").out
    for name in NAMES:
        assert f"\n  {name} " in ran.out


def test_the_version_is_that_of_the_package(indevolt: Program) -> None:
    from importlib.metadata import version

    assert indevolt("--version").out == f"indevolt {version('indevolt')}\n"


def test_every_exit_code_of_the_error_family_is_on_the_help_page(indevolt: Program) -> None:
    page = indevolt("--help").out
    codes = {kind.exit_code for kind in IndevoltError.__subclasses__()} | {0, 1, 130}
    assert codes <= set(dict(exit_codes()))
    for code, meaning in exit_codes():
        assert f"\n  {code} " in page
        assert meaning.split()[0] in page


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_a_page_with_examples(indevolt: Program, name: str) -> None:
    ran = indevolt(name, "--help")
    assert ran.code == 0
    assert ran.out.startswith(f"Usage: indevolt {name} ")
    assert "\nExamples:\n" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 100


@pytest.mark.parametrize("name", NAMES)
def test_every_option_is_explained_and_json_is_everywhere(name: str) -> None:
    command = command_of(name)
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    assert all(option.help for option in options)
    spelled = {spelling for option in options for spelling in option.opts}
    assert ("--json" in spelled) is (name not in WITHOUT_JSON)


def test_an_option_means_the_same_everywhere() -> None:
    meanings: dict[str, set[str | None]] = {}
    for name in NAMES:
        for parameter in command_of(name).params:
            if isinstance(parameter, click.Option) and name not in ("simulate", "demo", "discover"):
                meanings.setdefault(parameter.opts[0], set()).add(parameter.help)
    differing = {option for option, texts in meanings.items() if len(texts) > 1}
    # one filters, one corrects; both stop a command, at opposite ends; a request that is not written, a plan that is not followed;
    # a hub that is asked, and one that writes instead of us
    # how long an order lasts, up to a day, and a hold for an outage, up to a week
    assert differing <= {"--model", "--soc", "--dry-run", "--hub", "--for"}


@pytest.mark.parametrize("example", [*EXAMPLES, *(example for name in NAMES for example in command_of(name).examples)])
def test_every_example_is_a_command_line_that_is_understood(example: str) -> None:
    line = example.partition("|")[0].partition(">")[0]
    if ":  " in line or "eval" in line:
        return  # completion names the shell first
    program, name, *words = shlex.split(line)
    assert program == "indevolt"
    command_of(name).make_context(name, words, resilient_parsing=False)


def test_help_needs_neither_the_client_nor_tables() -> None:
    code = "import sys; from indevolt.cli.app import cli\ntry: cli.main(['--help'])\nexcept SystemExit: pass\nprint(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    loaded = set(out.splitlines()[-1].split())
    assert "indevolt.cli.app" in loaded
    assert not loaded & {
        "rich",
        "asyncio",
        "cryptography",
        "httptools",
        "indevolt.catalogue",
        "indevolt.device",
        "indevolt.simulator",
    }


def test_without_click_and_rich_one_line_tells_what_to_install() -> None:
    code = (
        "import sys, importlib.util as u\n"
        "class Hidden:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name in ('click', 'rich'): raise ModuleNotFoundError(name)\n"
        "sys.meta_path = [f for f in sys.meta_path]\n"
        "import os; sys.path = [p for p in sys.path if 'site-packages' not in p] + [sys.argv[1]]\n"
        "from indevolt.__main__ import main; main()"
    )
    from pathlib import Path

    import indevolt as package

    source = str(Path(package.__file__).parents[1])
    ran = subprocess.run([sys.executable, "-S", "-c", code, source], capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert ran.stderr == 'error: the command line needs click and rich: pip install "indevolt[cli]"\n'
