"""`indevolt backtest`: what a battery would have saved in a past, run in several ways; the past is a file's or a hub's history.

Where the past comes from is here; living it again is ``control.plan.replay``'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from indevolt.cli.ask import HubAt, hub_options
from indevolt.cli.battery_options import BatteryGiven, battery_options
from indevolt.cli.options import json_option
from indevolt.cli.page import Subcommand
from indevolt.cli.screen import line, marks, print_json, rows, screen, show, waiting
from indevolt.cli.series_file import read_series, the_control_extra, zone_named
from indevolt.errors import InvalidInput

if TYPE_CHECKING:
    from indevolt.control.plan.past import Past
    from indevolt.control.plan.problem import BatteryModel
    from indevolt.control.plan.replay import Replayed

_TITLES: Final = {
    "no_battery": "no battery",
    "self_use": "self-use",
    "rule": "price rule",
    "plan": "plan",
    "foresight": "perfect foresight",
}
_LEAST_DAYS: Final = 2
_LEARNT_DAYS: Final = 14  # at most a third of the past: what methods learn from before they are compared
_QUARTER_S: Final = 900


@dataclass(frozen=True, slots=True)
class _Site:
    """A past, with what is known of its battery and its money."""

    past: Past
    currency: str = ""  # empty: nobody says
    figures: Mapping[str, float] | None = None  # of the battery, as the hub knows it
    reserve_pct: float | None = None
    notes: tuple[str, ...] = ()


@click.command(
    "backtest",
    cls=Subcommand,
    examples=[
        "indevolt backtest year.csv --model powerflex2000 --modules 2",
        "indevolt backtest year.csv --import-price 0.34 --export-price 0.08 --json",
        "indevolt backtest --days 14",
        "indevolt backtest --hub http://hub.local:8188 --capacity 8000",
    ],
)
@click.argument("past", metavar="[FILE]", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.option("--days", type=click.IntRange(2, 90), metavar="N", help="Of the hub's history.  [default: 28]")
@battery_options
@click.option("--reserve", "reserve_pct", type=click.FloatRange(0, 99), metavar="PCT", help="Nothing is given below this.")
@click.option("--import-price", type=float, metavar="PER_KWH", help="Where the file has no column import_per_kwh.")
@click.option("--export-price", type=float, metavar="PER_KWH", help="Where it has no column export_per_kwh.  [usual: 0]")
@click.option("--time-zone", default="UTC", show_default=True, help="Of the site in a file.")
@click.option("--no-grid-charging", is_flag=True, help="Energy of the grid is not stored.")
@hub_options
@json_option
def backtest_command(
    hub: HubAt,
    *,
    past: Path | None,
    days: int | None,
    battery: BatteryGiven,
    reserve_pct: float | None,
    as_json: bool,
    **given: Any,  # noqa: ANN401 - options, each declared above
) -> None:
    """Compare what a battery would have saved in a past: no battery, plain self-use, a rule on prices, the plan, and foresight.

    Without FILE, the past is what the hub kept of its site, at the prices that it knew, with its battery as it is; options say
    otherwise. FILE is CSV with a header. Columns: at (ISO 8601, with an offset), load_w, pv_w, import_per_kwh, export_per_kwh, and
    foreseen_w (PV as it was foreseen the day before); only at and load_w are needed. Rows are means of 1, 5 or 15 minutes without a
    gap. The first third, and at most 14 days, is only learnt from. A day takes a second or two.
    """
    if past is not None and days is not None:
        raise InvalidInput("--days is of the hub's history", remedy="Leave it out, or leave FILE out.")
    with the_control_extra(), waiting("living it again ...", quiet=as_json):
        site = _of_hub(hub, days or 28) if past is None else _of_file(past, given)
        floor_pct = next(each for each in (reserve_pct, site.reserve_pct, 5.0) if each is not None)
        model = battery.built(soc_pct=floor_pct, reserve_pct=floor_pct, known=site.figures)
        replayed = _replay(site.past, model, given)
    document = _document(replayed) | {"currency": site.currency, "notes": list(site.notes), "battery": _told(model)}
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
    money = site.currency or "the currency of the prices"
    console.print(line(f"{document['days']:g} days, in {money}; wear and what is left in the battery counted", "bold"))
    show(console, table)
    figures = f"{model.capacity_wh:.0f} Wh, {model.charge_w:.0f} W in, {model.discharge_w:.0f} W out, {model.floor_pct:g} % kept"
    console.print(line(f"a battery of {figures}", "dim"))
    for text in site.notes:
        console.print(line(f"{marks(console)[2]} {text}"))


def _of_file(file: Path, given: Mapping[str, Any]) -> _Site:
    from indevolt.control.plan.past import past_of

    zone = zone_named(given["time_zone"])
    at, columns = read_series(file, zone)
    utc = [each.astimezone(UTC) for each in at]  # by which rows follow one another also where clocks are set
    past = past_of(utc, columns, import_per_kwh=given["import_price"], export_per_kwh=given["export_price"] or 0.0)
    return _Site(replace(past, start=past.start.astimezone(zone)))


def _of_hub(hub: HubAt, days: int) -> _Site:
    """Return what a hub kept of its site: the last days in one piece, at the prices that it knew."""
    from indevolt.control.plan.past import past_of
    from indevolt.hub.planner.quarters import on_grid, quarters
    from indevolt.hub.planner.site_past import last_stretch

    told = hub.get("plan")
    zone = zone_named(told["time_zone"])
    today = hub.get("prices")
    if not today["slots"]:
        raise InvalidInput(f"the hub knows no prices: {today['reason'] or 'its source has told none yet'}", remedy="See [tariff].")
    end = datetime.fromisoformat(today["slots"][0]["start"])  # where today begins, by the hub's clock
    start = (end - timedelta(days=days)).isoformat()
    history = hub.get("site/history", names="house_power,solar_power", start=start, end=end.isoformat(), step=_QUARTER_S)
    times = [datetime.fromisoformat(text).astimezone(UTC) for text in history["times"]]
    if all(value is None for value in history["columns"]["house_power"]):
        raise InvalidInput("the hub has no history of its site", remedy="Give it some days, or give a file.")
    until = times[-1] + timedelta(seconds=_QUARTER_S)
    grid = quarters(times[0], until)
    load, sun = (on_grid(times, history["columns"][name], grid) for name in ("house_power", "solar_power"))
    rates = _rates(hub, grid[0], until)
    first, load_w, pv_w = last_stretch(load, sun, [at in rates for at in grid])
    if len(grid) - first < _LEAST_DAYS * 96:
        facts = f"of the last {days} days, {(len(grid) - first) / 96:.1f} have history without a long gap, and prices"
        raise InvalidInput(facts, remedy="It needs two; or give a file.")
    span = grid[first:]
    columns = {
        "load_w": load_w,
        "pv_w": pv_w,
        "import_per_kwh": [rates[at][0] for at in span],
        "export_per_kwh": [rates[at][1] for at in span],
    }
    past = past_of(span, columns)
    battery = told["battery"]
    notes = ["prices or batteries of this hub are simulated"] if told["simulated"] else []
    if first:
        notes.append(f"it begins at {span[0].astimezone(zone):%Y-%m-%d %H:%M}, behind a gap of history or prices")
    names = ("capacity_wh", "charge_w", "discharge_w")
    figures = None if battery is None else {name: float(battery[name]) for name in names}
    past = replace(past, start=past.start.astimezone(zone))
    return _Site(past, told["currency"], figures, told["reserve_pct"], tuple(notes))


def _rates(hub: HubAt, start: datetime, end: datetime) -> dict[datetime, tuple[float, float]]:
    """Return what was paid and brought in each quarter of an hour, as far as it was known and not guessed."""
    found: dict[datetime, tuple[float, float]] = {}
    for slot in hub.get("prices", start=start.isoformat(), end=end.isoformat())["slots"]:
        at, until = (datetime.fromisoformat(slot[name]).astimezone(UTC) for name in ("start", "end"))
        while slot["known"] and at < until:
            found[at] = (slot["import_price"], slot["export_price"])
            at += timedelta(seconds=_QUARTER_S)
    return found


def _replay(past: Past, battery: BatteryModel, given: Mapping[str, Any]) -> list[Replayed]:
    from indevolt.control.plan.past import PER_DAY, Terms
    from indevolt.control.plan.replay import Method, replay

    days = past.quarters // PER_DAY
    if days < _LEAST_DAYS:
        raise InvalidInput(f"{past.quarters / PER_DAY:.1f} days are too few", remedy="Give at least two; two weeks say something.")
    terms = Terms(battery, grid_charging=not given["no_grid_charging"])
    return replay(past, terms, list(Method), first=min(_LEARNT_DAYS, max(1, days // 3)) * PER_DAY)


def _told(battery: BatteryModel) -> dict[str, float]:
    names = ("capacity_wh", "charge_w", "discharge_w", "floor_pct", "wear_per_kwh")
    return {name: getattr(battery, name) for name in names}


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
