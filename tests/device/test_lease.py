"""A lease: bounded commands, written on change only and not too often, and foreign writes left alone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from indevolt.battery import Charge, Discharge, Hold, Reading, SelfUse, Stage
from indevolt.errors import BudgetSpent, ForeignWriter, InvalidInput

from .leasing import BACKUP_SOC, HOUR, MODE, Bench

SELF_USE, IN_REALTIME, SCHEDULE = 1, 4, 5
STANDBY, CHARGING, DISCHARGING = 0, 1, 2


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def test_a_command_is_carried_out_and_what_was_before_is_back_at_the_end(bench: Bench) -> None:
    async def session() -> None:
        async with bench.lease() as lease:
            outcome = await lease.command(Discharge(500, 20))
            assert outcome.stage is Stage.EFFECTIVE
            assert bench.mode == "realtime"

    await bench.passing(session())
    assert bench.mode == "self_use"
    assert bench.steps() == ["asked", "wrote", "restored"]
    assert bench.files.load().snapshot is None
    assert not bench.files.locked()


async def test_what_is_set_before_is_on_disk_before_anything_is_written(bench: Bench) -> None:
    kept = []

    def look(request: object) -> None:
        if "SetData" in type(request).__name__:
            kept.append(bench.files.load())

    bench.wire.before = look

    async def session() -> None:
        async with bench.lease() as lease:
            await lease.command(Charge(500, 90))

    await bench.passing(session())
    first = kept[0]
    assert first.snapshot is not None
    assert first.snapshot.settings["mode"] == "self_use"
    assert first.wrote["mode"] == "realtime"
    assert first.holder is not None
    assert first.holder.actor == "test"
    assert first.ledger.writes.keys() == {"mode", "realtime"}


@pytest.mark.parametrize(
    ("command", "order"),
    [
        (Discharge(500, 20), (DISCHARGING, 500, 55)),
        (Charge(500, 90), (CHARGING, 500, 65)),
        (Discharge(500, 58), (DISCHARGING, 500, 58)),
        (Charge(500, 61), (CHARGING, 500, 61)),
        (Discharge(9000, 20), None),
        (Hold(), (STANDBY, 0, 100)),
    ],
)
async def test_a_command_reaches_five_percent_at_most(bench: Bench, command: Discharge, order: tuple[int, ...] | None) -> None:
    async def session() -> None:
        async with bench.lease() as lease:
            await lease.command(command)

    if order is None:
        with pytest.raises(InvalidInput, match="realtime_power"):
            await bench.passing(session())
        assert bench.orders == []
    else:
        await bench.passing(session())
        assert bench.orders == [order]


async def test_the_fence_moves_with_the_charge_and_stops_at_the_floor(bench: Bench) -> None:
    async def session() -> None:
        async with bench.lease(floor_pct=40, ttl=timedelta(hours=5)) as lease:
            await lease.command(Discharge(2000, 5))
            await bench.clock.sleep(4 * 3600)
            assert bench.simulator.get("battery_soc") == pytest.approx(40, abs=1)

    await bench.passing(session())
    targets = [order[2] for order in bench.orders]
    assert targets[0] == 55
    assert targets[-1] == 40
    assert targets == sorted(targets, reverse=True)
    assert len(targets) <= 9  # a write for each 2 %
    assert bench.modes_written == [IN_REALTIME, SELF_USE]


async def test_nothing_is_discharged_within_two_percent_of_the_reserve_of_the_device(bench: Bench) -> None:
    bench.simulator.set("backup_soc", 56)

    async def session() -> None:
        async with bench.lease() as lease:
            await lease.command(Discharge(500, 5))

    await bench.passing(session())
    assert bench.orders == [(DISCHARGING, 500, 58)]


async def test_what_stands_already_is_not_written_again(bench: Bench) -> None:
    async def session() -> None:
        async with bench.lease() as lease:
            await lease.command(Charge(500, 90))
            again = await lease.command(Charge(500, 90))
            assert again.stage is Stage.CONFIRMED
            assert again.notes == ("it was so already, so nothing was written",)
            await lease.command(Charge(600, 90))

    await bench.passing(session())
    assert bench.orders == [(CHARGING, 500, 65), (CHARGING, 600, 65)]
    assert bench.modes_written == [IN_REALTIME, SELF_USE]


async def test_a_mode_is_changed_every_five_minutes_at_most_but_always_put_back(bench: Bench) -> None:
    async def session() -> None:
        async with bench.lease() as lease:
            await lease.command(Hold())
        async with bench.lease() as lease:
            with pytest.raises(BudgetSpent, match="mode was written 2 times; allowed: 22 in 24 h, at least 5 min apart") as caught:
                await lease.command(Hold())
            assert 290 < caught.value.wait_s <= 300
            await bench.clock.sleep(caught.value.wait_s)
            assert (await lease.command(Hold())).proven

    await bench.passing(session())
    assert bench.modes_written == [IN_REALTIME, SELF_USE, IN_REALTIME, SELF_USE]


async def test_no_budget_is_freed_by_a_clock_that_jumps(bench: Bench) -> None:
    async def session() -> None:
        async with bench.lease() as lease:
            await lease.command(Hold())
            await lease.command(SelfUse(), safety=True)
            bench.clock.jump(86_400)
            with pytest.raises(BudgetSpent):
                await lease.command(Hold())

    await bench.passing(session())


async def test_safety_writes_even_though_the_budget_is_spent(bench: Bench) -> None:
    async def session() -> None:
        async with bench.lease() as lease:
            await lease.command(Hold())
            with pytest.raises(BudgetSpent):
                await lease.command(SelfUse())
            assert (await lease.command(SelfUse(), safety=True)).proven

    await bench.passing(session())


async def test_a_setting_is_put_back_unless_it_was_written_for_good(bench: Bench) -> None:
    async def session() -> None:
        async with bench.lease() as lease:
            await lease.write("inverter_input_limit", 1000)
            await lease.write("backup_soc", 30, for_good=True)

    before = bench.simulator.get("inverter_input_limit")
    await bench.passing(session())
    assert bench.simulator.get("inverter_input_limit") == before
    assert bench.simulator.get("backup_soc") == 30
    assert [point for point, _ in bench.wire.writes].count(BACKUP_SOC) == 1


@pytest.mark.parametrize(("command", "power_w"), [(Hold(), 0), (SelfUse(), 700)])
async def test_what_does_not_move_the_battery_is_possible_while_its_charge_is_unknown(
    bench: Bench, command: Hold | SelfUse, power_w: int
) -> None:
    async def session() -> None:
        async with bench.lease() as lease:
            await lease.command(Discharge(400, 20))
            bench.simulator.faults.add("poison:6002")
            await bench.clock.sleep(300)
            with pytest.raises(InvalidInput, match="battery_soc is unknown"):
                await lease.command(Discharge(600, 20))
            assert (await lease.command(command)).proven
            assert bench.simulator.get("battery_power") == pytest.approx(power_w, abs=80)

    await bench.passing(session())


async def test_a_setting_that_cannot_be_read_is_only_written_for_good(bench: Bench) -> None:
    async def session() -> None:
        async with bench.lease() as lease:
            with pytest.raises(InvalidInput, match="load_source cannot be read now, so what was before could not be put back"):
                await lease.write("load_source", "meter")
            assert bench.wire.writes == []
            assert (await lease.write("load_source", "meter", for_good=True)).stage is Stage.ACCEPTED

    await bench.passing(session())
    assert bench.simulator.get("load_source") == "meter"


async def test_a_setting_that_the_device_would_not_take_back_is_only_written_for_good(bench: Bench) -> None:
    bench.simulator.set("inverter_input_limit", 20)  # an app may set what the API does not take

    async def session() -> None:
        async with bench.lease() as lease:
            with pytest.raises(InvalidInput, match=r"inverter_input_limit is 20 now, which could not be put back: .* out of range"):
                await lease.write("inverter_input_limit", 1000)
            assert bench.wire.writes == []
            assert (await lease.write("inverter_input_limit", 1000, for_good=True)).proven

    await bench.passing(session())
    assert bench.simulator.get("inverter_input_limit") == 1000


@pytest.mark.parametrize(
    ("name", "values"), [("mode", ("realtime",)), ("mode", ("schedule",)), ("realtime_state", ("charge", 500, 90))]
)
async def test_what_moves_the_battery_is_written_by_a_command_only(bench: Bench, name: str, values: tuple[str | int, ...]) -> None:
    async def session() -> None:
        async with bench.lease() as lease:
            await lease.write(name, *values)

    with pytest.raises(InvalidInput, match="part of a command"):
        await bench.passing(session())
    assert bench.wire.writes == []


async def test_a_mode_that_somebody_else_chooses_is_left_alone_for_fifteen_minutes_and_found_again_at_the_end(bench: Bench) -> None:
    async def session() -> None:
        async with bench.lease(ttl=2 * HOUR) as lease:
            await lease.command(Discharge(500, 20))
            bench.simulator.set("mode", "schedule")
            await bench.clock.sleep(60)
            assert str(lease.yielded) == "mode is schedule"
            with pytest.raises(ForeignWriter, match="somebody else wrote: mode is schedule; it is left alone for 14 min more"):
                await lease.command(Discharge(500, 20))
            assert bench.mode == "schedule"
            await bench.clock.sleep(900)
            assert bench.mode == "realtime"  # control resumes

    await bench.passing(session())
    assert bench.mode == "schedule"
    assert bench.steps() == ["asked", "wrote", "foreign", "asked", "wrote", "restored"]


async def test_a_setting_of_ours_is_put_back_also_where_somebody_else_chose_a_mode(bench: Bench) -> None:
    async def session() -> None:
        async with bench.lease() as lease:
            await lease.write("backup_soc", 30)
            await lease.command(Discharge(500, 35))
            bench.simulator.set("mode", "schedule")
            await bench.clock.sleep(60)
            assert lease.yielded is not None

    before = bench.simulator.get("backup_soc")
    await bench.passing(session())
    assert (bench.mode, bench.simulator.get("backup_soc")) == ("schedule", before)


async def test_an_order_of_somebody_else_is_noticed_as_well(bench: Bench) -> None:
    async def session() -> None:
        async with bench.lease() as lease:
            await lease.command(Discharge(500, 20))
            bench.simulator.set("realtime_power", 800)
            with pytest.raises(ForeignWriter, match="realtime_power is 800"):
                await lease.command(Discharge(600, 20))

    await bench.passing(session())
    assert bench.mode == "self_use"


async def test_a_change_of_direction_counts_however_it_is_ordered(bench: Bench) -> None:
    async def session() -> None:
        async with bench.lease() as lease:
            counts = []
            for order in (lease.command(Charge(500, 90)), lease.adjust(Discharge(500, 20)), lease.command(Charge(300, 90))):
                await order
                counts.append({each.name: each.used for each in lease.budgets}["direction_changes"])
            assert counts == [0, 1, 2]

    await bench.passing(session())


async def test_what_was_read_before_a_write_is_not_taken_for_somebody_else(bench: Bench) -> None:
    async def session() -> None:
        async with bench.device() as device:
            first: list[Reading] = []

            async def look(names: tuple[str, ...]) -> Reading:
                """What a hub has read already, and that is a while ago."""
                first.append(await device.read(*names))
                return first[0]

            async with device.lease(ttl=HOUR, folder=bench.folder, actor="test", look=look) as lease:
                await lease.command(Charge(500, 90))
                await lease.tend()
                await lease.command(Discharge(500, 20))
                await lease.tend()
                assert lease.yielded is None
                bench.simulator.set("mode", "schedule")
                with pytest.raises(ForeignWriter, match="mode is schedule"):
                    await lease.tend()

    await bench.passing(session())


async def test_a_write_that_shows_late_is_not_taken_for_somebody_else(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lag_s=45.0)

    async def session() -> None:
        async with bench.lease() as lease:
            outcome = await lease.command(Discharge(500, 20))
            assert outcome.stage is Stage.ACCEPTED
            await bench.clock.sleep(120)
            assert lease.yielded is None

    await bench.passing(session())
    assert "foreign" not in bench.steps()
    assert bench.mode == "self_use"


async def test_what_a_device_refused_is_not_taken_for_somebody_else(bench: Bench) -> None:
    """It goes on showing what was before, and does so for longer than an echo lasts."""

    async def session() -> None:
        async with bench.lease() as lease:
            await lease.command(Discharge(500, 20))
            bench.simulator.faults.add("refuse*1")
            assert (await lease.adjust(Discharge(600, 20))).stage is Stage.REFUSED
            bench.simulator.faults.add("reset")  # and nobody can look at it for a while
            await bench.clock.sleep(120)
            bench.simulator.faults.clear()
            await bench.clock.sleep(60)
            assert lease.yielded is None
            assert bench.orders[-1] == (2, 500, 55)

    await bench.passing(session())
    assert "foreign" not in bench.steps()


async def test_a_device_that_restarted_and_forgot_is_told_again(bench: Bench) -> None:
    async def session() -> None:
        async with bench.lease() as lease:
            await lease.command(Discharge(500, 20))
            bench.simulator.set("realtime_state", "standby")
            bench.simulator.reboot(5)
            await bench.clock.sleep(120)
            assert lease.yielded is None
            assert bench.simulator.get("realtime_state") == "discharge"

    await bench.passing(session())
    assert bench.steps() == ["asked", "wrote", "restarted", "restarted", "asked", "wrote", "restored"]
    assert bench.wire.writes[-1] == (MODE, (SELF_USE,))


async def test_a_loop_keeps_to_the_budget(bench: Bench) -> None:
    """Real-time points are written 400 times an hour at most, however often a loop would adjust them."""

    async def session() -> int:
        refused = 0
        async with bench.lease(ttl=timedelta(hours=2)) as lease:
            await lease.command(Charge(500, 90))
            for number in range(1000):
                await bench.clock.sleep(2)
                try:
                    await lease.adjust(Charge(500 + number % 100, 90))
                except BudgetSpent:
                    refused += 1
        return refused

    assert await bench.passing(session()) > 0
    assert len(bench.orders) == 400


async def test_a_loop_that_has_to_let_go_does_so_even_though_the_budget_is_spent(bench: Bench) -> None:
    async def session() -> None:
        async with bench.lease(ttl=timedelta(hours=2)) as lease:
            await lease.command(Discharge(500, 10))
            for number in range(399):
                await bench.clock.sleep(2)
                await lease.adjust(Discharge(500 + number % 100, 10))
            with pytest.raises(BudgetSpent):
                await lease.adjust(Discharge(300, 10))
            assert (await lease.adjust(Hold(), safety=True)).stage is not Stage.REFUSED
            assert lease.sent == Hold()

    await bench.passing(session())


async def test_the_journal_tells_who_why_before_after_and_outcome(bench: Bench) -> None:
    async def session() -> None:
        async with bench.lease(actor="evening script") as lease:
            await lease.command(Charge(500, 90), reason="cheap until nine")

    await bench.passing(session())
    asked, wrote, restored = bench.files.notes()
    for line in (asked, wrote):
        assert (line["actor"], line["reason"], line["what"]) == (
            "evening script",
            "cheap until nine",
            "charge with 500 W up to 65 %",
        )
    assert wrote["before"]["mode"] == "self_use"
    assert wrote["wanted"]["mode"] == wrote["shown"]["mode"] == "realtime"
    assert (wrote["shown"]["realtime_power"], wrote["stage"]) == (500, "effective")
    assert restored["before"]["mode"] == restored["shown"]["mode"] == "self_use"
    assert [line["at"] for line in (asked, wrote, restored)] == sorted(line["at"] for line in (asked, wrote, restored))
