"""Refreshes the libraries that the hub's page carries: pinned versions, proven by their SHA-256, with their licences.

The page has no build step, so what it needs of others lies in its folder as it is published, but for three changes: names of
packages in imports become relative paths, as a page that allows no inline script can have no import map; links to source maps go;
and what a page that is left open cannot live with is mended (``Mend``).

    python packaging/vendor.py            # writes the files anew, by `npm pack`
    python packaging/vendor.py --check    # says whether the files are those of the pinned versions; needs no network
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

FOLDER = Path(__file__).parent.parent / "src" / "indevolt" / "hub" / "web" / "assets" / "vendor"
LIST = FOLDER / "vendor.json"
IMPORTS = {
    "preact": "./preact.js",
    "preact/hooks": "./hooks.js",
    "@preact/signals-core": "./signals-core.js",
}


@dataclass(frozen=True, slots=True)
class Mend:
    """A change to a file, which has to be looked at anew with each version."""

    was: str  # stands in it once
    becomes: str
    why: str


FORGOTTEN = Mend(
    "_=z(n,v,h,i,f,o,e,l,c,a),w=v.__e,",
    "_=z(n,v,h,i,f,o,e,l,c,a),w=v.__e,h==p||(h.__=null),",
    "A node that was drawn anew lets go of its parent, as it does already where a component draws itself. First nodes stay, in"
    " templates and as somebody's children; and as subtrees that did not change are handed on, the first led by parents of parents"
    " to all later ones: 0.15 MB more each time that the page Now was drawn whole. Of the kind of preactjs/preact issue 4909;"
    " tests/web/test_page_memory.py notices.",
)


@dataclass(frozen=True, slots=True)
class Package:
    """One package at one version, and which of its files are taken."""

    name: str
    version: str
    sha256: str  # of the archive
    files: Mapping[str, str]  # path in the package: name here
    ends: Mapping[str, str] = field(default_factory=dict)  # name here: a line to add
    mends: Mapping[str, Mend] = field(default_factory=dict)  # name here: what is changed


PACKAGES = (
    Package(
        "preact",
        "11.2.0",
        "3c4456766bd32b6b534d52bf4e9c2a29b33e7eedf6e96ed479300ba1a7888ebf",
        {"dist/preact.mjs": "preact.js", "hooks/dist/hooks.mjs": "hooks.js"},
        mends={"preact.js": FORGOTTEN},
    ),
    Package(
        "@preact/signals",
        "2.11.4",
        "66ea8221dd8aaa0da2365d49c3f116b071d56cfb63b2e16c072c6b4e08a928b7",
        {"dist/signals.mjs": "signals.js"},
    ),
    Package(
        "@preact/signals-core",
        "1.14.5",
        "94c421ac996214c94f532fb4c43d8ede048a16df0cd9538ffb965174dbe8daba",
        {"dist/signals-core.mjs": "signals-core.js"},
    ),
    Package(
        "htm",
        "3.1.1",
        "2425b9bee11409177bcabc7f32e319926fc6690c1701c0b257c88bdff2d5ba90",
        {"dist/htm.mjs": "htm.js"},
    ),
    Package(
        "uplot",
        "1.6.32",
        "4b8a8191e425658e3ea8c8c1314b0fc679c861ee3a1af2b20c7b16ba50b5133d",
        {"dist/uPlot.iife.min.js": "uplot.js", "dist/uPlot.min.css": "uplot.css"},
        {"uplot.js": "export default uPlot;"},  # the only small form that is published is a script
    ),
)


def main() -> int:
    """Refresh, or check."""
    if "--check" in sys.argv[1:]:
        return check()
    FOLDER.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        listed = [_take(package, _packed(package, Path(folder))) for package in PACKAGES]
    LIST.write_text(json.dumps(listed, indent=2) + "\n", "utf-8")
    return 0


def check() -> int:
    """Compare the files with what was written when they were taken, and that with the pins."""
    listed = json.loads(LIST.read_text("utf-8"))
    wrong = (
        [] if [(each["name"], each["version"], each["sha256"]) for each in listed] == _pins() else ["vendor.json: other versions"]
    )
    for each in listed:
        wrong += [name for name, digest in each["files"].items() if _digest((FOLDER / name).read_bytes()) != digest]
    if wrong:
        print(f"not as pinned: {', '.join(wrong)}; run `python packaging/vendor.py`", file=sys.stderr)
    return 1 if wrong else 0


def _pins() -> list[tuple[str, str, str]]:
    return [(each.name, each.version, each.sha256) for each in PACKAGES]


def _packed(package: Package, folder: Path) -> Path:
    """Return the archive of a package, if it is the pinned one."""
    asked = ["npm", "pack", "--silent", "--pack-destination", str(folder), f"{package.name}@{package.version}"]
    name = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.split()[-1]
    archive = folder / name
    digest = _digest(archive.read_bytes())
    if digest != package.sha256:
        sys.exit(f"{package.name} {package.version} has the SHA-256 {digest}, not {package.sha256}")
    return archive


def _take(package: Package, archive: Path) -> dict[str, object]:
    """Write the files of a package, and return what there is to know of them."""
    with tarfile.open(archive) as content:
        described = json.loads(_text(content, "package.json"))
        stem = package.name.removeprefix("@").replace("/", "-")
        texts = {f"{stem}.LICENSE.txt": _text(content, "LICENSE")}
        for path, name in package.files.items():
            texts[name] = _mended(_adapted(_text(content, path), package.ends.get(name, "")), package.mends.get(name))
    for name, text in texts.items():
        (FOLDER / name).write_text(text, "utf-8", newline="\n")
    digests = {name: _digest((FOLDER / name).read_bytes()) for name in sorted(texts)}
    return {
        "name": package.name,
        "version": package.version,
        "license": described["license"],
        "sha256": package.sha256,
        "files": digests,
    }


def _text(content: tarfile.TarFile, path: str) -> str:
    file = content.extractfile(f"package/{path}")
    if file is None:
        sys.exit(f"{path} is no file")
    return file.read().decode("utf-8")


def _adapted(text: str, end: str) -> str:
    text = re.sub(r"\s*//# sourceMappingURL=\S+\s*$", "\n", text)
    text = re.sub(r'(\bfrom\s*|\bimport\s*)"([^".][^"]*)"', lambda found: f'{found[1]}"{IMPORTS[found[2]]}"', text)
    return text.rstrip() + "\n" + (f"{end}\n" if end else "")


def _mended(text: str, mend: Mend | None) -> str:
    if mend is None:
        return text
    if text.count(mend.was) != 1:
        sys.exit(f"{mend.was!r} does not stand there once: is it still needed? {mend.why}")
    return text.replace(mend.was, mend.becomes)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
