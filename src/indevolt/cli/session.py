"""From options to a connected device, and back to an exit code.

Which requests a command makes is the command's business; reconnecting with a password that had to be asked for is done here.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

import click

from indevolt.cli.options import Link
from indevolt.cli.screen import waiting
from indevolt.clock import Clock, SystemClock
from indevolt.device import Device, connect
from indevolt.device.signals import ending_on_signals
from indevolt.errors import Unauthorized
from indevolt.protocol.discovery import PORT, REPLY_PORT

T = TypeVar("T")
SPACING_S: Final = 1.0  # the least that the vendor allows between two requests (protocol.md, section 7)


@dataclass(frozen=True, slots=True)
class Environment:
    """What the program takes from outside besides its arguments; tests bring their own."""

    clock: Clock = field(default_factory=SystemClock)
    spacing_s: float = SPACING_S
    discovery_port: int = PORT
    discovery_local_port: int = REPLY_PORT


def environment() -> Environment:
    """Return what the running command was given, else the real ones."""
    found = click.get_current_context().find_object(Environment)
    return Environment() if found is None else found


def open_device(link: Link, given: Environment) -> AbstractAsyncContextManager[Device]:
    """Return the connection that the options describe, to be entered."""
    return connect(
        link.host,
        password=link.password,
        model=link.model,
        modules=link.modules,
        clock=given.clock,
        deadline_s=link.timeout_s,
        spacing_s=given.spacing_s,
        ca_file=link.ca_file,
        fingerprint=link.fingerprint,
    )


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the fastest loop there is; Ctrl-C ends it cleanly, and so does being told to end."""

    async def ending() -> T:
        with ending_on_signals():
            return await main

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(ending())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # an extra of its own, and slow to import where it is not needed
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def with_device(link: Link, action: Callable[[Device], Awaitable[T]], *, doing: str, quiet: bool = False) -> T:
    """Connect, do something, hang up; the terminal shows meanwhile what is being done, unless it is to be quiet."""
    given = environment()

    async def session(chosen: Link) -> T:
        async with open_device(chosen, given) as device:
            return await action(device)

    return with_password(link, session, doing=doing, quiet=quiet)


def with_password(link: Link, session: Callable[[Link], Awaitable[T]], *, doing: str, quiet: bool = False) -> T:
    """Run a session; where the device wants a password and a person is there, ask for it and run the session again.

    The second run starts from the beginning. Nothing was done in the first one, because the device served nothing.
    """

    async def attempt(chosen: Link) -> T:
        return await session(chosen)

    try:
        with waiting(doing, quiet=quiet):
            return asyncio.run(attempt(link))
    except Unauthorized:
        if link.password is not None or not sys.stdin.isatty():
            raise
    password = click.prompt(f"Password of {link.host}", hide_input=True, err=True)
    with waiting(doing, quiet=quiet):
        return asyncio.run(attempt(replace(link, password=password)))
