"""What each kind of meter says is understood: powers with their sign, counters in Wh.

Payloads are written by hand, with own numbers, in the shapes of the public documentations; those of the vendor's accessories also
come out of our simulator, and of found samples.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from indevolt.clock import ManualClock
from indevolt.errors import InvalidInput, ProtocolError
from indevolt.hub.config_meters import TasmotaMeter, TopicMeter
from indevolt.hub.meters import accessory, homewizard, shelly
from indevolt.hub.meters.document import Places, statestream_topic, tasmota_path, tasmota_told
from indevolt.hub.meters.told import Told, number_at, path_of
from indevolt.measurement import Measurement
from indevolt.protocol.messages import Json, MeterJsonData, P1JsonData, PlugGetData
from indevolt.protocol.shelly import Shelly, status
from indevolt.simulator.accessory import Accessory, Sort

# ---- Shelly --------------------------------------------------------------------------------------------------------------------


PRO3EM = {
    "em:0": {
        "id": 0,
        "a_current": 1.74, "a_voltage": 231.4, "a_act_power": 312.6, "a_aprt_power": 402.7, "a_pf": 0.79, "a_freq": 50.0,
        "b_current": 0.41, "b_voltage": 230.9, "b_act_power": -88.1, "b_aprt_power": 94.7, "b_pf": 0.93, "b_freq": 50.0,
        "c_current": 2.31, "c_voltage": 232.0, "c_act_power": -519.0, "c_aprt_power": 536.0, "c_pf": 0.97, "c_freq": 50.0,
        "n_current": None, "total_current": 4.46, "total_act_power": -294.5, "total_aprt_power": 1033.4,
        "user_calibrated_phase": [],
    },
    "emdata:0": {"id": 0, "total_act": 1204331.52, "total_act_ret": 88010.04},
    "sys": {"unixtime": 1792000000},
}  # fmt: skip
PRO_EM = {
    "em1:0": {"id": 0, "current": 4.1, "voltage": 230.2, "act_power": 911.3, "aprt_power": 943.0, "pf": 0.97, "freq": 50.0},
    "em1:1": {"id": 1, "current": 1.2, "voltage": 230.2, "act_power": -260.4, "aprt_power": 276.0, "pf": -0.94, "freq": 50.0},
    "em1data:1": {"id": 1, "total_act_energy": 12.5, "total_act_ret_energy": 40221.7},
}
PLUS_PLUG = {
    "switch:0": {
        "id": 0, "source": "init", "output": True, "apower": 61.4, "voltage": 229.8, "current": 0.301, "freq": 50.0,
        "aenergy": {"total": 8123.4, "by_minute": [900.1, 910.2, 905.0], "minute_ts": 1792000000},
        "ret_aenergy": {"total": 3.1, "by_minute": [0.0, 0.0, 0.0], "minute_ts": 1792000000},
        "temperature": {"tC": 41.2, "tF": 106.2},
    },
}  # fmt: skip
MINI_PM = {"pm1:0": {"id": 0, "voltage": 231.0, "current": 2.9, "apower": -655.2, "freq": 50.0, "aenergy": {"total": 77.0}}}


@pytest.mark.parametrize(
    ("document", "part", "told"),
    [
        (PRO3EM, ("em", 0), Told(-294.5, (312.6, -88.1, -519.0), 1204331.52, 88010.04)),
        (PRO_EM, ("em1", 1), Told(-260.4, (), 12.5, 40221.7)),
        (PRO_EM, ("em1", 0), Told(911.3)),
        (PLUS_PLUG, ("switch", 0), Told(61.4, (), 8123.4, 3.1)),
        (MINI_PM, ("pm1", 0), Told(-655.2, (), 77.0)),
    ],
)
def test_a_shelly_is_understood(document: dict[str, Any], part: tuple[str, int], told: Told) -> None:
    heard = shelly.told(document, *part)
    assert replace(heard, witness=()) == told, "and its clock dates nothing: it shows that the network lives, not that it measures"
    assert heard.witness, "a steady load is told from a dead sensor by its voltage"


def test_a_part_that_a_shelly_does_not_have_is_named_with_those_that_it_has() -> None:
    with pytest.raises(ProtocolError, match=r"there is no em:0; it measures em1:0, em1:1"):
        shelly.told(PRO_EM, "em", 0)


def test_our_own_look_alike_is_understood() -> None:
    phases = Measurement(-900.0, 4000.0, 250.0).split_evenly()
    told = shelly.told(status(Shelly("0242AC110002", phases, ManualClock().now())), "em", 0)
    assert (told.power_w, told.phases_w, told.import_wh, told.export_wh) == (-900.0, (-300.0, -300.0, -300.0), 4000.0, 250.0)


# ---- HomeWizard ----------------------------------------------------------------------------------------------------------------


def test_a_p1_meter_of_homewizard_is_understood() -> None:
    told = homewizard.told({
        "wifi_ssid": "home", "wifi_strength": 84, "smr_version": 50, "meter_model": "ISKRA 2M550T-1012", "active_tariff": 2,
        "total_power_import_kwh": 8211.5, "total_power_import_t1_kwh": 5000.0, "total_power_import_t2_kwh": 3211.5,
        "total_power_export_kwh": 1702.25, "active_power_w": -1411, "active_power_l1_w": -1500, "active_power_l2_w": 60,
        "active_power_l3_w": 29, "active_voltage_l1_v": 234.1, "active_voltage_l2_v": 231.0, "active_voltage_l3_v": 232.2,
        "active_current_l1_a": -6.4, "total_gas_m3": 120.5,
    })  # fmt: skip
    assert (told.power_w, told.phases_w, told.import_wh, told.export_wh) == (
        -1411.0,
        (-1500.0, 60.0, 29.0),
        8_211_500.0,
        1_702_250.0,
    )
    assert told.witness == (234.1, -6.4, 231.0, 232.2)


def test_a_socket_of_homewizard_has_no_phases() -> None:
    told = homewizard.told(
        {"total_power_import_kwh": 1.5, "active_power_w": 61.25, "active_voltage_v": 230.1, "active_current_a": 0.3}
    )
    assert told == Told(61.25, (), 1500.0, None, witness=(230.1, 0.3))


def test_what_is_no_homewizard_is_told_by_what_is_missing() -> None:
    with pytest.raises(ProtocolError, match="there is no active_power_w; there are product_type"):
        homewizard.told({"product_type": "HWE-P1"})


# ---- the vendor's accessories --------------------------------------------------------------------------------------------------

REQUESTS = {
    Sort.METER: MeterJsonData(),
    Sort.METER3: MeterJsonData(),
    Sort.IR: MeterJsonData(),
    Sort.P1: P1JsonData(),
    Sort.PLUG: PlugGetData(),
}


@pytest.mark.parametrize("sort", list(Sort))
@pytest.mark.parametrize("power_w", [431.5, -620.0])
async def test_what_our_accessories_tell_is_what_they_measure(sort: Sort, power_w: float) -> None:
    measured = Measurement(power_w, 12_000.0, 3_000.0)
    reply = await Accessory(sort, measures=lambda: measured, clock=ManualClock()).exchange(REQUESTS[sort])
    assert isinstance(reply, Json)
    told = accessory.told(reply.document)
    assert (told.power_w, told.import_wh, told.export_wh) == (power_w, 12_000.0, 3_000.0)
    assert told.witness


def test_what_an_accessory_broadcasts_is_understood_as_what_it_answers() -> None:
    measured = Measurement(-75.0, 12_000.0, 3_000.0)
    for sort in Sort:
        assert accessory.told(Accessory(sort, measures=lambda: measured, clock=ManualClock()).push().data).power_w == -75.0


def test_found_samples_are_understood(samples: Path) -> None:
    def sample(name: str) -> Any:
        return json.loads((samples / name).read_text("utf-8"))

    meters = sample("igen_meter_jsondata_docs.json")
    assert accessory.told(meters["single_phase"]).power_w == 133.5
    assert accessory.told(meters["three_phase"]).phases_w == (0.0, 0.0, 93.0)
    reader = accessory.told(meters["ir_reader"])
    assert (reader.power_w, reader.import_wh, reader.export_wh) == (-30.0, 56_210.0, 9_550.0)
    assert accessory.told(sample("igen_p1_jsondata_docs.json")).power_w == pytest.approx(-2940), "the documents' P1 titles are kW"
    assert accessory.told(sample("igen_p1_jsondata_ha_fixture.json")).power_w == -2.94
    assert accessory.told(sample("igen_plug_docs.json")["Plug.GetData"]).import_wh == pytest.approx(1730.654)
    pushed = accessory.told(sample("udp_push_p1_reader.json")["payload"]["data"])
    assert pushed.power_w == 0.0
    assert (pushed.import_wh, pushed.export_wh) == pytest.approx((307_310.0, 3_830.0))


def test_what_is_no_meter_is_refused() -> None:
    with pytest.raises(ProtocolError, match="there is no total_act_power or active power or power"):
        accessory.told({"SN": "1", "switch_status": "on"})


# ---- documents of any shape ----------------------------------------------------------------------------------------------------


NOON = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)


def places(**paths: Any) -> Places:
    return Places.of(TopicMeter(name="a", kind="mqtt", topic="b", **paths))


@pytest.mark.parametrize(
    ("payload", "paths", "told"),
    [
        (b"431.5", {}, Told(431.5)),
        (b" -0.25 \n", {"unit": "kW"}, Told(-250.0)),
        (b'{"power": 12}', {"power": "power"}, Told(12.0)),
        (b'{"a": [{"w": "3.5"}]}', {"power": "a.0.w"}, Told(3.5)),
        (b'{"SML": {"1.7.0": 2, "2.7.0": 0.5}}', {"power": 'SML."1.7.0"', "export": 'SML."2.7.0"', "unit": "kW"}, Told(1500.0)),
        (b'{"p": 1, "t": 1782043200}', {"power": "p", "time": "t"}, Told(1.0, at=NOON)),
        (b'{"p": 1, "t": "2026-06-21T14:00:00+02:00"}', {"power": "p", "time": "t"}, Told(1.0, at=NOON)),
        (b'{"p": 1, "t": "2026-06-21T12:00:00"}', {"power": "p", "time": "t"}, Told(1.0, at=NOON)),
        (
            b'{"p": 1, "in": 1.5, "out": 2}',
            {"power": "p", "energy_import": "in", "energy_export": "out"},
            Told(1.0, (), 1500.0, 2000.0),
        ),
    ],
)
def test_a_message_is_understood_as_its_owner_says(payload: bytes, paths: dict[str, Any], told: Told) -> None:
    assert places(**paths).told_by(payload) == told


@pytest.mark.parametrize(
    ("payload", "paths", "facts"),
    [
        (b"unavailable", {}, "is 'unavailable', and no number"),
        (b"", {}, "is '', and no number"),
        (b"true", {}, "is True, and no number"),
        (b'{"power": null}', {"power": "power"}, "power is None, and no number"),
        (b'{"powr": 1}', {"power": "power"}, "nothing is at power: no 'power'; there are powr"),
        (b'{"p": 1, "t": "soon"}', {"power": "p", "time": "t"}, "t is 'soon', and no time"),
        (b'{"p": 1, "t": 1e300}', {"power": "p", "time": "t"}, "t is 1e+300, and no time"),
        (b"[1]", {"power": "power"}, "nothing is at power"),
        (b"[1]", {"power": "1"}, "nothing is at 1"),
        (b"12", {"power": "a.b"}, "nothing is at a.b"),
    ],
)  # fmt: skip
def test_a_message_without_the_value_is_refused_with_what_is_there(payload: bytes, paths: dict[str, Any], facts: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        places(**paths).told_by(payload)
    assert facts in str(caught.value)


def test_a_status_of_tasmota_is_understood_below_its_sensors() -> None:
    config = TasmotaMeter(
        name="a", kind="tasmota", host="b", power="SML.Power_curr", energy_import="SML.Total_in", energy_export="SML.Total_out"
    )
    document = {"StatusSNS": {"Time": "2026-06-21T12:00:00", "SML": {"Total_in": 4711.25, "Total_out": 12.5, "Power_curr": -213}}}
    assert tasmota_told(document, Places.of(config)) == Told(-213.0, (), 4_711_250.0, 12_500.0)
    assert tasmota_path(10) == "/cm?cmnd=Status%2010"
    with pytest.raises(ProtocolError, match="Need user="):
        tasmota_told({"WARNING": "Need user=<username>&password=<password>"}, Places.of(config))
    with pytest.raises(ProtocolError, match="there is no StatusSNS; there are Status"):
        tasmota_told({"Status": {}}, Places.of(config))


def test_the_topic_of_a_sensor_of_home_assistant() -> None:
    assert statestream_topic("homeassistant", "sensor.grid_power") == "homeassistant/sensor/grid_power/state"


@pytest.mark.parametrize("text", ["", ".", "a.", "a..b", 'a"b"', '"a', '"a"b'])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is no path"):
        path_of(text)


@given(st.lists(st.text(st.characters(exclude_characters='."'), min_size=1), min_size=1, max_size=4))
def test_a_path_leads_where_its_steps_say(steps: list[str]) -> None:
    document: Any = 7.0
    for step in reversed(steps):
        document = {step: document}
    assert number_at(document, path_of(".".join(steps))) == 7.0
    assert number_at(document, path_of(".".join(f'"{step}"' for step in steps))) == 7.0


KEYS = st.sampled_from(["data", "power", "total_act_ret_power", "em:0", "emdata:0", "StatusSNS", "active_power_w"])
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(KEYS, JSON, max_size=5))
def test_whatever_a_meter_answers_it_is_understood_or_refused(document: dict[str, Any]) -> None:
    somewhere = places(power="data.power")
    languages: list[Callable[[dict[str, Any]], Told]] = [
        lambda it: shelly.told(it, "em", 0),
        lambda it: tasmota_told(it, somewhere),
        homewizard.told,
        accessory.told,
        somewhere.told,
    ]
    for language in languages:
        try:
            told = language(document)
        except ProtocolError:
            continue
        assert isinstance(told.power_w, float)


@given(st.binary(max_size=40))
def test_garbage_from_a_broker_is_refused(payload: bytes) -> None:
    try:
        told = places().told_by(payload)
    except ProtocolError:
        return
    assert math.isnan(told.power_w) or float(payload) == told.power_w
