"""`indevolt explain`: why a battery does what it does now, and what it would take to do otherwise. The hub knows; this tells it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
from rich.text import Text

from indevolt.cli.ask import HubAt, hub_options
from indevolt.cli.options import json_option
from indevolt.cli.page import Subcommand
from indevolt.cli.screen import hanging, line, marks, print_json, screen
from indevolt.errors import InvalidInput


@click.command(
    "explain",
    cls=Subcommand,
    examples=["indevolt explain", "indevolt explain cellar --what-if 1500", "indevolt explain --what-if -800 --json"],
)
@click.argument("device", required=False)
@click.option(
    "--what-if", "power_w", type=float, metavar="W", help="What would it take to give so much, or with a minus sign to store it?"
)
@hub_options
@json_option
def explain_command(hub: HubAt, device: str | None, *, power_w: float | None, as_json: bool) -> None:
    """Tell why a battery does what it does now: who decides, what was said, what keeps it from more.

    DEVICE is its name in the hub's configuration; it may be left out where there is one.
    """
    name = device or _only(hub)
    told = hub.get(f"devices/{name}/steering/explanation", power_w=power_w)
    if as_json:
        print_json(told)
        return
    _tell(name, told)


def _only(hub: HubAt) -> str:
    names = [str(each["name"]) for each in hub.get("devices")["devices"]]
    if len(names) != 1:
        raise InvalidInput(f"the hub has {len(names)} devices", remedy=f"Name one: {', '.join(names) or 'there is none'}.")
    return names[0]


def _tell(name: str, told: Mapping[str, Any]) -> None:
    console = screen()
    good, bad, note = marks(console)
    steering = told["steering"]
    console.print(line(", ".join(filter(None, (f"{name}: {steering['owner']} decides", steering["tier"]))), "bold"))
    for sentence in told["why"]:
        console.print(hanging(Text("  "), sentence), soft_wrap=not console.is_terminal)
    heard = [each for each in told["said"] if each["weight"] != "slack"]
    if heard:
        console.print(line("What was said" if told["applied"] else "What strategies would say, if they might decide", "bold"))
    for each in heard:
        lead = Text(f"  {each['by']:<9} {each['weight']:<10}", style="dim")
        console.print(hanging(lead, each["text"]), soft_wrap=not console.is_terminal)
    if told["power_w"] is None:
        return
    console.print(line(f"What {told['power_w']:+.0f} W would take", "bold"))
    if not told["obstacles"]:
        console.print(line(f"  {good} nothing stands in its way"))
    for each in told["obstacles"]:
        console.print(hanging(Text(f"  {bad} {each['by']:<9}"), each["text"]), soft_wrap=not console.is_terminal)
        if each["otherwise"]:
            console.print(line(f"    {note} {each['otherwise']}"), soft_wrap=True)
