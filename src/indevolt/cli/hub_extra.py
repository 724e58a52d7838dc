"""The hub is an extra, which may be missing: what is imported of it is imported in here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from indevolt.errors import InvalidInput


@contextmanager
def the_hub_extra() -> Iterator[None]:
    """Import something of the hub inside; what is missing is named with what installs it.

    Raises:
        InvalidInput: the extra is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name in ("", "indevolt"):
            raise
        raise InvalidInput(f"the hub needs {name}", remedy='pip install "indevolt[hub]"') from error
