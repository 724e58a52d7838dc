"""The page of safety rules, for ``generate.py``: what holds each, and which test fails when that is taken out."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

RULES = Path(__file__).parent.parent / "tests" / "safety" / "rules.toml"


def safety_rules(table: Callable[[list[str], Iterable[list[str]]], Iterator[str]]) -> Iterator[str]:
    """Every part of every rule, the module that holds it, and its tests."""
    yield "# Safety rules and their tests\n"
    yield (
        "What holds for everything that writes to a battery. Each line is a part of a rule, the module that holds it, and the "
        "tests of which at least one fails when just that is taken out. `make prove-safety` takes out each of them, one after "
        "the other, in a copy of the tree. What a rule means in practice: [control](../control.md).\n"
    )
    for rule in tomllib.loads(RULES.read_text("utf-8"))["rules"]:
        yield f"## {rule['number']}. {rule['title']}\n"
        yield from table(["what holds", "where", "proven by"], (_row(part) for part in rule["parts"]))
        yield ""


def _row(part: dict[str, str | list[str]]) -> list[str]:
    tests = ", ".join(f"`{str(test).removeprefix('tests/')}`" for test in part["tests"])
    return [str(part["what"]), f"`{str(part['file']).removeprefix('src/indevolt/')}`", tests]
