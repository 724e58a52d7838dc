"""`indevolt commission`: a trial of a few minutes that tells how a battery and its meter answer.

It says what it will do and asks before it moves anything. Everything is commanded through a lease, which puts back what was before
whatever ends it. The steps and what they say are ``control.commission``'s.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import click

from indevolt.battery import Reading
from indevolt.catalogue import Model
from indevolt.cli.ask import HubAt, hub_options
from indevolt.cli.options import Link, device_options, dry_run_option, json_option
from indevolt.cli.outcome import plan_record
from indevolt.cli.page import Subcommand
from indevolt.cli.screen import line, marks, print_json, rows, screen, show
from indevolt.cli.session import environment, with_device
from indevolt.control.commission import Finding, Sign, Step, needed_s
from indevolt.control.situation import Dynamics
from indevolt.device import Device
from indevolt.device.trial import Trial, command_of, survey, try_out
from indevolt.errors import InvalidInput, Unconfirmed
from indevolt.hub.derive import ac_power
from indevolt.transport import parse_address

ASK_S: Final = 1.0  # between two questions to a hub
_SIGNS: Final = {
    Sign.RIGHT: "right: charging shows as import",
    Sign.REVERSED: "REVERSED: charging shows as export; turn the meter's clamp, or invert it in the configuration",
    Sign.UNSEEN: "the meter does not see this battery: another phase, another circuit, or another house",
    Sign.UNKNOWN: "unknown",
}


@click.command(
    "commission",
    cls=Subcommand,
    examples=[
        "indevolt commission 192.168.1.20 --dry-run",
        "indevolt commission 192.168.1.20",
        "indevolt commission 192.168.1.20 --yes --json",
        "indevolt commission cellar --hub http://127.0.0.1:8188",
    ],
)
@device_options
@click.option("--yes", is_flag=True, help="Do not ask first.")
@click.option("--short", is_flag=True, help="Leave out the two minutes in which nobody writes.")
@dry_run_option
@hub_options
@json_option
def commission_command(link: Link, hub: HubAt, *, yes: bool, short: bool, dry_run: bool, as_json: bool) -> int:
    """Find out how a battery answers: the sign of its meter, dead time, slope, losses; some minutes of charge and discharge.

    At first it only charges, with 300 and 600 W. Once the meter is proven right it discharges as well, no more than the house
    takes. What was before is put back at the end, also after Ctrl-C.

    With --hub, HOST is the name of a device of that hub, and the hub does it: with its own meter, whose sign is proven by it, and
    what is found is kept there. That is the way for a device that a hub controls.
    """
    if hub.chosen:
        return _through(hub, link.host, yes=yes, silence=not short, dry_run=dry_run, as_json=as_json)

    async def look(device: Device) -> tuple[Trial, Model]:
        return await survey(device, silence=not short), device.model

    trial, model = with_device(link, look, doing=f"asking {link.host}", quiet=as_json)
    if not as_json:
        _announce(link.host, trial)
    if dry_run:
        _show_requests(link.host, trial, model, as_json=as_json)
        return 0
    _consent(yes=yes, as_json=as_json)
    clock = environment().clock

    def tell(step: Step) -> None:
        if not as_json:
            click.echo(f"  {step.power_w:+6.0f} W for {step.seconds:3.0f} s: {step.purpose}", err=True)

    finding = with_device(link, lambda device: try_out(device, trial, clock, given=_given_w, tell=tell), doing="", quiet=True)
    if as_json:
        print_json(_document(finding))
    else:
        _tell(finding)
    return 0


def _consent(*, yes: bool, as_json: bool) -> None:
    """Ask whether to begin, unless that was said."""
    if yes:
        return
    if as_json or not sys.stdin.isatty():
        raise InvalidInput("this moves the battery, and there is nobody to ask", remedy="Look with --dry-run, then add --yes.")
    click.confirm("Begin?", abort=True, err=True)


def _through(hub: HubAt, name: str, *, yes: bool, silence: bool, dry_run: bool, as_json: bool) -> int:
    """Have a hub try one of its devices, and wait for what comes of it."""
    path = f"devices/{name}/trial"
    state = hub.get(path)
    if dry_run:
        raise InvalidInput("a hub shows no requests beforehand", remedy="Look at the steps with the address of the device instead.")
    _consent(yes=yes, as_json=as_json)
    state, step = hub.post(path, {"silence": silence}), None
    while state["running"]:
        if state["step"] != step and not as_json:
            click.echo(f"  {state['step']}", err=True)
        step = state["step"]
        asyncio.run(environment().clock.sleep(ASK_S))
        state = hub.get(path)
    if (trouble := state["trouble"]) is not None:
        raise Unconfirmed(trouble["detail"], remedy=trouble["remedy"])
    if as_json:
        print_json(state["finding"])
    else:
        _tell(_finding(state["finding"]))
    return 0


def _finding(told: Mapping[str, Any]) -> Finding:
    known = told["dynamics"]
    return Finding(
        Sign(told["sign"]),
        None if known is None else Dynamics(**known, identified=True),
        told["evidence"],
        told["source"],
        told["fits"],
        told["shown_after_s"],
        told["goes_on"],
        tuple(told["notes"]),
    )


def _given_w(reading: Reading) -> float | None:
    return ac_power(reading.number)


def _show_requests(host: str, trial: Trial, model: Model, *, as_json: bool) -> None:
    records = [(step, _requests(host, step, model)) for step in trial.steps]
    if as_json:
        print_json({"steps": [{**asdict(step), "writes": writes} for step, writes in records], "dry_run": True})
        return
    for step, writes in records:
        click.echo(f"{step.power_w:+6.0f} W  {'  '.join(write['url'] for write in writes)}")


def _requests(host: str, step: Step, model: Model) -> list[dict[str, Any]]:
    """Return the requests of a step; the mode is written with the first one only, and the target as far as the fence lets it."""
    return [plan_record(write, parse_address(host)) for write in model.spell(command_of(step.power_w))]


def _announce(host: str, trial: Trial) -> None:
    console = screen()
    console.print(line(f"Trial of {host}: {needed_s(trial.steps) / 60:.0f} minutes, at {trial.soc_pct:g} % of charge", "bold"))
    table = rows(">command", ">for", "why?")
    for step in trial.steps:
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
