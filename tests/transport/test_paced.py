"""Pacing, told in seconds of a clock that a test moves."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, strategies as st

from indevolt.clock import ManualClock
from indevolt.errors import BadRequest, GatewayTimeout, IndevoltError, InvalidInput, NoReply, ProtocolError, Unreachable
from indevolt.protocol.messages import Data, GetData, Reply, Request, Result, SetData, SysConfig, SysGetConfig
from indevolt.transport import Paced, ReplyT

WRITE = SetData(47005, (4,))
TAKES_S = 0.25  # what the device needs for an answer


class SlowDevice:
    """A device that notes when each request came, insists on being asked one thing at a time, and fails when told to."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.asked: list[tuple[float, Request[Any]]] = []
        self.failures: list[Exception | None] = []
        self.poisoned = -1
        self.takes_s = TAKES_S
        self.busy = False
        self.closed = 0

    async def exchange(self, request: Request[ReplyT]) -> ReplyT:
        assert not self.busy, "two requests at a time"
        self.asked.append((self.clock.monotonic(), request))
        self.busy = True
        try:
            await self.clock.sleep(self.takes_s)
        finally:
            self.busy = False
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        return self.answer(request)  # type: ignore[return-value]  # each case answers its own request

    def answer(self, request: Request[Any]) -> Reply:
        match request:
            case GetData(points=points):
                if self.poisoned in points:
                    raise BadRequest
                return Data({str(point): point * 10 for point in points if point < 9000})
            case SysGetConfig():
                return SysConfig({"sn": "1"})
            case _:
                return Result(result=True)

    async def close(self) -> None:
        self.closed += 1

    @property
    def order(self) -> list[Request[Any]]:
        return [request for _, request in self.asked]

    @property
    def times(self) -> list[float]:
        return [at for at, _ in self.asked]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def device(clock: ManualClock) -> SlowDevice:
    return SlowDevice(clock)


@pytest.fixture
async def paced(device: SlowDevice, clock: ManualClock) -> AsyncIterator[Paced]:
    transport = Paced(device, clock, rng=random.Random(1))
    yield transport
    await transport.close()


def ask(paced: Paced, *requests: Request[Any]) -> list[asyncio.Task[Any]]:
    """Ask from as many callers at once."""
    return [asyncio.create_task(paced.exchange(request)) for request in requests]


def read(*points: int) -> GetData:
    return GetData(points)


# ---- spacing ---------------------------------------------------------------------------------------------------------


async def test_the_first_request_goes_at_once_and_the_next_a_second_after_its_end(
    paced: Paced, device: SlowDevice, clock: ManualClock
) -> None:
    for number in (1, 2, 3):
        ask(paced, SysGetConfig())
        await clock.advance(0.1 * number)
    await clock.advance(10)
    assert device.times == [0.0, TAKES_S + 1, 2 * (TAKES_S + 1)]


async def test_who_comes_after_a_rest_does_not_wait(paced: Paced, device: SlowDevice, clock: ManualClock) -> None:
    ask(paced, SysGetConfig())
    await clock.advance(60)
    ask(paced, SysGetConfig())
    await clock.advance(1)
    assert device.times == [0.0, 60.0]


async def test_a_failure_is_followed_by_a_pause_too(paced: Paced, device: SlowDevice, clock: ManualClock) -> None:
    device.failures = [ProtocolError("nonsense")]
    first, second = ask(paced, SysGetConfig(), SysGetConfig())
    await clock.advance(10)
    assert device.times == [0.0, TAKES_S + 1]
    assert isinstance(first.exception(), ProtocolError)
    assert second.result() == SysConfig({"sn": "1"})


@given(st.lists(st.tuples(st.floats(0, 5), st.booleans()), min_size=1, max_size=12), st.floats(0.5, 5))
async def test_however_requests_come_each_is_answered_and_the_device_rests_between(
    steps: list[tuple[float, bool]], spacing_s: float
) -> None:
    clock = ManualClock()
    device = SlowDevice(clock)
    paced = Paced(device, clock, spacing_s=spacing_s, rng=random.Random(1))
    tasks: list[asyncio.Task[Any]] = []
    for wait_s, is_write in steps:
        await clock.advance(wait_s)
        tasks += ask(paced, WRITE if is_write else read(len(tasks)))
    await clock.advance(1000)
    assert all(task.done() and task.exception() is None for task in tasks)
    gaps = [later - earlier for earlier, later in zip(device.times, device.times[1:], strict=False)]
    assert all(gap >= TAKES_S + spacing_s - 1e-5 for gap in gaps)
    await paced.close()


# ---- order -----------------------------------------------------------------------------------------------------------


async def test_writes_go_first_in_their_order(paced: Paced, device: SlowDevice, clock: ManualClock) -> None:
    others = [SetData(1142, (10,)), SetData(47015, (1, 700, 5))]
    ask(paced, SysGetConfig())
    await clock.advance(0.1)
    ask(paced, read(1), WRITE, SysGetConfig(), *others)
    await clock.advance(60)
    assert device.order == [SysGetConfig(), WRITE, *others, read(1), SysGetConfig()]


async def test_a_write_that_comes_during_the_pause_still_goes_first(paced: Paced, device: SlowDevice, clock: ManualClock) -> None:
    ask(paced, SysGetConfig(), read(1))
    await clock.advance(1.0)
    ask(paced, WRITE)
    await clock.advance(60)
    assert device.order == [SysGetConfig(), WRITE, read(1)]


# ---- joined readings -------------------------------------------------------------------------------------------------


async def test_readings_that_wait_go_out_as_one_and_each_caller_gets_its_own_points(
    paced: Paced, device: SlowDevice, clock: ManualClock
) -> None:
    tasks = ask(paced, read(1, 2), read(2, 3), read(9001, 1))
    await clock.advance(10)
    assert device.order == [read(1, 2, 3, 9001)]
    assert [task.result() for task in tasks] == [Data({"1": 10, "2": 20}), Data({"2": 20, "3": 30}), Data({"1": 10})]


async def test_a_joined_reading_stays_within_what_a_device_takes(paced: Paced, device: SlowDevice, clock: ManualClock) -> None:
    low, middle, high = range(30), range(30, 60), range(100, 120)
    tasks = ask(paced, read(*low), read(*middle), read(*high), read(*low))
    await clock.advance(10)
    assert device.order == [read(*low, *high), read(*middle)]
    assert all(len(task.result().values) == size for task, size in zip(tasks, (30, 30, 20, 30), strict=True))


async def test_one_reading_that_is_larger_than_that_is_the_callers_wish(
    paced: Paced, device: SlowDevice, clock: ManualClock
) -> None:
    ask(paced, read(*range(80)), read(1))
    await clock.advance(10)
    assert device.order == [read(*range(80)), read(1)]


async def test_only_readings_of_points_are_joined(paced: Paced, device: SlowDevice, clock: ManualClock) -> None:
    ask(paced, read(1), SysGetConfig(), read(), read(2))
    await clock.advance(10)
    assert device.order == [read(1, 2), SysGetConfig(), read()]


@pytest.mark.parametrize("failure", [BadRequest(), NoReply("timed out"), ProtocolError("nonsense")])
async def test_if_a_joined_reading_fails_each_is_asked_alone(
    paced: Paced, device: SlowDevice, clock: ManualClock, failure: IndevoltError
) -> None:
    device.failures = [failure]
    device.poisoned = 2
    good, bad, late = ask(paced, read(1), read(2), read(3))
    await clock.advance(TAKES_S + 0.5)
    (later,) = ask(paced, read(4))
    await clock.advance(60)
    assert device.order == [read(1, 2, 3), read(1), read(2), read(3), read(4)]
    assert (good.result(), late.result(), later.result()) == (Data({"1": 10}), Data({"3": 30}), Data({"4": 40}))
    assert isinstance(bad.exception(), BadRequest)


async def test_a_device_that_cannot_be_reached_is_not_asked_for_each_caller_alone(
    paced: Paced, device: SlowDevice, clock: ManualClock
) -> None:
    device.failures = [Unreachable("off")] * 3
    tasks = ask(paced, read(1), read(2))
    await clock.advance(60)
    assert device.order == [read(1, 2)] * 3
    assert [type(task.exception()) for task in tasks] == [Unreachable, Unreachable]


# ---- trying again ----------------------------------------------------------------------------------------------------


async def test_a_reading_is_repeated_after_longer_and_longer_pauses(paced: Paced, device: SlowDevice, clock: ManualClock) -> None:
    device.failures = [NoReply("busy"), GatewayTimeout()]
    (task,) = ask(paced, read(1))
    await clock.advance(60)
    assert task.result() == Data({"1": 10})
    first, second = (later - earlier - TAKES_S for earlier, later in zip(device.times, device.times[1:], strict=False))
    assert 1.0 <= first <= 1.5
    assert 2.0 <= second <= 3.0


async def test_after_two_more_tries_the_last_error_is_the_answer(paced: Paced, device: SlowDevice, clock: ManualClock) -> None:
    device.failures = [NoReply("first"), NoReply("second"), NoReply("third")]
    (task,) = ask(paced, read(1))
    await clock.advance(60)
    assert str(task.exception()) == "third"
    assert len(device.asked) == 3


@pytest.mark.parametrize(
    ("request_", "failure"),
    [
        pytest.param(WRITE, NoReply("who knows whether it arrived"), id="write"),
        pytest.param(read(1), BadRequest(), id="not transient"),
        pytest.param(read(1), InvalidInput("no"), id="invalid"),
    ],
)
async def test_what_is_unsafe_or_useless_is_not_repeated(
    paced: Paced, device: SlowDevice, clock: ManualClock, request_: Request[Any], failure: IndevoltError
) -> None:
    device.failures = [failure]
    (task,) = ask(paced, request_)
    await clock.advance(60)
    assert task.exception() is failure
    assert len(device.asked) == 1


async def test_long_silence_is_not_waited_for_again(paced: Paced, device: SlowDevice, clock: ManualClock) -> None:
    device.takes_s = 10.0
    device.failures = [NoReply("stayed silent for 10 s")]
    (task,) = ask(paced, read(1))
    await clock.advance(60)
    assert task.exception() is not None
    assert len(device.asked) == 1


async def test_a_write_need_not_wait_behind_a_reading_that_is_tried_again(
    paced: Paced, device: SlowDevice, clock: ManualClock
) -> None:
    device.failures = [NoReply("busy")]
    ask(paced, read(1))
    await clock.advance(1)
    ask(paced, WRITE)
    await clock.advance(60)
    assert device.order == [read(1), WRITE, read(1)]


async def test_jitter_differs_between_clients() -> None:
    async def retry_at(seed: int) -> float:
        clock = ManualClock()
        device = SlowDevice(clock)
        device.failures = [NoReply("busy")]
        paced = Paced(device, clock, rng=random.Random(seed))
        ask(paced, read(1))
        await clock.advance(60)
        await paced.close()
        return device.times[1]

    assert len({await retry_at(seed) for seed in range(5)}) == 5


# ---- leaving ---------------------------------------------------------------------------------------------------------


async def test_a_caller_that_leaves_the_line_is_not_asked_for(paced: Paced, device: SlowDevice, clock: ManualClock) -> None:
    _, leaving, staying = ask(paced, SysGetConfig(), read(1), read(2))
    await clock.advance(0.1)
    leaving.cancel()
    await clock.advance(60)
    assert device.order == [SysGetConfig(), read(2)]
    assert staying.result() == Data({"2": 20})


async def test_a_caller_that_leaves_while_the_device_answers_disturbs_nobody(
    paced: Paced, device: SlowDevice, clock: ManualClock
) -> None:
    leaving, staying = ask(paced, read(1), read(2))
    await clock.advance(TAKES_S / 2)
    leaving.cancel()
    await clock.advance(60)
    assert staying.result() == Data({"2": 20})
    assert leaving.cancelled()
    assert device.order == [read(1, 2)]


async def test_when_everybody_has_left_nothing_is_sent(paced: Paced, device: SlowDevice, clock: ManualClock) -> None:
    tasks = ask(paced, SysGetConfig(), read(1), WRITE)
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await clock.advance(60)
    assert device.order == []
    (late,) = ask(paced, read(1))
    await clock.advance(60)
    assert late.result() == Data({"1": 10})


async def test_closing_ends_all_waiting_with_an_error(device: SlowDevice, clock: ManualClock) -> None:
    paced = Paced(device, clock)
    answered, queued, write = ask(paced, SysGetConfig(), read(1), WRITE)
    await clock.advance(TAKES_S / 2)  # the write is under way
    await paced.close()
    await asyncio.wait([answered, queued, write])
    assert isinstance(write.exception(), NoReply)
    for task in (answered, queued):
        assert "the request was not sent" in str(task.exception())
    assert device.order == [WRITE]
    assert device.closed == 1
    with pytest.raises(InvalidInput, match="closed"):
        await paced.exchange(read(1))


async def test_closing_before_anything_began_ends_all_waiting(device: SlowDevice, clock: ManualClock) -> None:
    paced = Paced(device, clock)
    (task,) = ask(paced, read(1))
    await asyncio.sleep(0)
    await paced.close()
    await paced.close()
    with pytest.raises(IndevoltError, match="not sent"):
        await task


async def test_a_defect_in_the_transport_reaches_its_callers_and_is_over(
    paced: Paced, device: SlowDevice, clock: ManualClock
) -> None:
    device.failures = [ZeroDivisionError()]
    tasks = ask(paced, SysGetConfig(), read(1))
    await clock.advance(60)
    assert [type(task.exception()) for task in tasks] == [ZeroDivisionError, ZeroDivisionError]
    (late,) = ask(paced, read(1))
    await clock.advance(60)
    assert late.result() == Data({"1": 10})


async def test_a_caller_that_comes_the_moment_the_line_is_empty_is_served(
    paced: Paced, device: SlowDevice, clock: ManualClock
) -> None:
    async def again() -> Data:
        await paced.exchange(read(1))
        return await paced.exchange(read(2))

    task = asyncio.create_task(again())
    await clock.advance(60)
    assert task.result() == Data({"2": 20})
