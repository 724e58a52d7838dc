"""Which points a command may write: the mode and real-time points, and never a limit that its owner set (control.md, 5, rule 3)."""

from __future__ import annotations

import pytest

from indevolt.battery import Charge, Command, Discharge, Hold, Schedule, SelfUse
from indevolt.catalogue import families, load

MOVES = {"mode", "realtime_state", "realtime_power", "realtime_target_soc"}


@pytest.mark.parametrize("family", families())
@pytest.mark.parametrize(
    "command", [Charge(800, 90), Discharge(800, 20), Hold(), SelfUse(), Schedule()], ids=lambda each: type(each).__name__
)
@pytest.mark.parametrize("cluster", [False, True])
def test_a_command_writes_nothing_but_mode_and_real_time_points(family: str, command: Command, *, cluster: bool) -> None:
    steps = load(family).spell(command, cluster=cluster)
    assert {name for step in steps for name in step.wanted} <= MOVES
    assert "mode" in steps[0].wanted
