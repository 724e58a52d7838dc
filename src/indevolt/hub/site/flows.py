"""Where power goes at an instant, by a rule, as nobody can see it. Pure.

The sun serves the house first, then the battery, then the grid. What it leaves open the battery serves: the house, then the grid.
What is open then comes from the grid: the house, then the battery. Batteries count together, so one that charges another is left
out. What sources give and no flow has is lost in conversion, or between meters that were read at different moments: nothing is made
up for it.
"""

from __future__ import annotations

from indevolt.hub.site.quantities import Flow


def allocate(*, solar_w: float, battery_w: float, grid_w: float, house_w: float) -> dict[Flow, float]:
    """Return the power of each flow.

    Args:
        solar_w: power of all PV inputs and plants.
        battery_w: of all batteries: positive out of them.
        grid_w: at the meter: positive from the grid.
        house_w: what the house takes.
    """
    sources = {"solar": max(0.0, solar_w), "battery": max(0.0, battery_w), "grid": max(0.0, grid_w)}
    sinks = {"house": max(0.0, house_w), "battery": max(0.0, -battery_w), "grid": max(0.0, -grid_w)}
    found = {}
    for flow in Flow:  # in the order of the rule
        source, _, sink = flow.partition("_to_")
        part_w = min(sources[source], sinks[sink])
        sources[source] -= part_w
        sinks[sink] -= part_w
        found[flow] = part_w
    return found


def without_battery(*, solar_w: float, house_w: float) -> tuple[float, float]:
    """Return what the house would buy and give, if its sun went straight to it and there were no battery."""
    open_w = house_w - max(0.0, solar_w)
    return max(0.0, open_w), max(0.0, -open_w)
