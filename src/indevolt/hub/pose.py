"""The hub poses as a meter that units know: a Shelly Pro 3EM on a port of its own for each of them.

So any meter of the hub does for a unit's own loop, which is faster than writes and wears nothing (control.md, section 1.1, tier 2),
and several units share one meter. What is shown is ``control.posed``'s. The owner gives each unit the address in the vendor's app.

A meter that nobody may believe is not posed as: of which the sign is not proven, or that has gone quiet. A unit whose meter does
not answer goes by its load curve, which may export (control.md, section 0). Where the curve is 0 W throughout, the answer is 503;
where it is not, or nobody knows, the unit is shown what brings it to rest.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from indevolt.control.controller import aim_of
from indevolt.control.observer import Aim
from indevolt.control.posed import Posed
from indevolt.control.reach import reach
from indevolt.control.situation import Seen, Situation, Tier
from indevolt.control.split import Share
from indevolt.control.strategies.safety import late_s
from indevolt.errors import InvalidInput, Unreachable
from indevolt.hub.journal import Kind
from indevolt.hub.keeper import Keeper, Link
from indevolt.hub.steer.situation import POSED_S, caps_of, goals_of, unit_state
from indevolt.measurement import Measurement
from indevolt.shelly import ShellyMeter

if TYPE_CHECKING:
    from indevolt.hub.config import PoseConfig
    from indevolt.hub.hub import Hub

RETRY_S: Final = 30.0  # for a port that is taken to become free
CURVE: Final = tuple(f"load_curve_slot_{number:02d}" for number in range(1, 49))


async def serve_pose(hub: Hub) -> None:
    """Pose as a meter for each unit that is to have one, until cancelled."""
    asked = [keeper for keeper in hub.keepers.values() if keeper.config.pose is not None]
    for keeper in asked:
        if not keeper.config.control:  # what is shown moves the battery
            await hub.journal.note(Kind.HUB, "poses as no meter: control is false for this device", device=keeper.id)
    units = tuple(keeper for keeper in asked if keeper.config.control)
    poses = Poses(hub, units)
    hub.posed.update({keeper.id: float("-inf") for keeper in units})
    async with asyncio.TaskGroup() as group:
        for keeper in units:
            if keeper.config.pose is not None:
                group.create_task(_keep_open(hub, keeper, keeper.config.pose, poses), name=f"pose {keeper.id}")


async def _keep_open(hub: Hub, keeper: Keeper, config: PoseConfig, poses: Poses) -> None:
    """Keep one meter open; if its port is taken, the others go on."""
    told = ""
    seed = 1 + list(hub.keepers).index(keeper.id)
    while True:
        try:
            meter = ShellyMeter(lambda _: poses.measure(keeper), config.host, config.port, clock=hub.clock, seed=seed)
            async with meter:
                hub.figures.setdefault("pose", {})[keeper.id] = float(meter.port)
                text = f"poses as the Shelly Pro 3EM {meter.name} at {config.host}:{meter.port}"
                await hub.journal.note(Kind.HUB, text, device=keeper.id)
                await asyncio.get_running_loop().create_future()  # until cancelled
        except InvalidInput as error:
            if str(error) != told:
                told = str(error)
                await hub.journal.note(Kind.HUB, f"poses as no meter: {error}", device=keeper.id, remedy=error.remedy)
        await hub.clock.sleep(RETRY_S)


class Poses:
    """What all posed meters of a hub show."""

    def __init__(self, hub: Hub, units: tuple[Keeper, ...]) -> None:
        self._hub, self._units = hub, units
        self._posed = Posed([keeper.id for keeper in units])

    def measure(self, keeper: Keeper) -> Measurement:
        """Return what a unit that asks now is shown.

        Raises:
            Unreachable: the meter cannot be believed now, and a unit without one rests.
        """
        hub, now_s = self._hub, self._hub.clock.monotonic()
        hub.posed[keeper.id] = now_s
        why = self._doubt(now_s)
        if why:
            return self._rest(keeper, why)
        aim = self._look(now_s)
        self._posed.divide(now_s, aim, self._shares(now_s))
        shown = self._posed.shown_w(keeper.id, now_s)
        return self._rest(keeper, "nothing is known yet") if shown is None else Measurement(power_w=round(shown, 1))

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

    def _look(self, now_s: float) -> Aim:
        config, meter = self._hub.config.control, self._hub.meters.grid
        aim = aim_of(Situation(self._hub.clock.now(), now_s, (), goals=goals_of(config)))
        if meter is not None and (sample := meter.sample()) is not None:
            self._posed.see(sample, aim)
        for keeper in self._units:
            told = unit_state(keeper, now_s).ac_w
            if told is not None:
                self._posed.told(keeper.id, told)
        return aim

    def _shares(self, now_s: float) -> list[Share]:
        """Return what each unit that looks at us can do."""
        hub = self._hub
        states = [unit_state(each, now_s) for each in self._units if self._follows(each, now_s)]
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

    def _follows(self, keeper: Keeper, now_s: float) -> bool:
        return keeper.link is Link.ONLINE and now_s - self._hub.posed[keeper.id] <= POSED_S

    def _rest(self, keeper: Keeper, why: str) -> Measurement:
        """Bring a unit to rest: say nothing if that does it, else show it as much export as it gives."""
        if rests_without_meter(keeper):
            raise Unreachable(why)
        given = unit_state(keeper, self._hub.clock.monotonic()).ac_w
        return Measurement(power_w=0.0 if given is None else -given.value)


def rests_without_meter(keeper: Keeper) -> bool:
    """Return whether a unit is known to give nothing while its meter does not answer: its load curve is 0 throughout."""
    values = [keeper.latest.value(name) for name in CURVE]
    return all(isinstance(value, int | float) and value == 0 for value in values)
