"""Where each value of a configuration comes from: its file, the environment, a file of a secret, or nowhere: then a default holds.

For people who look at a running hub and wonder what is in the file and what is not. Secrets stay stars.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from indevolt.hub.config import Config
from indevolt.hub.config_section import Section
from indevolt.hub.secret import Secret
from indevolt.tomltext import Path as Place, spell


class Source(StrEnum):
    """Where a value comes from."""

    FILE = "file"
    ENVIRONMENT = "environment"
    SECRET_FILE = "secret_file"  # noqa: S105 - a word
    PROGRAM = "program"  # whoever started the hub said it, as the demo does
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Said:
    """One value, and where it comes from; ``detail`` is the name of the variable or file."""

    path: str
    value: Any  # as JSON has it; secrets are stars
    source: Source
    detail: str = ""


def said(config: Config) -> Iterator[Said]:
    """Yield every value of a configuration, table by table."""
    given = Source.PROGRAM if config.file is None else Source.FILE
    yield from _of_table(config, (), given)


def _of_table(table: Section, place: Place, given: Source | None) -> Iterator[Said]:
    """Yield the values of a table; ``given`` is where those that were said come from, None where the table itself is a default."""
    shown = table.model_dump(mode="json")
    for name in type(table).model_fields:
        source = given if name in table.model_fields_set else None
        yield from _of_value(getattr(table, name), shown[name], (*place, name), source)


def _of_value(value: object, shown: object, place: Place, given: Source | None) -> Iterator[Said]:
    match value:
        case Section():
            yield from _of_table(value, place, given)
        case tuple() if value and isinstance(shown, list) and all(isinstance(each, Section | Secret) for each in value):
            for position, (each, its) in enumerate(zip(value, shown, strict=True)):
                yield from _of_value(each, its, (*place, position), given)
        case Secret() if value.variable:
            yield Said(spell(place), shown, Source.ENVIRONMENT, value.variable)
        case Secret() if value.file:
            yield Said(spell(place), shown, Source.SECRET_FILE, value.file)
        case _:
            yield Said(spell(place), shown, given or Source.DEFAULT)
