"""What each unit is shown by the meter that the hub poses as for it.

What a unit should be shown so that it gives its share of what the house takes is ``control.posed``'s; here is what is known of
meter and units.

A meter that nobody may believe is not posed as: of which the sign is not proven, or that has gone quiet. A unit whose meter does
not answer, or is not heard, goes by its load curve, which may export (control.md, section 0). Where the curve is 0 W throughout,
nothing is shown: 503 over HTTP, silence otherwise. Where it is not, or nobody knows, the unit is shown what brings it to rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from indevolt.battery import Quality
from indevolt.control import load_curve
from indevolt.control.controller import aim_of
from indevolt.control.observer import Aim
from indevolt.control.posed import Posed
from indevolt.control.reach import reach
from indevolt.control.situation import Seen, Situation, Tier
from indevolt.control.split import Share
from indevolt.control.strategies.safety import late_s
from indevolt.errors import Unreachable
from indevolt.hub.config_pose import Way
from indevolt.hub.keeper import Keeper, Link
from indevolt.hub.pose.posing import Posing
from indevolt.hub.steer.situation import caps_of, goals_of, unit_state
from indevolt.measurement import Measurement
from indevolt.protocol.shelly import Wanted
from indevolt.shelly import Asked

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub


class Poses:
    """What all posed meters of a hub show."""

    def __init__(self, hub: Hub, units: dict[Keeper, Posing]) -> None:
        self._hub, self._units = hub, units
        self._posed = Posed([keeper.id for keeper in units])

    def posing(self, keeper: Keeper) -> Posing:
        """Return what is known of the meter of a unit."""
        return self._units[keeper]

    def answer(self, keeper: Keeper, asked: Asked) -> Measurement:
        """Return what is shown to somebody who asks. Who is not the unit sees the same, and is not taken to act on it.

        Raises:
            Unreachable: the meter cannot be believed now, and a unit without one rests.
        """
        acts = asked.wanted is Wanted.POWER and self._units[keeper].asked(Way(asked.over), asked.peer)
        return self._show(keeper, acts=acts)

    def frame(self, keeper: Keeper) -> Measurement:
        """Return what a unit that hears is sent now.

        Until it is seen to follow that is next to nothing, on which it goes on with whatever it does.

        Raises:
            Unreachable: the meter cannot be believed now, and a unit without one rests.
        """
        posing, now_s = self._units[keeper], self._hub.clock.monotonic()
        self._notice(keeper, posing, now_s)
        if posing.follows:
            measurement = self._show(keeper, acts=True)
        else:
            posing.shown_w, posing.why = None, self._doubt(now_s)
            if posing.why and rests_without_meter(keeper):
                raise Unreachable(posing.why)
            measurement = Measurement(power_w=posing.probe_w())
        posing.sent(measurement.power_w)
        return measurement

    # ---- what is shown -------------------------------------------------------------------------------------------------------

    def _show(self, keeper: Keeper, *, acts: bool) -> Measurement:
        posing, now_s = self._units[keeper], self._hub.clock.monotonic()
        self._hear(now_s)
        why = self._doubt(now_s)
        shown = None if why else self._share(keeper, now_s, acts=acts)
        if shown is None:
            posing.why = why or "nothing is known yet"
            if rests_without_meter(keeper):
                posing.shown_w = None
                raise Unreachable(posing.why)
            shown = self._posed.rest_w(keeper.id, now_s, acts=acts)
        else:
            posing.why = ""
        measurement = Measurement(power_w=round(shown, 1) + 0.0)  # + 0.0: no meter shows a negative zero
        if acts:
            posing.shown_w = measurement.power_w
        return measurement

    def _share(self, keeper: Keeper, now_s: float, *, acts: bool) -> float | None:
        aim = self._aim(now_s)
        meter = self._hub.meters.grid
        if meter is not None and (sample := meter.sample()) is not None:
            self._posed.see(sample, aim)
        self._posed.divide(now_s, aim, self._shares(now_s))
        if _is_busy(keeper):
            return self._posed.grid_w(now_s, aim)
        return self._posed.shown_w(keeper.id, now_s, acts=acts)

    def _doubt(self, now_s: float) -> str:
        """Return why the true meter is not to be believed now; empty if it is."""
        meter = self._hub.meters.grid
        sample = None if meter is None else meter.sample()
        if meter is None or sample is None:
            return "there is no meter to pass on"
        if not sample.proven:
            return f"the sign of the meter {meter.name} is not proven"
        if sample.age_s(now_s) > late_s(sample.period_s):
            return f"the meter {meter.name} has shown nothing new for {sample.age_s(now_s):.0f} s"
        return ""

    # ---- what is known -------------------------------------------------------------------------------------------------------

    def _aim(self, now_s: float) -> Aim:
        return aim_of(Situation(self._hub.clock.now(), now_s, (), goals=goals_of(self._hub.config.control)))

    def _hear(self, now_s: float) -> None:
        """Take note of what units say that they give."""
        for keeper, posing in self._units.items():
            told = unit_state(keeper, now_s).ac_w
            if told is not None:
                self._posed.told(keeper.id, told, sure=posing.is_sure)

    def _notice(self, keeper: Keeper, posing: Posing, now_s: float) -> None:
        """See whether a unit shows what it was sent."""
        shown, age_s = keeper.latest.sample("meter_power"), keeper.latest.age_s("meter_power")
        if shown is None or age_s is None or shown.quality not in (Quality.LIVE, Quality.HELD):
            return
        if keeper.latest.value("meter_connected") is True and isinstance(shown.value, int | float):
            posing.told(float(shown.value), now_s - age_s)

    def _shares(self, now_s: float) -> list[Share]:
        """Return what each unit that looks at us can do."""
        hub = self._hub
        states = [unit_state(each, now_s) for each in self._units if self._follows(each)]
        known = Situation(
            hub.clock.now(),
            now_s,
            tuple(states),
            goals=goals_of(hub.config.control),
            caps=caps_of(hub.config.control),
            tier=Tier.POSED,
        )
        shares = []
        for state in states:
            reached, soc, capacity = reach(known, state), state.soc_pct or Seen(50.0, now_s), state.capacity_wh or 1000.0
            above = (soc.value - known.floor_pct(state)) / 100 * capacity
            below = (known.ceiling_pct(state) - soc.value) / 100 * capacity
            shares.append(Share(state.name, reached.low_w, reached.high_w, soc.value, above, below))
        return shares

    def _follows(self, keeper: Keeper) -> bool:
        return keeper.link is Link.ONLINE and self._units[keeper].follows and not _is_busy(keeper)


def _is_busy(keeper: Keeper) -> bool:
    """Return whether a unit has something else to do than to follow its meter: an order, or its own schedule."""
    return keeper.latest.value("mode") not in (None, "self_use")


def rests_without_meter(keeper: Keeper) -> bool:
    """Return whether a unit is known to give nothing while its meter does not answer: its load curve is 0 throughout."""
    values = [keeper.latest.value(name) for name in load_curve.NAMES]
    return all(isinstance(value, int | float) and value == 0 for value in values)
