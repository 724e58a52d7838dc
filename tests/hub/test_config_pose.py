"""What a configuration may say of a meter that the hub poses as, and what it is told."""

from __future__ import annotations

import pytest
from home_toml import DEVICE, mistakes, read

from indevolt.hub.config_pose import PoseConfig, Way

SECOND = DEVICE.replace('"battery"', '"attic"').replace("192.168.1.50", "192.168.1.51")
PUSHING = DEVICE + '[devices.pose]\ntransports = ["push"]\n'
HEARING = '[[meters]]\nname = "house"\nkind = "opendata_push"\n'


def pose(text: str) -> PoseConfig:
    posed = read(f"{DEVICE}[devices.pose]\n{text}").devices[0].pose
    assert posed is not None
    return posed


def test_without_a_word_it_is_what_units_are_documented_to_ask() -> None:
    posed = pose("")
    assert (posed.transports, posed.host, posed.port) == ((Way.HTTP,), "127.0.0.1", 80)


def test_everything_can_be_said() -> None:
    posed = pose('transports = ["udp", "http"]\nhost = "0.0.0.0"\nport = 8010\nudp_port = 2220')
    assert (posed.transports, posed.port, posed.udp_port) == ((Way.UDP, Way.HTTP), 8010, 2220)
    posed = pose('transports = ["push"]\npush_to = "255.255.255.255"\npush_port = 65535\nserial = "3310500113"')
    assert (posed.push_to, posed.push_port, posed.serial) == ("255.255.255.255", 65535, "3310500113")


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ('transports = ["htp"]', 'transports[1]: "htp" does not fit; did you mean http? allowed: "http", "udp", "push"'),
        ("transports = []", "transports: there is none; choose of http, udp, push"),
        ('transports = ["udp", "udp"]', "transports[2]: udp is there already"),
        (
            'transports = ["http", "push"]',
            "transports: push is a P1 reader and the others are a Shelly: a battery follows one of them",
        ),
        ('transports = ["udp"]\nport = 80', 'port: it means nothing unless transports has "http"'),
        ("udp_port = 1010", 'udp_port: it means nothing unless transports has "udp"'),
        ('push_to = "192.168.1.50"', 'push_to: it means nothing unless transports = ["push"]'),
        ("push_port = 8088", 'push_port: it means nothing unless transports = ["push"]'),
        ('serial = "1"', 'serial: it means nothing unless transports = ["push"]'),
        ('transports = ["push"]\nserial = "seventeen letters"', "allowed: 1 to 16 ASCII characters without blanks"),
        ('transports = ["push"]\npush_to = "a:1"', "'a:1' is no address alone; its port is a field of its own"),
        ('transports = ["push"]\npush_port = 0', "push_port: 0 does not fit; allowed: a whole number from 1 to 65535"),
        ('transports = ["udp"]\nudp_port = 65536', "udp_port: 65536 does not fit; allowed: a whole number from 0 to 65535"),
    ],
)
def test_what_does_not_fit_is_told_with_what_does(text: str, mistake: str) -> None:
    (told,) = mistakes(f"{DEVICE}[devices.pose]\n{text}")
    assert "devices[1].pose." in told
    assert mistake in told


@pytest.mark.parametrize(
    ("first", "second", "mistake"),
    [
        ("port = 8010", "port = 8010", "devices[2].pose.port: the meter posed for battery listens there already"),
        ('host = "0.0.0.0"\nport = 8010', "port = 8010", "devices[2].pose.port: the meter posed for battery listens there already"),
        (
            'transports = ["udp"]',
            'transports = ["udp"]',
            "devices[2].pose.udp_port: the meter posed for battery listens there already",
        ),
        ("port = 8188", "port = 8011", "devices[1].pose.port: the API listens there already; give each its own port or address"),
    ],
)
def test_two_meters_need_two_places(first: str, second: str, mistake: str) -> None:
    (told,) = mistakes(f"{DEVICE}[devices.pose]\n{first}\n{SECOND}[devices.pose]\n{second}")
    assert mistake in told


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("port = 8010", "port = 8011"),
        ("port = 0", "port = 0"),
        ('host = "127.0.0.2"', 'host = "127.0.0.3"'),
        ("port = 1010", 'transports = ["udp"]'),
        ('transports = ["push"]', 'transports = ["push"]'),
    ],
)
def test_two_meters_at_two_places_are_fine(first: str, second: str) -> None:
    assert len(read(f"{DEVICE}[devices.pose]\n{first}\n{SECOND}[devices.pose]\n{second}").devices) == 2


def test_a_posed_meter_does_not_take_the_port_of_a_gateway() -> None:
    (told,) = mistakes(f"{DEVICE}gateway = {{ port = 8010 }}\n[devices.pose]\nport = 8010")
    assert "devices[1].pose.port: the gateway of battery listens there already" in told


def test_a_posed_meter_does_not_take_the_port_of_a_meter_that_is_heard() -> None:
    (told,) = mistakes(f'{HEARING}{DEVICE}[devices.pose]\ntransports = ["udp"]\nudp_port = 8088')
    assert "devices[1].pose.udp_port: the meter house listens there already" in told


@pytest.mark.parametrize("to", ["255.255.255.255", "127.0.0.1"])
@pytest.mark.parametrize(
    ("meter", "posed", "hears"),
    [("", "", True), ('serial = "1"', 'serial = "1"', True), ('serial = "1"', "", False), ("port = 8089", "", False)],
)
def test_a_hub_is_kept_from_hearing_itself(to: str, meter: str, posed: str, hears: bool) -> None:
    text = f'{HEARING}{meter}\n{PUSHING}push_to = "{to}"\n{posed}'
    if not hears:
        assert read(text).meters
        return
    (told,) = mistakes(text)
    assert f"devices[1].pose.push_to: the meter house would hear what the hub sends to {to}" in told


def test_what_goes_to_the_battery_alone_is_heard_by_nobody_else() -> None:
    assert read(HEARING + PUSHING).meters
