"""`indevolt get` and `indevolt info` against a virtual battery."""

from __future__ import annotations

import re

from indevolt.catalogue import load
from indevolt.clock import ManualClock
from indevolt.simulator import Simulator

from .conftest import Program, Virtual


def test_a_named_quantity_is_shown_with_value_unit_and_meaning(indevolt: Program, virtual: Virtual) -> None:
    ran = indevolt("get", virtual(), "battery_soc")
    assert ran.code == 0
    assert re.search(r"^battery_soc +55 +% +State of charge of the battery system$", ran.out, re.MULTILINE)


def test_a_point_number_works_as_a_name(indevolt: Program, virtual: Virtual) -> None:
    host = virtual()
    assert indevolt("get", host, "6002").out == indevolt("get", host, "battery_soc").out


def test_what_is_not_installed_is_told_in_words_and_never_as_0(indevolt: Program, virtual: Virtual) -> None:
    ran = indevolt("get", virtual(), "pack5_soc", "--json")
    assert ran.json["values"]["pack5_soc"]["value"] is None
    assert ran.json["values"]["pack5_soc"]["quality"] == "not installed"


def test_everything_is_shown_by_group_with_absent_packs_named_once(indevolt: Program, virtual: Virtual) -> None:
    ran = indevolt("get", virtual())
    assert "\nBattery\nbattery_power" in ran.out
    assert "\nNot installed: pack2, pack3, pack4, pack5\n" in ran.out
    assert "pack2_soc" not in ran.out


def test_equal_neighbours_of_a_series_share_a_row(indevolt: Program, virtual: Virtual) -> None:
    ran = indevolt("get", virtual())
    assert re.search(r"^load_curve_slot_01 \.\. 48 +0 +W", ran.out, re.MULTILINE)


def test_large_energies_are_readable_and_exact_in_json(indevolt: Program, virtual: Virtual, clock: ManualClock) -> None:
    simulator = Simulator("powerflex2000", clock=clock)
    simulator.set("battery_charge_energy_total", 142_340)
    host = virtual(simulator)
    name = "battery_charge_energy_total"
    assert re.search(rf"^{name} +142\.34 +kWh", indevolt("get", host, name).out, re.MULTILINE)
    assert indevolt("get", host, name, "--json").json["values"][name]["value"] == 142_340


def test_raw_shows_what_came_over_the_wire(indevolt: Program, virtual: Virtual, clock: ManualClock) -> None:
    simulator = Simulator("powerflex2000", clock=clock, state={"6002": 42, "606": "1000"})
    host = virtual(simulator)
    assert indevolt("get", host, "battery_soc", "606", "6000", "--raw", "--json").json == {"6002": 42, "606": "1000"}
    text = indevolt("get", host, "606", "6000", "--raw").out
    assert re.search(r"^ +606 +cluster_role +'1000'$", text, re.MULTILINE)
    assert re.search(r"^ +6000 +battery_power +absent$", text, re.MULTILINE)


def test_raw_reads_everything_when_nothing_is_named(indevolt: Program, virtual: Virtual) -> None:
    assert set(indevolt("get", virtual(), "--raw", "--json").json) == set(load("gen2").by_read)


def test_output_for_a_pipe_holds_no_escape_codes(indevolt: Program, virtual: Virtual) -> None:
    host = virtual()
    for words in (["get", host], ["info", host], ["get", host, "mode", "--json"]):
        assert "\x1b" not in indevolt(*words).out


def test_what_a_device_says_cannot_steer_the_terminal(indevolt: Program, virtual: Virtual, clock: ManualClock) -> None:
    simulator = Simulator("powerflex2000", clock=clock, state={"1": "\x1b[2Jgone", "6002": 1})
    ran = indevolt("get", virtual(simulator), "model_code")
    assert "\x1b" not in ran.out
    assert "gone" in ran.out


def test_info_tells_family_evidence_firmware_and_limits_with_their_cause(indevolt: Program, virtual: Virtual) -> None:
    host = virtual()
    ran = indevolt("info", host)
    assert ran.code == 0
    assert f"SolidFlex/PowerFlex 2000 series (gen2) at {host}" in ran.out
    assert "board R00D" in ran.out
    assert "up to 2000 W: 2 battery modules" in ran.out


def test_info_is_json_for_programs(indevolt: Program, virtual: Virtual) -> None:
    told = indevolt("info", virtual(), "--json").json
    assert told["family"] == "gen2"
    assert told["serial"] == told["system"]["sn"]
    assert told["limits"]["charge"] == {
        "value": 2000,
        "unit": "W",
        "cause": "2 battery modules of any product of the SolidFlex/PowerFlex 2000 series",
    }
    assert told["values"]["mode"] == "self_use"


def test_info_warns_of_old_firmware(indevolt: Program, virtual: Virtual, clock: ManualClock) -> None:
    ran = indevolt("info", virtual(with_old_firmware(clock)))
    assert "older than V1406.07.002E" in ran.out


def test_a_model_can_be_named_where_nothing_tells_it(indevolt: Program, virtual: Virtual, clock: ManualClock) -> None:
    state = {"6002": 42}
    simulator = Simulator("powerflex2000", clock=clock, state=state)
    host = virtual(simulator)
    assert indevolt("info", host, "--model", "solidflex2000", "--json").json["product"] == "solidflex2000"


def with_old_firmware(clock: ManualClock) -> Simulator:
    from indevolt.protocol.messages import SysConfig
    from indevolt.simulator import State

    device = {"type": "CMS-SF2000", "sn": "1", "fw": "V1.4.00_R00D.012_M4801_00000001", "f_ver": "V1400.01.0001"}
    return Simulator("powerflex2000", clock=clock, state=State(points={"6002": 42}, system=SysConfig(device)))
