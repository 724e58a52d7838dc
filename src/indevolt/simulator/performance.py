"""A scenario played to its end without a network, and written down: the quickest way from a file to a trace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, TypeAlias

from indevolt.clock import ManualClock
from indevolt.simulator.device import Simulator
from indevolt.simulator.firmware import DAY_S, Firmware
from indevolt.simulator.house import Load
from indevolt.simulator.physics import Unit
from indevolt.simulator.play import Play, ReadLines, no_files
from indevolt.simulator.recorder import Recorder, row_length_s
from indevolt.simulator.scenario.records import CsvSource, Price, Scenario
from indevolt.simulator.trace import Trace, UnitRow

Progress: TypeAlias = Callable[[float], None]
"""Told which share of a performance is over, 0 to 1."""

_CHUNK_STEPS: Final = 3600  # between two words of progress


def perform(
    scenario: Scenario,
    *,
    read_lines: ReadLines = no_files,
    facts: Mapping[str, str] | None = None,
    every_s: float | None = None,
    progress: Progress | None = None,
) -> Trace:
    """Play a scenario to its end and return what happened. Every step has the scenario's length, so the same file gives the same.

    Args:
        scenario: what to play.
        read_lines: gives the lines of CSV files.
        facts: what else the trace should say, such as the command line.
        every_s: length of a row; by default a round value that suits the duration.
        progress: told how far it is.

    Raises:
        InvalidInput: a CSV file that cannot be read as one.
    """
    clock = ManualClock(scenario.start)
    play = Play(scenario, clock=clock, read_lines=read_lines)
    duration_s = scenario.days * DAY_S
    record = _Record(play, every_s or row_length_s(duration_s))
    done_s = 0.0
    while done_s < duration_s:
        part_s = min(_CHUNK_STEPS * scenario.step_s, duration_s - done_s, play.site.next_due_s)
        clock.tick(part_s)
        play.site.advance()
        done_s += part_s
        if progress is not None:
            progress(done_s / duration_s)
    return record.trace(facts or {})


class _Record:
    """Writes a play down as it goes."""

    def __init__(self, play: Play, every_s: float) -> None:
        self._play = play
        self._recorder = Recorder(every_s)
        self._members = play.site.members
        play.site.watch(self._step)

    def _step(self, at: datetime, seconds: float) -> None:
        site = self._play.site
        self._recorder.step(
            at,
            seconds,
            load_w=site.load_w,
            roof_w=site.roof_w,
            grid_w=site.grid_w,
            units=[_unit_row(member.unit, member.firmware) for member in self._members],
        )

    def trace(self, facts: Mapping[str, str]) -> Trace:
        play, scenario = self._play, self._play.scenario
        rows = self._recorder.rows()
        tariff = scenario.tariff
        units = tuple(play.units.values())
        return Trace(
            title=scenario.title,
            about=scenario.about,
            units=tuple(play.units),
            rows=rows,
            happenings=tuple(play.happenings),
            facts={"seed": str(scenario.seed), "steps": f"{scenario.step_s:g} s", **_products(play.units), **facts},
            import_price=None if tariff is None else tuple(map(self._price(tariff.import_price), (row.at for row in rows))),
            export_price=None if tariff is None else tuple(map(self._price(tariff.export_price), (row.at for row in rows))),
            capacity_wh=tuple(unit.unit.kit.capacity_wh for unit in units),
            reserve_pct=tuple(unit.firmware.orders.reserve_pct for unit in units),
        )

    def _price(self, price: Price) -> Load:
        if isinstance(price, CsvSource):
            return self._play.series(price)
        if isinstance(price, tuple):
            hours = price
            return lambda at: hours[at.astimezone(UTC).hour]
        constant = price
        return lambda _: constant


def _unit_row(unit: Unit, firmware: Firmware) -> UnitRow:
    power_w = unit.battery_w, sum(unit.pv_w), unit.ac_w
    return UnitRow(unit.soc_pct, *power_w, unit.temperature_c, firmware.state(unit), unit.bypass_w)


def _products(units: Mapping[str, Simulator]) -> dict[str, str]:
    return {
        name: f"{unit.product.title}, {unit.modules} battery module{'s' if unit.modules > 1 else ''}"
        for name, unit in units.items()
    }
