"""The entry point of the program: `indevolt` and `python -m indevolt`.

The library works without what the command line needs, so this says in one line what is missing.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

_NEEDS = ("click", "rich")


def main() -> None:
    """Run the command line; exits with its code."""
    missing = [name for name in _NEEDS if find_spec(name) is None]
    if missing:
        sys.stderr.write(f'error: the command line needs {" and ".join(missing)}: pip install "indevolt[cli]"\n')
        sys.exit(2)
    from indevolt.cli.app import cli  # noqa: PLC0415 - only after it is known that it can be imported

    cli.main()


if __name__ == "__main__":
    main()
