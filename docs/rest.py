"""The page about the hub's API, made of its OpenAPI document: operations, what they take, bodies with their fields, problems."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from indevolt.hub.api import openapi_document
from indevolt.hub.api.problems import MEANINGS

Table = Callable[[list[str], Iterable[list[str]]], Iterator[str]]


def rest(table: Table) -> Iterator[str]:
    """Yield the lines of the page."""
    document = openapi_document()
    yield "# REST API of the hub\n"
    yield document["info"]["description"]
    yield "The same for programs: [openapi.json](openapi.json), which a running hub serves at `/api/v1/openapi.json`.\n"
    yield "## Operations\n"
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield from _operation(path, method, operation, table)
    yield "## Statuses\n"
    yield "2xx of a setting or command: 200 when the device itself shows it, 202 when it took it and does not show it yet.\n"
    yield from table(["status", "meaning"], ([str(status), meaning] for status, meaning in MEANINGS.items()))
    yield "\n## Bodies\n"
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield from _body(name, schema, table)


def _operation(path: str, method: str, operation: Mapping[str, Any], table: Table) -> Iterator[str]:
    yield f"### `{method.upper()} {path}`\n"
    role = operation.get("x-role")
    good = (answer for status, answer in operation["responses"].items() if status.startswith("2"))
    answer = ", ".join(dict.fromkeys(kind for each in good for kind in _kinds(each))) or "nothing but its status"
    yield f"{operation['description']}\n"
    yield f"{f'Role {role}' if role else 'Needs no token'}; answers with {answer}.\n"
    taken = [
        [f"`{each['name']}`", each["in"], _type(each["schema"]), _default(each["schema"]), each.get("description", "")]
        for each in operation.get("parameters", [])
        if each["in"] != "path"
    ]
    if taken:
        yield from table(["parameter", "in", "type", "default", "meaning"], taken)
        yield ""
    if body := operation.get("requestBody"):
        yield f"Takes {', '.join(_kinds(body))}.\n"


def _kinds(answer: Mapping[str, Any]) -> Iterator[str]:
    for media, content in answer.get("content", {}).items():
        schema = content.get("schema", {})
        named = [each for each in _type(schema).split(" or ") if each.startswith("[")]
        yield from named or [f"`{media}`"]


def _body(name: str, schema: Mapping[str, Any], table: Table) -> Iterator[str]:
    yield f"### {name}\n"
    yield f"{schema.get('description', '')}\n"
    if words := schema.get("enum"):
        yield f"One of {', '.join(f'`{word}`' for word in words)}.\n"
    needed = schema.get("required", [])
    fields = [
        [f"`{field}`", _type(each), "" if field in needed else _default(each) or "optional", each.get("description", "")]
        for field, each in schema.get("properties", {}).items()
    ]
    if fields:
        yield from table(["field", "type", "default", "meaning"], fields)
        yield ""


def _type(schema: Mapping[str, Any]) -> str:
    """Return a type in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(each) for each in schema["anyOf"]))
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"])
    kind = str(schema.get("type", "anything"))
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if kind == "object":
        inner = schema.get("additionalProperties")
        return f"object of {_type(inner)}" if isinstance(inner, dict) and inner else kind
    low, high = schema.get("minimum"), schema.get("maximum")
    bounds = f", {low:g} to {high:g}" if low is not None and high is not None else ""
    return {"date-time": "date and time", "time": "time", "date": "date"}.get(schema.get("format", ""), kind) + bounds


def _default(schema: Mapping[str, Any]) -> str:
    value = schema.get("default")
    return "" if value in (None, "", []) else f"`{str(value).lower() if isinstance(value, bool) else value}`"
