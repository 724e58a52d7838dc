"""`indevolt demo`: a virtual battery and its live values, to see what this is without owning one."""

from __future__ import annotations

from datetime import UTC

import click
from rich.console import Console
from rich.live import Live

from indevolt.battery import Reading
from indevolt.catalogue import products
from indevolt.cli.live import Picture, usual
from indevolt.cli.options import json_option
from indevolt.cli.page import Subcommand
from indevolt.cli.screen import line, screen
from indevolt.cli.session import environment, run
from indevolt.cli.watch import follow, print_line, print_record
from indevolt.demo import Demo, running
from indevolt.device import Device

_EVERY_S = 1.0  # a virtual device has no other clients to starve


@click.command("demo", cls=Subcommand, examples=["indevolt demo", "indevolt demo --model solidflex3000 --speed 600"])
@click.option(
    "--model", default="powerflex2000", show_default=True, type=click.Choice(list(products())), metavar="MODEL", help="Product."
)
@click.option(
    "--host", metavar="ADDRESS", default="127.0.0.1", show_default=True, help="Address that the virtual battery listens on."
)
@click.option(
    "--port", type=click.IntRange(1, 65535), metavar="PORT", help="Its TCP port; else 8080, or a free one where that is taken."
)
@click.option(
    "--speed",
    type=click.FloatRange(0.1, 3600),
    metavar="FACTOR",
    default=60.0,
    show_default=True,
    help="How many times faster than real its day goes.",
)
@click.option("--discovery/--no-discovery", default=True, help="Answer discovery.")
@click.option("--count", type=click.IntRange(min=1), metavar="N", help="Stop after N readings.")
@json_option
def demo_command(
    model: str, host: str, port: int | None, speed: float, count: int | None, *, discovery: bool, as_json: bool
) -> None:
    """Start a virtual battery, read it through a real socket, and show its values live until Ctrl-C.

    Everything shown is simulated: sun, house and battery. Other programs may talk to it meanwhile.
    """
    clock = environment().clock

    async def show() -> None:
        async with running(model, host=host, port=port, discovery=discovery, speed=speed, clock=clock) as demo:
            console = screen()
            names = usual(demo.battery.model)
            if as_json:
                await follow(demo.battery, names, _EVERY_S, count, print_record)
            elif console.is_terminal:
                await _draw(demo, console, names, count)
            else:
                for note in _notes(demo):
                    console.print(line(note), soft_wrap=True)
                await follow(demo.battery, names, _EVERY_S, count, lambda device, reading: print_line(console, device, reading))

    run(show())


async def _draw(demo: Demo, console: Console, names: tuple[str, ...], count: int | None) -> None:
    title, *notes = _notes(demo)
    picture = Picture(demo.battery.model, title, notes)
    with Live(console=console, auto_refresh=False) as live:

        def redraw(device: Device, reading: Reading) -> None:
            picture.take(reading, device.trouble)
            its_own = demo.simulator.clock.now().astimezone(UTC)
            live.update(picture.draw(console, f", {its_own:%H:%M} in its own day"), refresh=True)

        await follow(demo.battery, names, _EVERY_S, count, redraw)


def _notes(demo: Demo) -> list[str]:
    address = f"{demo.virtual.host}:{demo.virtual.port}"
    product, modules = demo.simulator.product.title, demo.simulator.modules
    return [
        f"virtual {product}, {modules} battery modules",
        f"Sun, house and battery are made up; its day goes {demo.speed:g} times as fast. Ctrl-C stops it. In another terminal:",
        f"  indevolt get {address}",
        f"  indevolt charge {address} --power 800",
    ]
