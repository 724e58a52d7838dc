"""`indevolt info` and `indevolt get`: what a device is, and what it says once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import click
from rich.console import Console
from rich.text import Text

from indevolt.battery import Limit, Limits, Quality, Reading
from indevolt.cli.options import Link, complete_readable, device_options, json_option
from indevolt.cli.page import Subcommand
from indevolt.cli.render import (
    asked_table,
    duration_text,
    grouped_table,
    limits_record,
    not_live_lines,
    phrase,
    plain,
    reading_record,
)
from indevolt.cli.screen import line, print_json, rows, screen, show
from indevolt.cli.session import with_device
from indevolt.device import Device
from indevolt.protocol.messages import GetData, Raw

_BATCH: Final = 50  # points in one request; more gave 400 on real devices (protocol.md, section 3.1)
_TOLD: Final = ("mode", "battery_state", "battery_soc", "system_soc", "rated_capacity", "cluster_role")
_LAST_FACT: Final = "State of charge"  # what comes after it are quantities by name


@click.command(
    "get",
    cls=Subcommand,
    examples=[
        "indevolt get 192.168.1.20",
        "indevolt get 192.168.1.20 battery_soc battery_power",
        "indevolt get 192.168.1.20 --json | jq .values.battery_soc.value",
    ],
)
@device_options
@click.argument("names", nargs=-1, metavar="[NAME|NUMBER]...", shell_complete=complete_readable)
@click.option("--raw", is_flag=True, help="Show the values as the device sends them, by point number.")
@json_option
def get_command(link: Link, names: tuple[str, ...], *, raw: bool, as_json: bool) -> None:
    """Read quantities once; all of them if none is named.

    Power is positive when it flows into the house: import, PV, a discharging battery. What a device does not know is told in
    words, never as 0.
    """
    console = screen()
    if raw:
        _show_raw(*_read_raw(link, names, quiet=as_json), console, as_json=as_json)
        return

    async def read(device: Device) -> tuple[Device, Reading]:
        return device, await device.read(*names)

    device, reading = with_device(link, read, doing=f"reading {link.host}", quiet=as_json)
    if as_json:
        print_json(reading_record(reading))
    elif names:
        show(console, asked_table(reading, device.model))
    else:
        show(console, grouped_table(reading, device.model))
        for quality, what in not_live_lines(reading, device.model):
            console.print()
            console.print(line(f"{quality.capitalize()}: {what}", "dim"))
        for name, why in device.quarantine.items():
            console.print(line(f"{name} spoils whole replies: {why}", "yellow"))


def _read_raw(link: Link, names: tuple[str, ...], *, quiet: bool) -> tuple[dict[str, str], dict[str, Raw]]:
    async def read(device: Device) -> tuple[dict[str, str], dict[str, Raw]]:
        points = [device.model.point(name) for name in names] if names else device.model.readable()
        wanted = {point.read.key: point.name for point in points if point.read}
        numbers = [int(key) for key in wanted]
        values: dict[str, Raw] = {}
        for start in range(0, len(numbers), _BATCH):
            values.update((await device.exchange(GetData(tuple(numbers[start : start + _BATCH])))).values)
        return wanted, values

    return with_device(link, read, doing=f"reading {link.host}", quiet=quiet)


def _show_raw(wanted: dict[str, str], values: dict[str, Raw], console: Console, *, as_json: bool) -> None:
    if as_json:
        print_json(values)
        return
    table = rows(">Point", "Quantity", "Raw?")
    for key, name in wanted.items():
        table.add_row(key, name, line(repr(values[key])) if key in values else Text("absent", style="dim"))
    show(console, table)


@click.command(
    "info",
    cls=Subcommand,
    examples=[
        "indevolt info 192.168.1.20",
        "indevolt info battery.lan:8080 --json",
    ],
)
@device_options
@json_option
def info_command(link: Link, *, as_json: bool) -> None:
    """Show what a device is: family with evidence, firmware, battery modules, limits with their causes."""

    async def ask(device: Device) -> tuple[Device, Reading, Limits]:
        names = [point.name for point in device.model.readable() if point.group == "identity"]
        names += [name for name in _TOLD if name in device.model.points]
        return device, await device.read(*names), await device.limits()

    device, reading, limits = with_device(link, ask, doing=f"asking {link.host}", quiet=as_json)
    if as_json:
        print_json(_info_record(device, reading, limits))
        return
    console = screen()
    table = rows("", "?", headers=False)
    for label, text in _info_rows(device, reading, limits):
        table.add_row(Text(label, style="bold"), line(text))
        if label == _LAST_FACT:
            table.add_row()
    show(console, table)
    for warning in device.warnings:
        console.print(line(f"! {warning}", "yellow"))


def _info_rows(device: Device, reading: Reading, limits: Limits) -> Iterator[tuple[str, str]]:
    product = f"{device.product.title}, {device.model.title}" if device.product else device.model.title
    yield "Device", f"{product} ({device.family}) at {device.address}"
    yield "Serial number", device.serial or "not told"
    yield "Recognized by", "; ".join(device.evidence)
    yield "Firmware", f"{device.system.text('fw') or 'not told'}, minimum for this API {device.model.identity.minimum_firmware}"
    uptime = device.system.device.get("run_time")
    if isinstance(uptime, int | float):
        yield "Running for", duration_text(uptime)
    yield "Charging", f"up to {_limit_text(limits.charge)}"
    yield "Discharging", f"up to {_limit_text(limits.discharge)}"
    yield _LAST_FACT, f"down to {_limit_text(limits.soc_min)}"
    for name, sample in reading.items():
        if sample.quality is Quality.LIVE:
            yield name, phrase(sample.value, sample.unit)


def _limit_text(limit: Limit) -> str:
    return f"{phrase(limit.value, limit.unit)}: {limit.cause}"


def _info_record(device: Device, reading: Reading, limits: Limits) -> dict[str, Any]:
    return {
        "address": device.address,
        "serial": device.serial,
        "family": device.family,
        "product": device.product.name if device.product else None,
        "evidence": list(device.evidence),
        "firmware": str(device.firmware) if device.firmware else None,
        "minimum_firmware": device.model.identity.minimum_firmware,
        "system": dict(device.system.device),
        "values": {name: plain(sample.value) for name, sample in reading.items() if sample.quality is Quality.LIVE},
        "limits": limits_record(limits),
        "warnings": list(device.warnings),
    }
