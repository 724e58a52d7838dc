"""Settings and commands that come over the broker: read strictly, not too many, carried to their end, each with an outcome.

Who sent a message is not known here: the broker lets in whom it lets in. So the owner of the hub decides per device whether
anything is written at all, and a retained message, which may be from last winter, is never carried out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from indevolt.battery import Charge, Command, Discharge, Hold, Outcome, Schedule, SelfUse, Value
from indevolt.errors import IndevoltError, InvalidInput, ReadOnly
from indevolt.hub.journal import Kind
from indevolt.hub.mqtt.topics import Asked, Topics, plain, plain_all
from indevolt.hub.rates import Rates

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub

ACTOR: Final = "mqtt"
PER_MINUTE: Final = 30  # settings and commands for one device
BURST: Final = 10
LONGEST: Final = 2048  # bytes of a payload
LONGEST_TEXT: Final = 200  # of an id or a reason
LEAVE_S: Final = 2.0  # for what is under way when the hub stops
_SIMPLE: Final[Mapping[str, Command]] = {"self_use": SelfUse(), "schedule": Schedule(), "hold": Hold()}
_MOVING: Final[Mapping[str, type[Charge | Discharge]]] = {"charge": Charge, "discharge": Discharge}


@dataclass(frozen=True, slots=True)
class Order:
    """What a message asks for: a setting with its values, or a command. ``mark`` is the sender's own id for it."""

    what: str
    values: tuple[Value, ...] = ()
    command: Command | None = None
    mark: str = ""
    reason: str = ""


def read_setting(name: str, payload: bytes) -> Order:
    """Return what a message to a setting asks for: ``20``, or ``{"value": 20, "id": "7", "reason": "storm"}``.

    Raises:
        InvalidInput: it cannot be understood.
    """
    text = _text(payload)
    if not text.startswith("{"):
        return Order(name, (text,))
    fields = _fields(text, "value", "values")
    values = fields.get("values", [fields.get("value")])
    if ("value" in fields) == ("values" in fields) or not isinstance(values, list) or not values:
        raise InvalidInput(f"{name}: no value", remedy='Send 20, or {"value": 20}, or {"values": [1, 2]} for points in a row.')
    if not all(isinstance(value, bool | int | float | str) for value in values):
        raise InvalidInput(f"{name}: a value is a number, a word, true or false")
    return Order(name, tuple(values), mark=_own_text(fields, "id"), reason=_own_text(fields, "reason"))


def read_command(payload: bytes) -> Order:
    """Return what a command asks for: ``hold``, or ``{"command": "charge", "power_w": 800, "soc_pct": 80}``.

    Raises:
        InvalidInput: it cannot be understood.
    """
    text = _text(payload)
    fields: dict[str, Any] = _fields(text, "command", "power_w", "soc_pct") if text.startswith("{") else {"command": text}
    word = fields.get("command")
    mark, reason = _own_text(fields, "id"), _own_text(fields, "reason")
    numbers: dict[str, int] = {name: fields[name] for name in ("power_w", "soc_pct") if name in fields}
    for name, number in numbers.items():
        if type(number) is not int:
            raise InvalidInput(f"{name}: {number!r:.40} is no whole number")
    if isinstance(word, str) and word in _SIMPLE:
        if numbers:
            raise InvalidInput(f"{word} takes no {', '.join(numbers)}")
        return Order(word, command=_SIMPLE[word], mark=mark, reason=reason)
    if isinstance(word, str) and word in _MOVING:
        if "power_w" not in numbers:
            raise InvalidInput(f"{word} without power_w", remedy='Send {"command": "charge", "power_w": 800, "soc_pct": 80}.')
        return Order(word, command=_MOVING[word](**numbers), mark=mark, reason=reason)
    raise InvalidInput(f"no command {word!r:.40}", remedy=f"Commands: {', '.join([*_SIMPLE, *_MOVING])}.")


class Orders:
    """Carries out what is asked for.

    Args:
        hub: whose keepers write.
        topics: where outcomes go.
        publish: sends an outcome; it may get lost with the broker, the journal has it all the same.
    """

    def __init__(self, hub: Hub, topics: Topics, publish: Callable[[str, bytes], Awaitable[None]]) -> None:
        self._hub = hub
        self._topics = topics
        self._publish = publish
        self._rates = Rates(PER_MINUTE, BURST)
        self._running: set[asyncio.Task[None]] = set()
        self._ignored: set[str] = set()  # topics with a retained message that was noted

    async def take(self, asked: Asked, topic: str, payload: bytes, *, retained: bool) -> None:
        """Take in a message; what becomes of it is published later."""
        if retained:
            if payload and topic not in self._ignored and len(self._ignored) < BURST:
                self._ignored.add(topic)
                text = f"ignored a retained message on {topic:.100}: what was meant then may do harm now"
                await self._hub.journal.note(Kind.WRITE, text, actor=ACTOR, step="ignored")
            return
        known = asked.device if asked.device in self._hub.keepers else ""
        wait_s = self._rates.take(known, self._hub.clock.monotonic())
        if wait_s:
            what = asked.name or "command"
            await self._refuse(asked, Order(what), InvalidInput(f"too many for this device; wait {wait_s:.0f} s"))
            return
        task = asyncio.get_running_loop().create_task(self._carry_out(asked, payload))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def close(self) -> None:
        """Wait a moment for what is under way, then give it up; the journal has its beginning."""
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=LEAVE_S)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _carry_out(self, asked: Asked, payload: bytes) -> None:
        order = Order(asked.name or "command")
        try:
            order = read_setting(asked.name, payload) if asked.name else read_command(payload)
            keeper = self._hub.keeper(asked.device)
            if order.command is not None:
                outcome = await keeper.command(order.command, actor=ACTOR, reason=order.reason)
            else:
                outcome = await keeper.write(order.what, *order.values, actor=ACTOR, reason=order.reason)
        except IndevoltError as error:
            await self._refuse(asked, order, error)
        else:
            await self._tell(asked.device, order, told(outcome))

    async def _refuse(self, asked: Asked, order: Order, error: IndevoltError) -> None:
        """Say that nothing was sent (rejected), or that nobody knows or the device is away (failed)."""
        stage = "rejected" if isinstance(error, InvalidInput | ReadOnly) else "failed"
        await self._tell(asked.device, order, {"stage": stage, "notes": [], "error": str(error), "remedy": error.remedy})

    async def _tell(self, device: str, order: Order, facts: Mapping[str, Any]) -> None:
        at = plain(self._hub.clock.now())
        payload = orjson.dumps({"id": order.mark, "asked": order.what, "at": at, **facts})
        await self._publish(self._topics.outcome(device), payload)


def told(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as it is published."""
    return {
        "stage": outcome.stage.value,
        "proven": outcome.proven,
        "wanted": plain_all(outcome.wanted),
        "before": plain_all(outcome.before),
        "shown": plain_all(outcome.shown),
        "took_s": round(outcome.took_s, 1),
        "notes": list(outcome.notes),
    }


def _text(payload: bytes) -> str:
    if len(payload) > LONGEST:
        raise InvalidInput(f"{len(payload)} bytes are too many; at most {LONGEST}")
    try:
        text = payload.decode().strip()
    except UnicodeDecodeError:
        raise InvalidInput("this is no text") from None
    if not text:
        raise InvalidInput("the message is empty")
    return text


def _fields(text: str, *names: str) -> dict[str, Any]:
    try:
        fields = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"this is no JSON: {error}") from None
    if not isinstance(fields, dict):
        raise InvalidInput("this is no JSON object")
    allowed = (*names, "id", "reason")
    if strange := [name for name in fields if name not in allowed]:
        raise InvalidInput(f"unknown field {strange[0]!r:.40}", remedy=f"Fields: {', '.join(allowed)}.")
    return fields


def _own_text(fields: Mapping[str, Any], name: str) -> str:
    text = fields.get(name, "")
    if not isinstance(text, str | int) or len(str(text)) > LONGEST_TEXT:
        raise InvalidInput(f"{name}: a text of at most {LONGEST_TEXT} characters")
    return str(text)
