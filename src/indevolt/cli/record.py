"""`indevolt record`: one pass over everything a device tells, into a file that `indevolt simulate --state` and tests replay.

A device that nobody can tell is worth recording most, so this asks for the points of every family and needs no model. What the
file looks like belongs to ``transport``, what is made anonymous to ``recording``.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from indevolt.catalogue import families, identify, load
from indevolt.cli.options import Link, device_options, json_option
from indevolt.cli.page import Subcommand
from indevolt.cli.recording import Anonymous
from indevolt.cli.screen import line, print_json, screen
from indevolt.cli.session import Environment, environment, with_password
from indevolt.device.batches import Batches
from indevolt.errors import InvalidInput, NotFound, UnknownModel
from indevolt.protocol.messages import Raw, SysConfig, SysGetConfig, WifiGetStatus
from indevolt.transport import HttpTransport, Paced, Recorded, parse_address


@dataclass(frozen=True, slots=True)
class Recording:
    """What is in a file that was just written."""

    system: SysConfig
    values: dict[str, Raw]
    wifi: bool
    quarantined: int
    replaced: int

    @property
    def family(self) -> str | None:
        """The family that the answers speak for, if they do."""
        try:
            return identify(self.system.device, self.values).family
        except UnknownModel:
            return None


@click.command(
    "record",
    cls=Subcommand,
    examples=["indevolt record 192.168.1.20 battery.jsonl", "indevolt simulate --state battery.jsonl"],
)
@device_options
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--keep-identity", is_flag=True, help="Keep serial numbers, addresses and network name as they are.")
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
@json_option
def record_command(link: Link, file: Path, *, keep_identity: bool, force: bool, as_json: bool) -> None:
    """Capture a device into FILE: what it is, every point that it answers, and its Wi-Fi status.

    Serial numbers, MAC address, network name and addresses are replaced, so the file can be given away. It takes some ten seconds.
    """
    _require_free(file, force=force)
    given = environment()
    part = file.with_name(file.name + ".part")

    async def session(chosen: Link) -> Recording:
        return await _capture(chosen, part, given, keep_identity=keep_identity)

    try:
        recording = with_password(link, session, doing=f"recording {link.host}", quiet=as_json)
        part.replace(file)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    if as_json:
        print_json({"file": str(file), **_summary(recording)})
    else:
        _tell(recording, file, keep_identity=keep_identity)


def _require_free(file: Path, *, force: bool) -> None:
    if file.exists() and not file.is_file():
        raise InvalidInput(f"{file} is no ordinary file, so it is not replaced")
    if force or not file.exists():
        return
    if not sys.stdin.isatty():
        raise InvalidInput(f"{file} exists", remedy="Add --force to replace it.")
    click.confirm(f"{file} exists. Replace it?", abort=True, err=True)


async def _capture(link: Link, file: Path, given: Environment, *, keep_identity: bool) -> Recording:
    http = HttpTransport(
        parse_address(link.host),
        password=link.password,
        deadline_s=link.timeout_s,
        ca_file=link.ca_file,
        fingerprint=link.fingerprint,
    )
    paced = Paced(http, given.clock, spacing_s=given.spacing_s)
    anonymous = None if keep_identity else Anonymous(paced)
    capture = Recorded.capture(anonymous or paced, file, given.clock)
    try:
        system = await capture.exchange(SysGetConfig())
        batches = Batches(capture, given.clock)
        values: dict[str, Raw] = {}
        for answer in await batches.fetch(_every_point()):
            values.update(answer.values)
        wifi = True
        try:
            await capture.exchange(WifiGetStatus())
        except NotFound:
            wifi = False
    finally:
        await capture.close()
    return Recording(system, values, wifi, len(batches.quarantine), len(anonymous.replaced) if anonymous else 0)


def _every_point() -> tuple[int, ...]:
    sides = (point.read for family in families() for point in load(family).readable())
    return tuple(sorted({side.at for side in sides if side}))


def _summary(recording: Recording) -> dict[str, Any]:
    return {
        "type": recording.system.text("type"),
        "firmware": recording.system.text("fw"),
        "family": recording.family,
        "points": len(recording.values),
        "wifi": recording.wifi,
        "spoiling_points": recording.quarantined,
        "replaced": recording.replaced,
    }


def _tell(recording: Recording, file: Path, *, keep_identity: bool) -> None:
    console = screen()
    what = f"type {recording.system.text('type') or 'not told'}, firmware {recording.system.text('fw') or 'not told'}"
    console.print(line(f"{file}: {what}, {len(recording.values)} points", "bold"))
    if not recording.wifi:
        console.print("  no Wi-Fi status: this device does not tell it")
    if recording.quarantined:
        console.print(f"  {recording.quarantined} points spoil whole replies and were left out")
    if keep_identity:
        console.print("  ! serial numbers, addresses and network name are in it: think before you give it away", style="yellow")
    else:
        console.print(f"  {recording.replaced} serial numbers, addresses and names were replaced")
    if recording.family is None:
        console.print("  its family cannot be told; please send us this file")
    console.print(f"  replay it: indevolt simulate --state {file}")
