"""What all tests share: the folder of found samples, and how hypothesis searches."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings

# No database: a test leaves nothing behind, and a failure prints the blob that reproduces it. No time limits of any kind:
# the machine may be busy with other things.
_SEARCH = settings(
    database=None,
    deadline=None,
    max_examples=40,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("search", _SEARCH)
settings.register_profile("ci", _SEARCH, derandomize=True)
_TESTS = count()
# Programs that a test starts must end as a user's do, also where whoever started the tests ignores signals, as nohup does.
for _signal in [each for each in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, each)]:
    if signal.getsignal(signal.Signals[_signal]) is signal.SIG_IGN:
        signal.signal(signal.Signals[_signal], signal.default_int_handler if _signal == "SIGINT" else signal.SIG_DFL)
settings.load_profile("ci" if os.environ.get("CI") else "search")


def lacking(what: str) -> NoReturn:
    """Skip a test for want of a tool; but fail it in continuous integration, which installs every tool that a test needs."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(autouse=True)
def leases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep leases out of the home of whoever runs the tests, and of other tests; also those of programs that a test starts."""
    before = os.environ.get("INDEVOLT_LEASES")
    os.environ["INDEVOLT_LEASES"] = str(tmp_path_factory.getbasetemp() / "leases" / str(next(_TESTS)))
    yield
    if before is None:
        del os.environ["INDEVOLT_LEASES"]
    else:
        os.environ["INDEVOLT_LEASES"] = before


@pytest.fixture(scope="session")
def samples() -> Path:
    """Return the folder of replies and frames found on devices and in documents. They are not ours to publish."""
    folder = Path(__file__).parents[2] / "shared" / "reference" / "samples"
    if not folder.is_dir():
        pytest.skip("the folder of found samples (shared/reference/samples beside the checkout) is not here")
    return folder
