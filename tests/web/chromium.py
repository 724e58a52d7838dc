"""The browser that the tests of the dashboard drive: where it is, and how it comes onto a machine that has none.

Run as a program (`make test` does) it installs Debian's package where it may: as root, with apt. Elsewhere those tests are skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import Final

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET: Final = (
    "--no-sandbox",  # tests may run as root, and see nothing but their own pages
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",  # containers have little of it
)


def executable() -> str | None:
    """Return the browser's path; None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def main() -> int:
    """See that there is a browser, if that is possible here."""
    if executable() is not None:
        return 0
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        sys.stdout.write("No Chromium here, and no way to install one: the tests of the dashboard in a browser will be skipped.\n")
        return 0
    sys.stdout.write("Installing chromium, for the tests of the dashboard ...\n")
    for words in (("update",), ("install", "-y", "--no-install-recommends", "chromium", "fonts-dejavu-core")):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "-qq", *words], check=True, env=environment, stdout=subprocess.DEVNULL)
    return 0


if __name__ == "__main__":
    sys.exit(main())
