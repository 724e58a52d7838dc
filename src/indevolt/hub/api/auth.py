"""Who asks, and what they may do: tokens with roles, and reading for programs on this machine.

Tokens are verified by their scrypt hash once, and recognized by a SHA-256 of themselves from then on, which is kept in memory only.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, TypeAlias

from fastapi import Depends
from fastapi.routing import APIRoute
from starlette.requests import Request

from indevolt.clock import Clock
from indevolt.errors import IndevoltError
from indevolt.hub.api.problems import Declined
from indevolt.hub.config import TokenConfig
from indevolt.hub.rates import Rates
from indevolt.hub.tokens import Role, name_in, verify_token
from indevolt.store import Store

LONGEST_TOKEN: Final = 200  # characters: above any that we make
KEEP_USE_S: Final = 600.0  # between two notes of one token in the store
WRONG_PER_MINUTE: Final = 10  # wrong tokens of one peer; a person mistypes twice, a guesser gets nowhere
HOW_TO: Final = "Send `Authorization: Bearer TOKEN`; `indevolt hub token NAME --role ROLE` makes a token."


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks."""

    name: str  # of the token; empty for a program on this machine without one
    role: Role

    @property
    def actor(self) -> str:
        """What the journal calls it."""
        return f"api {self.name}".rstrip()


class Tokens:
    """Tells callers by their tokens."""

    def __init__(self, tokens: Sequence[TokenConfig], clock: Clock, store: Store) -> None:
        self._tokens = {token.name: token for token in tokens}
        self._store = store
        self._used: dict[str, datetime] = {}
        self._kept_s: dict[str, float] = {}
        self._keeping: set[asyncio.Task[None]] = set()
        self._clock = clock
        self._known: dict[bytes, Caller] = {}
        self._wrong = Rates(WRONG_PER_MINUTE, burst=WRONG_PER_MINUTE)
        self._verifying = asyncio.Semaphore(1)  # each takes 4 MiB and 10 ms of a core

    async def caller(self, authorization: str | None, peer: str, *, nearby: bool) -> Caller:
        """Return who asks.

        Args:
            authorization: the header of that name, if there is one.
            peer: address of the other end.
            nearby: it is on this machine.

        Raises:
            Declined: 401 without a token from elsewhere, or with one that is wrong; 429 after too many wrong ones.
        """
        if authorization is None:
            if nearby:
                return Caller("", Role.READ)
            raise unauthorized("a token is needed from other machines")
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not 0 < len(token.strip()) <= LONGEST_TOKEN:
            raise unauthorized("the header Authorization holds no bearer token")
        token = token.strip()
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        known = self._known.get(digest) or await self._verify(token, digest, peer)
        self._note_use(known.name)
        return known

    async def last_used(self, name: str) -> datetime | None:
        """Return when a token was last used; None for never, and where nobody knows."""
        if name in self._used:
            return self._used[name]
        with suppress(IndevoltError):  # the store says so itself
            if text := await self._store.get(f"token:{name}"):
                return datetime.fromisoformat(text)
        return None

    def _note_use(self, name: str) -> None:
        """Remember that a token was used, now and then in the store as well, which nobody waits for."""
        self._used[name] = self._clock.now()
        now_s = self._clock.monotonic()
        if now_s - self._kept_s.get(name, -KEEP_USE_S) >= KEEP_USE_S:
            self._kept_s[name] = now_s
            task = asyncio.create_task(self._keep_use(name))
            self._keeping.add(task)
            task.add_done_callback(self._keeping.discard)

    async def _keep_use(self, name: str) -> None:
        with suppress(IndevoltError):
            await self._store.put(f"token:{name}", self._used[name].isoformat())

    async def _verify(self, token: str, digest: bytes, peer: str) -> Caller:
        async with self._verifying:  # one look at the count at a time: guesses that come at once are counted like others
            wait_s = self._wrong.wait_s(peer, self._clock.monotonic())
            if wait_s:
                raise too_many("too many wrong tokens from here", wait_s)
            kept = self._tokens.get(name_in(token))
            if kept is not None and await asyncio.to_thread(verify_token, token, kept.hash.reveal()):
                caller = self._known[digest] = Caller(kept.name, kept.role)
                return caller
            self._wrong.take(peer, self._clock.monotonic())
        raise unauthorized("this token is not known here")


def unauthorized(detail: str) -> Declined:
    """Return the answer to whom we do not know."""
    return Declined(401, detail, kind="token-wanted", remedy=HOW_TO, headers={"www-authenticate": 'Bearer realm="indevolt"'})


def too_many(detail: str, wait_s: float) -> Declined:
    """Return the answer to who asks too often."""
    after_s = max(1, math.ceil(wait_s))
    headers = {"retry-after": str(after_s)}
    return Declined(429, detail, remedy=f"Try again in {after_s} s.", transient=True, headers=headers)


def caller_of(request: Request) -> Caller:
    """Return who asks, as the gate found out."""
    caller = request.scope.get("caller")
    if not isinstance(caller, Caller):  # a defect: the gate stands before every route
        raise unauthorized("nobody knows who asks")
    return caller


async def a_reader(request: Request) -> Caller:
    """Let everybody in whom the gate let in."""
    return require(caller_of(request), Role.READ)


async def a_controller(request: Request) -> Caller:
    """Let in who may control devices."""
    return require(caller_of(request), Role.CONTROL)


async def an_admin(request: Request) -> Caller:
    """Let in who may see how the hub is set up."""
    return require(caller_of(request), Role.ADMIN)


def require(caller: Caller, needed: Role) -> Caller:
    """Return a caller who has a role.

    Raises:
        Declined: 401 without a token, 403 with one of too low a role.
    """
    if caller.role.includes(needed):
        return caller
    if not caller.name:
        raise unauthorized(f"this needs a token with the role {needed}")
    remedy = f"`indevolt hub token NAME --role {needed}` makes a token that may."
    raise Declined(403, f"the token {caller.name} has the role {caller.role}; this needs {needed}", remedy=remedy)


Reader: TypeAlias = Annotated[Caller, Depends(a_reader)]
Controller: TypeAlias = Annotated[Caller, Depends(a_controller)]
Admin: TypeAlias = Annotated[Caller, Depends(an_admin)]
READERS: Final = [Depends(a_reader)]
ADMINS: Final = [Depends(an_admin)]
_GRANTED: Final[Mapping[object, Role]] = {a_reader: Role.READ, a_controller: Role.CONTROL, an_admin: Role.ADMIN}


def role_for(route: APIRoute) -> Role | None:
    """Return the role that a route asks for; None: it asks for none."""
    asked = {_GRANTED.get(each.call) for each in route.dependant.dependencies}
    return next((role for role in reversed(Role) if role in asked), None)
