"""Which family a device is, by evidence; and what its firmware text means.

The ``type`` a device reports is only a hint: one text is used by two families, and another product answers with a third one's
(protocol.md, section 9). So everything known is weighed, and where it does not decide, the caller is asked instead of guessing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from indevolt.catalogue.codec import parse_number
from indevolt.catalogue.grammar import families, load
from indevolt.catalogue.model import Model
from indevolt.errors import ProtocolError, UnknownModel

# How much each kind of evidence weighs; only the order matters (protocol.md, section 9). The board is soldered in, the CMS group is
# built per series, the rated power belongs to the series, points that answer tell gen1 from the rest, the type is a hint, and one
# Wi-Fi module serves several families.
_BOARD, _CMS, _RATED, _ANSWERS, _TYPE, _MODULE = 8, 8, 4, 4, 2, 1
_RATED_POINT: Final = "ongrid_rated_power"

_SHORT: Final = re.compile(r"^[A-Z]{1,2}?(?P<version>[0-9A-F]{4})\.(?P<sub>[0-9A-F]{2})\.(?P<build>[0-9A-F]{4})$")
_LONG: Final = re.compile(
    r"^[A-Z]{1,2}?(?P<a>[0-9A-F]{1,2})\.(?P<b>[0-9A-F]{1,2})\.(?P<c>[0-9A-F]{1,2})"
    r"(?:_R(?P<board>[0-9A-F]{3})\.(?P<sub>[0-9A-F]{2})[0-9A-F]?)?_M(?P<module>[0-9A-F]{4})_(?P<build>[0-9A-F]{8})$"
)


@dataclass(frozen=True, slots=True, order=True)
class Firmware:
    """A CMS firmware version, comparable: ``V140C.0B.0036`` or its long form ``V1.4.0C_R00D.0B2_M4801_00000036``.

    The last group's leading digit names the product series, not an age, so it is kept apart and not compared.
    """

    version: int
    sub: int
    build: int

    @classmethod
    def parse(cls, text: str) -> Firmware | None:
        """Return the version a text spells, or None. Printed texts hold O for 0 and stray blanks (samples, sys_getconfig)."""
        clean = _tidy(text)
        if short := _SHORT.match(clean):
            return cls(int(short["version"], 16), int(short["sub"], 16), int(short["build"], 16) & 0xFFF)
        if long := _LONG.match(clean):
            version = int(long["a"], 16) << 12 | int(long["b"], 16) << 8 | int(long["c"], 16)
            return cls(version, int(long["sub"] or "0", 16), int(long["build"], 16) & 0xFFF)
        return None

    def __str__(self) -> str:
        return f"{self.version:04X}.{self.sub:02X}.{self.build:03X}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact that speaks for some families."""

    fact: str
    families: tuple[str, ...]
    weight: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """The family, why, and the firmware that was found."""

    family: str
    evidence: tuple[Evidence, ...]
    firmware: Firmware | None

    @property
    def reasons(self) -> tuple[str, ...]:
        """What speaks for the family, strongest first."""
        return tuple(each.fact for each in sorted(self.evidence, key=lambda each: -each.weight) if self.family in each.families)

    @property
    def is_hint(self) -> bool:
        """Whether nothing better than the reported type speaks for the family, so that asking :func:`probe_points` is worth it."""
        return max((each.weight for each in self.evidence), default=0) <= _TYPE

    @property
    def firmware_too_old(self) -> bool:
        """Whether the firmware is known and older than the documented minimum (protocol.md, section 10)."""
        minimum = Firmware.parse(load(self.family).identity.minimum_firmware)
        return self.firmware is not None and minimum is not None and self.firmware < minimum


@cache
def probe_points() -> tuple[int, ...]:
    """Return the points whose answers tell families apart; ask them in one GetData."""
    names = {_RATED_POINT}.union(*(load(family).identity.answers for family in families()))
    found = {point.read.at for family in families() for name in names if (point := load(family).points.get(name)) and point.read}
    return tuple(sorted(found))


def identify(device: Mapping[str, object], answers: Mapping[str, object] | None = None) -> Verdict:
    """Return the family that the evidence points to.

    Args:
        device: the fields of ``Sys.GetConfig``.
        answers: the values of a GetData for :func:`probe_points`, where asked.

    Raises:
        UnknownModel: no evidence, or it speaks for more than one family alike.
    """
    evidence = (*_from_config(device), *_from_answers(answers or {}))
    scores = {family: sum(each.weight for each in evidence if family in each.families) for family in families()}
    first, second = sorted(scores.values(), reverse=True)[:2]
    if first == second:
        kind = "nothing it reports names a family" if first == 0 else "what it reports fits more than one family"
        facts = "; ".join(each.fact for each in evidence) or f"type {device.get('type')!r}, fw {device.get('fw')!r}"
        raise UnknownModel(f"cannot tell the family: {kind} ({facts})")
    family = max(scores, key=lambda name: scores[name])
    return Verdict(family, evidence, firmware_of(device))


def firmware_of(device: Mapping[str, object]) -> Firmware | None:
    """Return the CMS firmware that ``Sys.GetConfig`` reports, from ``f_ver`` or the long ``fw``."""
    return Firmware.parse(_text(device, "f_ver")) or Firmware.parse(_text(device, "fw"))


def _from_config(device: Mapping[str, object]) -> list[Evidence]:
    kind = _text(device, "type")
    found = [_speaks("type", kind, _TYPE, [model for model in _models() if kind in model.identity.types])]
    texts = [_tidy(_text(device, field)) for field in ("fw", "f_ver")]
    if long := next(filter(None, map(_LONG.match, texts)), None):
        board, module = f"R{long['board']}", f"M{long['module']}"
        found.append(_speaks("board", board, _BOARD, [model for model in _models() if board in model.identity.boards]))
        found.append(_speaks("Wi-Fi module", module, _MODULE, [model for model in _models() if module in model.identity.modules]))
    if short := next(filter(None, map(_SHORT.match, texts)), None):
        group = short["build"]
        found.append(_speaks("CMS group", group, _CMS, [model for model in _models() if model.identity.cms == group[0]]))
    return [each for each in found if each.families]


def _from_answers(answers: Mapping[str, object]) -> list[Evidence]:
    found: list[Evidence] = []
    for key, raw in answers.items():
        points = {model: point for model in _models() if (point := model.by_read.get(key)) is not None}
        expecting = [model for model, point in points.items() if point.name in model.identity.answers]
        found.append(_speaks("it answers point", key, _ANSWERS, expecting))
        if any(point.name == _RATED_POINT for point in points.values()):
            watts = _watts(raw)
            rated = [model for model in _models() if watts > 0 and model.identity.rated_w[0] <= watts <= model.identity.rated_w[1]]
            found.append(_speaks("rated power", f"{watts:g} W", _RATED, rated))
    return [each for each in found if each.families]


def _models() -> tuple[Model, ...]:
    return tuple(map(load, families()))


def _speaks(what: str, value: str, weight: int, models: list[Model]) -> Evidence:
    return Evidence(f"{what} {value}", tuple(model.family for model in models), weight)


def _watts(raw: object) -> float:
    try:
        return float(parse_number(raw))
    except ProtocolError:
        return 0.0


def _text(device: Mapping[str, object], field: str) -> str:
    value = device.get(field)
    return "" if value is None else str(value)


def _tidy(text: str) -> str:
    return text.replace(" ", "").upper().replace("O", "0").removeprefix("CMS:")
