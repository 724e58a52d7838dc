"""Having a hub write to one of its devices: the same commands as ``leased`` carries out, given to whoever holds the lease.

The hub ends what has an end by itself, so nobody waits for it here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from indevolt.battery import Charge, Command, Discharge, Hold, Outcome, Schedule, SelfUse, Stage, in_words
from indevolt.catalogue import load
from indevolt.cli.ask import HubAt
from indevolt.cli.leased import Order, Setting, Term
from indevolt.cli.outcome import UNPROVEN, code_of, outcome_lines, outcome_record, stage_line
from indevolt.cli.screen import line, marks, print_json, screen
from indevolt.device.lease import LONGEST
from indevolt.errors import InvalidInput, NoSuchDevice, Unconfirmed
from indevolt.transport import parse_address

_WORDS: Final[Mapping[type[Command], str]] = {
    Charge: "charge",
    Discharge: "discharge",
    Hold: "hold",
    SelfUse: "self-use",
    Schedule: "schedule",
}
"""As a hub spells them."""


def carry_out_there(hub: HubAt, host: str, order: Order, term: Term, *, dry_run: bool, as_json: bool) -> int:
    """Have a hub write, tell what became of it, and return the exit code.

    Raises:
        IndevoltError: the hub does not answer, does not want to, or could not.
    """
    device = _device(hub, host)
    path, body, put = _request(order, term)
    ask = hub.put if put else hub.post
    told = ask(f"devices/{device['name']}/{path}", body, **({"dry_run": "true"} if dry_run else {}))
    if dry_run:
        return _show_plan(told, device, as_json=as_json)
    outcome = _outcome(told.get("outcome", told) if "override" in told else told)
    until = told["override"]["until"] if "override" in told else None
    if outcome is None:
        raise Unconfirmed("it waits for its turn", remedy=f"`indevolt explain {device['name']}` says for what.")
    code = code_of(outcome)
    if as_json:
        print_json({**outcome_record(outcome, code), "held": None, "hub": {"device": device["name"], "until": until}})
        return code
    console = screen()
    for row in outcome_lines(
        outcome, load(device["family"]), console, "" if isinstance(order, Setting) else f"{device['name']}: {in_words(order)}"
    ):
        console.print(row)
    if until is not None:
        end = datetime.fromisoformat(until).astimezone()  # by the clock of whoever reads it
        console.print(line(f"The hub ends it at {end:%Y-%m-%d %H:%M %Z}, and puts back what was before.", "dim"), soft_wrap=True)
    if (failure := UNPROVEN.get(outcome.stage)) is not None:
        screen(stderr=True).print(line(f"  next: {failure.default_remedy}"))
    return code


def _device(hub: HubAt, host: str) -> Mapping[str, Any]:
    """Return the device of a hub that has this name, serial number or address.

    Raises:
        NoSuchDevice: there is none.
    """
    devices: list[Mapping[str, Any]] = hub.get("devices")["devices"]
    for each in devices:
        if host in (each["name"], each["serial"]):
            return each
    with suppress(InvalidInput):  # a name need not be an address as well
        address = parse_address(host)
        for each in devices:
            if each["address"] and parse_address(each["address"]) == address:
                return each
    names = ", ".join(str(each["name"]) for each in devices)
    raise NoSuchDevice(f"the hub has no device {host!r}", remedy=f"It has: {names or 'none'}.")


def _request(order: Order, term: Term) -> tuple[str, dict[str, Any], bool]:
    """Return path and body of what a hub is asked, and whether it is a PUT.

    Raises:
        InvalidInput: a hub does not do that.
    """
    ends = not term.for_good and term.span < LONGEST
    minutes = math.ceil(term.span.total_seconds() / 60)
    if isinstance(order, Setting):
        if ends:
            raise InvalidInput(f"a hub writes {order.name} for good", remedy="Leave --for out, and write it back later.")
        return f"settings/{order.name}", {"value": order.values[0] if len(order.values) == 1 else list(order.values)}, True
    word = _WORDS[type(order)]
    body = {"power_w": order.power_w, "soc_pct": order.soc_pct} if isinstance(order, Charge | Discharge) else {}
    if term.for_good and not isinstance(order, SelfUse | Schedule):
        raise InvalidInput(f"a hub does not {word} for good", remedy="Leave --keep out: then it lasts 24 h, or as --for says.")
    if not ends:
        return f"commands/{word}", body, False
    if isinstance(order, Schedule):
        raise InvalidInput("a hub follows the schedule for good", remedy="Leave --for out.")
    return "overrides", {"command": word.replace("-", "_"), "minutes": minutes, **body}, False


def _outcome(told: Mapping[str, Any] | None) -> Outcome | None:
    if told is None:
        return None
    return Outcome(
        Stage(told["stage"]), told["wanted"], told["before"], told["shown"], took_s=told["took_s"], notes=tuple(told["notes"])
    )


def _show_plan(told: Mapping[str, Any], device: Mapping[str, Any], *, as_json: bool) -> int:
    if as_json:
        print_json({"dry_run": True, "family": device["family"], "requests": told["steps"], "notes": told["notes"]})
        return 0
    console = screen()
    console.print(line(f"Nothing is written. This would be sent to {device['name']} by its hub:"))
    for number, step in enumerate((each for each in told["steps"] if each["sent"]), 1):
        wanted = ", ".join(f"{name} {value}" for name, value in step["wanted"].items())
        console.print(line(f"{number}. {wanted}: point {step['point']}, values {step['values']}"), soft_wrap=True)
    for text in told["notes"]:
        console.print(stage_line(marks(console)[2], "note", text, "yellow"))
    return 0
