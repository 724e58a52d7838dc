"""A hub that is killed while it discharges costs no more than the fence, and everything comes back.

Three kills here, any number with `benchmarks/kill9_control.py --rounds N`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "kill9_control.py"


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is of POSIX")
async def test_after_a_kill_the_fence_holds_the_mode_is_back_and_the_journal_is_whole() -> None:
    ran = await asyncio.create_subprocess_exec(
        sys.executable, str(SCRIPT), "--json", "--rounds", "3", "--lanes", "3", "--seed", "8", "--commanded",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        out, told = await asyncio.wait_for(ran.communicate(), 300)
    finally:
        if ran.returncode is None:
            ran.kill()
            await ran.wait()
    assert out, told.decode()
    said = json.loads(out)
    assert (said["broken"], said["ok"], said["kills"], said["left"], ran.returncode) == ([], True, 3, 3, 0), said
