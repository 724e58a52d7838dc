"""Checks what the hub's page is made of: its libraries are as pinned, its service worker knows all its files, its types hold.

    python packaging/check_page.py            # part of `make check`
    python packaging/check_page.py --write    # writes the list of files into the service worker anew

Types are checked by TypeScript where Node is present; it is installed into the virtual environment the first time.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import vendor

ROOT = Path(__file__).parent.parent
WEB = ROOT / "src" / "indevolt" / "hub" / "web"
WORKER = WEB / "sw.js"
TOOLS = ROOT / ".venv" / "web"
TYPESCRIPT = "5.9.3"
NOT_KEPT = re.compile(r"^sw\.js$|\.d\.ts$|LICENSE\.txt$|vendor\.json$|^index\.html$")  # what a browser never asks the worker for
LIST = re.compile(r"const FILES = \[\n.*?\];\n", re.DOTALL)


def main() -> int:
    """Check, or write."""
    if "--write" in sys.argv[1:]:
        WORKER.write_text(_listed(), "utf-8", newline="\n")
        return 0
    return max(vendor.check(), _check_worker(), _check_types())


def _listed() -> str:
    """Return the service worker with the list of all files."""
    names = sorted(path.relative_to(WEB).as_posix() for path in WEB.rglob("*") if path.is_file())
    lines = "".join(f"  {json.dumps(name)},\n" for name in names if not NOT_KEPT.search(name))
    return LIST.sub(lambda _: f"const FILES = [\n{lines}];\n", WORKER.read_text("utf-8"))


def _check_worker() -> int:
    if _listed() == WORKER.read_text("utf-8"):
        return 0
    print("sw.js lacks files of the page, or has too many; run `python packaging/check_page.py --write`", file=sys.stderr)
    return 1


def _check_types() -> int:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        print("The page's types are not checked: there is no Node here.")
        return 0
    wanted = [f"typescript@{TYPESCRIPT}", *(f"{package.name}@{package.version}" for package in vendor.PACKAGES)]
    stamp = TOOLS / "installed.json"
    if not stamp.is_file() or json.loads(stamp.read_text("utf-8")) != wanted:
        TOOLS.mkdir(parents=True, exist_ok=True)
        asked = [npm, "install", "--no-save", "--no-audit", "--no-fund", "--silent", "--prefix", str(TOOLS), *wanted]
        if subprocess.run(asked, check=False).returncode:
            print("TypeScript could not be installed, so the page's types are not checked; is the network there?", file=sys.stderr)
            return 1
        stamp.write_text(json.dumps(wanted), "utf-8")
    compiler = TOOLS / "node_modules" / "typescript" / "bin" / "tsc"
    return subprocess.run([node, str(compiler), "-p", str(ROOT / "tsconfig.json")], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
