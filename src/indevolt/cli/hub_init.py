"""`indevolt hub init`: a configuration to start from, with the devices that are there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from indevolt.cli.hub_extra import the_hub_extra
from indevolt.cli.options import json_option
from indevolt.cli.page import Subcommand
from indevolt.cli.screen import line, marks, print_json, screen, waiting
from indevolt.cli.session import Environment, environment, run
from indevolt.cli.survey import Seen, examine, survey
from indevolt.discovery import discover
from indevolt.errors import InvalidInput

_FILE: Final = click.Path(path_type=Path)


@click.command(
    "init",
    cls=Subcommand,
    short_help="Look for devices and write a configuration.",
    examples=["indevolt hub init", "indevolt hub init home.toml --host 192.168.1.20"],
)
@click.argument("file", type=_FILE, default="indevolt.toml")
@click.option("--host", "hosts", multiple=True, metavar="HOST", help="List this device instead of looking for some; repeatable.")
@click.option(
    "--seconds",
    "timeout_s",
    type=click.FloatRange(min=0.1),
    default=5.0,
    show_default=True,
    metavar="S",
    help="How long to wait for answers.",
)
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
@json_option
def init_command(file: Path, hosts: tuple[str, ...], timeout_s: float, *, force: bool, as_json: bool) -> None:
    """Look for devices and write a configuration with them into FILE (indevolt.toml), every setting explained in it.

    Nothing is written to a device. The file can be read by its owner only, as passwords may be put in.
    """
    with the_hub_extra():
        from indevolt.hub.config_text import Listed, commented
        from indevolt.hub.config_values import local_zone_name
    _require_free(file, force=force)
    with waiting("asking who is there", quiet=as_json):
        seen, hampered = run(_look_around(hosts, timeout_s, environment()))
    batteries = [each for each in seen if each.is_battery]
    names = [f"battery{number}" if len(batteries) > 1 else "battery" for number in range(1, len(batteries) + 1)]
    listed = [Listed(name, each.host, each.about, each.needs_password) for name, each in zip(names, batteries, strict=True)]
    notes = [about for each in seen if not each.is_battery for about in each.about]
    _save(commented(listed, time_zone=local_zone_name(), notes=notes), file, force=force)
    if as_json:
        devices = [asdict(each) for each in listed]
        print_json({"file": str(file), "devices": devices, "notes": [*notes, *hampered], "next": _next(file, batteries)})
        return
    console = screen()
    console.print(line(f"{marks(console)[0]} wrote {file}: {len(listed) or 'no'} device{'' if len(listed) == 1 else 's'}", "bold"))
    for each in listed:
        asks = ("asks for a password",) if each.needs_password else ()
        console.print(line(f"  {each.name} at {each.host}: {'; '.join((*each.notes, *asks))}"), soft_wrap=True)
    for note in (*notes, *hampered):
        console.print(line(f"  ! {note}", "yellow"), soft_wrap=True)
    for step in _next(file, batteries):
        console.print(line(f"  next: {step}"), soft_wrap=True)


async def _look_around(hosts: Sequence[str], timeout_s: float, given: Environment) -> tuple[list[Seen], list[str]]:
    """Return who is there, and what hampered the search."""
    if hosts:
        return await examine(dict.fromkeys(hosts), given), []
    search = discover(timeout_s, port=given.discovery_port, local_port=given.discovery_local_port, clock=given.clock)
    return await survey(search, given), search.notes


def _next(file: Path, batteries: Sequence[Seen]) -> list[str]:
    steps = []
    if not batteries:
        steps.append(
            "enable the local API of each device in the INDEVOLT app, then `indevolt hub init --force`, or write its host in"
        )
    if any(each.needs_password for each in batteries):
        steps.append(f"give the passwords: see password in {file}")
    return [*steps, f"set control = true in {file} where the hub may write", f"indevolt hub check {file}", f"indevolt hub {file}"]


def _require_free(file: Path, *, force: bool) -> None:
    try:
        is_there, is_ordinary, has_folder = file.exists(), file.is_file(), file.absolute().parent.is_dir()
    except OSError as error:  # a name that is too long, or a folder that may not be looked into
        raise InvalidInput(f"{file} cannot be written: {error.strerror or error}") from error
    if is_there and not is_ordinary:
        raise InvalidInput(f"{file} is no ordinary file, so it is not replaced")
    if is_there and not force:
        raise InvalidInput(f"{file} exists", remedy="Add --force to replace it, or name another file.")
    if not has_folder:
        raise InvalidInput(f"there is no folder {file.absolute().parent}")


def _save(text: str, file: Path, *, force: bool) -> None:
    """Write a file that only its owner can read: all of it, or nothing."""
    _require_free(file, force=force)  # once more: looking for devices took a while
    try:
        number, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.absolute().parent)  # made with mode 0600
        part = Path(name)
        try:
            with os.fdopen(number, "w", encoding="utf-8") as opened:
                opened.write(text)
            part.replace(file)
        finally:
            with suppress(FileNotFoundError):
                part.unlink()
    except OSError as error:
        raise InvalidInput(f"{file} cannot be written: {error.strerror or error}") from error
