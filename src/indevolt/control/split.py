"""Several units as one battery: how many work, which, and how much each (control.md, section 1.8).

As few as can carry the power, since each that works costs its own consumption; the next joins where sharing saves more than that,
and never for less than 250 W each. Who works stays for a while; then the one with the most charge takes its turn (the least, when
charging). Never does one charge while another discharges: all shares have the sign of the whole. A cluster is one unit, its
master.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from indevolt.control.steady import LEAST_W

SHARE_W: Final = 250.0  # the least that is worth a second unit; the device's own clusters divide from 200 W on
JOIN_W: Final = 1471.0
"""n units lose as much as one more at ``JOIN_W * sqrt(n (n + 1))``: each has 20 W of its own and loses 9.24e-6 W for each W²
(through the captured pairs of protocol.md, section 12), and JOIN_W is sqrt(20 / 9.24e-6). The second joins at 2.1 kW."""
HYSTERESIS: Final = 0.25  # of the power at which the last one joined, before it leaves
STAY_S: Final = 600.0
TURN_S: Final = 3600.0
AWAY: Final = 0.2  # of its proportional share, by which a unit may be off while only one is told anew ...
AWAY_W: Final = 100.0  # ... or so much
TURN_PCT: Final = 5.0


@dataclass(frozen=True, slots=True)
class Share:
    """What is to be known of a unit to give it a share."""

    unit: str
    low_w: float
    high_w: float
    soc_pct: float
    above_floor_wh: float  # weighs discharge
    below_ceiling_wh: float  # weighs charge


class Split:
    """Remembers who works and since when."""

    __slots__ = ("_on", "_since_s", "_turned_s")

    def __init__(self) -> None:
        self._on: tuple[str, ...] = ()
        self._since_s = -math.inf
        self._turned_s = -math.inf

    def divide(self, at_s: float, power_w: float, shares: Sequence[Share]) -> Mapping[str, float]:
        """Return what each unit is to give; what none can give is left out."""
        idle = {share.unit: 0.0 for share in shares}
        able = [share for share in shares if _most(share, power_w) >= LEAST_W]
        if abs(power_w) < LEAST_W or not able:
            return idle
        chosen = self._choose(at_s, power_w, able)
        return idle | _filled(power_w, chosen)

    def adjust(
        self, at_s: float, power_w: float, shares: Sequence[Share], given: Mapping[str, float], told_s: Mapping[str, float]
    ) -> Mapping[str, float]:
        """Return what each unit is to give, where they work already: of a small difference only one is told, each in its turn.

        So n units are written to as often together as one would be (control.md, section 1.8). When shares have moved too far from
        what is in the units, or others have to work, all are told.

        Args:
            at_s: now.
            power_w: of all together.
            shares: of those that may be commanded.
            given: what each was told last.
            told_s: and when.
        """
        whole = self.divide(at_s, power_w, shares)
        working = [share for share in shares if whole[share.unit]]
        if len(working) < 2 or any((whole[unit] > 0, whole[unit] < 0) != (given[unit] > 0, given[unit] < 0) for unit in whole):
            return whole
        turn = min(working, key=lambda share: (told_s.get(share.unit, -math.inf), share.unit))
        adjusted = {**given, turn.unit: given[turn.unit] + power_w - sum(given.values())}
        fits = all(share.low_w <= adjusted[share.unit] <= share.high_w for share in shares)
        near = all(_is_near(adjusted[share.unit], whole[share.unit]) for share in working)
        return adjusted if fits and near else whole

    def _choose(self, at_s: float, power_w: float, able: Sequence[Share]) -> list[Share]:
        """Return who works now."""
        ranked = sorted(able, key=lambda share: (-_readiness(share, power_w), share.unit))
        names = {share.unit for share in able}
        working = [name for name in self._on if name in names]
        count = self._count(at_s, power_w, ranked, len(working))
        by_name = {share.unit: share for share in able}
        stay = sorted((by_name[name] for name in working), key=lambda share: -_readiness(share, power_w))[:count]
        rest = [share for share in ranked if share not in stay]
        joined = rest[: count - len(stay)]
        chosen, rest = stay + joined, rest[len(joined) :]
        if not joined and rest and self._turn_is_over(at_s, chosen[-1], rest[0], power_w):
            chosen[-1] = rest[0]
        while not _carries(chosen, power_w) and (more := [share for share in ranked if share not in chosen]):
            chosen.append(more[0])
        if set(self._on) != (on := {share.unit for share in chosen}):
            self._since_s = self._turned_s = at_s
            self._on = tuple(sorted(on))
        return chosen

    def _count(self, at_s: float, power_w: float, ranked: Sequence[Share], working: int) -> int:
        """Return how many work."""
        power = abs(power_w)
        least = next((n for n in range(1, len(ranked)) if _carries(ranked[:n], power_w)), len(ranked))
        wanted = max(least, min(len(ranked), _worthwhile(power)))
        while wanted > least and power / wanted < SHARE_W:
            wanted -= 1
        stays = at_s - self._since_s < STAY_S or _worthwhile(power / (1 - HYSTERESIS)) >= working
        if wanted < working and stays and power / working >= 2 * LEAST_W:
            return working
        return wanted

    def _turn_is_over(self, at_s: float, works: Share, waits: Share, power_w: float) -> bool:
        ahead = (waits.soc_pct - works.soc_pct) * (1 if power_w > 0 else -1)
        since_s = at_s - self._turned_s
        return since_s >= STAY_S and (ahead > TURN_PCT or (since_s >= TURN_S and ahead > 0))


def _is_near(watts: float, proportional_w: float) -> bool:
    away_w = abs(watts - proportional_w)
    return watts * proportional_w > 0 and abs(watts) >= LEAST_W and away_w <= max(AWAY_W, AWAY * abs(proportional_w))


def _worthwhile(power_w: float) -> int:
    """Return how many units lose least."""
    units = 1
    while power_w >= JOIN_W * math.sqrt(units * (units + 1)):
        units += 1
    return units


def _most(share: Share, power_w: float) -> float:
    return share.high_w if power_w > 0 else -share.low_w


def _readiness(share: Share, power_w: float) -> float:
    return share.soc_pct if power_w > 0 else -share.soc_pct


def _carries(shares: Sequence[Share], power_w: float) -> bool:
    return sum(_most(share, power_w) for share in shares) >= abs(power_w)


def _filled(power_w: float, shares: Sequence[Share]) -> dict[str, float]:
    """Return shares in proportion to what is in each unit (or fits into it), none over its limit."""
    sign = 1.0 if power_w > 0 else -1.0
    weights = {share.unit: max(1.0, share.above_floor_wh if power_w > 0 else share.below_ceiling_wh) for share in shares}
    open_shares, given = list(shares), dict.fromkeys(weights, 0.0)
    left = min(abs(power_w), sum(_most(share, power_w) for share in shares))
    while open_shares and left > 0:
        total = sum(weights[share.unit] for share in open_shares)
        full = [share for share in open_shares if left * weights[share.unit] / total >= _most(share, power_w)]
        if not full:
            for share in open_shares:
                given[share.unit] = left * weights[share.unit] / total
            break
        for share in full:
            given[share.unit] = _most(share, power_w)
            left -= given[share.unit]
            open_shares.remove(share)
    return {unit: sign * watts for unit, watts in _without_dust(given, shares, power_w).items()}


def _without_dust(given: dict[str, float], shares: Sequence[Share], power_w: float) -> dict[str, float]:
    """Give what is below the least power of a unit to the others, as far as they can take it."""
    dust = sum(watts for watts in given.values() if watts < LEAST_W)
    kept = {unit: (watts if watts >= LEAST_W else 0.0) for unit, watts in given.items()}
    for share in shares:
        if dust > 0 and kept[share.unit]:
            more = min(dust, _most(share, power_w) - kept[share.unit])
            kept[share.unit] += more
            dust -= more
    return kept
