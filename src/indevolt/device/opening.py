"""Opening a device: the way to it, and which family it is, by evidence.

A device that cannot be told is not guessed at: the caller is asked. What the evidence weighs is in ``catalogue``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from indevolt.catalogue import Evidence, Model, Product, Verdict, families, identify, load, probe_points, products
from indevolt.catalogue.identity import firmware_of
from indevolt.clock import Clock, SystemClock
from indevolt.device.batches import MAX_POINTS, Batches
from indevolt.device.device import Device, Identity
from indevolt.device.proof import PATIENCE_S
from indevolt.device.route import Route
from indevolt.errors import (
    IndevoltError,
    InvalidInput,
    MethodNotAllowed,
    MethodNotImplemented,
    NotFound,
    ProtocolError,
    StatusError,
    Unauthorized,
    UnknownModel,
)
from indevolt.protocol.messages import MeterJsonData, P1JsonData, PlugGetStatus, Raw, Request, SysConfig, SysGetConfig
from indevolt.transport import Transport

_ACCESSORIES: Final[tuple[tuple[Request[Any], str], ...]] = (
    (P1JsonData(), "P1 reader"),
    (MeterJsonData(), "meter"),
    (PlugGetStatus(), "smart plug"),
)
_CHOSEN: Final = 100  # above any evidence a device can give
_ACCESSORY_REMEDY: Final = "Give the address of the battery; `indevolt discover` lists what answers."
_FOREIGN_REMEDY: Final = "Check address and port: the API of an INDEVOLT device is at port 8080. `indevolt discover` lists devices."


@asynccontextmanager
async def connect(
    host: str,
    *,
    password: str | None = None,
    model: str | None = None,
    modules: int | None = None,
    clock: Clock | None = None,
    deadline_s: float = 10.0,
    spacing_s: float = 1.0,
    ca_file: str | Path | None = None,
    fingerprint: str | None = None,
    transport: Transport | None = None,
    patience_s: float = PATIENCE_S,
    max_points: int = MAX_POINTS,
) -> AsyncIterator[Device]:
    """Open a battery for the length of an ``async with``.

    >>> import asyncio, indevolt
    >>> from indevolt.simulator import Simulator
    >>> async def show() -> None:
    ...     async with indevolt.connect("a simulator", transport=Simulator("powerflex2000")) as battery:
    ...         reading = await battery.read("battery_soc")
    ...         print(battery.family, reading["battery_soc"].unit, reading["battery_soc"].quality)
    >>> asyncio.run(show())
    gen2 % live

    Args:
        host: ``host``, ``host:port``, or the same with ``http://`` or ``https://`` before it; the default port is 8080.
        password: of the Digest user; needed when the API is set to HTTP + Digest.
        model: the family or product, where it is known; it is then not looked for.
        modules: installed battery modules, main unit included, where known; limits depend on it.
        clock: what to wait by.
        deadline_s: for each exchange.
        spacing_s: between the end of one request and the start of the next.
        ca_file: certificates to trust, for ``https://``.
        fingerprint: SHA-256 of the device's certificate, for ``https://``.
        transport: another way to the device, such as a simulator or a recording; it is not closed at the end, and ``host`` is only
            its name.
        patience_s: how long a write may take to show.
        max_points: most points in one request.

    Raises:
        InvalidInput: an argument that makes no sense; for an unknown ``model`` the message lists the names.
        Unreachable, NoReply, StatusError, ProtocolError: as they come; a server of another kind is called that.
        UnknownModel: the family cannot be told, or it is no battery.
    """
    chosen = _choose(model)
    _require(
        spacing_s=spacing_s >= 0, patience_s=patience_s >= 0, max_points=max_points >= 1, modules=modules is None or modules >= 1
    )
    clock = clock or SystemClock()
    route = Route(host, clock, deadline_s, spacing_s, ca_file, fingerprint)
    batches = Batches(transport or route.open(password), clock, max_points=max_points, vital=_serial_points())
    try:
        yield Device(
            await recognize(host, batches, chosen),
            batches,
            clock,
            modules=modules,
            interval_s=spacing_s,
            patience_s=patience_s,
            password=password,
            reopen=None if transport else route.open,
        )
    finally:
        if transport is None:
            await batches.transport.close()


async def recognize(host: str, batches: Batches, chosen: tuple[Model, Product | None] | None = None) -> Identity:
    """Find out who answers, with one or two requests.

    Args:
        host: how messages call it.
        batches: the way to it.
        chosen: family and product, where the caller knows them; then only the serial number is looked for.

    Raises:
        IndevoltError: as :func:`connect`.
    """
    system = await _ask_system(host, batches.transport)
    verdict = _first_verdict(system) if chosen is None else _chosen_verdict(chosen, system)
    unsure = verdict is None or verdict.is_hint
    answers: Mapping[str, Raw] = {}
    if unsure or not system.text("sn"):
        answers = await _ask_points(host, batches, system, probe_points() if unsure else ())
    if verdict is None or unsure:
        verdict = identify(system.device, answers)
    model, product = chosen or (load(verdict.family), None)
    return Identity(host, system.text("sn") or _serial_of(model, answers), model, product, verdict, system)


def _require(**conditions: bool) -> None:
    for name, holds in conditions.items():
        if not holds:
            raise InvalidInput(f"{name} is out of range", remedy="Times are 0 s or more, counts 1 or more.")


def _choose(name: str | None) -> tuple[Model, Product | None] | None:
    if name is None:
        return None
    if name in families():
        return load(name), None
    if name in products():
        return load(products()[name].family), products()[name]
    raise InvalidInput(
        f"no family or product {name!r}",
        remedy=f"Families: {', '.join(families())}. Products: {', '.join(products())}.",
    )


async def _ask_system(host: str, transport: Transport) -> SysConfig:
    """Return what ``Sys.GetConfig`` says; empty where the device does not have it."""
    try:
        return await transport.exchange(SysGetConfig())
    except NotFound:
        return SysConfig({})  # either older than this RPC or no device of ours: GetData will tell
    except ProtocolError as error:
        raise ProtocolError(
            f"what answers at {host} is no INDEVOLT device: {error}", raw=error.raw, remedy=_FOREIGN_REMEDY
        ) from error
    except StatusError as error:
        if not (error.transient or isinstance(error, Unauthorized)):
            error.remedy = _FOREIGN_REMEDY
        raise


async def _ask_points(host: str, batches: Batches, system: SysConfig, points: tuple[int, ...]) -> Mapping[str, Raw]:
    """Return the raw values of the serial number and some points."""
    try:
        answers = await batches.fetch(tuple(dict.fromkeys((*_serial_points(), *points))))
    except (NotFound, MethodNotAllowed, MethodNotImplemented):  # a plain web server knows no POST
        raise await _not_a_battery(host, batches.transport, system) from None
    return {key: raw for answer in answers for key, raw in answer.values.items()}


def _first_verdict(system: SysConfig) -> Verdict | None:
    try:
        return identify(system.device)
    except UnknownModel:
        return None


def _chosen_verdict(chosen: tuple[Model, Product | None], system: SysConfig) -> Verdict:
    model, product = chosen
    fact = f"chosen by the caller: {product.title if product else model.title}"
    return Verdict(model.family, (Evidence(fact, (model.family,), _CHOSEN),), firmware_of(system.device))


async def _not_a_battery(host: str, transport: Transport, system: SysConfig) -> IndevoltError:
    """Return the error for something that does not know GetData, saying what it seems to be."""
    if not system.device:
        return ProtocolError(f"what answers at {host} is a web server, but no INDEVOLT device", remedy=_FOREIGN_REMEDY)
    calls_itself = f"type {system.text('type')!r}, firmware {system.text('fw')!r}"
    for request, kind in _ACCESSORIES:
        try:
            await transport.exchange(request)
        except (StatusError, ProtocolError):
            continue
        return UnknownModel(f"{host} is a {kind}, not a battery ({calls_itself})", remedy=_ACCESSORY_REMEDY)
    return UnknownModel(f"{host} is no battery: it does not answer Indevolt.GetData ({calls_itself})", remedy=_ACCESSORY_REMEDY)


def _serial_points() -> tuple[int, ...]:
    """Return where serial numbers are read, over all families: a point that every battery answers."""
    sides = (load(family).points["device_sn"].read for family in families())
    return tuple(dict.fromkeys(side.at for side in sides if side))


def _serial_of(model: Model, answers: Mapping[str, Raw]) -> str:
    side = model.points["device_sn"].read
    raw = answers.get(side.key) if side else None
    return str(raw).strip() if isinstance(raw, str | int) else ""
