"""`indevolt record` and what replays it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from indevolt.cli.recording import load_state, model_of
from indevolt.clock import ManualClock
from indevolt.errors import InvalidInput
from indevolt.simulator import Simulator, Surroundings, steady_house

from .conftest import Peer, Program, Virtual


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "battery.jsonl"


def test_a_recording_replays_as_the_same_battery(indevolt: Program, virtual: Virtual, file: Path, clock: ManualClock) -> None:
    standing_still = steady_house(Surroundings(0, (300, 300)))
    original = Simulator("solidflex2000", clock=clock, modules=3, house=standing_still)
    original.set("battery_soc", 37)
    original.set("battery_power", 0)
    ran = indevolt("record", virtual(original), str(file))
    assert ran.code == 0
    assert f"replay it: indevolt simulate --state {file}" in ran.out

    state = load_state(file)
    assert model_of(state) == "solidflex2000"
    replayed = virtual(Simulator(model_of(state), clock=clock, state=state))
    names = ("battery_soc", "mode", "rated_capacity", "pack2_soc", "pack3_soc", "pv1_power")
    first, second = (indevolt("get", host, *names, "--json").json for host in (virtual(original), replayed))
    assert {name: (each["value"], each["quality"]) for name, each in first["values"].items()} == {
        name: (each["value"], each["quality"]) for name, each in second["values"].items()
    }


def test_nothing_in_the_file_tells_who_the_owner_is(indevolt: Program, virtual: Virtual, file: Path, clock: ManualClock) -> None:
    battery = Simulator("powerflex2000", clock=clock, serial="4711081500", ip="192.168.77.5")
    indevolt("record", virtual(battery), str(file))
    text = file.read_text()
    for secret in ("4711081500", "192.168.77.5", "7C3E82", '\\"home\\"'):
        assert secret not in text


def test_equal_serial_numbers_stay_equal_and_absent_packs_stay_absent(
    indevolt: Program, virtual: Virtual, file: Path, clock: ManualClock
) -> None:
    battery = Simulator("powerflex2000", clock=clock, modules=2)
    indevolt("record", virtual(battery), str(file))
    state = load_state(file)
    assert state.system is not None
    assert state.points["0"] == state.system.device["sn"]
    assert state.points["0"] != battery.serial
    replayed = virtual(Simulator("powerflex2000", clock=clock, state=state))
    qualities = indevolt("get", replayed, "pack1_soc", "pack2_soc", "--json").json["values"]
    assert [qualities[name]["quality"] for name in ("pack1_soc", "pack2_soc")] == ["live", "not installed"]


def test_identity_is_kept_on_request_and_said_so(indevolt: Program, virtual: Virtual, file: Path, clock: ManualClock) -> None:
    battery = Simulator("powerflex2000", clock=clock, serial="4711081500")
    ran = indevolt("record", virtual(battery), str(file), "--keep-identity")
    assert "think before you give it away" in ran.out
    assert "4711081500" in file.read_text()


def test_a_password_is_never_in_it(indevolt: Program, virtual: Virtual, file: Path, clock: ManualClock) -> None:
    battery = Simulator("powerflex2000", clock=clock, api="digest", password="open-sesame")
    assert indevolt("record", virtual(battery), str(file), INDEVOLT_PASSWORD="open-sesame").code == 0
    assert "open-sesame" not in file.read_text()


def test_an_existing_file_is_not_replaced_unasked(indevolt: Program, virtual: Virtual, file: Path) -> None:
    file.write_text("precious")
    ran = indevolt("record", virtual(), str(file))
    assert ran.code == 2
    assert f"error: {file} exists" in ran.err
    assert file.read_text() == "precious"
    assert indevolt("record", virtual(), str(file), "--force").code == 0


def test_a_failure_leaves_nothing_behind(indevolt: Program, peer: Peer, file: Path) -> None:
    assert indevolt("record", peer(b"nonsense\r\n\r\n"), str(file)).code == 5
    assert list(file.parent.iterdir()) == []


def test_a_point_that_spoils_replies_is_left_out_and_counted(
    indevolt: Program, virtual: Virtual, file: Path, clock: ManualClock
) -> None:
    battery = Simulator("powerflex2000", clock=clock)
    battery.faults.add("poison:142")
    told = indevolt("record", virtual(battery), str(file), "--json").json
    assert (told["family"], told["spoiling_points"], told["wifi"]) == ("gen2", 1, True)
    assert "142" not in load_state(file).points


@pytest.mark.parametrize("product", ["bk1600", "powerflex2000", "solidflex1200", "powerflex3000"])
def test_the_family_is_seen_from_the_file(
    indevolt: Program, virtual: Virtual, file: Path, clock: ManualClock, product: str
) -> None:
    simulator = Simulator(product, clock=clock)
    told = indevolt("record", virtual(simulator), str(file), "--json").json
    assert told["family"] == simulator.model.family
    assert model_of(load_state(file)) == product


@pytest.mark.parametrize(
    ("document", "model"),
    [
        ({"6002": 42}, "powerflex2000"),
        ({"device": {"type": "CMS-SF1200", "sn": "1", "f_ver": "V140B.09.2036"}}, "solidflex1200"),
        ({"Meter.JsonData": {"SN": "1"}}, "meter"),
        ({"Meter.JsonData": {"data": {"sn": "1"}}}, "meter3"),
        ({"P1.JsonData": {"SN": "1"}}, "p1"),
        ({"Plug.GetData": {"power": 1}}, "plug"),
        ({"Plug.GetStatus": {"switch_status": "on"}}, "plug"),
    ],
)
def test_a_plain_document_works_as_a_state_too(file: Path, document: dict[str, object], model: str) -> None:
    file.write_text(json.dumps(document))
    assert model_of(load_state(file)) == model


def test_a_state_of_something_unknown_asks_for_the_model(file: Path) -> None:
    file.write_text(json.dumps({"device": {"type": "TOASTER", "sn": "1"}}))
    with pytest.raises(InvalidInput, match="model of the state is not known"):
        model_of(load_state(file))


def test_a_file_that_is_not_there_is_named(file: Path) -> None:
    with pytest.raises(InvalidInput, match=r"cannot read .*battery\.jsonl"):
        load_state(file)


def test_what_is_no_ordinary_file_is_never_replaced(indevolt: Program, virtual: Virtual, tmp_path: Path) -> None:
    ran = indevolt("record", virtual(), str(tmp_path), "--force")
    assert ran.code == 2
    assert "is no ordinary file" in ran.err or "is a directory" in ran.err
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    ran = indevolt("record", virtual(), str(fifo), "--force")
    assert ran.code == 2
    assert "is no ordinary file" in ran.err
