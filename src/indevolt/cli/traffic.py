"""What a virtual device was asked and answered, in one line for each request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from rich.text import Text

from indevolt.catalogue import Model
from indevolt.cli.ending import printable
from indevolt.cli.render import phrase
from indevolt.errors import ProtocolError
from indevolt.protocol.messages import AnyRequest, GetData, PlugSetStatus, SetData
from indevolt.protocol.rpc import decode_request

_FEW: Final = 3  # quantities that are named; more are counted
_TARGET: Final = 60  # characters of a target that is no request


@dataclass(frozen=True, slots=True)
class Answered:
    """One request, as the server tells it; ``status`` is 0 where no HTTP reply was given."""

    at: datetime
    peer: str
    method: str
    target: str
    status: int
    took_s: float

    @property
    def request(self) -> AnyRequest | None:
        """What was asked, where it can be understood."""
        try:
            return decode_request(self.method, self.target.encode("latin-1"))
        except ProtocolError:
            return None

    def text(self, model: Model | None) -> Text:
        """Return the line for a person; the model gives numbers their names."""
        request = self.request
        what = request.rpc if request is not None else f"{self.method} {self.target[:_TARGET]}"
        status, style = ("none", "red") if self.status == 0 else (str(self.status), "green" if self.status == 200 else "red")
        return Text.assemble(
            (f"{self.at.astimezone():%H:%M:%S}.{self.at.microsecond // 1000:03d}  ", "dim"),
            f"{self.peer:<21} ",
            (f"{status:<4} ", style),
            (f"{self.took_s * 1000:>5.0f} ms  ", "dim"),
            (printable(what), "bold"),
            f"  {printable(_details(request, model))}".rstrip(),
        )

    def record(self) -> dict[str, Any]:
        """Return the line for ``--json``."""
        request = self.request
        record: dict[str, Any] = {
            "at": self.at.isoformat(),
            "peer": self.peer,
            "method": self.method,
            "target": self.target,
            "rpc": request.rpc if request is not None else None,
            "status": self.status,
            "ms": round(self.took_s * 1000, 3),
        }
        match request:
            case GetData(points=points):
                record["points"] = list(points)
            case SetData(point=point, values=values):
                record["point"], record["values"] = point, list(values)
            case _:
                pass
        return record


def _details(request: AnyRequest | None, model: Model | None) -> str:
    match request:
        case GetData(points=points):
            if len(points) > _FEW:
                return f"{len(points)} points"
            return ", ".join(_read_name(point, model) for point in points)
        case SetData():
            return ", ".join(_written(request, model))
        case PlugSetStatus(on=on):
            return "on" if on else "off"
        case _:
            return ""


def _read_name(number: int, model: Model | None) -> str:
    point = model.by_read.get(str(number)) if model else None
    return point.name if point else str(number)


def _written(request: SetData, model: Model | None) -> Iterator[str]:
    for number, raw in enumerate(request.values, request.point):
        point = model.by_write.get(number) if model else None
        side = next((each for each in point.writes if each.at == number), None) if point else None
        if point is None or side is None:
            yield f"{number} = {raw}"
            continue
        try:
            yield f"{point.name} = {phrase(side.codec.decode(raw), point.unit)}"
        except ProtocolError:
            yield f"{point.name} = {raw}"
