"""`indevolt plan`: what the hub plans until the last known price, and why, or what it would plan. The hub plans; this tells it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from indevolt.cli.ask import HubAt, hub_options
from indevolt.cli.options import json_option
from indevolt.cli.page import Subcommand
from indevolt.cli.screen import cut_text, line, marks, print_json, rows, screen, show

_WORDS: Final = {"self_use": "self-use", "hold": "hold", "charge": "charge", "discharge": "discharge", "stop": "rest"}


@click.command(
    "plan",
    cls=Subcommand,
    examples=["indevolt plan", "indevolt plan --reserve 40", "indevolt plan --no-battery", "indevolt plan --json"],
)
@click.option("--reserve", "reserve_pct", type=click.FloatRange(0, 100), metavar="PCT", help="Nothing is given below this.")
@click.option("--dry-run", is_flag=True, help="Make a plan only to show it; the one that holds stays.")
@click.option("--no-battery", is_flag=True, help="Show what the same hours would cost without a battery, and no slots.")
@hub_options
@json_option
def plan_command(hub: HubAt, *, reserve_pct: float | None, dry_run: bool, no_battery: bool, as_json: bool) -> None:
    """Tell slot by slot what the batteries are to do, with the reason of each, and what that is worth.

    Nothing is changed by asking, also not with another reserve. Slots that are alike are one row.
    """
    dry = dry_run or reserve_pct is not None
    told = hub.get("plan", reserve=reserve_pct, dry="true" if dry else None)
    if as_json:
        print_json(told)
        return
    console = screen()
    _, bad, note = marks(console)
    if not told["slots"]:
        console.print(line(f"{bad} no plan: {told['reason'] or 'the hub does not say why'}"))
        return
    heads = [told["name"], "simulated" if told["simulated"] else "", "only a what-if" if told["dry"] else ""]
    heads.append("" if told["dry"] or told["automatic"] else "only shown: [control] automatic is off")
    heads.append("too old to be carried out" if told["stale"] else "")
    console.print(line(", ".join(filter(None, heads)), "bold"))
    if not no_battery:
        table = rows("From", "To", "What", ">Price", ">Battery", ">Grid", ">Charge", "Why?")
        zone = _zone(told["time_zone"])
        for group in _alike(told["slots"]):
            _row(table, group, zone, told["currency"])
        show(console, table)
    _totals(told, console)
    for each in told["targets"]:
        console.print(line(f"wanted: {each['soc_pct']:g} % by {_clock(each['by'], _zone(told['time_zone']))}"))
    gate = told["gate"]
    console.print(line(f"self-use is left only for {gate['per_kwh']:g} {told['currency']}/kWh and more: {gate['reason']}", "dim"))
    for text in told["notes"]:
        console.print(line(f"{note} {text}"))


def _alike(slots: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return neighbours that do the same at the same price together."""
    groups: list[list[dict[str, Any]]] = []
    for slot in slots:
        key = ("mode", "power_w", "import_price", "pinned", "known")
        if groups and all(groups[-1][-1][name] == slot[name] for name in key):
            groups[-1].append(slot)
        else:
            groups.append([slot])
    return groups


def _row(table: Any, group: list[dict[str, Any]], zone: tzinfo | None, currency: str) -> None:  # noqa: ANN401 - rich's
    first, last = group[0], group[-1]
    what = _WORDS.get(first["mode"], first["mode"]) + (f" {first['power_w']:.0f} W" if first["power_w"] else "")
    price = f"{first['import_price']:.3f} {currency}" + ("" if first["known"] else " ?")
    mean = {name: sum(slot[name] for slot in group) / len(group) for name in ("battery_w", "grid_w")}
    table.add_row(
        _clock(first["start"], zone),
        _clock(last["end"], zone)[-5:],
        what + (" (pinned)" if first["pinned"] else ""),
        price,
        f"{mean['battery_w']:+.0f} W",
        f"{mean['grid_w']:+.0f} W",
        f"{last['soc_pct']['p50']:.0f} %",
        cut_text(first["reason"], "dim"),
    )


def _totals(told: Mapping[str, Any], console: Any) -> None:  # noqa: ANN401 - rich's
    totals, currency = told["totals"], told["currency"]
    for label, name in (("planned", "planned"), ("self-use", "self_use"), ("no battery", "no_battery")):
        console.print(line(f"{label:<11} {totals[name]['total']:8.2f} {currency}"))
    saving, gain = totals["saving"], totals["gain_over_self_use"]
    console.print(line(f"expected to save {saving:.2f} {currency} against no battery, {gain:.2f} {currency} of it by planning"))


def _clock(text: str, zone: tzinfo | None) -> str:
    return f"{datetime.fromisoformat(text).astimezone(zone):%a %H:%M}"


def _zone(name: str) -> tzinfo | None:
    """Return the site's zone; None, which is this computer's, where it is not known here."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return None
