"""Faults on request: what goes wrong with real devices, by name.

A fault is a spec, so that a command line, a scenario file and a test say the same thing::

    NAME[:ARGUMENT][*COUNT][@PROBABILITY]          slow:2.5    status:503*2    silent@0.1    poison:POINT:silent

``*COUNT`` strikes the next so many requests that it concerns, ``@PROBABILITY`` each of them with that chance. Here is what there
is and when it strikes; what a fault does to an answer is in ``board`` (the wire) and ``device`` (values).
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from indevolt.errors import InvalidInput, NoReply, ProtocolError
from indevolt.protocol.messages import AnyRequest, GetData, PlugSetStatus, Reply, SetData, SysSetConfig, UserSetConfig
from indevolt.protocol.rpc import encode_reply


class Kind(StrEnum):
    """The names, as they stand in a spec."""

    SLOW = "slow"  # answers after so many seconds
    SILENT = "silent"  # takes the request and never answers; the request is not carried out
    RESET = "reset"  # resets the connection; the request is not carried out
    GARBAGE = "garbage"  # answers with bytes that are not HTTP
    TRUNCATED = "truncated"  # cuts the body, though the full length was announced
    HALF_JSON = "halfjson"  # a whole HTTP reply around half a JSON document
    STATUS = "status"  # answers with this HTTP status
    POISON = "poison"  # this point spoils every batch that asks for it
    REBOOT = "reboot"  # restarts: the request and whatever was not yet shown is lost
    FROZEN = "frozen"  # values stop changing, writes still say true
    IGNORE = "ignore"  # accepts writes and never shows them
    REFUSE = "refuse"  # answers writes with result: false
    LATE = "late"  # shows writes after so many seconds


FORMS: Final = (
    "slow:SECONDS",
    "silent",
    "reset",
    "garbage",
    "truncated",
    "halfjson",
    "status:CODE",
    "poison:POINT",
    "poison:POINT:silent",
    "reboot",
    "reboot:DOWN_SECONDS",
    "frozen",
    "ignore",
    "refuse",
    "late:SECONDS",
)
REBOOT_S: Final = 5.0  # down when a spec does not say; a board of this kind needs some seconds, the exact time is unknown
GARBAGE: Final = b"\x00\xff\x15\x03 this is not HTTP \xfe\r\n\r\n"  # no parser can take the first byte for a status line

_SPEC: Final = re.compile(r"(?P<name>[a-z]+)(?::(?P<argument>[^*@]+))?(?:\*(?P<count>\d+))?(?:@(?P<chance>[\d.]+))?")
_SECONDS: Final = (Kind.SLOW, Kind.LATE, Kind.REBOOT)
_NEEDS_ARGUMENT: Final = (Kind.SLOW, Kind.LATE, Kind.STATUS, Kind.POISON)
_TAKES_ARGUMENT: Final = (*_NEEDS_ARGUMENT, Kind.REBOOT)
_OF_WRITES: Final = (Kind.IGNORE, Kind.REFUSE)
_MAX_SECONDS: Final = 86_400.0  # a day; longer is a typing mistake


@dataclass(slots=True)
class Fault:
    """One fault that waits for requests."""

    spec: str
    kind: Kind
    seconds: float = 0.0  # of slow, late and reboot
    number: int = 0  # status code or point
    silent: bool = False  # a poisoned batch gets no answer instead of 400
    left: int | None = None  # requests still to strike; None: no end
    chance: float = 1.0

    def concerns(self, request: AnyRequest) -> bool:
        """Return whether a request is of the sort that this fault strikes."""
        if self.kind is Kind.POISON:
            return isinstance(request, GetData) and self.number in request.points
        if self.kind in _OF_WRITES:
            return is_write(request)
        return self.kind is not Kind.LATE or isinstance(request, SetData)


def is_write(request: AnyRequest) -> bool:
    """Return whether a request changes something, and so is answered with a result."""
    return isinstance(request, SetData | SysSetConfig | UserSetConfig | PlugSetStatus)


class Faults:
    """The faults of one device, in the order they were added."""

    __slots__ = ("_faults", "_random", "_seed")

    def __init__(self, seed: int = 1) -> None:
        self._faults: tuple[Fault, ...] = ()
        self._seed = seed
        self._random: random.Random | None = None  # kilobytes, which a device without such faults need not carry

    def __bool__(self) -> bool:
        return bool(self._faults)

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults)

    def add(self, *specs: str) -> None:
        """Add faults by their specs; none is added when one is wrong.

        Raises:
            InvalidInput: a spec has no such form.
        """
        self._faults += tuple(parse_fault(spec) for spec in specs)

    def clear(self) -> None:
        """Mend everything."""
        self._faults = ()

    def remove(self, *specs: str) -> None:
        """Mend what was added by these specs; one that is over by itself needs no mending."""
        self._faults = tuple(fault for fault in self._faults if fault.spec not in specs)

    def strike(self, request: AnyRequest) -> tuple[Fault, ...]:
        """Return the faults that hit a request, and count it against them."""
        hits: list[Fault] = []
        for fault in self._faults:
            if not fault.concerns(request) or self._is_lucky(fault):
                continue
            hits.append(fault)
            if fault.left is not None:
                fault.left -= 1
        if hits:
            self._faults = tuple(fault for fault in self._faults if fault.left != 0)
        return tuple(hits)

    def _is_lucky(self, fault: Fault) -> bool:
        if fault.chance >= 1:
            return False
        if self._random is None:
            self._random = random.Random(self._seed)
        return self._random.random() >= fault.chance


def parse_fault(spec: str) -> Fault:
    """Return the fault that a spec spells.

    A reboot without count or chance strikes once: otherwise the device would never come up again.

    Raises:
        InvalidInput: names the spec and what forms there are.
    """
    match = _SPEC.fullmatch(spec.strip().lower())
    if match is None or match["name"] not in list(Kind):
        raise _bad(spec, "no such fault")
    kind = Kind(match["name"])
    fault = Fault(spec.strip(), kind)
    if match["count"] is not None:
        fault.left = int(match["count"])
        if fault.left < 1:
            raise _bad(spec, "the count is less than 1")
    if match["chance"] is not None:
        fault.chance = _number(spec, match["chance"])
        if not 0 < fault.chance <= 1:
            raise _bad(spec, "the probability is not in 0 to 1")
    if kind is Kind.REBOOT and match["count"] is None and match["chance"] is None:
        fault.left = 1
    _read_argument(fault, match["argument"])
    return fault


def _read_argument(fault: Fault, argument: str | None) -> None:
    if argument is None:
        if fault.kind in _NEEDS_ARGUMENT:
            raise _bad(fault.spec, "something is missing after the name")
        if fault.kind is Kind.REBOOT:
            fault.seconds = REBOOT_S
        return
    if fault.kind not in _TAKES_ARGUMENT:
        raise _bad(fault.spec, f"{fault.kind} takes no argument")
    if fault.kind in _SECONDS:
        fault.seconds = _number(fault.spec, argument)
        if fault.seconds > _MAX_SECONDS:
            raise _bad(fault.spec, f"more than {_MAX_SECONDS:g} s")
        return
    number, colon, how = argument.partition(":")
    if not number.isdecimal() or (colon and (fault.kind is Kind.STATUS or how != "silent")):
        raise _bad(fault.spec, f"{argument!r} does not belong there")
    fault.number, fault.silent = int(number), bool(colon)
    if fault.kind is Kind.STATUS and not 300 <= fault.number <= 599:
        raise _bad(fault.spec, "the status is not in 300 to 599")


def _number(spec: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise _bad(spec, f"{text!r} is not a number") from None
    if not 0 <= number < float("inf"):
        raise _bad(spec, f"{text!r} is not a number of this sort")
    return number


def _bad(spec: str, why: str) -> InvalidInput:
    return InvalidInput(
        f"cannot read the fault {spec!r:.60}: {why}",
        remedy=f"Forms: {', '.join(FORMS)}; each may end in *COUNT, @PROBABILITY or both (status:503*2@0.5).",
    )


# ---- damaged replies -------------------------------------------------------------------------------------------------


class CutShort(ProtocolError):
    """The reply ends before its announced length; :attr:`raw` is what goes on the wire.

    A client on the network sees a connection that closes too early, which is :class:`~indevolt.errors.NoReply`.
    """

    def as_seen(self) -> NoReply:
        """Return what a client makes of it."""
        return NoReply(str(self))


def damage(kind: Kind, reply: Reply) -> ProtocolError:
    """Return the error that carries a spoiled form of a reply, byte for byte as it goes on the wire."""
    if kind is Kind.GARBAGE:
        return ProtocolError("fault: garbage instead of HTTP", raw=GARBAGE)
    body = encode_reply(reply)
    half = body[: len(body) // 2]
    if kind is Kind.TRUNCATED:
        return CutShort(f"fault: {len(half)} of {len(body)} bytes came", raw=_head(len(body)) + half)
    return ProtocolError(f"fault: half a JSON document: {half[:60]!r}", raw=_head(len(half)) + half)


def _head(length: int) -> bytes:
    """Return the head of a reply in the shape of real devices (protocol.md, section 3.7)."""
    return (f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n").encode(
        "ascii"
    )
