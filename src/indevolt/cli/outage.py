"""`indevolt outage`: everything is kept for an outage until a time. The hub does it, for all batteries that it controls."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import click

from indevolt.cli.ask import HubAt, hub_options
from indevolt.cli.options import json_option, span_of
from indevolt.cli.page import Subcommand
from indevolt.cli.screen import line, print_json, screen
from indevolt.errors import InvalidInput


@click.command(
    "outage",
    cls=Subcommand,
    examples=["indevolt outage", "indevolt outage --for 2d --charge-to 100 --reason storm", "indevolt outage --end"],
)
@click.option("--for", "span", metavar="TIME", help="Keep everything for so long from now on: 12h, 2d; up to 7d.")
@click.option("--charge-to", "charge_pct", type=float, metavar="PCT", help="Charge to this first, also from the grid.")
@click.option("--reason", metavar="TEXT", help="Why, for the journal.")
@click.option("--end", is_flag=True, help="Keep nothing any more; what decided before decides again.")
@hub_options
@json_option
def outage_command(hub: HubAt, *, span: str | None, charge_pct: float | None, reason: str | None, end: bool, as_json: bool) -> None:
    """Tell what is kept for an outage; with --for, keep everything until then.

    Meanwhile batteries give nothing, whatever power costs, and surplus of the sun is stored. Orders to discharge are refused, and
    others go on. It ends by itself, and a restart of the hub neither ends nor lengthens it.
    """
    if span is None and (charge_pct, reason) != (None, None):
        raise InvalidInput("--charge-to and --reason belong to --for", remedy="Say for how long: --for 2d.")
    if span is not None and end:
        raise InvalidInput("--for and --end exclude each other", remedy="Give one; --for takes the place of what is kept now.")
    if end:
        told = hub.delete("steering/backup")
    elif span is not None:
        wish = {"minutes": _minutes(span), "charge_pct": charge_pct, "reason": reason or ""}
        told = hub.post("steering/backup", wish)
    else:
        told = hub.get("steering/backup")
    if as_json:
        print_json(told)
    else:
        screen().print(line(_said(told["backup"])), soft_wrap=True)


def _minutes(text: str) -> int:
    span = span_of(text)
    if span is None or span <= timedelta():
        raise InvalidInput(f"--for: {text!r:.40} is no time span", remedy="12h or 2d; up to 7d.")
    return math.ceil(span / timedelta(minutes=1))


def _said(backup: Mapping[str, Any] | None) -> str:
    if backup is None:
        return "Nothing is kept for an outage."
    until = datetime.fromisoformat(backup["until"]).astimezone()
    charged = "" if backup["charge_pct"] is None else f", charged to {backup['charge_pct']:g} % first"
    why = f": {backup['reason']}" if backup["reason"] else ""
    return f"Everything is kept for an outage until {until:%Y-%m-%d %H:%M %Z}{charged}, as {backup['by']} asked{why}."
