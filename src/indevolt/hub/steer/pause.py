"""A pause for everything that decides by itself. Overrides of people, and safety, go on.

It is kept in the store, so that it outlives a restart of the hub, and never its own end.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Final

from indevolt.errors import IndevoltError
from indevolt.hub.journal import Kind
from indevolt.hub.steer.end import End

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub

_KEY: Final = "steering:paused"


class Pause:
    """Until when nothing decides by itself."""

    def __init__(self) -> None:
        self.changed: Callable[[], None] = lambda: None  # whom it concerns
        self._end: End | None = None

    def until(self, hub: Hub) -> datetime | None:
        """Return its end; None while there is none, or it is over."""
        return None if self._end is None or self._end.is_over(hub.clock) else self._end.until

    async def set(self, hub: Hub, until: datetime | None, *, actor: str) -> None:
        """Pause until then; None, or a time that has passed: go on now."""
        was, until = self.until(hub), None if until is None or until <= hub.clock.now() else until
        self._end = None if until is None else End.at(until, hub.clock)
        self.changed()
        with suppress(IndevoltError):  # the store says so itself
            await hub.store.put(_KEY, until.isoformat() if until is not None else "")
        if (was, until) != (None, None):
            text = (
                f"automation pauses until {until.astimezone(hub.config.site.zone):%Y-%m-%d %H:%M %Z}"
                if until is not None
                else "automation goes on"
            )
            await hub.journal.note(Kind.DECISION, text, actor=actor)

    async def recall(self, hub: Hub) -> None:
        """Take up a pause from before a restart, as far as it has not ended."""
        with suppress(IndevoltError, ValueError, TypeError):  # such as a time without a zone
            if text := await hub.store.get(_KEY):
                self._end = End.at(datetime.fromisoformat(text), hub.clock)
