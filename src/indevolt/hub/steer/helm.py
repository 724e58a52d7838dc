"""Where it is decided what each unit is to do: strategies are heard whenever something changes, and what they say becomes wishes.

An override decides for its own unit only; all others are one battery, if the owner lets strategies decide, or somebody asked for a
backup hold. How a wish gets to its device, and what came of it, is the business of ``unit``.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from indevolt.battery import Charge, Command, Discharge, Hold, SelfUse, in_words
from indevolt.control.controller import Controller
from indevolt.control.decision import Decision, Weight
from indevolt.control.situation import Dynamics, Rank, Tier
from indevolt.hub.journal import Kind
from indevolt.hub.steer.records import Left, Owner, Told, Wish, signed
from indevolt.hub.steer.situation import given_w, situation, sun_w
from indevolt.hub.steer.trials import kept_dynamics
from indevolt.hub.steer.waiting import soon

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub
    from indevolt.hub.keeper import Keeper
    from indevolt.hub.steer.unit import UnitSteering

BUSY_S: Final = 1.0  # between two decisions while something is commanded, beside those after each reading
IDLE_S: Final = 10.0  # ... and while nothing is
LEAST_S: Final = 0.2  # a burst of readings is one change
JUMP_S: Final = 30.0  # that the wall clock may differ from the monotonic one between two decisions; more is a jump
DOUBT_S: Final = 120.0  # for which plans wait after one, so that prices and forecasts are those of the new time
STEP_W: Final = 50.0  # in which units make room for each other below the limit of all; the least power of a device
ASSUMED: Final = Dynamics()
OWNERS: Final = {
    Rank.SAFETY: Owner.SAFETY,
    Rank.OWNER: Owner.USER,
    Rank.FLEET: Owner.FLEET,
    Rank.PLAN: Owner.PLAN,
    Rank.SELF_USE: Owner.SELF_USE,
}


class Helm:
    """Decides for all steered units of a hub."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._changed = asyncio.Event()
        self._controllers: dict[tuple[str, ...], Controller] = {}
        self._dynamics: dict[str, Dynamics] = {}
        self._firmware: dict[str, str] = {}  # with which what is known of a unit was recalled
        self._clocks: tuple[float, float] | None = None  # wall and monotonic, at the last decision
        self._doubt_until_s = float("-inf")

    def wake(self) -> None:
        """Decide again soon, as something has changed."""
        self._changed.set()

    @property
    def units(self) -> tuple[UnitSteering, ...]:
        """The units that are steered now."""
        found = (keeper.steering for keeper in self._hub.keepers.values())
        return tuple(unit for unit in found if unit is not None and not unit.ended)

    async def run(self) -> None:
        """Decide until cancelled."""
        while True:
            self._changed.clear()
            await self.decide()
            await self._hub.clock.sleep(LEAST_S)
            busy = any(unit.commands for unit in self.units)
            await soon(self._hub.clock.sleep(BUSY_S if busy else IDLE_S), self._changed)

    async def decide(self) -> None:
        """Decide for every unit now."""
        await self._watch_the_clock()
        await self._hub.backup.expire(self._hub)
        units = self.units
        for unit in units:
            await self._recall(unit.keeper)
        asked = sorted((unit.override.at, number) for number, unit in enumerate(units) if unit.override is not None)
        overridden = [(units[number],) for _, number in asked]
        automatic = self._hub.config.control.automatic and self._hub.pause.until(self._hub) is None
        kept = self._hub.backup.current(self._hub) is not None and not self._hub.trials.running
        rest = tuple(unit for unit in units if unit.override is None)
        groups: list[tuple[UnitSteering, ...]] = [*overridden, *([rest] if rest else [])]
        self._keep_controllers(groups)
        ordered_w: dict[str, float] = {}  # what those give that were decided for, and so come first
        for group in groups:
            beside_w = self._beside_w(group, ordered_w, gives_way=automatic or kept)
            await self._decide(group, automatic=automatic, kept=kept, beside_w=beside_w)
            ordered_w.update(_given_w(unit, self._hub.clock.monotonic()) for unit in group)

    def learn(self, unit: str, known: Dynamics) -> None:
        """Go by this from now on: a trial found how a unit answers."""
        self._dynamics[unit] = known
        for names, controller in self._controllers.items():
            if unit in names:
                controller.learn(unit, known)

    def dynamics(self, unit: str) -> Dynamics:
        """Return what is known by now of how a unit answers."""
        deciding = next((controller for names, controller in self._controllers.items() if unit in names), None)
        return self._dynamics.get(unit, ASSUMED) if deciding is None else deciding.dynamics[unit]

    async def _recall(self, keeper: Keeper) -> None:
        """Go by what a trial found of a unit, as long as it has the firmware of then."""
        name, firmware = keeper.id, keeper.firmware
        if self._firmware.get(name) == firmware:
            return
        self._firmware[name] = firmware
        if (kept := await kept_dynamics(self._hub, name)) is None:
            return
        self.learn(name, kept.dynamics if kept.is_of(firmware) else ASSUMED)
        if not kept.is_of(firmware):
            text = f"{name} was tried with firmware {kept.firmware}, and has {firmware} now: how it answers is assumed again"
            await self._hub.journal.note(Kind.DECISION, text, device=name, remedy=f"Try it anew: indevolt commission {name}")

    def sent(self, unit: str, command: Command | None) -> None:
        """Take note of what a unit was told; None: it was given back to itself."""
        for names, controller in self._controllers.items():
            if unit in names:
                controller.sent(unit, self._hub.clock.monotonic(), signed(command))

    def _beside_w(self, group: tuple[UnitSteering, ...], ordered_w: Mapping[str, float], *, gives_way: bool) -> float:
        """Return what other units have of what all may give together, in coarse steps, so that not each watt of theirs is written.

        An order of a person comes before a later one, and before what is decided for the rest, if that can give way.
        """
        now_s, names = self._hub.clock.monotonic(), _names(group)
        giving_way = {unit.keeper.id for unit in self.units if unit.override is not None or gives_way}
        others_w = sum(
            ordered_w[keeper.id] if keeper.id in ordered_w else 0.0 if keeper.id in giving_way else given_w(keeper, now_s)
            for keeper in self._hub.keepers.values()
            if keeper.id not in names
        )
        return math.ceil(max(0.0, others_w - STEP_W / 5) / STEP_W) * STEP_W

    async def _decide(self, group: tuple[UnitSteering, ...], *, automatic: bool, kept: bool, beside_w: float) -> None:
        """Hear all strategies; where they may not decide, only so that it can be told what they would."""
        override = group[0].override is not None
        people = override or (kept and not automatic)
        decides = (automatic or kept) and not override
        controller = self._controllers[_names(group)]
        trusted = self._hub.clock.monotonic() >= self._doubt_until_s
        known = situation(self._hub, group, people=people, clock_trusted=trusted, beside_w=beside_w)
        decision = controller.decide(known)
        for unit in group:
            wish = wish_for_all(unit, decision) if decides else wish_for_override(unit, decision)
            left = left_to_itself(unit, decision) if decides and wish is None else None
            if (given_up := unit.proofs.given_up) is not None:
                wish, left = None, Left(Owner.SAFETY, given_up.why(unit.keeper.id), _told(decision))
            await unit.decide(wish, decision, left)

    def _keep_controllers(self, groups: Sequence[tuple[UnitSteering, ...]]) -> None:
        """Have one controller for each group; what was learnt of units goes on."""
        wanted = {_names(group): group for group in groups}
        for names in [names for names in self._controllers if names not in wanted]:
            self._dynamics.update(self._controllers.pop(names).dynamics)
        for names, group in wanted.items():
            if names not in self._controllers:
                ranks = self._ranks(override=group[0].override is not None)
                controller = Controller({name: self._dynamics.get(name, ASSUMED) for name in names}, ranks=ranks)
                self._controllers[names] = controller
                for unit in group:
                    if unit.lease is not None and unit.lease.sent is not None:
                        controller.sent(unit.keeper.id, unit.lease.wrote_s, signed(unit.lease.sent))

    def _ranks(self, *, override: bool) -> tuple[Rank, ...]:
        """Return who is heard between safety and self-use, as the owner orders them; for an override nobody below him."""
        ranks = tuple(Rank(each) for each in self._hub.config.control.ranks)
        return ranks[: ranks.index(Rank.OWNER) + 1] if override else ranks

    async def _watch_the_clock(self) -> None:
        """Let plans wait for a while when the wall clock jumped; ends of overrides go by another clock as well."""
        wall_s, now_s = self._hub.clock.now().timestamp(), self._hub.clock.monotonic()
        before, self._clocks = self._clocks, (wall_s, now_s)
        if before is None:
            return
        jump_s = (wall_s - before[0]) - (now_s - before[1])
        if abs(jump_s) >= JUMP_S:
            self._doubt_until_s = now_s + DOUBT_S
            text = (
                f"the clock jumped by {jump_s:+.0f} s; plans wait {DOUBT_S:.0f} s, and overrides end after the time that was left"
            )
            await self._hub.journal.note(Kind.DECISION, text, jump_s=round(jump_s, 1))


def wish_for_override(unit: UnitSteering, decision: Decision) -> Wish | None:
    """Return what comes of an override; where safety allows less than was asked for, it says so."""
    made = unit.override
    if made is None:
        return None
    why = made.why()
    order = decision.order(unit.keeper.id)
    if order is None:  # nobody may command it: the device itself says why
        return Wish(Owner.USER, made.command, why, made.until)
    command = SelfUse() if order.power_w is None else order.command
    reasons = _told(decision)
    if type(made.command) is type(command) and _power(made.command) == _power(command):
        return Wish(Owner.USER, made.command, why, made.until, reasons)
    if (
        type(made.command) is type(command)
        and isinstance(command, Charge | Discharge)
        and isinstance(made.command, Charge | Discharge)
    ):
        limited: Command = type(command)(command.power_w, made.command.soc_pct)
    else:
        limited = command
    binding = [*(reason.text for reason in decision.binding), *order.notes]
    notes = (f"now {in_words(limited)}, as {'; '.join(dict.fromkeys(binding))}",) if binding else ()
    owner = Owner.SAFETY if isinstance(limited, Hold) and not isinstance(made.command, Hold) else Owner.USER
    return Wish(owner, limited, "; ".join((why, *notes)), made.until, reasons, notes=notes, urgent=decision.urgent)


def wish_for_all(unit: UnitSteering, decision: Decision) -> Wish | None:
    """Return what strategies want of a unit; None where the device does the same by itself, or nobody can tell."""
    order, chosen = decision.order(unit.keeper.id), decision.chosen
    if order is None or order.power_w is None or chosen is None:
        return None
    strongest = next((reason for reason in decision.binding), None)
    follows = chosen.rank is Rank.SELF_USE
    if follows and decision.wanted_w == 0.0 and strongest is None and decision.tier is Tier.REALTIME and not unit.commands:
        return None  # there is nothing to see the house by: it is left as it is
    if decision.power_w == 0.0:  # whoever made it so; a soft bound goes with the house, which the one who decides has reckoned with
        strongest = next((reason for reason in decision.binding if not reason.soft and 0.0 in (reason.low_w, reason.high_w)), None)
    elif not follows or decision.tier is Tier.REALTIME:
        strongest = None
    decider = strongest or chosen
    why = decider.text if decider.text == chosen.text else f"{chosen.text}; but {decider.text}"
    return Wish(OWNERS[decider.rank], order.command, why, None, _told(decision), notes=order.notes, urgent=decision.urgent)


def left_to_itself(unit: UnitSteering, decision: Decision) -> Left | None:
    """Return why a unit goes on by its own loop; None where it is not commanded for another reason."""
    order, chosen = decision.order(unit.keeper.id), decision.chosen
    if order is None or chosen is None:
        return None
    if order.power_w is not None:  # nobody sees the house, so it was never taken over
        return Left(Owner.DEVICE, f"{chosen.text}; so the device is left as it is", _told(decision))
    does = "" if chosen.rank is Rank.SELF_USE else "; the device's own loop does that"
    return Left(OWNERS[chosen.rank], f"{chosen.text}{does}", _told(decision))


def _given_w(unit: UnitSteering, now_s: float) -> tuple[str, float]:
    """Return what a unit was just ordered to give, with the sun that goes through it; what it gives, where that is clearly more."""
    order, shown_w = unit.decision.order(unit.keeper.id) if unit.decision is not None else None, given_w(unit.keeper, now_s)
    if order is None or order.power_w is None:
        return unit.keeper.id, shown_w
    ordered_w = max(0.0, order.power_w + sun_w(unit.keeper))
    return unit.keeper.id, shown_w if shown_w > ordered_w + STEP_W else ordered_w


def _names(group: Sequence[UnitSteering]) -> tuple[str, ...]:
    return tuple(unit.keeper.id for unit in group)


def _power(command: Command) -> int | None:
    return getattr(command, "power_w", None)


def _told(decision: Decision) -> tuple[Told, ...]:
    weights = list(Weight)
    ranked = sorted(decision.reasons, key=lambda reason: weights.index(reason.weight))
    return tuple(Told(reason.rank.value, reason.text, reason.weight.value, reason.otherwise) for reason in ranked)
