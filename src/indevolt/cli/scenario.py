"""Scenarios on the command line: which there are, where their files are, and what becomes of one without a network.

What a scenario says is ``simulator.scenario``'s, what happens in it ``simulator.play``'s, and how the page looks
``simulator.report``'s. With a network it is ``home``'s.
"""

from __future__ import annotations

import gzip
import shlex
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import click
from click.shell_completion import CompletionItem
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from indevolt.cli.screen import cut_text, line, print_json, rows, screen, show
from indevolt.errors import InvalidInput
from indevolt.simulator import scenario as scenarios
from indevolt.simulator.performance import perform
from indevolt.simulator.report import COMMAND, render
from indevolt.simulator.scenario.records import Scenario
from indevolt.simulator.trace import Trace

STDOUT: Final = "-"
_PAGES: Final = (".html", ".htm")
_SEEDS: Final = range(1_000_000)  # as in the file
_KWH: Final = 1e3


@dataclass(frozen=True, slots=True)
class WantedScenario:
    """Which scenario the options ask for, and what they say instead of its file."""

    text: str  # name of a shipped one, or a file
    seed: int | None = None
    start: datetime | None = None

    @property
    def path(self) -> Path | None:
        """The file, None for a shipped one; a file can also be told from a name by its ending or by a folder before it."""
        path = Path(self.text)
        is_file = self.text not in scenarios.names() and (path.suffix == ".toml" or len(path.parts) > 1 or path.is_file())
        return path if is_file else None

    def read(self) -> str:
        """Return the scenario as TOML.

        Raises:
            InvalidInput: there is none of that name, or the file cannot be read.
        """
        if self.path is None:
            return scenarios.shipped(self.text)
        try:
            return self.path.read_text("utf-8")
        except (OSError, ValueError) as error:
            raise InvalidInput(
                f"cannot read {self.path}: {_reason(error)}",
                remedy="`indevolt simulate --scenario NAME --print > mine.toml` makes one to begin with; --list shows the names.",
            ) from error

    def load(self) -> Scenario:
        """Return the scenario, checked.

        Raises:
            InvalidInput: as :meth:`read`, or mistakes in the file, each with its line; or a seed that scenarios cannot have.
        """
        if self.seed is not None and self.seed not in _SEEDS:
            raise InvalidInput(f"--seed: {self.seed} does not fit; a scenario takes 0 to {_SEEDS[-1]}")
        name = f"scenario {self.text}" if self.path is None else str(self.path)
        found = scenarios.load(self.read(), name=name, start=self.start)
        return found if self.seed is None else replace(found, seed=self.seed)

    def command(self, *rest: str) -> str:
        """Return a command line that asks for the same, without the folder of its file."""
        words = ["indevolt", "simulate", "--scenario", self.text if self.path is None else self.path.name]
        if self.seed is not None:
            words += ["--seed", str(self.seed)]
        if self.start is not None:
            words += ["--start", f"{self.start:%Y-%m-%dT%H:%M:%S}Z"]
        return shlex.join([*words, *rest])


class Series:
    """Reads the CSV files that a scenario names, beside its own; a name that ends in ``.gz`` is unpacked.

    It remembers which one it read last, because whoever makes sense of lines does not know where they are from.
    """

    def __init__(self, wanted: WantedScenario) -> None:
        self._folder = Path() if wanted.path is None else wanted.path.parent
        self._last: Path | None = None

    def __call__(self, name: str) -> list[str]:
        """Return the lines of a file.

        Raises:
            InvalidInput: it cannot be read.
        """
        self._last = None
        path = self._folder / name
        try:
            packed = path.read_bytes()
            text = (gzip.decompress(packed) if path.suffix == ".gz" else packed).decode("utf-8")
        except (OSError, EOFError, zlib.error, ValueError) as error:
            raise InvalidInput(
                f"cannot read {path}: {_reason(error)}", remedy="Files that a scenario names are looked for beside its own file."
            ) from error
        self._last = path
        return text.splitlines()

    @contextmanager
    def named(self) -> Iterator[None]:
        """Put the name of the file before what is wrong with its content.

        Raises:
            InvalidInput: what was raised within.
        """
        try:
            yield
        except InvalidInput as error:
            if self._last is None:
                raise
            raise InvalidInput(f"{self._last}: {error}", remedy=error.remedy) from error


def complete_scenario(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete names of shipped scenarios, else names of files."""
    found = [
        CompletionItem(name, help=scenarios.load(scenarios.shipped(name), name=name).title)
        for name in scenarios.names()
        if name.startswith(incomplete)
    ]
    return found or [CompletionItem(incomplete, type="file")]


# ---- what there is -------------------------------------------------------------------------------------------------------


def list_scenarios(*, as_json: bool) -> None:
    """Print what ships with the package."""
    found = {name: scenarios.load(scenarios.shipped(name), name=name) for name in scenarios.names()}
    if as_json:
        print_json([_entry(name, each) for name, each in found.items()])
        return
    console = screen()
    table = rows("Scenario", "What?", "Starts", ">Length", "Units?")
    for name, each in found.items():
        units = ", ".join(unit.product.title for unit in each.units)
        table.add_row(name, Text(each.title), f"{each.start:%Y-%m-%d}", _length(each.days), cut_text(units))
    show(console, table)
    console.print(Text("Run one: indevolt simulate --scenario NAME; begin your own with: ... --scenario NAME --print", style="dim"))


def _entry(name: str, scenario: Scenario) -> dict[str, Any]:
    return {
        "name": name,
        "title": scenario.title,
        "about": one_line(scenario.about),
        "start": scenario.start.isoformat(),
        "days": scenario.days,
        "units": [{"name": unit.name, "model": unit.product.name, "modules": unit.modules} for unit in scenario.units],
        "meter": str(scenario.meter.sort),
        "events": len(scenario.events),
    }


def print_scenario(wanted: WantedScenario) -> None:
    """Print the file of a scenario."""
    click.echo(wanted.read(), nl=False)


def one_line(text: str) -> str:
    """Return a text without its line breaks."""
    return " ".join(text.split())


def _length(days: float) -> str:
    return f"{days:g} d" if days >= 1 else f"{days * 24:g} h"


# ---- without a network ---------------------------------------------------------------------------------------------------


def write_report(wanted: WantedScenario, file: str, *, as_json: bool) -> None:
    """Play a scenario to its end at once, write the page about it, and print its key figures.

    Args:
        wanted: the scenario.
        file: where the page goes; STDOUT prints it, and the figures go to stderr.
        as_json: print the figures as JSON.

    Raises:
        InvalidInput: what is wrong with the scenario, or a file that cannot be written.
        OSError: the disk is full.
    """
    if file == STDOUT and as_json:
        raise InvalidInput("--json and --report - both print to the same place", remedy="Give the report a file.")
    path = None if file == STDOUT else _writable(Path(file))
    scenario, series = wanted.load(), Series(wanted)
    facts = {"version": version("indevolt"), COMMAND: wanted.command("--report", file if path is None else path.name)}
    with series.named(), _progress(scenario.title, quiet=as_json) as progress:
        trace = perform(scenario, read_lines=series, facts=facts, progress=progress)
    page = render(trace)
    if path is None:
        click.echo(page, nl=False)
    else:
        _write(path, page)
    if as_json:
        print_json({"file": file, "scenario": wanted.text, "seed": scenario.seed, **_figures_record(trace)})
    else:
        _print_figures(trace, None if path is None else file, screen(stderr=path is None))


def _writable(path: Path) -> Path:
    """Check, before what may take long, that a page could be written there.

    Raises:
        InvalidInput: it could not.
    """
    if path.is_dir():
        raise InvalidInput(f"{path} is a folder", remedy="Name the file in it, such as day.html.")
    if path.exists() and not path.is_file():
        return path  # a device such as /dev/stdout
    if path.suffix.lower() not in _PAGES:
        raise InvalidInput(f"--report: {path} does not end in .html", remedy="The report is an HTML page; - prints it.")
    if not path.parent.is_dir():
        raise InvalidInput(f"cannot write {path}: there is no folder {path.parent}", remedy="Make it, or choose another one.")
    return path


def _write(path: Path, page: str) -> None:
    """Write the whole page or nothing."""
    part = path.with_name(f"{path.name}.part") if path.is_file() or not path.exists() else path
    try:
        try:
            part.write_text(page, "utf-8")
            if part != path:
                part.replace(path)
        finally:
            if part != path:
                with suppress(OSError):
                    part.unlink(missing_ok=True)
    except PermissionError as error:
        raise InvalidInput(f"cannot write {path}: {_reason(error)}", remedy="Choose another file.") from error
    except OSError as error:
        raise OSError(error.errno, f"{path}: {_reason(error)}") from error


@contextmanager
def _progress(text: str, *, quiet: bool) -> Iterator[Callable[[float], None] | None]:
    """Show on the terminal how far it is; nothing where nobody watches."""
    console = screen(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(str(line(text)), total=1.0)
        yield lambda share: bar.update(task, completed=share)


def _print_figures(trace: Trace, file: str | None, console: Console) -> None:
    console.print(line(f"{trace.title} (simulated), {trace.start:%Y-%m-%d %H:%M} to {trace.end:%Y-%m-%d %H:%M} UTC", "bold"))
    table = rows("", ">", "", headers=False)
    for label, value, unit in _figures(trace):
        table.add_row(f"  {label}", value, unit)
    if console.stderr:
        console.print(table)
    else:
        show(console, table)
    if file is not None:
        console.print(line(f"written: {file}"), soft_wrap=True)


def _figures(trace: Trace) -> Iterator[tuple[str, str, str]]:
    total = trace.energies
    energies = {
        "load": total.used_wh,
        "PV": total.own_wh,
        "import": total.import_wh,
        "export": total.export_wh,
        "charged": total.charged_wh,
        "discharged": total.discharged_wh,
        "losses": total.loss_wh,
    }
    yield from ((label, f"{energy_wh / _KWH:.2f}", "kWh") for label, energy_wh in energies.items())
    if total.self_sufficiency_pct is not None:
        yield "self-sufficiency", f"{total.self_sufficiency_pct:.1f}", "%"
    if trace.round_trip is not None:
        yield "round trip", f"{100 * trace.round_trip:.1f}", "%"
    if trace.cost_eur is not None:
        yield "cost", f"{trace.cost_eur:.2f}", "EUR"
    for name, unit in zip(trace.units, trace.rows[-1].units, strict=True):
        yield f"charge of {name} at the end", f"{unit.soc_pct:.1f}", "%"


def _figures_record(trace: Trace) -> dict[str, Any]:
    total = trace.energies
    return {
        "title": trace.title,
        "start": trace.start.isoformat(),
        "end": trace.end.isoformat(),
        "load_wh": total.used_wh,
        "pv_wh": total.own_wh,
        "import_wh": total.import_wh,
        "export_wh": total.export_wh,
        "charged_wh": total.charged_wh,
        "discharged_wh": total.discharged_wh,
        "loss_wh": total.loss_wh,
        "balance_error_wh": trace.balance_error_wh,
        "self_sufficiency_pct": total.self_sufficiency_pct,
        "self_consumption_pct": total.self_consumption_pct,
        "round_trip_pct": None if trace.round_trip is None else 100 * trace.round_trip,
        "cycles": trace.cycles,
        "cost_eur": trace.cost_eur,
        "soc_pct": {name: unit.soc_pct for name, unit in zip(trace.units, trace.rows[-1].units, strict=True)},
        "happenings": [{"at": each.at.isoformat(), "unit": each.unit or None, "text": each.text} for each in trace.happenings],
    }


def _reason(error: Exception) -> str:
    """Return what is wrong, without the path that the system repeats."""
    if isinstance(error, UnicodeDecodeError):
        return f"it is not text in UTF-8 (byte {error.start})"
    return getattr(error, "strerror", None) or str(error)
