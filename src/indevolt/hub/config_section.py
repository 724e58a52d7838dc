"""What every table of the hub's configuration is made of, so that its tables may stand in several modules.

Here are only the rules of a table as such. Which tables there are is in ``config`` and in what it takes them from.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

Broken: TypeAlias = Iterator[tuple[tuple[str | int, ...], str]]
"""What does not go together: the field, and a sentence with the facts and what to do."""

RULE: Final = "rule"
"""The kind of a mistake that :meth:`Section.rules` found; its text is complete."""


class Section(BaseModel):
    """One table of the file. Frozen; what it does not know is refused, and so is a value of another type."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        validate_by_name=True,
        validate_by_alias=True,
        hide_input_in_errors=True,  # it may be a secret in the wrong place
    )

    def rules(self) -> Broken:
        """Yield each rule of this table that is broken."""
        yield from ()

    @model_validator(mode="after")
    def _keep_the_rules(self) -> Self:
        broken = [
            InitErrorDetails(type=PydanticCustomError(RULE, "{what}", {"what": what}), loc=where, input=None)
            for where, what in self.rules()
        ]
        if broken:
            raise ValidationError.from_exception_data(type(self).__name__, broken)
        return self


def repeated(values: list[str], table: str, field: str) -> Broken:
    """Yield each value of a list of tables that an earlier table has as well."""
    for position, value in enumerate(values):
        if value in values[:position]:
            yield (table, position, field), f"{value} is that of number {values.index(value) + 1} as well; each has its own"
