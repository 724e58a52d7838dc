"""However a lease ends, what was before is back, or its end says that it is not."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from indevolt.battery import Discharge, Hold, Value
from indevolt.control.ledger import REALTIME_NAMES
from indevolt.device.holding import holding
from indevolt.errors import IndevoltError, InvalidInput, LeaseLost, NotRestored, Unreachable
from indevolt.protocol.messages import Request, SetData

from .leasing import HOUR, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def test_an_exception_ends_it(bench: Bench) -> None:
    async def session() -> None:
        async with bench.lease() as lease:
            await lease.command(Discharge(500, 20))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await bench.passing(session())
    assert bench.mode == "self_use"


async def test_cancellation_ends_it(bench: Bench) -> None:
    async def session() -> None:
        async with bench.lease() as lease:
            await lease.command(Discharge(500, 20))
            await asyncio.Event().wait()

    task = asyncio.create_task(session())
    await bench.clock.advance(20)
    assert bench.mode == "realtime"
    task.cancel()
    await bench.clock.advance(20)
    assert task.cancelled()
    assert bench.mode == "self_use"


@pytest.mark.parametrize(
    ("order", "back"),
    [
        (("standby", 0, 0), (0, 50, 5)),
        (("discharge", 3000, 2), (2, 2400, 5)),
        (("charge", 20, 90), (1, 50, 90)),
        (("discharge", 0, 20), (0, 50, 20)),
    ],
)
async def test_an_order_of_somebody_else_that_no_device_should_take_is_nearly_put_back(
    bench: Bench, order: tuple[Value, ...], back: tuple[int, int, int]
) -> None:
    bench.simulator.set("mode", "realtime")
    for name, value in zip(REALTIME_NAMES, order, strict=True):
        bench.simulator.set(name, value)

    async def session() -> None:
        async with bench.lease() as lease:
            await lease.command(Discharge(500, 20))

    await bench.passing(session())
    assert (bench.mode, bench.orders[-1]) == ("realtime", back)
    assert bench.files.load().snapshot is None


async def test_being_cancelled_once_more_does_not_keep_it_from_putting_back(bench: Bench) -> None:
    async def session() -> None:
        async with bench.lease() as lease:
            await lease.command(Discharge(500, 20))
            await asyncio.Event().wait()

    task = asyncio.create_task(session())
    await bench.clock.advance(20)
    task.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    await bench.clock.advance(20)
    assert task.cancelled()
    assert bench.mode == "self_use"


async def test_a_command_does_not_outlive_the_time_of_its_lease(bench: Bench) -> None:
    async def session() -> None:
        async with bench.lease(ttl=timedelta(minutes=10)) as lease:
            await lease.command(Discharge(100, 20))
            await bench.clock.sleep(630)
            assert bench.mode == "self_use"
            with pytest.raises(LeaseLost, match="its time has passed"):
                await lease.command(Discharge(100, 20))

    await bench.passing(session())
    assert bench.steps() == ["asked", "wrote", "restored"]


async def test_a_lease_that_is_cut_short_ends_then_and_not_with_the_next_heartbeat(bench: Bench) -> None:
    async def session() -> None:
        async with bench.lease() as lease:
            lease.renew(timedelta(seconds=1))
            with pytest.raises(LeaseLost, match="its time has passed"):
                await lease.command(Discharge(500, 20))

    await bench.passing(session())
    assert bench.modes_written == [4, 1]
    assert bench.orders == []


async def test_a_command_that_is_under_way_when_the_time_passes_is_given_up(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lag_s=20.0)

    async def session() -> None:
        async with bench.lease(ttl=timedelta(seconds=45)) as lease:
            await bench.clock.sleep(35)
            with pytest.raises(LeaseLost):
                await lease.command(Discharge(500, 20))

    await bench.passing(session())
    assert bench.mode == "self_use"
    assert bench.steps()[:2] == ["asked", "failed"]


@pytest.mark.parametrize("after_s", [0.0, 0.5, 1.0, 2.0, 3.0, 5.0])
@pytest.mark.parametrize("lag_s", [2.0, 20.0])
async def test_what_was_under_way_at_the_end_does_not_come_true_afterwards(tmp_path: Path, lag_s: float, after_s: float) -> None:
    """A device shows a write late, so that it looks as before although the write is still to come (protocol.md, section 13)."""
    bench = Bench(tmp_path, lag_s=lag_s)

    async def session() -> None:
        async with bench.lease() as lease:
            await lease.command(Discharge(500, 20))

    task = asyncio.create_task(session())
    await bench.clock.advance(after_s)
    task.cancel()
    await bench.clock.advance(120)
    assert task.cancelled()
    assert bench.files.load().snapshot is None
    assert bench.mode == "self_use"


async def test_what_a_program_wrote_just_before_it_was_killed_is_waited_for_by_the_next_one(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lag_s=20.0)

    async def killed() -> None:
        async with bench.device() as device:
            with contextlib.suppress(NotRestored):
                async with holding(device, bench.clock, ttl=HOUR, actor="killed", folder=tmp_path, restore_s=0.0) as lease:
                    await lease.command(Discharge(500, 20))

    task = asyncio.create_task(killed())
    await bench.clock.advance(4)
    task.cancel()
    await bench.clock.advance(4)
    assert bench.mode == "self_use", "it still looks as before"
    assert bench.files.load().snapshot is not None

    async def next_one() -> None:
        async with bench.lease():
            assert bench.mode == "self_use"

    await bench.passing(next_one())
    await bench.clock.advance(60)
    assert bench.mode == "self_use"
    assert bench.modes_written == [4, 1]


async def test_a_renewed_lease_lasts_longer(bench: Bench) -> None:
    async def session() -> None:
        async with bench.lease(ttl=timedelta(minutes=10)) as lease:
            await lease.command(Discharge(500, 20))
            await bench.clock.sleep(500)
            lease.renew(HOUR)
            await bench.clock.sleep(500)
            assert bench.mode == "realtime"
            assert lease.until == bench.clock.now() + timedelta(minutes=60, seconds=-500)

    await bench.passing(session())


@pytest.mark.parametrize("ttl", [timedelta(), timedelta(seconds=-1), timedelta(hours=25)])
async def test_a_lease_is_never_without_an_end(bench: Bench, ttl: timedelta) -> None:
    async def session() -> None:
        async with bench.lease(ttl=ttl):
            pass

    with pytest.raises(InvalidInput, match="ttl"):
        await bench.passing(session())
    assert not bench.files.locked()


async def test_a_lost_link_is_waited_for_at_the_end(bench: Bench) -> None:
    async def session() -> None:
        async with bench.lease() as lease:
            await lease.command(Discharge(500, 20))
            bench.simulator.reboot(30)

    await bench.passing(session())
    assert bench.mode == "self_use"


async def test_an_end_that_could_not_put_things_back_says_so_and_the_next_lease_does(bench: Bench) -> None:
    async def session() -> None:
        async with bench.lease() as lease:
            await lease.command(Discharge(500, 20))
            bench.simulator.reboot(300)

    async def next_one() -> None:
        async with bench.lease() as lease:
            assert bench.mode == "self_use"
            assert lease.snapshot is None

    with pytest.raises(NotRestored, match=r"is not as it was before \(mode self_use\): the device restarts") as caught:
        await bench.passing(session())
    assert "watchdog" in caught.value.remedy
    assert bench.files.load().snapshot is not None
    await bench.clock.advance(300)
    await bench.passing(next_one())
    assert bench.steps() == ["asked", "wrote", "not restored", "restored"]


async def test_a_device_that_says_true_and_does_nothing_is_not_taken_for_restored(bench: Bench) -> None:
    async def session() -> None:
        async with bench.lease() as lease:
            await lease.command(Discharge(500, 20))
            bench.simulator.faults.add("ignore")

    with pytest.raises(NotRestored, match="the device does not show it"):
        await bench.passing(session())
    assert bench.mode == "realtime"


async def test_what_a_dead_program_left_is_put_back_before_anything_else(bench: Bench) -> None:
    """The program is as good as dead: its lock is gone, and its record is there."""

    async def first() -> None:
        with contextlib.suppress(IndevoltError):
            async with bench.lease() as lease:
                await lease.command(Discharge(500, 20))
                bench.simulator.reboot(120)

    await bench.passing(first())
    await bench.clock.advance(120)
    assert bench.mode == "realtime"

    async def second() -> None:
        async with bench.lease() as lease:
            assert bench.mode == "self_use"
            await bench.clock.sleep(300)
            await lease.command(Hold())

    await bench.passing(second())
    assert bench.mode == "self_use"


async def test_what_somebody_else_chose_after_a_program_died_is_left_as_it_is(bench: Bench) -> None:
    async def first() -> None:
        with contextlib.suppress(IndevoltError):
            async with bench.lease() as lease:
                await lease.command(Discharge(500, 20))
                bench.simulator.reboot(120)

    async def second() -> None:
        async with bench.lease():
            pass

    await bench.passing(first())
    await bench.clock.advance(120)
    bench.simulator.set("mode", "schedule")
    writes = len(bench.wire.writes)
    await bench.passing(second())
    assert bench.mode == "schedule"
    assert len(bench.wire.writes) == writes
    assert bench.files.notes()[-1]["left"] == {"mode": "schedule"}


async def test_a_lease_that_was_taken_over_writes_nothing_any_more(bench: Bench) -> None:
    async def session() -> None:
        async with bench.lease() as lease:
            await lease.command(Discharge(500, 20))
            beat = bench.files.last_beat()
            assert beat is not None
            assert bench.files.take_over(beat, bench.clock.now())
            writes = len(bench.wire.writes)
            with pytest.raises(LeaseLost, match="another program took it over"):
                await lease.command(Discharge(600, 20))
            assert len(bench.wire.writes) == writes

    with pytest.raises(LeaseLost, match="another program took over"):
        await bench.passing(session())
    assert bench.mode == "realtime"  # whoever took it over puts it back
    bench.files.release()


async def test_a_mode_that_cannot_be_written_is_never_left(bench: Bench) -> None:
    bench.simulator.set("mode", "outdoor_portable")

    async def session() -> None:
        async with bench.lease() as lease:
            await lease.command(Discharge(500, 20))

    with pytest.raises(InvalidInput, match="mode"):
        await bench.passing(session())
    assert bench.wire.writes == []


async def test_a_write_that_is_lost_on_the_way_is_put_back_all_the_same(bench: Bench) -> None:
    """The reply to the mode is lost, so nobody knows whether it was set."""
    struck: list[SetData] = []

    def strike(request: Request[Any]) -> None:
        if isinstance(request, SetData) and not struck:
            struck.append(request)
            raise Unreachable("the link is lost after the write arrived")

    bench.wire.after = strike

    async def session() -> None:
        async with bench.lease() as lease:
            await lease.command(Discharge(500, 20))

    await bench.passing(session())
    assert bench.mode == "self_use"
