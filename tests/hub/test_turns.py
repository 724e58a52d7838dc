"""What is read when: power at its pace, the rest beside it, and requests of their own only where there is no other way."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from indevolt.catalogue import families, load
from indevolt.hub.events import Tier
from indevolt.hub.tiers import MOST_POWER, names_of, names_without
from indevolt.hub.turns import BEAT_S, EARLY, JITTER, Turn, Turns

POWER = tuple(f"power{number}" for number in range(42))
MOST = 50
PERIODS = {Tier.POWER: 5.0, Tier.PACKS: 60.0, Tier.SETTINGS: 600.0, Tier.IDENTITY: 86_400.0}
REPLY_S = 0.25


@dataclass
class Day:
    """A device that answers everything, and what it was asked when."""

    sizes: dict[Tier, int]
    periods: dict[Tier, float] = field(default_factory=lambda: dict(PERIODS))
    seed: int = 1
    now_s: float = 1000.0
    log: list[tuple[float, Turn]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.turns = Turns(POWER, self.names_of, self.periods, most=MOST, now_s=self.now_s, rng=random.Random(self.seed))
        self.start_s = self.now_s

    def names_of(self, tier: Tier) -> tuple[str, ...]:
        return tuple(f"{tier}{number}" for number in range(self.sizes.get(tier, 0)))

    def live(self, seconds: float) -> None:
        """Let time pass; requests are at least a second apart."""
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            self.now_s = max(self.now_s, self.turns.due_s(self.now_s))
            turn = self.turns.next(self.now_s)
            self.log.append((self.now_s, turn))
            self.turns.done(turn, self.now_s)
            self.now_s += REPLY_S + 1.0

    def times(self, tier: Tier) -> list[float]:
        """Return when power was read, or when rounds of another tier ended."""
        return [at_s for at_s, turn in self.log if (turn.power if tier is Tier.POWER else turn.tier is tier and turn.ends)]

    def reads(self, name: str) -> list[float]:
        return [at_s for at_s, turn in self.log if name in turn.power or name in turn.share]


def usual(**arguments: object) -> Day:
    return Day({Tier.PACKS: 75, Tier.SETTINGS: 28, Tier.IDENTITY: 60}, **arguments)  # type: ignore[arg-type]


def test_everything_is_read_at_the_start_and_power_first() -> None:
    day = usual()
    day.live(15)
    assert day.log[0][1].power == POWER
    for tier in (Tier.PACKS, Tier.SETTINGS, Tier.IDENTITY):
        assert day.times(tier)
        assert Counter(name for _, turn in day.log if turn.tier is tier and not turn.power for name in turn.share) == Counter(
            day.names_of(tier)
        )


@pytest.mark.parametrize("seed", range(5))
def test_afterwards_a_device_hears_one_request_a_cycle(seed: int) -> None:
    day = usual(seed=seed)
    day.live(3600)
    later = [(at_s, turn) for at_s, turn in day.log if at_s > day.start_s + 15]
    assert all(turn.power for _, turn in later)
    assert all(len(turn.power) + len(turn.share) <= MOST for _, turn in later)
    assert 3600 / 5 * 0.99 < len(day.times(Tier.POWER)) < 3600 / 5 * 1.01 + 5


@pytest.mark.parametrize("packs", [0, 8, 75, 90, 134])
@pytest.mark.parametrize("power_s", [1.0, 2.5, 5.0, 10.0])
def test_power_never_waits_for_the_others(packs: int, power_s: float) -> None:
    day = Day({Tier.PACKS: packs, Tier.SETTINGS: 28, Tier.IDENTITY: 68}, {**PERIODS, Tier.POWER: power_s})
    day.live(3600)
    gaps = [after - before for before, after in pairwise(day.times(Tier.POWER))]
    asked_s = 2 * (1.0 + REPLY_S)  # for power itself, and for one request between
    assert max(gaps) <= max(power_s * (1 + JITTER) + BEAT_S / 2, asked_s) + BEAT_S


@pytest.mark.parametrize("packs", [0, 8, 75, 90, 134])
@pytest.mark.parametrize("power_s", [1.0, 5.0, 10.0, 60.0, 300.0])
def test_each_quantity_comes_as_often_as_its_tier_wants(packs: int, power_s: float) -> None:
    day = Day({Tier.PACKS: packs, Tier.SETTINGS: 28, Tier.IDENTITY: 68}, {**PERIODS, Tier.POWER: power_s})
    day.live(4 * 3600)
    for tier in (Tier.PACKS, Tier.SETTINGS):
        for name in day.names_of(tier):
            gaps = [after - before for before, after in pairwise(day.reads(name))]
            assert max(gaps) < max(1.5 * PERIODS[tier], 1.2 * power_s)  # or it would no longer count as live
            mean_s = sum(gaps) / len(gaps)
            if tier is Tier.SETTINGS and mean_s < PERIODS[tier]:
                assert mean_s > PERIODS[tier] / EARLY, "sooner where there is room"
            else:
                assert mean_s == pytest.approx(max(PERIODS[tier], power_s), rel=0.15)


def test_room_that_nobody_needs_brings_settings_sooner_and_no_further_request() -> None:
    day = usual()
    day.live(4 * 3600)
    later = [(at_s, turn) for at_s, turn in day.log if at_s > day.start_s + 1200]
    assert all(turn.power for _, turn in later)
    gaps = [after - before for before, after in pairwise(day.reads("settings0")) if before > day.start_s + 1200]
    assert PERIODS[Tier.SETTINGS] / EARLY - 5 < min(gaps)
    assert max(gaps) < PERIODS[Tier.SETTINGS] / 2
    points = [len(turn.power) + len(turn.share) for _, turn in later]
    assert sum(points) / len(points) > MOST - 1


def test_what_is_too_much_for_the_room_beside_power_has_a_request_of_its_own_right_after_it() -> None:
    day = Day({Tier.PACKS: 134})
    day.live(600)
    alone = [(at_s, turn) for at_s, turn in day.log if not turn.power and at_s > day.start_s + 15]
    assert len(alone) == pytest.approx(600 / 60, abs=1)
    power = day.times(Tier.POWER)
    assert all(min(at_s - each for each in power if each < at_s) < 1.5 for at_s, _ in alone)


def test_a_loop_that_comes_late_to_its_turns_asks_as_often_as_ever() -> None:
    day = usual()
    late = random.Random(2)
    for _ in range(2000):
        day.now_s = max(day.now_s, day.turns.due_s(day.now_s)) + late.uniform(0.0, 0.9 * BEAT_S)
        turn = day.turns.next(day.now_s)
        day.log.append((day.now_s, turn))
        day.turns.done(turn, day.now_s)
        day.now_s += REPLY_S
    times = [at_s for at_s in day.times(Tier.POWER) if at_s > day.start_s + 60]
    assert (times[-1] - times[0]) / (len(times) - 1) == pytest.approx(5.0, rel=0.005)


def test_a_turn_that_brought_nothing_comes_again_later() -> None:
    day = usual()
    day.live(30)
    now_s = day.turns.due_s(day.now_s)
    turn = day.turns.next(now_s)
    day.turns.put_off(now_s + 4)
    assert day.turns.due_s(now_s) == now_s + 4
    assert day.turns.next(now_s + 4) == turn


def test_a_device_that_takes_fewer_points_gets_smaller_requests() -> None:
    day = usual()
    day.live(30)
    day.turns.most = 30
    start = len(day.log)
    day.live(600)
    later = [turn for _, turn in day.log[start + 12 :]]
    assert all(len(turn.share) <= 30 for turn in later)
    assert not any(turn.power and turn.share for turn in later)
    assert day.times(Tier.PACKS)[-1] > day.now_s - 90


def test_turns_fall_on_a_beat_that_all_devices_share_and_devices_spread_over_it() -> None:
    days = [usual(seed=seed) for seed in range(50)]
    for day in days:
        day.live(60)
    second = {day.times(Tier.POWER)[1] for day in days}
    assert all(at_s % BEAT_S == 0 for at_s in second if at_s > days[0].start_s + 5)
    assert len(second) >= 8


@pytest.mark.parametrize("family", families())
def test_a_share_fits_beside_the_power_of_each_family(family: str) -> None:
    model, tiers = load(family), names_of(family)
    asked = {point for name in tiers[Tier.POWER] for point in (name, model.points[name].needs) if point}
    assert len(asked) <= MOST_POWER < MOST
    assert not any(model.points[name].needs for tier in (Tier.PACKS, Tier.SETTINGS, Tier.IDENTITY) for name in tiers[tier])


def test_packs_that_are_not_there_are_left_out_but_for_what_would_tell_of_them() -> None:
    every, some = names_of("gen2")[Tier.PACKS], names_without("gen2", Tier.PACKS, frozenset({"pack4", "pack5"}))
    left_out = set(every) - set(some)
    assert {name[:5] for name in left_out} == {"pack4", "pack5"}
    assert "pack4_sn" in some
    assert names_without("gen2", Tier.PACKS, frozenset()) == every
