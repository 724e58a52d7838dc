"""What a configuration that says nothing means: nobody is commanded, and nothing listens beyond this machine."""

from __future__ import annotations

import pytest
from home_toml import mistakes, read

from indevolt.hub.config import ApiConfig, Config, DeviceConfig, GatewayConfig
from indevolt.hub.config_control import ControlConfig
from indevolt.hub.config_pose import PoseConfig


def test_a_device_is_read_only_unless_its_owner_says_otherwise() -> None:
    assert DeviceConfig(name="cellar", host="192.168.1.20").control is False
    assert GatewayConfig(port=0).writes is False


def test_nothing_decides_by_itself_and_nothing_stored_goes_to_the_grid() -> None:
    control = ControlConfig()
    assert (control.automatic, control.battery_to_grid) == (False, False)


def test_people_outrank_whoever_asks_from_outside_unless_their_owner_says_otherwise() -> None:
    assert read("").control.ranks == ("owner", "fleet", "plan")
    assert read('[control]\nranks = ["fleet", "owner", "plan"]').control.ranks == ("fleet", "owner", "plan")


@pytest.mark.parametrize(
    ("ranks", "told"),
    [
        ('["owner", "plan"]', "owner, plan: give owner, fleet, plan, each once; safety is first and self-use last in any case"),
        ('["owner", "owner", "plan"]', "owner, owner, plan: give owner, fleet, plan, each once"),
        ("[]", "nothing: give owner, fleet, plan, each once"),
        ('["fleet", "plan", "owner"]', "plan stands before owner, so no order of a person would count where there is a plan"),
        ('["safety", "owner", "plan"]', '"safety" does not fit; allowed: "owner", "fleet", "plan"'),
        ('["fleet", "owner", "plan", "fleet"]', 'does not fit; allowed: a list of at most 3, each "owner", "fleet", "plan"'),
    ],
)
def test_an_order_of_ranks_that_makes_no_sense_is_refused_by_name(ranks: str, told: str) -> None:
    (mistake,) = mistakes(f"[control]\nranks = {ranks}")
    assert mistake.startswith("line 2, control.ranks")
    assert told in mistake


def test_nothing_listens_beyond_this_machine_by_itself() -> None:
    assert Config().api.host == "127.0.0.1"
    for config in (ApiConfig(), GatewayConfig(port=0), PoseConfig()):
        assert config.host == "127.0.0.1"
