"""What `indevolt doctor` looks at, step by step from this machine to the battery. Where a step fails, it names the one thing to do.

Nothing is ever written. How findings look is in ``doctor``.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import Final

from indevolt.battery import Quality
from indevolt.catalogue import products
from indevolt.cli.options import Link
from indevolt.cli.render import duration_text
from indevolt.cli.session import Environment
from indevolt.device import Device, connect
from indevolt.discovery import discover
from indevolt.errors import (
    FirmwareTooOld,
    IndevoltError,
    InvalidInput,
    NoReply,
    ProtocolError,
    StatusError,
    Unauthorized,
    UnknownModel,
    Unreachable,
)
from indevolt.protocol.messages import GetData, SysGetConfig, WifiGetStatus
from indevolt.transport import Address, HttpTransport, Paced, Transport, parse_address

SLOW_S: Final = 1.0  # the vendor promises a reply within this (protocol.md, section 7)
PROBES: Final = 3
DRIFT_S: Final = 120.0  # schedules run by the device's clock; below this nobody notices, and requests take up to some seconds
WEAK_SIGNAL: Final = 40  # of 100; below, connections fail now and then (protocol.md, section 18)
_RETRIES: Final = 1  # one lost packet is no illness, but more should not be hidden here
_DISCOVERY_S: Final = 2.0  # answers take up to 1.1 s (protocol.md, section 5)


class Result(StrEnum):
    """How a step went."""

    GOOD = "good"
    NOTE = "note"  # worth knowing, stops nothing
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One step: what was looked at, how it went, what to do."""

    step: str
    result: Result
    fact: str
    remedy: str = ""
    exit_code: int = 0


def _good(step: str, fact: str) -> Finding:
    return Finding(step, Result.GOOD, fact)


def _note(step: str, fact: str, remedy: str = "") -> Finding:
    return Finding(step, Result.NOTE, fact, remedy)


def _bad(step: str, fact: str, remedy: str, kind: type[IndevoltError]) -> Finding:
    return Finding(step, Result.BAD, fact, remedy, kind.exit_code)


async def examine(link: Link, given: Environment) -> AsyncIterator[Finding]:
    """Yield one finding after another; the first bad one on the way to the device is the last.

    Raises:
        InvalidInput: what was given as address is none.
    """
    address = parse_address(link.host)
    for check in (_check_name, _check_port):
        finding = await check(address, link, given)
        yield finding
        if finding.result is Result.BAD:
            return
    try:
        http = _transport(address, link, link.password)
    except InvalidInput as error:
        yield _bad("TLS", str(error), error.remedy, InvalidInput)
        return
    paced = Paced(http, given.clock, spacing_s=given.spacing_s, retries=_RETRIES)
    try:
        async for finding in _check_api(paced, address, link, given):
            yield finding
            if finding.result is Result.BAD:
                return
        async for finding in _check_device(paced, http, link, given):
            yield finding
    finally:
        await paced.close()


def _transport(address: Address, link: Link, password: str | None) -> HttpTransport:
    return HttpTransport(address, password=password, deadline_s=link.timeout_s, ca_file=link.ca_file, fingerprint=link.fingerprint)


# ---- the way there ---------------------------------------------------------------------------------------------------


async def _check_name(address: Address, _link: Link, _given: Environment) -> Finding:
    try:
        ip_address(address.host.partition("%")[0])
    except ValueError:
        pass
    else:
        return _good("Name", f"{address.host} is an address, nothing to look up")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError as error:
        return _bad(
            "Name",
            f"{address.host} cannot be looked up: {error.strerror or error}",
            "Check the spelling, or use the device's IP address: `indevolt discover` or the router shows it.",
            Unreachable,
        )
    return _good("Name", f"{address.host} is {', '.join(dict.fromkeys(str(entry[4][0]) for entry in found))}")


async def _check_port(address: Address, link: Link, given: Environment) -> Finding:
    try:
        async with asyncio.timeout(link.timeout_s):
            _, writer = await asyncio.open_connection(address.host, address.port)
    except TimeoutError:
        return _bad("Port", f"nothing answers at {address} within {link.timeout_s:g} s", _FAR_AWAY, Unreachable)
    except OSError as error:
        if error.errno == errno.ECONNREFUSED or isinstance(error, ConnectionRefusedError):
            return await _explain_closed_port(address, given)
        return _bad("Port", f"no way to {address}: {error.strerror or error}", _FAR_AWAY, Unreachable)
    writer.transport.abort()
    # The device serves one client at a time, and this was one.
    await given.clock.sleep(given.spacing_s)
    return _good("Port", f"TCP port {address.port} accepts connections")


_FAR_AWAY: Final = (
    "Is the device on, is this its present address (`indevolt discover`), and is this machine in the same network? "
    "Guest Wi-Fi and other subnets are usually kept apart."
)


async def _explain_closed_port(address: Address, given: Environment) -> Finding:
    fact = f"{address.host} is there, but its TCP port {address.port} is closed"
    async for found in discover(
        _DISCOVERY_S,
        targets=[address.host],
        passive=False,
        local_port=given.discovery_local_port,
        port=given.discovery_port,
        clock=given.clock,
    ):
        if found.port != address.port:
            return _bad(
                "Port", f"{fact}; discovery says the API is at port {found.port}", f"Use {found.host}:{found.port}.", Unreachable
            )
        return _bad("Port", f"{fact}, though it answers discovery", "Restart the device, then try again.", Unreachable)
    return _bad(
        "Port",
        f"{fact}, and it does not answer discovery: the local API is off, or this is another device",
        "Enable the local API in the INDEVOLT app (device settings, API), HTTP or HTTP + Digest.",
        Unreachable,
    )


# ---- who answers, and whether it lets us in --------------------------------------------------------------------------


async def _check_api(transport: Transport, address: Address, link: Link, given: Environment) -> AsyncIterator[Finding]:
    try:
        system = await transport.exchange(SysGetConfig())
    except Unauthorized as error:
        yield _good("API", "an INDEVOLT API answers, set to HTTP + Digest")
        yield _explain_401(link, error)
        return
    except IndevoltError as error:
        yield _explain_no_api(error, address)
        return
    kind = system.text("type") or "a device that does not tell its type"
    yield _good("API", f"Sys.GetConfig answers: {kind}, firmware {system.text('fw') or 'not told'}")
    yield await _check_access(address, link, given)


def _explain_401(link: Link, error: Unauthorized) -> Finding:
    if link.password is None:
        return _bad("Password", "Digest is on, and no password was given", error.remedy, Unauthorized)
    return _bad(
        "Password",
        "Digest is on, and the password is not accepted: it is wrong, or still the default one (the device key)",
        f"The default password opens nothing until it is changed: `indevolt password {link.host}`. "
        "Where it was forgotten, reset the device.",
        Unauthorized,
    )


def _explain_no_api(error: IndevoltError, address: Address) -> Finding:
    match error:
        case NoReply():
            https = "" if address.tls else " If its API is set to HTTPS, write https:// before the address."
            return _bad("API", str(error), error.remedy + https, NoReply)
        case ProtocolError() | StatusError():
            fact = f"something else than an INDEVOLT device answers: {error}"
            return _bad(
                "API",
                fact,
                f"Is {address.host} really the device, and {address.port} its API port? `indevolt discover` lists devices.",
                type(error),
            )
        case _:
            return _bad("API", str(error), error.remedy, type(error))


async def _check_access(address: Address, link: Link, given: Environment) -> Finding:
    open_to_all = "the API is set to HTTP, so whoever is in this network can control the device"
    if link.password is None:
        return _good("Password", f"none needed: {open_to_all}")
    without = Paced(_transport(address, link, None), given.clock, spacing_s=given.spacing_s)
    await given.clock.sleep(given.spacing_s)
    try:
        await without.exchange(SysGetConfig())
    except Unauthorized:
        return _good("Password", "accepted; Digest is on")
    except IndevoltError as error:
        return _note("Password", f"accepted; whether it is needed could not be told ({error})")
    finally:
        await without.close()
    return _note(
        "Password", f"given, but not needed: {open_to_all}", "Set the API to HTTP + Digest in the app if that is not wanted."
    )


# ---- the battery -----------------------------------------------------------------------------------------------------


async def _check_device(paced: Transport, http: Transport, link: Link, given: Environment) -> AsyncIterator[Finding]:
    try:
        async with connect(link.host, transport=paced, clock=given.clock, spacing_s=given.spacing_s) as device:
            yield _check_family(device, link)
            yield _check_firmware(device)
            yield await _check_speed(device, http, given)
            yield await _check_points(device)
    except UnknownModel as error:
        yield _bad("Family", str(error), error.remedy, UnknownModel)
        return
    except IndevoltError as error:
        yield _bad("Reading", str(error), error.remedy, type(error))
        return
    yield await _check_wifi(paced)
    yield await _check_clock(paced, given)


def _check_family(device: Device, link: Link) -> Finding:
    fact = f"{device.model.title} ({device.family}), serial {device.serial or 'not told'}: {'; '.join(device.evidence)}"
    if link.model is not None:
        product = products().get(link.model)
        said = product.family if product else link.model
        if said != device.family:
            return _bad("Family", f"--model {link.model} means {said}, but this is a {fact}", "Leave --model out.", UnknownModel)
    return _good("Family", fact)


def _check_firmware(device: Device) -> Finding:
    minimum = device.model.identity.minimum_firmware
    try:
        device.check_firmware()
    except FirmwareTooOld as error:
        return _bad("Firmware", str(error), error.remedy, FirmwareTooOld)
    if device.firmware is None:
        return _note("Firmware", f"not told, so it cannot be compared with the minimum {minimum}")
    return _good("Firmware", f"{device.system.text('f_ver') or device.system.text('fw')}, at least the minimum {minimum}")


async def _check_speed(device: Device, http: Transport, given: Environment) -> Finding:
    side = device.model.points["battery_soc"].read
    probe = GetData((side.at if side else 0,))
    times: list[float] = []
    for _ in range(PROBES):
        await given.clock.sleep(given.spacing_s)
        started = given.clock.monotonic()
        await http.exchange(probe)
        times.append(given.clock.monotonic() - started)
    await given.clock.sleep(given.spacing_s)  # these went past the pacing, so that it is not measured
    told = ", ".join(f"{seconds * 1000:.0f}" for seconds in times)
    if sorted(times)[PROBES // 2] > SLOW_S:
        return _bad(
            "Speed", f"slow: replies took {told} ms", "Move it closer to the Wi-Fi, and stop other clients that poll it.", NoReply
        )
    return _good("Speed", f"replies took {told} ms")


async def _check_points(device: Device) -> Finding:
    reading = await device.read()
    count = Counter(sample.quality for sample in reading.values())
    told = ", ".join(f"{number} {quality}" for quality, number in count.items())
    if device.quarantine:
        which = ", ".join(device.quarantine)
        return _note(
            "Points",
            f"{told}; these spoil whole replies: {which}",
            "They are left out by this program. Tell us: `indevolt record`.",
        )
    if unreadable := [name for name, sample in reading.items() if sample.quality is Quality.UNREADABLE]:
        return _note("Points", f"{told}; not understood: {', '.join(unreadable)}", "Please send us a recording: `indevolt record`.")
    return _good("Points", f"{len(reading)} quantities: {told}")


async def _check_wifi(transport: Transport) -> Finding:
    try:
        status = await transport.exchange(WifiGetStatus())
    except IndevoltError:
        return _good("Wi-Fi", "this device does not tell its signal")
    signal = status.params.get("rssi")
    if not isinstance(signal, int | float):
        return _good("Wi-Fi", "this device does not tell its signal")
    if signal < WEAK_SIGNAL:
        return _note("Wi-Fi", f"weak signal, {signal:g} of 100", "Move the access point or add a repeater.")
    return _good("Wi-Fi", f"signal {signal:g} of 100")


async def _check_clock(transport: Transport, given: Environment) -> Finding:
    try:
        system = await transport.exchange(SysGetConfig())
    except IndevoltError as error:
        return _bad("Clock", str(error), error.remedy, type(error))  # it has just answered this
    stamp = system.device.get("time_stamp")
    if not isinstance(stamp, int | float):
        return _good("Clock", "this device does not tell its time")
    drift = stamp - given.clock.now().timestamp()
    if abs(drift) > DRIFT_S:
        way = "fast" if drift > 0 else "slow"
        return _note(
            "Clock", f"{duration_text(abs(drift))} {way}", "Its schedule runs by this clock: connect it to the internet once."
        )
    return _good("Clock", "right")
