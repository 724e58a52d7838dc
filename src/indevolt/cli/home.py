"""What `indevolt simulate --scenario X` does: a home on the network, and a line for everything it answers and all that happens.

How it is put on the network is in ``virtual_home``; scenarios themselves, and what becomes of them without one, in ``scenario``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from rich.text import Text

from indevolt.catalogue import Model
from indevolt.cli.introduction import introduce, pace, reachable, with_modules
from indevolt.cli.scenario import Series, WantedScenario, one_line
from indevolt.cli.screen import line, print_json_line, screen
from indevolt.cli.session import run
from indevolt.cli.single import certificate
from indevolt.cli.traffic import Answered
from indevolt.clock import Clock
from indevolt.errors import InvalidInput
from indevolt.protocol.messages import MeterJsonData, P1JsonData
from indevolt.server import Observer
from indevolt.simulator import DEVICE_KEY, Api, Simulator
from indevolt.simulator.play import Play
from indevolt.simulator.report.tables import lasting
from indevolt.simulator.scenario.records import MeterSort
from indevolt.simulator.trace import Happening
from indevolt.virtual_home import TICK_S, VirtualHome, stage

_METERS: Final = {  # what each is, and where it shows what it measures
    MeterSort.NATIVE: ("INDEVOLT meter", f"/rpc/{MeterJsonData.rpc}"),
    MeterSort.P1: ("P1 reader", f"/rpc/{P1JsonData.rpc}"),
    MeterSort.SHELLY: ("Shelly Pro 3EM look-alike", "/rpc/EM.GetStatus?id=0"),
}


@dataclass(frozen=True, slots=True)
class WantedHome:
    """What the options ask for. Durations are real ones, however fast the home's time passes."""

    scenario: WantedScenario
    host: str
    port: int
    cert: Path | None
    key: Path | None
    strict: bool
    discovery_port: int | None
    announce_s: float | None
    push_s: float | None
    speed: float


def serve_home(wanted: WantedHome, clock: Clock, *, quiet: bool, as_json: bool) -> None:
    """Serve a home until Ctrl-C.

    Args:
        wanted: the home.
        clock: real time.
        quiet: print the introduction only.
        as_json: print a JSON document a line, for programs.

    Raises:
        InvalidInput: what is wrong with the scenario, what does not go together, or a port that is taken.
    """
    scenario, series = wanted.scenario.load(), Series(wanted.scenario)
    is_secure = any(unit.api is Api.HTTPS for unit in scenario.units)
    if not is_secure and (wanted.cert or wanted.key):
        raise InvalidInput("a certificate means nothing without https", remedy='Give a unit of the scenario api = "https".')
    tls, fingerprint = certificate(wanted.host, clock, wanted.cert, wanted.key, needed=is_secure)
    with series.named():
        play = stage(scenario, clock=clock, speed=wanted.speed, read_lines=series)
    teller = _Teller(play, clock, as_json=as_json)
    home = VirtualHome(
        play,
        wanted.host,
        wanted.port,
        ssl=tls,
        strict=wanted.strict,
        discovery_port=wanted.discovery_port,
        announce_s=None if wanted.announce_s is None else wanted.announce_s * wanted.speed,
        push_s=None if wanted.push_s is None else wanted.push_s * wanted.speed,
        tick_s=TICK_S * wanted.speed,
        observe=None if quiet else teller.observer,
        tell=None if quiet else teller.tell,
    )

    async def serve() -> None:
        async with home:
            introduction = _Introduction(home, wanted, fingerprint)
            introduce(introduction.lines(), introduction.record(), as_json=as_json)
            await home.keep_going()

    run(serve())


class _Teller:
    """Prints what is answered and what happens, with the home's own time."""

    def __init__(self, play: Play, clock: Clock, *, as_json: bool) -> None:
        self._play = play
        self._clock = clock
        self._as_json = as_json
        self._console = screen()
        self._width = max(len(name) for name in ("meter", *play.units))

    def observer(self, name: str) -> Observer:
        """Return who is told what a unit, or the meter, answers."""
        unit = self._play.units.get(name)
        model = None if unit is None else unit.model

        def show(peer: str, method: str, target: str, status: int, took_s: float) -> None:
            self._answered(name, model, Answered(self._clock.now(), peer, method, target, status, took_s))

        return show

    def _answered(self, name: str, model: Model | None, answered: Answered) -> None:
        at = self._play.site.clock.now()
        if self._as_json:
            print_json_line({"event": "answered", "home_at": _iso(at), "unit": name or "meter", **answered.record()})
        else:
            self._console.print(Text.assemble(self._lead(at, name or "meter"), answered.text(model)), soft_wrap=True)

    def tell(self, happening: Happening) -> None:
        """Print what happens."""
        if self._as_json:
            record = {"event": "happened", "home_at": _iso(happening.at), "unit": happening.unit or None, "text": happening.text}
            print_json_line(record)
        else:
            lead = self._lead(happening.at, happening.unit)
            self._console.print(Text.assemble(lead, line(happening.text, "yellow")), soft_wrap=True)

    def _lead(self, at: datetime, name: str) -> Text:
        return Text.assemble((f"{at:%m-%d %H:%M:%S}  ", "cyan"), line(f"{name:<{self._width}}  "))


class _Introduction:
    """What a home says of itself when it starts."""

    def __init__(self, home: VirtualHome, wanted: WantedHome, fingerprint: str) -> None:
        self._home = home
        self._wanted = wanted
        self._fingerprint = fingerprint
        self._scenario = home.play.scenario

    def lines(self) -> Iterator[str]:
        """Yield it for people."""
        home, scenario = self._home, self._scenario
        yield f"{scenario.title} (scenario {self._wanted.scenario.text})"
        yield "Everything is simulated: house, sky, units and meter."
        for name, unit in home.play.units.items():
            where = self._url(name) or "its local API is off"
            looks = "".join(f", looks at {spec.meter}" for spec in scenario.units if spec.name == name and spec.meter)
            yield f"{name}: {with_modules(unit.product.title, unit.modules)}, {where}{looks}"
        yield f"meter: {self._meter_line()}"
        if home.discovery_port is not None:
            yield f"discovery: UDP {home.host}:{home.discovery_port} answers for all"
        if self._fingerprint:
            yield f"certificate: --fingerprint {self._fingerprint}"
        for spec in scenario.units:
            if spec.api is Api.DIGEST:
                shown = "as in the scenario" if spec.password else f"{DEVICE_KEY}, the device key of the documents"
                yield f"Digest of {spec.name}: user opend, password {shown}"
        yield self._time_line()
        if scenario.about:
            yield one_line(scenario.about)
        yield from self._suggestions()
        yield "Ctrl-C stops it."

    def record(self) -> dict[str, Any]:
        """Return it for programs."""
        home, scenario = self._home, self._scenario
        return {
            "event": "started",
            "virtual": True,
            "scenario": self._wanted.scenario.text,
            "title": scenario.title,
            "home_at": _iso(scenario.start),
            "end": _iso(scenario.start + timedelta(days=scenario.days)),
            "speed": self._wanted.speed,
            "step_s": scenario.step_s,
            "seed": scenario.seed,
            "units": [self._unit_record(name, unit) for name, unit in home.play.units.items()],
            "meter": None if self._meter_url() is None else {"sort": str(scenario.meter.sort), "url": self._meter_url()},
            "discovery_port": home.discovery_port,
            "fingerprint": self._fingerprint or None,
        }

    def _unit_record(self, name: str, unit: Simulator) -> dict[str, Any]:
        return {
            "name": name,
            "model": unit.product.name,
            "modules": unit.modules,
            "serial": unit.serial,
            "api": unit.access.api.value,
            "url": self._url(name),
        }

    def _url(self, name: str) -> str | None:
        """Return where a unit's API is, None where it is off."""
        unit = self._home.units[name]
        api = unit.simulator.access.api
        scheme = "https" if api is Api.HTTPS else "http"
        return None if api is Api.OFF else f"{scheme}://{reachable(self._wanted.host)}:{unit.port}"

    def _meter_url(self) -> str | None:
        port = self._home.meter_port
        return None if port is None else f"http://{reachable(self._wanted.host)}:{port}"

    def _meter_line(self) -> str:
        sort, url = self._scenario.meter.sort, self._meter_url()
        if url is None:
            return "none, so the units follow their load curves"
        kind, document = _METERS[sort]
        pushes = "" if self._wanted.push_s is None else f", and every {self._wanted.push_s:g} s by broadcast"
        return f"{kind}, {url}{document}{pushes}"

    def _time_line(self) -> str:
        scenario, speed = self._scenario, self._wanted.speed
        steps = f", in steps of {scenario.step_s:g} s" if scenario.step_s > 1 else ""
        length_s = timedelta(days=scenario.days).total_seconds()
        over = f"{lasting(length_s)} of it will take {lasting(round(length_s / speed))}, then life goes on without events"
        return f"its time: {scenario.start:%Y-%m-%d %H:%M} UTC, {pace(speed)}{steps}; {over}"

    def _suggestions(self) -> Iterator[str]:
        addresses = [
            url if url.startswith("https") else url.removeprefix("http://")
            for url in (self._url(name) for name in self._home.units)
            if url is not None
        ]
        if addresses:
            yield f"try: indevolt get {addresses[0]}"
            yield f"     indevolt watch {addresses[-1]}"
        if (url := self._meter_url()) is not None:
            yield f"     curl -g '{url}{_METERS[self._scenario.meter.sort][1]}'"


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
