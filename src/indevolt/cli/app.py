"""The program `indevolt`: its commands, where each one lives, and its help page.

A command's module is imported when the command runs, so that `indevolt --help` and completion stay quick; that is why each summary
stands in the table below. How a run ends is told in ``ending``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Final, NoReturn

import click

from indevolt.cli.ending import ReaderLeft, exit_codes, finish
from indevolt.cli.page import write_examples

COMMANDS: Final[dict[str, dict[str, tuple[str, str]]]] = {  # by section and name: module, summary
    "Find and look": {
        "discover": ("find", "Find devices on the local network."),
        "info": ("read", "Show what a device is: family, firmware, packs, limits."),
        "get": ("read", "Read quantities once."),
        "watch": ("watch", "Read quantities again and again."),
        "record": ("record", "Capture a device into a file that can be replayed."),
        "doctor": ("doctor", "Find out which step between here and a device is wrong."),
    },
    "Change": {
        "set": ("control", "Write a setting, and prove that the device shows it."),
        "mode": ("control", "Change the energy mode."),
        "charge": ("control", "Charge with a power up to a state of charge."),
        "discharge": ("control", "Discharge with a power down to a state of charge."),
        "hold": ("control", "Stand by: neither charge nor discharge."),
        "password": ("password", "Change the password of a device."),
    },
    "For a whole home": {
        "hub": ("hub", "Own batteries: keep history, serve every other tool."),
        "plan": ("plan", "Tell what the batteries will do until the last known price, and why."),
        "outage": ("outage", "Keep everything for an outage until a time, and tell what is kept."),
        "explain": ("explain", "Tell why a battery does what it does, and what it would take otherwise."),
        "journal": ("journal", "Tell what happened: writes, decisions, connections, alerts."),
        "commission": ("commission", "Try how a battery and its meter answer, and put everything back."),
        "lease": ("lease", "Show who may command a battery, and put back what a dead program left."),
        "watchdog": ("watchdog", "Put back what programs left that were killed or hang."),
        "demo": ("demo", "Start a simulated home with its hub, and show both live."),
    },
    "Without a device": {
        "backtest": ("backtest", "Compare what a battery would have saved in a past, run in several ways."),
        "points": ("points", "List all quantities, their numbers, units and ranges."),
        "simulate": ("simulate", "Start a virtual device, a home or a fleet that any client can talk to."),
        "completion": ("completion", "Print the completion script for a shell."),
    },
}
EXAMPLES: Final = (
    "indevolt discover",
    "indevolt get 192.168.1.20 battery_soc battery_power",
    "indevolt charge 192.168.1.20 --power 800 --soc 90",
    "indevolt simulate --model powerflex2000",
)
_MODULES: Final = {name: module for section in COMMANDS.values() for name, (module, _) in section.items()}


class CommandLine(click.Group):
    """The group of all commands: imports them late, lists them by section, and ends every run in one place."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: object,
    ) -> NoReturn:
        """Run, report what went wrong, exit with the code that means it; so it always ends the program, whatever the mode."""
        del standalone_mode
        given = list(sys.argv[1:] if args is None else args)
        words = [word for word in given if word != "--debug"]  # so that it may stand anywhere, also behind a command
        run = super().main
        code = finish(
            lambda: run(words, prog_name or "indevolt", complete_var, standalone_mode=False, **extra),
            as_json="--json" in words,
            debug="--debug" in given,
        )
        sys.exit(code)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; click would end the program itself, and with another code, if the output was closed."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise ReaderLeft from error

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return all names, in the order of the help page."""
        return list(_MODULES)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a command."""
        module = _MODULES.get(cmd_name)
        if module is None:
            return None
        command: click.Command = getattr(import_module(f"indevolt.cli.{module}"), f"{cmd_name}_command")
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections, without importing anything."""
        for title, section in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(name, summary) for name, (_, summary) in section.items()], col_max=14)

    def format_epilog(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what all commands share."""
        write_examples(formatter, EXAMPLES)
        with formatter.section("HOST"):
            formatter.write_text("host, host:port, [ipv6]:port or https://host:port; the port is 8080 unless given.")
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in exit_codes()])


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(f"indevolt {version('indevolt')}")
        ctx.exit()


@click.group(
    cls=CommandLine,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    subcommand_metavar="COMMAND ...",
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks, for a report.")
@click.pass_context
def cli(context: click.Context) -> None:
    """INDEVOLT home batteries over the local OpenData API."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
