"""What is commanded for good through a lease: it stays once it is proven, and what was before is back if it is not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from indevolt.battery import Charge, Discharge, Outcome, SelfUse, Stage
from indevolt.device.lease import Lease
from indevolt.errors import BudgetSpent
from indevolt.protocol.messages import SetData

from .leasing import BACKUP_SOC, REALTIME, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def leased(bench: Bench, *works: Callable[[Lease], Awaitable[Outcome]], **options: float) -> list[Outcome]:
    """Do things one after the other in one lease."""

    async def session() -> list[Outcome]:
        async with bench.lease(**options) as lease:
            return [await work(lease) for work in works]

    return await bench.passing(session())


async def test_a_command_for_good_stays_with_the_target_that_was_asked_for(bench: Bench) -> None:
    (outcome,) = await leased(bench, lambda lease: lease.command(Charge(600, 90), for_good=True))
    assert outcome.stage is Stage.EFFECTIVE
    assert bench.mode == "realtime"
    assert bench.orders == [(1, 600, 90)]
    assert bench.files.load().snapshot is None
    assert not bench.files.locked()


async def test_its_target_keeps_to_the_room_of_the_lease_and_of_the_device(bench: Bench) -> None:
    await leased(bench, lambda lease: lease.command(Discharge(400, 5), for_good=True), floor_pct=30)
    assert bench.orders[-1] == (2, 400, 30)
    bench.simulator.set("backup_soc", 40)
    await leased(bench, lambda lease: lease.command(Discharge(500, 5), for_good=True))
    assert bench.orders[-1] == (2, 500, 42)


async def test_a_command_for_good_that_is_refused_half_way_leaves_what_was_before(bench: Bench) -> None:
    def refuse(request: object) -> None:
        if isinstance(request, SetData) and request.point == REALTIME:
            bench.simulator.faults.add("refuse")

    bench.wire.before = refuse
    bench.wire.after = lambda _: bench.simulator.faults.clear()
    (outcome,) = await leased(bench, lambda lease: lease.command(Charge(600, 90), for_good=True))
    assert outcome.stage is Stage.REFUSED
    assert bench.modes_written == [4, 1]
    assert bench.mode == "self_use"


async def test_the_way_out_of_real_time_mode_is_always_open_and_the_way_back_is_not(bench: Bench) -> None:
    await leased(bench, lambda lease: lease.command(Charge(600, 90), for_good=True))
    (outcome,) = await leased(bench, lambda lease: lease.command(SelfUse(), for_good=True))
    assert outcome.stage is Stage.CONFIRMED
    assert bench.mode == "self_use"
    with pytest.raises(BudgetSpent, match="mode was written 2 times"):
        await leased(bench, lambda lease: lease.command(Charge(600, 90), for_good=True))
    assert bench.mode == "self_use"


async def test_a_setting_that_is_so_already_is_not_written(bench: Bench) -> None:
    bench.simulator.set("backup_soc", 20)
    (outcome,) = await leased(bench, lambda lease: lease.write("backup_soc", 20, for_good=True))
    assert (outcome.stage, outcome.notes) == (Stage.CONFIRMED, ("it was so already, so nothing was written",))
    assert BACKUP_SOC not in [point for point, _ in bench.wire.writes]


async def test_an_end_that_owes_nothing_asks_the_device_for_nothing(bench: Bench) -> None:
    async def session() -> None:
        async with bench.lease() as lease:
            await lease.write("backup_soc", 25, for_good=True)
            bench.simulator.reboot(24 * 3600)

    await bench.passing(session())
    assert bench.files.load().snapshot is None
