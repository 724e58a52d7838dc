"""`indevolt set`, `mode`, `charge`, `discharge`, `hold`: writes, each followed until the device proves it or does not.

Typing the command is the owner's consent. How a write is proven is for ``device`` to know; here it is told stage by stage.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import click
from rich.console import Console, RenderableType
from rich.text import Text

from indevolt.battery import Charge, Command, Discharge, Hold, Outcome, Schedule, SelfUse, Stage, Value, in_words
from indevolt.catalogue import Model, Write, load, products
from indevolt.cli.options import Link, complete_mode, complete_settable, device_options, dry_run_option, json_option, mode_words
from indevolt.cli.page import Subcommand
from indevolt.cli.render import number_text, phrase, plain, wanted_text
from indevolt.cli.screen import hanging, line, marks, print_json, screen
from indevolt.cli.session import with_device
from indevolt.device import Device
from indevolt.errors import IndevoltError, InvalidInput, NoReply, Refused, Unconfirmed
from indevolt.protocol.messages import SetData
from indevolt.protocol.rpc import encode_request
from indevolt.transport import Address, parse_address

_UNPROVEN: Final[Mapping[Stage, type[IndevoltError]]] = {
    Stage.REFUSED: Refused,
    Stage.INTERRUPTED: NoReply,
    Stage.ACCEPTED: Unconfirmed,
}
"""Which error of the family, and so which exit code and remedy, an outcome amounts to where nothing is proven."""

_MODE_COMMANDS: Final[Mapping[str, Command]] = {"self_use": SelfUse(), "schedule": Schedule()}
_ENDING: Final = (
    "Exit code 0: the device shows it. 9: refused. 10: accepted, but not shown in time. 4: the device went away meanwhile."
)


@dataclass(frozen=True, slots=True)
class Intent:
    """What is to be done: for real, or as a dry run with the device or without it."""

    do: Callable[[Device], Awaitable[Outcome]]
    plan: Callable[[Device], Awaitable[tuple[Sequence[Write], Sequence[str]]]]  # writes, and notes on them
    spell: Callable[[Model], Sequence[Write]]
    title: str = ""


def _writing(name: str, values: Sequence[Value]) -> Intent:
    """Return the intent to write a setting."""

    async def do(device: Device) -> Outcome:
        return await device.write(name, *values)

    async def plan(device: Device) -> tuple[Sequence[Write], Sequence[str]]:
        return (device.plan_write(name, *values),), ()

    return Intent(do, plan, lambda model: (model.write(name, values),))


def _commanding(command: Command) -> Intent:
    """Return the intent to give a command."""

    async def do(device: Device) -> Outcome:
        return await device.command(command)

    async def plan(device: Device) -> tuple[Sequence[Write], Sequence[str]]:
        found = await device.plan_command(command)
        left_out = ("the mode is right already, so it is not written",) if len(found.writes) < len(found.steps) else ()
        return found.writes, (*found.notes, *left_out)

    return Intent(do, plan, lambda model: model.spell(command), in_words(command))


@click.command(
    "set",
    epilog=_ENDING,
    cls=Subcommand,
    examples=[
        "indevolt set 192.168.1.20 backup_soc 20",
        "indevolt set 192.168.1.20 grid_charging on --dry-run",
    ],
)
@device_options
@click.argument("name", shell_complete=complete_settable)
@click.argument("values", nargs=-1, required=True, metavar="VALUE...")
@dry_run_option
@json_option
def set_command(link: Link, name: str, values: tuple[str, ...], *, dry_run: bool, as_json: bool) -> int:
    """Write a setting and follow it until the device shows it.

    VALUE is in the unit that `indevolt points --settable` shows; on or off, a word, or a time like 22:30. Several values go to
    consecutive points. Put -- before a negative number.
    """
    return _carry_out(link, _writing(name, values), dry_run=dry_run, as_json=as_json)


@click.command(
    "mode",
    epilog=_ENDING,
    cls=Subcommand,
    examples=[
        "indevolt mode 192.168.1.20 self-use",
        "indevolt mode 192.168.1.20 schedule --dry-run",
    ],
)
@device_options
@click.argument("mode", shell_complete=complete_mode)
@dry_run_option
@json_option
def mode_command(link: Link, mode: str, *, dry_run: bool, as_json: bool) -> int:
    """Change the energy mode: self-use, schedule, realtime, ...

    Real-time mode lasts until it is left. `indevolt mode HOST self-use` is how charge, discharge and hold end.
    """
    word = mode.strip().lower().replace("-", "_")
    if word.replace("_", "-") not in mode_words():
        raise InvalidInput(f"no mode {mode!r}", remedy=f"Modes: {', '.join(mode_words())}; a device may not have all of them.")
    command = _MODE_COMMANDS.get(word)
    if command is not None:
        return _carry_out_command(link, command, dry_run=dry_run, as_json=as_json)

    return _carry_out(link, _writing("mode", (word,)), dry_run=dry_run, as_json=as_json)


def power_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--power``; the range is the device's, so it is checked against that."""
    return click.option("--power", "power_w", type=int, required=True, metavar="W", help="Battery power in watts.")(command)


@click.command(
    "charge",
    epilog=_ENDING,
    cls=Subcommand,
    examples=[
        "indevolt charge 192.168.1.20 --power 800 --soc 90",
        "indevolt charge 192.168.1.20 --power 800 --dry-run",
    ],
)
@device_options
@power_option
@click.option("--soc", "soc_pct", type=int, default=100, show_default=True, metavar="PCT", help="Stop at this state of charge.")
@dry_run_option
@json_option
def charge_command(link: Link, power_w: int, soc_pct: int, *, dry_run: bool, as_json: bool) -> int:
    """Charge with a power up to a state of charge, in real-time mode.

    It lasts until another command: `indevolt mode HOST self-use` ends it.
    """
    return _carry_out_command(link, Charge(power_w, soc_pct), dry_run=dry_run, as_json=as_json)


@click.command(
    "discharge",
    epilog=_ENDING,
    cls=Subcommand,
    examples=[
        "indevolt discharge 192.168.1.20 --power 400 --soc 20",
    ],
)
@device_options
@power_option
@click.option("--soc", "soc_pct", type=int, default=5, show_default=True, metavar="PCT", help="Stop at this state of charge.")
@dry_run_option
@json_option
def discharge_command(link: Link, power_w: int, soc_pct: int, *, dry_run: bool, as_json: bool) -> int:
    """Discharge with a power down to a state of charge, in real-time mode.

    It lasts until another command: `indevolt mode HOST self-use` ends it.
    """
    return _carry_out_command(link, Discharge(power_w, soc_pct), dry_run=dry_run, as_json=as_json)


@click.command(
    "hold",
    epilog=_ENDING,
    cls=Subcommand,
    examples=[
        "indevolt hold 192.168.1.20",
    ],
)
@device_options
@dry_run_option
@json_option
def hold_command(link: Link, *, dry_run: bool, as_json: bool) -> int:
    """Stand by, in real-time mode: neither charge nor discharge.

    It lasts until another command: `indevolt mode HOST self-use` ends it.
    """
    return _carry_out_command(link, Hold(), dry_run=dry_run, as_json=as_json)


# ---- doing it --------------------------------------------------------------------------------------------------------


def _carry_out_command(link: Link, command: Command, *, dry_run: bool, as_json: bool) -> int:
    code = _carry_out(link, _commanding(command), dry_run=dry_run, as_json=as_json)
    if code == 0 and not (dry_run or as_json) and not isinstance(command, SelfUse | Schedule):
        click.echo(f"It stays so until another command; `indevolt mode {link.host} self-use` ends it.")
    return code


def _carry_out(link: Link, intent: Intent, *, dry_run: bool, as_json: bool) -> int:
    if dry_run:
        _show_plan(link, intent, as_json=as_json)
        return 0

    async def session(device: Device) -> tuple[Model, Outcome]:
        return device.model, await intent.do(device)

    try:
        model, outcome = with_device(link, session, doing=f"waiting for {link.host} to show it", quiet=as_json)
    except KeyboardInterrupt:
        screen(stderr=True).print(
            line("! stopped while waiting; what was sent by then holds: ask the device what it shows", "yellow")
        )
        raise
    failure = _UNPROVEN.get(outcome.stage)
    code = failure.exit_code if failure else 0
    if as_json:
        print_json(outcome_record(outcome, code))
        return code
    console = screen()
    for row in outcome_lines(outcome, model, console, intent.title):
        console.print(row)
    if failure:
        screen(stderr=True).print(line(f"  next: {failure.default_remedy}"))
    return code


def outcome_lines(outcome: Outcome, model: Model, console: Console, title: str = "") -> Iterator[RenderableType]:
    """Yield what happened, one line for each stage that was reached or missed."""
    good, bad, note = marks(console)
    yield line(title or wanted_text(outcome.wanted, model), "bold")
    took = f"{number_text(outcome.took_s, 1)} s"
    match outcome.stage:
        case Stage.REFUSED:
            yield _stage(bad, "refused", "the device answered result: false", "red")
        case Stage.INTERRUPTED:
            yield _stage(bad, "interrupted", f"nothing was proven within {took}", "red")
        case Stage.ACCEPTED | Stage.CONFIRMED | Stage.EFFECTIVE:
            yield _stage(good, "accepted", "the device took it", "green")
    if outcome.stage is Stage.ACCEPTED:
        yield _stage(bad, "confirmed", f"not shown within {took}", "red")
    if outcome.proven:
        shown = {name: outcome.shown.get(name) for name in outcome.wanted}
        yield _stage(good, "confirmed", f"after {took} the device shows {wanted_text(shown, model)}", "green")
    power = outcome.shown.get("battery_power")
    if outcome.stage is Stage.EFFECTIVE:
        yield _stage(good, "effective", f"battery_power is {phrase(power, 'W')} (positive when discharging)", "green")
    for text in outcome.notes:
        yield _stage(note, "note", text, "yellow")


def outcome_record(outcome: Outcome, code: int) -> dict[str, Any]:
    """Return an outcome for ``--json``."""
    return {
        "stage": outcome.stage.value,
        "proven": outcome.proven,
        "wanted": _plain(outcome.wanted),
        "before": _plain(outcome.before),
        "shown": _plain(outcome.shown),
        "took_s": round(outcome.took_s, 3),
        "notes": list(outcome.notes),
        "exit_code": code,
    }


def _plain(values: Mapping[str, Value | None]) -> dict[str, Any]:
    return {name: plain(value) for name, value in values.items()}


def _stage(mark: str, word: str, fact: str, style: str) -> RenderableType:
    return hanging(Text(f"  {mark} {word:<11}", style=style), fact)


# ---- only showing it -------------------------------------------------------------------------------------------------


def _show_plan(link: Link, intent: Intent, *, as_json: bool) -> None:
    address = parse_address(link.host)
    writes: Sequence[Write]
    notes: Sequence[str] = ("the device was not asked, so what it can do now is not considered",)
    model = _known_model(link)
    if model is not None:
        writes = intent.spell(model)
    else:

        async def ask(device: Device) -> tuple[Model, Sequence[Write], Sequence[str]]:
            return device.model, *await intent.plan(device)

        model, writes, notes = with_device(link, ask, doing=f"asking {link.host} what it is", quiet=as_json)
    if as_json:
        requests = [plan_record(write, address) for write in writes]
        print_json({"dry_run": True, "family": model.family, "requests": requests, "notes": list(notes)})
        return
    console = screen()
    console.print(line(f"Nothing is written. This would be sent to a {model.title} ({model.family}):"))
    for row in _plan_lines(writes, address, model):
        console.print(row, soft_wrap=True)
    for note in notes:
        console.print(_stage(marks(console)[2], "note", note, "yellow"))


def _known_model(link: Link) -> Model | None:
    """Return the family that was named; then nothing needs to be asked of the device."""
    if link.model is None:
        return None
    product = products().get(link.model)
    return load(product.family if product else link.model)


def _plan_lines(writes: Iterable[Write], address: Address, model: Model) -> Iterator[Text]:
    for number, write in enumerate(writes, 1):
        record = plan_record(write, address)
        yield line(f"{number}. {wanted_text(write.wanted, model)}", "bold")
        yield line(f"   point {write.point}, values {list(write.values)}")
        yield line(f"   {record['method']} {record['url']}")


def plan_record(write: Write, address: Address) -> dict[str, Any]:
    """Return the exact request of a write, for a dry run."""
    call = encode_request(SetData(write.point, write.values))
    return {
        "point": write.point,
        "values": list(write.values),
        "wanted": _plain(write.wanted),
        "method": call.method,
        "url": f"{'https' if address.tls else 'http'}://{address}{call.target}",
    }
