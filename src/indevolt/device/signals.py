"""Being told to end: what runs is cancelled, puts everything right, and only then the process ends as it was told.

For whatever holds something that has to be put back or cleared away: a lease, a folder.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ending_on_signals() -> Iterator[None]:
    """Let SIGTERM, and a terminal that is closed, end the body like a cancellation, and the process after that.

    Only where nobody else sees to that signal, and not on Windows, which has none to heed.
    """
    this, loop = asyncio.current_task(), asyncio.get_running_loop()
    if this is None or threading.current_thread() is not threading.main_thread() or sys.platform == "win32":
        yield
        return
    told: list[int] = []

    def heed(number: int) -> None:
        told.append(number)
        this.cancel()

    ours = [each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) is signal.SIG_DFL]
    for each in ours:
        loop.add_signal_handler(each, heed, each)
    try:
        yield
    finally:
        for each in ours:
            loop.remove_signal_handler(each)
        if told:
            os.kill(os.getpid(), told[0])
