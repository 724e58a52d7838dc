"""`indevolt lease`: who may command a battery now, what will be put back, how often was written; and ending what was left.

Leases are files of this user on this machine; their meaning is in ``indevolt.device.lock``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from indevolt.cli.options import Link, device_options, folder_option, json_option
from indevolt.cli.page import Subcommand
from indevolt.cli.render import plain
from indevolt.cli.screen import line, marks, print_json, rows, screen, show, waiting
from indevolt.cli.session import environment, run, with_device
from indevolt.cli.watchdog import of_the_hub, ways
from indevolt.control.ledger import Budget
from indevolt.device import Device
from indevolt.device.lock import LeaseFile, leases_in
from indevolt.device.watchdog import Finding, Watchdog
from indevolt.errors import NotRestored
from indevolt.transport import parse_address


@click.command(
    "lease",
    cls=Subcommand,
    examples=["indevolt lease 192.168.1.20", "indevolt lease 192.168.1.20 --release", "indevolt lease 192.168.1.20 --json"],
)
@device_options
@folder_option
@click.option("--release", is_flag=True, help="Put back what was before, if the program that holds it is dead or hangs.")
@json_option
def lease_command(link: Link, *, folder: Path | None, release: bool, as_json: bool) -> int:
    """Show which program of this user may command a battery, and what will be put back when it is done.

    A program that lives keeps its lease: stop it, and it puts things back by itself. With --release, what a dead one left is put
    back now, and one that hangs is taken over from, after 15 s without a sign of life.
    """
    chosen, passwords = of_the_hub(None)
    files = _find(link, folder or chosen)
    if release:
        given, found = environment(), list[Finding]()
        watchdog = Watchdog(files.folder, given.clock, ways(given, passwords, link.password), found.append)
        with waiting("looking for a sign of life, and putting back what was before", quiet=as_json):
            run(watchdog.release(files))
        if any(each.remedy for each in found):
            raise NotRestored(found[-1].text, remedy=found[-1].remedy)
    document = _document(files)
    if as_json:
        print_json(document)
    else:
        _tell(document)
    return 0


def _find(link: Link, folder: Path) -> LeaseFile:
    """Return the lease of a device by its serial number or address; a device that nothing is known of is asked who it is."""
    address = parse_address(link.host)
    for files in leases_in(folder):
        record = files.load()
        if link.host == record.serial or (record.address and parse_address(record.address) == address):
            return files

    async def serial_of(device: Device) -> str:
        return device.serial or device.address

    return LeaseFile(folder, with_device(link, serial_of, doing=f"asking {link.host} who it is", quiet=True))


def _document(files: LeaseFile) -> dict[str, Any]:
    record, clock = files.load(), environment().clock
    budgets = record.ledger.budgets(max(clock.now().timestamp(), record.ledger.latest_s()))
    held = files.locked()
    return {
        "serial": files.serial,
        "address": record.address or None,
        "held": held,
        "holder": None
        if record.holder is None
        else {
            "actor": record.holder.actor,
            "pid": record.holder.pid,
            "host": record.holder.host,
            "since": record.holder.since.isoformat(timespec="seconds"),
        },
        "until": record.until and record.until.isoformat(timespec="seconds"),
        "reason": record.reason,
        "puts_back": {name: plain(value) for name, value in record.snapshot.settings.items()} if record.snapshot else None,
        "left_behind": record.snapshot is not None and not held,
        "budgets": [_budget(each) for each in budgets],
        "journal": str(files.journal_path),
    }


def _budget(each: Budget) -> dict[str, Any]:
    return {
        "name": each.name,
        "used": each.used,
        "most": each.allowance.most,
        "left": each.left,
        "free_in_s": round(each.free_in_s),
    }


def _tell(document: Mapping[str, Any]) -> None:
    console = screen()
    good, bad, note = marks(console)
    holder = document["holder"]
    if document["left_behind"]:
        console.print(line(f"{bad} the program that commanded it is gone, and what was before is not back", "red"))
        console.print(line("  next: indevolt lease HOST --release, or run `indevolt watchdog`"), soft_wrap=True)
    elif document["held"] and holder:
        who = f"{holder['actor']}, process {holder['pid']} on {holder['host']}, since {holder['since']}"
        console.print(line(f"{note} held by {who}{', until ' + document['until'] if document['until'] else ''}"), soft_wrap=True)
    else:
        console.print(line(f"{good} nobody holds the lease of {document['serial']}"))
    if document["puts_back"]:
        console.print(
            line(f"  puts back: {', '.join(f'{name} {value}' for name, value in document['puts_back'].items())}"), soft_wrap=True
        )
    table = rows("written", ">used", ">most", ">next in")
    for each in document["budgets"]:
        table.add_row(each["name"], str(each["used"]), str(each["most"]), f"{each['free_in_s']} s" if each["free_in_s"] else "now")
    show(console, table)
