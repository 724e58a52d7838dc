"""The examples run as they are, each in a process of its own, and show what they promise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
PROMISES = {
    "read_values.py": [
        "recognized by board R00D",
        "battery_soc    55 % (live)",
        "unknown (not installed)",
        "may charge with 2000 W",
    ],
    "charge_until.py": ["charging is effective after", "-2400.0 W", "70.0 %", "self-use is confirmed"],
    "test_my_code.py": ["10 passed"],
    "virtual_device.py": ['as set:         {"6002":42}', "failed: HTTP Error 503", 'and once again: {"6002":42}'],
}


def test_every_example_has_its_promises() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(PROMISES)


@pytest.mark.parametrize("name", PROMISES)
def test_an_example_runs_and_shows_what_it_promises(name: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    for promise in PROMISES[name]:
        assert promise in ran.stdout
