"""`indevolt password`: change the Digest password in one step; passwords are asked for, never echoed, never in an argument list.

How it travels sealed is in ``protocol.digest``; how the change is verified in ``device``.
"""

from __future__ import annotations

import asyncio
import os
import sys

import click

from indevolt.cli.options import Link, device_options, json_option
from indevolt.cli.page import Subcommand
from indevolt.cli.screen import marks, print_json, screen, waiting
from indevolt.cli.session import environment
from indevolt.device import set_password
from indevolt.errors import InvalidInput

NEW_PASSWORD_VARIABLE = "INDEVOLT_NEW_PASSWORD"  # noqa: S105 - the name of a variable, for scripts


@click.command(
    "password",
    cls=Subcommand,
    examples=[
        "indevolt password 192.168.1.20",
    ],
)
@device_options
@json_option
def password_command(link: Link, *, as_json: bool) -> None:
    """Change the password of a device whose API is set to HTTP + Digest.

    Asks for the present password and twice for the new one. A new or factory-reset device has its device key as password and
    answers nothing else until that is changed. Scripts set INDEVOLT_PASSWORD and INDEVOLT_NEW_PASSWORD instead.
    """
    current = link.password or _ask(f"Present password of {link.host}")
    new = os.environ.get(NEW_PASSWORD_VARIABLE) or _ask("New password", twice=True)
    given = environment()
    change = set_password(
        link.host,
        current,
        new,
        clock=given.clock,
        deadline_s=link.timeout_s,
        spacing_s=given.spacing_s,
        ca_file=link.ca_file,
        fingerprint=link.fingerprint,
    )
    with waiting(f"changing the password of {link.host}", quiet=as_json):
        asyncio.run(change)
    if as_json:
        print_json({"changed": True, "address": link.host})
    else:
        console = screen()
        console.print(f"{marks(console)[0]} the password was changed, and {link.host} accepts it", style="green")


def _ask(label: str, *, twice: bool = False) -> str:
    if not sys.stdin.isatty():
        raise InvalidInput(
            f"{label.lower()}: nobody is there to be asked",
            remedy=f"Set INDEVOLT_PASSWORD and {NEW_PASSWORD_VARIABLE}, or run this in a terminal.",
        )
    text: str = click.prompt(label, hide_input=True, confirmation_prompt=twice, err=True)
    return text
