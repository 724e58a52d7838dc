"""Envelopes: a range of battery power that somebody outside asks for, such as a virtual power plant or a grid operator.

Each is signed by an issuer that the owner trusts (``[[control.issuers]]``), names this hub, and ends by itself. It ranks below
safety and people (control.md, section 5, rule 1): it can narrow what the plan does, and never takes the battery below the owner's
floor. Whoever brings it needs no right of his own, as the signature is the right. It is kept in the store, so that it outlives a
restart of the hub, and never its own end.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from indevolt.control.situation import Envelope
from indevolt.errors import IndevoltError, InvalidInput, Refused
from indevolt.hub.journal import Kind
from indevolt.hub.steer.end import End

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub

LONGEST: Final = timedelta(hours=24)  # control.md, section 5, rule 7
AHEAD: Final = timedelta(minutes=1)  # that a clock elsewhere may be fast
EVERY_HUB: Final = "*"
_KEY: Final = "steering:envelope"


@dataclass(frozen=True, slots=True)
class Signed:
    """An envelope as it comes: texts and whole watts, so that what is signed is the same in every language."""

    issuer: str
    hub: str  # the name of the hub that it is for; "*": every hub that trusts the issuer
    low_w: int  # positive: discharge
    high_w: int
    issued: str  # ISO 8601 with an offset; later than that of the one before
    until: str
    signature: str  # base64, Ed25519 over :meth:`text`

    def text(self) -> bytes:
        """Return what is signed: seven lines without an end of line at the end."""
        parts = ("indevolt envelope 1", self.issuer, self.hub, str(self.low_w), str(self.high_w), self.issued, self.until)
        return "\n".join(parts).encode()


class Envelopes:
    """The envelope that holds, if there is one."""

    def __init__(self) -> None:
        self.changed: Callable[[], None] = lambda: None  # whom it concerns
        self._last: dict[str, Signed] = {}  # by issuer; what was signed before comes too late, also once that is over or dropped
        self._held: tuple[Signed, End] | None = None
        self._taking = asyncio.Lock()  # one after another, so that each is compared with the one that came before

    def current(self, hub: Hub) -> Envelope | None:
        """Return what holds now; its end is told by the clocks of the house."""
        if self._held is None or self._held[1].is_over(hub.clock):
            return None
        held, end = self._held
        return Envelope(held.low_w, held.high_w, end.until.astimezone(hub.config.site.zone), held.issuer)

    async def take(self, hub: Hub, signed: Signed) -> None:
        """Let an envelope hold from now on, in place of an earlier one of the same issuer.

        Raises:
            InvalidInput: nobody who is trusted signed it, it is for another hub, old, over, or no range.
            Refused: that of another issuer has not ended.
            StoreUnavailable, StoreFull: it cannot be kept, so it does not hold.
        """
        _check_signature(hub, signed)
        async with self._taking:
            until = _check_times(hub, signed, self._last.get(signed.issuer))
            now = self.current(hub)
            if now is not None and now.issuer != signed.issuer:
                raise Refused(f"the envelope of {now.issuer} holds until {now.until:%H:%M %Z}")
            last = {**self._last, signed.issuer: signed}
            await hub.store.put(_KEY, _kept(signed, last))
            self._last = last
            self._held = signed, End.at(until, hub.clock)
        end = until.astimezone(hub.config.site.zone)
        text = f"{signed.issuer} asks for {signed.low_w} to {signed.high_w} W until {end:%Y-%m-%d %H:%M %Z}"
        await hub.journal.note(Kind.DECISION, text, actor=signed.issuer, issued=signed.issued)
        self.changed()

    async def drop(self, hub: Hub, *, actor: str) -> None:
        """End the one that holds: the owner wants it no more. The same one is not taken again."""
        async with self._taking:
            if (held := self.current(hub)) is None:
                return
            self._held = None
            with suppress(IndevoltError):  # the store says so itself
                await hub.store.put(_KEY, _kept(None, self._last))
        await hub.journal.note(Kind.DECISION, f"the envelope of {held.issuer} was dropped", actor=actor)
        self.changed()

    async def recall(self, hub: Hub) -> None:
        """Take up what held before a restart; what is no longer trusted, or over, does not."""
        with suppress(IndevoltError, ValueError, TypeError, KeyError):
            kept = orjson.loads(await hub.store.get(_KEY) or '{"held": "", "last": []}')
            for signed in (Signed(**each) for each in kept["last"]):
                with suppress(InvalidInput):
                    _check_signature(hub, signed)
                    self._last[signed.issuer] = signed
            if (held := self._last.get(kept["held"])) is not None:
                self._held = held, End.at(_check_times(hub, held, None), hub.clock)


def _kept(held: Signed | None, last: Mapping[str, Signed]) -> str:
    """Return what outlives a restart: whose envelope holds, and the last one of each issuer."""
    return orjson.dumps({"held": held.issuer if held else "", "last": [asdict(each) for each in last.values()]}).decode()


def _check_signature(hub: Hub, signed: Signed) -> None:
    keys: Mapping[str, str] = {each.name: each.public_key for each in hub.config.control.issuers}
    if signed.issuer not in keys:
        known = ", ".join(keys) or "nobody"
        raise InvalidInput(f"issuer: {signed.issuer!r:.60} is not trusted here", remedy=f"Trusted by [[control.issuers]]: {known}.")
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(keys[signed.issuer], validate=True))
        key.verify(base64.b64decode(signed.signature, validate=True), signed.text())
    except (InvalidSignature, binascii.Error, ValueError):
        remedy = "Sign the seven lines of docs/control.md with the key whose public half is in [[control.issuers]]."
        raise InvalidInput(f"signature: it is not {signed.issuer}'s", remedy=remedy) from None


def _check_times(hub: Hub, signed: Signed, before: Signed | None) -> datetime:
    """Return its end."""
    now = hub.clock.now()
    if signed.hub not in (hub.config.hub.name, EVERY_HUB):
        raise InvalidInput(f"hub: {signed.hub!r:.60} is another one", remedy=f"This one is {hub.config.hub.name!r}.")
    if signed.low_w > signed.high_w:
        raise InvalidInput(f"low_w: {signed.low_w} is above high_w, which is {signed.high_w}")
    issued, until = _moment("issued", signed.issued), _moment("until", signed.until)
    if issued > now + AHEAD:
        raise InvalidInput(f"issued: {signed.issued} is to come", remedy="Set the clock of whoever signs.")
    if before is not None and before.issuer == signed.issuer and issued <= _moment("issued", before.issued):
        raise InvalidInput(
            f"issued: {signed.issued} is not later than {before.issued}, which came before", remedy="Sign a new one."
        )
    if not now < until <= now + LONGEST:
        raise InvalidInput(f"until: {signed.until} is over, or more than {LONGEST.total_seconds() / 3600:g} h ahead")
    return until


def _moment(field: str, text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise InvalidInput(f"{field}: {text!r:.60} is no time with an offset", remedy="Like 2026-06-21T14:00:00+02:00.")
    return found
