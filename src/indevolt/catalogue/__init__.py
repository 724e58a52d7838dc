"""What a point means: data in ``models/*.toml``, and the grammar that reads it.

Point numbers stand in those files and nowhere else. Nothing here knows how a point travels.
"""

from __future__ import annotations

from indevolt.catalogue.grammar import families, load, products
from indevolt.catalogue.identity import Evidence, Firmware, Verdict, identify, probe_points
from indevolt.catalogue.limits import LIMITING, effective_limits
from indevolt.catalogue.model import Model, Point, Product, ReadSide, Write, WriteSide

__all__ = [
    "LIMITING",
    "Evidence",
    "Firmware",
    "Model",
    "Point",
    "Product",
    "ReadSide",
    "Verdict",
    "Write",
    "WriteSide",
    "effective_limits",
    "families",
    "identify",
    "load",
    "probe_points",
    "products",
]
