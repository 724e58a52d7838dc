"""The UDP side of a served device: it answers who asks for devices, announces itself, and broadcasts measurements.

For a fleet there is one socket as well: a reply leaves from the address of the device that gives it.

What is in a datagram is in ``protocol.discovery`` and ``protocol.push``. A device whose local API is off does not answer
(protocol.md, section 5): whoever owns the beacon says so by identifying as nobody.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias, cast

from indevolt.clock import Clock
from indevolt.errors import InvalidInput
from indevolt.protocol.discovery import PORT, Identification, encode_reply, is_request

Endpoint: TypeAlias = tuple[str, int]
"""Address and UDP port."""

EVERY_IPV4: Final = "0.0.0.0"  # noqa: S104 - broadcasts, and questions to any address of loopback, reach nobody who listens to less

REPEAT_GAP_S: Final = 0.03  # between repeated replies: real devices send up to three within 0.1 s (protocol.md, section 5)
MAX_WAITING: Final = 32  # replies that wait to be sent; whoever asks faster than that goes without

ASKED_OF_ALL: Final = ("127.255.255.255", "127.0.0.1")
"""Where a question goes to all devices of a fleet: the broadcast address of loopback, and where a single device would be."""
BURST: Final = 50  # replies at once: 40 kB of the receiver's buffer, which has some 200 kB on Linux (0.8 kB for each datagram)
BURST_GAP_S: Final = 0.01  # for the asker to read them
_PKTINFO: Final = 8  # IP_PKTINFO of Linux, which Python does not name
_PKTINFO_FORMAT: Final = "=I4s4s"  # struct in_pktinfo: interface, own address, address in the header
_DATAGRAM_BYTES: Final = 2048  # above any question


@dataclass(frozen=True, slots=True)
class Broadcast:
    """A datagram that goes out by itself, first at the start: an announcement, or a measurement of an accessory.

    ``datagram`` is called each time; None skips this one. Accessories push every 150 to 500 ms (protocol.md, section 6), how often
    devices announce themselves is not published.
    """

    datagram: Callable[[], bytes | None]
    destination: Endpoint
    period_s: float


class Beacon:
    """Makes one device visible on the network.

    Args:
        identify: returns who the device is, None while it must not be found.
        clock: what delays and periods are measured with.
        delay_s: from the question to the first reply; real devices take 0.4 to 1.1 s (protocol.md, section 5).
        repeats: how often each reply is sent, at least once.
        claimed_ip: what replies say instead of the true address, as some real ones do (protocol.md, section 5).
        broadcasts: what is sent unasked.
    """

    def __init__(
        self,
        identify: Callable[[], Identification | None],
        clock: Clock,
        *,
        delay_s: float = 0.0,
        repeats: int = 1,
        claimed_ip: str | None = None,
        broadcasts: Sequence[Broadcast] = (),
    ) -> None:
        self._identify = identify
        self._clock = clock
        self._delay_s = delay_s
        self._repeats = repeats
        self._claimed_ip = claimed_ip
        self._broadcasts = broadcasts
        self._socket: _Socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, host: str = EVERY_IPV4, port: int = PORT) -> None:
        """Listen for questions; port 0 takes a free one, which :attr:`port` tells.

        Raises:
            InvalidInput: the address is not this machine's, or the port is taken or not allowed.
        """
        loop = asyncio.get_running_loop()
        try:
            _, self._socket = await loop.create_datagram_endpoint(
                lambda: _Socket(self._answer), local_addr=(host, port), allow_broadcast=True
            )
        except (OSError, OverflowError) as error:
            raise _cannot_listen(host, port, error) from error
        for broadcast in self._broadcasts:
            self._spawn(self._repeat(self._socket, broadcast))

    @property
    def port(self) -> int:
        """The UDP port that is listened on.

        Raises:
            InvalidInput: not started, or closed.
        """
        if self._socket is None:
            raise InvalidInput("the beacon is not running")
        return self._socket.port

    async def close(self) -> None:
        """Fall silent and let go of the port; a second call does nothing."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._socket is not None:
            await self._socket.close()
            self._socket = None

    def _answer(self, sender: Endpoint) -> None:
        identification = self._identify()
        if identification is None or self._socket is None:
            return
        if self._claimed_ip is not None:
            identification = replace(identification, ip=self._claimed_ip)
        reply = encode_reply(identification)
        if self._delay_s <= 0 and self._repeats <= 1:
            self._socket.send(reply, sender)
        elif len(self._tasks) - len(self._broadcasts) < MAX_WAITING:
            self._spawn(self._send_later(self._socket, reply, sender))

    async def _send_later(self, socket: _Socket, reply: bytes, sender: Endpoint) -> None:
        await self._clock.sleep(self._delay_s)
        for count in range(self._repeats):
            if count:
                await self._clock.sleep(REPEAT_GAP_S)
            socket.send(reply, sender)

    async def _repeat(self, socket: _Socket, broadcast: Broadcast) -> None:
        while True:
            datagram = broadcast.datagram()
            if datagram is not None:
                socket.send(datagram, broadcast.destination)
            await self._clock.sleep(broadcast.period_s)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class SharedBeacon(Beacon):
    """Makes several devices visible that share an address and are told apart by their ports.

    Args:
        identify_all: returns who all of them are that may be found.
        clock: what delays are measured with.
    """

    def __init__(self, identify_all: Callable[[], Iterable[Identification]], clock: Clock) -> None:
        super().__init__(lambda: None, clock)
        self._identify_all = identify_all

    def _answer(self, sender: Endpoint) -> None:
        for identification in self._identify_all():
            if self._socket is not None:
                self._socket.send(encode_reply(identification), sender)


class _Socket(asyncio.DatagramProtocol):
    """The UDP socket; passes on who asked."""

    def __init__(self, asked: Callable[[Endpoint], None]) -> None:
        self._asked = asked
        self._closed = asyncio.get_running_loop().create_future()
        self._transport: asyncio.DatagramTransport

    @property
    def port(self) -> int:
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    def send(self, datagram: bytes, destination: Endpoint) -> None:
        self._transport.sendto(datagram, destination)

    async def close(self) -> None:
        self._transport.close()
        await self._closed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(
            "asyncio.DatagramTransport", transport
        )  # a datagram protocol is only ever given a datagram transport

    def connection_lost(self, _why: Exception | None) -> None:
        self._closed.set_result(None)

    def datagram_received(self, data: bytes, addr: Endpoint) -> None:
        if is_request(data):
            self._asked(addr)

    def error_received(self, exc: Exception) -> None:
        """Do nothing: a datagram that could not be delivered is lost like any other."""


class FleetBeacon:
    """Makes many devices visible, each at a loopback address of its own, through one socket. Linux only.

    A question sent to the address of a device is answered by that one; one sent to an address of ``ASKED_OF_ALL`` is answered by
    all, in bursts, so that a few thousand answers a second arrive. Who asks again meanwhile from the same port is not answered
    twice. Questions from other machines are not answered.

    Args:
        identify: returns who the device at an address is, None where there is none or while it must not be found.
        addresses: returns those of all devices.
        clock: what pauses between bursts are measured with; they are for a real network buffer, so in real time.
    """

    def __init__(
        self, identify: Callable[[str], Identification | None], addresses: Callable[[], Iterable[str]], clock: Clock
    ) -> None:
        self._identify = identify
        self._addresses = addresses
        self._clock = clock
        self._socket: socket.socket | None = None
        self._askers: dict[Endpoint, asyncio.Task[None]] = {}  # who is being answered by all

    async def start(self, port: int = PORT) -> None:
        """Listen for questions; port 0 takes a free one, which :attr:`port` tells.

        Raises:
            InvalidInput: the port is taken or not allowed, or this is not Linux.
        """
        require_linux(sys.platform)
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            listener.setblocking(False)
            listener.setsockopt(socket.IPPROTO_IP, _PKTINFO, 1)
            listener.bind((EVERY_IPV4, port))  # all of loopback; what comes from elsewhere is dropped
            asyncio.get_running_loop().add_reader(listener, self._read, listener)
        except (OSError, OverflowError) as error:
            listener.close()
            raise _cannot_listen(EVERY_IPV4, port, error) from error
        self._socket = listener

    @property
    def port(self) -> int:
        """The UDP port that is listened on.

        Raises:
            InvalidInput: not started, or closed.
        """
        if self._socket is None:
            raise InvalidInput("the beacon is not running")
        port: int = self._socket.getsockname()[1]
        return port

    async def close(self) -> None:
        """Fall silent and let go of the port; a second call does nothing."""
        listener, self._socket = self._socket, None
        if listener is not None:
            asyncio.get_running_loop().remove_reader(listener)
            listener.close()
        tasks = tuple(self._askers.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _read(self, listener: socket.socket) -> None:
        try:
            datagram, ancillary, _, sender = listener.recvmsg(_DATAGRAM_BYTES, socket.CMSG_SPACE(struct.calcsize(_PKTINFO_FORMAT)))
        except OSError:  # nothing there after all, or news of a datagram that was lost
            return
        asked = _asked_address(ancillary)
        if not is_request(datagram) or not all(each.startswith("127.") for each in (asked, sender[0])):
            return
        if asked not in ASKED_OF_ALL:
            self._answer(listener, asked, sender)
        elif sender not in self._askers and len(self._askers) < MAX_WAITING:
            task = asyncio.get_running_loop().create_task(self._answer_all(listener, sender))
            self._askers[sender] = task
            task.add_done_callback(lambda _: self._askers.pop(sender))

    async def _answer_all(self, listener: socket.socket, sender: Endpoint) -> None:
        for count, address in enumerate(self._addresses()):
            if count and count % BURST == 0:
                await self._clock.sleep(BURST_GAP_S)
            self._answer(listener, address, sender)

    def _answer(self, listener: socket.socket, address: str, sender: Endpoint) -> None:
        identification = self._identify(address)
        if identification is None:
            return
        source = struct.pack(_PKTINFO_FORMAT, 0, socket.inet_aton(address), bytes(4))
        with suppress(OSError):  # a datagram that cannot be sent is lost like any other
            listener.sendmsg([encode_reply(identification)], [(socket.IPPROTO_IP, _PKTINFO, source)], 0, sender)


def require_linux(platform: str) -> None:
    """Check that one socket can answer from many addresses, and that all of 127.0.0.0/8 is this machine.

    Raises:
        InvalidInput: not on this platform (a value of ``sys.platform``).
    """
    if platform != "linux":
        raise InvalidInput(
            f"a fleet that can be discovered needs Linux, this is {platform}",
            remedy="Run it on Linux, be it in a container, or go without discovery.",
        )


def _asked_address(ancillary: Iterable[tuple[int, int, bytes]]) -> str:
    """Return the address that a datagram was sent to, empty if the system did not say."""
    for level, kind, data in ancillary:
        if (level, kind) == (socket.IPPROTO_IP, _PKTINFO):
            return socket.inet_ntoa(struct.unpack(_PKTINFO_FORMAT, data)[2])
    return ""


def _cannot_listen(host: str, port: int, error: Exception) -> InvalidInput:
    return InvalidInput(
        f"cannot listen on UDP port {port} of {host}: {getattr(error, 'strerror', None) or error}",
        remedy="Another virtual device or a discovery tool may have it: choose another port, or go without discovery.",
    )
