"""A configuration to start from: a file with every setting explained, and with the devices that were found in it.

What is only shown stands behind ``#`` without a blank, with its default or an example, so that it is switched on by taking that one
character away. Which settings there are is asked of ``config_schema``.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from indevolt.hub.config_schema import Spelling, Table, tables

_WIDTH: Final = 119
_HEAD: Final = """\
# The configuration of the indevolt hub. It is read once, at the start.
#
#   indevolt hub check FILE    what it will do, or what is wrong in here
#   indevolt hub FILE          run it
#
# Lines that begin with # and a blank explain. Lines that begin with # alone are settings that hold anyway, or examples:
# take the # away to change them, and that of the [heading] above. Secrets are best kept out of here: { env = "NAME" }
# takes one from the environment, { file = "path" } from a file that nobody else can read.
"""


@dataclass(frozen=True, slots=True)
class Listed:
    """A device to be written into a file."""

    name: str
    host: str
    notes: tuple[str, ...] = ()  # what is known about it, for people
    needs_password: bool = False


def commented(devices: Sequence[Listed] = (), *, time_zone: str | None = None, notes: Sequence[str] = ()) -> str:
    """Return the text of a file.

    Args:
        devices: what it lists; without any the hub looks for devices itself.
        time_zone: that of the site, where it is known.
        notes: what else is to be said about devices.
    """
    lines = [_HEAD]
    for table in tables():
        match table.path:
            case _ if table.kinds and table.kind != table.kinds[0]:
                pass  # the first kind is the example; the reference page has them all
            case ("site",):
                lines += ["", *_table(table, {"time_zone": time_zone} if time_zone else {})]
            case ("devices", 0):
                lines += ["", *_devices(table, devices, notes)]
            case ("devices", *_):
                pass  # written with the first device
            case _:
                lines += ["", *_table(table, {})]
    return "\n".join(lines) + "\n"


def _devices(main: Table, devices: Sequence[Listed], notes: Sequence[str]) -> Iterator[str]:
    """Yield all devices: the first one with every setting that a device has, the others with what they need."""
    first = devices[0] if devices else None
    about = (*notes, *(_about(first) if first else ()))
    shown = {"password": _password_of(first)} if first and first.needs_password else {}
    yield from _table(main, _known(first) if first else {}, about, shown)
    for table in tables():
        if table.path[0] == "devices" and table.path != main.path:
            yield from ("", *_table(table, {}, is_there=first is not None and not table.may_be_missing))
    for device in devices[1:]:
        yield ""
        for note in _about(device):
            yield from _prose(note)
        yield from (main.heading, *(f"{name} = {spelled(value)}" for name, value in _known(device).items()))
        if device.needs_password:
            yield f"#password = {spelled(_password_of(device))}"
        yield f"#control = {spelled(main.settings['control'].default)}"


def _known(device: Listed) -> dict[str, str]:
    return {"name": device.name, "host": device.host}


def _about(device: Listed) -> tuple[str, ...]:
    asks = ("It asks for a password: without the right one it cannot be read.",) if device.needs_password else ()
    return (*device.notes, *asks)


def _password_of(device: Listed) -> dict[str, str]:
    return {"file": f"{device.name}.password"}


def _table(
    table: Table,
    values: Mapping[str, Any],
    notes: Sequence[str] = (),
    examples: Mapping[str, Any] | None = None,
    *,
    is_there: bool | None = None,
) -> Iterator[str]:
    """Yield a table: what is known of it as it is, the rest behind ``#``; without word on it, it is there if it may be empty."""
    kinds = f"This is a table of one kind; kinds: {', '.join(table.kinds)}." if table.kinds else ""
    for text in (table.about, kinds, *notes):
        yield from _prose(text)
    if is_there is None:
        is_there = bool(values) or not table.may_be_missing
    yield f"{'' if is_there else '#'}{table.heading}"
    for name, setting in table.settings.items():
        if name in values:
            yield f"{name} = {spelled(values[name])}"
            continue
        yield from _prose(_explained(setting))
        yield f"#{name} = {spelled((examples or {}).get(name, setting.example))}"


def _explained(setting: Spelling) -> str:
    """Return what a setting means, what it may be, and what it is where the line below shows something else."""
    text = setting.about
    if not setting.is_secret and setting.allowed != "true or false":
        text += f" Allowed: {setting.allowed}."
    if setting.default_text and setting.example != setting.default:
        text += f" Default: {setting.default_text}."
    return text


def _prose(text: str) -> Iterator[str]:
    """Yield a text as comment. It may come from a device, so it must not be able to leave it."""
    harmless = "".join(letter if letter.isprintable() else " " for letter in text)
    yield from textwrap.wrap(harmless, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def spelled(value: object) -> str:
    """Return a value as TOML spells it."""
    match value:
        case dict():
            return "{ " + ", ".join(f"{name} = {spelled(each)}" for name, each in value.items()) + " }"
        case list() | tuple():
            return "[" + ", ".join(map(spelled, value)) + "]"
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)
