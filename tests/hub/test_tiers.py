"""Which quantities are read together follows from the catalogue, and so do the tables."""

from __future__ import annotations

import pytest

from indevolt.catalogue import families, load
from indevolt.hub.events import Tier
from indevolt.hub.tiers import DERIVED_TABLE, MOST_POWER, names_of, table_name, tables_of
from indevolt.store import ColumnKind


@pytest.mark.parametrize("family", families())
def test_every_readable_quantity_is_in_exactly_one_tier(family: str) -> None:
    tiers = names_of(family)
    together = [name for names in tiers.values() for name in names]
    assert sorted(together) == sorted(point.name for point in load(family).points.values() if point.read is not None)
    assert len(together) == len(set(together))


@pytest.mark.parametrize("family", families())
def test_the_fast_tier_fits_one_request_and_has_what_matters(family: str) -> None:
    fast = names_of(family)[Tier.POWER]
    assert len(fast) <= MOST_POWER
    assert {"battery_power", "battery_soc", "meter_power", "mode", "battery_charge_energy_total"} <= set(fast)


@pytest.mark.parametrize("family", families())
def test_tables_have_a_column_for_each_number_word_and_switch(family: str) -> None:
    tables = {table.name: {column.name: column for column in table.columns} for table in tables_of(family)}
    assert table_name(family, Tier.POWER) in tables
    assert DERIVED_TABLE.name in tables
    fast = tables[table_name(family, Tier.POWER)]
    assert fast["battery_charge_energy_total"].kind is ColumnKind.COUNTER
    assert fast["battery_soc"].digits == 1
    assert fast["mode"].words[0] in ("self_use", "outdoor_portable")
    assert "device_time" not in fast  # a clock has no history
