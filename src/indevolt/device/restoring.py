"""Putting back what was before a lease, once: what is not so is written, and then the device has to show it.

What is put back and what is left is decided in ``indevolt.control.ledger``; how often that is tried, in ``lease``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from indevolt.battery import Value
from indevolt.control.ledger import MODE, REALTIME, REALTIME_NAMES, Snapshot, restoration
from indevolt.device.account import Account
from indevolt.device.commands import readable

if TYPE_CHECKING:
    from indevolt.device.device import Device


async def put_back(device: Device, account: Account, snapshot: Snapshot, why: str) -> bool:
    """Write what is not as before, and return whether all is; then nothing is owed any more.

    Raises:
        IndevoltError: the device cannot be read or written now.
    """
    in_realtime = snapshot.settings.get(MODE) == REALTIME  # else real-time points do nothing, whatever stands there
    names = readable(device.model, (name for name in snapshot.settings if in_realtime or name not in REALTIME_NAMES))
    shown = await device.read(*names)
    wanted = restoration(snapshot, account.record.wrote, {name: shown.value(name) for name in names})
    for name, values in _together(wanted.writes):
        account.book(name)
        await device.write(name, *values)
    if wanted.writes:
        shown = await device.read(*names)
        wanted = restoration(snapshot, account.record.wrote, {name: shown.value(name) for name in names})
    if any(name in names for name in wanted.writes):
        return False
    now = {name: shown.value(name) for name in names}
    account.note("restored", why=why, before=dict(snapshot.settings), shown=now, left=dict(wanted.left))
    account.close()
    return True


def _together(writes: Mapping[str, Value]) -> Iterator[tuple[str, tuple[Value, ...]]]:
    """Yield what is written as one: the mode first, and real-time points together."""
    if MODE in writes:
        yield MODE, (writes[MODE],)
    if all(name in writes for name in REALTIME_NAMES):
        yield REALTIME_NAMES[0], tuple(writes[name] for name in REALTIME_NAMES)
    for name, value in writes.items():
        if name != MODE and name not in REALTIME_NAMES:
            yield name, (value,)
