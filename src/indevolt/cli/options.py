"""Options that several commands share, so that they are called and mean the same everywhere.

The connection that they describe is made in ``session``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from click.shell_completion import CompletionItem

from indevolt.catalogue import families, load, products
from indevolt.cli.page import ConnectionOption
from indevolt.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Link:
    """Where a device is and how to reach it, as the options say."""

    host: str
    password: str | None = field(default=None, repr=False)
    model: str | None = None
    modules: int | None = None
    timeout_s: float = 10.0
    ca_file: Path | None = None
    fingerprint: str | None = None


class NumberRange(click.FloatRange):
    """A number within bounds; unlike for ``click.FloatRange``, one that is none is within no bounds."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - as click has it
        """Return the number.

        Raises:
            click.BadParameter: it is none, or out of bounds.
        """
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is not in the range {self._describe_range()}.", param, ctx)
        return number


Command = TypeVar("Command", bound=Callable[..., Any])
T = TypeVar("T")  # what a command returns

_SECONDS: Final = click.FloatRange(min=0, min_open=True)
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DIGITS: Final = 9  # of a span; more are no time that anybody means, and days may be no more
_LONGEST: Final = timedelta(hours=24)  # of an order (control.md, section 5, rule 7)
_FILE: Final = click.Path(dir_okay=False, path_type=Path)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs; errors too.")
config_option = click.option("--config", "file", type=_FILE, help="The hub's configuration, if not where `indevolt hub` finds it.")
folder_option = click.option(
    "--leases",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where leases are kept, if not where the hub's configuration or INDEVOLT_LEASES says.",
)
dry_run_option = click.option("--dry-run", is_flag=True, help="Show the exact request and write nothing.")


def span_of(text: str) -> timedelta | None:
    """Return a time span like ``45s``, ``30m``, ``2h`` or ``3d``; None for anything else."""
    number, unit = text[:-1], text[-1:]
    fits = unit in _UNITS and number.isascii() and number.isdigit() and len(number) <= _DIGITS
    return timedelta(seconds=int(number) * _UNITS[unit]) if fits else None


def check_span(_context: click.Context, _parameter: click.Parameter, value: str | None) -> timedelta | None:
    """Return what a person typed as a time span, up to a day.

    Raises:
        InvalidInput: none, or too long.
    """
    if value is None:
        return None
    span = span_of(value)
    if span is None or not timedelta() < span <= _LONGEST:
        raise InvalidInput(f"{value:.40} is no time span", remedy="45s, 30m or 2h; up to 24h.")
    return span


def complete_model(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete product and family names."""
    titles = {product.name: product.title for product in products().values()}
    titles.update({family: load(family).title for family in families()})
    return [CompletionItem(name, help=title) for name, title in titles.items() if name.startswith(incomplete)]


def complete_readable(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete names of quantities that can be read."""
    return _quantities(context, incomplete, settable=False)


def complete_settable(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete names of settings."""
    return _quantities(context, incomplete, settable=True)


def complete_mode(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the words of the energy mode, as people type them."""
    return [CompletionItem(word) for word in mode_words() if word.startswith(incomplete)]


def mode_words() -> tuple[str, ...]:
    """Return the words that ``mode`` takes, over all families."""
    found: dict[str, None] = {}
    for family in families():
        for side in load(family).points["mode"].writes:
            found.update(dict.fromkeys(word.replace("_", "-") for word in getattr(side.codec, "codes", ())))
    return tuple(found)


def _quantities(context: click.Context, incomplete: str, *, settable: bool) -> list[CompletionItem]:
    chosen = context.params.get("model")
    names: dict[str, str] = {}
    for family in [_family_of(chosen)] if chosen else families():
        for point in load(family).points.values():
            if point.writes if settable else point.read:
                names.setdefault(point.name, point.about)
    return [CompletionItem(name, help=about) for name, about in names.items() if name.startswith(incomplete)]


def _family_of(name: str) -> str:
    product = products().get(name)
    return product.family if product else name


def check_model(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Return the name of a product or family, if there is one of that name."""
    if value is None:
        return None
    name = value.strip().lower()
    if name not in products() and name not in families():
        raise InvalidInput(f"no model {value!r}", remedy=f"Models: {', '.join([*products(), *families()])}.")
    return name


model_option = click.option(
    "--model", metavar="MODEL", callback=check_model, shell_complete=complete_model, help="Product or family."
)


def _connection(*names: str, **attributes: object) -> Callable[[Command], Command]:
    return click.option(*names, cls=ConnectionOption, **attributes)


def device_options(command: Callable[..., T]) -> Callable[..., T]:
    """Add HOST and how to reach it; the command gets both as one :class:`Link`."""

    @click.argument("host")
    @_connection("--password", envvar="INDEVOLT_PASSWORD", show_envvar=True, help="Digest password; asked for where needed.")
    @_connection(
        "--model",
        metavar="MODEL",
        callback=check_model,
        shell_complete=complete_model,
        help="Product or family, where it cannot be told.",
    )
    @_connection(
        "--modules", type=click.IntRange(1, 6), metavar="N", help="Battery modules, main unit included, where it cannot be told."
    )
    @_connection(
        "--timeout", "timeout_s", type=_SECONDS, default=10.0, show_default=True, metavar="S", help="Seconds for one request."
    )
    @_connection("--ca-file", type=_FILE, help="CA certificates to trust, for https.")
    @_connection("--fingerprint", metavar="SHA256", help="Of the certificate that the device must have, for https.")
    @wraps(command)
    def reach(
        *,
        host: str,
        password: str | None,
        model: str | None,
        modules: int | None,
        timeout_s: float,
        ca_file: Path | None,
        fingerprint: str | None,
        **rest: object,  # the options of the command itself
    ) -> T:
        link = Link(host, password or None, model, modules, timeout_s, ca_file, fingerprint)
        return command(link, **rest)

    return reach
