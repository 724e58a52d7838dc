"""`indevolt simulate --fleet N`: so many virtual devices in one process, and a line for everything they answer.

The option itself is one of `simulate`. What the devices are is decided in ``simulator.fleet``, how they share one socket in
``virtual_fleet``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from indevolt.beacon import ASKED_OF_ALL
from indevolt.catalogue import products
from indevolt.cli.screen import line, print_json_line, screen
from indevolt.cli.session import run
from indevolt.cli.traffic import Answered
from indevolt.clock import Clock
from indevolt.server import Observer
from indevolt.simulator.device import Simulator
from indevolt.simulator.fleet import Fleet
from indevolt.virtual_fleet import FleetObserver, VirtualFleet


@dataclass(frozen=True, slots=True)
class WantedFleet:
    """What the options ask for."""

    count: int
    port: int  # TCP, at every device; 0 for a free one
    discovery_port: int | None  # UDP; None answers nobody
    models: tuple[str, ...] = ()  # which there are, mixed; none: all products
    modules: int | None = None  # of every device; None: as many as each happens to have
    seed: int = 1
    faults: tuple[str, ...] = ()  # of every device
    strict: bool = False

    def build(self, clock: Clock) -> Fleet:
        """Return the devices.

        Raises:
            InvalidInput: what does not go together.
        """
        return Fleet(
            self.count,
            clock=clock,
            seed=self.seed,
            products=self.models,
            modules=self.modules,
            faults=self.faults,
        )


def serve_fleet(wanted: WantedFleet, clock: Clock, *, quiet: bool, as_json: bool) -> None:
    """Serve a fleet until Ctrl-C.

    Args:
        wanted: the fleet.
        clock: the time of its devices.
        quiet: print the introduction only.
        as_json: print a JSON document a line, for programs.

    Raises:
        InvalidInput: what does not go together, a port that is taken, or discovery where the system cannot do it for a fleet.
    """
    virtual = VirtualFleet(
        wanted.build(clock),
        wanted.port,
        strict=wanted.strict,
        discovery_port=wanted.discovery_port,
        observe=None if quiet else _printer(clock, as_json=as_json),
    )
    _allow_many_clients()

    async def serve() -> None:
        async with virtual:
            _introduce(virtual, wanted, as_json=as_json)
            await asyncio.Event().wait()

    run(serve())


def _printer(clock: Clock, *, as_json: bool) -> FleetObserver:
    console = screen()

    def printer_of(device: Simulator) -> Observer:
        def show(peer: str, method: str, target: str, status: int, took_s: float) -> None:
            answered = Answered(clock.now(), peer, method, target, status, took_s)
            if as_json:
                print_json_line({"device": device.ip, "serial": device.serial, **answered.record()})
            else:
                console.print(Text.assemble(f"{device.ip:<15} ", answered.text(device.model)), soft_wrap=True)

        return show

    return printer_of


def _introduce(virtual: VirtualFleet, wanted: WantedFleet, *, as_json: bool) -> None:
    if as_json:
        print_json_line(_introduction_record(virtual, wanted))
        return
    console = screen()
    first, *rest = _introduction(virtual, wanted)
    console.print(line(first, "bold"), soft_wrap=True)
    for text in rest:
        console.print(line(f"  {text}"), soft_wrap=True)


def _introduction(virtual: VirtualFleet, wanted: WantedFleet) -> Iterator[str]:
    fleet = virtual.fleet
    first, last = virtual.address_of(0), virtual.address_of(len(fleet) - 1)
    titles = [products()[name].title for name in dict.fromkeys(wanted.models)]
    kind = f"{' and '.join(titles)} devices" if titles else "devices of every product"
    yield f"virtual fleet of {len(fleet):,} {kind}, seed {wanted.seed}"
    yield f"API: http://{first} to http://{last}, four numbers that count up, the last from 1 to 254"
    if virtual.discovery_port is not None:
        yield f"discovery: UDP port {virtual.discovery_port}; {ASKED_OF_ALL[0]} asks all of them"
    if wanted.faults:
        yield f"faults of each: {', '.join(wanted.faults)}"
    yield f"try: indevolt get {first}"
    if virtual.discovery_port is not None:
        yield f"or:  indevolt discover {ASKED_OF_ALL[0]} --port {virtual.discovery_port} --no-passive"
    yield "Ctrl-C stops it."


def _introduction_record(virtual: VirtualFleet, wanted: WantedFleet) -> dict[str, Any]:
    fleet = virtual.fleet
    return {
        "event": "started",
        "virtual": True,
        "devices": len(fleet),
        "models": list(wanted.models),
        "seed": wanted.seed,
        "port": virtual.port,
        "first": fleet.address_of(0),
        "last": fleet.address_of(len(fleet) - 1),
        "discovery_port": virtual.discovery_port,
        "faults": list(wanted.faults),
    }


def _allow_many_clients() -> None:
    """Let this process have as many connections as its owner may: usual is a tenth of that or less."""
    try:
        import resource  # exists on Unix only
    except ImportError:
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
