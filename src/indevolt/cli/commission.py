"""`indevolt commission`: a trial of a few minutes that tells how a battery and its meter answer.

It says what it will do and asks before it moves anything. Everything is commanded through a lease, which puts back what was before
whatever ends it. The steps and what they say are ``control.commission``'s.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import click

from indevolt.battery import Command, Stage
from indevolt.catalogue import Model
from indevolt.cli.control import plan_record
from indevolt.cli.options import Link, device_options, dry_run_option, json_option
from indevolt.cli.page import Subcommand
from indevolt.cli.screen import line, marks, print_json, rows, screen, show
from indevolt.cli.session import environment, with_device
from indevolt.clock import Clock
from indevolt.control.commission import (
    Finding,
    Recording,
    Sign,
    Step,
    charge_steps,
    discharge_steps,
    find,
    needed_s,
    silence_step,
)
from indevolt.control.situation import Seen
from indevolt.device import Device
from indevolt.device.lease import Lease
from indevolt.device.trial import Glimpse, carry_out, command_of, joined, power_of
from indevolt.errors import InvalidInput, Refused
from indevolt.hub.derive import ac_power
from indevolt.transport import parse_address

SOC_PCT: Final = (15.0, 95.0)  # between: a unit near empty or full does less than it is told, by itself
LEAST_LOAD_W: Final = 100.0  # a house that takes less would export what a step of 50 W, the least of a device, gives
TTL: Final = timedelta(minutes=15)  # above the longest trial with every answer late
_ASKED: Final = ("meter_power", "ac_power", "ac_output_power", "ac_input_power", "realtime_state", "realtime_power", "battery_soc")
_SIGNS: Final = {
    Sign.RIGHT: "right: charging shows as import",
    Sign.REVERSED: "REVERSED: charging shows as export; turn the meter's clamp, or invert it in the configuration",
    Sign.UNSEEN: "the meter does not see this battery: another phase, another circuit, or another house",
    Sign.UNKNOWN: "unknown",
}


@dataclass(frozen=True, slots=True)
class Trial:
    """What can be tried with this unit."""

    charge_w: float
    discharge_w: float
    soc_pct: float
    has_meter: bool
    silence: bool
    model: Model

    @property
    def first(self) -> tuple[Step, ...]:
        """The steps that are done in any case."""
        return charge_steps(self.charge_w)

    @property
    def last(self) -> tuple[Step, ...]:
        """The step in which nobody writes."""
        return (silence_step(self.first[1].power_w),) if self.silence else ()

    def second(self, load_w: float) -> tuple[Step, ...]:
        """Return the steps that discharge, within what the house takes."""
        most = min(self.discharge_w, load_w)
        return discharge_steps(most) if most >= LEAST_LOAD_W else ()


@click.command(
    "commission",
    cls=Subcommand,
    examples=[
        "indevolt commission 192.168.1.20 --dry-run",
        "indevolt commission 192.168.1.20",
        "indevolt commission 192.168.1.20 --yes --json",
    ],
)
@device_options
@click.option("--yes", is_flag=True, help="Do not ask first.")
@click.option("--short", is_flag=True, help="Leave out the two minutes in which nobody writes.")
@dry_run_option
@json_option
def commission_command(link: Link, *, yes: bool, short: bool, dry_run: bool, as_json: bool) -> int:
    """Find out how a battery answers: the sign of its meter, dead time, slope, losses; some minutes of charge and discharge.

    At first it only charges, with 300 and 600 W. Once the meter is proven right it discharges as well, no more than the house
    takes. What was before is put back at the end, also after Ctrl-C.
    """
    trial = with_device(link, lambda device: survey(device, silence=not short), doing=f"asking {link.host}", quiet=as_json)
    if not as_json:
        _announce(link.host, trial)
    if dry_run:
        records = [(step, _requests(link.host, step, trial)) for step in _all_steps(trial)]
        if as_json:
            print_json({"steps": [{**asdict(step), "writes": writes} for step, writes in records], "dry_run": True})
        else:
            for step, writes in records:
                click.echo(f"{step.power_w:+6.0f} W  {'  '.join(write['url'] for write in writes)}")
        return 0
    if not yes:
        if as_json or not sys.stdin.isatty():
            raise InvalidInput("this moves the battery, and there is nobody to ask", remedy="Look with --dry-run, then add --yes.")
        click.confirm("Begin?", abort=True, err=True)
    clock = environment().clock

    def tell(step: Step) -> None:
        if not as_json:
            click.echo(f"  {step.power_w:+6.0f} W for {step.seconds:3.0f} s: {step.purpose}", err=True)

    finding = with_device(link, lambda device: try_out(device, trial, clock, tell=tell), doing="", quiet=True)
    if as_json:
        print_json(_document(finding))
    else:
        _tell(finding)
    return 0


async def survey(device: Device, *, silence: bool) -> Trial:
    """Return what can be tried.

    Raises:
        InvalidInput: the battery is too empty or too full for it.
    """
    limits = await device.limits()
    reading = await device.read(*_readable(device, "battery_soc", "meter_connected"))
    soc = reading.number("battery_soc")
    if soc is None or not SOC_PCT[0] <= soc <= SOC_PCT[1]:
        raise InvalidInput(
            f"the battery is at {'an unknown charge' if soc is None else f'{soc:g} %'}",
            remedy=f"Try again between {SOC_PCT[0]:g} and {SOC_PCT[1]:g} %: outside, it does less than it is told.",
        )
    has_meter = reading.value("meter_connected") is True
    return Trial(limits.charge.value, limits.discharge.value, soc, has_meter, silence, device.model)


async def try_out(
    device: Device, trial: Trial, clock: Clock, *, folder: Path | None = None, tell: Callable[[Step], None] = lambda _: None
) -> Finding:
    """Carry out a trial under a lease of its own, and return what it says; what was before is back then.

    Args:
        device: the unit.
        trial: what can be tried with it.
        clock: what it goes by.
        folder: where leases are kept.
        tell: hears of each step as it begins.

    Raises:
        LeaseHeld: another program commands it.
        IndevoltError: it failed; what was before is back all the same, or the error says that it is not.
    """

    async def play(lease: Lease, steps: tuple[Step, ...]) -> Recording:
        looks = _Looks(device, lease, clock, has_meter=trial.has_meter)
        return await carry_out(steps, send=looks.send, watch=looks.watch, clock=clock, tell=tell)

    async with device.lease(ttl=TTL, actor="indevolt commission", reason="a trial of how it answers", folder=folder) as lease:
        parts = [await play(lease, trial.first)]
        if find(parts[0]).sign is Sign.RIGHT:
            parts.append(await play(lease, trial.second(_load_w(parts[0]))))
        parts.append(await play(lease, trial.last))
    return find(joined(parts), slow_meter=True)


class _Looks:
    """Commands one unit and looks at it, by its own points."""

    def __init__(self, device: Device, lease: Lease, clock: Clock, *, has_meter: bool) -> None:
        self._device, self._lease, self._clock = device, lease, clock
        self._names = _readable(device, *(name for name in _ASKED if has_meter or name != "meter_power"))

    async def send(self, command: Command) -> Seen:
        outcome = await self._lease.adjust(command, reason="a step of the trial")
        if outcome.stage is Stage.REFUSED:
            raise Refused(f"the device refused {command}")
        # An adjustment ends when the device has taken it. A whole command goes on until that is proven, and began so long ago.
        return Seen(power_of(self._lease.sent), self._clock.monotonic() - outcome.took_s)

    async def watch(self) -> Glimpse:
        reading = await self._device.read(*self._names)
        now_s = self._clock.monotonic()

        def seen(value: float | None) -> Seen | None:
            return None if value is None else Seen(value, now_s)

        power, state = reading.number("realtime_power"), reading.value("realtime_state")
        way = {"charge": -1.0, "discharge": 1.0}.get(str(state), 0.0)
        shown = None if power is None else seen(way * power)
        return Glimpse(seen(reading.number("meter_power")), seen(ac_power(reading.number)), shown)


def _readable(device: Device, *names: str) -> tuple[str, ...]:
    return tuple(name for name in names if name in device.model.points and device.model.points[name].read)


def _load_w(recording: Recording) -> float:
    """Return what the house took while the battery rested at the beginning."""
    begin = recording.sent[1].at_s if len(recording.sent) > 1 else float("inf")
    rest = [each.value for each in recording.meter if each.at_s <= begin]
    return max(0.0, statistics.median(rest)) if rest else 0.0


def _all_steps(trial: Trial) -> tuple[Step, ...]:
    return (*trial.first, *(trial.second(float("inf")) if trial.has_meter else ()), *trial.last)


def _requests(host: str, step: Step, trial: Trial) -> list[dict[str, Any]]:
    """Return the requests of a step; the mode is written with the first one only, and the target as far as the fence lets it."""
    return [plan_record(write, parse_address(host)) for write in trial.model.spell(command_of(step.power_w))]


def _announce(host: str, trial: Trial) -> None:
    console = screen()
    steps = _all_steps(trial)
    console.print(line(f"Trial of {host}: {needed_s(steps) / 60:.0f} minutes, at {trial.soc_pct:g} % of charge", "bold"))
    table = rows(">command", ">for", "why?")
    for step in steps:
        table.add_row(line(f"{step.power_w:+.0f} W"), line(f"{step.seconds:.0f} s"), line(step.purpose))
    show(console, table)
    if trial.has_meter:
        console.print(line("Discharge comes only once the meter is right, and is no more than the house takes."), soft_wrap=True)
    else:
        console.print(line("The unit has no meter, so there is no test of a sign, and nothing is discharged."), soft_wrap=True)
    console.print(line("What was before is put back at the end, whatever ends it."), soft_wrap=True)


def _document(finding: Finding) -> dict[str, Any]:
    return {**asdict(finding), "notes": list(finding.notes)}


def _tell(finding: Finding) -> None:
    console = screen()
    good, bad, note = marks(console)
    mark = {Sign.RIGHT: good, Sign.REVERSED: bad, Sign.UNSEEN: bad, Sign.UNKNOWN: note}[finding.sign]
    console.print(line(f"{mark} sign of the meter: {_SIGNS[finding.sign]}"), soft_wrap=True)
    console.print(line(f"  {finding.evidence}", "dim"), soft_wrap=True)
    known = finding.dynamics
    if known is not None:
        console.print(line(f"{good} seen by the {finding.source}, {finding.fits:.0%} of the movement explained:"), soft_wrap=True)
        table = rows("quantity", ">value", "about?")
        for name, value, about in (
            ("dead time", f"{known.dead_s:g} s", "from a command until the power moves"),
            ("slope", f"{known.slew_w_per_s:g} W/s", "as far as the samples tell"),
            ("start", f"{known.start_s:g} s", "more, from rest"),
            ("turn", f"{known.swap_s:g} s", "more, from one direction to the other"),
            ("discharge", f"{known.gain:.0%}", "of the command arrives"),
            ("charge", f"{known.charge_gain:.0%}", "of the command is drawn"),
        ):
            table.add_row(line(name), line(value), line(about))
        show(console, table)
    if finding.shown_after_s is not None:
        console.print(line(f"{good} a command shows in the read side after {finding.shown_after_s:g} s"))
    if finding.goes_on is not None:
        text = "goes on while nobody writes" if finding.goes_on else "ends by itself while nobody writes"
        console.print(line(f"{note} a command {text}"))
    for text in finding.notes:
        console.print(line(f"{note} {text}"), soft_wrap=True)
    console.print(line(f"{good} what was before is back, and shown by the device"))
