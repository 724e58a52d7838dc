"""`indevolt simulate`: virtual devices that any client can talk to: one, a home, or a fleet of them.

Here are the options, and which of them mean something together. What becomes of them is in ``single``, ``home``, ``fleet`` and,
where no network is needed, ``scenario``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from indevolt.catalogue import products
from indevolt.cli.fleet import WantedFleet, serve_fleet
from indevolt.cli.home import WantedHome, serve_home
from indevolt.cli.options import NumberRange, json_option
from indevolt.cli.page import Subcommand
from indevolt.cli.recording import DEFAULT_MODEL, load_state, model_of
from indevolt.cli.scenario import WantedScenario, complete_scenario, list_scenarios, print_scenario, write_report
from indevolt.cli.session import environment
from indevolt.cli.single import WantedDevice, own_time, serve_device
from indevolt.clock import FastClock
from indevolt.errors import InvalidInput
from indevolt.protocol.discovery import PORT
from indevolt.simulator import FAULT_FORMS, Api, Sort

_FILE: Final = click.Path(dir_okay=False, path_type=Path)
_ANY: Final = click.IntRange(0, 65535)
_SEED: Final = 1
_YEARS: Final = range(1970, 2200)  # the sun is known well enough, and no clock runs over


# ---- which options go together -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Purpose:
    """One of the things that this command does: the option that asks for it, and the others that it takes."""

    option: str
    takes: frozenset[str]
    remedy: str


_SERVED: Final = frozenset(("port", "strict", "discovery", "discovery_port", "quiet", "speed", "start", "seed", "as_json"))
_LIST: Final = _Purpose("--list", frozenset(("list_them", "as_json")), "It only lists what ships; leave the other one out.")
_PRINT: Final = _Purpose("--print", frozenset(("print_it", "scenario")), "It only prints the scenario; leave the other one out.")
_REPORT: Final = _Purpose(
    "--report",
    frozenset(("report", "scenario", "seed", "start", "as_json")),
    "A report is made at once and without a network; leave the other one out.",
)
_HOME: Final = _Purpose(
    "--scenario",
    _SERVED | {"scenario", "host", "cert", "key", "announce_s", "push_s"},
    "Its file says what is there; begin one of your own with `indevolt simulate --scenario NAME --print`.",
)
_FLEET: Final = _Purpose(
    "--fleet",
    _SERVED | {"fleet", "models", "modules", "faults"},
    "Devices of a fleet have their API on, each at a loopback address of its own; leave the other one out.",
)


@dataclass(frozen=True, slots=True)
class Options:
    """The options as they were given, or their defaults."""

    scenario: str | None
    list_them: bool
    print_it: bool
    report: str | None
    fleet: int | None
    speed: float
    start: datetime | None
    models: tuple[str, ...]
    modules: int | None
    state: Path | None
    seed: int | None
    host: str
    port: int
    api: str
    password: str | None
    factory_default: bool
    cert: Path | None
    key: Path | None
    latency_ms: float
    strict: bool
    faults: tuple[str, ...]
    discovery: bool
    discovery_port: int
    announce_s: float | None
    push_s: float | None
    quiet: bool
    as_json: bool

    @property
    def asked_at(self) -> int | None:
        """The UDP port of discovery, None without."""
        return self.discovery_port if self.discovery else None

    @property
    def purpose(self) -> _Purpose | None:
        """What is to be done; None for a single device, which takes all other options.

        Raises:
            InvalidInput: something that needs a scenario, without one.
        """
        if self.list_them:
            return _LIST
        wanted = _PRINT if self.print_it else _REPORT if self.report is not None else None
        if wanted is not None and self.scenario is None:
            raise InvalidInput(
                f"{wanted.option} needs a scenario", remedy="Add --scenario NAME; `indevolt simulate --list` shows which there are."
            )
        return wanted or (_FLEET if self.fleet is not None else _HOME if self.scenario is not None else None)


def _check_together(context: click.Context, purpose: _Purpose) -> None:
    """Check that every option that was typed means something for what is to be done.

    Raises:
        InvalidInput: names the first that does not.
    """
    for parameter in context.command.params:
        name = parameter.name or ""
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE and name not in purpose.takes:
            raise InvalidInput(f"{parameter.opts[0]} means nothing with {purpose.option}", remedy=purpose.remedy)


# ---- options -------------------------------------------------------------------------------------------------------------


def _complete_fault(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(form) for form in FAULT_FORMS if form.startswith(incomplete)]


def _moment(_context: click.Context, _parameter: click.Parameter, value: str | None) -> datetime | None:
    """Return the instant that a text means, in UTC unless it says otherwise."""
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(value.strip())
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(
            f"--start: {value!r:.60} is no time",
            remedy="Write 2026-01-15 or 2026-01-15T06:30; it is UTC unless it ends like +01:00.",
        ) from error
    if at.year not in _YEARS:
        raise InvalidInput(f"--start: the year {at.year} does not fit; allowed: {_YEARS[0]} to {_YEARS[-1]}")
    return at


@click.command(
    "simulate",
    cls=Subcommand,
    examples=[
        "indevolt simulate",
        "indevolt simulate --model solidflex2000 --modules 3 --host 0.0.0.0",
        "indevolt simulate --api digest --factory-default",
        "indevolt simulate --state recording.jsonl --fault reset@0.1 --fault slow:2.5",
        "indevolt simulate --list",
        "indevolt simulate --scenario winter-day --speed 60",
        "indevolt simulate --scenario winter-day --report day.html",
        "indevolt simulate --scenario winter-day --print > mine.toml",
        "indevolt simulate --fleet 1000 --model powerflex2000 --model solidflex2000",
    ],
    epilog=f"Faults: {', '.join(FAULT_FORMS)}; each may end in *COUNT, @PROBABILITY or both.",
)
@click.option(
    "--scenario",
    metavar="NAME|FILE",
    shell_complete=complete_scenario,
    help="A whole home, its weather and what happens: one that ships, or a TOML file.",
)
@click.option("--list", "list_them", is_flag=True, help="List the scenarios that ship.")
@click.option("--print", "print_it", is_flag=True, help="Print the scenario's file, to begin one's own with.")
@click.option(
    "--report", metavar="FILE", help="Play the scenario at once, without a network, and write a page about it; - prints it."
)
@click.option("--fleet", type=click.IntRange(min=1), metavar="N", help="So many devices, each at a loopback address of its own.")
@click.option(
    "--speed",
    type=NumberRange(1, FastClock.FASTEST),
    default=1.0,
    show_default=True,
    metavar="FACTOR",
    help="How many times faster than real its time goes.",
)
@click.option(
    "--start",
    metavar="TIME",
    callback=_moment,
    help="When its time begins: 2026-01-15 or 2026-01-15T06:30 (UTC); else now, or when the scenario says.",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    show_default="powerflex2000, or what the state shows",
    type=click.Choice([*products(), *(sort.value for sort in Sort)]),
    metavar="MODEL",
    help=f"A battery ({', '.join(products())}) or an accessory ({', '.join(Sort)}); repeatable for a fleet.",
)
@click.option("--modules", type=click.IntRange(min=1), metavar="N", help="Battery modules, main unit included.")
@click.option("--state", type=_FILE, help="Start as in this file: a recording, or JSON of point numbers and values.")
@click.option(
    "--seed",
    type=int,
    show_default="1, or what the scenario says",
    metavar="N",
    help="Decides serial number, weather and chance.",
)
@click.option(
    "--host", metavar="ADDRESS", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 is every one."
)
@click.option(
    "--port",
    type=_ANY,
    metavar="PORT",
    default=8080,
    show_default=True,
    help="TCP port of the API, of a home the first one; 0 takes a free one.",
)
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
@click.option("--latency", "latency_ms", type=NumberRange(min=0), default=0.0, metavar="MS", help="Time that each reply takes.")
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
    "--announce", "announce_s", type=NumberRange(min=0.1), metavar="S", help="Broadcast an announcement every so many seconds."
)
@click.option(
    "--push", "push_s", type=NumberRange(min=0.05), metavar="S", help="Broadcast push frames, as accessories and meters do."
)
@click.option("--quiet", is_flag=True, help="Do not print a line for each request and event.")
@json_option
@click.pass_context
def simulate_command(context: click.Context, /, **options: Any) -> None:  # noqa: ANN401 - each has its type in Options
    """Start a virtual device that any OpenData client can talk to, and print what it answers, until Ctrl-C.

    It lives a small day of its own: sun, house, meter. With --scenario it is a whole home with several units, prices and events;
    with --fleet there are many. Everything that they say is made up.
    """
    given = Options(**options)
    purpose = given.purpose
    if purpose is not None:
        _check_together(context, purpose)
    if given.list_them:
        list_scenarios(as_json=given.as_json)
    elif given.fleet is not None:
        _start_fleet(given, given.fleet)
    elif given.scenario is None:
        _start_device(given)
    else:
        _use_scenario(given, WantedScenario(given.scenario, given.seed, given.start))


def _use_scenario(given: Options, wanted: WantedScenario) -> None:
    if given.print_it:
        print_scenario(wanted)
    elif given.report is not None:
        write_report(wanted, given.report, as_json=given.as_json)
    else:
        home = WantedHome(
            scenario=wanted,
            host=given.host,
            port=given.port,
            cert=given.cert,
            key=given.key,
            strict=given.strict,
            discovery_port=given.asked_at,
            announce_s=given.announce_s,
            push_s=given.push_s,
            speed=given.speed,
        )
        serve_home(home, environment().clock, quiet=given.quiet, as_json=given.as_json)


def _start_fleet(given: Options, count: int) -> None:
    wanted = WantedFleet(
        count,
        given.port,
        given.asked_at,
        models=given.models,
        modules=given.modules,
        seed=_SEED if given.seed is None else given.seed,
        faults=given.faults,
        strict=given.strict,
    )
    clock = own_time(environment().clock, given.speed, given.start)
    serve_fleet(wanted, clock, quiet=given.quiet, as_json=given.as_json)


def _start_device(given: Options) -> None:
    if len(given.models) > 1:
        raise InvalidInput(
            f"--model is given {len(given.models)} times, and a device has one",
            remedy="Add --fleet N for a mix of devices, or write a scenario.",
        )
    state = load_state(given.state) if given.state else None
    wanted = WantedDevice(
        model=given.models[0] if given.models else model_of(state) if state else DEFAULT_MODEL,
        host=given.host,
        port=given.port,
        api=Api.parse(given.api),
        password=given.password,
        factory_default=given.factory_default,
        cert=given.cert,
        key=given.key,
        state=state,
        modules=given.modules,
        seed=_SEED if given.seed is None else given.seed,
        latency_s=given.latency_ms / 1000,
        strict=given.strict,
        faults=given.faults,
        discovery_port=given.asked_at,
        announce_s=given.announce_s,
        push_s=given.push_s,
        speed=given.speed,
        start=given.start,
    )
    serve_device(wanted, environment().clock, quiet=given.quiet, as_json=given.as_json)
