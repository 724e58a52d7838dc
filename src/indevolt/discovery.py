"""Finding devices on the local network: ask, listen, and tell who is there.

Asking is a broadcast that every device answers whose local API is on; a device whose API is off is silent, but may still announce
itself (protocol.md, section 5). The formats are in ``protocol.discovery``; which family a device is, only ``device`` finds out.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from indevolt.clock import Clock, SystemClock
from indevolt.errors import InvalidInput, ProtocolError
from indevolt.protocol.discovery import API_PORT, PORT, REPLY_PORT, REQUEST, decode_reply, is_announcement, is_request

EVERYONE: Final = "255.255.255.255"
_AGAIN_S: Final = 1.5  # ask a second time after this, as datagrams get lost; replies take up to 1.1 s (protocol.md, section 5)
_GET_BROADCAST_ADDRESS: Final = 0x8919  # SIOCGIFBRDADDR of Linux

_Source: TypeAlias = tuple[str, int]


class Api(StrEnum):
    """Whether the local API of a device is on."""

    ON = "on"
    PROBABLY_OFF = "probably off"  # heard only by its announcement: it did not answer


@dataclass(frozen=True, slots=True)
class Found:
    """A device that was heard. Texts are empty where it did not say.

    Meters, plugs and P1 readers answer as well; the type of a device is in its Sys.GetConfig.
    """

    host: str  # where the datagram came from: the address to use
    port: int = API_PORT
    sn: str = ""
    firmware: str = ""
    reported_ip: str = ""  # what the device believes; a battery was seen to report a wrong one
    name: str = ""
    api: Api = Api.ON


def discover(
    timeout_s: float = 5.0,
    *,
    targets: Sequence[str] | None = None,
    local_port: int = REPLY_PORT,
    port: int = PORT,
    passive: bool = True,
    interface: str = "",
    clock: Clock | None = None,
) -> Discovery:
    """Look for devices; iterate over the result to get each as it answers.

    ::

        async for found in indevolt.discover():
            print(found.host, found.sn, found.api)

    Devices that only announce themselves come at the end, with ``api`` "probably off". If nothing comes at all, the local API
    of the devices is probably off: it is enabled in the INDEVOLT app.

    Args:
        timeout_s: how long to wait for answers; they take up to about 1 s.
        targets: hosts to ask instead of everyone on the networks of this machine.
        local_port: UDP port to ask from; real devices may answer to this one only, so change it for tests alone.
        port: UDP port of the devices, for asking and for announcements.
        passive: listen for announcements, too.
        interface: own address to bind to; all by default.
        clock: what to wait by.

    Raises:
        InvalidInput: a time that is not above 0.
    """
    if not timeout_s > 0:
        raise InvalidInput(f"timeout_s: {timeout_s:g} s is out of range", remedy="Answers take up to about 1 s; 5 s are usual.")
    return Discovery(timeout_s, targets, (interface, local_port), port, passive=passive, clock=clock or SystemClock())


class Discovery:
    """One search. Iterate over it; :attr:`notes` says what hampered it, such as a port that is taken."""

    def __init__(
        self,
        timeout_s: float,
        targets: Sequence[str] | None,
        local: _Source,
        port: int,
        *,
        passive: bool,
        clock: Clock,
    ) -> None:
        self.notes: list[str] = []
        self._timeout_s = timeout_s
        self._targets = targets
        self._local = local
        self._port = port
        self._passive = passive
        self._clock = clock
        self._heard: asyncio.Queue[tuple[bytes, _Source] | None] = asyncio.Queue()
        self._known: set[tuple[str, int]] = set()
        self._announced: dict[str, None] = {}

    async def __aiter__(self) -> AsyncGenerator[Found, None]:
        """Ask, and yield each device once."""
        asker = self._bind_asker()
        sockets = [asker, *self._bind_listener()]
        loop = asyncio.get_running_loop()
        ears = [(await loop.create_datagram_endpoint(lambda: _Ear(self._heard), sock=each))[0] for each in sockets]
        asking = loop.create_task(self._ask(asker))
        try:
            while (heard := await self._heard.get()) is not None:
                found = self._judge(*heard)
                if found is not None:
                    yield found
            for host in self._announced:
                if all(host != known for known, _ in self._known):
                    yield Found(host, api=Api.PROBABLY_OFF)
        finally:
            asking.cancel()
            for ear in ears:
                ear.close()
            with suppress(asyncio.CancelledError):
                await asking

    # ---- asking ------------------------------------------------------------------------------------------------------

    async def _ask(self, asker: socket.socket) -> None:
        """Ask twice, and end the search when the time is over."""
        try:
            addresses = await self._addresses()
            self._send(asker, addresses)
            if self._timeout_s > _AGAIN_S:
                await self._clock.sleep(_AGAIN_S)
                self._send(asker, addresses)
            await self._clock.sleep(self._timeout_s - (_AGAIN_S if self._timeout_s > _AGAIN_S else 0.0))
        finally:
            self._heard.put_nowait(None)

    async def _addresses(self) -> list[str]:
        if self._targets is None:
            return [EVERYONE, *await _broadcast_addresses()]
        found: list[str] = []
        for host in self._targets:
            try:
                found += await _ipv4_of(host)
            except OSError as error:
                self._note(f"{host} cannot be asked: {error.strerror or error}")
        return list(dict.fromkeys(found))

    def _send(self, asker: socket.socket, addresses: Iterable[str]) -> None:
        sent = 0
        failures: list[str] = []
        for address in addresses:
            try:
                # Past the event loop, which would swallow what goes wrong; one small datagram does not block.
                asker.sendto(REQUEST, (address, self._port))
                sent += 1
            except OSError as error:
                failures.append(f"{address}: {error.strerror or error}")
        if not sent:
            self._note(f"nothing could be sent ({'; '.join(failures) or 'nobody to ask'})")

    def _bind_asker(self) -> socket.socket:
        host, port = self._local
        asker = _udp_socket()
        try:
            asker.bind((host, port))
        except OSError as error:
            try:
                asker.bind((host, 0))
            except OSError as failure:
                asker.close()
                raise InvalidInput(f"cannot ask from {host or 'any address'}: {failure.strerror}") from failure
            self._note(
                f"UDP port {port} is taken ({error.strerror}), so another one is used; "
                "devices that answer to that port only will not be heard"
            )
        return asker

    def _bind_listener(self) -> list[socket.socket]:
        if not self._passive:
            return []
        listener = _udp_socket()
        try:
            # Shared with nobody: on a shared port, a virtual device on this machine would lose its datagrams to us.
            listener.bind((self._local[0], self._port))
        except OSError as error:
            listener.close()
            self._note(f"UDP port {self._port} is taken ({error.strerror}), so announcements are not heard")
            return []
        return [listener]

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    # ---- hearing -----------------------------------------------------------------------------------------------------

    def _judge(self, datagram: bytes, source: _Source) -> Found | None:
        """Return a device that is new; None for anything else, above all our own question."""
        host = source[0]
        if is_request(datagram):
            return None
        if is_announcement(datagram):
            self._announced[host] = None
            return None
        try:
            said = decode_reply(datagram)
            found = Found(host, said.port, said.sn, said.firmware, said.ip, said.name)
        except ProtocolError:
            if source[1] != self._port:
                return None  # not even from where devices answer
            found = Found(host)  # an answer in a format of its own is an answer
        if (found.host, found.port) in self._known:
            return None  # devices repeat their answers, and we our question
        self._known.add((found.host, found.port))
        return found


class _Ear(asyncio.DatagramProtocol):
    """Puts what arrives into the queue of the search."""

    def __init__(self, heard: asyncio.Queue[tuple[bytes, _Source] | None]) -> None:
        self._heard = heard

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._heard.put_nowait((data, addr))


def _udp_socket() -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    found.setblocking(False)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    return found


async def _ipv4_of(host: str) -> list[str]:
    infos = await asyncio.get_running_loop().getaddrinfo(host, None, family=socket.AF_INET, type=socket.SOCK_DGRAM)
    return [str(address[0]) for *_, address in infos]


async def _broadcast_addresses() -> list[str]:
    """Return the broadcast address of each network of this machine.

    ``255.255.255.255`` alone leaves by one interface, which need not be the right one where there are virtual adapters.
    """
    if sys.platform != "linux":
        return await _likely_broadcast_addresses()
    return _linux_broadcast_addresses()


async def _likely_broadcast_addresses() -> list[str]:
    with suppress(OSError):
        own = await _ipv4_of(socket.gethostname())
        # Home networks are /24; the standard library does not tell the real prefix.
        return [address.rpartition(".")[0] + ".255" for address in own if not address.startswith("127.")]
    return []


def _linux_broadcast_addresses() -> list[str]:
    import fcntl  # noqa: PLC0415 - exists on Unix only

    found: dict[str, None] = {}
    with _udp_socket() as asking:
        for _, name in socket.if_nameindex():
            with suppress(OSError):  # an interface without IPv4
                reply = fcntl.ioctl(asking, _GET_BROADCAST_ADDRESS, struct.pack("256s", name.encode()[:15]))
                found[socket.inet_ntoa(reply[20:24])] = None  # struct ifreq: name, family, port, address
    return [address for address in found if not address.startswith(("0.", "127."))]
