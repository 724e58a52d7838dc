"""What a device can be set to: JSON documents, documented examples and captured exchanges."""

from __future__ import annotations

from typing import Any

import pytest

from indevolt.errors import InvalidInput
from indevolt.protocol.messages import (
    Data,
    GetData,
    Json,
    P1GetData,
    PlugGetData,
    PlugGetStatus,
    Result,
    SetData,
    SwitchStatus,
    SysConfig,
    SysGetConfig,
    Text,
    WifiGetStatus,
    WifiStatus,
)
from indevolt.simulator import State


def test_points_device_and_wifi_stand_side_by_side() -> None:
    document = {"6000": 726, "606": "1000", "11008": [6, 4, 2], "device": {"sn": "1"}, "src": "1", "params": {"rssi": 70}}
    assert State.parse(document) == State(
        points={"6000": 726, "606": "1000", "11008": [6, 4, 2]},
        system=SysConfig({"sn": "1"}),
        wifi=WifiStatus("1", {"rssi": 70}),
    )


def test_a_documented_example_is_its_response() -> None:
    assert State.parse({"request": {"url": "x"}, "status": 200, "response": {"1664": 100}}) == State(points={"1664": 100})


def test_a_configuration_without_wrapper_is_known_by_its_fields() -> None:
    assert State.parse({"type": "SP-2W-EU", "sn": "1", "fw": "2"}).system == SysConfig(
        {"type": "SP-2W-EU", "sn": "1", "fw": "2"}, wrapped=False
    )


def test_an_accessory_is_set_by_the_names_of_its_rpcs() -> None:
    state = State.parse({"Plug.GetData": {"power": 3}, "Plug.GetStatus": {"switch_status": "off"}, "P1.GetData": "{/x}"})
    assert (state.documents, state.switch_on, state.telegram) == ({"Plug.GetData": {"power": 3}}, False, "{/x}")


def test_captured_exchanges_add_up_and_the_later_one_holds() -> None:
    state = State.of(
        [
            (GetData((6000, 6002)), Data({"6000": 1, "6002": 50})),
            (GetData((6000,)), Data({"6000": 2})),
            (SetData(47005, (4,)), Result(result=True)),
            (SysGetConfig(), SysConfig({"sn": "1"}, wrapped=False)),
            (WifiGetStatus(), WifiStatus("1", {})),
            (PlugGetData(), Json({"power": 3})),
            (PlugGetStatus(), SwitchStatus(on=True)),
            (P1GetData(), Text("{/x}")),
        ]
    )
    assert state == State(
        {"6000": 2, "6002": 50},
        SysConfig({"sn": "1"}, wrapped=False),
        WifiStatus("1", {}),
        {"Plug.GetData": {"power": 3}},
        "{/x}",
        True,
    )


@pytest.mark.parametrize(
    "document",
    [
        {"power": 3},
        {"battery_power": 3},
        {"6000": {"value": 3}},
        {"6000": [[1]]},
        {"device": 3},
        {"device": {"sn": {}}},
        {"src": "", "params": 3},
        {"Plug.GetStatus": "on"},
        {"Plug.GetData": 3},
        {"P1.GetData": 3},
    ],
)
def test_what_is_no_state_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        State.parse(document)
