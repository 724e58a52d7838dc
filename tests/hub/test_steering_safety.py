"""Safety rules that the hub's steering keeps, beside those of its troubles (``test_troubles_end_safe``)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from steered_house import House

from indevolt.battery import Hold
from indevolt.errors import InvalidInput
from indevolt.hub.steer.chronicle import Chronicle
from indevolt.hub.steer.records import Owner
from indevolt.hub.steer.situation import situation
from indevolt.simulator import Surroundings, steady_house


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def test_what_the_device_did_not_show_is_commanded_again_and_told(house: House) -> None:
    async with house.hub() as it:
        house.simulator.faults.add("ignore*1")
        outcome = await it.ask(Hold(), minutes=120)  # which has no fence that is moved on
        assert not outcome.proven
        assert "instead of" in outcome.notes[0]
        await house.clock.advance(330)  # as modes are written five minutes apart
        assert it.owner is Owner.USER, "what is not shown was not written by somebody else"
        assert (house.mode, house.power_w < 60) == ("realtime", True)
        assert any(text.endswith(": accepted") for text in [entry.text for entry in await it.entries("write")])


async def test_the_journal_of_the_hub_tells_what_a_program_wrote_that_was_killed(house: House) -> None:
    killed = house.files
    killed.acquire(house.clock.now())
    what = "Discharge(power_w=500, soc_pct=55)"
    killed.note(house.clock.now(), "asked", actor="evening script", what=what, reason="dear until nine")
    killed.note(house.clock.now(), "wrote", actor="evening script", what=what, reason="dear until nine", stage="effective")
    killed.release()
    async with house.hub() as it:
        await house.clock.advance(60)
        entries = [(entry.actor, entry.text) for entry in await it.entries("write")]
    source = "(from the lease's own journal, 2026-06-21T10:00:00)"
    assert entries == [("evening script", f"asked for: {what} {source}"), ("evening script", f"{what}: effective {source}")]


async def test_adjustments_of_a_hub_that_was_killed_are_told_in_sum(house: House) -> None:
    killed = house.files
    async with house.hub() as it:
        await house.clock.advance(10)
        chronicle = Chronicle(it.hub, it.unit.keeper.id)
        await chronicle.catch_up(killed)
        killed.acquire(house.clock.now())
        for power_w in (500, 510, 520):
            facts = {"what": f"discharge {power_w} W", "stage": "accepted"}
            killed.note(house.clock.now(), "adjusted", actor="hub", **facts)
            chronicle.hear("adjusted", facts)
            if power_w == 510:
                await chronicle.flush()  # two are known and not summed up when it is killed; of the third only the lease knows
        killed.release()
        await Chronicle(it.hub, it.unit.keeper.id).catch_up(killed)
        await Chronicle(it.hub, it.unit.keeper.id).catch_up(killed)
        texts = [entry.text for entry in await it.entries("write")]
    assert texts == ["adjusted 3 times before that (from the lease's own journal)"]


async def test_a_line_that_is_not_understood_keeps_neither_the_others_nor_the_hub_from_their_work(house: House) -> None:
    killed = house.files
    killed.acquire(house.clock.now())
    with killed.journal_path.open("a", encoding="utf-8") as journal:
        journal.write('{"at": "2026-06-21T10:00:00+00:00", "step": "wrote"}\n[1]\n{"step": "foreign", "shown": 1, "until": 2}\n')
    killed.note(house.clock.now(), "asked", actor="evening script", what="rest")
    killed.release()
    async with house.hub() as it:
        await house.clock.advance(60)
        assert [entry.text.partition(" (")[0] for entry in await it.entries("write")] == ["asked for: rest"]
        await it.ask(Hold())
        assert house.mode == "realtime"


@pytest.mark.parametrize("hours", [-1, 0, 25])
async def test_an_override_without_an_end_within_a_day_is_refused(house: House, hours: int) -> None:
    async with house.hub() as it:
        with pytest.raises(InvalidInput, match="is out of range"):
            await it.unit.ask(Hold(), house.clock.now() + timedelta(hours=hours), actor="api anna")
        assert not it.overridden()
        assert house.wire.writes == []


async def test_sun_that_goes_through_a_unit_counts_while_a_reading_or_two_are_missing(tmp_path: Path) -> None:
    house = House(tmp_path, house=steady_house(Surroundings(700, (400.0,))))
    async with house.hub(output_limit_w=800) as it:

        def sun_w() -> float:
            return situation(it.hub, (it.unit,), people=False, clock_trusted=True).unit_pv_w

        shown = [sun_w()]
        house.simulator.faults.add("silent")
        for seconds in (10, 20, 150):  # held, stale, and too long ago
            await house.clock.advance(seconds)
            shown.append(sun_w())
    assert shown == pytest.approx([400, 400, 400, 0], abs=20)
