"""`indevolt watch`: the same quantities again and again, as a picture, as lines, or as JSON lines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Final

import click
from rich.console import Console
from rich.live import Live

from indevolt.battery import Quality, Reading
from indevolt.cli.live import Picture, usual
from indevolt.cli.options import Link, complete_readable, device_options, json_option
from indevolt.cli.page import Subcommand
from indevolt.cli.render import reading_record, sample_text
from indevolt.cli.screen import line, print_json_line, screen
from indevolt.cli.session import with_device
from indevolt.device import Device
from indevolt.errors import InvalidInput

RECOMMENDED_S: Final = 5.0  # between polls, says the vendor; 1 s is the minimum (protocol.md, section 7)

Show = Callable[[Device, Reading], None]


@click.command(
    "watch",
    cls=Subcommand,
    examples=[
        "indevolt watch 192.168.1.20",
        "indevolt watch 192.168.1.20 battery_power meter_power --every 10",
        "indevolt watch 192.168.1.20 battery_soc --json >> soc.jsonl",
    ],
)
@device_options
@click.argument("names", nargs=-1, metavar="[NAME|NUMBER]...", shell_complete=complete_readable)
@click.option(
    "--every",
    "every_s",
    type=float,
    default=RECOMMENDED_S,
    show_default=True,
    metavar="S",
    help="Seconds from one reading to the next.",
)
@click.option("--fast", is_flag=True, help="Allow less than 5 s; other clients may then get no answer.")
@click.option("--count", type=click.IntRange(min=1), metavar="N", help="Stop after N readings.")
@json_option
def watch_command(link: Link, names: tuple[str, ...], every_s: float, *, fast: bool, count: int | None, as_json: bool) -> None:
    """Read quantities again and again, until Ctrl-C; the usual ones if none is named.

    On a terminal it shows a live table, elsewhere one line for each reading. A device that falls silent is watched on: its old
    values then show their age.
    """
    if every_s < RECOMMENDED_S and not fast:
        raise InvalidInput(
            f"--every {every_s:g}: the vendor recommends at least {RECOMMENDED_S:g} s between polls",
            remedy="Add --fast if nothing else needs the device; the least is 1 s.",
        )
    if every_s < RECOMMENDED_S:
        screen(stderr=True).print(line(f"! every {every_s:g} s: other clients of this device may get no answer", "yellow"))

    async def watch(device: Device) -> None:
        wanted = names or usual(device.model)
        if as_json:
            await follow(device, wanted, every_s, count, print_record)
            return
        console = screen()
        if not console.is_terminal:
            await follow(device, wanted, every_s, count, lambda _, reading: print_line(console, device, reading))
            return
        picture = Picture(device.model, f"{title_of(device)}, every {every_s:g} s")
        with Live(console=console, auto_refresh=False) as live:

            def redraw(device: Device, reading: Reading) -> None:
                picture.take(reading, device.trouble)
                live.update(picture.draw(console), refresh=True)

            await follow(device, wanted, every_s, count, redraw)

    with_device(link, watch, doing=f"asking {link.host} what it is", quiet=True)


def title_of(device: Device) -> str:
    """Return how to call a device in a heading."""
    return f"{device.product.title if device.product else device.model.title} {device.serial} at {device.address}"


async def follow(device: Device, names: tuple[str, ...], every_s: float, count: int | None, show: Show) -> None:
    """Show one reading after another."""
    seen = 0
    async for reading in device.watch(*names, every_s=every_s):
        show(device, reading)
        seen += 1
        if seen == count:
            return


def print_record(device: Device, reading: Reading) -> None:
    """Print a reading as a line of JSON."""
    record = reading_record(reading)
    if device.trouble is not None:
        record["trouble"] = str(device.trouble)
    print_json_line(record)


def print_line(console: Console, device: Device, reading: Reading) -> None:
    """Print a reading as a line for people."""
    at = f"{reading.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    if device.trouble is not None and all(sample.quality is not Quality.LIVE for sample in reading.values()):
        console.print(line(f"{at}  no answer: {device.trouble}"))
        return
    parts = [" ".join(filter(None, (name, *sample_text(sample)))) for name, sample in reading.items()]
    console.print(line(f"{at}  {', '.join(parts)}"), soft_wrap=True)
