"""`indevolt demo`: a simulated home and its hub, to see what this is without owning anything."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from indevolt.battery import Sample
from indevolt.cli.hub_extra import the_hub_extra
from indevolt.cli.live import HISTORY, sparkline
from indevolt.cli.options import NumberRange, json_option
from indevolt.cli.page import Subcommand
from indevolt.cli.render import sample_text
from indevolt.cli.screen import line, print_json_line, rows, screen
from indevolt.cli.session import environment, run

if TYPE_CHECKING:
    from indevolt.demo import Demo

_EVERY_S: Final = 1.0
_SHOWN: Final = (
    "mode",
    "system_state",
    "battery_soc",
    "battery_power",
    "solar_power",
    "ac_power",
    "meter_power",
    "battery_charge_energy_today",
    "battery_discharge_energy_today",
    "pv_energy_today",
)
_TREND: Final = ("battery_soc", "battery_power", "meter_power")


@click.command(
    "demo", cls=Subcommand, examples=["indevolt demo", "indevolt demo --speed 600", "indevolt demo --scenario winter-day"]
)
@click.option(
    "--scenario", default="demo", show_default=True, metavar="NAME", help="A shipped scenario; simulate --list shows them."
)
@click.option("--port", type=click.IntRange(1, 65535), metavar="PORT", help="Of the first unit; else 8080, or a free one.")
@click.option("--hub-port", type=click.IntRange(1, 65535), metavar="PORT", help="Of the hub; else 8188, or a free one.")
@click.option(
    "--speed",
    type=NumberRange(1, 3600),
    metavar="FACTOR",
    default=60.0,
    show_default=True,
    help="How many times faster than real the home's time passes.",
)
@click.option(
    "--control/--no-control",
    default=True,
    help="Let the hub decide: zero export for an hour of the home's time, then its plan; else only people do.",
)
@click.option("--discovery/--no-discovery", default=True, help="Answer discovery.")
@click.option(
    "--open/--no-open", "open_page", default=None, help="Open the hub's page in a browser; by default where there is a desktop."
)
@click.option("--count", type=click.IntRange(min=1), metavar="N", help="Stop after N pictures.")
@json_option
def demo_command(
    scenario: str,
    port: int | None,
    hub_port: int | None,
    speed: float,
    count: int | None,
    *,
    control: bool,
    discovery: bool,
    open_page: bool | None,
    as_json: bool,
) -> None:
    """Start a simulated home with two units and a meter, and the hub that keeps it; show both live until Ctrl-C.

    Everything is simulated, and nothing listens beyond this machine. Other programs may talk to units and hub meanwhile. Where more
    than two minutes pass in a second, the hub sees too little of the home to steer it, and only shows its plan.
    """
    with the_hub_extra():
        from indevolt.demo import running, settled  # the hub is an extra, and slow to import
    from indevolt.simulator.scenario import load, shipped

    chosen = load(shipped(scenario), name=scenario)
    clock = environment().clock

    async def show() -> None:
        starting = running(chosen, port=port, hub_port=hub_port, discovery=discovery, automatic=control, speed=speed, clock=clock)
        async with starting as demo:
            await settled(demo)
            if open_page or (open_page is None and count is None and not as_json and _has_desktop()):
                webbrowser.open(demo.page)
            console = screen()
            if as_json:
                await _repeat(count, lambda: print_json_line(_record(demo)))
            elif console.is_terminal:
                await _draw(demo, console, count)
            else:
                for note in _notes(demo):
                    console.print(line(note), soft_wrap=True)
                await _repeat(count, lambda: console.print(line(_line(demo)), soft_wrap=True))

    run(show())


def _has_desktop() -> bool:
    """Return whether a browser would open in a window of its own, and not in this terminal."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


async def _repeat(count: int | None, show: Callable[[], None]) -> None:
    seen = 0
    clock = environment().clock
    while count is None or seen < count:
        show()
        seen += 1
        if seen != count:
            await clock.sleep(_EVERY_S)


async def _draw(demo: Demo, console: Console, count: int | None) -> None:
    picture = _Picture(demo)
    with Live(console=console, auto_refresh=False) as live:
        await _repeat(count, lambda: live.update(picture.draw(console), refresh=True))


class _Picture:
    """A column for each unit, and how some quantities of the first went."""

    def __init__(self, demo: Demo) -> None:
        self._demo = demo
        self._trends: dict[tuple[str, str], list[float]] = {}

    def draw(self, console: Console) -> RenderableType:
        title, *notes = _notes(self._demo)
        keepers = self._demo.hub.keepers
        table = rows("Quantity", *(f">{name}" for name in keepers), "", "Trends")
        for quantity in _SHOWN:
            units = set()
            cells: list[Text] = []
            for keeper in keepers.values():
                sample = keeper.latest.sample(quantity)
                value, unit = ("", "") if sample is None else sample_text(sample)
                units.add(unit)
                cells.append(Text(value, style="bold"))
                if sample is not None and isinstance(sample.value, int | float):
                    trend = self._trends.setdefault((keeper.id, quantity), [])
                    trend.append(float(sample.value))
                    del trend[:-HISTORY]
            trends = [sparkline(self._trends[name, quantity]) for name in keepers if (name, quantity) in self._trends]
            drawn = "  ".join(trends) if quantity in _TREND and console.encoding.lower().startswith("utf") else ""
            table.add_row(Text(quantity), *cells, Text(next(iter(units - {""}), "")), Text(drawn, style="cyan"))
        head = Text.assemble((title, "bold"), f"  {self._demo.home.at.astimezone(UTC):%d %b %H:%M} there")
        return Group(
            head,
            *(Text(note, style="dim") for note in notes),
            Text(),
            table,
            Text(),
            Text(_house(self._demo)),
            *map(Text, _decided(self._demo)),
        )


def _house(demo: Demo) -> str:
    """Return what the house as a whole does, in words."""
    totals = demo.house.totals
    load_w, grid_w = totals["house_power"].value, totals["grid_power"].value
    if load_w is None or grid_w is None or totals["house_power"].missing:
        return "house: unknown"
    return f"house: takes {load_w:.0f} W, {abs(grid_w):.0f} W {'from' if grid_w >= 0 else 'to'} the grid"


def _decided(demo: Demo) -> Iterator[str]:
    """Yield what the hub decides and why; units of which the same is said are one line."""
    said: dict[str, list[str]] = {}
    for name, steering in demo.steering.items():
        said.setdefault(steering.why, []).append(name)
    for why, names in said.items():
        yield f"hub: {why}" if len(said) == 1 else f"hub, {' and '.join(names)}: {why}"


def _notes(demo: Demo) -> Sequence[str]:
    return list(_told(demo))


def _told(demo: Demo) -> Iterator[str]:
    units = demo.home.units
    first = next(iter(units.values()))
    yield f"{demo.home.play.scenario.title}: {len(units)} unit{'s' if len(units) > 1 else ''} and a meter, with a hub"
    yield f"Everything is simulated; its time passes {demo.speed:g} times as fast. Ctrl-C stops it. Three things to try next:"
    yield f"  {demo.page}  (the dashboard)"
    yield f"  indevolt watch {first.host}:{first.port} --fast --every 1"
    yield f"  indevolt charge {first.host}:{first.port} --power 500"


def _line(demo: Demo) -> str:
    parts = []
    for name, keeper in demo.hub.keepers.items():
        known = [sample for each in _SHOWN[:7] if (sample := keeper.latest.sample(each)) is not None]
        parts.append(f"{name}: {', '.join(_named(sample) for sample in known)}")
    return "; ".join((f"{demo.home.at:%Y-%m-%d %H:%M:%S}  {'  '.join(parts)}", _house(demo), *_decided(demo)))


def _named(sample: Sample) -> str:
    """Return a value with its unit, and its name where there are several of that unit."""
    text = " ".join(sample_text(sample)).strip()
    return f"{sample.name} {text}" if sample.unit == "W" else text


def _record(demo: Demo) -> dict[str, object]:
    return {
        "at": demo.home.at.isoformat(),
        "simulated": True,
        "url": demo.url,
        "token": demo.token,
        "units": {
            name: {each: sample.value for each in _SHOWN if (sample := keeper.latest.sample(each)) is not None}
            for name, keeper in demo.hub.keepers.items()
        },
        "steering": {
            name: {"owner": each.owner.value, "why": each.why, "reasons": [reason.text for reason in each.reasons]}
            for name, each in demo.steering.items()
        },
    }
