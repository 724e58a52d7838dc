"""Letting a program write by itself, through the gateway: never while another holds the lease, and the hub's own gives way to it.

Such a program knows no leases. What it writes is not bounded and has no end; its owner allowed that with `gateway.writes`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from indevolt.battery import Value
from indevolt.catalogue import Model
from indevolt.control.ledger import MODE, REALTIME_NAMES
from indevolt.errors import Conflict, IndevoltError, LeaseHeld
from indevolt.protocol.messages import Request, Result, SetData
from indevolt.transport import ReplyT

if TYPE_CHECKING:
    from indevolt.clock import Clock
    from indevolt.hub.steer.unit import UnitSteering


async def pass_on(unit: UnitSteering, clock: Clock, request: Request[ReplyT], send: Callable[[], Awaitable[ReplyT]]) -> ReplyT:
    """Send a write of another program, and give way to it.

    Raises:
        Conflict: another program holds the lease.
        IndevoltError: as ``send`` does.
    """
    lease, files = unit.lease, unit.files
    if lease is None:
        try:
            files.acquire(clock.now())
        except LeaseHeld as error:
            raise Conflict(str(error), remedy=error.remedy) from error
    try:
        reply = await send()
    finally:
        files.release()
    taken = isinstance(reply, Result) and reply.result
    written = ordering(unit.keeper.model, request) if taken else {}
    if lease is not None and lease is unit.lease and written:
        lease.give_way(written)
        unit.wake()
    return reply


def ordering(model: Model | None, request: object) -> Mapping[str, Value]:
    """Return what a request sets of mode and real-time points."""
    found: dict[str, Value] = {}
    if not isinstance(request, SetData) or model is None:
        return found
    for number, raw in enumerate(request.values, request.point):
        point = model.by_write.get(number)
        if point is not None and point.name in (MODE, *REALTIME_NAMES):
            side = next(each for each in point.writes if each.at == number)
            with suppress(IndevoltError):
                if (value := side.codec.decode(raw)) is not None:
                    found[point.name] = value
    return found
