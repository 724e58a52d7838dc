"""Writing to a device through its lease: one writer at a time, bounded, and put back, unless it is to stay.

The rules are the library's (``indevolt.device.lease``). Here they meet a person: how long something lasts, Ctrl-C, and where to
turn when a hub holds the lease.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeAlias

import click

from indevolt.battery import Command, Outcome, Stage, Value, in_words
from indevolt.catalogue import Model
from indevolt.cli.ask import hub_here
from indevolt.cli.ending import INTERRUPTED
from indevolt.cli.options import Link
from indevolt.cli.outcome import UNPROVEN, code_of, outcome_lines, outcome_record
from indevolt.cli.screen import line, marks, print_json, screen, waiting
from indevolt.cli.session import environment, with_device
from indevolt.clock import Clock
from indevolt.control.ledger import reached
from indevolt.device import Device
from indevolt.device.lease import LONGEST, Lease
from indevolt.device.lock import LeaseFile, lease_folder
from indevolt.errors import ForeignWriter, IndevoltError, InvalidInput, LeaseHeld

LOOK_S: Final = 30.0  # between two looks at the charge; at any power it moves by less than 1 % in that time
PROOF: Final = timedelta(minutes=10)
"""How long the lease lasts beyond what was asked for, so that a device that shows it late does not shorten it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A value for a setting, as somebody typed it."""

    name: str
    values: tuple[Value, ...]


Order: TypeAlias = Command | Setting
"""What is to be written."""


@dataclass(frozen=True, slots=True)
class Term:
    """How long it lasts.

    Without ``for_good``, what was before comes back: after ``span``, when the charge is there, or on Ctrl-C.
    """

    for_good: bool
    span: timedelta = LONGEST


@dataclass(slots=True)
class _Course:
    """What has happened so far."""

    begun: bool = False
    restored: bool = False
    until: datetime | None = None
    ended: str = ""
    outcome: Outcome | None = None
    told: list[str] = field(default_factory=list)

    def hear(self, step: str, facts: Mapping[str, Any]) -> None:
        """Take note of a line of the lease's journal."""
        match step:
            case "asked":
                self.begun = True
            case "restored" if not self.begun:
                self.told.append("an earlier program had left it; what was before that was put back first")
            case "restored":
                self.restored = True
            case "foreign":
                shown = ", ".join(f"{name} is {value}" for name, value in facts["shown"].items())
                self.told.append(f"somebody else wrote: {shown}; it is left alone for 15 minutes")
            case "restarted":
                self.told.append("the device restarted and is commanded again")


def carry_out(link: Link, order: Order, term: Term, folder: Path | None, *, as_json: bool) -> int:
    """Write, tell what became of it, and stay until it is over where it does not last for good; return the exit code.

    Raises:
        LeaseHeld: another program holds the lease; says where to turn.
        IndevoltError: nothing was written, or what was before is not back.
    """
    course = _Course()
    chosen = folder or _folder_here()

    async def session(device: Device) -> tuple[Model, Outcome]:
        try:
            return device.model, await _leased(device, order, term, chosen, course, quiet=as_json)
        except ForeignWriter:
            raise
        except LeaseHeld as error:
            raise _referred(error, LeaseFile(chosen, device.serial or device.address)) from error

    try:
        _, outcome = with_device(link, session, doing="", quiet=True)
    except KeyboardInterrupt:
        if as_json and course.outcome is not None:
            print_json(_record(course.outcome, INTERRUPTED, term, course))
        elif not as_json:
            _stopped(link, course)
        raise
    code = code_of(outcome)
    if as_json:
        print_json(_record(outcome, code, term, course))
    else:
        _tell_the_end(outcome, course)
    return code


async def _leased(device: Device, order: Order, term: Term, folder: Path, course: _Course, *, quiet: bool) -> Outcome:
    clock, actor = environment().clock, click.get_current_context().command_path
    ttl = PROOF if term.for_good else min(term.span + PROOF, LONGEST)
    async with device.lease(ttl=ttl, actor=actor, folder=folder, hear=course.hear) as lease:
        try:
            with waiting(f"waiting for {device.address} to show it", quiet=quiet):
                outcome = course.outcome = await _give(lease, order, term)
            if not quiet:
                _tell(outcome, device.model, order, course)
            if term.for_good:
                return outcome
            if outcome.proven or (outcome.stage is Stage.ACCEPTED and not outcome.shown):  # or it cannot be shown
                course.until = clock.now() + term.span
                lease.renew(term.span)
                until = f"{course.until.astimezone():%Y-%m-%d %H:%M:%S}"
                if not quiet:
                    click.echo(f"It lasts until {until}, or Ctrl-C; then what was before comes back.")
                with waiting(f"until {until}", quiet=quiet):
                    course.ended = await _until_over(lease, order, clock)
            else:
                course.ended = "it was not proven"
        except asyncio.CancelledError:
            course.ended = "stopped"
            if not quiet:
                click.echo("putting back what was before", err=True)
            raise
        return outcome


async def _give(lease: Lease, order: Order, term: Term) -> Outcome:
    if isinstance(order, Setting):
        return await lease.write(order.name, *order.values, for_good=term.for_good)
    return await lease.command(order, for_good=term.for_good)


async def _until_over(lease: Lease, order: Order, clock: Clock) -> str:
    """Wait until the time has passed or the charge is there, and return which."""
    over = asyncio.ensure_future(lease.over())
    try:
        while not over.done():
            with suppress(IndevoltError):  # the device is away: what stands is fenced
                soc_pct = (await lease.device.read("battery_soc")).number("battery_soc")
                if not isinstance(order, Setting) and reached(order, soc_pct, lease.bounds):
                    return f"the charge is at {soc_pct:g} %"
            nap = asyncio.ensure_future(clock.sleep(LOOK_S))
            await asyncio.wait({over, nap}, return_when=asyncio.FIRST_COMPLETED)
            nap.cancel()
        return over.result()
    finally:
        over.cancel()


def _folder_here() -> Path:
    """Return where the hub of this machine keeps leases, else this user.

    A configuration with a mistake does not keep anybody from commanding his battery; that is said, as a lease may not be seen.
    """
    try:
        from indevolt.hub.config_file import find, leases_of
    except ModuleNotFoundError:
        return lease_folder()
    try:
        return leases_of(find())
    except InvalidInput as error:
        screen(stderr=True).print(line(f"! leases of a hub are not seen, as its configuration cannot be used: {error}", "yellow"))
        return lease_folder()


def _referred(error: LeaseHeld, files: LeaseFile) -> LeaseHeld:
    """Return the error with where to turn instead: a hub takes orders. What cannot be read does not hide who holds the lease."""
    with suppress(InvalidInput):
        holder = files.load().holder
        if holder is not None and holder.actor.startswith("hub"):
            remedy = f"Give the same command with `--hub {hub_here(None)}`, and that hub carries it out."
            return LeaseHeld(str(error), remedy=remedy)
    return error


# ---- telling it --------------------------------------------------------------------------------------------------------------


def _tell(outcome: Outcome, model: Model, order: Order, course: _Course) -> None:
    console = screen()
    for text in course.told:
        console.print(line(f"{marks(console)[2]} {text}", "yellow"), soft_wrap=True)
    course.told.clear()
    for row in outcome_lines(outcome, model, console, "" if isinstance(order, Setting) else in_words(order)):
        console.print(row)


def _tell_the_end(outcome: Outcome, course: _Course) -> None:
    console = screen()
    good, _, note = marks(console)
    for text in course.told:
        console.print(line(f"{note} {text}", "yellow"), soft_wrap=True)
    if course.ended:
        back = "what was before is back" if course.restored else "nothing was to be put back"
        console.print(line(f"{good} over, as {course.ended}; {back}"), soft_wrap=True)
    if (failure := UNPROVEN.get(outcome.stage)) is not None:
        screen(stderr=True).print(line(f"  next: {failure.default_remedy}"))


def _stopped(link: Link, course: _Course) -> None:
    console = screen(stderr=True)
    good, bad, _ = marks(console)
    if not course.begun or course.restored:
        text = "what was before is back" if course.restored else "nothing was written"
        console.print(line(f"{good} stopped; {text}"))
    else:
        console.print(line(f"{bad} stopped before what was before was back: `indevolt lease {link.host} --release`", "red"))


def _record(outcome: Outcome, code: int, term: Term, course: _Course) -> dict[str, Any]:
    held = {
        "until": course.until and course.until.isoformat(timespec="seconds"),
        "ended": course.ended,
        "restored": course.restored,
    }
    return {**outcome_record(outcome, code), "held": None if term.for_good else held}
