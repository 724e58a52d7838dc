"""The contestants of ``poll.py``, each in a process of its own: asks for the same points again and again and counts its CPU.

Run by ``poll.py`` only; the one for ``indevolt-api`` in an environment of that package's own, so the import of a contestant stands
where it is used. All of them send ``Connection: close`` and take the whole reply.
"""

from __future__ import annotations

import argparse
import asyncio
import selectors
import socket
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from typing import Any, Protocol, TypeAlias

from side_by_side import Json, Timing, answer_questions, raise_file_limit

Target: TypeAlias = tuple[str, int]


@dataclass(frozen=True)
class Batch:
    """What a poll asks for: the same quantities by number and by name."""

    points: list[int]
    names: list[str]
    family: str


Poll: TypeAlias = Callable[[], Awaitable[Any]]
Connect: TypeAlias = Callable[[Sequence[Target], Batch, AsyncExitStack], Awaitable[list[Poll]]]

SPARE_FILES = 100  # for what a process has open besides its connections


class Contestant(Protocol):
    """Somebody who polls."""

    def prepare(self, targets: Sequence[Target], batch: Batch) -> None:
        """Make everything that a program keeps between polls, and check one reply."""

    def one_after_the_other(self, polls: int) -> None:
        """Poll the first target."""

    def all_at_once(self, cycles: int) -> None:
        """Poll every target, together."""

    def close(self) -> None:
        """Let go of everything."""


def slices(sequence: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """Cut a sequence so that each piece fits the open files that are allowed; usually it is one piece."""
    for start in range(0, len(sequence), size):
        yield sequence[start : start + size]


# ---- bare sockets ----------------------------------------------------------------------------------------------------


class BareSockets:
    """The floor: the system calls of a poll, and nothing done with the reply but to find its body."""

    def __init__(self, at_once: int) -> None:
        """Keep at most so many connections open at once."""
        self._at_once = at_once
        self._calls: list[tuple[Target, bytes]] = []

    def prepare(self, targets: Sequence[Target], batch: Batch) -> None:
        """Write the requests."""
        self._calls = [self.call(target, batch.points) for target in targets]
        self.exchange(*self._calls[0])

    def one_after_the_other(self, polls: int) -> None:
        """Poll with a blocking socket."""
        target, request = self._calls[0]
        for _ in range(polls):
            self.exchange(target, request)

    def all_at_once(self, cycles: int) -> None:
        """Poll with one selector."""
        for _ in range(cycles):
            for calls in slices(self._calls, self._at_once):
                self._exchange_all(calls)

    def close(self) -> None:
        """Nothing is kept open."""

    @staticmethod
    def call(target: Target, points: Sequence[int]) -> tuple[Target, bytes]:
        """Return where a request goes, and its bytes."""
        config = "%7B%22t%22%3A%5B" + "%2C".join(map(str, points)) + "%5D%7D"
        head = f"POST /rpc/Indevolt.GetData?config={config} HTTP/1.1\r\nHost: {target[0]}:{target[1]}\r\n"
        return target, f"{head}Content-Length: 0\r\nConnection: close\r\n\r\n".encode("ascii")

    @staticmethod
    def exchange(target: Target, request: bytes) -> None:
        """Poll once."""
        with socket.socket() as connection:
            connection.connect(target)
            connection.sendall(request)
            reply = b""
            while piece := connection.recv(65536):
                reply += piece
        BareSockets._check(reply)

    def _exchange_all(self, calls: Iterable[tuple[Target, bytes]]) -> None:
        replies: dict[socket.socket, bytes] = {}
        with selectors.DefaultSelector() as selector:
            for target, request in calls:
                connection = socket.socket()
                connection.setblocking(False)
                connection.connect_ex(target)
                replies[connection] = b""
                selector.register(connection, selectors.EVENT_WRITE, request)
            while replies:
                for key, event in selector.select():
                    connection = key.fileobj  # type: ignore[assignment]  # only sockets were registered
                    if event & selectors.EVENT_WRITE:
                        connection.send(key.data)
                        selector.modify(connection, selectors.EVENT_READ)
                    elif piece := connection.recv(65536):
                        replies[connection] += piece
                    else:
                        selector.unregister(connection)
                        connection.close()
                        self._check(replies.pop(connection))

    @staticmethod
    def _check(reply: bytes) -> None:
        head, _, body = reply.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        assert body.endswith(b"}"), body


# ---- clients on asyncio ----------------------------------------------------------------------------------------------


class Polling:
    """Any client on asyncio: ``connect`` makes one coroutine function a target, and puts on the stack what must be closed."""

    def __init__(self, connect: Connect, loop: str, at_once: int) -> None:
        """Run on an event loop of this name, with at most so many polls at once."""
        self._connect = connect
        self._open = AsyncExitStack()
        self._at_once = at_once
        self._runner = asyncio.Runner(loop_factory=loop_factory(loop))
        self._polls: list[Poll] = []

    def prepare(self, targets: Sequence[Target], batch: Batch) -> None:
        """Make the clients and look at one reply."""
        self._polls = self._runner.run(self._started(targets, batch))

    def one_after_the_other(self, polls: int) -> None:
        """Poll, wait, poll."""
        self._runner.run(self._repeat(polls))

    def all_at_once(self, cycles: int) -> None:
        """Poll in one gather."""
        self._runner.run(self._gather(cycles))

    def close(self) -> None:
        """Close the clients and the loop."""
        self._runner.run(self._open.aclose())
        self._runner.close()

    async def _started(self, targets: Sequence[Target], batch: Batch) -> list[Poll]:
        await self._open.aclose()
        polls = await self._connect(targets, batch, self._open)
        reply = await polls[0]()
        assert len(reply) == len(batch.points), f"asked for {len(batch.points)} points and got {len(reply)}"
        return polls

    async def _repeat(self, count: int) -> None:
        poll = self._polls[0]
        for _ in range(count):
            await poll()

    async def _gather(self, cycles: int) -> None:
        for _ in range(cycles):
            for polls in slices(self._polls, self._at_once):
                await asyncio.gather(*(poll() for poll in polls))


def loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """Return what makes an event loop of this name."""
    if name == "uvloop":
        import uvloop

        return uvloop.new_event_loop
    return asyncio.new_event_loop


async def connect_raw(targets: Sequence[Target], batch: Batch, _: AsyncExitStack) -> list[Poll]:
    """Return polls of our transport: raw points, as the device sends them."""
    from indevolt.protocol.messages import GetData
    from indevolt.transport import Address, HttpTransport

    def poll_of(target: Target) -> Poll:
        transport = HttpTransport(Address(*target))
        request = GetData(tuple(batch.points))

        async def poll() -> Any:
            return (await transport.exchange(request)).values

        return poll

    return [poll_of(target) for target in targets]


async def connect_indevolt_api(targets: Sequence[Target], batch: Batch, stack: AsyncExitStack) -> list[Poll]:
    """Return polls of indevolt-api; one session for all devices and no limit on its connections, which is its best case."""
    import aiohttp
    from indevolt_api import IndevoltAPI

    session = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
    names = [str(point) for point in batch.points]

    def poll_of(target: Target) -> Poll:
        client = IndevoltAPI(*target, session)
        return lambda: client.fetch_data(names)

    return [poll_of(target) for target in targets]


async def connect_reading(targets: Sequence[Target], batch: Batch, stack: AsyncExitStack) -> list[Poll]:
    """Return polls of our device as ``indevolt.connect`` opens it, with all it does: pacing (of 0 s), codecs, qualities, a Reading.

    The family is told, so that nothing is asked to find it out, and so is a batch size that lets one request be enough for a poll.
    """
    import indevolt

    async def poll_of(host: str, port: int) -> Poll:
        opening = indevolt.connect(f"{host}:{port}", model=batch.family, spacing_s=0, max_points=2 * len(batch.points))
        device = await stack.enter_async_context(opening)
        return lambda: device.read(*batch.names)

    return [await poll_of(host, port) for host, port in targets]


CONNECT: dict[str, Connect] = {"indevolt": connect_raw, "indevolt-reading": connect_reading, "indevolt-api": connect_indevolt_api}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("client", choices=["bare", *CONNECT])
    parser.add_argument("--loop", default="asyncio")
    chosen = parser.parse_args()
    at_once = max(1, raise_file_limit() - SPARE_FILES)
    contestant: Contestant = (
        BareSockets(at_once) if chosen.client == "bare" else Polling(CONNECT[chosen.client], chosen.loop, at_once)
    )

    def answer(question: Json) -> Json:
        if "targets" in question:
            targets = [(host, port) for host, port in question["targets"]]
            contestant.prepare(targets, Batch(question["points"], question["names"], question["family"]))
            return {}
        with Timing() as timing:
            if "polls" in question:
                contestant.one_after_the_other(question["polls"])
            else:
                contestant.all_at_once(question["cycles"])
        return asdict(timing)

    answer_questions(answer)
    contestant.close()


if __name__ == "__main__":
    main()
