"""A hub that is killed at any moment leaves a whole history: ten kills here, any number with `benchmarks/kill9.py --rounds N`."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "kill9.py"


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is of POSIX")
async def test_ten_kills_cost_the_last_second_at_most_and_nothing_else() -> None:
    # The leeway is for a busy machine, where a hub that is given no time cannot write; the figure itself is in the benchmark.
    ran = await asyncio.create_subprocess_exec(
        sys.executable, str(SCRIPT), "--json", "--rounds", "10", "--lanes", "5", "--devices", "4", "--seed", "9", "--leeway", "5",
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        out, told = await asyncio.wait_for(ran.communicate(), 300)
    finally:
        if ran.returncode is None:
            ran.kill()
            await ran.wait()
    assert out, told.decode()
    said = json.loads(out)
    assert (said["broken"], said["ok"], said["kills"], ran.returncode) == ([], True, 10, 0), said
    assert said["readings"] > 20
