"""From raw values to a reading: names in, samples with value, unit, time and quality out.

Knows which packs and meters are not there, so that their zeros are not taken for values. How points are fetched is in ``batches``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from indevolt.battery import Quality, Reading, Sample, Value
from indevolt.catalogue import Model, Point
from indevolt.clock import Clock
from indevolt.device.batches import Answer, Batches
from indevolt.errors import InvalidInput, ProtocolError

_PARTS_LAST_S: Final = 3600.0  # how long "pack 2 is not there" holds; packs are added rarely, and with the unit switched off
_PLANS: Final = 64  # selections of names kept resolved; a poller has a few
_MISSING: Final = object()
_NOTHING: Final = frozenset((None, 0, "", "0"))  # what a device sends for a pack that is not there (protocol.md, section 11)


class Reader:
    """Reads quantities of one device.

    Args:
        device: what readings call it.
        model: its family.
        batches: where raw values come from.
        clock: dates readings for which nothing had to be asked.
    """

    def __init__(self, device: str, model: Model, batches: Batches, clock: Clock) -> None:
        self.role: Value | None = None
        """The last known role in a cluster."""
        self._device = device
        self._model = model
        self._batches = batches
        self._clock = clock
        self._plans: dict[tuple[str | int, ...], tuple[Point, ...]] = {}
        self._parts: dict[str, bool] = {}
        self._parts_at: float | None = None
        self._parts_told = False  # whether this device shows serial numbers of packs at all, if only empty ones

    async def read(self, names: tuple[str | int, ...]) -> Reading:
        """Read quantities; a point that spoils replies is found and left out.

        Raises:
            InvalidInput: no such quantity, or one that can only be written.
            IndevoltError: the device as a whole does not answer as it should.
        """
        points = self.resolve(names)
        switches = (self._model.points[point.needs] for point in points if point.needs)
        wanted = (*points, *switches, *self._unknown_parts(points))
        answers = await self._batches.fetch([point.read.at for point in wanted if point.read])
        self._learn_parts(answers)
        return self._compose(points, answers)

    async def look(self, names: tuple[str | int, ...]) -> Reading:
        """Read quantities in one request, and raise whatever goes wrong."""
        points = self.resolve(names)
        return self._compose(points, [await self._batches.ask(tuple(point.read.at for point in points if point.read))])

    def unanswered(self, names: tuple[str | int, ...]) -> Reading:
        """Return the reading of a device that did not answer."""
        at = self._clock.now()
        samples = {point.name: Sample(point.name, None, point.unit, at, Quality.UNANSWERED) for point in self.resolve(names)}
        return Reading(self._device, self._model.family, at, samples)

    def modules(self) -> int | None:
        """Return the battery modules, main unit included, where the serial numbers of the packs tell; else None."""
        return 1 + sum(self._parts.values()) if self._parts_told else None

    def resolve(self, names: tuple[str | int, ...]) -> tuple[Point, ...]:
        """Return the points that names or numbers mean; everything readable for none.

        Raises:
            InvalidInput: no such quantity, or one that can only be written.
        """
        try:
            found = self._plans.get(names)
        except TypeError:
            raise InvalidInput(f"{names!r:.80} are no names", remedy='Give them one by one: read("battery_soc", "mode").') from None
        if found is None:
            named = {point.name: point for point in map(self._model.point, names)}
            found = tuple(named.values()) or self._model.readable()
            if blind := [point.name for point in found if point.read is None]:
                raise InvalidInput(f"{', '.join(blind)} can only be written: the device does not show it")
            if len(self._plans) >= _PLANS:
                self._plans.clear()
            self._plans[names] = found
        return found

    def _compose(self, points: Iterable[Point], answers: list[Answer]) -> Reading:
        """Return one sample for each point, in the order asked."""
        at = answers[-1].at if answers else self._clock.now()
        homes = {number: answer for answer in answers for number in answer.points}
        samples = {point.name: self._sample(point, homes, at) for point in points}
        if (role := samples.get("cluster_role")) is not None and role.quality is Quality.LIVE:
            self.role = role.value
        return Reading(self._device, self._model.family, at, samples)

    def _sample(self, point: Point, homes: Mapping[int, Answer], at: datetime) -> Sample:
        side = point.read
        answer = None if side is None else homes.get(side.at)
        if side is None or answer is None:
            return Sample(point.name, None, point.unit, at, Quality.QUARANTINED)
        raw = answer.values.get(side.key, _MISSING)
        value: Value | None = None
        if point.part and self._parts.get(point.part) is False and (raw is _MISSING or _is_nothing(raw)):
            quality = Quality.NOT_INSTALLED
        elif raw is _MISSING:
            quality = Quality.ABSENT
        elif raw is None or (point.needs and _is_nothing(raw) and self._is_off(point.needs, homes)):
            quality = Quality.NOT_AVAILABLE
        else:
            try:
                value = side.codec.decode(raw)
                quality = Quality.NOT_AVAILABLE if value is None else Quality.LIVE
            except ProtocolError:
                quality = Quality.UNREADABLE
        return Sample(point.name, value, point.unit, answer.at, quality)

    def _is_off(self, switch: str, homes: Mapping[int, Answer]) -> bool:
        """Whether the same reading shows a switch to be off; what was not read is not assumed."""
        side = self._model.points[switch].read
        answer = None if side is None else homes.get(side.at)
        if side is None or answer is None or side.key not in answer.values:
            return False
        try:
            return side.codec.decode(answer.values[side.key]) is False
        except ProtocolError:
            return False

    def _unknown_parts(self, points: Iterable[Point]) -> tuple[Point, ...]:
        """Return the quantities that tell which packs are there, if that matters for these points and is not known."""
        fresh = self._parts_at is not None and self._clock.monotonic() - self._parts_at < _PARTS_LAST_S
        if fresh or not any(point.part for point in points):
            return ()
        return tuple(self._model.points[name] for name in self._model.presence.values())

    def _learn_parts(self, answers: list[Answer]) -> None:
        if not any(answer.values for answer in answers):
            return  # a wholly empty reply tells nothing (protocol.md, section 8)
        asked: dict[int, object] = {}
        for answer in answers:
            asked.update({number: answer.values.get(str(number), _MISSING) for number in answer.points})
        telling = {part: self._model.points[name].read for part, name in self._model.presence.items()}
        found = {part: asked[side.at] for part, side in telling.items() if side and side.at in asked}
        if found:
            self._parts_at = self._clock.monotonic()
            self._parts.update({part: not (raw is _MISSING or _is_nothing(raw)) for part, raw in found.items()})
            self._parts_told = self._parts_told or any(raw is not _MISSING for raw in found.values())


def _is_nothing(raw: object) -> bool:
    return isinstance(raw, str | int | float | None) and raw in _NOTHING
