"""What a configuration that says nothing means: nobody is commanded, and nothing listens beyond this machine."""

from __future__ import annotations

from indevolt.hub.config import ApiConfig, Config, DeviceConfig, GatewayConfig
from indevolt.hub.config_control import ControlConfig
from indevolt.hub.config_pose import PoseConfig


def test_a_device_is_read_only_unless_its_owner_says_otherwise() -> None:
    assert DeviceConfig(name="cellar", host="192.168.1.20").control is False
    assert GatewayConfig(port=0).writes is False


def test_nothing_decides_by_itself_and_nothing_stored_goes_to_the_grid() -> None:
    control = ControlConfig()
    assert (control.automatic, control.battery_to_grid) == (False, False)


def test_nothing_listens_beyond_this_machine_by_itself() -> None:
    assert Config().api.host == "127.0.0.1"
    for config in (ApiConfig(), GatewayConfig(port=0), PoseConfig()):
        assert config.host == "127.0.0.1"
