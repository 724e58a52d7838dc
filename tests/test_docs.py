"""The documents keep their word: every Python example runs, and every link leads somewhere."""

from __future__ import annotations

import asyncio
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from indevolt.catalogue import load
from indevolt.catalogue.grammar import build
from indevolt.simulator import Simulator
from indevolt.virtual import VirtualDevice

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
PRINTED_HOST = "192.168.1.50"  # what the examples call the reader's battery


def examples() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for number, code in enumerate(re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL), 1):
            yield f"{page.relative_to(ROOT)}-{number}", code


async def failure(code: str) -> str:
    """Run a program against a virtual battery; return what went wrong, or nothing."""
    async with VirtualDevice(Simulator("powerflex2000", lag_s=0.2), port=0, discovery_port=None) as device:
        program = code.replace(PRINTED_HOST, f"127.0.0.1:{device.port}")
        run = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "error", "-c", program, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        output, errors = await run.communicate()
    return "" if run.returncode == 0 and output else errors.decode() or "it prints nothing"


async def test_every_example_runs_as_printed() -> None:
    # All at once, because they wait as politely as with a real device.
    names, programs = zip(*examples(), strict=True)
    failures = await asyncio.wait_for(asyncio.gather(*map(failure, programs)), 120)

    assert {name: text for name, text in zip(names, failures, strict=True) if text} == {}


def test_the_printed_model_is_one_that_the_grammar_takes() -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "adding-a-model.md").read_text("utf-8"), re.DOTALL)
    model = build(tomllib.loads(text))
    assert model.point("battery_humidity").unit == "%"
    assert "pv4_power" not in model.points
    assert model.points["battery_soc"] is not load("gen2").points["battery_soc"]


def test_there_are_examples() -> None:
    assert len(list(examples())) >= 6


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_there(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target
