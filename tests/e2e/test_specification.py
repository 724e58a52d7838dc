"""Every example that the original specification prints, literally, with curl, against the virtual device."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator

import pytest

from conftest import lacking
from indevolt.simulator import Simulator
from indevolt.virtual import VirtualDevice

OLD, NEW = "qazwsxed", "qwertyui"
CIPHERTEXT, TAG, NONCE = "TrKQZ1QC1MQ=", "zwvQTjeg5rvLdBvLzqtymg==", "123456"  # seed, section 3.2


@pytest.fixture(scope="module", autouse=True)
def require_curl() -> None:
    if shutil.which("curl") is None:
        lacking("needs curl, which the specification's examples use")


@pytest.fixture
async def battery() -> AsyncIterator[VirtualDevice]:
    state = {"1664": 100, "1665": 251, "6002": 92, "7101": 1}
    async with VirtualDevice(Simulator("powerflex2000", state=state, lag_s=0.0), port=0, discovery_port=0) as device:
        yield device


@pytest.fixture
async def new_battery() -> AsyncIterator[VirtualDevice]:
    """A device in Digest mode as it leaves the factory, with the specification's password as its device key."""
    simulator = Simulator("powerflex2000", api="digest", password=OLD, factory_default=True, lag_s=0.0)
    async with VirtualDevice(simulator, port=0, discovery_port=0) as device:
        yield device


async def curl(device: VirtualDevice, *arguments: str) -> tuple[int, str]:
    """Run curl with a path as its last argument; return the status and the body."""
    *options, path = arguments
    url = f"http://127.0.0.1:{device.port}{path}"
    run = await asyncio.create_subprocess_exec(
        "curl", "-sS", "--max-time", "10", "-w", "\n%{http_code}", *options, url, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await run.communicate()
    body, _, status = output.decode().rpartition("\n")
    return int(status), body


def digest(realm: str, nonce: str, uri: str, response: str) -> str:
    return (
        f'Authorization: Digest username="opend", realm="{realm}", nonce="{nonce}", uri="{uri}", algorithm=MD5, '
        f'qop=auth, nc=00000001, cnonce="2", response="{response}"'
    )


async def test_two_points_are_read_as_printed(battery: VirtualDevice) -> None:
    answer = await curl(battery, "-g", "-X", "POST", '/rpc/Indevolt.GetData?config={"t":[1664,1665]}')
    assert answer == (200, '{"1664":100,"1665":251}')


async def test_the_state_of_charge_is_read_as_printed(battery: VirtualDevice) -> None:
    header = "Content-Type: application/json"
    answer = await curl(battery, "-g", "-X", "POST", "-H", header, '/rpc/Indevolt.GetData?config={"t":[6002]}')
    assert answer == (200, '{"6002":92}')


async def test_real_time_mode_and_a_discharge_are_written_as_printed(battery: VirtualDevice) -> None:
    for config in ('{"f":16,"t":47005,"v":[4]}', '{"f":16,"t":47015,"v":[2,700,5]}'):
        assert await curl(battery, "-g", "-X", "POST", f"/rpc/Indevolt.SetData?config={config}") == (200, '{"result":true}')
    assert await curl(battery, "-g", "-X", "POST", '/rpc/Indevolt.GetData?config={"t":[7101]}') == (200, '{"7101":4}')


@pytest.mark.parametrize(
    ("point", "value"),
    [
        (1147, 2400),
        (1146, 50),
        (1143, 1),
        (1138, 800),
        (1, 2),
        (7266, 1),
        (1142, 20),
        (7265, 0),
        (47016, 700),
        (47017, 5),
        (47005, 5),
    ],
)
async def test_every_setting_of_the_write_table_is_taken(battery: VirtualDevice, point: int, value: int) -> None:
    config = json.dumps({"f": 16, "t": point, "v": [value]}, separators=(",", ":"))
    assert await curl(battery, "-g", "-X", "POST", f"/rpc/Indevolt.SetData?config={config}") == (200, '{"result":true}')


async def test_the_configuration_has_the_printed_fields(battery: VirtualDevice) -> None:
    status, body = await curl(battery, "/rpc/Sys.GetConfig")
    printed = ["hostname", "timezone", "type", "sn", "mac", "fw", "f_ver", "p_ver", "time", "time_stamp", "run_time"]
    assert (status, list(json.loads(body)["device"])) == (200, printed)


@pytest.mark.parametrize(
    ("config", "response"),
    [
        ('{"Password":"TrKQZ1QC1MQ="}', "03da990408af8d0af3a311fbf11a98eb"),
        ("%7B%22Password%22%3A%22TrKQZ1QC1MQ%3D%22%7D", "624e7d294651e9b87f4a4ea161262211"),
    ],
    ids=["raw", "encoded"],
)
async def test_the_worked_password_change_succeeds_byte_for_byte(new_battery: VirtualDevice, config: str, response: str) -> None:
    path = f"/rpc/User.SetConfig?config={config}"
    header = digest(TAG, NONCE, path.replace('"', '\\"'), response)

    assert await curl(new_battery, "-g", "-X", "POST", "-H", header, path) == (200, '{"result":true}')
    assert await curl(new_battery, "-g", "--digest", "-u", f"opend:{NEW}", '/rpc/Indevolt.GetData?config={"t":[7101]}') == (
        200,
        '{"7101":1}',
    )
    assert (await curl(new_battery, "--digest", "-u", f"opend:{OLD}", "/rpc/Sys.GetConfig"))[0] == 401


async def test_the_default_password_opens_nothing_but_the_password_change(new_battery: VirtualDevice) -> None:
    assert (await curl(new_battery, "--digest", "-u", f"opend:{OLD}", "/rpc/Sys.GetConfig"))[0] == 401
    assert (await curl(new_battery, "/rpc/Sys.GetConfig"))[0] == 401


async def test_a_wrong_tag_does_not_change_the_password(new_battery: VirtualDevice) -> None:
    from indevolt.protocol.digest import authorize

    path = "/rpc/User.SetConfig?config=%7B%22Password%22%3A%22TrKQZ1QC1MQ%3D%22%7D"
    wrong = authorize("POST", path, OLD, realm="AAAAAAAAAAAAAAAAAAAAAA==", nonce=NONCE, cnonce="2")

    assert await curl(new_battery, "-X", "POST", "-H", f"Authorization: {wrong.header()}", path) == (200, '{"result":false}')
    assert new_battery.simulator.password == OLD


async def test_discovery_answers_the_printed_command(battery: VirtualDevice) -> None:
    answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    class Listener(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, _: tuple[str, int]) -> None:
            if not answered.done():
                answered.set_result(data)

    socket, _ = await asyncio.get_running_loop().create_datagram_endpoint(Listener, local_addr=("127.0.0.1", 0))
    socket.sendto(b"AT+IGDEVICEIP", ("127.0.0.1", battery.discovery_port))
    reply = json.loads(await asyncio.wait_for(answered, 10))
    socket.close()

    assert set(reply) >= {"sn", "fw", "ip", "opendata_ver"}
    assert reply["sn"] == battery.simulator.serial
