"""A scenario played to its end without a network is written down as it was."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from scenario_text import UNIT, load

from indevolt.simulator.performance import perform
from indevolt.simulator.trace import Happening

HEAD = 'title = "A test"\nstart = 2026-03-20\ndays = 0.25\n'
FIRMWARE = """
[[events]]
at = "01:00"
firmware = { f_ver = "V2", down_s = 60, remove = ["pv1_power", "pv2_power"], move = { battery_soc = 60002 } }
"""


def test_what_an_update_takes_away_and_moves_is_written_down() -> None:
    trace = perform(load(UNIT + FIRMWARE, head=HEAD))
    told = "firmware update to V2, away for 60 s, then without pv1_power and pv2_power, with battery_soc at other numbers"
    assert trace.happenings == (Happening(datetime(2026, 3, 20, 1, tzinfo=UTC), "cellar", told),)


def test_rows_follow_each_other_to_the_end_and_add_up() -> None:
    shares: list[float] = []
    trace = perform(load(UNIT, head=HEAD), every_s=600, progress=shares.append)
    assert [row.seconds for row in trace.rows] == [600] * 36
    assert (trace.end - trace.start).total_seconds() == 6 * 3600
    assert trace.balance_error_wh == pytest.approx(0, abs=1e-6)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_prices_by_the_hour_are_those_of_each_row() -> None:
    hours = ", ".join(f"0.{each:02d}" for each in range(10, 34))
    trace = perform(load(f"[tariff]\nimport_price = [{hours}]\nexport_price = 0.08\n{UNIT}", head=HEAD), every_s=3600)
    assert trace.import_price == pytest.approx((0.10, 0.11, 0.12, 0.13, 0.14, 0.15))
    assert trace.export_price == (0.08,) * 6
