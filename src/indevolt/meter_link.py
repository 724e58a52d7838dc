"""A virtual unit's view of its meter: over the network, as real ones have it, instead of the true state of its house.

Units ask a Shelly over HTTP every 2 s, and hear what the vendor's own accessories broadcast (control.md, section 0; protocol.md,
section 6). That one would ask a Shelly in datagrams is not documented. Of the frames only a P1 reader's is published, so only that
is understood. What a unit makes of a value, and of none, is the simulator's.

Not here: meters that are asked (``shelly``, ``virtual``), and how a hub reads meters.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self, TypeAlias, cast

from indevolt.errors import InvalidInput, ProtocolError
from indevolt.protocol import push
from indevolt.protocol.jsontext import decode_object
from indevolt.simulator import Meter, Simulator
from indevolt.simulator.meter import REFRESH_S, MeterPlace, Via

REPLY_LIMIT: Final = 16 * 1024
"""Bytes of a reply; a Shelly's has some 900."""
DEADLINE_S: Final = 2.0  # for a whole reply over HTTP; the next look is due then

_PATH: Final = "/rpc/EM.GetStatus?id=0"
_FRAME: Final = '{{"id":{number},"method":"EM.GetStatus","params":{{"id":0}}}}'
_TOTAL: Final = "total_act_power"  # of a Shelly's status; of a P1 reader import alone, never negative
_RETURNED: Final = "total_act_ret_power"


class MeterLink:
    """Lets a unit go by a meter on the network while its ``async with`` lasts; then it goes by that of its site again.

    Args:
        unit: the unit; not one of a cluster, which goes by one meter together.
        place: where the meter is, and how it shows something; for frames, where to listen: port 0 takes a free one, which
            :attr:`port` tells.
        serial: of the P1 reader; by default the first that is heard.
        every_s: how often it is asked, in the unit's time; None: only when :meth:`look` is called.

    Raises:
        InvalidInput: a unit of a cluster.
    """

    def __init__(
        self,
        unit: Simulator,
        place: MeterPlace,
        *,
        serial: str | None = None,
        every_s: float | None = REFRESH_S,
    ) -> None:
        self._member = unit.site.member_of(unit.unit)
        if not self._member.is_alone:
            raise InvalidInput("a unit of a cluster has no meter of its own", remedy="The cluster goes by the meter of the home.")
        self.via = place.via
        self.port = place.port
        self.seen = 0  # values that came
        self.document: Mapping[str, Any] = {}  # that the last of them was in
        self.refused = 0  # what came and was none, over HTTP an error status among it
        self._unit = unit
        self._host = place.host
        self._serial = serial
        self._every_s = every_s
        self._asked = 0
        self._transport: asyncio.DatagramTransport | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin without a meter; the first value brings one.

        Raises:
            InvalidInput: the port for frames is taken or not allowed, or the address of the meter is none.
        """
        loop = asyncio.get_running_loop()
        place = (self._host, self.port)
        where = {Via.UDP: {"remote_addr": place}, Via.PUSH: {"local_addr": place}}.get(self.via)
        if where is not None:
            try:
                self._transport, _ = await loop.create_datagram_endpoint(lambda: _Ear(self), **cast("Any", where))
            except (OSError, OverflowError, UnicodeError) as error:
                facts = f"cannot use UDP port {self.port} of {self._host}: {getattr(error, 'strerror', None) or error}"
                remedy = "Choose another port." if self.via is Via.PUSH else "Give the address that the meter has."
                raise InvalidInput(facts, remedy=remedy) from error
            if self.via is Via.PUSH:
                self.port = self._transport.get_extra_info("sockname")[1]
        self._unit.site.advance()
        self._member.meter = Meter(online=False)
        self._unit.site.settle()
        if self._every_s is not None and self.via is not Via.PUSH:
            self._task = loop.create_task(self._keep_looking(self._every_s))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._transport is not None:
            self._transport.close()
            await asyncio.sleep(0)  # for the socket to be closed
        self._unit.site.advance()
        self._member.meter = None

    async def look(self) -> None:
        """Ask the meter once; over HTTP the answer has been taken in when this returns, a datagram comes when it comes."""
        self._asked += 1
        match self.via:
            case Via.HTTP:
                self._take_reply(await self._ask())
            case Via.UDP if self._transport is not None:
                self._transport.sendto(_FRAME.format(number=self._asked).encode())
            case _:
                pass  # frames come by themselves

    async def _keep_looking(self, every_s: float) -> None:
        while True:
            await self._unit.clock.sleep(every_s)
            await self.look()

    async def _ask(self) -> bytes:
        """Return a whole HTTP reply; what came of it where something went wrong."""
        reply = b""
        try:
            async with asyncio.timeout(DEADLINE_S):
                reader, writer = await asyncio.open_connection(self._host, self.port)
                try:
                    writer.write(f"GET {_PATH} HTTP/1.1\r\nHost: {self._host}\r\nConnection: close\r\n\r\n".encode())
                    while len(reply) < REPLY_LIMIT and (more := await reader.read(REPLY_LIMIT)):
                        reply += more
                finally:
                    writer.close()
        except (OSError, UnicodeError):  # the latter of a host that can be no name
            pass
        return reply

    # ---- what comes ----------------------------------------------------------------------------------------------------------

    def hear(self, data: bytes) -> None:
        """Take in a datagram, if it is what is waited for."""
        if self.via is Via.PUSH:
            self._take_frame(data)
        else:
            reply = _object(data)
            result = reply.get("result") if reply.get("id") == self._asked else None  # an earlier one comes too late
            self._take_status(result if isinstance(result, dict) else {})

    def _take_reply(self, reply: bytes) -> None:
        head, _, body = reply.partition(b"\r\n\r\n")
        self._take_status(_object(body) if b" 200 " in head.partition(b"\r\n")[0] else {})

    def _take_status(self, status: Mapping[str, Any]) -> None:
        self._take(status, _number(status, _TOTAL))

    def _take_frame(self, data: bytes) -> None:
        try:
            frame = push.decode(data)
        except ProtocolError:  # anybody may send there
            self.refused += 1
            return
        if self._serial in (None, frame.sn):
            self._serial = frame.sn
            taken, given = _number(frame.data, _TOTAL), _number(frame.data, _RETURNED)
            self._take(frame.data, None if taken is None or given is None else taken - given)

    def _take(self, document: Mapping[str, Any], power_w: float | None) -> None:
        if power_w is None:
            self.refused += 1
            return
        self.seen += 1
        self.document = document
        site = self._unit.site
        site.advance()
        self._member.see(power_w)
        site.settle()


Sender: TypeAlias = tuple[str, int]


class _Ear(asyncio.DatagramProtocol):
    def __init__(self, link: MeterLink) -> None:
        self._link = link

    def datagram_received(self, data: bytes, addr: Sender) -> None:  # noqa: ARG002 - a frame names its sender, a reply comes from one
        self._link.hear(data)

    def error_received(self, exc: Exception) -> None:
        """Do nothing: a meter that is not there answers nothing either."""


def _object(text: bytes) -> Mapping[str, Any]:
    try:
        return decode_object(text, "the reply of a meter")
    except ProtocolError:
        return {}


def _number(document: Mapping[str, Any], name: str) -> float | None:
    value = document.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
