"""The table of safety rules fits the code and the tests; that the tests notice is what `make prove-safety` sees to.

Each of the 16 rules has a part, each part stands once where the table says, is code without it as well, and names tests that exist.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
RULES: list[dict[str, Any]] = tomllib.loads(Path(__file__).with_name("rules.toml").read_text(encoding="utf-8"))["rules"]
PARTS: list[dict[str, Any]] = [part for rule in RULES for part in rule["parts"]]


@cache
def named_in(path: Path) -> frozenset[str]:
    """Return the names of the tests of a file, also of classes and of those in them."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    return frozenset(name for name in names if name.startswith(("test", "Test")))


def test_every_rule_of_section_5_has_a_part() -> None:
    assert [rule["number"] for rule in RULES] == list(range(1, 17))
    assert all(rule["parts"] for rule in RULES)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part["what"])
def test_a_part_can_be_taken_out_and_names_tests_that_exist(part: dict[str, Any]) -> None:
    text = (ROOT / part["file"]).read_text(encoding="utf-8")
    assert text.count(part["old"]) == 1, f"{part['file']} has changed: say in rules.toml where this rule is held now"
    without = text.replace(part["old"], part["new"])
    assert without != text
    if part["file"].endswith(".py"):
        ast.parse(without)
    assert part["tests"]
    for test in part["tests"]:
        path, _, name = test.partition("::")
        assert (ROOT / path).is_file(), f"there is no {path}"
        assert not name or name in named_in(ROOT / path), f"there is no {test}"


def test_words_that_no_part_has_prove_nothing_and_say_so() -> None:
    ran = subprocess.run(
        [sys.executable, ROOT / "packaging" / "prove_safety.py", "no-such-word"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 2
    assert "nothing was proven" in ran.stdout
