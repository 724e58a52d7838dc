"""One device behind many lines: nobody waits for what somebody else asked, and who asks can be told."""

from __future__ import annotations

import asyncio

from indevolt.errors import Forbidden
from indevolt.protocol.messages import AnyRequest, Data, GetData, Reply
from indevolt.server import Call, Reception, Served, Server
from wire_oracle import ask, until

TARGET = '/rpc/Indevolt.GetData?config={"t":[1]}'


async def test_clients_are_answered_at_the_same_time() -> None:
    inside = 0
    go = asyncio.Event()

    async def slow(_: AnyRequest) -> Reply:
        nonlocal inside
        inside += 1
        await go.wait()
        return Data({"1": 1})

    server = Server(Reception(lambda _: Served(slow)))
    await server.start()
    answers = [asyncio.create_task(ask(server.port, TARGET)) for _ in range(5)]
    await until(lambda: inside == 5)
    go.set()
    assert {answer.body for answer in await asyncio.gather(*answers)} == {b'{"1":1}'}
    await server.close()


async def test_each_client_is_greeted_by_its_address() -> None:
    peers: list[str] = []

    def greet(peer: str) -> Served:
        peers.append(peer)
        return Served(lambda _: Data({"1": 1}))

    server = Server(Reception(greet))
    await server.start()
    await ask(server.port, TARGET)
    await server.close()
    assert [peer.rpartition(":")[0] for peer in peers] == ["127.0.0.1"]


async def test_a_screen_sees_who_asks_and_can_refuse() -> None:
    seen: list[tuple[str, bool]] = []

    def screen(request: AnyRequest, call: Call) -> None:
        assert request == GetData((1,))
        seen.append((call.host, call.of_browser))
        if call.of_browser:
            raise Forbidden

    server = Server(Reception(lambda _: Served(lambda _: Data({"1": 1}), screen=screen)))
    await server.start()
    plain = await ask(server.port, TARGET, headers={"Host": "battery:80"})
    statuses = [
        (await ask(server.port, TARGET, headers={"Host": "battery", **marks})).status
        for marks in ({"User-Agent": "Mozilla/5.0"}, {"Origin": "null"}, {"Sec-Fetch-Site": "none"})
    ]
    await server.close()
    assert plain.status == 200
    assert statuses == [403, 403, 403]
    assert seen == [("battery:80", False), *[("battery", True)] * 3]
