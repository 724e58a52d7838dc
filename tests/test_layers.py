"""Who may import whom, as data and as a check.

::

    cli -> demo -> hub virtual_home virtual_fleet -> virtual meter_link -> device discovery server shelly beacon store | simulator
        -> transport -> protocol | catalogue -> battery measurement errors clock listener tomltext tomlfields

Imports go to the right only, and siblings never import each other. The table says it module by module, from the bottom
up. Every import counts: inside a function, under ``TYPE_CHECKING``, relative, or by name through ``import_module``.
"""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(__file__).parent.parent / "src" / "indevolt"
PACKAGE = "indevolt"  # in the table this name means the package's own __init__.py: what it offers, taken all together

GROUND = {"battery", "measurement", "errors", "clock", "tomltext", "tomlfields"}
WIRE = GROUND | {"protocol", "transport"}
CLIENT = WIRE | {"catalogue"}
DEVICE_SIDE = GROUND | {"protocol", "catalogue"}
PARTS = CLIENT | {"device", "discovery", "server", "shelly", "beacon", "simulator", "control", "store"}
WHOLE = PARTS | {"meter_link", "virtual", "virtual_fleet", "virtual_home", PACKAGE}

MAY_IMPORT: dict[str, set[str]] = {
    # the vocabulary: knows nothing of ours
    "battery": set(),
    "measurement": set(),
    "errors": set(),
    "clock": set(),
    "listener": set(),
    "tomltext": {"errors"},
    "tomlfields": {"errors", "tomltext"},
    # pure, and strangers to each other: bytes on the wire, and what a point means
    "protocol": {"battery", "measurement", "errors"},
    "catalogue": {"battery", "errors"},
    # the seam
    "transport": WIRE - {"transport"},
    # one battery from outside, all of them from outside, and the two sides of a served one
    "device": CLIENT | {"control"},  # of which it uses the pure rules of a lease: budget, fence, what to restore
    "discovery": CLIENT,
    "server": WIRE | {"listener"},
    "shelly": GROUND | {"protocol", "listener"},  # a meter as units poll it, with an HTTP of its own
    "beacon": WIRE,
    "meter_link": GROUND | {"protocol", "simulator"},  # a virtual unit's view of its meter, over the network
    # the battery from inside: shares the grammar with the client, but none of its code and no network
    "simulator": DEVICE_SIDE,
    # pure: what to do, and history; see the design before loosening these
    "control": GROUND,
    "store": GROUND,
    # what composes the parts
    "virtual": GROUND | {"protocol", "catalogue", "transport", "server", "shelly", "beacon", "simulator"},
    "virtual_fleet": GROUND | {"protocol", "transport", "server", "beacon", "simulator"},
    "virtual_home": GROUND | {"protocol", "server", "shelly", "beacon", "simulator", "virtual", "meter_link"},
    "hub": PARTS | {"virtual", "virtual_home", PACKAGE},
    PACKAGE: PARTS | {"virtual"},
    "testing": GROUND | {"protocol", "simulator", "virtual"},
    # what people start
    "demo": WHOLE | {"hub"},
    "cli": WHOLE | {"demo", "hub"},
    "__main__": WHOLE | {"demo", "hub", "cli"},
}


def layer_of(module: str) -> str:
    """Return the layer of a dotted module: the name right below the package, or the package itself."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else PACKAGE


def module_of(path: Path) -> str:
    """Return the dotted name of a source file."""
    parts = [PACKAGE, *path.relative_to(SOURCE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(node: ast.stmt | ast.expr, package: str) -> list[str]:
    """Return the dotted names that one statement or call imports; ``package`` is where relative ones start."""
    match node:
        case ast.Import():
            return [alias.name for alias in node.names]
        case ast.ImportFrom():
            parents = package.split(".")
            start = parents[: len(parents) - node.level + 1] if node.level else []
            origin = ".".join([*start, *([node.module] if node.module else [])])
            return [f"{origin}.{alias.name}" for alias in node.names]
        case ast.Call(
            func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
            args=[ast.Constant(value=str(name)), *_],
        ):
            return [name]
    return []


def imports(source: str, package: str) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name for everything of ours that a module imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.stmt | ast.expr):
            yield from ((node.lineno, name) for name in imported(node, package) if name.split(".")[0] == PACKAGE)


def target_layer(name: str) -> str:
    """Return the layer that an imported name belongs to; ``from indevolt import connect`` means the package itself."""
    layer = layer_of(name)
    is_module = layer in MAY_IMPORT or (SOURCE / layer).is_dir() or (SOURCE / f"{layer}.py").exists()
    return layer if is_module else PACKAGE


def offences(source: str, module: str, *, where: str, is_package: bool = False) -> list[str]:
    """Return a sentence for each import of a module that its layer may not have."""
    layer = layer_of(module)
    if layer not in MAY_IMPORT:
        return [f"{where}: {layer} is a new module of {PACKAGE}; give it its place in MAY_IMPORT of tests/test_layers.py"]
    allowed = MAY_IMPORT[layer] | {layer}
    package = module if is_package else module.rpartition(".")[0]
    found = []
    for line, name in imports(source, package):
        target = target_layer(name)
        if target not in allowed:
            may = ", ".join(sorted(MAY_IMPORT[layer])) or "nothing of ours"
            found.append(f"{where}:{line}: {layer} must not import {target} ({name}); it may import {may}")
    return found


def test_imports_go_to_the_right_only() -> None:
    files = sorted(SOURCE.rglob("*.py"))
    assert len(files) > 5, f"no sources found in {SOURCE}"
    found = [
        offence
        for path in files
        for offence in offences(
            path.read_text("utf-8"),
            module_of(path),
            where=f"src/{PACKAGE}/{path.relative_to(SOURCE).as_posix()}",
            is_package=path.name == "__init__.py",
        )
    ]
    assert not found, "\n" + "\n".join(found)


def test_the_table_has_no_cycle_and_no_stranger() -> None:
    order = list(TopologicalSorter(MAY_IMPORT).static_order())
    assert set(order) == set(MAY_IMPORT)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("protocol", "catalogue"),
        ("catalogue", "protocol"),
        ("simulator", "transport"),
        ("simulator", "device"),
        ("simulator", "server"),
        ("server", "simulator"),
        ("device", "discovery"),
        ("server", "beacon"),
        ("control", "protocol"),
        ("store", "control"),
    ],
)
def test_siblings_do_not_import_each_other(left: str, right: str) -> None:
    assert right not in MAY_IMPORT[left]


@pytest.mark.parametrize(
    ("module", "source", "sentence"),
    [
        (
            "indevolt.protocol.rpc",
            "import indevolt.catalogue",
            "x.py:1: protocol must not import catalogue (indevolt.catalogue)",
        ),
        ("indevolt.protocol.rpc", "from indevolt.catalogue.model import Model", "protocol must not import catalogue"),
        (
            "indevolt.errors",
            "from indevolt import battery",
            "errors must not import battery (indevolt.battery); it may import nothing of ours",
        ),
        ("indevolt.errors", "from . import battery", "errors must not import battery"),
        ("indevolt.errors", "from .battery import Value", "errors must not import battery"),
        ("indevolt.simulator.faults", "from ..transport import Paced", "simulator must not import transport"),
        (
            "indevolt.simulator.faults",
            "def f():\n    import indevolt.device",
            "x.py:2: simulator must not import device",
        ),
        (
            "indevolt.device",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from indevolt.simulator import Simulator",
            "x.py:3: device must not import simulator",
        ),
        (
            "indevolt.device",
            "from importlib import import_module\nimport_module('indevolt.cli')",
            "device must not import cli",
        ),
        ("indevolt.device", "from indevolt import connect", "device must not import indevolt (indevolt.connect)"),
        ("indevolt.server", "import indevolt", "server must not import indevolt"),
        (
            "indevolt.gadget",
            "import json",
            "gadget is a new module of indevolt; give it its place in MAY_IMPORT",
        ),
    ],
)
def test_a_wrong_import_is_named(module: str, source: str, sentence: str) -> None:
    (offence,) = offences(source, module, where="x.py")
    assert sentence in offence


@pytest.mark.parametrize(
    ("module", "source"),
    [
        (
            "indevolt.protocol.rpc",
            "from indevolt.protocol.digest import Sealed\nfrom .digest import seal\nimport orjson",
        ),
        ("indevolt.transport", "from indevolt.protocol import rpc\nfrom indevolt import errors"),
        ("indevolt.cli.watch", "from indevolt import connect\nfrom .tables import show"),
        ("indevolt", "def __getattr__(name):\n    from indevolt.device import connect"),
    ],
)
def test_a_right_import_passes(module: str, source: str) -> None:
    assert offences(source, module, where="x.py", is_package=module == PACKAGE) == []


def test_a_package_resolves_its_relative_imports_from_itself() -> None:
    assert offences("from .rpc import GetData", "indevolt.protocol", where="x.py", is_package=True) == []
    assert offences("from ..catalogue import load", "indevolt.protocol", where="x.py", is_package=True) != []
