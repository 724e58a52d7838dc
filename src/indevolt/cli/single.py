"""What `indevolt simulate` does for one device: it is built as the options say, served, and each answer gets a line.

The options themselves are ``simulate``'s. How the device behaves is decided in ``simulator``, how it is put on the network in
``virtual``.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from indevolt.catalogue import products
from indevolt.cli.certificate import fingerprint_of, self_signed, server_context
from indevolt.cli.introduction import introduce, pace, reachable, with_modules
from indevolt.cli.screen import print_json_line, screen
from indevolt.cli.session import run
from indevolt.cli.traffic import Answered
from indevolt.clock import Clock, FastClock
from indevolt.errors import InvalidInput
from indevolt.simulator import DEVICE_KEY, Accessory, Api, Board, Simulator, State
from indevolt.virtual import VirtualDevice


@dataclass(frozen=True, slots=True)
class WantedDevice:
    """What the options ask for. Durations are real ones, however fast the device's time passes."""

    model: str
    host: str
    port: int
    api: Api
    password: str | None
    factory_default: bool
    cert: Path | None
    key: Path | None
    state: State | None
    modules: int | None
    seed: int
    latency_s: float
    strict: bool
    faults: tuple[str, ...]
    discovery_port: int | None
    announce_s: float | None
    push_s: float | None
    speed: float
    start: datetime | None

    def build(self, clock: Clock) -> Board:
        """Return the device.

        Raises:
            InvalidInput: what does not go together.
        """
        common: dict[str, Any] = {
            "clock": clock,
            "seed": self.seed,
            "state": self.state,
            "api": self.api,
            "password": self.password or DEVICE_KEY,
            "factory_default": self.factory_default,
            "latency_s": self.latency_s * self.speed,
        }
        board: Board
        if self.model in products():
            board = Simulator(self.model, modules=self.modules, **common)
        elif self.modules is not None:
            raise InvalidInput(f"a {self.model} has no battery modules")
        else:
            board = Accessory(self.model, **common)
        board.faults.add(*self.faults)
        return board


def own_time(clock: Clock, speed: float, start: datetime | None) -> Clock:
    """Return the time of what is simulated: real time unless something else is wanted."""
    return clock if speed == 1 and start is None else FastClock(clock, speed, start=start)


def serve_device(wanted: WantedDevice, clock: Clock, *, quiet: bool, as_json: bool) -> None:
    """Serve a device until Ctrl-C.

    Args:
        wanted: the device.
        clock: real time.
        quiet: print the introduction only.
        as_json: print a JSON document a line, for programs.

    Raises:
        InvalidInput: what does not go together, or a port that is taken.
    """
    tls, fingerprint = certificate(wanted.host, clock, wanted.cert, wanted.key, needed=wanted.api is Api.HTTPS)
    board = wanted.build(own_time(clock, wanted.speed, wanted.start))
    show = _printer(board, screen(), as_json=as_json)

    def observe(peer: str, method: str, target: str, status: int, took_s: float) -> None:
        show(Answered(clock.now(), peer, method, target, status, took_s))

    device = VirtualDevice(
        board,
        host=wanted.host,
        port=wanted.port,
        ssl=tls,
        strict=wanted.strict,
        discovery_port=wanted.discovery_port,
        announce_s=None if wanted.announce_s is None else wanted.announce_s * wanted.speed,
        push_s=None if wanted.push_s is None else wanted.push_s * wanted.speed,
        observe=None if quiet else observe,
    )

    async def serve() -> None:
        async with device:
            introduce(_introduction(device, wanted, fingerprint), _record(device, wanted, fingerprint), as_json=as_json)
            await asyncio.Event().wait()

    run(serve())


def certificate(host: str, clock: Clock, cert: Path | None, key: Path | None, *, needed: bool) -> tuple[ssl.SSLContext | None, str]:
    """Return what TLS needs and the fingerprint of the certificate; nothing where it is not needed.

    Raises:
        InvalidInput: a certificate that cannot be used, or that nobody needs.
    """
    if not needed:
        if cert is not None or key is not None:
            raise InvalidInput("a certificate means nothing without https", remedy="Add --api https.")
        return None, ""
    if cert is None:
        return self_signed(host, clock.now())
    return server_context(cert, key), fingerprint_of(cert)


def _printer(board: Board, console: Console, *, as_json: bool) -> Callable[[Answered], None]:
    model = board.model if isinstance(board, Simulator) else None

    def show(answered: Answered) -> None:
        if as_json:
            print_json_line(answered.record())
        else:
            console.print(answered.text(model), soft_wrap=True)

    return show


def _introduction(device: VirtualDevice, wanted: WantedDevice, fingerprint: str) -> Iterator[str]:
    board = device.simulator
    kind = with_modules(board.product.title, board.modules) if isinstance(board, Simulator) else wanted.model
    yield f"virtual {kind}, serial number {board.serial}"
    if wanted.api is Api.OFF:
        yield "local API: off, so its port is closed and discovery gets no answer"
    else:
        yield f"API: {_url(device, wanted)}"
        if device.discovery_port is not None:
            yield f"discovery: UDP {wanted.host}:{device.discovery_port}"
    if fingerprint:
        yield f"certificate: --fingerprint {fingerprint}"
    if wanted.api is Api.DIGEST:
        shown = "as given" if wanted.password else f"{DEVICE_KEY}, the device key of the documents"
        yield f"Digest: user opend, password {shown}"
        if wanted.factory_default:
            yield "never changed: it opens nothing but its own change (`indevolt password`)"
    if wanted.faults:
        yield f"faults: {', '.join(wanted.faults)}"
    if wanted.speed != 1 or wanted.start is not None:
        yield f"its own time: {board.clock.now():%Y-%m-%d %H:%M:%S} UTC, {pace(wanted.speed)}"
    if wanted.api is not Api.OFF:
        yield f"try: indevolt get {_client_address(device, wanted)}"
    yield "Ctrl-C stops it."


def _record(device: VirtualDevice, wanted: WantedDevice, fingerprint: str) -> dict[str, Any]:
    return {
        "event": "started",
        "virtual": True,
        "model": wanted.model,
        "serial": device.simulator.serial,
        "api": wanted.api.value,
        "url": None if wanted.api is Api.OFF else _url(device, wanted),
        "discovery_port": device.discovery_port,
        "fingerprint": fingerprint or None,
        "faults": list(wanted.faults),
        "speed": wanted.speed,
        "its_time": device.simulator.clock.now().isoformat(),
    }


def _url(device: VirtualDevice, wanted: WantedDevice) -> str:
    return f"{'https' if wanted.api is Api.HTTPS else 'http'}://{reachable(wanted.host)}:{device.port}"


def _client_address(device: VirtualDevice, wanted: WantedDevice) -> str:
    """Return HOST for our own commands on this machine."""
    if wanted.api is Api.HTTPS:
        return _url(device, wanted)
    return f"{reachable(wanted.host)}:{device.port}"
