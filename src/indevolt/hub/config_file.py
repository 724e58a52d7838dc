"""Reading the hub's configuration: where its file is looked for, and every mistake in it by line, field, value and allowed range.

What a setting means is in ``config``. A value that may be a secret is never repeated.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from indevolt.errors import InvalidInput
from indevolt.hub.config import ApiConfig, Config
from indevolt.hub.config_control import ControlConfig
from indevolt.hub.config_schema import Spelling, heading, place_of, spelling_at
from indevolt.hub.config_section import RULE
from indevolt.hub.secret import Origin, is_file
from indevolt.tomlfields import suggestion, told
from indevolt.tomltext import Mistakes, Path as Place, parse, show, spell

T = TypeVar("T")
VARIABLE: Final = "INDEVOLT_CONFIG"
NAME: Final = "indevolt.toml"
SYSTEM: Final = Path("/etc/indevolt") / NAME
_LARGEST: Final = 4 * 1024 * 1024  # bytes: above a file of ten thousand devices
_REMEDY: Final = "Every setting: docs/reference/hub-config.md; a file to start from: `indevolt hub init`."


# ---- where it is ---------------------------------------------------------------------------------------------------------------


def find(argument: Path | None = None, *, environ: Mapping[str, str] = os.environ, system: Path = SYSTEM) -> Path | None:
    """Return the file that holds the configuration; None where there is none, so that defaults hold.

    Looked for in this order: the argument, ``$INDEVOLT_CONFIG``, ``./indevolt.toml``, that of this user, that of this machine. What
    is named has to be there.

    Raises:
        InvalidInput: a file that was named is not there.
    """
    named = argument or (Path(environ[VARIABLE]) if environ.get(VARIABLE) else None)
    if named is not None:
        if not is_file(named):
            source = "" if argument else f" (of ${VARIABLE})"
            raise InvalidInput(f"there is no file {named}{source}", remedy=f"`indevolt hub init {named}` writes one.")
        return named
    return next((place for place in places(environ=environ, system=system) if is_file(place)), None)


def places(*, environ: Mapping[str, str] = os.environ, system: Path = SYSTEM) -> tuple[Path, ...]:
    """Return where a file is looked for when none is named."""
    own = Path(environ.get("XDG_CONFIG_HOME") or "~/.config") / "indevolt" / NAME
    return Path(NAME), _expanded(own), system


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:  # a user without a home
        return path


# ---- what it says --------------------------------------------------------------------------------------------------------------


def load(path: Path | None, *, environ: Mapping[str, str] = os.environ) -> Config:
    """Return the configuration of a file; without one, that of the defaults.

    Raises:
        InvalidInput: the file cannot be read.
        WrongToml: names every mistake.
    """
    if path is None:
        return Config()
    return load_text(_text_of(path), name=str(path), origin=Origin(path.absolute().parent, environ)).read_from(path.absolute())


def api_of(path: Path | None) -> tuple[str, int, bool]:
    """Return host and port at which a hub with this file listens, and whether by https; the rest of the file is left unread.

    For programs beside the hub: its secrets may be in its environment alone, and in files that are nobody else's to read.

    Raises:
        InvalidInput: the file cannot be read, or that part of it is wrong.
    """
    return _alone(path, "api", lambda table, _: ApiConfig.place_of(table))


def leases_of(path: Path | None) -> Path:
    """Return where a hub with this file keeps leases; but for [control], the file is left unread.

    Raises:
        InvalidInput: the file cannot be read, or that part of it is wrong.
    """
    return _alone(path, "control", lambda table, origin: ControlConfig.model_validate(table, context=origin).leases)


def _alone(path: Path | None, name: str, read: Callable[[Mapping[str, object], Origin], T]) -> T:
    """Return what is read of one table of a file."""
    if path is None:
        return read({}, Origin())
    table = _tables(path).get(name, {})
    try:
        if isinstance(table, dict):
            return read(table, Origin(path.absolute().parent))
    except ValidationError:
        pass  # told below, with all other mistakes
    load(path)
    raise InvalidInput(f"{path}: [{name}] is wrong in a way that has no words yet")


def _tables(path: Path) -> Mapping[str, Any]:
    return parse(_text_of(path), name=str(path)).values


def bare_secrets(path: Path) -> tuple[str, ...]:
    """Return the secrets that stand in a file itself, as messages spell their places; hashes of tokens give nothing away."""
    return tuple(spell(place) for place in _texts((), _tables(path)) if place[-1] != "hash" and spelling_at(place).is_secret)


def _texts(path: Place, value: object) -> Iterator[Place]:
    """Yield where texts are, however deep."""
    match value:
        case str():
            yield path
        case dict():
            for name, each in value.items():
                yield from _texts((*path, name), each)
        case list():
            for position, each in enumerate(value):
                yield from _texts((*path, position), each)


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is no UTF-8 text: {error.reason} at byte {error.start}", remedy="Save it as UTF-8.") from error
    if len(data) > _LARGEST:
        raise InvalidInput(f"{path} is larger than any configuration")
    return text


def load_text(text: str, *, name: str, origin: Origin) -> Config:
    """Return the configuration that a text spells.

    Args:
        text: TOML.
        name: what messages call it.
        origin: what its relative paths and variables are looked up in.

    Raises:
        WrongToml: names every mistake.
    """
    document = parse(text, name=name)
    mistakes = Mistakes(document)
    try:
        return Config.model_validate(document.values, context=origin)
    except ValidationError as wrong:
        errors = wrong.errors(include_url=False)
        for error in errors:
            if not _follows(error, errors):
                mistakes.add(*_told(error))
    mistakes.settle(remedy=_REMEDY)
    raise InvalidInput(f"{name} is wrong in a way that has no words yet")


def _follows(error: ErrorDetails, errors: Sequence[ErrorDetails]) -> bool:
    """Return whether something is only wrong as something else is."""
    match error["type"]:
        case "default_factory_not_called":  # the default depends on a field that is itself wrong
            return True
        case "too_short":  # what is wrong in the list was not counted
            place = error["loc"]
            return any(len(each["loc"]) > len(place) and each["loc"][: len(place)] == place for each in errors)
    return False


def _told(error: ErrorDetails) -> tuple[Place, str]:
    """Return where a mistake is, and what is told about it."""
    path, field = place_of(error["loc"]), spelling_at(error["loc"])
    match error["type"]:
        case "union_tag_invalid" | "union_tag_not_found" as kind:
            allowed = ", ".join(map(show, field.kinds))
            if kind == "union_tag_not_found":
                return (*path, "kind"), f"missing; allowed: {allowed}"
            given = str(error.get("ctx", {}).get("tag"))
            return (*path, "kind"), f"{show(given)} does not fit;{suggestion(given, field.kinds)} allowed: {allowed}"
        case "extra_forbidden":
            table = spelling_at(error["loc"][:-1])
            hint = suggestion(str(path[-1]), table.names)
            return path, f"unknown field;{hint} {heading(path[:-1])} has: {', '.join(table.names)}"
        case "missing":
            return path, f"missing; allowed: {field.allowed}"
        case kind if kind == RULE:
            return path, error["msg"]
        case "value_error":
            cause = error.get("ctx", {}).get("error")
            return path, told(cause) if isinstance(cause, InvalidInput) else error["msg"]
    hint = suggestion(error["input"], field.words) if isinstance(error["input"], str) else ""
    brackets = _brackets(error["input"], field, path)
    return path, f"{_shown(error['input'], field)} does not fit;{hint} allowed: {field.allowed}{brackets}"


def _brackets(value: object, field: Spelling, path: Place) -> str:
    """Return how a table is headed that has a pair of brackets too few, or too many; empty where that is not it."""
    match value:
        case dict() if field.is_table and "items" in field.node:
            return f", each headed {heading((*path, 0))}, in double brackets"
        case [dict(), *_] if field.is_table and "items" not in field.node:
            return f", headed {heading(path)}, in single brackets"
    return ""


def _shown(value: object, field: Spelling) -> str:
    """Return a value as messages repeat it; what may be or hold a secret is only called what it is."""
    is_open = not field.is_secret and not field.is_table
    match value:
        case dict():
            return "a table"
        case list() if not is_open or any(isinstance(each, dict | list) for each in value):
            return "a list"
        case str() if not is_open:
            return "a text"
    return show(value)
