"""Deadlines: what passes them ends, what does not is left alone, and a cancellation stays one."""

from __future__ import annotations

import asyncio

import pytest

from indevolt.transport.deadline import Deadline, Deadlines

SOON_S = 0.02
NEVER_S = 1000.0


def soon() -> float:
    return asyncio.get_running_loop().time() + SOON_S


def never() -> float:
    return asyncio.get_running_loop().time() + NEVER_S


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


async def test_what_takes_too_long_times_out() -> None:
    with pytest.raises(TimeoutError), Deadline(Deadlines(), soon()):
        await forever()


async def test_a_deadline_that_has_already_passed_ends_the_next_wait() -> None:
    with pytest.raises(TimeoutError), Deadline(Deadlines(), soon() - 10):
        await forever()


async def test_an_earlier_deadline_that_comes_later_is_kept_and_the_other_too() -> None:
    deadlines = Deadlines()
    ended = []

    async def wait(name: str, at: float) -> None:
        with pytest.raises(TimeoutError), Deadline(deadlines, at):
            await forever()
        ended.append(name)

    await asyncio.gather(wait("late", soon() + SOON_S), wait("early", soon()), wait("middle", soon() + SOON_S / 2))
    assert ended == ["early", "middle", "late"]


async def test_what_ends_in_time_is_left_alone_and_the_timer_serves_the_next() -> None:
    deadlines = Deadlines()
    with Deadline(deadlines, soon()):
        await asyncio.sleep(0)
    with pytest.raises(TimeoutError), Deadline(deadlines, soon()):
        await forever()


async def test_errors_pass_through() -> None:
    with pytest.raises(ValueError, match="mine"), Deadline(Deadlines(), never()):
        raise ValueError("mine")


async def test_a_cancellation_from_elsewhere_stays_a_cancellation() -> None:
    async def wait() -> None:
        with Deadline(Deadlines(), never()):
            await forever()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_at_the_same_moment_wins() -> None:
    deadlines = Deadlines()
    deadline: list[Deadline] = []

    async def wait() -> None:
        deadline.append(Deadline(deadlines, never()))
        with deadline[0]:
            await forever()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    deadline[0].expire()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    deadlines.close()


async def test_a_task_that_cleans_up_after_its_cancellation_still_has_deadlines() -> None:
    ended = []

    async def wait() -> None:
        try:
            await forever()
        finally:
            with pytest.raises(TimeoutError), Deadline(Deadlines(), soon()):
                await forever()
            ended.append("in time")

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["in time"]


def test_deadlines_survive_the_event_loop_they_began_on() -> None:
    deadlines = Deadlines()

    async def first() -> None:
        with Deadline(deadlines, never()):
            await asyncio.sleep(0)

    async def second() -> None:
        with pytest.raises(TimeoutError), Deadline(deadlines, soon()):
            await forever()

    asyncio.run(first())
    asyncio.run(second())


async def test_without_a_task_there_is_nothing_to_end() -> None:
    caught: list[BaseException] = []

    def outside() -> None:
        try:
            Deadline(Deadlines(), never())
        except RuntimeError as error:
            caught.append(error)

    asyncio.get_running_loop().call_soon(outside)
    await asyncio.sleep(0)
    assert len(caught) == 1
