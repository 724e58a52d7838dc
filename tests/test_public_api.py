"""What ``import indevolt`` offers, and what it costs."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import indevolt

PROMISED = [
    *("connect", "discover", "set_password", "Device", "__version__"),
    *("Reading", "Sample", "Quality", "Outcome", "Stage", "Charge", "Discharge", "Hold", "SelfUse", "Schedule", "Limits"),
    *("HttpTransport", "Paced", "Recorded"),
    *("IndevoltError", "InvalidInput", "Unreachable", "NoReply", "ProtocolError", "StatusError", "Unauthorized"),
    *("UnknownModel", "Refused", "Unconfirmed", "FirmwareTooOld"),
]


def in_a_fresh_interpreter(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("name", PROMISED)
def test_what_is_promised_is_there(name: str) -> None:
    assert name in indevolt.__all__
    assert getattr(indevolt, name) is not None


def test_every_name_that_is_listed_exists_and_is_found_by_dir() -> None:
    for name in indevolt.__all__:
        assert getattr(indevolt, name) is not None
    assert set(indevolt.__all__) <= set(dir(indevolt))


def test_importing_it_loads_nothing_heavy() -> None:
    heavy = "asyncio cryptography dataclasses httptools importlib.metadata inspect orjson socket ssl tomllib"
    loaded = in_a_fresh_interpreter(
        "import sys; bare = set(sys.modules); import indevolt; print(*sorted(set(sys.modules) - bare))"
    ).split()
    assert not set(heavy.split()) & set(loaded)
    assert [name for name in loaded if name.startswith("indevolt")] == ["indevolt"]


def test_a_name_brings_only_what_it_needs() -> None:
    loaded = in_a_fresh_interpreter("import sys, indevolt; indevolt.Charge; print(*sys.modules)").split()
    assert "indevolt.battery" in loaded
    assert "asyncio" not in loaded


def test_the_modules_stay_importable_by_name() -> None:
    assert importlib.import_module("indevolt.discovery").Found is indevolt.Found
    assert importlib.import_module("indevolt.device").Device is indevolt.Device


def test_a_name_that_does_not_exist_is_an_ordinary_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'teleport'"):
        _ = indevolt.teleport  # type: ignore[attr-defined]  # that is the point
    assert not hasattr(indevolt, "teleport")


def test_the_version_is_that_of_the_distribution() -> None:
    assert indevolt.__version__ == importlib.metadata.version("indevolt")
