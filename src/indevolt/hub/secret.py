"""Secrets of a configuration: where they come from, and that they are never shown.

A secret stands in the file itself, in an environment variable or in a file of its own. What it opens is not known here.
"""

from __future__ import annotations

import hmac
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from indevolt.errors import InvalidInput

HIDDEN: Final = "***"
FORMS: Final = 'a text, { env = "NAME" } or { file = "path" }'
_LONGEST: Final = 4096  # bytes: above any token or address of a database, below a file that was named by mistake
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"  # where systemd puts what a unit's LoadCredential names


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a configuration comes from: the folder that its paths are relative to, and the environment."""

    folder: Path = field(default_factory=Path.cwd)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def path(self, text: str) -> Path:
        """Return a path of the configuration as an absolute one; ``~`` is the home of whoever runs this.

        Raises:
            InvalidInput: nobody knows the home, or no file system knows such a path.
        """
        if "\0" in text:
            raise InvalidInput("no path has a NUL inside")
        try:
            path = self.folder / Path(text).expanduser()
        except RuntimeError as error:
            raise InvalidInput(f"it is no path: {error}") from error
        return Path(os.path.normpath(path))


def is_file(path: Path) -> bool:
    """Return whether a file is there; one that may not be looked at, or whose name is too long, is not."""
    try:
        return path.is_file()
    except OSError:
        return False


class Secret:
    """A text that is not shown: printing, logging or dumping it gives ``***``.

    ``variable`` or ``file`` is where it was taken from; both are empty where it stands in the configuration itself.
    """

    __slots__ = ("_text", "file", "variable")

    def __init__(self, text: str, *, variable: str = "", file: str = "") -> None:
        self._text = text
        self.variable = variable
        self.file = file

    def reveal(self) -> str:
        """Return the secret itself, for whoever needs it to open something."""
        return self._text

    def __repr__(self) -> str:
        return f"Secret({HIDDEN})"

    def __str__(self) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Tell pydantic how one is read, and that it is dumped as stars."""
        shown = core_schema.plain_serializer_function_ser_schema(str, return_schema=core_schema.str_schema())
        return core_schema.with_info_plain_validator_function(_read, serialization=shown)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return what a file may spell."""
        text = {"type": "string", "minLength": 1}
        sources = [
            {"type": "object", "properties": {name: text}, "required": [name], "additionalProperties": False}
            for name in ("env", "file")
        ]
        return {"anyOf": [text, *sources], "writeOnly": True, "x-allowed": FORMS}


def _read(raw: object, info: core_schema.ValidationInfo) -> Secret:
    origin = info.context if isinstance(info.context, Origin) else Origin()
    match raw:
        case Secret():
            return raw
        case str() if raw:
            return Secret(raw)
        case {"env": str(name), **rest} if not rest:
            return Secret(_of_variable(name, origin.environ), variable=name)
        case {"file": str(name), **rest} if name and not rest:
            return Secret(_of_file(origin.path(name), origin.environ.get(_CREDENTIALS, "")), file=str(origin.path(name)))
    raise InvalidInput(f"this is no secret; allowed: {FORMS}")


def _of_variable(name: str, environ: Mapping[str, str]) -> str:
    text = environ.get(name, "")
    if not text:
        raise InvalidInput(f"the environment variable {name!r:.60} is not set", remedy="Set it for the process that runs the hub.")
    return text


def _of_file(path: Path, credentials: str) -> str:
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):  # opening a pipe would wait for its other end
            raise InvalidInput(f"{path} is no ordinary file")
        kept_by_systemd = credentials and path.parent == Path(credentials)  # by access lists, which look like a group's mode
        if os.name == "posix" and mode & _OTHERS and not kept_by_systemd:
            raise InvalidInput(
                f"others on this machine may use {path}: its mode is {stat.S_IMODE(mode):04o}", remedy=f"chmod 600 {path}"
            )
        with path.open("rb") as file:
            text = file.read(_LONGEST + 1).decode().strip()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is no text") from error
    if not 0 < len(text) <= _LONGEST:
        raise InvalidInput(f"{path} is {'too long for a secret' if text else 'empty'}")
    return text
