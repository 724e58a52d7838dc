"""`indevolt simulate`: one virtual device on the network, and a line for everything it answers.

How it behaves is decided in ``simulator``; how it is put on the network in ``virtual``.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
from click.shell_completion import CompletionItem
from rich.console import Console

from indevolt.catalogue import products
from indevolt.cli.certificate import fingerprint_of, self_signed, server_context
from indevolt.cli.options import json_option
from indevolt.cli.page import Subcommand
from indevolt.cli.recording import DEFAULT_MODEL, load_state, model_of
from indevolt.cli.screen import line, print_json_line, screen
from indevolt.cli.session import environment, run
from indevolt.cli.traffic import Answered
from indevolt.clock import Clock
from indevolt.errors import InvalidInput
from indevolt.protocol.discovery import PORT
from indevolt.simulator import DEVICE_KEY, FAULT_FORMS, Accessory, Api, Board, Simulator, Sort, State
from indevolt.virtual import VirtualDevice

_FILE: Final = click.Path(dir_okay=False, path_type=Path)
_ANY: Final = click.IntRange(0, 65535)


def _complete_fault(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001 - click's own signature
    return [CompletionItem(form) for form in FAULT_FORMS if form.startswith(incomplete)]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the options ask for."""

    model: str
    host: str
    port: int
    api: Api
    password: str | None
    factory_default: bool
    state: State | None
    modules: int | None
    seed: int
    latency_s: float
    faults: tuple[str, ...]

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
            "latency_s": self.latency_s,
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


@click.command(
    "simulate",
    cls=Subcommand,
    examples=[
        "indevolt simulate",
        "indevolt simulate --model solidflex2000 --modules 3 --host 0.0.0.0",
        "indevolt simulate --api digest --factory-default",
        "indevolt simulate --state recording.jsonl --fault reset@0.1 --fault slow:2.5",
    ],
    epilog=f"Faults: {', '.join(FAULT_FORMS)}; each may end in *COUNT, @PROBABILITY or both.",
)
@click.option(
    "--model",
    show_default="powerflex2000, or what the state shows",
    type=click.Choice([*products(), *(sort.value for sort in Sort)]),
    metavar="MODEL",
    help=f"A battery ({', '.join(products())}) or an accessory ({', '.join(Sort)}).",
)
@click.option("--modules", type=click.IntRange(min=1), metavar="N", help="Battery modules, main unit included.")
@click.option("--state", type=_FILE, help="Start as in this file: a recording, or JSON of point numbers and values.")
@click.option("--seed", type=int, default=1, show_default=True, metavar="N", help="Decides serial number, weather and chance.")
@click.option(
    "--host", metavar="ADDRESS", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 is every one."
)
@click.option("--port", type=_ANY, metavar="PORT", default=8080, show_default=True, help="TCP port of the API; 0 takes a free one.")
@click.option(
    "--api",
    type=click.Choice([each.value for each in Api]),
    default=Api.HTTP.value,
    show_default=True,
    help="The setting of the local API in the app.",
)
@click.option(
    "--password",
    envvar="INDEVOLT_PASSWORD",
    show_envvar=True,
    help="Digest password; else the device key that the documents print.",
)
@click.option("--factory-default", is_flag=True, help="The password was never changed: only changing it is possible.")
@click.option("--cert", type=_FILE, help="Certificate for https (PEM); else one is made on the spot.")
@click.option("--key", type=_FILE, help="Its private key, if that is in another file.")
@click.option(
    "--latency", "latency_ms", type=click.FloatRange(min=0), default=0.0, metavar="MS", help="Time that each reply takes."
)
@click.option("--strict", is_flag=True, help="Answer 400 to unusable JSON as documented, not 200 {} as observed.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="SPEC",
    shell_complete=_complete_fault,
    help="Something that goes wrong; repeatable, forms below.",
)
@click.option("--discovery/--no-discovery", default=True, help="Answer discovery.")
@click.option("--discovery-port", type=_ANY, metavar="PORT", default=PORT, show_default=True, help="UDP port of discovery.")
@click.option(
    "--announce", "announce_s", type=click.FloatRange(min=0.1), metavar="S", help="Broadcast an announcement every so many seconds."
)
@click.option("--push", "push_s", type=click.FloatRange(min=0.05), metavar="S", help="Broadcast push frames, as accessories do.")
@click.option("--quiet", is_flag=True, help="Do not print a line for each request.")
@json_option
def simulate_command(
    *,
    model: str | None,
    modules: int | None,
    state: Path | None,
    seed: int,
    host: str,
    port: int,
    api: str,
    password: str | None,
    factory_default: bool,
    cert: Path | None,
    key: Path | None,
    latency_ms: float,
    strict: bool,
    faults: tuple[str, ...],
    discovery: bool,
    discovery_port: int,
    announce_s: float | None,
    push_s: float | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Start a virtual device that any OpenData client can talk to, and print what it answers, until Ctrl-C.

    It lives a small day of its own: sun, house, meter. Everything that it says is made up.
    """
    clock = environment().clock
    start = load_state(state) if state else None
    wanted = Wanted(
        model=model or (model_of(start) if start else DEFAULT_MODEL),
        host=host,
        port=port,
        api=Api.parse(api),
        password=password,
        factory_default=factory_default,
        state=start,
        modules=modules,
        seed=seed,
        latency_s=latency_ms / 1000,
        faults=faults,
    )
    tls, fingerprint = _tls(wanted, cert, key, clock)
    board = wanted.build(clock)
    show = _printer(board, screen(), as_json=as_json)

    def observe(peer: str, method: str, target: str, status: int, took_s: float) -> None:
        show(Answered(clock.now(), peer, method, target, status, took_s))

    device = VirtualDevice(
        board,
        host=host,
        port=port,
        ssl=tls,
        strict=strict,
        discovery_port=discovery_port if discovery else None,
        announce_s=announce_s,
        push_s=push_s,
        observe=None if quiet else observe,
    )

    async def serve() -> None:
        async with device:
            _introduce(device, wanted, fingerprint, as_json=as_json)
            await asyncio.Event().wait()

    run(serve())


def _tls(wanted: Wanted, cert: Path | None, key: Path | None, clock: Clock) -> tuple[ssl.SSLContext | None, str]:
    if wanted.api is not Api.HTTPS:
        if cert is not None or key is not None:
            raise InvalidInput("a certificate means nothing without https", remedy="Add --api https.")
        return None, ""
    if cert is None:
        return self_signed(wanted.host, clock.now())
    return server_context(cert, key), fingerprint_of(cert)


def _printer(board: Board, console: Console, *, as_json: bool) -> Callable[[Answered], None]:
    model = board.model if isinstance(board, Simulator) else None

    def show(answered: Answered) -> None:
        if as_json:
            print_json_line(answered.record())
        else:
            console.print(answered.text(model), soft_wrap=True)

    return show


def _introduce(device: VirtualDevice, wanted: Wanted, fingerprint: str, *, as_json: bool) -> None:
    if as_json:
        print_json_line(_introduction_record(device, wanted, fingerprint))
        return
    console = screen()
    first, *rest = _introduction(device, wanted, fingerprint)
    console.print(line(first, "bold"), soft_wrap=True)
    for text in rest:
        console.print(line(f"  {text}"), soft_wrap=True)


def _introduction(device: VirtualDevice, wanted: Wanted, fingerprint: str) -> Iterator[str]:
    board = device.simulator
    kind = wanted.model
    if isinstance(board, Simulator):
        kind = f"{board.product.title} with {board.modules} battery module{'s' if board.modules > 1 else ''}"
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
    if wanted.api is not Api.OFF:
        yield f"try: indevolt get {_client_address(device, wanted)}"
    yield "Ctrl-C stops it."


def _introduction_record(device: VirtualDevice, wanted: Wanted, fingerprint: str) -> dict[str, Any]:
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
    }


def _url(device: VirtualDevice, wanted: Wanted) -> str:
    return f"{'https' if wanted.api is Api.HTTPS else 'http'}://{_host(wanted)}:{device.port}"


def _client_address(device: VirtualDevice, wanted: Wanted) -> str:
    """Return HOST for our own commands on this machine."""
    if wanted.api is Api.HTTPS:
        return _url(device, wanted)
    return f"{_host(wanted)}:{device.port}"


def _host(wanted: Wanted) -> str:
    """Return where a client on this machine finds what listens on a host."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(wanted.host, wanted.host)  # noqa: S104 - recognized, not bound
    return f"[{host}]" if ":" in host else host
