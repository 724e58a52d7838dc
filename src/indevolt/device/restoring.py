"""Putting back what was before a lease: what is not so is written, until the device shows it.

What is put back and what is left is decided in ``indevolt.control.ledger``; when that is due, in ``lease`` and ``holding``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Final

from indevolt.battery import Reading, Value
from indevolt.catalogue import Write
from indevolt.clock import Clock
from indevolt.control import load_curve
from indevolt.control.ledger import MODE, REALTIME, REALTIME_NAMES, Restoration, Snapshot, restoration
from indevolt.device.account import Account
from indevolt.device.commands import readable
from indevolt.errors import IndevoltError, InvalidInput, LeaseLost, NotRestored

if TYPE_CHECKING:
    from indevolt.device.device import Device

AGAIN_S: Final = 2.0  # between two attempts


def require_way_back(device: Device, write: Write, before: Reading) -> None:
    """Refuse a write of settings of which the device does not show, or would not take again, what is set before.

    Raises:
        InvalidInput: names the setting.
    """
    for name in write.wanted:
        value = before.value(name)
        if value is None:
            facts = f"{name} cannot be read now, so what was before could not be put back"
            raise InvalidInput(facts, remedy="Write it for good, or when the device shows it.")
        try:
            device.plan_write(name, value)
        except InvalidInput as error:
            facts = f"{name} is {value} now, which could not be put back: {error}"
            raise InvalidInput(facts, remedy="Write it for good, so that nothing has to be put back.") from error


async def put_all_back(
    device: Callable[[], Device], account: Account, clock: Clock, patience_s: float, why: str, *, but: Collection[str] = ()
) -> None:
    """Put back what was before, until the device shows it; nothing where nothing is owed.

    Args:
        device: the battery by the connection of now, which may be opened anew meanwhile.
        account: what was before.
        clock: what to wait by.
        patience_s: how long to go on trying.
        why: for the journal.
        but: settings that stay as they are, as the lease goes on.

    Raises:
        LeaseLost: another program took the lease over, and puts it back.
        NotRestored: it is not back; the record stays, so that the watchdog or the next lease tries again.
    """
    deadline_s, serial = clock.monotonic() + patience_s, account.files.serial
    while (snapshot := _without(account.record.snapshot, but)) is not None and snapshot.owed(account.record.wrote):
        if not account.files.held:
            raise LeaseLost(f"another program took over {serial}, and puts back what was before")
        try:
            if await put_back(device(), account, snapshot, why, but=but):
                return
            trouble = "what was written just now may still take effect" if account.in_flight else "the device does not show it"
        except IndevoltError as error:
            trouble = str(error)
        if clock.monotonic() + AGAIN_S > deadline_s:
            account.note("not restored", why=why, wanted=dict(snapshot.settings), trouble=trouble)
            raise NotRestored(f"{serial} is not as it was before ({_spelled(snapshot.settings)}): {trouble}")
        await clock.sleep(AGAIN_S)


def _without(snapshot: Snapshot | None, but: Collection[str]) -> Snapshot | None:
    if snapshot is None or not but:
        return snapshot
    return replace(snapshot, settings={name: value for name, value in snapshot.settings.items() if name not in but})


async def put_back(device: Device, account: Account, snapshot: Snapshot, why: str, *, but: Collection[str] = ()) -> bool:
    """Write what is not as before, and return whether all is; then nothing is owed any more.

    Raises:
        IndevoltError: the device cannot be read or written now.
    """
    in_realtime = snapshot.settings.get(MODE) == REALTIME  # else real-time points do nothing, whatever stands there
    names = readable(device.model, (name for name in snapshot.settings if in_realtime or name not in REALTIME_NAMES))
    shown = await device.read(*names)
    wanted = restoration(snapshot, account.record.wrote, {name: shown.value(name) for name in names})
    if account.in_flight and not wanted.writes and not wanted.left:
        return False  # what was under way when the lease ended may come yet, and nobody would put it back then
    for name, values in _together(wanted, snapshot.settings):
        account.book(name)
        await device.write(name, *values)
    if wanted.writes:
        shown = await device.read(*names)
        wanted = restoration(snapshot, account.record.wrote, {name: shown.value(name) for name in names})
    if any(name in names for name in wanted.writes):
        return False
    now = {name: shown.value(name) for name in names}
    account.note("restored", why=why, before=dict(snapshot.settings), shown=now, left=dict(wanted.left))
    if but:
        account.close_but(but)
    else:
        account.close()
    return True


def _together(wanted: Restoration, settings: Mapping[str, Value]) -> Iterator[tuple[str, tuple[Value, ...]]]:
    """Yield what is written as one: the mode first, real-time points together, and a load curve in as few pieces as can be."""
    writes = wanted.writes
    if MODE in writes:
        yield MODE, (writes[MODE],)
    if all(name in writes for name in REALTIME_NAMES):
        yield REALTIME_NAMES[0], tuple(writes[name] for name in REALTIME_NAMES)
    yield from _pieces(wanted, settings)
    for name, value in writes.items():
        if name != MODE and name not in REALTIME_NAMES and name not in load_curve.NAMES:
            yield name, (value,)


def _pieces(wanted: Restoration, settings: Mapping[str, Value]) -> Iterator[tuple[str, tuple[Value, ...]]]:
    """Yield the stretches of a load curve that are put back; points between that are so already are written along."""
    ours = (name in settings and name not in wanted.left for name in load_curve.NAMES)
    for is_ours, stretch in groupby(zip(ours, load_curve.NAMES, strict=True), key=lambda pair: pair[0]):
        names = [name for _, name in stretch]
        due = [number for number, name in enumerate(names) if name in wanted.writes]
        if is_ours and due:
            piece = names[due[0] : due[-1] + 1]
            yield piece[0], tuple(settings[name] for name in piece)


def _spelled(settings: Mapping[str, Value]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items() if name not in REALTIME_NAMES)
