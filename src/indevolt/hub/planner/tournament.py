"""A process of its own that tries gates on a site's past: minutes of work, at the lowest priority, and never the hub's.

::

    python -m indevolt.hub.planner.tournament < question > answer

``ask`` starts it and speaks with it: a pickled question in, JSON out. What is learnt from the answer is ``tuning``'s.
"""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from indevolt.errors import IndevoltError, InvalidInput

if TYPE_CHECKING:
    from indevolt.control.plan.past import Terms
    from indevolt.hub.planner.site_past import Span

LONGEST_S: Final = 7200.0  # of real time; a small computer takes a quarter of an hour
_LOWEST: Final = 19


async def ask(span: Span, terms: Terms, gates: Sequence[float]) -> dict[float, float]:
    """Return what each gate, and plain self-use, would have cost a day.

    Raises:
        IndevoltError: the process failed, or took too long.
    """
    question = pickle.dumps((span.past, terms, span.first, span.last, tuple(gates)))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", __name__, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        async with asyncio.timeout(LONGEST_S):
            told, said = await process.communicate(question)
    except TimeoutError:
        raise InvalidInput(
            f"trying gates took more than {LONGEST_S / 3600:.0f} h", remedy="Set tune_days of [plan] lower."
        ) from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        last = said.decode(errors="replace").strip().splitlines()[-1:] or [f"exit code {process.returncode}"]
        raise IndevoltError(f"trying gates failed: {last[0]}")
    return {float(gate): float(cost) for gate, cost in json.loads(told)}


def answer(question: bytes) -> list[tuple[float, float]]:
    """Hold the tournament."""
    from indevolt.control.plan.tuning import tune_gate  # noqa: PLC0415 - the process that asks may do without numpy

    past, terms, first, last, gates = pickle.loads(question)  # noqa: S301 - written by the hub that started this process
    found = tune_gate(past, terms, first=first, last=last, gates=gates, usual=terms.gate)
    return list(found.cost_per_day.items())


def main() -> None:
    """Read a question, write the answer."""
    nice: Any = getattr(os, "nice", None)  # not on Windows
    if nice is not None:
        with suppress(OSError):  # where that is not allowed, it competes with the hub
            nice(_LOWEST)
    sys.stdout.write(json.dumps(answer(sys.stdin.buffer.read())))


if __name__ == "__main__":
    main()
