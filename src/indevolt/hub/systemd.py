"""Words to systemd: ready, stopping, alive. Does nothing where the hub was not started by it."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub

READY: Final = "READY=1"
STOPPING: Final = "STOPPING=1"
ALIVE: Final = "WATCHDOG=1"


def notify(message: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Tell systemd; False where nobody listens."""
    address = environ.get("NOTIFY_SOCKET")
    if not address:
        return False
    if address.startswith("@"):  # an abstract socket
        address = "\0" + address[1:]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaker:
        speaker.sendto(message.encode(), address)
        return True
    return False


def watchdog_s(environ: Mapping[str, str] = os.environ) -> float | None:
    """Return how often systemd wants to hear that the hub is alive, half the time it allows; None where it does not."""
    allowed = environ.get("WATCHDOG_USEC", "")
    return int(allowed) / 2e6 if allowed.isdecimal() and int(allowed) > 0 else None


async def serve_watchdog(hub: Hub, environ: Mapping[str, str] = os.environ) -> None:
    """Say that the hub is alive as often as systemd wants it."""
    every_s = watchdog_s(environ)
    while every_s is not None:
        notify(ALIVE, environ)
        await hub.clock.sleep(every_s)
