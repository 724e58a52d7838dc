"""What people ask of one unit for a while: the override that holds, the one before it, its end, and who waits for its outcome.

It is kept in the store, so that it outlives a restart of the hub, and never its own end. How it gets to the device is ``unit``'s.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from indevolt.battery import Command, Outcome, Stage, in_words
from indevolt.control.ledger import Room
from indevolt.errors import IndevoltError, InvalidInput, Refused
from indevolt.hub.steer.chronicle import Chronicle
from indevolt.hub.steer.end import End
from indevolt.hub.steer.records import Override, Owner, Step

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub

LONGEST: Final = timedelta(hours=24)
"""The longest override; commands without an end of their own last so long (control.md, section 5, rule 7)."""


class Overrides:
    """What people ask of one unit.

    Args:
        hub: whose clock and store.
        device: the unit.
        chronicle: where it is written down.
        owner: tells who decides now.
        changed: is told what holds from now on.
    """

    def __init__(
        self,
        hub: Hub,
        device: str,
        chronicle: Chronicle,
        *,
        owner: Callable[[], Owner],
        changed: Callable[[Override | None], None],
    ) -> None:
        self.standing: Override | None = None
        self.replaced: Override | None = None
        self._hub = hub
        self._key = f"override:{device}"
        self._chronicle = chronicle
        self._owner = owner
        self._changed = changed
        self._first: dict[str, asyncio.Future[Outcome | None]] = {}
        self._ends: dict[str, End] = {}  # by id

    @property
    def left_s(self) -> float:
        """Seconds until the end of what holds, by a clock that is never set."""
        if self.standing is None:
            return float("inf")
        end = self._ends.get(self.standing.id)
        return float("-inf") if end is None else end.until_s - self._hub.clock.monotonic()

    def is_awaited(self, override: Override) -> bool:
        """Return whether somebody waits for what becomes of its first carrying out."""
        return override.id in self._first

    async def ask(
        self, command: Command, until: datetime, *, actor: str, reason: str, soc_pct: float | None, room: Room
    ) -> tuple[Override, Outcome | None]:
        """Have it hold from now on; return what became of it, None while it waits for its turn. What is refused is taken back.

        Raises:
            InvalidInput: an end that is past or too far away, or a charge that is there already.
            IndevoltError: it failed, and was taken back.
        """
        now = self._hub.clock.now()
        until = until.astimezone(self._hub.config.site.zone)  # so that it is told by the clocks of the house
        if not now < until <= now + LONGEST:
            raise InvalidInput(f"until: {until:%Y-%m-%d %H:%M %Z} is out of range", remedy="After now, and within 24 h.")
        override = Override(uuid.uuid4().hex, command, now, until, actor, reason)
        if override.reached(soc_pct, room):
            raise InvalidInput(f"soc_pct: the battery is at {soc_pct:g} % already", remedy="Choose another target.")
        first = self._first[override.id] = asyncio.get_running_loop().create_future()
        earlier, previous = self.replaced, self.standing
        self.replaced = previous
        if previous is not None and (waiting := self._first.get(previous.id)) is not None and not waiting.done():
            waiting.set_exception(Refused(f"{override.by} asked for something else in between"))
        await self._start(override)
        text = f"{in_words(override.command)} until {until:%Y-%m-%d %H:%M %Z}"
        self.tell(Step.ASKED, text, override.id)
        note = f"{override.by} asked: {text}"
        await self._chronicle.note(note, by=override.by, reason=override.reason, override=override.id)
        try:
            outcome = await asyncio.shield(first)
        except IndevoltError:
            if self._holds(override):
                self.replaced = earlier
                await self._set(previous)
            raise
        finally:
            self._first.pop(override.id, None)
        made = self.standing if self.standing is not None and self._holds(override) else override
        if outcome is not None and outcome.stage is Stage.REFUSED and self._holds(override):
            self.replaced = earlier
            await self.over(override, "the device refused it", previous)
        return made, outcome

    async def release(self, *, actor: str, undo: bool) -> None:
        """End what holds now; ``undo`` brings back the one that it replaced, if that has not ended."""
        override, replaced = self.standing, self.replaced
        if override is None:
            return
        back = replaced if undo and replaced is not None and not self._is_over(replaced) else None
        self.replaced = None
        await self.over(override, f"{actor} took it back", back, by=actor)

    def begin(self, override: Override | None, came: Outcome | IndevoltError | None) -> None:
        """Tell whoever asked what became of its first carrying out."""
        if override is None or self.standing is None or not self._holds(override):
            return
        if isinstance(came, Outcome):
            step = Step.FAILED if came.stage in (Stage.REFUSED, Stage.INTERRUPTED) else Step(came.stage.value)
            self.standing = replace(self.standing, step=step, outcome=came)
            if step is Step.FAILED or not came.proven:
                self.tell(step, "; ".join(came.notes) or came.stage.value, override.id, came)
        elif came is not None:
            self.tell(Step.FAILED, str(came), override.id)
        first = self._first.get(override.id)
        if first is not None and not first.done():
            if isinstance(came, IndevoltError):
                first.set_exception(came)
            else:
                first.set_result(came)

    def let_go(self) -> None:
        """Let nobody wait any more, as nothing is carried out now; what holds is taken up by whoever steers next."""
        for first in self._first.values():
            if not first.done():
                first.set_result(None)

    async def expire(self, soc_pct: float | None, room: Room) -> None:
        """End what holds when its time has passed, or the charge that it aims at is there."""
        override = self.standing
        if override is None:
            return
        if self._is_over(override):
            await self.over(override, "its time has passed")
        elif override.reached(soc_pct, room):
            await self.over(override, f"the charge is at {soc_pct:g} %")

    async def over(self, override: Override, why: str, following: Override | None = None, *, by: str = "hub") -> None:
        """End it, if it still holds, and go on with the following one, or with none."""
        if not self._holds(override):
            return
        await self._set(following)
        text = f"{in_words(override.command)} is over: {why}"
        await self._chronicle.note(text, by=by, override=override.id)
        self.tell(Step.ENDED, text, override.id)
        first = self._first.get(override.id)
        if first is not None and not first.done():
            first.set_result(None)

    async def recall(self) -> None:
        """Take up what was asked for before a restart, as far as it has not ended."""
        with suppress(IndevoltError):
            text = await self._hub.store.get(self._key)
            override = Override.of_text(text) if text else None
            if override is not None and override.until > self._hub.clock.now():
                override = replace(override, until=override.until.astimezone(self._hub.config.site.zone))
                await self._start(override)
                await self._chronicle.note(f"goes on after a restart: {override.why()}", by=override.by, override=override.id)
            elif override is not None:
                await self._hub.store.put(self._key, "")

    def tell(self, step: Step, text: str, override: str = "", outcome: Outcome | None = None) -> None:
        """Tell everybody how far something got."""
        self._chronicle.tell(step, text, self._owner(), override, outcome)

    def _holds(self, override: Override) -> bool:
        return self.standing is not None and self.standing.id == override.id

    def _is_over(self, override: Override) -> bool:
        end = self._ends.get(override.id)
        return end is None or end.is_over(self._hub.clock)

    async def _start(self, override: Override) -> None:
        """Have a new one hold; how long it may is decided now, and never again."""
        clock = self._hub.clock
        self._ends = {known: end for known, end in self._ends.items() if not end.is_over(clock)}
        self._ends[override.id] = End.at(override.until, clock)
        await self._set(override)

    async def _set(self, override: Override | None) -> None:
        self.standing = override
        self._changed(override)
        with suppress(IndevoltError):  # the store says so itself
            await self._hub.store.put(self._key, "" if override is None else override.text())
