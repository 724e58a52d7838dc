"""`indevolt discover`: who is there. What a silence means, and what to do about it, is told to the person who asked."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Final

import click
from rich.console import Console
from rich.text import Text

from indevolt.cli.options import json_option
from indevolt.cli.page import Subcommand
from indevolt.cli.render import UNKNOWN
from indevolt.cli.screen import line, print_json_line, screen, waiting
from indevolt.cli.session import environment
from indevolt.discovery import Api, Discovery, Found, discover
from indevolt.errors import Unreachable
from indevolt.protocol.discovery import API_PORT, PORT, REPLY_PORT

_NOBODY: Final = (
    "A device answers only after its local API was enabled in the INDEVOLT app (device settings, API), and only within the same "
    "network: no guest Wi-Fi, no other subnet. Where you know its address, ask it alone: `indevolt doctor HOST`."
)
_HEADS: Final = f"{'Address':<22}{'Serial number':<18}{'Firmware':<35}API"


@click.command(
    "discover",
    cls=Subcommand,
    examples=[
        "indevolt discover",
        "indevolt discover 192.168.1.20 192.168.7.20",
        "indevolt discover --json | jq -r .host",
    ],
)
@click.argument("targets", nargs=-1, metavar="[HOST]...")
@click.option(
    "--seconds",
    "timeout_s",
    type=click.FloatRange(min=0.1),
    default=5.0,
    show_default=True,
    metavar="S",
    help="How long to wait for answers.",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    metavar="PORT",
    default=PORT,
    show_default=True,
    help="UDP port that devices listen on.",
)
@click.option(
    "--local-port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    default=REPLY_PORT,
    show_default=True,
    help="UDP port to ask from; devices may answer to the usual one only.",
)
@click.option("--passive/--no-passive", default=True, help="Listen for announcements, too.")
@json_option
def discover_command(
    targets: tuple[str, ...], timeout_s: float, port: int, local_port: int, *, passive: bool, as_json: bool
) -> int:
    """Find devices on the local network and show each as it answers; HOST asks these alone.

    Meters, plugs and P1 readers answer as well; `indevolt info HOST` tells what a device is. Exit code 3 if nobody answers.
    """
    search = discover(
        timeout_s, targets=targets or None, local_port=local_port, port=port, passive=passive, clock=environment().clock
    )
    count = asyncio.run(_list(search, as_json=as_json))
    errors = screen(stderr=True)
    for note in search.notes:
        errors.print(line(f"! {note}", "yellow"))
    if count == 0:
        raise Unreachable(f"nobody answered within {timeout_s:g} s", remedy=_NOBODY)
    return 0


async def _list(search: Discovery, *, as_json: bool) -> int:
    console, count = screen(), 0
    with waiting("asking everyone on this network", quiet=as_json):
        async for found in search:
            if as_json:
                print_json_line(asdict(found))
            else:
                if count == 0:
                    console.print(Text(_HEADS, style="bold"))
                _print_found(console, found)
            count += 1
    return count


def _print_found(console: Console, found: Found) -> None:
    address = found.host if found.port == API_PORT else f"{found.host}:{found.port}"
    api = "on" if found.api is Api.ON else "off?"
    row = f"{address:<22}{found.sn or UNKNOWN:<18}{found.firmware or UNKNOWN:<35}{api}"
    console.print(line(row, "yellow" if found.api is Api.PROBABLY_OFF else ""), soft_wrap=True)
    if found.reported_ip not in ("", found.host):
        console.print(
            line(f"{'':<22}says its address is {found.reported_ip}; {found.host} is the one that answered", "dim"), soft_wrap=True
        )
    if found.api is Api.PROBABLY_OFF:
        console.print(
            line(f"{'':<22}announces itself but does not answer: enable the local API in the INDEVOLT app", "dim"), soft_wrap=True
        )
