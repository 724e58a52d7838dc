"""Safety rules that the hub's steering keeps, beside those of its troubles (``test_troubles_end_safe``)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from steered_house import House

from indevolt.battery import Charge, Hold
from indevolt.errors import InvalidInput


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def test_what_the_device_did_not_show_is_commanded_again_and_told(house: House) -> None:
    async with house.hub() as it:
        house.simulator.faults.add("ignore*2")
        outcome = await it.ask(Charge(800, 90), minutes=120)
        assert not outcome.proven
        assert "instead of" in outcome.notes[0]
        await house.clock.advance(900)
        assert house.power_w == -800
        assert any(text.endswith(": accepted") for text in [entry.text for entry in await it.entries("write")])


@pytest.mark.parametrize("hours", [-1, 0, 25])
async def test_an_override_without_an_end_within_a_day_is_refused(house: House, hours: int) -> None:
    async with house.hub() as it:
        with pytest.raises(InvalidInput, match="is out of range"):
            await it.unit.ask(Hold(), house.clock.now() + timedelta(hours=hours), actor="api anna")
        assert not it.overridden()
        assert house.wire.writes == []
