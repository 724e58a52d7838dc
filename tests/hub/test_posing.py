"""Whether a unit follows a posed meter: by who asks, or by what the unit says that its meter shows."""

from __future__ import annotations

import pytest

from indevolt.clock import ManualClock
from indevolt.hub.config_pose import Way
from indevolt.hub.pose.posing import BACK_S, FOLLOWS_S, PROBE_W, Posing

UNIT, STRANGER = "192.168.1.50", "192.168.1.99"


def asked_posing(clock: ManualClock) -> Posing:
    posing = Posing((Way.HTTP, Way.UDP), clock, poll_s=5.0)
    posing.addresses = frozenset({UNIT})
    return posing


class Heard:
    """A unit that hears frames every half second and is read every five."""

    def __init__(self, *, poll_s: float = 5.0) -> None:
        self.clock = ManualClock()
        self.posing = Posing((Way.PUSH,), self.clock, poll_s=poll_s)

    def send(self, *powers_w: float) -> None:
        for power_w in powers_w:
            self.clock.tick(0.5)
            self.posing.sent(power_w)

    def read(self, power_w: float, *, ago_s: float = 0.0) -> bool:
        self.posing.told(power_w, self.clock.monotonic() - ago_s)
        return self.posing.follows


def test_a_unit_that_asks_follows_for_a_while() -> None:
    clock = ManualClock()
    posing = asked_posing(clock)
    seen = [posing.follows]
    assert posing.asked(Way.UDP, UNIT)
    for seconds in (0, FOLLOWS_S, 1):
        clock.tick(seconds)
        seen.append(posing.follows)
    assert (seen, posing.over) == ([False, True, True, False], Way.UDP)


def test_while_the_unit_asks_itself_nobody_else_is_taken_for_it() -> None:
    clock = ManualClock()
    posing = asked_posing(clock)
    assert posing.asked(Way.HTTP, STRANGER), "it may be the unit, behind a router"
    assert posing.asked(Way.HTTP, UNIT)
    assert not posing.asked(Way.HTTP, STRANGER)
    clock.tick(FOLLOWS_S + 1)
    assert posing.asked(Way.HTTP, STRANGER)


def test_an_address_in_the_dress_of_the_newer_protocol_is_the_same() -> None:
    posing = asked_posing(ManualClock())
    assert posing.asked(Way.HTTP, f"::ffff:{UNIT}")
    assert not posing.asked(Way.HTTP, STRANGER)


def test_a_unit_that_twice_shows_what_was_sent_follows() -> None:
    unit = Heard()
    unit.send(400, 300, 200)
    assert not unit.read(300), "once may be chance"
    unit.send(150, 150)
    assert unit.read(150)
    assert unit.posing.over is Way.PUSH


@pytest.mark.parametrize("shown_w", [302.0, -300.0, 0.0])
def test_a_unit_that_shows_something_else_has_another_meter(shown_w: float) -> None:
    unit = Heard()
    for _ in range(5):
        unit.send(300, 300)
        assert not unit.read(shown_w)


def test_what_is_sent_to_find_out_moves_nothing_and_is_no_zero() -> None:
    posing = Heard().posing
    probes = [posing.probe_w() for _ in range(10)]
    assert sum(probes) == 0
    assert set(probes) == {PROBE_W, -PROBE_W}


def test_one_reading_is_one_proof_however_often_it_is_looked_at() -> None:
    unit = Heard()
    unit.send(300)
    assert not any(unit.read(300, ago_s=0.0) for _ in range(5))


def test_what_was_sent_long_ago_is_no_proof() -> None:
    unit = Heard()
    unit.send(300)
    unit.clock.tick(BACK_S + 1)
    unit.read(300)
    unit.clock.tick(5)
    assert not unit.read(300)


def test_what_was_sent_later_than_the_reading_is_no_proof() -> None:
    unit = Heard()
    unit.clock.tick(9.5)
    unit.send(500)
    unit.read(500, ago_s=1.0)
    assert not unit.read(500, ago_s=0.2)


def test_a_unit_that_shows_another_meter_follows_no_more_after_a_while() -> None:
    unit = Heard()
    unit.send(300)
    unit.read(300)
    unit.send(300)
    seen = [unit.read(300)]
    for _ in range(int(FOLLOWS_S) * 2):
        unit.send(300)
        seen.append(unit.read(-50))
    unit.send(300)
    assert (all(seen), unit.posing.follows) == (True, False)


def test_a_unit_that_is_read_seldom_is_given_time() -> None:
    unit = Heard(poll_s=60)
    for _ in range(2):
        unit.send(300)
        unit.read(300)
    unit.clock.tick(120)
    assert unit.posing.follows
