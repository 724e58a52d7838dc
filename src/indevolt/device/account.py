"""What a lease owes: what was before, what it wrote, how often, and a journal of all of it; on disk before anything is written.

The rules are in ``indevolt.control.ledger``, the files in ``lock``. What is written, and when, is decided in ``lease``.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from indevolt.battery import Outcome, Reading, Stage, Value
from indevolt.catalogue import Write
from indevolt.clock import Clock
from indevolt.control.ledger import MODE, REALTIME_NAMES, Budget, Snapshot
from indevolt.device.lock import LeaseFile, Record, emptied
from indevolt.device.proof import PATIENCE_S
from indevolt.errors import BudgetSpent, InvalidInput, LeaseLost

if TYPE_CHECKING:
    from indevolt.device.device import Device

Hear: TypeAlias = Callable[[str, Mapping[str, Any]], None]
"""Hears of each line of the journal, as it is written: its step and its facts."""


class Account:
    """Keeps the record of one lease.

    Args:
        files: where it is kept; they hold the lock.
        record: what is there.
        clock: dates the journal, and times the ledger by its monotonic side, so that a jump of the wall clock frees no budget.
        hear: hears of each line of the journal.
    """

    def __init__(self, files: LeaseFile, record: Record, clock: Clock, hear: Hear | None) -> None:
        self.record = record
        self.files = files
        self._clock = clock
        self._hear = hear
        self._offset_s = max(clock.now().timestamp(), record.ledger.latest_s()) - clock.monotonic()
        self._sent_s = record.ledger.latest_s() if record.wrote else -math.inf  # of what the device has not been seen to show

    @property
    def _now_s(self) -> float:
        return self._offset_s + self._clock.monotonic()

    @property
    def budgets(self) -> tuple[Budget, ...]:
        """How often was written, and how often may be."""
        return self.record.ledger.budgets(self._now_s)

    @property
    def in_flight(self) -> bool:
        """Whether something that was written may still take effect, so that an old value proves nothing."""
        return self._now_s - self._sent_s < PATIENCE_S

    def spend(self, names: Iterable[str]) -> None:
        """Refuse a write that comes too soon or too often.

        Raises:
            BudgetSpent: says when it is possible.
        """
        spent = self.record.ledger.spent(names, self._now_s)
        if spent is None:
            return
        rule, wait = spent.allowance, lasting(spent.free_in_s)
        apart = f", at least {lasting(rule.apart_s)} apart" if rule.apart_s else ""
        facts = (
            f"{spent.name} was written {spent.used} times; allowed: {rule.most - rule.kept_back} in {lasting(rule.window_s)}{apart}"
        )
        raise BudgetSpent(facts, wait_s=spent.free_in_s, remedy=f"Possible in {wait}.")

    def prepare(
        self, device: Device, steps: Iterable[Write], writes: Iterable[Write], before: Reading
    ) -> Mapping[str, Value | None]:
        """Keep what is set before, and what will be, before anything is written; return what is set.

        Args:
            device: to be written to.
            steps: what will be so.
            writes: those of them that are written.
            before: a reading of just now.

        Raises:
            InvalidInput: the mode is unknown, or cannot be put back; or it cannot be kept.
            LeaseLost: the lock is gone.
        """
        wanted = {name: value for step in steps for name, value in step.wanted.items()}
        was = {name: before.value(name) for name in (*wanted, MODE, *REALTIME_NAMES) if name in before}
        if MODE in wanted:
            mode = was.get(MODE)
            if mode is None:
                raise InvalidInput("mode is unknown, so it could not be put back", remedy="Wait until the device tells its mode.")
            device.plan_write(MODE, mode)  # complains about a mode that cannot be written, before it is left
        touched = wanted if MODE not in wanted else was
        old = self.record.snapshot or Snapshot(self._clock.now(), {})
        # Others give orders that a device is documented not to take, [0, 0, 0] among them (control.md, section 0). Such a one can
        # only nearly be put back.
        cluster = before.value("cluster_role") == "master"
        kept = {
            name: device.model.nearest(name, value, cluster=cluster) if name in REALTIME_NAMES else value
            for name in touched
            if (value := was.get(name)) is not None
        }
        if was.get(REALTIME_NAMES[1]) == 0 and REALTIME_NAMES[0] in kept:
            kept[REALTIME_NAMES[0]] = "standby"  # nobody who asks for 0 W wants the least power instead
        snapshot = old.joined(kept)
        ledger = self.record.ledger
        for step in writes:
            ledger = ledger.booked(step.wanted, self._now_s).turned(step.wanted, self._now_s)
            self._sent_s = self._now_s
        surely = snapshot != self.record.snapshot
        self.keep(replace(self.record, snapshot=snapshot, wrote={**self.record.wrote, **wanted}, ledger=ledger), surely=surely)
        return was

    def alter(self, write: Write) -> None:
        """Keep what will be written to quantities whose former values are kept already.

        Raises:
            LeaseLost, InvalidInput: as for :meth:`keep`.
        """
        wrote = {**self.record.wrote, **write.wanted}
        ledger = self.record.ledger.booked(write.wanted, self._now_s).turned(write.wanted, self._now_s)
        self.keep(replace(self.record, wrote=wrote, ledger=ledger), surely=False)
        self._sent_s = self._now_s

    def book(self, name: str) -> None:
        """Count a write that puts something back; a disk that is full does not keep it from being written."""
        with suppress(InvalidInput):
            self.keep(replace(self.record, ledger=self.record.ledger.booked((name,), self._now_s)), surely=False)

    def keep(self, record: Record, *, surely: bool = True) -> None:
        """Keep another record.

        Raises:
            LeaseLost: the lock is gone, and the record is another program's now.
            InvalidInput: it cannot be kept.
        """
        if not self.files.held:
            raise LeaseLost(f"another program took over the lease of {self.files.serial}")
        self.files.save(record, surely=surely)
        self.record = record

    def close(self) -> None:
        """Owe nothing any more."""
        self.keep(emptied(self.record))

    def close_but(self, kept: Collection[str]) -> None:
        """Owe nothing any more but these settings; whoever holds the lease goes on."""
        snapshot = self.record.snapshot
        settings = {name: value for name, value in snapshot.settings.items() if name in kept} if snapshot is not None else {}
        wrote = {name: value for name, value in self.record.wrote.items() if name in kept}
        left = replace(snapshot, settings=settings) if snapshot is not None and settings else None
        self.keep(replace(self.record, snapshot=left, wrote=wrote))

    def note(self, step: str, **facts: Any) -> None:  # noqa: ANN401 - facts of any sort that JSON can carry
        """Write a line into the journal; one that cannot be written does not keep anything from being put back."""
        actor = self.record.holder.actor if self.record.holder else ""
        with suppress(InvalidInput):
            self.files.note(self._clock.now(), step, actor=actor, **facts)
        if self._hear is not None:
            self._hear(step, facts)

    async def journaled(self, what: str, work: Awaitable[Outcome], reason: str) -> Outcome:
        """Do something with a line before it and a line after it."""
        self.note("asked", what=what, reason=reason)
        try:
            outcome = await work
        except BaseException as error:
            self.note("failed", what=what, reason=reason, error=str(error) or type(error).__name__)
            raise
        if outcome.proven or outcome.stage is Stage.REFUSED:
            self._sent_s = -math.inf
        self.note(
            "wrote",
            what=what,
            reason=reason,
            stage=outcome.stage.value,
            wanted=dict(outcome.wanted),
            before=dict(outcome.before),
            shown=dict(outcome.shown),
            took_s=round(outcome.took_s, 1),
            notes=list(outcome.notes),
        )
        return outcome


def lasting(seconds: float) -> str:
    """Return a duration in words."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.0f} h"
