"""The logic of the page that needs no browser: tested by Node's own runner where there is one; browsers test it all the same."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import lacking

TESTS = sorted((Path(__file__).parent / "page").glob("*.test.mjs"))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_the_logic_of_the_page(path: Path) -> None:
    node = shutil.which("node") or lacking("needs Node, of the Debian package nodejs")
    done = subprocess.run([node, "--test", str(path)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout


def test_there_are_such_tests() -> None:
    assert len(TESTS) >= 2
