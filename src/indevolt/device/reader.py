"""From raw values to a reading: names in, samples with value, unit, time and quality out.

Knows which packs and meters are not there, so that their zeros are not taken for values. How points are fetched is in ``batches``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from indevolt.battery import Quality, Reading, Sample, Value
from indevolt.catalogue import Model, Point
from indevolt.clock import Clock
from indevolt.device.batches import Answer, Batches
from indevolt.errors import InvalidInput, ProtocolError

_PARTS_LAST_S: Final = 3600.0  # how long "pack 2 is not there" holds; packs are added rarely, and with the unit switched off
_PLANS: Final = 256  # selections of names kept resolved, of all devices of this process; a poller has a few
_MISSING: Final = object()
_LIVE: Final = Quality.LIVE
_NOTHING: Final = frozenset((None, 0, "", "0"))  # what a device sends for a pack that is not there (protocol.md, section 11)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is the same at each reading of a selection, on all devices of a model."""

    model: Model
    points: tuple[Point, ...]
    asked: tuple[int, ...]  # the numbers of these points, and of the switches that some need
    has_parts: bool
    steady: tuple[tuple[Point, str, str, int, str, Callable[[object], Value | None] | None], ...]
    """Of each point: name, unit, number, key, and how it is decoded if neither part nor switch can make its value void."""

    @staticmethod
    def of(points: tuple[Point, ...], model: Model) -> _Plan:
        switches = (model.points[point.needs] for point in points if point.needs)
        sides = [(point, point.read) for point in points if point.read is not None]
        return _Plan(
            model,
            points,
            tuple(dict.fromkeys(point.read.at for point in (*points, *switches) if point.read)),
            any(point.part for point in points),
            tuple(
                (point, point.name, point.unit, side.at, side.key, None if point.part or point.needs else side.codec.decode)
                for point, side in sides
            ),
        )


_plans: Final[dict[tuple[int, tuple[str | int, ...]], _Plan]] = {}
"""By the identity of the model, which the plan itself keeps alive, and what is asked for."""


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
        self._parts: dict[str, bool] = {}
        presence = {part: model.points[name].read for part, name in model.presence.items()}
        self._telling = {part: side for part, side in presence.items() if side is not None}
        self._parts_at: float | None = None
        self._parts_told = False  # whether this device shows serial numbers of packs at all, if only empty ones

    async def read(self, names: tuple[str | int, ...]) -> Reading:
        """Read quantities; a point that spoils replies is found and left out.

        Raises:
            InvalidInput: no such quantity, or one that can only be written.
            IndevoltError: the device as a whole does not answer as it should.
        """
        plan = self._plan(names)
        answers = await self._batches.fetch((*plan.asked, *self._unknown_parts(plan)))
        self._learn_parts(answers)
        return self._compose(plan, answers)

    async def look(self, names: tuple[str | int, ...]) -> Reading:
        """Read quantities in one request, and raise whatever goes wrong."""
        plan = self._plan(names)
        return self._compose(plan, [await self._batches.ask(tuple(point.read.at for point in plan.points if point.read))])

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
        return self._plan(names).points

    def _plan(self, names: tuple[str | int, ...]) -> _Plan:
        try:
            found = _plans.get((id(self._model), names))
        except TypeError:
            raise InvalidInput(f"{names!r:.80} are no names", remedy='Give them one by one: read("battery_soc", "mode").') from None
        if found is None:
            named = {point.name: point for point in map(self._model.point, names)}
            points = tuple(named.values()) or self._model.readable()
            if blind := [point.name for point in points if point.read is None]:
                raise InvalidInput(f"{', '.join(blind)} can only be written: the device does not show it")
            found = _Plan.of(points, self._model)
            if len(_plans) >= _PLANS:
                _plans.clear()
            _plans[id(self._model), names] = found
        return found

    def _compose(self, plan: _Plan, answers: list[Answer]) -> Reading:
        """Return one sample for each point, in the order asked."""
        at = answers[-1].at if answers else self._clock.now()
        homes: dict[int, Answer] = {}
        for answer in answers:
            homes.update(dict.fromkeys(answer.points, answer))
        samples: dict[str, Sample] = {}
        for point, name, unit, number, key, decode in plan.steady:
            home = homes.get(number)
            if decode is None or home is None or (raw := home.values.get(key)) is None:
                samples[name] = self._sample(point, homes, at)
                continue
            try:
                value = decode(raw)
            except ProtocolError:
                samples[name] = Sample(name, None, unit, home.at, Quality.UNREADABLE)
            else:
                samples[name] = Sample(name, value, unit, home.at, _LIVE if value is not None else Quality.NOT_AVAILABLE)
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

    def _unknown_parts(self, plan: _Plan) -> Iterable[int]:
        """Return the points that tell which packs are there, if that matters for this selection and is not known."""
        fresh = self._parts_at is not None and self._clock.monotonic() - self._parts_at < _PARTS_LAST_S
        if fresh or not plan.has_parts:
            return ()
        return [side.at for side in self._telling.values()]

    def _learn_parts(self, answers: list[Answer]) -> None:
        if not any(answer.values for answer in answers):
            return  # a wholly empty reply tells nothing (protocol.md, section 8)
        found = {
            part: answer.values.get(side.key, _MISSING)
            for answer in answers
            for part, side in self._telling.items()
            if side.at in answer.points
        }
        if found:
            self._parts_at = self._clock.monotonic()
            self._parts.update({part: not (raw is _MISSING or _is_nothing(raw)) for part, raw in found.items()})
            self._parts_told = self._parts_told or any(raw is not _MISSING for raw in found.values())


def _is_nothing(raw: object) -> bool:
    return isinstance(raw, str | int | float | None) and raw in _NOTHING
