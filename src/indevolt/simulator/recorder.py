"""Rows of a trace, gathered from the fine steps of a run while it goes on. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from indevolt.errors import InvalidInput
from indevolt.simulator.trace import DUST_S, Row, UnitRow

_DAY_S: Final = 86_400.0

ROW_LENGTHS_S: Final = tuple(map(float, (1, 2, 5, 10, 15, 30, 60, 2 * 60, 5 * 60, 10 * 60, 15 * 60, 30 * 60, 3600, 7200, 21_600)))
_ROWS_OF_A_DAY: Final = 1440
_ROWS_OF_MORE: Final = 375 * 24  # a year of hours fits


def row_length_s(duration_s: float) -> float:
    """Return how long rows of a run should be: a minute for a day, an hour for a year, always a round value."""
    most = _ROWS_OF_A_DAY if duration_s <= _DAY_S else _ROWS_OF_MORE
    least_s = min(60.0, duration_s / _ROWS_OF_A_DAY)
    fitting = (length for length in ROW_LENGTHS_S if length >= least_s and duration_s <= length * most)
    return next(fitting, _DAY_S * max(1, math.ceil(duration_s / _DAY_S / most)))


class Recorder:
    """Gathers fine steps into rows of ``every_s``, aligned to the clock; a step across a border is shared out, a gap ends a row.

    Raises:
        InvalidInput: ``every_s`` is not above 0.
    """

    def __init__(self, every_s: float) -> None:
        if not every_s > 0:
            raise InvalidInput(f"rows of {every_s} s", remedy="Choose a length above 0; row_length_s() does.")
        self.every_s = every_s
        self._rows: list[Row] = []
        self._open: _OpenRow | None = None

    def step(self, at: datetime, seconds: float, *, load_w: float, roof_w: float, grid_w: float, units: Sequence[UnitRow]) -> None:
        """Add a step during which nothing changed.

        Raises:
            InvalidInput: a step that does not go forward.
        """
        begin_s = at.timestamp()
        if seconds < 0 or (self._open is not None and begin_s < self._open.end_s - DUST_S):
            raise InvalidInput(f"a step of {seconds} s at {at} does not go forward")
        if self._open is not None and begin_s > self._open.end_s + DUST_S:
            self._close()
        while seconds > 0:
            if self._open is None:
                border_s = ((begin_s + DUST_S) // self.every_s + 1) * self.every_s
                self._open = _OpenRow(begin_s, border_s, len(units))
            row = self._open
            room_s = row.until_s - row.end_s
            part_s = seconds if seconds <= room_s + DUST_S else room_s
            row.add(part_s, (load_w, roof_w, grid_w), units)
            seconds -= part_s
            begin_s += part_s
            if row.until_s - row.end_s <= DUST_S:
                self._close()

    def rows(self) -> tuple[Row, ...]:
        """Return all rows so far; the one under way ends here."""
        self._close()
        return tuple(self._rows)

    def _close(self) -> None:
        if self._open is not None and self._open.seconds > 0:
            self._rows.append(self._open.row())
        self._open = None


class _OpenRow:
    """Sums of watts times seconds of a row that is not over."""

    __slots__ = ("_home", "_start_s", "_states", "_units", "seconds", "until_s")

    def __init__(self, start_s: float, until_s: float, units: int) -> None:
        self._start_s = start_s
        self.until_s = until_s
        self.seconds = 0.0
        self._home = [0.0] * 4
        self._units = [[0.0] * 7 for _ in range(units)]
        self._states: list[dict[str, float]] = [{} for _ in range(units)]

    @property
    def end_s(self) -> float:
        return self._start_s + self.seconds

    def add(self, seconds: float, home_w: tuple[float, float, float], units: Sequence[UnitRow]) -> None:
        self.seconds += seconds
        load_w, roof_w, grid_w = home_w
        home = self._home
        home[0] += load_w * seconds
        home[1] += roof_w * seconds
        home[2] += grid_w * seconds
        if grid_w < 0:
            home[3] -= grid_w * seconds
        for unit, sums, states in zip(units, self._units, self._states, strict=True):
            battery_w = unit.battery_w
            sums[0] += unit.soc_pct * seconds
            sums[1] += battery_w * seconds
            sums[2] += unit.pv_w * seconds
            sums[3] += unit.ac_w * seconds
            sums[4] += unit.temperature_c * seconds
            sums[5] += unit.bypass_w * seconds
            if unit.charge_w is not None:
                sums[6] += unit.charge_w * seconds
            elif battery_w < 0:
                sums[6] -= battery_w * seconds
            states[unit.state] = states.get(unit.state, 0.0) + seconds

    def row(self) -> Row:
        load_w, roof_w, grid_w, export_w = (total / self.seconds for total in self._home)
        return Row(
            at=datetime.fromtimestamp(self._start_s, UTC),
            seconds=self.seconds,
            load_w=load_w,
            roof_w=roof_w,
            grid_w=grid_w,
            units=tuple(
                _mean_unit([total / self.seconds for total in sums], max(states, key=states.__getitem__))
                for sums, states in zip(self._units, self._states, strict=True)
            ),
            export_w=export_w,
        )


def _mean_unit(means: Sequence[float], state: str) -> UnitRow:
    soc_pct, battery_w, pv_w, ac_w, temperature_c, bypass_w, charge_w = means
    return UnitRow(soc_pct, battery_w, pv_w, ac_w, temperature_c, state, bypass_w, charge_w)
