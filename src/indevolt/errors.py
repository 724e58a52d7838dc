"""The error family: everything this package raises on purpose.

::

    IndevoltError
    ├── InvalidInput       what was asked makes no sense; nothing was sent            exit 2
    │   └── NoSuchDevice   ... as the hub has no device of that name                   exit 2
    ├── Unreachable        no route, no name, connection refused                       exit 3  transient
    ├── NoReply            connected, but the answer never came whole                  exit 4  transient
    ├── ProtocolError      bytes that are not OpenData                                 exit 5
    ├── StatusError        the device answered with an HTTP error (14 kinds below)     exit 6
    │   └── Unauthorized   ... and 401 in particular                                   exit 7
    ├── UnknownModel       no family, or more than one, fits the evidence              exit 8
    ├── Refused            the device said result: false                               exit 9
    ├── Unconfirmed        accepted, but the read side or the power never showed it    exit 10
    ├── FirmwareTooOld     below the vendor's minimum for this API                     exit 11
    ├── ReadOnly           the owner did not allow the hub to write to this device     exit 12
    ├── StoreUnavailable   history cannot be reached or opened now                     exit 13  transient
    ├── StoreDamaged       history that is not ours, or cannot be read                 exit 14
    ├── StoreFull          no room is left for history, not even in memory             exit 15  transient
    ├── LeaseHeld          another program steers this device now                      exit 16  transient
    │   └── ForeignWriter  ... or the app, or something that knows no leases           exit 16  transient
    ├── LeaseLost          the lease ended, or somebody took it over                   exit 17
    ├── NotRestored        a lease ended, and what was before it is not back           exit 18
    └── BudgetSpent        written so often that it has to wait                        exit 19  transient

Each error carries its facts in ``args[0]``, what to do next in :attr:`IndevoltError.remedy`, whether trying again may help in
:attr:`IndevoltError.transient`, and the exit code that the command line uses. Foreign exceptions are translated once, where the
foreign code is called.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar, Final


class IndevoltError(Exception):
    """Base of the family; ``str(error)`` is the facts, :attr:`remedy` the next step."""

    exit_code: ClassVar[int] = 1
    transient: ClassVar[bool] = False
    default_remedy: ClassVar[str] = ""

    def __init__(self, facts: str, *, remedy: str | None = None) -> None:
        super().__init__(facts)
        self.remedy = self.default_remedy if remedy is None else remedy


class InvalidInput(IndevoltError, ValueError):
    """What was asked makes no sense for this device; nothing was sent."""

    exit_code = 2


class NoSuchDevice(InvalidInput):
    """The hub has no device of that name."""


class Unreachable(IndevoltError):
    """No connection: no route, no such name, refused, or TLS that does not fit."""

    exit_code = 3
    transient = True
    default_remedy = (
        "Check the address, and that the local API is enabled in the INDEVOLT app (device settings, API). "
        "`indevolt doctor HOST` tells which step fails."
    )


class NoReply(IndevoltError):
    """Connected, but the answer did not come whole before the deadline."""

    exit_code = 4
    transient = True
    default_remedy = "The device serves one client at a time: close other clients, check the Wi-Fi signal, try again."


class ProtocolError(IndevoltError):
    """Bytes that are not OpenData. :attr:`raw` holds what arrived, for a report."""

    exit_code = 5
    default_remedy = "Is this an INDEVOLT device and its API port (8080)? `indevolt doctor HOST` shows what answered."

    def __init__(self, facts: str, *, raw: bytes = b"", remedy: str | None = None) -> None:
        super().__init__(facts, remedy=remedy)
        self.raw = raw


class UnknownModel(IndevoltError):
    """No family, or more than one, fits what the device said about itself."""

    exit_code = 8
    default_remedy = "Name the family yourself with --model (see `indevolt points --help`), and send us a recording."


class Refused(IndevoltError):
    """The device answered ``result: false``."""

    exit_code = 9
    default_remedy = "Check the value against `indevolt points`, and that the device is in a mode that allows it."


class Unconfirmed(IndevoltError):
    """Accepted, but never shown: ``result: true`` alone is not success."""

    exit_code = 10
    default_remedy = "Read the value again in a minute; some changes take long, and the app or a schedule may outrank yours."


class FirmwareTooOld(IndevoltError):
    """The firmware is older than the vendor's minimum for this API."""

    exit_code = 11
    default_remedy = "Update the firmware in the INDEVOLT app (device settings, Firmware Update)."


class ReadOnly(IndevoltError):
    """The owner did not allow the hub to write to this device."""

    exit_code = 12
    default_remedy = "Set `control = true` for the device in the hub's configuration, if it is to be controlled from here."


class StoreUnavailable(IndevoltError):
    """The place of history cannot be reached or opened now: a server that is away, a file that another hub has."""

    exit_code = 13
    transient = True
    default_remedy = "Check the path or the address under [store] in the configuration, and that nothing else has it open."


class StoreDamaged(IndevoltError):
    """What is in the place of history was written by something else, by a later version, or cannot be read."""

    exit_code = 14
    default_remedy = "Name another place under [store] in the configuration; nothing there was changed."


class StoreFull(IndevoltError):
    """No room is left for history: neither in its place nor in the memory that bridges such times."""

    exit_code = 15
    transient = True
    default_remedy = "Free space where the history is, or keep less of it ([store] raw_days); it goes on by itself."


class LeaseHeld(IndevoltError):
    """Another program steers this device now; the message names it."""

    exit_code = 16
    transient = True
    default_remedy = "Stop that program, or wait until it is done. `indevolt lease HOST` shows who holds the lease."


class ForeignWriter(LeaseHeld):
    """The app, or a program that knows no leases, changed what we had written; it is not overwritten for a while."""

    default_remedy = "Find out what else commands the battery (the app, Home Assistant, a script), and let only one do so."


class LeaseLost(IndevoltError):
    """The lease is over: its time has passed, or the watchdog or another program took it over."""

    exit_code = 17
    default_remedy = "Take a new lease; what was set before the old one is put back by whoever ended it."


class NotRestored(IndevoltError):
    """A lease has ended, and the device does not show what was set before it."""

    exit_code = 18
    default_remedy = "Check the mode in the app. `indevolt lease HOST --release` tries again; so does the watchdog."


class BudgetSpent(IndevoltError):
    """Written so often already that it has to wait. :attr:`wait_s` says how long."""

    exit_code = 19
    transient = True
    default_remedy = "Wait, and write less often: settings are kept in a memory that wears out."

    def __init__(self, facts: str, *, wait_s: float, remedy: str | None = None) -> None:
        super().__init__(facts, remedy=remedy)
        self.wait_s = wait_s


class StatusError(IndevoltError):
    """The device answered with an HTTP error status.

    The fourteen kinds that the specification lists (seed, section 3.3) are subclasses; any other status is this class itself.
    """

    exit_code = 6
    status: ClassVar[int] = 0
    meaning: ClassVar[str] = "unlisted status"

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.meaning = HTTPStatus(cls.status).phrase

    def __init__(self, facts: str = "", *, code: int | None = None, remedy: str | None = None) -> None:
        self.code = self.status if code is None else code
        super().__init__(f"HTTP {self.code} {self.meaning}{': ' if facts else ''}{facts}", remedy=remedy)


class BadRequest(StatusError):
    """400: the device does not understand the request; real ones also say so when too many points are asked for."""

    status = 400
    default_remedy = "Ask for fewer points, or check the point numbers."


class Unauthorized(StatusError):
    """401: Digest credentials missing or wrong, or the default password used for more than changing it."""

    exit_code = 7
    status = 401
    default_remedy = (
        "Give the password with --password or INDEVOLT_PASSWORD. A new or factory-reset device first needs its default "
        "password (the device key) changed: `indevolt password HOST`."
    )


class Forbidden(StatusError):
    """403: understood, but refused."""

    status = 403


class NotFound(StatusError):
    """404: this device does not have this RPC."""

    status = 404
    default_remedy = "Is this a battery? Meters, plugs and P1 readers answer other RPCs."


class MethodNotAllowed(StatusError):
    """405: the HTTP method does not fit the resource."""

    status = 405


class RequestTimeout(StatusError):
    """408: the device waited too long for the request."""

    status = 408
    transient = True


class Conflict(StatusError):
    """409: the request conflicts with the state of the device."""

    status = 409


class Gone(StatusError):
    """410: the resource is gone for good."""

    status = 410


class InternalServerError(StatusError):
    """500: the device failed at it."""

    status = 500
    transient = True


class MethodNotImplemented(StatusError):
    """501: the device does not support the method."""

    status = 501


class BadGateway(StatusError):
    """502: a gateway got nonsense from the device behind it."""

    status = 502
    transient = True


class ServiceUnavailable(StatusError):
    """503: overloaded or under maintenance."""

    status = 503
    transient = True


class GatewayTimeout(StatusError):
    """504: a gateway got no answer from the device behind it in time."""

    status = 504
    transient = True


class HttpVersionNotSupported(StatusError):
    """505: the HTTP version of the request is not supported."""

    status = 505


STATUS_ERRORS: Final[dict[int, type[StatusError]]] = {kind.status: kind for kind in StatusError.__subclasses__()}


def status_error(code: int, facts: str = "") -> StatusError:
    """Return the typed error for an HTTP status other than 200."""
    return STATUS_ERRORS.get(code, StatusError)(facts, code=code)
