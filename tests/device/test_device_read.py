"""Reading a device: values with their quality, bad points, parts that are not there, and cycles without an answer."""

from __future__ import annotations

from contextlib import aclosing, suppress
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

import indevolt
from indevolt.battery import Quality, Reading
from indevolt.catalogue import load
from indevolt.clock import ManualClock
from indevolt.errors import BadRequest, InvalidInput, NoReply, ProtocolError, ServiceUnavailable, Unauthorized, Unreachable
from indevolt.protocol.messages import Data, GetData, Raw, Request
from indevolt.simulator import Simulator
from wiretap import Wiretap

if TYPE_CHECKING:
    from collections.abc import Iterable

BATTERY_POWER = 6000
RATED_CAPACITY = 142
PV1_POWER = 1664
PACK_SERIALS = {9032, 9051, 9070, 9165, 9218}


def qualities(reading: Reading, names: Iterable[str]) -> set[Quality]:
    return {reading[name].quality for name in names}


# ---- values ----------------------------------------------------------------------------------------------------------


async def test_a_reading_has_value_unit_time_and_quality(wire: Wiretap, simulator: Simulator, clock: ManualClock) -> None:
    simulator.set("battery_soc", 40.1)
    simulator.set("battery_power", -726)
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        clock.tick(60)
        reading = await battery.read("battery_soc", "battery_power", "mode", "cluster_role")
    assert reading.value("battery_power") == -726
    assert reading.value("mode") == "self_use"
    assert reading.value("cluster_role") == "none"
    assert (reading["battery_soc"].unit, reading["battery_power"].unit) == ("%", "W")
    assert qualities(reading, reading) == {Quality.LIVE}
    assert reading["battery_soc"].at == clock.now()
    assert reading["battery_soc"].age(clock.now() + timedelta(seconds=7)) == 7
    assert (reading.device, reading.family) == (simulator.serial, "gen2")


async def test_a_point_number_reads_like_its_name(wire: Wiretap, clock: ManualClock) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        reading = await battery.read(BATTERY_POWER, "6002", "battery_power")
    assert list(reading) == ["battery_power", "battery_soc"]


async def test_no_name_at_all_reads_everything_readable_in_few_even_batches(wire: Wiretap, clock: ManualClock) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        reading = await battery.read()
    expected = load("gen2").readable()
    assert list(reading) == [point.name for point in expected]
    sizes = [len(points) for points in wire.reads]
    assert max(sizes) <= 50
    assert len(sizes) == -(-len(expected) // 50)
    assert max(sizes) - min(sizes) < 10


ODD: dict[str, Raw] = {"6000": None, "6002": "x", "7101": [1], "7120": 1001, "11016": 0, "1664": "245", "9032": ""}


@pytest.mark.parametrize("state", [None, ODD])
async def test_one_request_says_the_same_as_many(clock: ManualClock, state: dict[str, Raw] | None) -> None:
    simulator = Simulator("powerflex2000", clock=clock, state=state, complete=True)
    simulator.remove("pv_power_total")
    names = [point.name for point in load("gen2").readable() if point.part in ("", "pack1", "pack4")][::5]
    found = []
    for most in (50, 7):
        async with indevolt.connect("sim", transport=simulator, clock=clock, max_points=most) as battery:
            await battery.read("pack1_soc")  # which also tells which packs are there
            found.append(await battery.read(*names, "meter_power", "battery_power", "battery_soc", "mode", "pv_power_total"))
    whole, parts = found
    assert {Quality.LIVE, Quality.ABSENT, Quality.NOT_INSTALLED} <= qualities(whole, whole)
    assert (Quality.UNREADABLE in qualities(whole, whole)) is (state is ODD)
    assert {name: (sample.value, sample.quality) for name, sample in whole.items() if name != "device_time"} == {
        name: (sample.value, sample.quality) for name, sample in parts.items() if name != "device_time"
    }
    for reading in found:
        assert reading.live() == {name: each.value for name, each in reading.items() if each.quality is Quality.LIVE}
        assert reading.odd() == {name: each.quality for name, each in reading.items() if each.quality is not Quality.LIVE}
        assert [reading.value(name) for name in reading] == [each.value for each in reading.values()]


async def test_an_unknown_name_is_refused_with_the_nearest_one_before_anything_is_asked(wire: Wiretap, clock: ManualClock) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        with pytest.raises(InvalidInput, match="battery_sock") as caught:
            await battery.read("battery_sock")
    assert "battery_soc" in caught.value.remedy
    assert wire.reads == []


async def test_a_list_instead_of_names_is_refused_with_the_right_way(wire: Wiretap, clock: ManualClock) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        with pytest.raises(InvalidInput, match="are no names") as caught:
            await battery.read(["battery_soc", "mode"])  # type: ignore[arg-type]  # a likely slip
    assert "one by one" in caught.value.remedy


@pytest.mark.parametrize(
    "options",
    [{"spacing_s": -1.0}, {"patience_s": float("nan")}, {"max_points": 0}, {"modules": 0}],
    ids=lambda options: next(iter(options)),
)
async def test_an_option_that_cannot_work_is_named(simulator: Simulator, clock: ManualClock, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=f"{next(iter(options))} is out of range"):
        async with indevolt.connect("sim", transport=simulator, clock=clock, **options):
            pass


async def test_a_quantity_without_a_read_side_is_refused(wire: Wiretap, clock: ManualClock) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        with pytest.raises(InvalidInput, match="load_source can only be written"):
            await battery.read("battery_soc", "load_source")


# ---- no value --------------------------------------------------------------------------------------------------------


async def test_what_the_reply_leaves_out_is_absent(wire: Wiretap, simulator: Simulator, clock: ManualClock) -> None:
    simulator.remove("meter_power")
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        reading = await battery.read("battery_soc", "meter_power")
    assert reading["meter_power"].quality is Quality.ABSENT
    assert reading.value("meter_power") is None
    assert reading["battery_soc"].quality is Quality.LIVE


async def test_a_sentinel_and_a_null_are_not_available_and_not_0(clock: ManualClock) -> None:
    raw: dict[str, Raw] = {"6000": 0, "11019": 9999, "6002": None}
    simulator = Simulator("powerflex2000", clock=clock, state=raw)
    async with indevolt.connect("sim", transport=simulator, clock=clock) as battery:
        reading = await battery.read("battery_power", "charge_time_left", "battery_soc")
    assert reading.value("battery_power") == 0
    assert qualities(reading, ["charge_time_left", "battery_soc"]) == {Quality.NOT_AVAILABLE}
    assert reading.value("battery_soc") is None


async def test_a_meter_that_is_not_there_measures_nothing_rather_than_0_watts(simulator: Simulator, clock: ManualClock) -> None:
    simulator.set("meter_power", 0)
    async with indevolt.connect("virtual", transport=simulator, clock=clock) as battery:
        simulator.set("meter_connected", True)
        assert (await battery.read("meter_power")).value("meter_power") == 0
        simulator.set("meter_connected", False)
        assert (await battery.read("meter_power"))["meter_power"].quality is Quality.NOT_AVAILABLE


async def test_what_the_catalogue_cannot_read_is_unreadable_and_spoils_nothing_else(clock: ManualClock) -> None:
    raw: dict[str, Raw] = {"6000": "plenty", "6002": 55.5, "7101": [1, 2]}
    simulator = Simulator("powerflex2000", clock=clock, state=raw)
    async with indevolt.connect("sim", transport=simulator, clock=clock) as battery:
        reading = await battery.read("battery_power", "battery_soc", "mode")
    assert qualities(reading, ["battery_power", "mode"]) == {Quality.UNREADABLE}
    assert reading.value("battery_soc") == 55.5


async def test_a_wholly_empty_reply_makes_everything_absent_and_quarantines_nothing(clock: ManualClock) -> None:
    simulator = Simulator("powerflex2000", clock=clock, state={"9999": 1})
    async with indevolt.connect("sim", transport=simulator, clock=clock) as battery:
        reading = await battery.read("battery_power", "battery_soc", "pack1_soc")
        assert qualities(reading, reading) == {Quality.ABSENT}
        assert battery.quarantine == {}


# ---- parts that are not there ----------------------------------------------------------------------------------------


async def test_zeros_of_a_pack_that_is_not_there_are_not_installed(wire: Wiretap, simulator: Simulator, clock: ManualClock) -> None:
    simulator.set("pack1_soc", 0)
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        reading = await battery.read("pack1_soc", "pack2_soc", "pack2_sn", "battery_soc")
    assert reading.value("pack1_soc") == 0, "an empty pack is not a missing one"
    assert qualities(reading, ["pack2_soc", "pack2_sn"]) == {Quality.NOT_INSTALLED}
    assert reading.value("pack2_soc") is None


async def test_serial_numbers_of_packs_are_asked_once_and_only_where_they_matter(wire: Wiretap, clock: ManualClock) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        await battery.read("battery_soc")
        first = await battery.read("pack1_soc", "pack3_soc")
        second = await battery.read("pack1_soc", "pack3_soc")
    asked = [bool(PACK_SERIALS & set(points)) for points in wire.reads]
    assert asked == [False, True, False]
    assert list(first) == list(second) == ["pack1_soc", "pack3_soc"]
    assert first["pack3_soc"].quality is second["pack3_soc"].quality is Quality.NOT_INSTALLED


async def test_a_pack_that_is_added_later_is_noticed(wire: Wiretap, simulator: Simulator, clock: ManualClock) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        assert (await battery.read("pack2_soc"))["pack2_soc"].quality is Quality.NOT_INSTALLED
        simulator.set("pack2_sn", "NEW")
        simulator.set("pack2_soc", 0)
        clock.tick(3601)
        assert (await battery.read("pack2_soc")).value("pack2_soc") == 0


async def test_a_pack_that_says_nothing_of_its_serial_number_but_has_values_is_there(clock: ManualClock) -> None:
    simulator = Simulator("powerflex2000", clock=clock, state={"9016": 54.0, "9035": 0, "6002": 50})
    async with indevolt.connect("sim", transport=simulator, clock=clock) as battery:
        reading = await battery.read("pack1_soc", "pack2_soc", "pack3_soc")
    assert reading.value("pack1_soc") == 54
    assert qualities(reading, ["pack2_soc", "pack3_soc"]) == {Quality.NOT_INSTALLED}


async def test_which_packs_are_there_does_not_depend_on_how_the_points_were_batched(clock: ManualClock) -> None:
    simulator = Simulator("powerflex2000", clock=clock, state={"6002": 50, "9032": "PACK1"})
    async with indevolt.connect("sim", transport=simulator, clock=clock, max_points=10) as battery:
        reading = await battery.read()
    packs = {number: {reading[name].quality for name in reading if name.startswith(f"pack{number}_")} for number in (1, 2, 5)}
    assert packs == {1: {Quality.LIVE, Quality.ABSENT}, 2: {Quality.NOT_INSTALLED}, 5: {Quality.NOT_INSTALLED}}


# ---- bad points ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", [f"poison:{RATED_CAPACITY}", f"poison:{RATED_CAPACITY}:silent"])
async def test_one_poisoned_point_is_named_and_quarantined_while_the_rest_flows(
    wire: Wiretap, simulator: Simulator, clock: ManualClock, spec: str
) -> None:
    simulator.faults.add(spec)
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        reading = await battery.read()
        assert reading["rated_capacity"].quality is Quality.QUARANTINED
        assert reading.value("rated_capacity") is None
        others = {sample.quality for sample in reading.values() if sample.name != "rated_capacity"}
        assert others <= {Quality.LIVE, Quality.NOT_INSTALLED, Quality.NOT_AVAILABLE}
        assert list(battery.quarantine) == ["rated_capacity"]
        assert f"point {RATED_CAPACITY}" in battery.quarantine["rated_capacity"].reason
        batches = -(-len(reading) // 50)
        assert len(wire.reads) <= batches + 2 * 6 + 2, "a search halves: 2 requests a level, and 2 proofs of life"

        wire.requests.clear()
        await battery.read()
        assert len(wire.reads) == batches
        assert all(RATED_CAPACITY not in points for points in wire.reads), "it is left alone for now"


async def test_several_poisoned_points_are_all_found(wire: Wiretap, simulator: Simulator, clock: ManualClock) -> None:
    simulator.faults.add("poison:142", "poison:6001", "poison:1664")
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        reading = await battery.read()
        assert set(battery.quarantine) == {"rated_capacity", "battery_state", "pv1_power"}
    assert reading["battery_soc"].quality is Quality.LIVE


async def test_more_bad_points_than_the_search_may_ask_about_are_locked_away_in_groups(
    wire: Wiretap, simulator: Simulator, clock: ManualClock
) -> None:
    names = [point.name for point in load("gen2").readable() if not point.part][:50]
    bad = names[::6]
    points = load("gen2").points
    simulator.faults.add(*(f"poison:{side.at}" for name in bad if (side := points[name].read)))
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        reading = await battery.read(*names)
        assert len(wire.reads) < 60
        assert set(bad) <= set(battery.quarantine)
        assert any("points that fail together" in why.reason for why in battery.quarantine.values())
        live = [name for name in names if reading[name].quality is Quality.LIVE]
        assert live
        assert not set(live) & set(bad)
        for _ in range(5):
            clock.tick(7 * 3600)
            reading = await battery.read(*names)
        assert set(battery.quarantine) == set(bad), "each retry tells more of a group apart"


async def test_a_quarantined_point_is_tried_again_later_and_apart_from_the_others(
    wire: Wiretap, simulator: Simulator, clock: ManualClock
) -> None:
    simulator.faults.add(f"poison:{RATED_CAPACITY}")
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        await battery.read("battery_soc", "rated_capacity")
        clock.tick(599)
        assert (await battery.read("rated_capacity"))["rated_capacity"].quality is Quality.QUARANTINED
        simulator.faults.clear()
        clock.tick(2)
        wire.requests.clear()
        reading = await battery.read("battery_soc", "rated_capacity")
        assert wire.reads == [(6002,), (RATED_CAPACITY,)]
        assert reading.value("rated_capacity") == 4000
        assert battery.quarantine == {}


async def test_the_time_in_quarantine_doubles_with_each_failure_up_to_hours(
    wire: Wiretap, simulator: Simulator, clock: ManualClock
) -> None:
    simulator.faults.add(f"poison:{RATED_CAPACITY}")
    waits, since = [], clock.now()
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        for _ in range(8):
            await battery.read("battery_soc", "rated_capacity")
            locked = battery.quarantine["rated_capacity"]
            assert locked.since == since
            waits.append((locked.retry_at - clock.now()).total_seconds())
            clock.tick(waits[-1] + 1)
    assert waits == [600, 1200, 2400, 4800, 9600, 19200, 21600, 21600]


async def test_quarantine_does_not_end_early_when_the_wall_clock_is_set(
    wire: Wiretap, simulator: Simulator, clock: ManualClock
) -> None:
    simulator.faults.add(f"poison:{RATED_CAPACITY}")
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        await battery.read("battery_soc", "rated_capacity")
        clock.jump(86_400)
        wire.requests.clear()
        await battery.read("battery_soc", "rated_capacity")
    assert wire.reads == [(6002,)]


async def test_one_passing_failure_blames_nobody(wire: Wiretap, simulator: Simulator, clock: ManualClock) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        simulator.faults.add("halfjson*1")
        reading = await battery.read("battery_soc", "battery_power", "mode")
        simulator.faults.add("silent*1")
        single = await battery.read("battery_soc")
        assert battery.quarantine == {}
    assert qualities(reading, reading) == qualities(single, single) == {Quality.LIVE}


@pytest.mark.parametrize(
    ("spec", "kind", "most"),
    [("silent", NoReply, 2), ("status:400", BadRequest, 4), ("halfjson", ProtocolError, 4)],
    ids=["silence, which costs a deadline each time", "refusals", "nonsense"],
)
async def test_a_dead_device_is_not_taken_for_many_bad_points(
    wire: Wiretap, simulator: Simulator, spec: str, kind: type[Exception], most: int
) -> None:
    async with indevolt.connect("sim", transport=wire, clock=simulator.clock) as battery:
        simulator.faults.add(spec)
        with pytest.raises(kind):
            await battery.read()
        assert battery.quarantine == {}
        assert len(wire.reads) <= most


@pytest.mark.parametrize("moment", range(2, 18))
async def test_whenever_a_device_dies_during_a_search_no_good_point_is_blamed(
    wire: Wiretap, simulator: Simulator, clock: ManualClock, moment: int
) -> None:
    names = [point.name for point in load("gen2").readable() if not point.part][:50]
    simulator.faults.add(f"poison:{RATED_CAPACITY}")

    def die(_: Request[Any]) -> None:
        if len(wire.reads) == moment:
            simulator.faults.add("status:400")

    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        wire.before = die
        with suppress(BadRequest):
            await battery.read(*names, "rated_capacity")
        assert set(battery.quarantine) <= {"rated_capacity"}
        assert len(wire.reads) - moment <= 9, "two halves on two levels fail before the question is asked, then nobody answers"


async def test_a_point_that_was_good_and_turns_bad_is_found(wire: Wiretap, simulator: Simulator, clock: ManualClock) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        assert (await battery.read("rated_capacity")).value("rated_capacity") == 4000
        simulator.faults.add(f"poison:{RATED_CAPACITY}:silent")
        reading = await battery.read("rated_capacity", "battery_soc")
        assert list(battery.quarantine) == ["rated_capacity"]
    assert reading.value("battery_soc") == 55


async def test_a_bad_point_that_is_read_alone_is_asked_twice_and_found(
    wire: Wiretap, simulator: Simulator, clock: ManualClock
) -> None:
    simulator.faults.add(f"poison:{RATED_CAPACITY}")
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        reading = await battery.read("rated_capacity")
    assert reading["rated_capacity"].quality is Quality.QUARANTINED
    assert wire.reads == [(RATED_CAPACITY,), (0,), (RATED_CAPACITY,), (0,)], "each failure is followed by a proof of life"


async def test_a_device_that_is_dead_when_a_quarantine_ends_adds_no_strike(
    wire: Wiretap, simulator: Simulator, clock: ManualClock
) -> None:
    simulator.faults.add(f"poison:{RATED_CAPACITY}")
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        await battery.read("battery_soc", "rated_capacity")
        clock.tick(601)
        simulator.faults.clear()
        simulator.faults.add("silent")
        with pytest.raises(NoReply):
            await battery.read("rated_capacity")
        assert battery.quarantine["rated_capacity"].strikes == 1


@pytest.mark.parametrize(
    ("spec", "kind"), [("reset", Unreachable), ("status:401", Unauthorized), ("status:503", ServiceUnavailable)]
)
async def test_what_concerns_the_whole_device_is_raised_without_a_search(
    wire: Wiretap, simulator: Simulator, clock: ManualClock, spec: str, kind: type[Exception]
) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        wire.requests.clear()
        simulator.faults.add(spec)
        with pytest.raises(kind):
            await battery.read("battery_soc", "battery_power")
        assert len(wire.reads) == 1


# ---- again and again -------------------------------------------------------------------------------------------------


async def test_watching_yields_a_reading_every_few_seconds_however_long_one_takes(simulator: Simulator, clock: ManualClock) -> None:
    simulator.latency_s = 2
    times = []
    async with (
        indevolt.connect("sim", transport=simulator, clock=clock) as battery,
        aclosing(battery.watch("battery_soc", every_s=7)) as readings,
    ):
        async for reading in readings:
            times.append(reading.at)
            if len(times) == 4:
                break
    assert [(later - earlier).total_seconds() for earlier, later in pairwise(times)] == [7, 7, 7]


async def test_a_cycle_without_an_answer_shows_no_old_values_and_does_not_end_the_watch(
    simulator: Simulator, clock: ManualClock
) -> None:
    seen: list[tuple[Quality, object]] = []
    troubles: list[str] = []
    async with (
        indevolt.connect("sim", transport=simulator, clock=clock) as battery,
        aclosing(battery.watch("battery_soc", "battery_power")) as readings,
    ):
        async for reading in readings:
            seen.append((reading["battery_soc"].quality, reading.value("battery_soc") is None))
            troubles.append(type(battery.trouble).__name__)
            match len(seen):
                case 1:
                    simulator.faults.add("reset")
                case 2:
                    simulator.faults.clear()
                    simulator.faults.add("halfjson")
                case 3:
                    simulator.faults.clear()
                case 4:
                    break
    assert seen == [(Quality.LIVE, False), (Quality.UNANSWERED, True), (Quality.UNANSWERED, True), (Quality.LIVE, False)]
    assert troubles == ["NoneType", "Unreachable", "ProtocolError", "NoneType"]


async def test_watching_ends_with_what_trying_again_cannot_mend(simulator: Simulator, clock: ManualClock) -> None:
    async with (
        indevolt.connect("sim", transport=simulator, clock=clock) as battery,
        aclosing(battery.watch("battery_soc")) as readings,
    ):
        await anext(readings)
        simulator.faults.add("status:401")
        with pytest.raises(Unauthorized):
            await anext(readings)


@pytest.mark.parametrize("every_s", [0, 0.9, -1])
async def test_watching_faster_than_a_device_can_is_refused(simulator: Simulator, clock: ManualClock, every_s: float) -> None:
    async with indevolt.connect("sim", transport=simulator, clock=clock) as battery:
        with pytest.raises(InvalidInput, match="every_s"):
            await anext(battery.watch("battery_soc", every_s=every_s))


async def test_any_other_request_passes_through(simulator: Simulator, clock: ManualClock) -> None:
    async with indevolt.connect("sim", transport=simulator, clock=clock) as battery:
        data = await battery.exchange(GetData((PV1_POWER,)))
    assert isinstance(data, Data)
    assert list(data.values) == [str(PV1_POWER)]
