"""What a unit can really do now: the lowest of what its product, its modules and its own settings allow, with the cause.

Ranges of the write points are one thing (points.csv prints 2400 W for all), what one battery module carries is another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from indevolt.battery import Limit, Limits, Value
from indevolt.catalogue.model import Model, Product

_CHARGE_REPORTS = {
    "inverter_input_limit": "the AC charging limit that is set",
    "battery_max_charge_power": "what the batteries report they accept",
}
_DISCHARGE_REPORTS = {
    "max_ac_output_power": "the AC output limit that is set",
    "system_max_discharge_power": "what the unit reports it can deliver",
}

LIMITING = (*_CHARGE_REPORTS, *_DISCHARGE_REPORTS, "backup_soc")
"""The quantities whose values :func:`effective_limits` uses."""


def effective_limits(
    model: Model,
    product: Product | None,
    modules: int | None,
    shown: Mapping[str, Value | None],
    *,
    cluster: bool = False,
) -> Limits:
    """Return the limits that hold now.

    Args:
        model: the family.
        product: the product, where known; else the widest of the family holds.
        modules: installed battery modules, main unit included; None where unknown.
        shown: quantities read from the unit; those that set a limit are used, the rest ignored.
        cluster: the unit leads a cluster, so that what this one unit can do and is set to does not bind (protocol.md, section 14:
            a pair took 4000 W through its master).
    """
    if cluster:
        widest = model.points["realtime_power"].writes[0].accepts or (0, 0)
        charge = discharge = [Limit(widest[1], "W", "the widest range documented for a cluster; its units limit themselves")]
    else:
        candidates = [product] if product else list(model.products.values())
        name = f"a {product.title}" if product else f"any product of the {model.title}"
        charge = [_widest([_by_modules(each.charge_w, name, modules) for each in candidates]), *_reported(_CHARGE_REPORTS, shown)]
        discharge = [
            _widest([_by_modules(each.discharge_w, name, modules) for each in candidates]),
            *_reported(_DISCHARGE_REPORTS, shown),
        ]
    reserve = shown.get("backup_soc")
    floor = model.points["realtime_target_soc"].writes[0].low or 0
    soc_min = Limit(floor, "%", "the lowest target that is documented")
    if isinstance(reserve, int | float) and reserve > floor:
        soc_min = Limit(reserve, "%", "the backup reserve that is set")
    return Limits(
        charge=min(charge, key=lambda limit: limit.value),
        discharge=min(discharge, key=lambda limit: limit.value),
        soc_min=soc_min,
        soc_max=Limit(100, "%", "a full battery"),
    )


def _widest(limits: list[Limit]) -> Limit:
    return max(limits, key=lambda limit: limit.value)


def _by_modules(steps: tuple[float, ...], name: str, modules: int | None) -> Limit:
    """Return the step for a number of modules; the last one stands for more."""
    if modules is None or len(steps) == 1:
        return Limit(steps[-1], "W", f"what {name} can do")
    step = steps[min(max(modules, 1), len(steps)) - 1]
    return Limit(step, "W", f"{modules} battery module{'s' if modules > 1 else ''} of {name}")


def _reported(reports: Mapping[str, str], shown: Mapping[str, Value | None]) -> Iterable[Limit]:
    for name, cause in reports.items():
        value = shown.get(name)
        # 0 is what a unit without a value sends for these (samples, getdata_gen2), so it is no limit.
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            yield Limit(value, "W", f"{cause} ({name})")
