"""Takes out every safety rule, one after the other, and sees that a test notices: `make prove-safety`, some minutes.

What holds a rule, how it is taken out and which tests prove it stands in ``tests/safety/rules.toml``. This works in a copy of the
tree: nothing in the tree itself is changed. First the tests have to pass with every rule in place, so that a test that fails anyway
proves nothing.

Usage: ``python packaging/prove_safety.py [WORD...]``; with words, only parts in which one of them occurs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
TABLE: Final = ROOT / "tests" / "safety" / "rules.toml"
LEFT_OUT: Final = shutil.ignore_patterns(".*", "__pycache__", "node_modules", "dist", "build", "pictures", "screenshots")
TESTS_FAILED: Final = 1  # as pytest counts; anything else that is not 0 is no proof
LONGEST_S: Final = (
    600.0  # for the tests of one part, or once for all; those take a minute or two on a machine that does nothing else
)
HUNG: Final = -1


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a rule, and how it is taken out."""

    rule: int
    title: str
    what: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def taken_out(self, text: str) -> str:
        """Return the text of the file without this part.

        Raises:
            ValueError: it does not stand there once.
        """
        if (found := text.count(self.old)) != 1:
            raise ValueError(f"{self.file} has {found} times, and not once: {self.old!r}")
        return text.replace(self.old, self.new)


def parts() -> Iterator[Part]:
    """Yield the table."""
    for rule in tomllib.loads(TABLE.read_text(encoding="utf-8"))["rules"]:
        for each in rule["parts"]:
            yield Part(rule["number"], rule["title"], each["what"], each["file"], each["old"], each["new"], tuple(each["tests"]))


def main(words: list[str]) -> int:
    """Prove all parts, or some, and return an exit code."""
    chosen = [each for each in parts() if not words or any(word in f"{each.rule} {each.what} {each.file}" for word in words)]
    if not chosen:
        sys.stdout.write(f"no part of a rule has {' or '.join(map(repr, words))} in it, so nothing was proven\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="indevolt-safety-") as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=LEFT_OUT)
        began_s = time.monotonic()
        tests = sorted({test for each in chosen for test in each.tests})
        sys.stdout.write(f"{len(chosen)} parts of rules, {len(tests)} tests that prove them\n")
        if (code := _run(tree, tests)) != 0:
            sys.stdout.write("they take too long\n" if code == HUNG else "they do not pass as it is\n")
            return 1
        unproven = [each for each in chosen if not _is_noticed(tree, each)]
        sys.stdout.write(f"{len(chosen) - len(unproven)} of {len(chosen)} noticed, in {time.monotonic() - began_s:.0f} s\n")
    return 1 if unproven else 0


def _is_noticed(tree: Path, part: Part) -> bool:
    """Take a part out of a tree, see whether a test fails, and put it back."""
    path = tree / part.file
    whole = path.read_text(encoding="utf-8")
    path.write_text(part.taken_out(whole), encoding="utf-8")
    try:
        code = _run(tree, part.tests, "-x")
    finally:
        path.write_text(whole, encoding="utf-8")
    noticed = code == TESTS_FAILED
    fate = "noticed" if noticed else "NOT NOTICED" if code == 0 else f"no proof: pytest ended with {code}"
    sys.stdout.write(f"{part.rule:2}  {part.what}: {fate}\n")
    sys.stdout.flush()
    return noticed


def _run(tree: Path, tests: tuple[str, ...] | list[str], *more: str) -> int:
    """Run tests of a tree with the package of that tree, and return the exit code."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *more, *tests]
    environ = {**os.environ, "PYTHONPATH": str(tree / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        ran = subprocess.run(
            command, cwd=tree, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=LONGEST_S
        )
    except subprocess.TimeoutExpired:
        return HUNG
    if ran.returncode not in (0, TESTS_FAILED) or (ran.returncode and not more):
        sys.stdout.write(ran.stdout.decode(errors="replace")[-4000:])
    return ran.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
