"""The communication board that all these devices share: faults, access, system configuration, Wi-Fi, uptime, identification.

What a device measures and does is in the subclasses. Time comes from a clock, requests and replies are records; no socket is known
here. Three ways in, for three kinds of caller::

    answer(request)            at once; errors carry what goes on the wire
    serve(request)             for a server: the same, but later where latency or a fault wants it
    exchange(request)          for a client in the same process: errors are those that a client on the network sees
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime
from typing import Final, TypeVar, cast

from indevolt.clock import Clock, SystemClock
from indevolt.errors import InvalidInput, NoReply, NotFound, Unreachable, status_error
from indevolt.protocol.discovery import Identification
from indevolt.protocol.messages import (
    AnyRequest,
    Raw,
    Reply,
    Request,
    Result,
    SetData,
    SysConfig,
    SysGetConfig,
    SysSetConfig,
    UserSetConfig,
    WifiGetStatus,
    WifiStatus,
)
from indevolt.simulator.access import DEVICE_KEY, Access, Api
from indevolt.simulator.faults import CutShort, Fault, Faults, Kind, damage, is_write
from indevolt.simulator.state import State

API_VERSION: Final = "V1.0.1"
"""``opendata_ver`` of every captured discovery reply (samples, udp_discovery_replies)."""

TIMEZONE_MIN: Final = 480  # what every published Sys.GetConfig shows
TIMEZONES_MIN: Final = range(-720, 841)  # the time zones that there are, in minutes east of UTC
_MAX_HOSTNAME: Final = 63  # of a DNS label; what a device takes is not documented
_SSID: Final = "home"
_OUTPUTS: Final = (Kind.GARBAGE, Kind.TRUNCATED, Kind.HALF_JSON)

_ReplyT = TypeVar("_ReplyT", bound=Reply)


class Board(ABC):
    """One device as its communication board presents it."""

    __slots__ = (
        "_ahead_s",
        "_booted_at",
        "_device",
        "_down_until",
        "_is_down",
        "_seed",
        "_system",
        "_wifi",
        "_wrapped",
        "access",
        "clock",
        "faults",
        "ip",
        "latency_s",
        "serial",
        "told_ip",
    )

    def __init__(
        self,
        *,
        serial: str,
        system: Mapping[str, Raw],
        wrapped: bool = True,
        state: State | None = None,
        clock: Clock | None = None,
        seed: int = 1,
        api: Api | str = Api.HTTP,
        password: str = DEVICE_KEY,
        factory_default: bool = False,
        latency_s: float = 0.0,
        ip: str = "127.0.0.1",
        told_ip: str | None = None,
    ) -> None:
        """Build the board.

        Args:
            serial: serial number, unless the state has one.
            system: fields of Sys.GetConfig beside the ones that every board has.
            wrapped: whether Sys.GetConfig answers with the ``device`` wrapper; some accessories do not.
            state: captured replies; its system configuration and Wi-Fi status replace ours, and their clocks go on from there.
            clock: where time comes from.
            seed: decides the MAC address and the chances of faults.
            api: the setting of the local API.
            password: the current Digest password.
            factory_default: it was never changed, so it opens User.SetConfig only.
            latency_s: time that each reply takes, for callers that can wait.
            ip: the device's own address, as WiFi.GetStatus shows it.
            told_ip: what the discovery reply says instead, since real ones were seen to be wrong (protocol.md, section 5).
        """
        self.clock: Clock = clock or SystemClock()
        self.access = Access(Api.parse(api), password, factory_default=factory_default)
        self.faults = Faults(seed)
        self.latency_s = latency_s
        self.ip = ip
        self.told_ip = told_ip
        self._down_until = 0.0
        self._is_down = False
        captured = state.system if state else None
        self._wrapped = captured.wrapped if captured else wrapped
        self._seed = seed
        self._system = system
        # Most devices of a fleet are never asked for it, so the document is made when it is.
        self._device: dict[str, Raw] | None = dict(captured.device) if captured else None
        self._wifi = state.wifi if state else None
        known = captured.device if captured else {}
        self.serial = str(known.get("sn", serial))
        stamp, uptime = known.get("time_stamp"), known.get("run_time")
        self._ahead_s = stamp - self._now_s() if type(stamp) is int else 0
        self._booted_at = self.clock.monotonic() - (uptime if type(uptime) is int else 0)

    @property
    def password(self) -> str:
        """The current Digest password."""
        return self.access.password

    # ---- ways in -----------------------------------------------------------------------------------------------------

    def answer(self, request: AnyRequest) -> Reply:
        """Answer at once; waiting that latency or a fault asks for is left out.

        Raises:
            IndevoltError: refusals by status, and faults. A ProtocolError carries in ``raw`` what goes on the wire.
        """
        if self.faults or self._is_down or self.access.api is Api.OFF:
            self._require_up()
            return self._answer_struck(request, self.faults.strike(request))
        return self._reply(request, ())

    def serve(self, request: AnyRequest) -> Reply | Awaitable[Reply]:
        """Answer as a server needs it: at once where possible, else as something to await. Raises as :meth:`answer` does."""
        if self.faults or self.latency_s > 0:
            return self._serve_later(request)
        return self.answer(request)

    async def exchange(self, request: Request[_ReplyT]) -> _ReplyT:
        """Answer as a transport does, in the same process; credentials play no part here.

        Raises:
            IndevoltError: what a client on the network would see.
        """
        try:
            reply = await self._serve_later(cast("AnyRequest", request))
        except CutShort as error:
            raise error.as_seen() from None
        return cast("_ReplyT", reply)

    async def close(self) -> None:
        """Do nothing, as there is nothing to let go of; a transport has it."""
        return

    def guard(self, request: AnyRequest, method: str, target: str, authorization: str | None) -> AnyRequest | None:
        """Return the request to serve, or None for a 401; see :meth:`Access.guard`."""
        return self.access.guard(request, method, target, authorization)

    def identification(self) -> Identification | None:
        """Return what discovery says; None while the API is off or the board is down, for then nobody answers."""
        if self.access.api is Api.OFF or self._still_down():
            return None
        firmware = (self._system if self._device is None else self._device).get("fw")
        return Identification(self.serial, str(firmware or ""), self.told_ip or self.ip, API_VERSION)

    def reboot(self, down_s: float) -> None:
        """Restart: nobody answers for so long, the uptime starts anew, and what was not yet settled is lost.

        That settings survive is inferred; the documents say nothing about it.
        """
        self._down_until = self._booted_at = self.clock.monotonic() + down_s
        self._is_down = True
        self._forget_unsettled()

    def update(self, system: Mapping[str, Raw], down_s: float) -> None:
        """Restart with another firmware, which reports these fields of Sys.GetConfig instead."""
        self._configuration().update(system)
        self.reboot(down_s)

    def factory_reset(self) -> None:
        """Restore the default password and its restriction (seed, section 3.2)."""
        self.access.reset()

    # ---- what subclasses add -----------------------------------------------------------------------------------------

    @abstractmethod
    def _reply_own(self, request: AnyRequest, hits: tuple[Fault, ...]) -> Reply:
        """Answer what is particular to this device; ``hits`` are faults that concern values."""

    @abstractmethod
    def _forget_unsettled(self) -> None:
        """Lose whatever a restart loses."""

    # ---- answering ---------------------------------------------------------------------------------------------------

    async def _serve_later(self, request: AnyRequest) -> Reply:
        self._require_up()
        hits = self.faults.strike(request)
        delay = self.latency_s + sum(fault.seconds for fault in hits if fault.kind is Kind.SLOW)
        if delay > 0:
            await self.clock.sleep(delay)
            self._require_up()
        return self._answer_struck(request, hits)

    def _require_up(self) -> None:
        if self.access.api is Api.OFF:
            raise Unreachable("the local API is off")
        if self._still_down():
            raise Unreachable("the device restarts")

    def _still_down(self) -> bool:
        self._is_down = self._is_down and self.clock.monotonic() < self._down_until
        return self._is_down

    def _answer_struck(self, request: AnyRequest, hits: tuple[Fault, ...]) -> Reply:
        for fault in hits:
            self._fail(fault)
        verdict = _foregone(request, {fault.kind for fault in hits})
        reply = self._reply(request, hits) if verdict is None else verdict
        for fault in hits:
            if fault.kind in _OUTPUTS:
                raise damage(fault.kind, reply)
        return reply

    def _fail(self, fault: Fault) -> None:
        """Raise what a fault of the wire raises; others do nothing here."""
        match fault.kind:
            case Kind.REBOOT:
                self.reboot(fault.seconds)
                raise Unreachable("fault: the device restarts")
            case Kind.RESET:
                raise Unreachable("fault: connection reset")
            case Kind.SILENT:
                raise NoReply("fault: no answer")
            case Kind.POISON if fault.silent:
                raise NoReply(f"fault: no answer to a batch with point {fault.number}")
            case Kind.POISON:
                raise status_error(400, f"fault: point {fault.number}")
            case Kind.STATUS:
                raise status_error(fault.number, "fault")
            case _:
                pass

    def _reply(self, request: AnyRequest, hits: tuple[Fault, ...]) -> Reply:
        match request:
            case SysGetConfig():
                return self._system_config()
            case WifiGetStatus():
                return self._wifi or WifiStatus(self.serial, {"sta_ip": self.ip, "ssid": _SSID, "rssi": 100})
            case SysSetConfig(hostname=hostname, timezone=timezone):
                return Result(self._configure(hostname, timezone))
            case UserSetConfig(sealed=sealed):
                return Result(self.access.change_password(sealed))
            case _:
                return self._reply_own(request, hits)

    def _configure(self, hostname: str | None, timezone: int | None) -> bool:
        if hostname is not None and len(hostname) > _MAX_HOSTNAME:
            return False
        if timezone is not None and timezone not in TIMEZONES_MIN:
            return False
        if hostname is not None:
            self._configuration()["hostname"] = hostname
        if timezone is not None:
            self._configuration()["timezone"] = timezone
        return True

    def _configuration(self) -> dict[str, Raw]:
        """Return the system configuration, its clock left as it was when made."""
        if self._device is None:
            self._device = _system(self.serial, self._seed, self._system)
        return self._device

    def _system_config(self) -> SysConfig:
        """Return the configuration of now; ``time`` is the UTC rendering of ``time_stamp`` (protocol.md, section 3.3)."""
        stamp = self._now_s() + self._ahead_s
        moving: dict[str, Raw] = {
            "time": datetime.fromtimestamp(stamp, UTC).strftime("%Y-%m-%d %H:%M:%S"),
            "time_stamp": stamp,
            "run_time": int(self.clock.monotonic() - self._booted_at),
        }
        device = {key: moving.get(key, value) for key, value in self._configuration().items()}
        return SysConfig(device, wrapped=self._wrapped)

    def _now_s(self) -> int:
        return int(self.clock.now().timestamp())


def _foregone(request: AnyRequest, kinds: set[Kind]) -> Result | None:
    """Return the result of a write that a fault decides whatever is written; None when the device decides."""
    if not is_write(request):
        return None
    if Kind.REFUSE in kinds:
        return Result(result=False)
    # A write of points is checked before it is ignored, which only the device can do.
    ignored = not kinds.isdisjoint((Kind.IGNORE, Kind.FROZEN)) and not isinstance(request, SetData)
    return Result(result=True) if ignored else None


def not_found(request: AnyRequest) -> NotFound:
    """Return the error for an RPC that this sort of device does not have (protocol.md, section 8)."""
    return NotFound(f"this device has no {request.rpc}")


def serial_number(seed: int, start: int) -> str:
    """Return ten digits, as real ones were seen to have; seeds that differ by less than a hundred million differ here."""
    return str(start * 100_000_000 + seed * 38_237_117 % 100_000_000)  # the factor has no divisor in common with the modulus


def _system(serial: str, seed: int, system: Mapping[str, Raw]) -> dict[str, Raw]:
    """Return the fields of Sys.GetConfig in their documented order; those of the clock are placeholders."""
    mac = 0x7C3E82 << 24 | seed * 0x9E3779B1 & 0xFFFFFF  # the vendor's prefix in the documents; odd factor: no two seeds alike
    rest = {key: value for key, value in system.items() if key not in ("hostname", "type") and value != ""}
    return {
        "hostname": "",
        "timezone": TIMEZONE_MIN,
        "type": system.get("type", ""),
        "sn": serial,
        "mac": f"{mac:012X}",
        **rest,
        "time": "",
        "time_stamp": 0,
        "run_time": 0,
    }


def require_choice(what: str, name: str, choices: Mapping[str, object] | tuple[str, ...]) -> None:
    """Check a name against what there is.

    Raises:
        InvalidInput: names what there is.
    """
    if name not in choices:
        raise InvalidInput(f"no {what} {name!r:.40}", remedy=f"There are {', '.join(choices)}.")
