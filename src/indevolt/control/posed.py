"""What a posed meter shows, so that a unit's own loop gives what the house needs (control.md, section 1.1, tier 2).

A unit adds what its meter shows to what it gives. Passing a late sample on would have it correct the same error at every look; so
what is shown is the difference between what it should give and what it gives by now, and that is known from what it was shown
before. Several units follow one meter, each its share. Pure: who asks, and over which wire, is the hub's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from indevolt.control.observer import Aim, Observer
from indevolt.control.situation import Dynamics, MeterSample, Seen
from indevolt.control.split import Share, Split

FOLLOWS: Final = Dynamics(dead_s=0.0, gain=1.0, charge_gain=1.0, margin_s=1.0)
"""A unit that looks at a meter acts at once, and on what it gives at the socket: nothing is lost on the way."""

ALIKE_W: Final = 5.0
"""A unit whose aim has changed by less, and that is shown less, is still: shares drift with the charge of units, and what a unit
says that it gives would otherwise never count."""
SETTLED_S: Final = 3.0  # above what telemetry is late by, below the time between two steps of a house


class Posed:
    """Works out what each unit is to be shown; one for each grid connection."""

    def __init__(self, units: Sequence[str]) -> None:
        self._observer = Observer(dict.fromkeys(units, FOLLOWS), identifies=False)
        self._units = tuple(units)
        self._split = Split()
        self._given: Mapping[str, float] = {}
        self._aims: dict[str, float] = {}  # that moved units last ...
        self._still_s: dict[str, float] = {}  # ... and until when
        self._put_right_s: dict[str, float] = {}  # until when a difference that was shown moves them
        self._told_s: dict[str, float] = {}  # of what they said last that counted

    def see(self, sample: MeterSample, aim: Aim) -> None:
        """Take in a sample of the true meter."""
        self._observer.see(sample, aim)

    def told(self, unit: str, power: Seen, *, sure: bool = True) -> None:
        """Take note of what a unit says that it gives, at the socket; it counts once nothing should move any more, and only once.

        What was put right already would else be put right again with each look, as the next reading is seconds away. Where somebody
        else may have looked instead of the unit it is not ``sure`` that anything was put right, and the same counts again.
        """
        still_s = self._still_s.get(unit, 0.0)
        if sure:
            still_s = max(still_s, self._put_right_s.get(unit, 0.0))
        if power.at_s >= still_s + SETTLED_S and (power.at_s > self._told_s.get(unit, -math.inf) or not sure):
            self._told_s[unit] = power.at_s
            self._observer.told(unit, power, commanded=False)

    def divide(self, at_s: float, aim: Aim, shares: Sequence[Share]) -> None:
        """Give each unit its share of what the house takes; who is not named is taken to give nothing."""
        load = self._observer.net_load(aim)
        if load is None:
            return
        able = sum(share.high_w if load.wanted_w > 0 else share.low_w for share in shares)
        wanted = min(load.wanted_w, able) if load.wanted_w > 0 else max(load.wanted_w, able)
        self._given = self._split.divide(at_s, wanted, shares)

    def shown_w(self, unit: str, at_s: float, *, acts: bool = True) -> float | None:
        """Return what a unit that looks now is to be shown, import positive; None while nothing is known.

        It is taken to act on it, unless it is somebody else who looks.
        """
        given = self._given.get(unit)
        return None if given is None else self._show(unit, at_s, given, acts=acts)

    def grid_w(self, at_s: float, aim: Aim) -> float | None:
        """Return what the true meter should show by now, for who has something else to do; None while nothing is known."""
        load = self._observer.net_load(aim)
        return None if load is None else load.power_w - sum(self._observer.given_w(unit, at_s) for unit in self._units)

    def rest_w(self, unit: str, at_s: float, *, acts: bool = True) -> float:
        """Return what brings a unit to rest, likewise."""
        return self._show(unit, at_s, 0.0, acts=acts)

    def _show(self, unit: str, at_s: float, given_w: float, *, acts: bool) -> float:
        shown = given_w - self._observer.given_w(unit, at_s)
        if acts:
            self._observer.sent(unit, at_s, given_w)
            until_s = self._observer.still_since_s(unit)
            if abs(given_w - self._aims.get(unit, math.inf)) >= ALIKE_W:
                self._aims[unit], self._still_s[unit] = given_w, until_s
            if abs(shown) >= ALIKE_W:
                self._put_right_s[unit] = until_s
        return shown
