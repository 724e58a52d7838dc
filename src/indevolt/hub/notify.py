"""Telling people: each alert once when it begins and once when it is over, through whatever Apprise knows.

Apprise blocks while it sends, so it works in a thread. Each receiver is told by itself: one that is away is tried again, and keeps
neither the others nor the hub waiting.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar, cast

from apprise import Apprise, NotifyType

from indevolt.errors import InvalidInput
from indevolt.hub.config import Config
from indevolt.hub.events import Alert
from indevolt.hub.journal import Kind
from indevolt.hub.secret import Secret

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub

T = TypeVar("T")

logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # what it tells has whole URLs in it, and so passwords

TRIES: Final = 5
FIRST_PAUSE_S: Final = 5.0  # doubles with each try: the fifth comes after a minute and a quarter
WAITING: Final = 200  # alerts that wait to be sent; more than that is a storm, and the oldest are dropped
BURST_S: Final = 2.0  # what begins together is told together
QUIET_S: Final = 30.0  # after a message, for what comes meanwhile to be told together as well
MOST_LINES: Final = 20  # of one message
TEST: Final = "This is a test. Whoever reads it will be told when something breaks."


@dataclass(frozen=True, slots=True)
class Receiver:
    """Somebody who is told; ``name`` says which one, and nothing that is secret in its URL."""

    name: str
    apprise: Apprise

    async def tell(self, title: str, text: str, *, worse: bool) -> bool:
        """Send a message; False if it was not taken."""
        kind = NotifyType.WARNING if worse else NotifyType.SUCCESS
        try:
            return await _in_thread(lambda: bool(self.apprise.notify(body=text, title=title, notify_type=kind)))
        except Exception:  # noqa: BLE001 - a plugin may raise anything, with secrets in its text: it was not taken
            return False


def receivers(urls: Sequence[Secret]) -> tuple[Receiver, ...]:
    """Return who is to be told.

    Raises:
        InvalidInput: a URL that Apprise does not know; it is not repeated, since it may hold a password.
    """
    found = []
    for position, url in enumerate(urls, 1):
        apprise = Apprise()
        sort = url.reveal().partition(":")[0]
        name = f"notify.urls[{position}] ({sort})"
        if not apprise.add(url.reveal()):
            raise InvalidInput(
                f"{name} is no receiver that Apprise knows", remedy="https://github.com/caronc/apprise/wiki lists them."
            )
        found.append(Receiver(name, apprise))
    return tuple(found)


async def serve_notifications(hub: Hub) -> None:
    """Tell people of alerts until cancelled."""
    told = await _in_thread(lambda: receivers(hub.config.notify.urls))  # loading all plugins takes a second
    async with asyncio.TaskGroup() as group:
        for receiver in told:
            group.create_task(_serve(hub, receiver), name=receiver.name)


async def tell_test(config: Config) -> dict[str, bool]:
    """Send a test to every receiver; return who took it.

    Raises:
        InvalidInput: there is none, or one that Apprise does not know.
    """
    if not config.notify.urls:
        raise InvalidInput("the configuration names no receiver", remedy='Set urls under [notify], like ["ntfy://my-topic"].')
    told = await _in_thread(lambda: receivers(config.notify.urls))
    taken = await asyncio.gather(*(each.tell(f"{config.site.name}: a test", TEST, worse=False) for each in told))
    return {each.name: took for each, took in zip(told, taken, strict=True)}


async def _serve(hub: Hub, receiver: Receiver) -> None:
    with hub.bus.subscribe(Alert, size=WAITING) as alerts:
        while True:
            first = await alerts.get()
            await hub.clock.sleep(BURST_S)
            await _tell(hub, receiver, (first, *alerts.take()))
            await hub.clock.sleep(QUIET_S)


async def _tell(hub: Hub, receiver: Receiver, alerts: Sequence[Alert]) -> None:
    title, worse = f"{hub.config.site.name}: {_headline(alerts)}", any(alert.active for alert in alerts)
    lines = [f"{alert.device + ': ' if alert.device else ''}{alert.text}" for alert in alerts[:MOST_LINES]]
    if len(alerts) > MOST_LINES:
        lines.append(f"and {len(alerts) - MOST_LINES} more; the journal has them all")
    pause_s = FIRST_PAUSE_S
    for attempt in range(1, TRIES + 1):
        if await receiver.tell(title, "\n".join(lines), worse=worse):
            return
        if attempt < TRIES:
            await hub.clock.sleep(pause_s)
            pause_s *= 2
    await hub.journal.note(Kind.HUB, f"{receiver.name} could not be told of: {_headline(alerts)}")


async def _in_thread(work: Callable[[], T]) -> T:
    """Do what blocks in a thread of its own, which holds up nobody's end: not that of the loop, and not that of the process."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: Exception | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(cast("T", result))
        else:
            done.set_exception(error)

    def run() -> None:
        result, raised = None, None
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - it belongs to whoever waits
            raised = error
        with suppress(RuntimeError):  # the loop has ended, and nobody waits any more
            loop.call_soon_threadsafe(settle, result, raised)

    threading.Thread(target=run, name="notification", daemon=True).start()
    return await done


def _headline(alerts: Sequence[Alert]) -> str:
    first = alerts[0]
    more = f" and {len(alerts) - 1} more" if len(alerts) > 1 else ""
    return f"{first.what}{'' if first.active else ' is over'}{more}"
