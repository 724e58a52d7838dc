"""`indevolt set`, `mode`, `charge`, `discharge`, `hold`: writes, each followed until the device proves it or does not.

Typing the command is the owner's consent. How it is carried out is in ``leased``, by a hub in ``ordered``; what came of it is told
in ``outcome``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import Final

import click

from indevolt.battery import Charge, Command, Discharge, Hold, Schedule, SelfUse
from indevolt.catalogue import Model, Write, load, products
from indevolt.cli.ask import HubAt, through_hub_options
from indevolt.cli.leased import Order, Setting, Term, carry_out
from indevolt.cli.options import (
    Link,
    T,
    check_span,
    complete_mode,
    complete_settable,
    device_options,
    dry_run_option,
    folder_option,
    json_option,
    mode_words,
)
from indevolt.cli.ordered import carry_out_there
from indevolt.cli.outcome import plan_lines, plan_record, stage_line
from indevolt.cli.page import Subcommand
from indevolt.cli.screen import line, marks, print_json, screen
from indevolt.cli.session import with_device
from indevolt.control.ledger import Room
from indevolt.device import Device
from indevolt.device.bounds import bounded_plan
from indevolt.device.lease import LONGEST
from indevolt.errors import InvalidInput
from indevolt.transport import parse_address

_MODE_COMMANDS: Final[dict[str, Command]] = {"self_use": SelfUse(), "schedule": Schedule()}
_ENDING: Final = (
    "Exit code 0: the device shows it. 9: refused. 10: accepted, but not shown in time. 4: the device went away meanwhile. "
    "16: another program commands it. 18: what was before is not back. 19: written too often."
)


def write_options(command: Callable[..., T]) -> Callable[..., T]:
    """Add what every write takes; the command gets the ways to write as one :class:`_Way`."""

    @device_options
    @through_hub_options
    @folder_option
    @dry_run_option
    @json_option
    @wraps(command)
    def write(link: Link, *, hub: HubAt | None, folder: Path | None, dry_run: bool, as_json: bool, **rest: object) -> T:
        return command(_Way(link, hub, folder, dry_run, as_json), **rest)

    return write


@dataclass(frozen=True, slots=True)
class _Way:
    """Where and how something is to be written."""

    link: Link
    hub: HubAt | None
    folder: Path | None
    dry_run: bool
    as_json: bool


span_option: Final = click.option(
    "--for", "span", callback=check_span, metavar="TIME", help="Put back what was before after this time: 45s, 30m, 2h; up to 24h."
)
keep_option: Final = click.option("--keep", is_flag=True, help="Leave it so when this command ends; nobody will put anything back.")


@click.command(
    "set",
    epilog=_ENDING,
    cls=Subcommand,
    examples=[
        "indevolt set 192.168.1.20 backup_soc 20",
        "indevolt set 192.168.1.20 backup_soc 60 --for 12h",
        "indevolt set 192.168.1.20 grid_charging on --dry-run",
        "indevolt set cellar backup_soc 20 --hub http://127.0.0.1:8188",
    ],
)
@write_options
@click.argument("name", shell_complete=complete_settable)
@click.argument("values", nargs=-1, required=True, metavar="VALUE...")
@span_option
def set_command(way: _Way, name: str, values: tuple[str, ...], *, span: timedelta | None) -> int:
    """Write a setting and follow it until the device shows it.

    VALUE is in the unit that `indevolt points --settable` shows; on or off, a word, or a time like 22:30. Several values go to
    consecutive points. Put -- before a negative number. It stays, unless --for says how long.

    What moves the battery is no setting: that is what `indevolt charge`, `discharge` and `hold` are for.
    """
    return _write(way, Setting(name, values), _lasting(span))


@click.command(
    "mode",
    epilog=_ENDING,
    cls=Subcommand,
    examples=[
        "indevolt mode 192.168.1.20 self-use",
        "indevolt mode 192.168.1.20 self-use --for 2h",
        "indevolt mode 192.168.1.20 schedule --dry-run",
    ],
)
@write_options
@click.argument("mode", shell_complete=complete_mode)
@span_option
def mode_command(way: _Way, mode: str, *, span: timedelta | None) -> int:
    """Change the energy mode: self-use, schedule, ... It stays, unless --for says how long.

    `indevolt mode HOST self-use` ends whatever was left on purpose, at any time. Real-time mode is not entered by itself, but by
    charge, discharge and hold.
    """
    word = mode.strip().lower().replace("-", "_")
    if word.replace("_", "-") not in mode_words():
        raise InvalidInput(f"no mode {mode!r}", remedy=f"Modes: {', '.join(mode_words())}; a device may not have all of them.")
    return _write(way, _MODE_COMMANDS.get(word) or Setting("mode", (word,)), _lasting(span))


def move_options(done_pct: int) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Add what a charge and a discharge take; the range of the power is the device's, so it is checked against that."""

    def decorate(command: Callable[..., T]) -> Callable[..., T]:
        for option in (
            keep_option,
            span_option,
            click.option(
                "--soc", "soc_pct", default=done_pct, show_default=True, metavar="PCT", help="Done at this state of charge."
            ),
            click.option("--power", "power_w", type=int, required=True, metavar="W", help="Battery power in watts."),
            write_options,
        ):
            command = option(command)
        return command

    return decorate


@click.command(
    "charge",
    epilog=_ENDING,
    cls=Subcommand,
    examples=[
        "indevolt charge 192.168.1.20 --power 800 --soc 90",
        "indevolt charge 192.168.1.20 --power 800 --for 2h",
        "indevolt charge 192.168.1.20 --power 800 --soc 90 --keep",
        "indevolt charge cellar --power 800 --for 2h --hub http://127.0.0.1:8188",
    ],
)
@move_options(done_pct=100)
def charge_command(way: _Way, power_w: int, soc_pct: int, *, span: timedelta | None, keep: bool) -> int:
    """Charge with a power, until the state of charge is there, until the time has passed, or until Ctrl-C.

    Then what was before comes back: the command stays until then, a day at most. With --keep it ends at once and leaves the battery
    charging; `indevolt mode HOST self-use` ends that. A hub that is asked with --hub does the waiting itself.
    """
    return _write(way, Charge(power_w, soc_pct), _moving(span, keep=keep))


@click.command(
    "discharge",
    epilog=_ENDING,
    cls=Subcommand,
    examples=[
        "indevolt discharge 192.168.1.20 --power 400 --soc 20",
        "indevolt discharge 192.168.1.20 --power 400 --for 1h --json",
    ],
)
@move_options(done_pct=5)
def discharge_command(way: _Way, power_w: int, soc_pct: int, *, span: timedelta | None, keep: bool) -> int:
    """Discharge with a power, until the state of charge is there, until the time has passed, or until Ctrl-C.

    Then what was before comes back: the command stays until then, a day at most. With --keep it ends at once and leaves the battery
    discharging; `indevolt mode HOST self-use` ends that. A hub that is asked with --hub does the waiting itself.
    """
    return _write(way, Discharge(power_w, soc_pct), _moving(span, keep=keep))


@click.command(
    "hold",
    epilog=_ENDING,
    cls=Subcommand,
    examples=[
        "indevolt hold 192.168.1.20 --for 30m",
        "indevolt hold 192.168.1.20 --keep",
    ],
)
@write_options
@span_option
@keep_option
def hold_command(way: _Way, *, span: timedelta | None, keep: bool) -> int:
    """Stand by: neither charge nor discharge, until the time has passed or until Ctrl-C.

    Then what was before comes back: the command stays until then, a day at most. With --keep it ends at once and leaves the battery
    so; `indevolt mode HOST self-use` ends that. A hub that is asked with --hub does the waiting itself.
    """
    return _write(way, Hold(), _moving(span, keep=keep))


# ---- doing it --------------------------------------------------------------------------------------------------------


def _lasting(span: timedelta | None) -> Term:
    """Return how long a setting lasts."""
    return Term(for_good=True) if span is None else Term(for_good=False, span=span)


def _moving(span: timedelta | None, *, keep: bool) -> Term:
    """Return how long a command lasts that moves the battery: never for good by itself."""
    if keep and span is not None:
        raise InvalidInput("--keep and --for exclude each other", remedy="Give one of them.")
    return Term(for_good=keep, span=span or LONGEST)


def _write(way: _Way, order: Order, term: Term) -> int:
    if way.hub is not None:
        return carry_out_there(way.hub, way.link.host, order, term, dry_run=way.dry_run, as_json=way.as_json)
    if way.dry_run:
        _show_plan(way.link, order, term, as_json=way.as_json)
        return 0
    return carry_out(way.link, order, term, way.folder, as_json=way.as_json)


# ---- only showing it -------------------------------------------------------------------------------------------------


def _show_plan(link: Link, order: Order, term: Term, *, as_json: bool) -> None:
    address = parse_address(link.host)
    writes: Sequence[Write]
    notes: Sequence[str] = ("the device was not asked, so what it can do now is not considered",)
    model = _known_model(link)
    if model is not None:
        writes = (model.write(order.name, order.values),) if isinstance(order, Setting) else model.spell(order)
    else:

        async def ask(device: Device) -> tuple[Model, Sequence[Write], Sequence[str]]:
            return device.model, *await _plan(device, order, term)

        model, writes, notes = with_device(link, ask, doing=f"asking {link.host} what it is", quiet=as_json)
    if as_json:
        requests = [plan_record(write, address) for write in writes]
        print_json({"dry_run": True, "family": model.family, "requests": requests, "notes": list(notes)})
        return
    console = screen()
    console.print(line(f"Nothing is written. This would be sent to a {model.title} ({model.family}):"))
    for row in plan_lines(writes, address, model):
        console.print(row, soft_wrap=True)
    for note in notes:
        console.print(stage_line(marks(console)[2], "note", note, "yellow"))


async def _plan(device: Device, order: Order, term: Term) -> tuple[Sequence[Write], Sequence[str]]:
    """Return what a device would be sent now, and notes on it."""
    if isinstance(order, Setting):
        return (device.plan_write(order.name, *order.values),), ()
    plan = bounded_plan(await device.plan_command(order), device.model, Room(), None, for_good=term.for_good)
    notes = list(plan.notes)
    if getattr(plan.command, "soc_pct", None) != getattr(order, "soc_pct", None):
        notes.append("the target is as near as the fence wants it, and is moved on as the charge moves")
    if len(plan.writes) < len(plan.steps):
        notes.append("the mode is right already, so it is not written")
    return plan.writes, notes


def _known_model(link: Link) -> Model | None:
    """Return the family that was named; then nothing needs to be asked of the device."""
    if link.model is None:
        return None
    product = products().get(link.model)
    return load(product.family if product else link.model)
