"""A battery as people give it to what-ifs: a product with so many modules, or its figures, or both: figures outrank the product."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Final

import click

from indevolt.catalogue import products
from indevolt.cli.options import T, complete_model
from indevolt.errors import InvalidInput

if TYPE_CHECKING:
    from indevolt.control.plan.problem import BatteryModel

USUAL: Final[Mapping[str, float]] = {"capacity_wh": 4000.0, "charge_w": 2000.0, "discharge_w": 2400.0}


@dataclass(frozen=True, slots=True)
class BatteryGiven:
    """What was said of a battery; None: nothing."""

    model: str | None
    modules: int | None
    figures: Mapping[str, float | None]  # capacity_wh, charge_w, discharge_w
    wear_per_kwh: float

    @property
    def said(self) -> bool:
        """Whether anything was."""
        return self.model is not None or self.modules is not None or any(value is not None for value in self.figures.values())

    def built(self, *, soc_pct: float, reserve_pct: float, known: Mapping[str, float] | None = None) -> BatteryModel:
        """Return the battery; what nobody said is as ``known``, or as usual.

        Raises:
            InvalidInput: no such product, or figures out of range.
        """
        from indevolt.control.plan.problem import BatteryModel

        figures = {**USUAL, **(known or {}), **self._of_product()}
        figures |= {name: value for name, value in self.figures.items() if value is not None}
        return BatteryModel(
            soc_pct=max(soc_pct, 0.0),
            floor_pct=reserve_pct,
            reserve_pct=reserve_pct,
            wear_per_kwh=self.wear_per_kwh,
            capacity_wh=figures["capacity_wh"],
            charge_w=figures["charge_w"],
            discharge_w=figures["discharge_w"],
        )

    def _of_product(self) -> dict[str, float]:
        if self.model is None:
            if self.modules is not None:
                raise InvalidInput("--modules means nothing without --model", remedy="Give a product, or --capacity.")
            return {}
        product = products().get(self.model.strip().lower())
        if product is None:
            raise InvalidInput(f"no product {self.model!r}", remedy=f"Products: {', '.join(products())}.")
        modules = self.modules or 1
        if modules > product.max_modules:
            raise InvalidInput(
                f"--modules: {modules} are more than a {product.title} takes", remedy=f"At most {product.max_modules}."
            )
        at = min(modules, len(product.charge_w)) - 1
        return {
            "capacity_wh": modules * product.module_wh,
            "charge_w": product.charge_w[at],
            "discharge_w": product.discharge_w[min(modules, len(product.discharge_w)) - 1],
        }


def battery_options(command: Callable[..., T]) -> Callable[..., T]:
    """Add a battery to a command, which gets it as ``battery``."""

    @click.option("--model", metavar="PRODUCT", shell_complete=complete_model, help="The battery's product.")
    @click.option(
        "--modules", type=click.IntRange(1, 6), metavar="N", help="Battery modules, main unit included, where it cannot be told."
    )
    @click.option("--capacity", "capacity_wh", type=float, metavar="WH", help="Its capacity, if not the product's.  [usual: 4000]")
    @click.option("--charge", "charge_w", type=float, metavar="W", help="Greatest power into it.  [usual: 2000]")
    @click.option("--discharge", "discharge_w", type=float, metavar="W", help="Greatest power out of it.  [usual: 2400]")
    @click.option("--wear", "wear_per_kwh", default=0.02, show_default=True, help="What a kWh out of it costs in wear.")
    @wraps(command)
    def build(
        *given: object,
        model: str | None,
        modules: int | None,
        capacity_wh: float | None,
        charge_w: float | None,
        discharge_w: float | None,
        wear_per_kwh: float,
        **rest: object,
    ) -> T:
        figures = {"capacity_wh": capacity_wh, "charge_w": charge_w, "discharge_w": discharge_w}
        return command(*given, battery=BatteryGiven(model, modules, figures, wear_per_kwh), **rest)

    return build
