"""The settings of the hub's configuration as data: the JSON schema, and by it every table and setting, for whoever lists them.

Messages about mistakes, the reference page and the commented file of `indevolt hub init` come from here, so none of them can say
anything else than what is checked.

A table whose ``kind`` decides which settings it has is one :class:`Table` for each kind.
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
    def kinds(self) -> tuple[str, ...]:
        """The kinds of a table whose settings depend on that."""
        return tuple(_kinds(self.node))

    @property
    def words(self) -> tuple[str, ...]:
        """The words of a setting that takes one of some."""
        return tuple(self.node.get("enum", ()))

    @property
    def about(self) -> str:
        """What it means."""
        return str(self.node.get("description", "Which kind of table this is." if "const" in self.node else ""))

    @property
    def is_secret(self) -> bool:
        """Whether a value there is never shown; a list counts by what is in it."""
        return any(node.get("writeOnly", False) for node in self._nodes)

    @property
    def is_table(self) -> bool:
        """Whether a table stands there, or a list of tables."""
        return any("properties" in node or "oneOf" in node for node in self._nodes)

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
        return self.node["examples"][0] if self.node.get("examples") else self.node.get("const", self.default)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the file."""

    path: Path  # with a position where it may stand several times
    about: str
    settings: Mapping[str, Spelling]
    needed: frozenset[str]  # the settings that may not be left out
    may_be_missing: bool  # whether it says something that it is there at all
    kind: str = ""  # which of several kinds of table this is, or is within, where there are several
    kinds: tuple[str, ...] = ()  # all of them

    @property
    def heading(self) -> str:
        """How it begins in a file."""
        return heading(self.path)


def tables() -> Iterator[Table]:
    """Yield every table, in the order in which a file is best written."""
    yield from _tables((), schema(), may_be_missing=False)


def _tables(
    path: Path, node: Mapping[str, Any], *, may_be_missing: bool, kind: str = "", kinds: tuple[str, ...] = ()
) -> Iterator[Table]:
    plain: dict[str, Spelling] = {}
    below: list[tuple[Path, Mapping[str, Any], bool]] = []
    for name, field in _kind_first(node["properties"]):
        inner = _resolved(field)
        items = _resolved(inner.get("items", {}))
        if _is_table(inner):
            below.append(((*path, name), inner, "anyOf" in field))
        elif _is_table(items):
            below.append(((*path, name, 0), {**items, "description": inner["description"]}, True))
        else:
            plain[name] = Spelling(inner)
    if path:
        needed = frozenset(node.get("required", ())) & plain.keys()
        yield Table(path, str(node.get("description", "")), plain, needed, may_be_missing, kind, kinds)
    for each, inner, many_or_none in below:
        variants = _kinds(inner)
        for its, variant in variants.items():
            yield from _tables(each, variant, may_be_missing=True, kind=its, kinds=tuple(variants))
        if not variants:
            yield from _tables(each, inner, may_be_missing=many_or_none, kind=kind, kinds=kinds)


def _is_table(node: Mapping[str, Any]) -> bool:
    return "properties" in node or bool(_kinds(node))


def _kind_first(fields: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return sorted(fields.items(), key=lambda field: field[0] != "kind")


def _kinds(node: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """Return the kinds of a table, in the order of the source; none where it is of one kind."""
    variants = [_resolved(each) for each in node.get("oneOf", ())] if "discriminator" in node else []
    return {variant["properties"]["kind"]["const"]: variant for variant in variants}


def spelling_at(path: Path) -> Spelling:
    """Return what may stand at a path; where there is nothing of that name, an empty spelling.

    A step that names a kind is none of the file's, but of messages about a table of that kind.
    """
    node = _resolved(schema())
    for step in path:
        node = _step(node, step)
    return Spelling(node)


def place_of(path: Path) -> Path:
    """Return a path without the kinds in it: what stands in the file."""
    node, place = _resolved(schema()), list[str | int]()
    for step in path:
        if step not in _kinds(node):
            place.append(step)
        node = _step(node, step)
    return tuple(place)


def _step(node: Mapping[str, Any], step: str | int) -> Mapping[str, Any]:
    if isinstance(step, int):
        return _resolved(node.get("items", {}))
    kinds = _kinds(node)
    if step in kinds:
        return kinds[step]
    tables = kinds.values() if kinds else (node,)
    return _resolved(next((each["properties"][step] for each in tables if step in each.get("properties", {})), {}))


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
        case {"const": word}:
            return show(word)
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
