"""Rules about the sources that no linter knows, each with its exceptions as data and a proof that it can fail.

* A point number stands in ``catalogue/models/*.toml`` and nowhere else in ``src``: not in code, not in texts, not in comments.
* The core does no input or output: no event loop, socket, clock, log, file or chance in the modules that are functions over values.
* The library needs three packages; what the command line needs stays in the command line.
* Names say what a thing is, not which pattern it follows.
"""

from __future__ import annotations

import ast
import csv
import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "indevolt"
MODELS = SOURCE / "catalogue" / "models"

LEAST_DIGITS = 3  # points 0, 1 and 4 exist as well, but nobody could write a program without these numbers
NO_POINT: dict[tuple[str, int], str] = {
    # (file under src/indevolt, number): why this is no point
    ("beacon.py", 150): "milliseconds between two pushes of an accessory",
}

NO_IO = [
    "asyncio",
    "socket",
    "ssl",
    "selectors",
    "threading",
    "logging",
    "time",
    "os",
    "pathlib",
    "random",
    "secrets",
    "subprocess",
]
PURE: dict[str, list[str]] = {
    # file or folder under src/indevolt: what it may not import
    "errors.py": NO_IO,
    "battery.py": NO_IO,
    "measurement.py": NO_IO,
    "tomltext.py": NO_IO,
    "tomlfields.py": NO_IO,
    "protocol": NO_IO,
    "catalogue": NO_IO,
    "simulator": ["socket", "ssl", "logging", "time", "os", "subprocess", "threading"],
    "control": NO_IO,
}
FILES_ARE_READ_IN: dict[str, str] = {
    "catalogue/grammar.py": "the one place that loads models/*.toml",
    "simulator/scenario/__init__.py": "the one place that loads shipped/*.toml",
}
ASKS_THE_TIME = {"clock.py"}  # everybody else takes a Clock

LIBRARY_NEEDS = {"cryptography", "httptools", "orjson"}
OPTIONAL: dict[str, set[str]] = {
    # file or folder under src/indevolt: packages of an extra
    "cli": {"click", "rich", "uvloop"},
    "control": {"highspy", "numpy"},
    "demo.py": {"click", "rich", "uvloop"},
    "__main__.py": {"click", "rich", "uvloop"},
    "testing": {"pytest"},
    "hub/planner/problem.py": {"numpy"},  # of the extra control, as what it calls
    "hub": {"aiohttp", "aiomqtt", "apprise", "fastapi", "prometheus_client", "pydantic", "pydantic_core", "starlette", "uvicorn"},
    "store": {"asyncpg", "pyarrow"},
}

EMPTY_WORDS = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager", "handler", "processor", "wrapper", "impl"}

NUMBER = re.compile(r"(?<!\w)(?<!\d\.)(?:0[xX][0-9a-fA-F]+|\d+(?:_\d+)*)(?!\w)(?!\.\d)")


def sources() -> list[Path]:
    found = sorted(SOURCE.rglob("*.py"))
    assert len(found) > 5, f"no sources found in {SOURCE}"
    return found


def place(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def rule_for(path: str, rules: dict[str, Any]) -> Any:
    """Return what a table says about a file: its own row, or that of the folder it is in."""
    return rules.get(path, rules.get(path.partition("/")[0]))


# ---- point numbers ---------------------------------------------------------------------------------------------------


def points_in_table(table: object, *, is_number: bool = False) -> Iterator[int]:
    """Yield every point number of a model file: what stands at ``read``, ``write`` and ``at``, however deep."""
    match table:
        case bool():
            return
        case int() if is_number:
            yield table
        case list():
            for row in table:
                yield from points_in_table(row, is_number=is_number)
        case dict():
            for key, value in table.items():
                yield from points_in_table(value, is_number=key in ("read", "write", "at"))


def points_in_csv(text: str) -> Iterator[int]:
    for row in csv.DictReader(text.splitlines()):
        yield from (int(row[column]) for column in ("point", "readback_point") if row[column].strip().isdigit())


def guarded(points: Iterable[int]) -> frozenset[int]:
    return frozenset(point for point in points if len(str(point)) >= LEAST_DIGITS)


@pytest.fixture(scope="session")
def points() -> frozenset[int]:
    """Every number that means a point somewhere: in our catalogue, or in the list that it was made from."""
    models = [tomllib.loads(path.read_text("utf-8")) for path in sorted(MODELS.glob("*.toml"))]
    listed = ROOT / "tests" / "data" / "points.csv"
    found = guarded([*points_in_table(models), *points_in_csv(listed.read_text("utf-8"))])
    assert len(found) > 300, "the catalogue has some 350 different numbers; are they still found?"
    return found


def numbers(text: str) -> Iterator[tuple[int, int]]:
    """Yield line and value of every whole number that stands as a word of its own: in code, in a text or in a comment."""
    for line, content in enumerate(text.splitlines(), 1):
        for word in NUMBER.findall(content):
            yield line, int(word, 16) if word[:2] in ("0x", "0X") else int(word)


def test_point_numbers_stand_in_the_catalogue_only(points: frozenset[int]) -> None:
    found = [
        f"src/indevolt/{place(path)}:{line}: {number} is a point; use its name, or say in NO_POINT why it is none here"
        for path in sources()
        for line, number in numbers(path.read_text("utf-8"))
        if number in points and (place(path), number) not in NO_POINT
    ]
    assert not found, "\n" + "\n".join(found)


def test_no_excuse_for_a_number_outlives_its_need(points: frozenset[int]) -> None:
    for (path, number), reason in NO_POINT.items():
        assert number in points, f"{number} is no point of any model, so {path} needs no excuse"
        assert reason
        assert number in {value for _, value in numbers((SOURCE / path).read_text("utf-8"))}, f"{path} has no {number} any more"


@pytest.mark.parametrize(
    "text",
    [
        "POINT = 6000",
        "POINT = 6_000",
        "POINT = 0x1770",
        'battery.get("6000")',
        'url = "/rpc?config={\\"t\\":[6000]}"',
        '"""Reads 6000."""',
        "x = 1  # that is 6000, the battery power",
        "f(-6000)",
    ],
)
def test_a_number_is_found_wherever_it_hides(text: str) -> None:
    assert 6000 in {number for _, number in numbers(text)}


@pytest.mark.parametrize("text", ["BK6000", "6000W", "0.6000", "6000.5", "x6000", "60000", "v1.6000.2"])
def test_a_part_of_a_word_or_a_fraction_is_no_point(text: str) -> None:
    assert 6000 not in {number for _, number in numbers(text)}


def test_both_sides_of_a_row_count_as_points() -> None:
    table = tomllib.loads("""
        [points.some]
        plain = { read = 6000, write = 47005, min = 5010 }
        deep = { read = { at = 2618, on = 1001 }, write = [{ at = 1143 }, { at = 1144 }] }
        """)
    assert set(points_in_table(table)) == {6000, 47005, 2618, 1143, 1144}


# ---- what may be imported --------------------------------------------------------------------------------------------


def imported_packages(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and top-level name of every absolute import."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name.partition(".")[0]) for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield node.lineno, module.partition(".")[0]


def calls_of_the_system_clock(source: str) -> Iterator[int]:
    """Yield the lines of ``datetime.now()`` and the like."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="datetime" | "date"), attr="now" | "utcnow" | "today")):
                yield node.lineno


def impurities(source: str, path: str) -> list[str]:
    """Return a sentence for each thing in a source that its place forbids."""
    forbidden = [] if path in FILES_ARE_READ_IN else rule_for(path, PURE) or []
    found = [
        f"src/indevolt/{path}:{line}: {name} does not belong in what is pure"
        for line, name in imported_packages(source)
        if name in forbidden
    ]
    if path not in ASKS_THE_TIME:
        lines = [line for line, name in imported_packages(source) if name == "time"] + list(calls_of_the_system_clock(source))
        found += [f"src/indevolt/{path}:{line}: take a Clock instead of asking the system for the time" for line in lines]
    return found


def strangers(source: str, path: str) -> list[str]:
    """Return a sentence for each package that somebody who installed only the library would miss."""
    known = LIBRARY_NEEDS | (rule_for(path, OPTIONAL) or set()) | {"indevolt"}
    return [
        f"src/indevolt/{path}:{line}: {name} is not among what this part may need"
        for line, name in imported_packages(source)
        if name not in known and name not in sys.stdlib_module_names
    ]


def test_the_core_does_no_input_or_output() -> None:
    found = [offence for path in sources() for offence in impurities(path.read_text("utf-8"), place(path))]
    assert not found, "\n" + "\n".join(found)


def test_the_library_needs_three_packages() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert {re.split(r"[^\w-]", need)[0] for need in project["dependencies"]} == LIBRARY_NEEDS
    found = [offence for path in sources() for offence in strangers(path.read_text("utf-8"), place(path))]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("protocol/rpc.py", "import socket"),
        ("protocol/rpc.py", "def f():\n    from asyncio import sleep"),
        ("catalogue/codec.py", "import logging.config"),
        ("simulator/physics.py", "import time"),
        ("device.py", "from time import monotonic"),
        ("device.py", "at = datetime.now(UTC)"),
    ],
)
def test_impurity_is_noticed(path: str, source: str) -> None:
    assert impurities(source, path)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("protocol/rpc.py", "import json, hashlib"),
        ("catalogue/codec.py", "from datetime import time"),
        ("device.py", "import asyncio"),
        ("clock.py", "import time\nnow = datetime.now(UTC)"),
    ],
)
def test_purity_is_left_alone(path: str, source: str) -> None:
    assert impurities(source, path) == []


def test_a_stranger_is_noticed() -> None:
    assert strangers("import aiohttp", "transport.py")
    assert strangers("from rich.table import Table", "device.py")
    assert not strangers("from rich.table import Table\nimport json\nimport indevolt.errors", "cli/tables.py")


# ---- names -----------------------------------------------------------------------------------------------------------


def words_of(name: str) -> set[str]:
    """Return the lower-case words of a name, whichever way it is written."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", name)}


def defined_names(source: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name


def test_names_are_words_of_the_domain() -> None:
    found = [
        f"src/indevolt/{place(path)}:{line}: {name} says nothing: {', '.join(words_of(name) & EMPTY_WORDS)}"
        for path in sources()
        for line, name in [(1, path.stem), *defined_names(path.read_text("utf-8"))]
        if words_of(name) & EMPTY_WORDS
    ]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("name", ["utils", "DeviceManager", "_request_handler", "HTTPWrapper", "baseClass"])
def test_an_empty_word_is_noticed(name: str) -> None:
    assert words_of(name) & EMPTY_WORDS


@pytest.mark.parametrize("name", ["database", "to_base64", "commonest", "Handle"])
def test_a_longer_word_is_left_alone(name: str) -> None:
    assert not words_of(name) & EMPTY_WORDS
