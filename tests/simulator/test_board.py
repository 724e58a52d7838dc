"""What every device says of itself, and what becomes of its answers when something goes wrong."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from indevolt.clock import ManualClock
from indevolt.errors import BadRequest, InvalidInput, NoReply, NotFound, ProtocolError, ServiceUnavailable, StatusError, Unreachable
from indevolt.protocol.messages import (
    AnyRequest,
    Data,
    GetData,
    MeterJsonData,
    P1GetData,
    P1JsonData,
    PlugGetData,
    PlugGetStatus,
    PlugSetStatus,
    Raw,
    Result,
    SetData,
    SysConfig,
    SysGetConfig,
    SysSetConfig,
    WifiGetStatus,
    WifiStatus,
)
from indevolt.protocol.rpc import encode_reply
from indevolt.simulator import Simulator, State

READ = GetData((6000, 6002))
SELF_USE = SetData(47005, (1,))
NOW = datetime(2025, 12, 18, 9, 44, 57, tzinfo=UTC)
PRINTED: dict[str, Raw] = {
    "hostname": "",
    "timezone": 480,
    "type": "CMS-SF2000",
    "sn": "",
    "mac": "7C3E82EF997F",
    "fw": "T1.4.06_ROOD. 072_M4801_0000002C",
    "f_ver": "T1406.07.002C",
    "p_ver": "VOD.00.08",
    "time": "2025-12-18 09:44:57",
    "time_stamp": 1766051097,
    "run_time": 2244,
}


def battery(*faults: str, clock: ManualClock | None = None, lag_s: float = 0.0) -> Simulator:
    device = Simulator(clock=clock or ManualClock(NOW), lag_s=lag_s, state={"6000": 0, "6002": 50, "7101": 1, "6105": 5})
    device.faults.add(*faults)
    return device


def config(device: Simulator) -> dict[str, object]:
    reply = device.answer(SysGetConfig())
    assert isinstance(reply, SysConfig)
    return dict(reply.device)


# ---- what it says of itself ----------------------------------------------------------------------------------------------


def test_the_configuration_has_the_documented_fields_in_their_order() -> None:
    fields = config(Simulator("powerflex2000", clock=ManualClock(NOW)))
    assert list(fields) == list(PRINTED)
    assert (fields["time"], fields["time_stamp"]) == ("2025-12-18 09:44:57", 1766051097)


def test_uptime_and_clock_go_on() -> None:
    clock = ManualClock(NOW)
    device = battery(clock=clock)
    clock.tick(61.5)
    fields = config(device)
    assert (fields["run_time"], fields["time"]) == (61, "2025-12-18 09:45:58")


def test_a_recorded_configuration_is_answered_as_it_came_and_goes_on_from_there() -> None:
    clock = ManualClock(datetime(2030, 1, 1, tzinfo=UTC))
    device = Simulator(clock=clock, state=State(system=SysConfig(PRINTED)))
    assert encode_reply(device.answer(SysGetConfig())) == encode_reply(SysConfig(PRINTED))
    clock.tick(3)
    later = {"time": "2025-12-18 09:45:00", "time_stamp": 1766051100, "run_time": 2247}
    assert config(device) == PRINTED | later


def test_no_two_devices_share_serial_number_or_mac() -> None:
    fleet = [config(Simulator(seed=seed)) for seed in range(200)]
    assert len({fields["sn"] for fields in fleet}) == len({fields["mac"] for fields in fleet}) == 200
    assert all(len(str(fields["sn"])) == 10 and len(str(fields["mac"])) == 12 for fields in fleet)


def test_wifi_names_the_serial_number_and_the_address() -> None:
    device = Simulator(serial="123", ip="192.0.2.9")
    assert device.answer(WifiGetStatus()) == WifiStatus("123", {"sta_ip": "192.0.2.9", "ssid": "home", "rssi": 100})


def test_host_name_and_time_zone_can_be_written() -> None:
    device = battery()
    assert device.answer(SysSetConfig("cellar", 60)) == Result(result=True)
    assert (config(device)["hostname"], config(device)["timezone"]) == ("cellar", 60)


@pytest.mark.parametrize("request_", [SysSetConfig(timezone=900), SysSetConfig(timezone=-721), SysSetConfig(hostname="x" * 64)])
def test_a_time_zone_or_host_name_that_cannot_be_is_refused(request_: SysSetConfig) -> None:
    device = battery()
    assert device.answer(request_) == Result(result=False)
    assert (config(device)["hostname"], config(device)["timezone"]) == ("", 480)


@pytest.mark.parametrize(
    "request_", [MeterJsonData(), P1JsonData(), P1GetData(), PlugGetData(), PlugGetStatus(), PlugSetStatus(on=True)]
)
def test_a_battery_has_no_rpc_of_an_accessory(request_: AnyRequest) -> None:
    with pytest.raises(NotFound):
        battery().answer(request_)


def test_discovery_tells_what_a_captured_device_told() -> None:
    device = Simulator(serial="A673", ip="192.168.3.66", told_ip="10.184.208.119")
    told = device.identification()
    assert told is not None
    assert (told.sn, told.ip, told.api_version) == ("A673", "10.184.208.119", "V1.0.1")
    assert told.firmware == "V1.4.0E_R00D.0B2_M4801_0000003E"


def test_nobody_answers_while_the_api_is_off() -> None:
    device = Simulator(api="off")
    assert device.identification() is None
    with pytest.raises(Unreachable):
        device.answer(SysGetConfig())


# ---- faults of the wire --------------------------------------------------------------------------------------------------


async def test_a_slow_device_answers_later_and_right() -> None:
    clock = ManualClock(auto=True)
    device = battery("slow:2.5*1", clock=clock)
    assert await device.exchange(READ) == Data({"6000": 0, "6002": 50})
    assert clock.monotonic() == 2.5
    await device.exchange(READ)
    assert clock.monotonic() == 2.5


async def test_latency_is_part_of_every_answer() -> None:
    clock = ManualClock(auto=True)
    device = Simulator(clock=clock, latency_s=0.25)
    for _ in range(4):
        await device.exchange(READ)
    assert clock.monotonic() == 1.0


async def test_a_server_gets_its_answer_at_once_unless_something_makes_it_wait() -> None:
    clock = ManualClock(auto=True)
    device = battery(clock=clock)
    assert device.serve(READ) == Data({"6000": 0, "6002": 50})
    device.faults.add("slow:3")
    later = device.serve(READ)
    assert not isinstance(later, Data)
    assert await later == Data({"6000": 0, "6002": 50})  # type: ignore[misc]  # everything that is no reply can be awaited
    assert clock.monotonic() == 3


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("silent", NoReply),
        ("reset", Unreachable),
        ("garbage", ProtocolError),
        ("truncated", NoReply),
        ("halfjson", ProtocolError),
        ("status:503", ServiceUnavailable),
        ("poison:6002", BadRequest),
        ("poison:6002:silent", NoReply),
        ("reboot", Unreachable),
    ],
)
async def test_a_client_in_process_meets_the_errors_of_one_on_the_network(fault: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        await battery(fault).exchange(READ)


async def test_an_unlisted_status_is_told_as_it_is() -> None:
    with pytest.raises(StatusError) as caught:
        await battery("status:418").exchange(READ)
    assert caught.value.code == 418


def test_garbage_is_no_http() -> None:
    with pytest.raises(ProtocolError) as caught:
        battery("garbage").answer(READ)
    assert not caught.value.raw.startswith(b"HTTP")


def test_a_truncated_reply_promises_more_than_it_brings() -> None:
    with pytest.raises(ProtocolError) as caught:
        battery("truncated").answer(READ)
    head, _, body = caught.value.raw.partition(b"\r\n\r\n")
    whole = b'{"6000":0,"6002":50}'
    assert head == b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close" % len(whole)
    assert whole.startswith(body)
    assert 0 < len(body) < len(whole)


def test_half_a_json_document_comes_in_a_whole_reply() -> None:
    with pytest.raises(ProtocolError) as caught:
        battery("halfjson").answer(READ)
    head, _, body = caught.value.raw.partition(b"\r\n\r\n")
    assert body == b'{"6000":0,'
    assert b"Content-Length: 10\r\n" in head


def test_a_poisoned_point_spoils_only_its_batches() -> None:
    device = battery("poison:6002")
    assert device.answer(GetData((6000,))) == Data({"6000": 0})


@pytest.mark.parametrize("fault", ["silent", "reset", "status:500", "reboot:0"])
def test_a_write_that_the_wire_loses_is_not_carried_out(fault: str) -> None:
    device = battery(f"{fault}*1")
    with pytest.raises((NoReply, Unreachable, StatusError)):
        device.answer(SetData(47005, (4,)))
    assert device.get("mode") == "self_use"


@pytest.mark.parametrize("fault", ["garbage", "truncated", "halfjson"])
def test_a_write_whose_reply_is_spoiled_is_carried_out_all_the_same(fault: str) -> None:
    device = battery(f"{fault}*1")
    with pytest.raises(ProtocolError):
        device.answer(SetData(47005, (4,)))
    assert device.get("mode") == "realtime"


# ---- restarts ------------------------------------------------------------------------------------------------------------


def test_a_rebooting_device_is_gone_for_a_while_and_counts_from_new() -> None:
    clock = ManualClock(NOW)
    device = battery(clock=clock)
    clock.tick(1000)
    device.reboot(8)
    assert device.identification() is None
    clock.tick(7.9)
    with pytest.raises(Unreachable):
        device.answer(SysGetConfig())
    clock.tick(0.1)
    assert config(device)["run_time"] == 0
    assert device.identification() is not None
    clock.tick(5)
    assert config(device)["run_time"] == 5


def test_a_reboot_in_the_middle_loses_the_write_in_flight_and_those_not_yet_shown() -> None:
    clock = ManualClock(NOW)
    device = battery(clock=clock, lag_s=2)
    assert device.answer(SetData(47005, (4,))) == Result(result=True)
    device.faults.add("reboot:3")
    with pytest.raises(Unreachable):
        device.answer(SetData(47005, (5,)))
    clock.tick(10)
    assert device.answer(GetData((7101,))) == Data({"7101": 1})


def test_settings_that_showed_survive_a_reboot() -> None:
    clock = ManualClock(NOW)
    device = battery(clock=clock, lag_s=2)
    device.answer(SetData(47005, (4,)))
    clock.tick(2)
    device.reboot(3)
    clock.tick(3)
    assert device.answer(GetData((7101,))) == Data({"7101": 4})


def test_a_request_that_waits_while_the_device_reboots_is_lost() -> None:
    clock = ManualClock(NOW)
    device = battery(clock=clock)
    device.reboot(1)
    with pytest.raises(Unreachable):
        device.serve(READ)


# ---- faults of values ----------------------------------------------------------------------------------------------------


def test_a_refusing_device_says_false_and_changes_nothing() -> None:
    device = battery("refuse")
    assert device.answer(SetData(47005, (4,))) == Result(result=False)
    assert device.answer(SysSetConfig("cellar")) == Result(result=False)
    assert device.get("mode") == "self_use"


def test_an_ignoring_device_says_true_and_changes_nothing_but_still_knows_nonsense() -> None:
    device = battery("ignore")
    assert device.answer(SetData(47005, (4,))) == Result(result=True)
    assert device.answer(SetData(47005, (99,))) == Result(result=False)
    assert device.answer(SysSetConfig("cellar")) == Result(result=True)
    assert device.get("mode") == "self_use"
    assert config(device)["hostname"] == ""


def test_a_late_device_shows_a_write_after_that_time_and_not_before() -> None:
    clock = ManualClock(NOW)
    device = battery("late:20", clock=clock)
    assert device.answer(SetData(47005, (4,))) == Result(result=True)
    clock.tick(19.9)
    assert device.answer(GetData((7101,))) == Data({"7101": 1})
    clock.tick(0.1)
    assert device.answer(GetData((7101,))) == Data({"7101": 4})


def test_a_frozen_device_answers_the_same_for_ever_and_says_true_to_writes() -> None:
    clock = ManualClock(NOW)
    device = Simulator(clock=clock, lag_s=0)
    everything = GetData((6000, 6002, 11016, 1664, 7101))
    before = device.answer(everything)
    device.faults.add("frozen")
    clock.tick(7200)
    assert device.answer(SetData(47005, (4,))) == Result(result=True)
    assert device.answer(everything) == before
    device.faults.clear()
    thawed = device.answer(everything)
    assert thawed != before
    assert isinstance(thawed, Data)
    assert thawed.values["7101"] == 1


def test_a_wrong_spec_breaks_nothing() -> None:
    device = battery()
    with pytest.raises(InvalidInput):
        device.faults.add("tired")
    assert device.answer(SELF_USE) == Result(result=True)
