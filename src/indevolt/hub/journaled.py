"""A write with its lines in the journal: that it was asked for, by whom and why, and what became of it.

For devices that are not steered; what a steered one is told is written down by its lease.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from indevolt.battery import Outcome, Value
from indevolt.errors import IndevoltError
from indevolt.hub.journal import Journal, Kind


async def journaled(
    journal: Journal, device: str, what: str, work: Callable[[], Awaitable[Outcome]], *, actor: str, reason: str
) -> Outcome:
    """Do some work on a device, with a line before and a line after it.

    Raises:
        IndevoltError: whatever the work raises; the journal has it then.
    """
    try:
        begun = await journal.note(Kind.WRITE, f"asked for: {what}", device=device, actor=actor, reason=reason, step="asked")
        outcome = await work()
    except IndevoltError as error:
        facts = {"error": str(error), "reason": reason, "step": "failed"}
        await journal.note(Kind.WRITE, f"{what}: {error}", device=device, actor=actor, **facts)
        raise
    ended: dict[str, Any] = {
        "asked": begun.number,
        "stage": outcome.stage.value,
        "wanted": _plain(outcome.wanted),
        "before": _plain(outcome.before),
        "shown": _plain(outcome.shown),
        "took_s": round(outcome.took_s, 1),
        "notes": list(outcome.notes),
        "reason": reason,
        "step": "ended",
    }
    await journal.note(Kind.WRITE, f"{what}: {outcome.stage}", device=device, actor=actor, **ended)
    return outcome


def _plain(values: Mapping[str, Value | None]) -> dict[str, Any]:
    """Return values as JSON can carry them."""
    return {name: value if isinstance(value, bool | int | float | str | None) else str(value) for name, value in values.items()}
