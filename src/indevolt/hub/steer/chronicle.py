"""What steering writes down: decisions and writes into the journal of the hub, and how far orders get onto the bus.

Lines of a lease arrive from its own journal, as it writes them, and are told in the order in which they came. Adjustments of a loop
that follows the house, up to 400 an hour, are told in sum; the journal beside the lease has each of them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any, Final

from indevolt.battery import Outcome
from indevolt.device.lock import LeaseFile
from indevolt.errors import IndevoltError
from indevolt.hub.events import Steered
from indevolt.hub.journal import Kind
from indevolt.hub.steer.records import Owner, Step

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub

SUM_S: Final = 900.0  # of adjustments that are told together


class Chronicle:
    """Writes down what happens to one unit.

    Args:
        hub: whose journal and bus.
        device: the unit.
    """

    def __init__(self, hub: Hub, device: str) -> None:
        self.files: LeaseFile | None = None  # whose journal it is
        self.actor = "hub"
        """On whose behalf the lease writes now."""
        self._hub = hub
        self._device = device
        self._lines: deque[tuple[str, str, Mapping[str, Any]]] = deque()
        self._arrived = asyncio.Event()
        self._writing = asyncio.Lock()
        self._size = 0  # of the lease's journal, as far as it is written down here
        self._adjusted = 0  # and not yet summed up
        self._adjusted_since_s = 0.0

    async def run(self) -> None:
        """Write down what the lease says, as it comes, until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            await self.flush()

    def hear(self, step: str, facts: Mapping[str, Any]) -> None:
        """Take a line of the lease's journal."""
        self._lines.append((step, self.actor, facts))
        self._arrived.set()

    async def flush(self) -> None:
        """Write down everything that has come."""
        async with self._writing:
            if not self._lines:
                return
            size = self.files.journal_size() if self.files else 0
            while self._lines:
                await self._write(*self._lines.popleft())
            self._size = size
            await self._remember()

    async def catch_up(self, files: LeaseFile) -> None:
        """Write down what stands in the journal of the lease and not here: of a killed hub, of the watchdog, of scripts."""
        self.files = files
        async with self._writing:
            with suppress(IndevoltError, ValueError):
                known, _, adjusted = (await self._hub.store.get(self._key) or "0").partition(" ")
                size = files.journal_size()
                lines = files.notes(int(known) if int(known) <= size else 0)
                for line in lines:
                    with suppress(ValueError, KeyError, TypeError, AttributeError):  # of a program that writes them otherwise
                        if line["step"] != "adjusted":
                            await self._catch_up(line)
                self._size = size
                self._adjusted = int(adjusted or 0) + sum(line["step"] == "adjusted" for line in lines)
                if self._adjusted:
                    await self._tell_adjusted(f"adjusted {self._adjusted} times before that (from the lease's own journal)")
                else:
                    await self._remember()

    async def _catch_up(self, line: Mapping[str, Any]) -> None:
        facts = {name: value for name, value in line.items() if name not in ("step", "actor", "device")}
        said = sentence(line["step"], facts, self._hub.config.site.zone)
        text = f"{said} (from the lease's own journal, {line['at']:.19})"
        await self._hub.journal.note(Kind.WRITE, text, device=self._device, actor=line.get("actor", ""), step=line["step"], **facts)

    async def _remember(self) -> None:
        """Keep how far the journal of the lease is written down here, and how many adjustments of that wait for their sum."""
        with suppress(IndevoltError):  # the store says so itself; then a line stands here twice
            await self._hub.store.put(self._key, f"{self._size} {self._adjusted}")

    @property
    def _key(self) -> str:
        return f"lease-journal:{self._device}"

    async def note(self, text: str, *, by: str = "hub", **facts: Any) -> None:  # noqa: ANN401 - facts of any sort that JSON can carry
        """Write down a decision."""
        await self.flush()
        await self._hub.journal.note(Kind.DECISION, text, device=self._device, actor=by, **facts)

    def tell(self, step: Step, text: str, owner: Owner, override: str = "", outcome: Outcome | None = None) -> None:
        """Tell everybody how far something got."""
        self._hub.bus.publish(Steered(self._device, step.value, text, self._hub.clock.now(), override, owner.value, outcome))

    async def sum_up(self) -> None:
        """Write down how often was adjusted since the last time."""
        if self._adjusted:
            minutes = (self._hub.clock.monotonic() - self._adjusted_since_s) / 60
            await self._tell_adjusted(f"adjusted {self._adjusted} times in {minutes:.0f} min")

    async def _tell_adjusted(self, text: str) -> None:
        self._adjusted = 0
        await self._hub.journal.note(Kind.WRITE, text, device=self._device, step="adjusted")
        await self._remember()

    async def _write(self, step: str, actor: str, facts: Mapping[str, Any]) -> None:
        now_s = self._hub.clock.monotonic()
        if step == "adjusted":
            if not self._adjusted:
                self._adjusted_since_s = now_s
            self._adjusted += 1
            if now_s - self._adjusted_since_s >= SUM_S:
                await self.sum_up()
            return
        kind = Kind.DECISION if step in ("foreign", "restarted") else Kind.WRITE
        text = sentence(step, facts, self._hub.config.site.zone)
        await self._hub.journal.note(kind, text, device=self._device, actor=actor, step=step, **_plain(facts))
        match step:
            case "restored":
                self.tell(Step.RESTORED, text, Owner.DEVICE)
            case "not restored":
                self.tell(Step.FAILED, text, Owner.DEVICE)
            case "foreign":
                self.tell(Step.CHANGED, text, Owner.FOREIGN)


def sentence(step: str, facts: Mapping[str, Any], zone: tzinfo) -> str:
    """Return a line of a lease's journal in words, with times by the clocks of the house."""
    match step:
        case "asked":
            return f"asked for: {facts['what']}"
        case "wrote":
            return f"{facts['what']}: {facts['stage']}"
        case "adjusted":
            return f"{facts['what']}: {facts['stage']}"
        case "failed":
            return f"{facts['what']}: {facts['error']}"
        case "foreign":
            return f"somebody else wrote: {_spelled(facts['shown'])}; left alone until {_hour(facts['until'], zone)}"
        case "restarted":
            return "the device restarted and forgot what was written; it is written again"
        case "restored":
            left = f"; left as somebody else set it: {_spelled(facts['left'])}" if facts.get("left") else ""
            return f"back as before: {_spelled(facts['shown'])}{left}"
        case "taken over":
            return f"taken over from {facts['holder']}: {facts['why']}"
    return f"{step}: {facts.get('trouble', '')}"


def _spelled(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} is {value}" for name, value in values.items() if value is not None)


def _hour(at: datetime | str, zone: tzinfo) -> str:
    moment = at if isinstance(at, datetime) else datetime.fromisoformat(at)
    return f"{moment.astimezone(zone):%H:%M %Z}"


def _plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts as JSON can carry them."""
    return {
        name: value if isinstance(value, bool | int | float | str | list | dict | type(None)) else str(value)
        for name, value in facts.items()
    }
