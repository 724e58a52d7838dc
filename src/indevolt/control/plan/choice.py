"""What a slot can be told to do: an action, with its power where it has one."""

from __future__ import annotations

from dataclasses import dataclass

from indevolt.control.situation import Action


@dataclass(frozen=True, slots=True)
class Choice:
    """An action and a power in W; 0: as much as there is."""

    action: Action
    power_w: float = 0.0
