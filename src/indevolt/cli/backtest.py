"""`indevolt backtest`: what a battery would have saved in a past, run in several ways.

Reading the file is here; living it again is ``control.plan.replay``'s.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from indevolt.cli.options import json_option
from indevolt.cli.page import Subcommand
from indevolt.cli.screen import line, print_json, rows, screen, show, waiting
from indevolt.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from indevolt.control.plan.replay import Replayed

_TITLES: Final = {
    "no_battery": "no battery",
    "self_use": "self-use",
    "rule": "price rule",
    "plan": "plan",
    "foresight": "perfect foresight",
}
_LEAST_DAYS: Final = 2
_LEARNT_DAYS: Final = 14  # at most a third of the file: what methods learn from before they are compared


@click.command(
    "backtest",
    cls=Subcommand,
    examples=[
        "indevolt backtest year.csv --capacity 4000 --charge 2000 --discharge 2400",
        "indevolt backtest year.csv --import-price 0.34 --export-price 0.08 --json",
    ],
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--capacity", "capacity_wh", default=4000.0, show_default=True, metavar="WH", help="Of the battery.")
@click.option("--charge", "charge_w", default=2000.0, show_default=True, metavar="W", help="Greatest power into it.")
@click.option("--discharge", "discharge_w", default=2400.0, show_default=True, metavar="W", help="Greatest power out of it.")
@click.option("--reserve", "reserve_pct", default=5.0, show_default=True, metavar="PCT", help="Nothing is given below this.")
@click.option("--wear", "wear_per_kwh", default=0.02, show_default=True, help="What a kWh out of it costs in wear.")
@click.option("--import-price", type=float, metavar="PER_KWH", help="Where the file has no column import_per_kwh.")
@click.option("--export-price", default=0.0, show_default=True, metavar="PER_KWH", help="Where it has no column export_per_kwh.")
@click.option("--time-zone", default="UTC", show_default=True, help="Of the site: prices of tomorrow are known from 13:00 there.")
@click.option("--no-grid-charging", is_flag=True, help="Energy of the grid is not stored.")
@json_option
def backtest_command(file: Path, *, as_json: bool, **given: Any) -> None:  # noqa: ANN401 - options, each declared above
    """Compare what a battery would have saved in a past: no battery, plain self-use, a rule on prices, the plan, and foresight.

    FILE is CSV with a header. Columns: at (ISO 8601, with an offset), load_w, pv_w, import_per_kwh, export_per_kwh, and foreseen_w
    (PV as it was foreseen the day before); only at and load_w are needed. Rows are means of 1, 5 or 15 minutes without a gap. The
    first third, and at most 14 days, is only learnt from. A day takes a second or two.
    """
    at, columns = _read(file, given["time_zone"])
    with _the_control_extra(), waiting("living it again ...", quiet=as_json):
        replayed = _replay(at, columns, given)
    document = _document(replayed)
    if as_json:
        print_json(document)
        return
    table = rows("Way", ">Cost a day", ">Saved a day", ">Imported", ">Exported", ">Given", ">Changes")
    for name, each in document["methods"].items():
        table.add_row(
            _TITLES[name],
            f"{each['cost_per_day']:.3f}",
            f"{each['saved_per_day']:.3f}",
            f"{each['imported_kwh']:.1f} kWh",
            f"{each['exported_kwh']:.1f} kWh",
            f"{each['discharged_kwh']:.1f} kWh",
            str(each["changes"]),
        )
    console = screen()
    console.print(
        line(f"{document['days']:g} days, in the currency of the prices; wear and what is left in the battery counted", "bold")
    )
    show(console, table)


def _replay(at: Sequence[datetime], columns: Mapping[str, Sequence[float]], given: Mapping[str, Any]) -> list[Replayed]:
    from indevolt.control.plan.past import PER_DAY, Terms, past_of
    from indevolt.control.plan.problem import BatteryModel
    from indevolt.control.plan.replay import Method, replay

    past = past_of(at, columns, import_per_kwh=given["import_price"], export_per_kwh=given["export_price"])
    days = past.quarters // PER_DAY
    if days < _LEAST_DAYS:
        raise InvalidInput(f"{past.quarters / PER_DAY:.1f} days are too few", remedy="Give at least two; two weeks say something.")
    battery = BatteryModel(
        capacity_wh=given["capacity_wh"],
        soc_pct=given["reserve_pct"],
        charge_w=given["charge_w"],
        discharge_w=given["discharge_w"],
        floor_pct=given["reserve_pct"],
        reserve_pct=given["reserve_pct"],
        wear_per_kwh=given["wear_per_kwh"],
    )
    terms = Terms(battery, grid_charging=not given["no_grid_charging"])
    return replay(past, terms, list(Method), first=min(_LEARNT_DAYS, max(1, days // 3)) * PER_DAY)


def _document(replayed: Sequence[Replayed]) -> dict[str, Any]:
    without = replayed[0].cost_per_day
    return {
        "days": replayed[0].days,
        "methods": {
            str(each.method): {
                "cost_per_day": round(each.cost_per_day, 5),
                "saved_per_day": round(without - each.cost_per_day, 5),
                "imported_kwh": round(each.tally.imported_wh / 1000, 3),
                "exported_kwh": round(each.tally.exported_wh / 1000, 3),
                "charged_kwh": round(each.tally.charged_wh / 1000, 3),
                "discharged_kwh": round(each.tally.discharged_wh / 1000, 3),
                "wear_cost": round(each.tally.wear_cost, 5),
                "changes": each.tally.switches,
            }
            for each in replayed
        },
    }


def _read(file: Path, time_zone: str) -> tuple[list[datetime], dict[str, list[float]]]:
    """Read the file.

    Raises:
        InvalidInput: it cannot be read, or a line of it.
    """
    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InvalidInput(f"--time-zone {time_zone!r} is not known here", remedy="Give one like Europe/Berlin.") from error
    at: list[datetime] = []
    columns: dict[str, list[float]] = {}
    try:
        with file.open(encoding="utf-8", newline="") as opened:
            for row in csv.DictReader(opened):
                at.append(_instant(row.pop("at", None), zone))
                for name, text in row.items():
                    columns.setdefault(name, []).append(float(text))
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror or error}") from error
    except (ValueError, TypeError, UnicodeError) as error:
        raise InvalidInput(
            f"{file}, line {len(at) + 1}: {error}", remedy="Every field but at is a number, and none is empty."
        ) from error
    return at, columns


def _instant(text: str | None, zone: ZoneInfo) -> datetime:
    if text is None:
        raise InvalidInput("there is no column at", remedy="Name the columns in the first line.")
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} has no offset, such as +01:00 or Z")
    return at.astimezone(zone)


@contextmanager
def _the_control_extra() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise InvalidInput(f"{error.name} is not installed", remedy='pip install "indevolt[control]"') from error
