"""Every row of the collected point table is in the catalogue, with its unit, codes, range and scale.

``tests/data/points.csv`` is the table as it was collected: 1053 rows of four families, reads and writes. The catalogue spells the
same facts in its own names and units, so rows are matched by family, direction and number.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from indevolt.catalogue import Model, Point, families, load
from indevolt.catalogue.codec import Codec, Number

TABLE: Final = Path(__file__).parents[1] / "data" / "points.csv"
with TABLE.open(encoding="utf-8", newline="") as file:
    ROWS: Final = list(csv.DictReader(file))
OURS: Final = {"kWh": ("Wh", 1000), "min": ("s", 60), "day": ("d", 1)}

Row = dict[str, str]
each_family = pytest.mark.parametrize("family", families())


def found(family: str, access: str = "") -> Iterator[tuple[Row, Point]]:
    """The rows of a family with their points; those that have none are another test's business."""
    model = load(family)
    for row in ROWS:
        point = point_of(model, row)
        if row["model_family"] == family and row["access"].startswith(access) and point is not None:
            yield row, point


def point_of(model: Model, row: Row) -> Point | None:
    return model.by_read.get(row["point"]) if row["access"] == "read" else model.by_write.get(int(row["point"]))


def codec_of(point: Point, row: Row) -> Codec:
    if row["access"] == "read":
        assert point.read is not None
        return point.read.codec
    return next(side.codec for side in point.writes if side.at == int(row["point"]))


def test_the_table_is_whole_and_holds_all_of_the_original_specification() -> None:
    assert len(ROWS) == 1053
    assert len([row for row in ROWS if "seed" in row["source"]]) == 135
    assert {row["model_family"] for row in ROWS} == set(families())


@each_family
def test_catalogue_and_table_name_the_same_points(family: str) -> None:
    model = load(family)
    table = {(row["access"], row["point"]) for row in ROWS if row["model_family"] == family}

    assert {("read", key) for key in model.by_read} | {("write", str(at)) for at in model.by_write} == table


@each_family
def test_every_point_names_its_source(family: str) -> None:
    for row, point in found(family):
        assert point.source, point.name
        if family in ("gen1", "gen2") and "seed" in row["source"]:
            assert "seed" in point.source, point.name


@each_family
def test_units_and_scales_are_those_of_the_table_in_our_units(family: str) -> None:
    for row, point in found(family, "read"):
        unit, factor = OURS.get(row["unit"], (row["unit"], 1))
        codec = codec_of(point, row)

        assert point.unit == unit, point.name
        if isinstance(codec, Number):
            assert codec.scale == pytest.approx(factor * float(row["scale"])), point.name


@each_family
def test_every_documented_code_has_a_meaning(family: str) -> None:
    for row, point in found(family):
        for entry in filter(None, row["enum"].split(";")):
            meaning = codec_of(point, row).decode(int(entry.partition("=")[0]))

            assert meaning is not None, f"{point.name}: {entry}"
            assert not str(meaning).startswith("code "), f"{point.name}: {entry}"


@each_family
def test_every_documented_bound_is_taken_and_nonsense_is_not(family: str) -> None:
    for row, point in found(family, "write"):
        side = next(side for side in point.writes if side.at == int(row["point"]))

        assert all(side.takes(int(bound)) for bound in (row["min"], row["max"]) if bound), point.name
        if row["max"]:
            assert not side.takes(70_000), point.name


@each_family
def test_a_setting_is_read_back_where_the_table_says(family: str) -> None:
    for row, point in found(family, "write"):
        if row["readback_point"] and "injection" not in row["name"]:  # what is injected shows as the meter's own quantity
            assert point.read is not None, point.name
            assert point.read.key == row["readback_point"], point.name
