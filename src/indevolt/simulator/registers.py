"""The registers of a virtual battery: raw values by JSON key, as a poll reads them.

A value comes from one of four places, the first that has it: what was written or captured (``own``), what the plant shows
(``panel``), serial numbers, and a table that all units of a kind share (``factory``). So an untouched unit owns nothing but its
plant. How settings read as orders is in ``orders``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from indevolt.battery import Value
from indevolt.catalogue import Point, WriteSide, load
from indevolt.catalogue.codec import Codec, Number
from indevolt.errors import InvalidInput, ProtocolError
from indevolt.protocol.messages import Raw
from indevolt.simulator.factory import factory_registers, serial_keys
from indevolt.simulator.firmware import Firmware
from indevolt.simulator.panel import Row, rows_of
from indevolt.simulator.physics import Kit, Unit
from indevolt.simulator.site import Site

REGISTER: Final = range(-32_768, 65_536)  # a write point is a 16-bit register, signed or not (inferred: protocol.md, section 3.2)


class _Absent:
    """Stands for "there is no such point", since None is a raw value that was captured."""


_ABSENT: Final = _Absent()


@dataclass(frozen=True, slots=True)
class Setting:
    """One value of a write on its way to the registers."""

    point: Point
    value: Value
    raw: Raw  # as written, for a read side that has no code for the value


@dataclass(slots=True)
class _Capture:
    """What only a unit has that was set to captured values, or had one set by hand."""

    held: dict[str, Raw]  # a value stays as it came while the plant would show this
    offsets: dict[str, float]  # by how much a state of charge differs from the plant's, in points
    still: frozenset[str]  # what the plant does not move: of packs that are not there


class Registers:
    """``own`` holds raw values by key; ``written``, by name, settings that have no read side."""

    __slots__ = (
        "_absent",
        "_capture",
        "_complete",
        "_firmware",
        "_kit",
        "_model",
        "_moved",
        "_serial",
        "_site",
        "_unit",
        "own",
        "written",
    )

    def __init__(self, kit: Kit, own: Mapping[str, Raw], *, complete: bool, serial: str) -> None:
        self.own: dict[str, Raw] = dict(own)
        self.written: dict[str, Value] | None = None
        self._kit = kit
        self._model = load(kit.product.family)
        self._complete = complete  # points that are not among its own exist all the same
        self._serial = serial
        self._absent: frozenset[str] = frozenset()
        self._moved: Mapping[str, str] | None = None  # from where a point answers to where it belongs
        self._capture: _Capture | None = None
        self._unit: Unit
        self._firmware: Firmware
        self._site: Site

    def attach(self, unit: Unit, firmware: Firmware, site: Site) -> None:
        """Put the plant behind the registers."""
        self._unit, self._firmware, self._site = unit, firmware, site

    # ---- reading -------------------------------------------------------------------------------------------------------------

    def poll(self, keys: Iterable[str]) -> dict[str, Raw]:
        """Return the raw values of all keys that exist, in the order of the keys."""
        own, absent, moved = self.own, self._absent, self._moved
        kit = self._kit
        rows, factory, complete = rows_of(kit), factory_registers(kit) if self._complete else {}, self._complete
        shown: dict[str, Raw] = {}
        for asked in keys:
            key = asked
            if absent or moved:
                key = asked if moved is None else moved.get(asked, asked)
                if asked in absent:
                    continue
            if key in own:
                shown[asked] = self._own(key, rows)
            elif complete:
                if (row := rows.get(key)) is not None:
                    shown[asked] = row.render(self._unit, self._firmware, self._site)
                elif key in factory:
                    shown[asked] = self._serial_at(key) if factory[key] == "" else factory[key]
        return shown

    def _serial_at(self, key: str) -> str:
        """Return a serial number, for which the shared table has an empty text; other texts are empty."""
        end = serial_keys(self._kit).get(key)
        return "" if end is None else self._serial + end

    def _own(self, key: str, rows: Mapping[str, Row]) -> Raw:
        """Return a value of our own, or what the plant shows instead once that changes."""
        capture, row = self._capture, rows.get(key)
        if capture is None or row is None or key in capture.still:
            return self.own[key]
        now = row.render(self._unit, self._firmware, self._site, capture.offsets.get(key, 0.0))
        if key in capture.held:
            if capture.held[key] == now:
                return self.own[key]
            del capture.held[key]
        return now

    def keys(self) -> tuple[str, ...]:
        """Return the keys of everything that can be read."""
        every = dict.fromkeys((*self.own, *(factory_registers(self._kit) if self._complete else ())))
        return tuple(key for key in every if key not in self._absent)

    def has(self, name: str) -> bool:
        """Return whether a quantity exists here: it is readable, and not left out."""
        point = self._model.points.get(name)
        if point is None or point.read is None or point.read.key in self._absent:
            return False
        return self._complete or point.read.key in self.own

    @property
    def is_complete(self) -> bool:
        """Whether points that are not among its own exist all the same."""
        return self._complete

    def has_own(self, names: Iterable[str]) -> bool:
        """Return whether any of these quantities was captured or written."""
        points = self._model.points
        return any(name in points and (side := points[name].read) is not None and side.key in self.own for name in names)

    def value(self, name: str) -> Value | None:
        """Return what a quantity shows; None when it is absent, not available, or captured and unreadable."""
        point = self._model.points.get(name)
        if point is None or point.read is None:
            return None
        return decoded(point.read.codec, self.poll((point.read.key,)).get(point.read.key, _ABSENT))

    def setting(self, name: str) -> Value | None:
        """Return what was captured, written or left as in the factory, whatever the plant shows by it."""
        point = self._model.points.get(name)
        if point is None or point.read is None:
            return (self.written or {}).get(name)
        raw: Raw | _Absent = self.own.get(point.read.key, _ABSENT)
        if raw is _ABSENT and self._complete:
            raw = factory_registers(self._kit).get(point.read.key, _ABSENT)
        return decoded(point.read.codec, raw)

    def number(self, name: str, otherwise: float) -> float:
        """Return a setting as a number, or something else where it shows none."""
        value = self.setting(name)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else otherwise

    # ---- changing ------------------------------------------------------------------------------------------------------------

    def put(self, setting: Setting) -> None:
        """Let a setting show. Where its read side has no code for the value, what was written shows (inferred)."""
        side = setting.point.read
        if side is None:
            self.written = (self.written or {}) | {setting.point.name: setting.value}
        else:
            self.own[side.key] = _encoded(side.codec, setting)

    def hold(self, *, names: Iterable[str] | None = None) -> None:
        """Let captured values stay until the plant would show others: those of all quantities, or of some.

        States of charge keep their distance from the plant's, as the packs of captures do.
        """
        rows, capture = rows_of(self._kit), self._capture
        if capture is None:
            capture = self._capture = _Capture({}, {}, self._of_missing_packs(rows))
        keys = list(self.own) if names is None else [side.key for name in names if (side := self._model.points[name].read)]
        for key in keys:
            if (row := rows.get(key)) is None or key in capture.still:
                continue
            if names is None and row.name.endswith(("_soc", "soc_alt")):
                shown, own = row.shows(self._unit, self._firmware, self._site), decoded(row.codec, self.own[key])
                if isinstance(shown, float) and isinstance(own, int | float):
                    capture.offsets[key] = own - shown
            capture.held[key] = row.render(self._unit, self._firmware, self._site, capture.offsets.get(key, 0.0))

    def release(self) -> None:
        """Let the plant's values replace captured ones."""
        if self._capture is not None:
            self._capture.held.clear()

    def offset(self, name: str) -> float:
        """Return by how much a state of charge differs from the plant's, in percentage points."""
        side = self._model.points[name].read
        return self._capture.offsets.get(side.key, 0.0) if self._capture is not None and side is not None else 0.0

    def remove(self, names: Iterable[str]) -> None:
        """Leave quantities out of every reply from now on."""
        self._absent |= self._keys_of(names)

    def restore(self, names: Iterable[str]) -> None:
        """Answer quantities again that were left out."""
        self._absent -= self._keys_of(names)

    def lay_out(self, remove: Iterable[str], move: Mapping[str, str]) -> None:
        """Leave some quantities out and let others, by name, answer at other keys; all else is at its own."""
        moved = {key: side.key for name, key in move.items() if (side := self._model.points[name].read) is not None}
        self._moved = moved or None
        self._absent = (self._keys_of(remove) | frozenset(moved.values())) - frozenset(moved)

    def _keys_of(self, names: Iterable[str]) -> frozenset[str]:
        return frozenset(side.key for name in names if (side := self._model.points[name].read) is not None)

    def _of_missing_packs(self, rows: Mapping[str, Row]) -> frozenset[str]:
        """Return the keys of what belongs to a pack whose serial number was captured as empty."""
        presence = {pack: self._model.points[serial].read for pack, serial in self._model.presence.items()}
        missing = {pack for pack, side in presence.items() if side and side.key in self.own and not self.own[side.key]}
        return frozenset(key for key, row in rows.items() if row.name.partition("_")[0] in missing)

    # ---- what a write means --------------------------------------------------------------------------------------------------

    def check(self, number: int, raw: float) -> Setting | None:
        """Return the setting that a raw value at a write point means; None when a device would refuse it."""
        found = _write_sides(self._model.family).get(number)
        if found is None or not REGISTER.start <= raw < REGISTER.stop:  # also refuses what is not a number
            return None
        point, side = found
        whole = round(raw)  # one client sends floats (protocol.md, section 3.2); what a fraction does is not documented
        if not side.takes(whole) or (whole != raw and not isinstance(side.codec, Number)):
            return None
        value = side.codec.decode(whole)
        return None if value is None else Setting(point, value, whole)


@cache
def _write_sides(family: str) -> Mapping[int, tuple[Point, WriteSide]]:
    """Return point and side by the number that is written; one table for all devices of a family."""
    return {side.at: (point, side) for point in load(family).points.values() for side in point.writes}


def decoded(codec: Codec, raw: object) -> Value | None:
    """Return what a raw value means; None for what is absent or cannot be read."""
    if raw is _ABSENT:
        return None
    try:
        return codec.decode(raw)
    except ProtocolError:
        return None


def _encoded(codec: Codec, setting: Setting) -> Raw:
    try:
        raw = codec.encode(setting.value)
    except InvalidInput:
        return setting.raw
    return raw if isinstance(raw, int | float | str | list) else setting.raw
