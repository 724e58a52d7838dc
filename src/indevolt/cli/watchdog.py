"""`indevolt watchdog`: a process of its own that puts back what programs left that were killed or hang.

How that is found out and done is in ``indevolt.device.watchdog``; here is only where passwords come from, and what is told.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict
from pathlib import Path

import click

from indevolt.cli.options import Link, config_option, folder_option, json_option
from indevolt.cli.page import Subcommand
from indevolt.cli.screen import line, marks, print_json_line, screen
from indevolt.cli.session import Environment, environment, open_device, run
from indevolt.device import Device
from indevolt.device.lock import Record, lease_folder
from indevolt.device.watchdog import Finding, Watchdog
from indevolt.errors import InvalidInput, NotRestored


@click.command(
    "watchdog",
    cls=Subcommand,
    examples=["indevolt watchdog", "indevolt watchdog --config /etc/indevolt/indevolt.toml", "indevolt watchdog --once --json"],
    epilog="Exit code with --once: 0 when all is as it was before, 18 when something is not.",
)
@config_option
@folder_option
@click.option("--once", is_flag=True, help="Put back what dead programs left, and end.")
@json_option
def watchdog_command(file: Path | None, folder: Path | None, *, once: bool, as_json: bool) -> int:
    """Watch the leases of this user: of the hub, and of scripts that use the library.

    A program that dies while it commands a battery leaves it in real-time mode, though never for more than 5 % of charge. This puts
    back what was before: at once when the program is dead, and after 15 s when it hangs. Run it beside the hub, as a service of its
    own. Devices that are not in the hub's configuration get the password in INDEVOLT_PASSWORD.
    """
    given, password = environment(), os.environ.get("INDEVOLT_PASSWORD")
    chosen, passwords = of_the_hub(file)
    found: list[Finding] = []
    watchdog = Watchdog(folder or chosen, given.clock, ways(given, passwords, password), _teller(found, as_json=as_json))
    if once:
        run(watchdog.settle())
        return NotRestored.exit_code if any(each.remedy for each in found) else 0
    if not as_json:
        click.echo(f"watching the leases in {folder or chosen}; Ctrl-C stops it")
    run(watchdog.run())
    return 0


def of_the_hub(file: Path | None) -> tuple[Path, Mapping[str, str]]:
    """Return where the hub keeps leases, and the passwords of its devices by address; what holds without a hub if there is none."""
    try:
        from indevolt.hub.config_file import find, load
    except ModuleNotFoundError as error:
        if file is not None:
            raise InvalidInput(f"the hub needs {error.name}", remedy='pip install "indevolt[hub]"') from error
        return lease_folder(), {}
    config = load(find(file))
    return config.control.leases, {device.address: device.password.reveal() for device in config.devices if device.password}


def ways(
    given: Environment, passwords: Mapping[str, str], password: str | None
) -> Callable[[Record], AbstractAsyncContextManager[Device]]:
    """Return what opens the device of a record."""

    @asynccontextmanager
    async def open_it(record: Record) -> AsyncIterator[Device]:
        async with open_device(Link(record.address, passwords.get(record.address, password)), given) as device:
            yield device

    return open_it


def _teller(found: list[Finding], *, as_json: bool) -> Callable[[Finding], None]:
    def tell(finding: Finding) -> None:
        found.append(finding)
        if as_json:
            print_json_line(asdict(finding))
            return
        console = screen()
        good, bad, _ = marks(console)
        console.print(
            line(f"{bad if finding.remedy else good} {finding.serial}: {finding.text}", "red" if finding.remedy else ""),
            soft_wrap=True,
        )
        if finding.remedy:
            console.print(line(f"  {finding.remedy}"), soft_wrap=True)

    return tell
