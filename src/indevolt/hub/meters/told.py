"""What a meter told once, in our units, before anybody has judged it; and how values are found in a JSON document. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from indevolt.errors import InvalidInput, ProtocolError
from indevolt.hub.websource import Json

_STEP: Final = re.compile(r'"(?P<quoted>[^"]+)"|(?P<plain>[^."]+)')


@dataclass(frozen=True, slots=True)
class Told:
    """What a meter told.

    ``witness`` is what else it measured: voltages, currents. Nobody uses these, but a meter whose every number stands still does
    not measure any more.
    """

    power_w: float  # positive: taken from the grid, or by what is measured
    phases_w: tuple[float, ...] = ()
    import_wh: float | None = None  # its counters, which begin anywhere
    export_wh: float | None = None
    at: datetime | None = None  # by the clock of what measures; not of what passes it on, which goes on when that has died
    witness: tuple[float, ...] = ()

    @property
    def numbers(self) -> tuple[float, ...]:
        """Everything that was measured."""
        counters = [each for each in (self.import_wh, self.export_wh) if each is not None]
        return (self.power_w, *self.phases_w, *counters, *self.witness)


def path_of(text: str) -> tuple[str, ...]:
    """Return the steps of a path: separated by dots, and in quotes where a dot is part of a step.

    Raises:
        InvalidInput: it is no path.
    """
    steps: list[str] = []
    position = 0
    while position < len(text):
        found = _STEP.match(text, position)
        end = found.end() if found else position
        if found is None or (end < len(text) and text[end] != "."):
            raise InvalidInput(f"{text!r:.80} is no path", remedy='Paths are like SML.Power, or SML."1.7.0" where a name has dots.')
        steps.append(found["quoted"] or found["plain"])
        position = end + 1
    if not steps or text.endswith("."):
        raise InvalidInput(f"{text!r:.80} is no path", remedy="Paths are like SML.Power.")
    return tuple(steps)


def number_at(document: Json, path: Sequence[str]) -> float:
    """Return the number at a path; a text that is a number counts as one, as many programs send these.

    Raises:
        ProtocolError: there is nothing there, or no number.
    """
    return _number(_value_at(document, path), ".".join(path))


def moment_at(document: Json, path: Sequence[str]) -> datetime:
    """Return the time at a path: ISO 8601, or seconds since 1970. Without an offset it counts as UTC: only differences matter.

    Raises:
        ProtocolError: there is nothing there, or no time.
    """
    value = _value_at(document, path)
    try:
        at = (
            datetime.fromisoformat(value) if isinstance(value, str) else datetime.fromtimestamp(_number(value, ".".join(path)), UTC)
        )
    except (ValueError, OverflowError, OSError) as error:
        raise ProtocolError(f"{'.'.join(path)} is {value!r:.40}, and no time", remedy=_REMEDY) from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _value_at(document: Json, path: Sequence[str]) -> Json:
    here = document
    for step in path:
        match here:
            case dict() if step in here:
                here = here[step]
            case list() if step.isdecimal() and int(step) < len(here):
                here = here[int(step)]
            case _:
                known = f"; there are {', '.join(map(str, list(here)[:12]))}" if isinstance(here, dict) else ""
                raise ProtocolError(f"nothing is at {'.'.join(path)}: no {step!r:.40}{known}", remedy="See what the meter tells.")
    return here


def field(document: Mapping[str, Any], *names: str) -> float:
    """Return the first of some fields that is there, as a number.

    Raises:
        ProtocolError: none is there, or it is no number.
    """
    for name in names:
        if name in document:
            return _number(document[name], name)
    raise ProtocolError(f"there is no {' or '.join(names)}; there are {', '.join(list(document)[:20])}", remedy=_REMEDY)


def optional(document: Mapping[str, Any], *names: str) -> float | None:
    """Return the first of some fields that is there and has a value, as a number; else None."""
    return next((_number(document[name], name) for name in names if document.get(name) is not None), None)


def present(document: Mapping[str, Any], names: Iterable[str]) -> tuple[float, ...]:
    """Return the numbers of those fields that are there."""
    return tuple(value for name in names if (value := optional(document, name)) is not None)


def thousandfold(value: float | None) -> float | None:
    """Return kWh as Wh, or kW as W."""
    return None if value is None else value * 1000


_REMEDY: Final = "Is this the kind of meter that the configuration names?"


def _number(value: Json, name: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            pass
    raise ProtocolError(f"{name} is {value!r:.40}, and no number", remedy=_REMEDY)
