"""A reading says the same of its quantities however it holds them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import pytest

from indevolt.battery import Columns, Quality, Reading, Row, Sample, Shares

AT = datetime(2026, 6, 21, 10, tzinfo=UTC)
ROW = Row(
    Columns.of({"battery_power": "W", "pack2_soc": "%", "mode": "", "device_time": ""}),
    (700, None, "self_use", AT),
    AT,
    {"pack2_soc": Quality.NOT_INSTALLED},
)
WAYS: list[Callable[[], Mapping[str, Sample]]] = [
    lambda: ROW,
    lambda: dict(ROW),
    lambda: Shares([reading({"battery_power": ROW["battery_power"], "pack2_soc": ROW["pack2_soc"]}), reading(_rest())]),
]


def reading(samples: Mapping[str, Sample]) -> Reading:
    return Reading("cellar", "gen2", AT, samples)


def _rest() -> Mapping[str, Sample]:
    return Row(Columns.of({"mode": "", "device_time": ""}), ("self_use", AT), AT)


@pytest.mark.parametrize("way", WAYS)
def test_a_reading_says_the_same_however_it_holds_its_samples(way: Callable[[], Mapping[str, Sample]]) -> None:
    it = reading(way())
    assert list(it) == ["battery_power", "pack2_soc", "mode", "device_time"]
    assert len(it) == 4
    assert dict(it) == dict(ROW)
    assert ["mode" in it.samples, "no such thing" in it.samples] == [True, False]
    assert [it.value(name) for name in (*it, "no such thing")] == [700, None, "self_use", AT, None]
    assert it.tell(["mode", "no such thing", "pack2_soc", "battery_power"]) == ["self_use", None, None, 700]
    assert it.live() == {"battery_power": 700, "mode": "self_use", "device_time": AT}
    assert it.odd() == {"pack2_soc": Quality.NOT_INSTALLED}
    assert it.values_but("device_time") == [700, None, "self_use", None]
    with pytest.raises(KeyError):
        it["no such thing"]


def test_each_share_keeps_its_own_time() -> None:
    later = AT + timedelta(seconds=55)
    first = Row(Columns.of({"pack1_soc": "%"}), (50,), AT)
    last = Row(Columns.of({"pack1_voltage": "V"}), (51.2,), later)
    whole = Reading("cellar", "gen2", later, Shares([reading(first), reading(last)]))
    assert (whole["pack1_soc"].at, whole["pack1_voltage"].at) == (AT, later)
