"""What was captured from real devices or printed by the vendor: replayed by the virtual device, read by the client, over a socket.

The files are other people's and stay where they are; these tests run wherever that folder is present. A new file there fails the
first test until somebody says here what it is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

import indevolt
from indevolt.battery import Quality
from indevolt.protocol import discovery, push
from indevolt.protocol.digest import authorize, from_base64, seal, unseal
from indevolt.protocol.messages import (
    GetData,
    MeterJsonData,
    P1JsonData,
    PlugGetData,
    PlugGetStatus,
    Raw,
    Request,
    SetData,
    SysConfig,
    SysGetConfig,
    WifiGetStatus,
)
from indevolt.protocol.rpc import decode_reply
from indevolt.simulator import Accessory, Simulator, State
from indevolt.transport import Address, HttpTransport
from indevolt.virtual import VirtualDevice

POLLS: Final = {
    "getdata_bk1600_vendor_fixture.json": "bk1600",
    "getdata_gen1_ha_fixture.json": "bk1600",
    "getdata_gen2_ha_fixture.json": "solidflex2000",
    "getdata_sf2000_vendor_fixture.json": "solidflex2000",
    "getdata_docs.json": "powerflex2000",
    "observed_powerflex2000eco.json": "powerflex2000",
    "observed_other_devices.json": "powerflex2000",
    "sf3000_vendor_test_values.json": "solidflex3000",
}
CONFIGURATIONS: Final = (
    "sys_getconfig_sf2000_docs.json",
    "igen_sys_getconfig_docs.json",
    "igen_sys_getconfig_flat_ha_fixture.json",
)
ACCESSORIES: Final = (
    "igen_meter_jsondata_docs.json",
    "igen_p1_jsondata_docs.json",
    "igen_p1_jsondata_ha_fixture.json",
    "igen_plug_docs.json",
)
OTHERS: Final = (
    "setdata_docs.json",
    "udp_discovery_replies.json",
    "udp_push_p1_reader.json",
    "user_setconfig_digest.json",
    "wifi_getstatus_bk1600_docs.json",
)
NOT_OF_THIS_PROTOCOL: Final = ("mqtt_docs.json",)  # the vendor's MQTT interface, of which OpenData over HTTP knows nothing


def load(samples: Path, name: str) -> Any:
    return json.loads((samples / name).read_text("utf-8"))


def polls(document: Any) -> list[dict[str, Raw]]:
    """The points of every observation in a file: mappings whose keys are point numbers, wherever they stand."""
    if isinstance(document, list):
        return [poll for each in document for poll in polls(each)]
    if not isinstance(document, dict):
        return []
    points = {key: value for key, value in document.items() if key.isdigit() and not isinstance(value, dict)}
    return ([points] if points else []) + [poll for value in document.values() for poll in polls(value)]


def test_every_file_is_one_that_these_tests_know(samples: Path) -> None:
    known = {*POLLS, *CONFIGURATIONS, *ACCESSORIES, *OTHERS, *NOT_OF_THIS_PROTOCOL}
    assert {path.name for path in samples.glob("*.json")} == known


@pytest.mark.parametrize(("name", "product"), POLLS.items())
async def test_a_captured_poll_is_replayed_and_read_by_the_client(samples: Path, name: str, product: str) -> None:
    captured = polls(load(samples, name))
    assert captured
    for points in captured:
        async with VirtualDevice(Simulator(product, state=points, max_points=1000), port=0, discovery_port=None) as device:
            raw = HttpTransport(Address("127.0.0.1", device.port, tls=False))
            assert (await raw.exchange(GetData(tuple(map(int, points))))).values == points
            await raw.close()
            async with indevolt.connect(str(device.address), model=product, spacing_s=0.0) as battery:
                known = [key for key in points if key in battery.model.by_read]
                reading = await battery.read(*known)
        assert Quality.UNREADABLE not in {sample.quality for sample in reading.values()}
        assert all(reading[battery.model.point(key).name].quality is not Quality.ABSENT for key in known)


async def test_the_published_battery_is_recognised_and_said_to_be_too_old(samples: Path) -> None:
    system = load(samples, "sys_getconfig_sf2000_docs.json")["response"]
    simulator = Simulator("powerflex2000", state=State(system=SysConfig(system["device"])), complete=True)
    async with (
        VirtualDevice(simulator, port=0, discovery_port=None) as device,
        indevolt.connect(str(device.address), spacing_s=0.0) as battery,
    ):
        assert battery.family == "gen2"
        with pytest.raises(indevolt.FirmwareTooOld, match="older than V1406"):
            battery.check_firmware()


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_configuration_decodes_with_and_without_its_wrapper(samples: Path, name: str) -> None:
    document = load(samples, name)
    reply = decode_reply(SysGetConfig(), 200, json.dumps(document.get("response", document)).encode())
    assert reply.text("mac")


@pytest.mark.parametrize("name", ACCESSORIES)
async def test_a_reply_of_an_accessory_is_replayed_and_decoded(samples: Path, name: str) -> None:
    document = load(samples, name)
    replies: list[tuple[str, Request[Any], Any]] = []
    if "meter" in name:
        sorts = {"single_phase": "meter", "three_phase": "meter3", "ir_reader": "ir"}
        replies = [(sorts[key], MeterJsonData(), reply) for key, reply in document.items()]
    elif "p1" in name:
        replies = [("p1", P1JsonData(), document)]
    else:
        replies = [("plug", PlugGetData(), document["Plug.GetData"])]
    for sort, request, body in replies:
        accessory = Accessory(sort, state=State(documents={request.rpc: body}))
        async with VirtualDevice(accessory, port=0, discovery_port=None) as device:
            transport = HttpTransport(Address("127.0.0.1", device.port, tls=False))
            assert (await transport.exchange(request)).document == body
            if sort == "plug":
                assert (await transport.exchange(PlugGetStatus())).on == (document["Plug.GetStatus"]["switch_status"] == "on")
            await transport.close()


async def test_the_printed_writes_are_taken(samples: Path) -> None:
    async with VirtualDevice(Simulator("solidflex2000"), port=0, discovery_port=None) as device:
        transport = HttpTransport(Address("127.0.0.1", device.port, tls=False))
        for sample in load(samples, "setdata_docs.json"):
            config = json.loads(sample["request"]["url"].partition("config=")[2])
            result = await transport.exchange(SetData(config["t"], tuple(config["v"]), config["f"]))
            assert {"result": result.result} == sample["response"]
        await transport.close()


def test_the_wifi_status_decodes(samples: Path) -> None:
    document = load(samples, "wifi_getstatus_bk1600_docs.json")["response"]
    assert decode_reply(WifiGetStatus(), 200, json.dumps(document).encode()).params == document["params"]


def test_every_answer_to_a_discovery_decodes(samples: Path) -> None:
    sample = load(samples, "udp_discovery_replies.json")
    assert sample["sent"]["payload"].encode() == discovery.REQUEST
    for reply in sample["received"]:
        found = discovery.decode_reply(json.dumps(reply["payload"], separators=(",", ":")).encode())
        assert (found.sn, found.firmware, found.ip) == (reply["payload"]["sn"], reply["payload"]["fw"], reply["payload"]["ip"])


def test_the_captured_push_frame_decodes(samples: Path) -> None:
    sample = load(samples, "udp_push_p1_reader.json")
    frame = push.decode(bytes.fromhex(sample["frame_hex"]))
    assert frame.sequence == sample["payload"]["id"]
    assert frame.data == sample["payload"]["data"]


def test_every_captured_password_seals_and_unseals_alike(samples: Path) -> None:
    for sample in load(samples, "user_setconfig_digest.json"):
        vector = sample["aes_128_gcm"]
        old = bytes.fromhex(vector["key_hex"]).rstrip(b"\0").decode()
        nonce = bytes.fromhex(vector["nonce_hex"]).rstrip(b"\0").decode()
        sealed = seal(old, vector["plaintext"], nonce)
        expected = bytes.fromhex(vector["ciphertext_hex"]) if "ciphertext_hex" in vector else from_base64(vector["ciphertext_b64"])
        assert sealed.ciphertext == expected
        assert unseal(old, sealed) == vector["plaintext"]
        if digest := sample.get("request", {}).get("digest_fields"):
            header = authorize("POST", "/rpc/User.SetConfig", old, realm=digest["realm"], nonce=digest["nonce"], cnonce="2")
            assert f'realm="{digest["realm"]}"' in header.header()
