"""Changing the password: sealed, sent, and tried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import indevolt
from indevolt.clock import ManualClock
from indevolt.device.password import replace_password
from indevolt.errors import IndevoltError, InvalidInput, NoReply, Refused, Unauthorized
from indevolt.protocol.messages import Request, Result, SysConfig, SysGetConfig, UserSetConfig
from indevolt.simulator import Simulator
from wiretap import Wiretap

if TYPE_CHECKING:
    from indevolt.transport import ReplyT


# ---- the password ----------------------------------------------------------------------------------------------------


async def test_the_password_is_changed_in_one_call(wire: Wiretap, simulator: Simulator, clock: ManualClock) -> None:
    simulator.access.password = "qazwsxed"
    async with indevolt.connect("sim", transport=wire, clock=clock, password="qazwsxed") as battery:
        await battery.change_password("qwertyui")
        await battery.change_password("asdfghjk")
    assert simulator.access.password == "asdfghjk"
    sent = [request for request in wire.requests if isinstance(request, UserSetConfig)]
    assert len({request.sealed.nonce for request in sent}) == 2, "a nonce is used once"
    assert all(len(request.sealed.nonce) == 12 for request in sent)


async def test_a_password_that_the_device_does_not_take_is_refused(simulator: Simulator, clock: ManualClock) -> None:
    async with indevolt.connect("sim", transport=simulator, clock=clock, password="not the one") as battery:
        with pytest.raises(Refused, match="did not take the new password"):
            await battery.change_password("qwertyui")


async def test_without_the_present_password_there_is_no_new_one(wire: Wiretap, clock: ManualClock) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        with pytest.raises(InvalidInput, match="the present password is needed"):
            await battery.change_password("qwertyui")
    assert [type(request) for request in wire.requests] == [SysGetConfig]


@pytest.mark.parametrize("new", ["", "seventeen letters", "pass\nword"])
async def test_a_password_that_cannot_be_sealed_is_refused_before_it_is_sent(wire: Wiretap, clock: ManualClock, new: str) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock, password="qazwsxed") as battery:
        with pytest.raises(InvalidInput, match="new password"):
            await battery.change_password(new)
    assert [type(request) for request in wire.requests] == [SysGetConfig]


# ---- when the reply is lost ------------------------------------------------------------------------------------------


class Scripted:
    """Answers each request with the next of some replies or errors."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.closed = False

    async def exchange(self, _: Request[ReplyT]) -> ReplyT:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        reply: ReplyT = answer
        return reply

    async def close(self) -> None:
        self.closed = True


TAKEN, NOT_TAKEN, SYSTEM = Result(result=True), Result(result=False), SysConfig({"sn": "1"})
LOST = NoReply("the line went dead")


@pytest.mark.parametrize("first", [TAKEN, LOST], ids=["answered", "reply lost"])
async def test_a_new_password_that_opens_the_device_is_changed_whatever_became_of_the_reply(first: object) -> None:
    old, new = Scripted(first), Scripted(SYSTEM)
    assert await replace_password(old, "old", "new", lambda password: new if password == "new" else old) is new
    assert (old.closed, new.closed) == (True, False)


@pytest.mark.parametrize(
    ("first", "second", "kind", "remedy"),
    [
        (TAKEN, Unauthorized(), Unauthorized, ""),
        (LOST, Unauthorized(), NoReply, "Try again with the old one"),
        (LOST, LOST, NoReply, "Try the new password first"),
        (TAKEN, LOST, NoReply, "Try the new password first"),
        (NOT_TAKEN, SYSTEM, Refused, "device key"),
        (Unauthorized(), SYSTEM, Unauthorized, ""),
    ],
)
async def test_a_password_that_is_not_proven_says_what_to_try(
    first: object, second: object, kind: type[IndevoltError], remedy: str
) -> None:
    old, new = Scripted(first), Scripted(second)
    with pytest.raises(kind) as caught:
        await replace_password(old, "old", "new", lambda _: new)
    assert type(caught.value) is kind
    assert remedy in caught.value.remedy
    assert not old.closed, "its owner closes it"
    assert new.closed or len(new.answers) == 1, "what was opened is closed, or was never opened"
