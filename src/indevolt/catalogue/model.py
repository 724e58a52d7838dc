"""A product family as the program sees it: its points by name and by number, its commands, its products.

Built by :mod:`indevolt.catalogue.grammar` from one TOML file; immutable afterwards.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from indevolt.battery import Charge, Command, Discharge, Hold, Schedule, SelfUse, Value
from indevolt.catalogue.codec import Codec, Number, Words
from indevolt.errors import InvalidInput, ProtocolError


@dataclass(frozen=True, slots=True)
class ReadSide:
    """Where a quantity is read, and how."""

    at: int
    codec: Codec
    key: str = field(init=False, repr=False, compare=False)  # the number as it stands in JSON

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", str(self.at))


@dataclass(frozen=True, slots=True)
class WriteSide:
    """Where a quantity is written, and what may be written there.

    ``low`` and ``high`` are what we send to a single unit, in the point's unit. ``accepts`` is the widest range that any document
    or client of the field uses; a virtual device takes all of it.
    """

    at: int
    codec: Codec
    low: float | None = None
    high: float | None = None
    accepts: tuple[float, float] | None = None

    def takes(self, raw: float) -> bool:
        """Return whether a device would take this raw value."""
        if isinstance(self.codec, Number):
            low, high = self.accepts or (self.low, self.high)
            return (low is None or low <= raw) and (high is None or raw <= high)
        try:
            word = self.codec.decode(raw)
        except ProtocolError:
            return False
        return not (isinstance(word, str) and word.startswith("code "))


@dataclass(frozen=True, slots=True)
class Point:
    """A quantity with a read side, a write side, or both."""

    name: str
    group: str
    about: str
    unit: str
    read: ReadSide | None
    writes: tuple[WriteSide, ...]  # in order of preference
    source: str
    note: str = ""  # doubts, contradictions between sources, what is inferred
    part: str = ""  # the pack it belongs to
    needs: str = ""  # the switch without which its 0 means nothing

    @property
    def settable(self) -> bool:
        """Whether there is a write side."""
        return bool(self.writes)

    def range_text(self) -> str:
        """Return what may be written, for messages and tables: ``5 to 100 %`` or ``off, on``."""
        if not self.writes:
            return ""
        codec = self.writes[0].codec
        if isinstance(codec, Words):
            return Words({word: codes for side in self.writes for word, codes in _codes(side.codec).items()}).describe()
        if not isinstance(codec, Number):
            return codec.describe()
        lows = [side.low for side in self.writes if side.low is not None]
        highs = [side.high for side in self.writes if side.high is not None]
        if not lows and not highs:
            return "not documented"
        return f"{f'{min(lows):g}' if lows else '?'} to {f'{max(highs):g}' if highs else '?'} {self.unit}".strip()


@dataclass(frozen=True, slots=True)
class Derating:
    """What one battery module carries up to a cell temperature."""

    upto_c: float
    charge_w: float
    discharge_w: float


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """One product of a family: what tells its limits, and what a virtual one is made of. There is one object for each."""

    name: str
    title: str
    family: str
    module_wh: float
    max_modules: int
    pv_inputs: int
    charge_w: tuple[float, ...]  # by number of battery modules, the last for more
    discharge_w: tuple[float, ...]
    system: Mapping[str, str]  # type, fw, f_ver, p_ver of Sys.GetConfig
    source: str
    derating: tuple[Derating, ...] = ()  # by rising temperature, nothing beyond the last; empty where none is published


@dataclass(frozen=True, slots=True)
class Write:
    """One SetData: values for consecutive points, and the quantities that should show it afterwards."""

    point: int
    values: tuple[int | float, ...]
    wanted: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Identity:
    """Which reports mean this family (protocol.md, section 9), and the least firmware for HTTP (section 10)."""

    types: tuple[str, ...]
    boards: tuple[str, ...]
    modules: tuple[str, ...]
    cms: str
    answers: tuple[str, ...]
    rated_w: tuple[float, float]
    minimum_firmware: str


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A product family. There is one object for each, so it is compared and hashed by identity."""

    family: str
    title: str
    extends: str  # the family whose table it shares, or empty
    points: Mapping[str, Point]
    commands: Mapping[str, tuple[Mapping[str, Value], ...]]
    identity: Identity
    products: Mapping[str, Product]
    presence: Mapping[str, str]  # part -> the quantity whose absence means that the part is not installed
    by_read: Mapping[str, Point]  # by the key in a GetData reply
    by_write: Mapping[int, Point]

    def point(self, name: str | int) -> Point:
        """Return a point by our name or by its number (read side first).

        Raises:
            InvalidInput: no such point in this family, with the nearest names.
        """
        text = str(name).strip()
        if text.isascii() and text.isdigit():
            found = self.by_read.get(str(int(text))) or self.by_write.get(int(text))
        else:
            found = self.points.get(text.lower().replace("-", "_"))
        if found is None:
            near = difflib.get_close_matches(text.lower(), self.points, n=3, cutoff=0.6)
            hint = f"Did you mean {' or '.join(near)}?" if near else "`indevolt points` lists all names and numbers."
            raise InvalidInput(f"{self.title} has no quantity {text!r}", remedy=hint)
        return found

    def readable(self) -> tuple[Point, ...]:
        """Return all points with a read side."""
        return tuple(self.by_read.values())

    def write(self, name: str | int, values: Sequence[Value], *, cluster: bool = False) -> Write:
        """Return the SetData for a quantity and, with more values, for the points that follow it.

        Args:
            name: quantity or point number.
            values: one value, or several for consecutive write points (mode and limits are written this way).
            cluster: the unit leads a cluster, so the wider documented power ranges hold.

        Raises:
            InvalidInput: not settable, or a value that is not allowed; names field, value and range.
        """
        if not values:
            raise InvalidInput(f"{name}: no value given")
        first = self.point(name)
        if not first.writes:
            raise InvalidInput(f"{first.name} can only be read", remedy="`indevolt points --settable` lists what can be written.")
        side = _side_for(first, name, values[0], cluster=cluster)
        raw: list[int | float] = []
        wanted: dict[str, Value] = {}
        for offset, value in enumerate(values):
            point = self.by_write.get(side.at + offset)
            if point is None:
                raise InvalidInput(f"{first.name} takes at most {offset} values; nothing is written after {', '.join(wanted)}")
            target = next(each for each in point.writes if each.at == side.at + offset)
            raw.append(_encode(point, target, value, cluster=cluster))
            shown = target.codec.decode(raw[-1])
            wanted[point.name] = value if shown is None else shown
        return Write(side.at, tuple(raw), wanted)

    def nearest(self, name: str, value: Value, *, cluster: bool = False) -> Value:
        """Return the value nearest to this one that a quantity may be set to; what is no number is returned as it is."""
        point = self.points[name]
        side = point.writes[0] if point.writes else None
        if side is None or not isinstance(side.codec, Number) or isinstance(value, bool) or not isinstance(value, int | float):
            return value
        low, high = _bounds(side, cluster=cluster)
        return type(value)(min(max(value, value if low is None else low), value if high is None else high))

    def spell(self, command: Command, *, cluster: bool = False) -> tuple[Write, ...]:
        """Return the ordered writes that a command means for this family.

        Raises:
            InvalidInput: power or state of charge outside the documented range.
        """
        steps = self.commands[_COMMAND_WORDS[type(command)]]
        arguments: dict[str, Value] = asdict(command)
        for name, value in arguments.items():
            if type(value) is not int:
                raise InvalidInput(f"{name}: {value!r} is not a whole number")
            point = self.points[_COMMAND_POINTS[name]]
            _encode(point, point.writes[0], value, cluster=cluster)
        return tuple(self._spell_step(step, arguments) for step in steps)

    def _spell_step(self, step: Mapping[str, Value], arguments: Mapping[str, Value]) -> Write:
        start = self.points[next(iter(step))].writes[0].at
        raw: list[int | float] = []
        wanted: dict[str, Value] = {}
        for offset, (name, value) in enumerate(step.items()):
            side = self.points[name].writes[0]
            if side.at != start + offset:
                raise ValueError(f"{self.family}: command step {step} does not write consecutive points")
            wanted[name] = arguments[value[1:-1]] if isinstance(value, str) and value.startswith("{") else value
            raw.append(side.codec.encode(wanted[name]))
        return Write(start, tuple(raw), wanted)


def _codes(codec: Codec) -> Mapping[str, tuple[int, ...]]:
    return codec.codes if isinstance(codec, Words) else {}


_COMMAND_WORDS: Mapping[type, str] = {
    SelfUse: "self_use",
    Schedule: "schedule",
    Hold: "hold",
    Charge: "charge",
    Discharge: "discharge",
}
_COMMAND_POINTS: Mapping[str, str] = {"power_w": "realtime_power", "soc_pct": "realtime_target_soc"}


def _side_for(point: Point, name: str | int, value: Value, *, cluster: bool) -> WriteSide:
    """Return the side that was asked for by number, else the first that takes the value, else the first, whose error then tells."""
    for side in point.writes:
        if str(side.at) == str(name):
            return side
    for side in point.writes:
        try:
            _encode(point, side, value, cluster=cluster)
        except InvalidInput:
            continue
        return side
    return point.writes[0]


def _encode(point: Point, side: WriteSide, value: Value, *, cluster: bool) -> int | float:
    try:
        raw: int | float = side.codec.encode(value)
    except InvalidInput as error:
        raise InvalidInput(f"{point.name}: {error}", remedy=f"Allowed: {point.range_text()}.") from None
    if isinstance(side.codec, Number):
        low, high = _bounds(side, cluster=cluster)
        if (low is not None and raw < low) or (high is not None and raw > high):
            raise InvalidInput(f"{point.name}: {value} {point.unit} is out of range", remedy=f"Allowed: {point.range_text()}.")
    return raw


def _bounds(side: WriteSide, *, cluster: bool) -> tuple[float | None, float | None]:
    """Return what is sent at least and at most; whoever leads a cluster takes the power of all."""
    if cluster and side.accepts is not None and side.high is not None:
        return side.low, max(side.high, side.accepts[1])
    return side.low, side.high
