"""A linear model for HiGHS, made of whole columns and rows of variables at a time.

A thin layer, so that what a model means is written with arrays and names where it is used, and HiGHS is spoken to in one place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import highspy
import numpy as np

from indevolt.control.plan.effects import Indices, Numbers
from indevolt.errors import InvalidInput

Level: TypeAlias = Numbers | float
Term: TypeAlias = tuple[Indices, Level]
"""Columns, one for each row, and their factors."""


@dataclass(frozen=True, slots=True, eq=False)
class Optimum:
    """What HiGHS found."""

    values: Numbers  # of all columns
    prices: Numbers  # of all rows: what a unit more of the bound would add to the cost; empty with whole numbers
    cost: float
    proven: bool  # False: the best that was found in the time that was given


class LinearModel:
    """Columns with costs and bounds, rows with bounds; the cost is made as small as can be."""

    def __init__(self) -> None:
        self._cost: list[Numbers] = []
        self._low: list[Numbers] = []
        self._high: list[Numbers] = []
        self._whole: list[Indices] = []
        self._row_low: list[Numbers] = []
        self._row_high: list[Numbers] = []
        self._entries: list[tuple[Indices, Indices, Numbers]] = []
        self._columns = self._rows = 0

    def columns(self, count: int, *, cost: Level = 0.0, low: Level = 0.0, high: Level = np.inf, whole: bool = False) -> Indices:
        """Add variables and return their columns."""
        found = np.arange(self._columns, self._columns + count)
        self._columns += count
        for kept, level in ((self._cost, cost), (self._low, low), (self._high, high)):
            kept.append(_spread(level, count))
        if whole:
            self._whole.append(found)
        return found

    def rows(self, terms: Sequence[Term], *, low: Level = -np.inf, high: Level = np.inf) -> Indices:
        """Add rows: each the sum of its terms, within bounds; return their numbers."""
        count = len(terms[0][0])
        numbers = np.arange(self._rows, self._rows + count)
        self._rows += count
        self._row_low.append(_spread(low, count))
        self._row_high.append(_spread(high, count))
        self._entries += [(numbers, columns, _spread(factor, count)) for columns, factor in terms]
        return numbers

    def sum_row(self, terms: Sequence[Term], *, low: float = -np.inf, high: float = np.inf) -> None:
        """Add one row: the sum of all columns of all terms."""
        self._row_low.append(np.array([low]))
        self._row_high.append(np.array([high]))
        self._entries += [(np.full(len(columns), self._rows), columns, _spread(factor, len(columns))) for columns, factor in terms]
        self._rows += 1

    def solve(self, *, gap: float = 0.0, seconds: float = 10.0) -> Optimum:
        """Return the least cost.

        Args:
            gap: how far from the proven best a whole-number solution may be, as a share.
            seconds: when to stop looking.

        Raises:
            InvalidInput: nothing fits all bounds, or nothing was found in time.
        """
        solver = highspy.Highs()
        for option, value in (("output_flag", False), ("threads", 1), ("mip_rel_gap", gap), ("time_limit", seconds)):
            solver.setOptionValue(option, value)
        solver.passModel(self._model())
        solver.run()
        status = solver.getModelStatus()
        proven = status == highspy.HighsModelStatus.kOptimal
        solution = solver.getSolution()
        values = np.array(solution.col_value)
        if not proven and (status != highspy.HighsModelStatus.kTimeLimit or len(values) != self._columns):
            raise InvalidInput(
                f"the plan has no solution: {solver.modelStatusToString(status)}",
                remedy="Look for limits that contradict each other, such as a car that cannot be full in its window.",
            )
        return Optimum(values, np.array(solution.row_dual), float(solver.getInfo().objective_function_value), proven)

    def _model(self) -> highspy.HighsLp:
        row = np.concatenate([entry[0] for entry in self._entries])
        column = np.concatenate([entry[1] for entry in self._entries])
        factor = np.concatenate([entry[2] for entry in self._entries])
        order = np.argsort(column, kind="stable")
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = self._columns, self._rows
        model.col_cost_, model.col_lower_, model.col_upper_ = map(np.concatenate, (self._cost, self._low, self._high))
        model.row_lower_, model.row_upper_ = np.concatenate(self._row_low), np.concatenate(self._row_high)
        model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        model.a_matrix_.start_ = np.concatenate([[0], np.bincount(column, minlength=self._columns).cumsum()])
        model.a_matrix_.index_ = row[order]
        model.a_matrix_.value_ = factor[order]
        if self._whole:
            kinds = [highspy.HighsVarType.kContinuous] * self._columns
            for index in np.concatenate(self._whole):
                kinds[index] = highspy.HighsVarType.kInteger
            model.integrality_ = kinds
        return model


def _spread(level: Level, count: int) -> Numbers:
    """Return a bound, cost or factor for each of so many."""
    return np.broadcast_to(np.asarray(level, dtype=np.float64), (count,))
