"""`indevolt doctor` names the step that is wrong, and what to do about it."""

from __future__ import annotations

from typing import Any

import pytest

from indevolt.clock import ManualClock
from indevolt.protocol.messages import SysConfig, WifiStatus
from indevolt.simulator import Simulator, State

from .conftest import Peer, Program, Virtual, in_background
from .test_read import with_old_firmware


def bad_steps(told: dict[str, Any]) -> list[tuple[str, str]]:
    return [(finding["step"], finding["fact"]) for finding in told["findings"] if finding["result"] == "bad"]


def fact(told: dict[str, Any], step: str) -> str:
    return str(next(finding["fact"] for finding in told["findings"] if finding["step"] == step))


def test_a_healthy_device_passes_every_step(indevolt: Program, virtual: Virtual) -> None:
    ran = indevolt("doctor", virtual())
    assert ran.code == 0
    assert "✗" not in ran.out
    assert "All is well." in ran.out
    for step in ("Name", "Port", "API", "Password", "Family", "Firmware", "Speed", "Points", "Wi-Fi", "Clock"):
        assert f"✓  {step} " in ran.out


def test_a_name_that_does_not_exist(indevolt: Program) -> None:
    ran = indevolt("doctor", "no-such-host.invalid", "--json")
    assert ran.code == ran.json["exit_code"] == 3
    ((step, told),) = bad_steps(ran.json)
    assert step == "Name"
    assert "cannot be looked up" in told


def test_a_closed_port_of_a_silent_device_means_that_the_api_is_off(indevolt: Program, closed_port: int) -> None:
    ran = indevolt("doctor", f"127.0.0.1:{closed_port}")
    assert ran.code == 3
    assert "the local API is off, or this is another device" in ran.out
    assert "next: Enable the local API in the INDEVOLT app" in ran.out


def test_a_device_whose_api_is_off_looks_just_like_that(
    indevolt: Program, virtual: Virtual, clock: ManualClock, closed_port: int
) -> None:
    from indevolt.virtual import VirtualDevice

    device = VirtualDevice(Simulator("powerflex2000", clock=clock, api="off"), port=closed_port, discovery_port=None)
    with in_background(lambda: device):
        ran = indevolt("doctor", f"127.0.0.1:{closed_port}")
    assert ran.code == 3
    assert "the local API is off" in ran.out


def test_digest_without_a_password(indevolt: Program, virtual: Virtual, clock: ManualClock) -> None:
    ran = indevolt("doctor", virtual(Simulator("powerflex2000", clock=clock, api="digest", password="secret")))
    assert ran.code == 7
    assert "✗  Password  Digest is on, and no password was given" in ran.out


def test_the_default_password_opens_nothing(indevolt: Program, virtual: Virtual, clock: ManualClock) -> None:
    simulator = Simulator("powerflex2000", clock=clock, api="digest", factory_default=True)
    ran = indevolt("doctor", virtual(simulator), "--password", simulator.password)
    assert ran.code == 7
    assert "still the default one" in ran.out
    assert "`indevolt password 127.0.0.1:" in ran.out


def test_the_right_password_is_accepted(indevolt: Program, virtual: Virtual, clock: ManualClock) -> None:
    simulator = Simulator("powerflex2000", clock=clock, api="digest", password="secret")
    ran = indevolt("doctor", virtual(simulator), INDEVOLT_PASSWORD="secret")
    assert ran.code == 0
    assert "✓  Password  accepted; Digest is on" in ran.out
    assert "secret" not in ran.out + ran.err


def test_a_password_that_nobody_asks_for_is_noted(indevolt: Program, virtual: Virtual) -> None:
    ran = indevolt("doctor", virtual(), "--password", "secret")
    assert ran.code == 0
    assert "!  Password  given, but not needed" in ran.out


def test_firmware_below_the_minimum(indevolt: Program, virtual: Virtual, clock: ManualClock) -> None:
    ran = indevolt("doctor", virtual(with_old_firmware(clock)))
    assert ran.code == 11
    assert "✗  Firmware" in ran.out
    assert "✓  Speed" in ran.out  # it goes on, since the device answers


def test_a_wrong_model(indevolt: Program, virtual: Virtual) -> None:
    ran = indevolt("doctor", virtual(), "--model", "bk1600", "--json")
    assert ran.code == 8
    assert bad_steps(ran.json)[0][0] == "Family"
    assert "--model bk1600 means gen1, but this is a SolidFlex/PowerFlex 2000 series (gen2)" in fact(ran.json, "Family")


def test_a_slow_device(indevolt: Program, virtual: Virtual, clock: ManualClock) -> None:
    ran = indevolt("doctor", virtual(Simulator("powerflex2000", clock=clock, latency_s=1.5)))
    assert ran.code == 4
    assert "✗  Speed     slow: replies took 1500, 1500, 1500 ms" in ran.out


def test_another_web_server(indevolt: Program, peer: Peer) -> None:
    host = peer(b"HTTP/1.1 404 Not Found\r\nServer: nginx\r\nContent-Length: 9\r\n\r\nnot found")
    ran = indevolt("doctor", host)
    assert ran.code == 6
    assert "✗  API       something else than an INDEVOLT device answers" in ran.out


def test_something_that_is_not_even_http(indevolt: Program, peer: Peer) -> None:
    ran = indevolt("doctor", peer(b"SSH-2.0-OpenSSH_9.6\r\n"))
    assert ran.code == 5
    assert "✗  API" in ran.out


def test_a_port_that_may_speak_tls(indevolt: Program, peer: Peer) -> None:
    ran = indevolt("doctor", peer(b""))
    assert ran.code == 4
    assert "write https:// before the address" in ran.out


def test_a_point_that_spoils_replies_is_named(indevolt: Program, virtual: Virtual, clock: ManualClock) -> None:
    simulator = Simulator("powerflex2000", clock=clock)
    simulator.faults.add("poison:142")
    ran = indevolt("doctor", virtual(simulator))
    assert ran.code == 0
    assert "1 quarantined" in ran.out
    assert "these spoil whole replies: rated_capacity" in ran.out


@pytest.mark.parametrize(("off_s", "said"), [(600, "10 min fast"), (-7200, "2 h 00 min slow"), (20, "right")])
def test_a_clock_that_drifts(indevolt: Program, virtual: Virtual, clock: ManualClock, off_s: int, said: str) -> None:
    now = int(clock.now().timestamp())
    system = SysConfig({**Simulator("powerflex2000").product.system, "sn": "1", "time_stamp": now + off_s, "run_time": 60})
    state = State(points={"6002": 42}, system=system)
    ran = indevolt("doctor", virtual(Simulator("powerflex2000", clock=clock, state=state)), "--json")
    assert fact(ran.json, "Clock") == said


def test_a_weak_signal(indevolt: Program, virtual: Virtual, clock: ManualClock) -> None:
    system = SysConfig({**Simulator("powerflex2000").product.system, "sn": "1"})
    state = State(points={"6002": 42}, system=system, wifi=WifiStatus("1", {"rssi": 12}))
    ran = indevolt("doctor", virtual(Simulator("powerflex2000", clock=clock, state=state)), "--json")
    assert ran.code == 0
    assert fact(ran.json, "Wi-Fi") == "weak signal, 12 of 100"


def test_nothing_is_ever_written(indevolt: Program, virtual: Virtual) -> None:
    seen: list[str] = []
    indevolt("doctor", virtual(observe=lambda _peer, _method, target, _status, _s: seen.append(target)))
    assert seen
    assert not [target for target in seen if "Set" in target]
