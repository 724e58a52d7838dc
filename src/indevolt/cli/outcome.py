"""What a write looks like: what would be sent, and what became of what was, for people and for programs.

What is written, and how it is proven, is for ``device``; whose turn it is, for ``leased``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from rich.console import Console, RenderableType
from rich.text import Text

from indevolt.battery import Outcome, Stage, Value
from indevolt.catalogue import Model, Write
from indevolt.cli.render import number_text, phrase, plain, wanted_text
from indevolt.cli.screen import hanging, line, marks
from indevolt.errors import IndevoltError, NoReply, Refused, Unconfirmed
from indevolt.protocol.messages import SetData
from indevolt.protocol.rpc import encode_request
from indevolt.transport import Address

UNPROVEN: Final[Mapping[Stage, type[IndevoltError]]] = {
    Stage.REFUSED: Refused,
    Stage.INTERRUPTED: NoReply,
    Stage.ACCEPTED: Unconfirmed,
}
"""Which error of the family, and so which exit code and remedy, an outcome amounts to where nothing is proven."""


def code_of(outcome: Outcome) -> int:
    """Return the exit code that an outcome amounts to."""
    failure = UNPROVEN.get(outcome.stage)
    return failure.exit_code if failure else 0


def outcome_lines(outcome: Outcome, model: Model, console: Console, title: str = "") -> Iterator[RenderableType]:
    """Yield what happened, one line for each stage that was reached or missed."""
    good, bad, note = marks(console)
    yield line(title or wanted_text(outcome.wanted, model), "bold")
    took = f"{number_text(outcome.took_s, 1)} s"
    match outcome.stage:
        case Stage.REFUSED:
            yield stage_line(bad, "refused", "the device answered result: false", "red")
        case Stage.INTERRUPTED:
            yield stage_line(bad, "interrupted", f"nothing was proven within {took}", "red")
        case Stage.ACCEPTED | Stage.CONFIRMED | Stage.EFFECTIVE:
            yield stage_line(good, "accepted", "the device took it", "green")
    if outcome.stage is Stage.ACCEPTED:
        yield stage_line(bad, "confirmed", f"not shown within {took}", "red")
    if outcome.proven:
        shown = {name: outcome.shown.get(name) for name in outcome.wanted}
        yield stage_line(good, "confirmed", f"after {took} the device shows {wanted_text(shown, model)}", "green")
    power = outcome.shown.get("battery_power")
    if outcome.stage is Stage.EFFECTIVE:
        yield stage_line(good, "effective", f"battery_power is {phrase(power, 'W')} (positive when discharging)", "green")
    for text in outcome.notes:
        yield stage_line(note, "note", text, "yellow")


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


def plan_lines(writes: Iterable[Write], address: Address, model: Model) -> Iterator[Text]:
    """Yield the exact requests of some writes."""
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


def stage_line(mark: str, word: str, fact: str, style: str) -> RenderableType:
    """Return a line of what happened."""
    return hanging(Text(f"  {mark} {word:<11}", style=style), fact)


def _plain(values: Mapping[str, Value | None]) -> dict[str, Any]:
    return {name: plain(value) for name, value in values.items()}
