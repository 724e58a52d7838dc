"""The command line as a process of its own, that need not spare a simulated device: ``program.py WORD...``."""

from __future__ import annotations

import sys

from indevolt.cli.app import cli
from indevolt.cli.session import Environment

if __name__ == "__main__":
    cli.main(sys.argv[1:], obj=Environment(spacing_s=0.02))
