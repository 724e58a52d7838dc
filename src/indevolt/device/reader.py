"""From raw values to a reading: names in, samples with value, unit, time and quality out.

Knows which packs and meters are not there, so that their zeros are not taken for values. How points are fetched is in ``batches``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from operator import itemgetter
from typing import Any, Final

from indevolt.battery import Columns, Quality, Reading, Row, Sample, Value
from indevolt.catalogue import Model, Point
from indevolt.catalogue.codec import Number
from indevolt.clock import Clock
from indevolt.device.batches import Answer, Batches
from indevolt.errors import InvalidInput, ProtocolError

_PARTS_LAST_S: Final = 3600.0  # how long "pack 2 is not there" holds; packs are added rarely, and with the unit switched off
_PLANS: Final = 256  # selections of names kept resolved, of all devices of this process; a poller has a few
_MISSING: Final = object()
_NUMBERS: Final = frozenset((int, float))
_NOTHING: Final = frozenset((None, 0, "", "0"))  # what a device sends for a pack that is not there (protocol.md, section 11)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is the same at each reading of a selection, on all devices of a model."""

    model: Model
    points: tuple[Point, ...]
    asked: tuple[int, ...]  # the numbers of these points, and of the switches that some need
    has_parts: bool
    columns: Columns
    keys: tuple[str, ...]
    plain: tuple[int, ...]  # columns in which the number on the wire is the value, ...
    pick_plain: Callable[[Sequence[Any]], Sequence[Any]]  # ... what takes these out of a row, ...
    decoders: tuple[tuple[int, Callable[[object], Value | None]], ...]  # ... and how the other ones are read
    voidable: tuple[int, ...]  # columns whose zeros a missing part or an open switch can make void

    @staticmethod
    def of(points: tuple[Point, ...], model: Model) -> _Plan:
        switches = (model.points[point.needs] for point in points if point.needs)
        sides = [point.read for point in points if point.read is not None]
        plain = {index for index, side in enumerate(sides) if isinstance(side.codec, Number) and side.codec.is_plain}
        return _Plan(
            model,
            points,
            tuple(dict.fromkeys(point.read.at for point in (*points, *switches) if point.read)),
            any(point.part for point in points),
            Columns.of({point.name: point.unit for point in points}),
            tuple(side.key for side in sides),
            tuple(sorted(plain)),
            itemgetter(*sorted(plain)) if len(plain) > 1 else lambda told: [told[index] for index in plain],
            tuple((index, side.codec.decode) for index, side in enumerate(sides) if index not in plain),
            tuple(index for index, point in enumerate(points) if point.part or point.needs),
        )


@dataclass(frozen=True, slots=True)
class _Joint:
    """What is the same whenever some selections are read together."""

    plans: tuple[_Plan, ...]
    asked: tuple[int, ...]  # the numbers of all points that these need
    has_parts: bool
    tells: bool  # whether which parts are there comes along

    @staticmethod
    def of(plans: tuple[_Plan, ...], telling: Collection[int]) -> _Joint:
        asked = tuple(dict.fromkeys(at for plan in plans for at in plan.asked))
        has_parts = any(plan.has_parts for plan in plans)
        return _Joint(plans, asked, has_parts, has_parts and not set(asked).isdisjoint(telling))


_plans: Final[dict[tuple[int, tuple[str | int, ...]], _Plan]] = {}
"""By the identity of the model, which the plan itself keeps alive, and what is asked for."""
_joints: Final[dict[tuple[int, tuple[tuple[str | int, ...], ...]], _Joint]] = {}
"""The same for several selections."""


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
        return (await self.read_together((names,)))[0]

    async def read_together(self, groups: Sequence[tuple[str | int, ...]]) -> list[Reading]:
        """Read several selections with as few requests as all of them need, and return a reading of each; see :meth:`read`."""
        joint = self._joint(tuple(groups))
        asked = joint.asked
        if joint.has_parts and not self._knows_parts():
            asked = tuple(dict.fromkeys((*asked, *(side.at for side in self._telling.values()))))
        answers = await self._batches.fetch(asked)
        if joint.tells or asked is not joint.asked:
            self._learn_parts(answers)
        return [self._compose(plan, answers, asked) for plan in joint.plans]

    async def look(self, names: tuple[str | int, ...]) -> Reading:
        """Read quantities in one request, and raise whatever goes wrong."""
        plan = self._plan(names)
        asked = tuple(point.read.at for point in plan.points if point.read)
        return self._compose(plan, [await self._batches.ask(asked)], asked)

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

    def _joint(self, groups: tuple[tuple[str | int, ...], ...]) -> _Joint:
        try:
            found = _joints.get((id(self._model), groups))
        except TypeError:
            found = None  # one of them is no name, and is complained about now
        if found is None:
            telling = {side.at for side in self._telling.values()}
            found = _Joint.of(tuple(map(self._plan, groups)), telling)
            if len(_joints) >= _PLANS:
                _joints.clear()
            _joints[id(self._model), groups] = found
        return found

    def _compose(self, plan: _Plan, answers: list[Answer], asked: tuple[int, ...]) -> Reading:
        """Return one sample for each point, in the order asked."""
        at = answers[-1].at if answers else self._clock.now()
        samples: Mapping[str, Sample]
        if len(answers) == 1 and answers[0].points == asked:
            samples = self._row(plan, answers[0])
        else:
            homes = {number: answer for answer in answers for number in answer.points}
            samples = {point.name: self._sample(point, homes, at) for point in plan.points}
        reading = Reading(self._device, self._model.family, at, samples)
        if (role := reading.value("cluster_role")) is not None:
            self.role = role
        return reading

    def _row(self, plan: _Plan, answer: Answer) -> Row:
        """Return the samples of an answer that has all of them.

        Most are numbers that stay as they are, and none of them is looked at alone unless something is odd.
        """
        told: list[Any] = list(map(answer.values.get, plan.keys))
        suspect = [index for index in plan.voidable if not told[index] or told[index] == "0"]
        if not _all_numbers(plan.pick_plain(told)):
            suspect += [index for index in plan.plain if not _all_numbers((told[index],))]
        for index, decode in plan.decoders:
            try:
                told[index] = decode(told[index])
            except ProtocolError:
                told[index] = None
            if told[index] is None:
                suspect.append(index)
        odd: dict[str, Quality] = {}
        for index in suspect:
            point = plan.points[index]
            told[index], quality = self._judge(point, answer, answer)
            if quality is not Quality.LIVE:
                odd[point.name] = quality
        return Row(plan.columns, told, answer.at, odd)

    def _sample(self, point: Point, homes: Mapping[int, Answer], at: datetime) -> Sample:
        answer = None if point.read is None else homes.get(point.read.at)
        if answer is None:
            return Sample(point.name, None, point.unit, at, Quality.QUARANTINED)
        switch = self._model.points[point.needs].read if point.needs else None
        value, quality = self._judge(point, answer, None if switch is None else homes.get(switch.at))
        return Sample(point.name, value, point.unit, answer.at, quality)

    def _judge(self, point: Point, answer: Answer, switches: Answer | None) -> tuple[Value | None, Quality]:
        """Return what an answer says of a point, and how much that is worth; ``switches`` tells of the switch that it needs."""
        side = point.read
        raw = _MISSING if side is None else answer.values.get(side.key, _MISSING)
        if point.part and self._parts.get(point.part) is False and (raw is _MISSING or _is_nothing(raw)):
            return None, Quality.NOT_INSTALLED
        if side is None or raw is _MISSING:
            return None, Quality.ABSENT
        if raw is None or (point.needs and _is_nothing(raw) and self._is_off(point.needs, switches)):
            return None, Quality.NOT_AVAILABLE
        try:
            value = side.codec.decode(raw)
        except ProtocolError:
            return None, Quality.UNREADABLE
        return value, Quality.NOT_AVAILABLE if value is None else Quality.LIVE

    def _is_off(self, switch: str, answer: Answer | None) -> bool:
        """Whether the same reading shows a switch to be off; what was not read is not assumed."""
        side = self._model.points[switch].read
        if side is None or answer is None or side.key not in answer.values:
            return False
        try:
            return side.codec.decode(answer.values[side.key]) is False
        except ProtocolError:
            return False

    def _knows_parts(self) -> bool:
        """Whether it is known which packs are there, and since not too long."""
        return self._parts_at is not None and self._clock.monotonic() - self._parts_at < _PARTS_LAST_S

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


def _all_numbers(raws: Sequence[Any]) -> bool:
    """Whether these are plain numbers; one that is not finite would make their sum so."""
    return _NUMBERS.issuperset(map(type, raws)) and isfinite(sum(raws))
