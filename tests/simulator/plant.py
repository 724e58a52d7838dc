"""One unit by itself, without site or firmware, for the tests of its physics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from indevolt.catalogue import products
from indevolt.simulator.converter import INSTANT
from indevolt.simulator.physics import Unit, kit

NOON = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)
POWERFLEX = products()["powerflex2000"]


def unit(product: str = "powerflex2000", modules: int = 2, *, soc_pct: float = 50, temperature_c: float = 25) -> Unit:
    return Unit(kit(products()[product], modules), soc_pct=soc_pct, temperature_c=temperature_c, response=INSTANT)


def live(
    each: Unit, target_w: float = 0.0, pv_w: Sequence[float] = (), *, seconds: float = 1, air_c: float = 25, times: int = 1
) -> None:
    """Step a unit that no setting limits."""
    for _ in range(times):
        each.look(pv_w, seconds)
        each.bound(seconds, floor_pct=0, ceiling_pct=100, ac_in_max_w=math.inf, ac_out_max_w=math.inf)
        each.run(target_w, seconds, air_c)
