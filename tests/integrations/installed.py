"""Other people's programs that tests talk to, each installed in an environment of its own, outside of this folder.

Run as a program, this installs them, once: some 550 MB in the user's folder for caches, and one to two minutes.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True, slots=True)
class Program:
    """A program and what it needs, pinned in a file beside this one."""

    wanted: str  # a file of requirements; its name is that of the environment, too
    command: str

    @property
    def path(self) -> Path | None:
        """Where it is, None if it is not installed."""
        return self._folder / "bin" / self.command if self._ready.exists() else None

    def install(self) -> None:
        """Install it, if it is not there."""
        if self.path:
            return
        print(f"Installing {self._folder} ...")
        venv.create(self._folder, clear=True, with_pip=True)
        pip = [str(self._folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--requirement", str(self._requirements)]
        subprocess.run(pip, check=True)
        self._ready.touch()

    @property
    def _folder(self) -> Path:
        """Another set of packages gets another place."""
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        state = hashlib.sha256(self._requirements.read_bytes()).hexdigest()[:12]
        return cache / "indevolt" / f"{self._requirements.stem}-{sys.version_info.major}{sys.version_info.minor}-{state}"

    @property
    def _requirements(self) -> Path:
        return Path(__file__).with_name(self.wanted)

    @property
    def _ready(self) -> Path:
        return self._folder / "ready"


HOME_ASSISTANT: Final = Program("home-assistant.txt", "hass")
SCHEMATHESIS: Final = Program("schemathesis.txt", "schemathesis")


if __name__ == "__main__":
    for program in (HOME_ASSISTANT, SCHEMATHESIS):
        program.install()
