"""The settings of the hub's configuration as data: the JSON schema, and by it every table and setting, for whoever lists them.

Messages about mistakes, the reference page and the commented file of `indevolt hub init` come from here, so none of them can say
anything else than what is checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from indevolt.hub.config import Config
from indevolt.tomltext import Path, show

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


@cache
def schema() -> dict[str, Any]:
    """Return the JSON schema of the file, for editors that check while one writes."""
    found = Config.model_json_schema()
    _drop_titles(found)
    return {"$schema": DIALECT, "title": "Configuration of the indevolt hub", **found}


def _drop_titles(node: object) -> None:
    """Take out the titles that pydantic makes of the names: they say nothing more."""
    match node:
        case dict():
            if isinstance(node.get("title"), str):
                del node["title"]
            for value in node.values():
                _drop_titles(value)
        case list():
            for value in node:
                _drop_titles(value)


@dataclass(frozen=True, slots=True)
class Spelling:
    """What may stand in one place of the file."""

    node: Mapping[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        """The fields of a table."""
        return tuple(self.node.get("properties", {}))

    @property
    def words(self) -> tuple[str, ...]:
        """The words of a setting that takes one of some."""
        return tuple(self.node.get("enum", ()))

    @property
    def about(self) -> str:
        """What it means."""
        return str(self.node.get("description", ""))

    @property
    def is_secret(self) -> bool:
        """Whether a value there is never shown; a list counts by what is in it."""
        return any(node.get("writeOnly", False) for node in self._nodes)

    @property
    def is_table(self) -> bool:
        """Whether a table stands there, or a list of tables."""
        return any("properties" in node for node in self._nodes)

    @property
    def _nodes(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        return self.node, _resolved(self.node.get("items", {}))

    @property
    def allowed(self) -> str:
        """What is allowed, for messages and tables."""
        return _allowed(self.node)

    @property
    def default(self) -> Any:  # noqa: ANN401 - whatever the setting is
        """What holds where it is left out; None where that depends, or where it is nothing."""
        return self.node.get("default")

    @property
    def default_text(self) -> str:
        """The default as people read it; empty where it is nothing."""
        depends = self.node.get("x-default")
        return str(depends) if depends else "" if self.default in (None, []) else show(self.default)

    @property
    def example(self) -> Any:  # noqa: ANN401 - whatever the setting is
        """A value that shows how it is spelled; the default, where that does."""
        return self.node["examples"][0] if self.node.get("examples") else self.default


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the file."""

    path: Path  # with a position where it may stand several times
    about: str
    settings: Mapping[str, Spelling]
    needed: frozenset[str]  # the settings that may not be left out
    may_be_missing: bool  # whether it says something that it is there at all

    @property
    def heading(self) -> str:
        """How it begins in a file."""
        return heading(self.path)


def tables() -> Iterator[Table]:
    """Yield every table, in the order in which a file is best written."""
    yield from _tables((), schema(), may_be_missing=False)


def _tables(path: Path, node: Mapping[str, Any], *, may_be_missing: bool) -> Iterator[Table]:
    plain: dict[str, Spelling] = {}
    below: list[tuple[Path, Mapping[str, Any], bool]] = []
    for name, field in node["properties"].items():
        inner = _resolved(field)
        items = _resolved(inner.get("items", {}))
        if "properties" in inner:
            below.append(((*path, name), inner, "anyOf" in field))
        elif "properties" in items:
            below.append(((*path, name, 0), {**items, "description": inner["description"]}, True))
        else:
            plain[name] = Spelling(inner)
    if path:
        yield Table(path, str(node.get("description", "")), plain, frozenset(node.get("required", ())), may_be_missing)
    for each, inner, many_or_none in below:
        yield from _tables(each, inner, may_be_missing=many_or_none)


def spelling_at(path: Path) -> Spelling:
    """Return what may stand at a path; where there is nothing of that name, an empty spelling."""
    node = _resolved(schema())
    for step in path:
        node = _resolved(node.get("items", {}) if isinstance(step, int) else node.get("properties", {}).get(step, {}))
    return Spelling(node)


def heading(path: Path) -> str:
    """Return how a file heads the table at a path."""
    names = ".".join(step for step in path if isinstance(step, str))
    if not names:
        return "the file"
    return f"[[{names}]]" if isinstance(path[-1], int) else f"[{names}]"


def _resolved(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a schema without its indirections: what it refers to, and what else it may be than nothing."""
    own = {key: value for key, value in node.items() if key not in ("$ref", "anyOf")}
    if "$ref" in node:
        return {**_resolved(schema()["$defs"][node["$ref"].rpartition("/")[2]]), **own}
    others = [each for each in node.get("anyOf", ()) if each.get("type") != "null"]
    return {**_resolved(others[0]), **own} if len(others) == 1 else node


def _allowed(node: Mapping[str, Any]) -> str:
    match node:
        case {"x-allowed": str(text)}:
            return text
        case {"enum": list(words)}:
            return ", ".join(map(show, words))
        case {"type": "boolean"}:
            return "true or false"
        case {"type": "integer" | "number" as kind, "minimum": low, "maximum": high}:
            return f"{'a whole number' if kind == 'integer' else 'a number'} from {low} to {high}"
        case {"type": "string", "minLength": low, "maxLength": high}:
            return f"a text of {low} to {high} characters"
        case {"type": "array", "items": items}:
            inner = _resolved(items)
            return "tables" if "properties" in inner else f"a list of at most {node['maxItems']}, each {_allowed(inner)}"
    return "a table"
