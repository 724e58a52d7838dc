"""`indevolt doctor`: the findings of ``checks`` as a list to read, and the exit code of the first that is bad."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Final

import click
from rich.console import Console
from rich.text import Text

from indevolt.cli.checks import Finding, Result, examine
from indevolt.cli.options import Link, device_options, json_option
from indevolt.cli.page import Subcommand
from indevolt.cli.screen import hanging, line, marks, print_json, screen
from indevolt.cli.session import environment

_STYLES: Final = {Result.GOOD: "green", Result.NOTE: "yellow", Result.BAD: "red"}


@click.command(
    "doctor",
    cls=Subcommand,
    examples=[
        "indevolt doctor 192.168.1.20",
        "indevolt doctor 192.168.1.20 --password secret --json",
    ],
)
@device_options
@json_option
def doctor_command(link: Link, *, as_json: bool) -> int:
    """Find out which step between here and a device is wrong, and what to do about it.

    Looks at name, port, API, password, family, firmware, speed, points, Wi-Fi and clock; takes about half a minute, because a
    device needs a second between requests. Nothing is written. The exit code is that of the first bad step.
    """
    findings = asyncio.run(_run(link, None if as_json else screen()))
    code = next((finding.exit_code for finding in findings if finding.result is Result.BAD), 0)
    if as_json:
        print_json(
            {"host": link.host, "healthy": code == 0, "exit_code": code, "findings": [asdict(finding) for finding in findings]}
        )
    else:
        console = screen()
        bad = sum(finding.result is Result.BAD for finding in findings)
        console.print(line("All is well." if not bad else f"{bad} step{'s are' if bad > 1 else ' is'} wrong.", "bold"))
    return code


async def _run(link: Link, console: Console | None) -> list[Finding]:
    given = environment()
    findings: list[Finding] = []
    async for finding in examine(link, given):
        findings.append(finding)
        if console is not None:
            _print(console, finding)
    return findings


def _print(console: Console, finding: Finding) -> None:
    good, bad, note = marks(console)
    mark = {Result.GOOD: good, Result.NOTE: note, Result.BAD: bad}[finding.result]
    style = _STYLES[finding.result]
    console.print(hanging(Text(f"{mark:<2} {finding.step:<9}", style=style), finding.fact))
    if finding.remedy:
        console.print(hanging(Text(f"{'':<12} next:"), finding.remedy))
