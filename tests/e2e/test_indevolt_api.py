"""A client that somebody else wrote, indevolt-api 1.8.8, does its whole job against the virtual device.

The client broadcasts, so each session runs in a network namespace of its own: nothing leaves the machine.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import lacking
from indevolt.catalogue import load, products

SESSION = Path(__file__).with_name("third_party_session.py")
NETWORK = (
    "ip link set lo up && ip link add home type veth peer name far && ip addr add 192.0.2.1/24 dev home && "
    'ip link set home up && ip link set far up && ip route add default dev home && exec "$@"'
)
PRODUCTS = {"powerflex2000": 2, "bk1600": 1, "solidflex1200": 2, "solidflex3000": 2}


def namespace() -> list[str]:
    """Return the command that runs another one in a network namespace, or skip where the system has none to give."""
    for command in (["unshare", "--net"], ["unshare", "--user", "--map-root-user", "--net"]):
        if shutil.which("unshare") and shutil.which("ip") and shutil.which("bash"):
            entered = [*command, "bash", "-c", NETWORK, "bash"]
            if subprocess.run([*entered, "true"], capture_output=True, check=False).returncode == 0:
                return entered
    return lacking("needs Linux network namespaces (unshare and ip), because the client broadcasts")


@pytest.fixture(scope="module", params=PRODUCTS)
def session(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    product = request.param
    command = [*namespace(), sys.executable, str(SESSION), product, str(PRODUCTS[product])]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert finished.returncode == 0, finished.stderr
    return product, json.loads(finished.stdout)


def test_it_discovers_the_device_once_and_by_its_serial_number(session: tuple[str, dict[str, Any]]) -> None:
    _, seen = session
    assert [device["sn"] for device in seen["discovered"]] == [seen["serial"]]
    assert seen["discovered"][0]["host"] == "192.0.2.1"


def test_it_reads_the_configuration_and_knows_the_generation(session: tuple[str, dict[str, Any]]) -> None:
    product, seen = session
    assert seen["config"]["type"] == products()[product].system["type"]
    assert seen["config"]["generation"] == PRODUCTS[product]


def test_it_gets_every_point_that_the_family_has(session: tuple[str, dict[str, Any]]) -> None:
    product, seen = session
    from third_party_session import POINTS

    expected = {str(point) for point in POINTS} & set(load(products()[product].family).by_read)
    assert set(seen["points"]) == expected


def test_it_switches_to_real_time_mode(session: tuple[str, dict[str, Any]]) -> None:
    _, seen = session
    assert seen["mode written"] is True
    assert seen["mode"] == {"7101": 4}


def test_it_charges_discharges_and_stops(session: tuple[str, dict[str, Any]]) -> None:
    _, seen = session
    assert all(seen[name]["accepted"] for name in ("charge", "discharge", "stop"))
    assert seen["charge"]["6000"] < 0
    assert seen["charge"]["6001"] == 1001
    assert seen["discharge"]["6000"] > 0
    assert seen["discharge"]["6001"] == 1002
    assert seen["stop"]["6001"] == 1000


def test_it_is_refused_nonsense_and_returns_to_self_consumption(session: tuple[str, dict[str, Any]]) -> None:
    _, seen = session
    assert seen["nonsense refused"]
    assert seen["back"]
