"""`indevolt watch`: the same quantities again and again."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta

from rich.console import Console

from indevolt.battery import Quality, Reading, Sample
from indevolt.catalogue import load
from indevolt.cli.live import Picture, sparkline, usual
from indevolt.clock import ManualClock
from indevolt.errors import NoReply
from indevolt.simulator import Simulator

from .conftest import Program, Virtual


def test_elsewhere_than_on_a_terminal_each_reading_is_a_line(indevolt: Program, virtual: Virtual) -> None:
    ran = indevolt("watch", virtual(), "battery_soc", "battery_power", "--count", "3", "--every", "60")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert len(lines) == 3
    assert all(re.fullmatch(r"2026-06-21 10:0\d:\d\d  battery_soc 5[\d.]+ %, battery_power -\d+ W", line) for line in lines)


def test_json_lines_for_programs(indevolt: Program, virtual: Virtual) -> None:
    lines = indevolt("watch", virtual(), "battery_soc", "--count", "2", "--json").out.splitlines()
    assert [json.loads(line)["values"]["battery_soc"]["quality"] for line in lines] == ["live", "live"]


def test_it_waits_as_long_as_asked(indevolt: Program, virtual: Virtual) -> None:
    lines = indevolt("watch", virtual(), "battery_soc", "--count", "3", "--every", "600", "--json").out.splitlines()
    _, first, second = (json.loads(line)["at"] for line in lines)
    assert datetime.fromisoformat(second) - datetime.fromisoformat(first) == timedelta(minutes=10)


def test_fast_needs_to_be_asked_for_and_is_warned_of(indevolt: Program, virtual: Virtual) -> None:
    host = virtual()
    assert indevolt("watch", host, "--every", "1").code == 2
    ran = indevolt("watch", host, "battery_soc", "--every", "1", "--fast", "--count", "1")
    assert ran.code == 0
    assert "other clients of this device may get no answer" in ran.err


def test_a_device_that_falls_silent_is_watched_on(indevolt: Program, virtual: Virtual, clock: ManualClock) -> None:
    simulator = Simulator("powerflex2000", clock=clock)
    host = virtual(simulator)
    simulator.faults.add("status:503@0.5")
    lines = indevolt("watch", host, "battery_soc", "--count", "20").out.splitlines()
    assert len(lines) == 20
    assert any("no answer: HTTP 503" in line for line in lines)
    assert any("battery_soc 5" in line for line in lines)


def test_what_is_watched_usually_fits_every_family_and_a_small_terminal() -> None:
    for family in ("gen1", "gen2", "gen3", "sf1200"):
        names = usual(load(family))
        assert {"mode", "battery_soc", "battery_power", "meter_power"} <= set(names)
        assert len(names) <= 12


# ---- the picture -------------------------------------------------------------------------------------------------------------


def reading_at(clock: ManualClock, soc: float | None) -> Reading:
    quality = Quality.UNANSWERED if soc is None else Quality.LIVE
    sample = Sample("battery_soc", soc, "%", clock.now(), quality)
    return Reading("1", "gen2", clock.now(), {"battery_soc": sample})


def drawn(picture: Picture, width: int = 100) -> str:
    console = Console(width=width, force_terminal=False, force_jupyter=False)
    with console.capture() as captured:
        console.print(picture.draw(console))
    return captured.get()


def test_an_old_value_shows_its_age_and_why(clock: ManualClock) -> None:
    picture = Picture(load("gen2"), "my battery")
    picture.take(reading_at(clock, 55))
    clock.tick(90)
    picture.take(reading_at(clock, None), NoReply("it stayed silent"))
    out = drawn(picture)
    assert re.search(r"battery_soc +55 +% 1 min 30 s ago", out)
    assert "! no answer: it stayed silent" in out


def test_a_value_that_was_never_read_has_a_word_instead(clock: ManualClock) -> None:
    picture = Picture(load("gen2"), "my battery")
    picture.take(reading_at(clock, None), NoReply("it stayed silent"))
    assert re.search(r"battery_soc +unanswered", drawn(picture))


def test_the_trend_grows_with_each_reading(clock: ManualClock) -> None:
    picture = Picture(load("gen2"), "my battery")
    for soc in (50, 60, 70):
        picture.take(reading_at(clock, soc))
    assert "▁▅█" in drawn(picture)


def test_a_sparkline_goes_from_the_lowest_to_the_highest() -> None:
    assert sparkline([0, 50, 100]) == "▁▅█"
    assert sparkline([7, 7]) == "▁▁"
