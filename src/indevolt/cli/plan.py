"""`indevolt plan`: what the hub plans until the last known price, and why, or what it would plan; or a plan for a file.

The hub plans, and this tells it; a file is planned by ``plan_file``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, tzinfo
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from indevolt.cli.ask import HubAt, Json, hub_options
from indevolt.cli.battery_options import BatteryGiven, battery_options
from indevolt.cli.options import json_option
from indevolt.cli.page import Subcommand
from indevolt.cli.plan_file import FileGiven, plan_of_file
from indevolt.cli.screen import cut_text, line, marks, print_json, rows, screen, show
from indevolt.cli.series_file import the_control_extra
from indevolt.errors import InvalidInput

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_WORDS: Final = {"self_use": "self-use", "hold": "hold", "charge": "charge", "discharge": "discharge", "stop": "rest"}
_FIGURES: Final = re.compile(r"-?\d[\d.:]*")  # prices, times of day and powers in a reason
_OF_FILES: Final = ("soc_pct", "import_price", "export_price", "feed_in_limit_w", "peak_price")


@click.command(
    "plan",
    cls=Subcommand,
    examples=[
        "indevolt plan",
        "indevolt plan --reserve 40",
        "indevolt plan --no-battery",
        "indevolt plan --json",
        "indevolt plan --from day.csv --model powerflex2000 --modules 2 --soc 40",
    ],
)
@click.option("--reserve", "reserve_pct", type=click.FloatRange(0, 100), metavar="PCT", help="Nothing is given below this.")
@click.option("--dry-run", is_flag=True, help="Make a plan only to show it; the one that holds stays.")
@click.option("--no-battery", is_flag=True, help="Show what the same hours would cost without a battery, and no slots.")
@click.option(
    "--from", "source", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Plan for a CSV file, without a hub."
)
@click.option(
    "--soc", "soc_pct", type=click.FloatRange(0, 100), metavar="PCT", help="With a file: the charge at its start.  [usual: 50]"
)
@battery_options
@click.option("--import-price", type=float, metavar="PER_KWH", help="Where the file has no column import_per_kwh.")
@click.option("--export-price", type=float, metavar="PER_KWH", help="Where it has no column export_per_kwh.  [usual: 0]")
@click.option("--feed-in-limit", "feed_in_limit_w", type=click.FloatRange(0), metavar="W", help="What the grid takes at most.")
@click.option("--peak-price", type=click.FloatRange(0), metavar="PER_KW", help="Of each kW of the month's highest quarter hour.")
@click.option("--peak-so-far", "peak_so_far_kw", default=0.0, metavar="KW", help="That peak, or the floor that is billed anyway.")
@click.option("--time-zone", default="UTC", show_default=True, help="Of the site in a file.")
@click.option("--currency", default="EUR", show_default=True, help="Of the prices of a file.")
@click.option("--no-grid-charging", is_flag=True, help="Energy of the grid is not stored.")
@hub_options
@json_option
def plan_command(
    hub: HubAt,
    *,
    reserve_pct: float | None,
    dry_run: bool,
    no_battery: bool,
    source: Path | None,
    battery: BatteryGiven,
    as_json: bool,
    **given: Any,  # noqa: ANN401 - options, each declared above
) -> None:
    """Tell slot by slot what the batteries are to do, with the reason of each, and what that is worth.

    Nothing is changed by asking, also not with another reserve. Slots that are alike are one row, with the reason of
    the first of them.

    With --from, a plan is made here for a house in a CSV file with a header. Columns: at (ISO 8601, with an offset), load_w, pv_w,
    import_per_kwh and export_per_kwh; only at and load_w are needed. What is uncertain may have a low and a high beside it:
    load_low_w, load_high_w, pv_low_w, pv_high_w. Rows are means of an hour or less, four days at most, without a gap.
    """
    if source is None:
        told = _of_hub(hub, reserve_pct, battery, given, dry=dry_run or reserve_pct is not None)
    else:
        told = _of_file(source, reserve_pct, battery, given)
    if as_json:
        print_json(told)
        return
    console = screen()
    _, bad, note = marks(console)
    if not told["slots"]:
        console.print(line(f"{bad} no plan: {told['reason'] or 'the hub does not say why'}"))
        return
    heads = [told["name"]]
    if source is None:
        heads += ["simulated" if told["simulated"] else "", "only a what-if" if told["dry"] else ""]
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
    if source is None:
        _surroundings(told, console)
    for text in told["notes"]:
        console.print(line(f"{note} {text}"))


def _surroundings(told: Mapping[str, Any], console: Console) -> None:
    """Tell what the owner wants beside the plan, and how much a plan has to promise."""
    end = max((datetime.fromisoformat(slot["end"]) for slot in told["slots"]), default=None)
    for each in told["targets"]:
        if end is not None and datetime.fromisoformat(each["by"]) > end:
            break  # beyond the plan
        console.print(line(f"wanted: {each['soc_pct']:g} % by {_clock(each['by'], _zone(told['time_zone']))}"))
    for each in told["load_curves"]:
        since = f"as planned at {_clock(each['laid_at'], _zone(told['time_zone']))}" if each["laid_at"] else "not as planned"
        console.print(line(f"load curve of {each['device']}: {since}{': ' + each['reason'] if each['reason'] else ''}"))
    gate = told["gate"]
    text = f"self-use is left only for {gate['per_kwh']:g} {told['currency']}/kWh and more: {gate['reason']}"
    console.print(line(text, "dim"))


def _of_hub(hub: HubAt, reserve_pct: float | None, battery: BatteryGiven, given: Mapping[str, Any], *, dry: bool) -> Json:
    if battery.said or given["no_grid_charging"] or any(given[name] is not None for name in _OF_FILES):
        raise InvalidInput("batteries and prices are given for a file; the hub knows its own", remedy="Add --from FILE.")
    return hub.get("plan", reserve=reserve_pct, dry="true" if dry else None)


def _of_file(file: Path, reserve_pct: float | None, battery: BatteryGiven, given: Mapping[str, Any]) -> dict[str, Any]:
    with the_control_extra():
        return plan_of_file(
            FileGiven(
                file=file,
                battery=battery,
                soc_pct=50.0 if given["soc_pct"] is None else given["soc_pct"],
                reserve_pct=5.0 if reserve_pct is None else reserve_pct,
                import_price=given["import_price"],
                export_price=given["export_price"],
                time_zone=given["time_zone"],
                currency=given["currency"],
                grid_charging=not given["no_grid_charging"],
                feed_in_limit_w=given["feed_in_limit_w"],
                peak_price=given["peak_price"],
                peak_so_far_kw=given["peak_so_far_kw"],
            )
        )


def _alike(slots: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return neighbours that do the same for the same sort of reason together; their prices may differ."""
    return [list(group) for _, group in groupby(slots, key=_sort)]


def _sort(slot: Mapping[str, Any]) -> tuple[object, ...]:
    return slot["mode"], slot["power_w"], slot["pinned"], slot["known"], _FIGURES.sub("", slot["reason"])


def _row(table: Table, group: list[dict[str, Any]], zone: tzinfo | None, currency: str) -> None:
    first, last = group[0], group[-1]
    what = _WORDS.get(first["mode"], first["mode"]) + (f" {first['power_w']:.0f} W" if first["power_w"] else "")
    prices = sorted({f"{slot['import_price']:.3f}" for slot in group}, key=float)
    price = f"{prices[0]}{f' to {prices[-1]}' if len(prices) > 1 else ''} {currency}" + ("" if first["known"] else " ?")
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


def _totals(told: Mapping[str, Any], console: Console) -> None:
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
