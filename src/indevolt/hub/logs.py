"""What the hub tells on its standard error: one line an event, as text or as JSON. Secrets are never among it.

The journal is what is kept; this is for whoever watches the process, and for journald.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from indevolt.hub.config import LogConfig
from indevolt.hub.events import Noted
from indevolt.hub.journal import Kind

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub

LOGGER: Final = logging.getLogger("indevolt")
_FIELDS: Final = ("device", "actor", "kind")


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        device = getattr(record, "device", "")
        where = f"{device}: " if device else ""
        told = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in record.getMessage())
        at = datetime.fromtimestamp(record.created, UTC)
        text = f"{at:%Y-%m-%d %H:%M:%SZ} {record.levelname.lower():<7} {where}{told}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        document = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "text": record.getMessage(),
            **{name: value for name in _FIELDS if (value := getattr(record, name, ""))},
        }
        if record.exc_info:
            document["trace"] = self.formatException(record.exc_info)
        return json.dumps(document, ensure_ascii=False)


def set_up(config: LogConfig) -> None:
    """Let the hub's own lines go to the standard error, in the form that the configuration asks for."""
    speaker = logging.StreamHandler(sys.stderr)
    speaker.setFormatter(_Json() if config.as_json else _Text())
    LOGGER.handlers[:] = [speaker]
    LOGGER.setLevel(config.level.upper())
    LOGGER.propagate = False


async def serve_log(hub: Hub) -> None:
    """Tell every journal entry until cancelled."""
    with hub.bus.subscribe(Noted, size=10_000) as noted:
        async for event in noted:
            entry = event.entry
            begins = entry.kind == Kind.ALERT and entry.data.get("active")
            level = logging.WARNING if begins or entry.kind == Kind.STORE else logging.INFO
            LOGGER.log(level, entry.text, extra={"device": entry.device, "actor": entry.actor, "kind": entry.kind})
