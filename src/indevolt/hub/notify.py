"""Telling people: each alert once when it begins and once when it is over, through whatever Apprise knows.

Apprise blocks while it sends, so it works in a thread. What could not be sent is tried again, and the hub never waits for it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from apprise import Apprise, NotifyType

from indevolt.errors import InvalidInput
from indevolt.hub.events import Alert
from indevolt.hub.journal import Kind
from indevolt.hub.secret import Secret

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub

TRIES: Final = 5
FIRST_PAUSE_S: Final = 5.0  # doubles with each try: after five, two and a half minutes have passed
WAITING: Final = 200  # alerts that wait to be sent; more than that is a storm, and the oldest are dropped
BURST_S: Final = 2.0  # what begins together is told together


def receivers(urls: Sequence[Secret]) -> Apprise:
    """Return who is to be told.

    Raises:
        InvalidInput: a URL that Apprise does not know; it is not repeated, since it may hold a password.
    """
    apprise = Apprise()
    for position, url in enumerate(urls, 1):
        if not apprise.add(url.reveal()):
            raise InvalidInput(
                f"notify.urls[{position}] is no receiver that Apprise knows",
                remedy="https://github.com/caronc/apprise/wiki lists them.",
            )
    return apprise


async def send(apprise: Apprise, title: str, text: str, *, worse: bool) -> bool:
    """Send one message to all receivers; False if one of them did not take it."""
    kind = NotifyType.WARNING if worse else NotifyType.SUCCESS
    return bool(await asyncio.to_thread(apprise.notify, body=text, title=title, notify_type=kind))


async def serve_notifications(hub: Hub) -> None:
    """Tell people of alerts until cancelled."""
    apprise = receivers(hub.config.notify.urls)
    waiting: deque[Alert] = deque(maxlen=WAITING)
    with hub.bus.subscribe(Alert) as alerts:
        while True:
            waiting.append(await alerts.get())
            await hub.clock.sleep(BURST_S)
            waiting.extend(alerts.take())
            await _tell(hub, apprise, tuple(waiting))
            waiting.clear()


async def _tell(hub: Hub, apprise: Apprise, alerts: Sequence[Alert]) -> None:
    worse = any(alert.active for alert in alerts)
    title = f"{hub.config.site.name}: {_headline(alerts)}"
    text = "\n".join(f"{alert.device + ': ' if alert.device else ''}{alert.text}" for alert in alerts)
    pause_s = FIRST_PAUSE_S
    for attempt in range(1, TRIES + 1):
        if await send(apprise, title, text, worse=worse):
            return
        if attempt < TRIES:
            await hub.clock.sleep(pause_s)
            pause_s *= 2
    await hub.journal.note(Kind.HUB, f"nobody could be told of: {_headline(alerts)}")


def _headline(alerts: Sequence[Alert]) -> str:
    first = alerts[0]
    more = f" and {len(alerts) - 1} more" if len(alerts) > 1 else ""
    return f"{first.what}{'' if first.active else ' is over'}{more}"
