"""What steering says of itself: who decides, what people asked for, and how far it got. Records only; ``unit`` does the work.

An override is kept as JSON in the store, so that it outlives a restart of the hub, and never its own end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import orjson

from indevolt.battery import Charge, Command, Discharge, Hold, Outcome, Schedule, SelfUse, in_words
from indevolt.control.decision import Decision
from indevolt.control.ledger import Room, reached
from indevolt.errors import InvalidInput


class Owner(StrEnum):
    """Who decides what the battery does now."""

    DEVICE = "device"  # itself, in the mode that was set in it: nothing is held
    USER = "user"  # a person, by an override
    FLEET = "fleet"
    PLAN = "plan"
    SELF_USE = "self_use"  # the hub's own zero-export loop
    SAFETY = "safety"
    FOREIGN = "foreign"  # another program or the app, which the hub yields to for a while


class Step(StrEnum):
    """How far an order got."""

    ASKED = "asked"
    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"
    EFFECTIVE = "effective"
    FAILED = "failed"  # refused, interrupted or never shown
    ENDED = "ended"  # the override is over: released, replaced, past its end, or the charge was reached
    RESTORED = "restored"  # what was before is back, read from the device
    CHANGED = "changed"  # something else about the steering


COMMANDS: Final[Mapping[str, type[Command]]] = {
    "charge": Charge,
    "discharge": Discharge,
    "hold": Hold,
    "self_use": SelfUse,
    "schedule": Schedule,
}


def word_of(command: Command) -> str:
    """Return the word of a command, as the API spells it."""
    return next(word for word, kind in COMMANDS.items() if type(command) is kind)


def arguments_of(command: Command) -> dict[str, int]:
    """Return what a command says beside its word."""
    return asdict(command)


def signed(command: Command | None) -> float | None:
    """Return the battery power that a command means, positive when discharging; None where the device itself decides."""
    match command:
        case Discharge(power_w=power_w):
            return float(power_w)
        case Charge(power_w=power_w):
            return -float(power_w)
        case Hold():
            return 0.0
    return None


@dataclass(frozen=True, slots=True)
class Override:
    """What a person asked for; it always ends."""

    id: str
    command: Command
    at: datetime
    until: datetime
    by: str  # as the journal calls who asked
    reason: str = ""
    step: Step = Step.ASKED
    outcome: Outcome | None = None  # of its first carrying out; not kept over a restart of the hub

    def reached(self, soc_pct: float | None, room: Room) -> bool:
        """Return whether the charge that it aims at is there, or as near as the room allows."""
        return reached(self.command, soc_pct, room)

    def why(self) -> str:
        """Return it in words."""
        text = f"{in_words(self.command)}, as {self.by} asked, until {self.until:%Y-%m-%d %H:%M %Z}"
        return f"{text}: {self.reason}" if self.reason else text

    def text(self) -> str:
        """Return it as the store keeps it."""
        return orjson.dumps(
            {
                "id": self.id,
                "command": word_of(self.command),
                "arguments": arguments_of(self.command),
                "at": self.at,
                "until": self.until,
                "by": self.by,
                "reason": self.reason,
                "step": self.step,
            }
        ).decode()

    @classmethod
    def of_text(cls, text: str) -> Override:
        """Return what the store has kept.

        Raises:
            InvalidInput: it is no override of ours.
        """
        try:
            kept: dict[str, Any] = orjson.loads(text)
            return cls(
                kept["id"],
                COMMANDS[kept["command"]](**kept["arguments"]),
                datetime.fromisoformat(kept["at"]),
                datetime.fromisoformat(kept["until"]),
                kept["by"],
                kept["reason"],
                Step(kept["step"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidInput(f"what is kept is no override: {error!r:.100}") from error


@dataclass(frozen=True, slots=True)
class Told:
    """One reason, and who gave it."""

    by: str
    text: str
    weight: str = "chosen"  # chosen, outranked, binding, slack, overruled
    otherwise: str = ""  # what would have to be different


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be done now, and everything that led to it."""

    owner: Owner
    command: Command
    why: str
    until: datetime | None = None
    reasons: tuple[Told, ...] = ()
    notes: tuple[str, ...] = ()  # what keeps it from being more
    urgent: bool = False  # safety wants it, so no budget keeps it from being written


@dataclass(frozen=True, slots=True)
class Left:
    """A unit is left to its own loop on purpose, as that does what is wanted."""

    owner: Owner  # who wants it
    why: str
    reasons: tuple[Told, ...] = ()


def outline_of(wish: Wish, decision: Decision | None) -> str:
    """Return what is done, in a word; of several units that are decided for as one, what all do, as shares of each come and go."""
    if decision is None or decision.power_w is None or len(decision.orders) < 2:
        return word_of(wish.command)
    return "hold" if decision.power_w == 0 else "discharge" if decision.power_w > 0 else "charge"
