"""The fixtures that other projects use: met directly, and in test files of their own as a stranger would write them."""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import re
import socket
import ssl
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from http.client import IncompleteRead
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest
import trustme

import indevolt
from indevolt.errors import InvalidInput
from indevolt.protocol.discovery import REQUEST, decode_reply
from indevolt.simulator import LIFELIKE, Simulator, Site, Surroundings, steady_house
from indevolt.testing import Asked, MakeBattery, MakeDevice, ServedDevice
from indevolt.testing.arguments import Arguments, serve
from indevolt.testing.served import Stage

pytest_plugins = ["pytester", "indevolt.testing"]

PAGE = Path(__file__).parent.parent / "docs" / "testing.md"
SOC = '/rpc/Indevolt.GetData?config={"t":[6002]}'
REALTIME = '/rpc/Indevolt.SetData?config={"f":16,"t":47005,"v":[4]}'
CHARGE = '/rpc/Indevolt.SetData?config={"f":16,"t":47015,"v":[1,800,90]}'
PATIENCE_S = 10  # of a test that fails; one that succeeds never waits


def ask(device: ServedDevice, target: str = SOC, *, timeout_s: float = PATIENCE_S) -> Any:
    """Ask as any program with the standard library would."""
    with urlopen(device.url + target, timeout=timeout_s) as reply:
        return json.load(reply)


def inner(pytester: pytest.Pytester, code: str, *, plugin: str = 'pytest_plugins = ["indevolt.testing"]') -> pytest.RunResult:
    """Run a stranger's test file: with nothing but pytest and ours, warnings being errors."""
    pytester.makeconftest(plugin)
    pytester.makepyfile(code)
    return pytester.runpytest_inprocess("-p", "no:asyncio", "--strict-markers", "-W", "error")


# ---- a device on a socket ------------------------------------------------------------------------------------------------


def test_any_client_reads_what_the_test_sets(indevolt_device: ServedDevice) -> None:
    indevolt_device.set("battery_soc", 42)
    assert ask(indevolt_device) == {"6002": 42}
    assert indevolt_device.get("battery_soc") == 42


def test_another_process_can_talk_to_it(indevolt_device: ServedDevice) -> None:
    program = f"import urllib.request; print(urllib.request.urlopen('{indevolt_device.url}{SOC}').read().decode())"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == '{"6002":55}\n'


async def test_our_client_can_talk_to_it_from_the_event_loop_of_a_test(indevolt_device: ServedDevice) -> None:
    clock = indevolt.ManualClock(auto=True)
    async with indevolt.connect(indevolt_device.address, clock=clock) as battery:
        outcome = await battery.charge(power_w=800, soc_pct=90)
        assert outcome.stage == indevolt.Stage.EFFECTIVE
    assert indevolt_device.get("battery_power") == pytest.approx(-800, abs=5)


def test_it_tells_what_it_was_asked_and_how_that_ended(indevolt_device: ServedDevice) -> None:
    indevolt_device.faults.add("status:503*1")
    with pytest.raises(HTTPError, match="503"):
        ask(indevolt_device)
    indevolt_device.faults.add("reset*1")
    with pytest.raises(ConnectionResetError):
        ask(indevolt_device)
    ask(indevolt_device, "/rpc/Sys.GetConfig")
    first, second, third = indevolt_device.requests
    assert first == Asked("GET", SOC, 503)
    assert (first.rpc, first.config) == ("Indevolt.GetData", {"t": [6002]})
    assert second.status == 0
    assert (third.rpc, third.config, third.status) == ("Sys.GetConfig", None, 200)
    assert Asked("GET", "/rpc/X?config=[", 200).config is None


def test_faults_come_and_go_by_name(indevolt_device: ServedDevice) -> None:
    faults = indevolt_device.faults
    assert not faults
    faults.add("truncated", "refuse")
    assert list(faults) == ["truncated", "refuse"]
    with pytest.raises(IncompleteRead):
        ask(indevolt_device)
    faults.remove("truncated")
    assert ask(indevolt_device, REALTIME) == {"result": False}
    faults.clear()
    assert not faults
    assert ask(indevolt_device, REALTIME) == {"result": True}


def test_a_late_answer_is_late_for_the_client_though_the_device_s_time_stands(indevolt_device: ServedDevice) -> None:
    indevolt_device.faults.add("slow:0.01*1")
    assert ask(indevolt_device) == {"6002": 55}
    indevolt_device.faults.add("slow:3600*1")
    with pytest.raises(TimeoutError):
        ask(indevolt_device, timeout_s=0.1)


def test_many_threads_may_ask_while_the_test_changes_things(indevolt_device: ServedDevice) -> None:
    with ThreadPoolExecutor(4) as pool:
        replies = [pool.submit(ask, indevolt_device) for _ in range(40)]
        for soc in range(20, 40):
            indevolt_device.set("battery_soc", soc)
        assert {reply.result()["6002"] for reply in replies} <= {55, *range(20, 40)}
    assert len(indevolt_device.requests) == 40


def test_whatever_else_there_is_to_do_is_done_to_the_simulator(indevolt_device: ServedDevice) -> None:
    indevolt_device.do(lambda simulator: simulator.remove("battery_soc"))
    assert ask(indevolt_device) == {}
    with pytest.raises(ZeroDivisionError):
        indevolt_device.do(lambda _: 1 / 0)


def test_its_api_can_be_switched(make_indevolt_device: MakeDevice) -> None:
    device = make_indevolt_device(api="digest", password="secret")
    with pytest.raises(HTTPError, match="401"):
        ask(device)
    device.set_api("off")
    with pytest.raises(URLError, match="refused"):
        ask(device)
    device.set_api("http")
    assert ask(device) == {"6002": 55}


def test_it_speaks_tls_and_answers_discovery_where_that_is_wanted(make_indevolt_device: MakeDevice) -> None:
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(client)
    device = make_indevolt_device(api="https", ssl=server, discovery=True)
    with urlopen(device.url + SOC, timeout=PATIENCE_S, context=client) as reply:
        assert json.load(reply) == {"6002": 55}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(PATIENCE_S)
        asker.sendto(REQUEST, (device.host, device.discovery_port or 0))
        assert decode_reply(asker.recv(1000)).sn == device.serial


# ---- its time ------------------------------------------------------------------------------------------------------------


def test_time_stands_still_and_what_would_take_time_happens_at_once(indevolt_device: ServedDevice) -> None:
    ask(indevolt_device, REALTIME)
    ask(indevolt_device, CHARGE)
    assert indevolt_device.get("battery_power") == pytest.approx(-800, abs=5)
    assert ask(indevolt_device) == ask(indevolt_device) == {"6002": 55}
    assert indevolt_device.do(lambda simulator: simulator.clock.now()) == datetime(2026, 6, 21, 10, 0, tzinfo=UTC)


def test_it_lives_through_an_hour_at_once(make_indevolt_device: MakeDevice) -> None:
    start = datetime(2026, 1, 15, 18, 0, tzinfo=UTC)
    device = make_indevolt_device(load_w=800, start=start)
    device.travel(3600)
    assert device.do(lambda simulator: simulator.clock.now()) == start.replace(hour=19)
    assert device.get("battery_discharge_energy_today") == pytest.approx(870, abs=30)
    assert ask(device)["6002"] < 50


def test_lag_passes_with_the_device_s_time(make_indevolt_device: MakeDevice) -> None:
    device = make_indevolt_device(lag_s=2.0, response=LIFELIKE)
    ask(device, REALTIME)
    device.travel(1.5)
    assert device.get("mode") == "self_use"
    device.travel(1)
    assert device.get("mode") == "realtime"


def test_a_restart_lasts_until_the_test_moves_on(indevolt_device: ServedDevice) -> None:
    indevolt_device.reboot(down_s=30)
    for _ in range(2):
        with pytest.raises(ConnectionResetError):
            ask(indevolt_device)
    indevolt_device.travel(30)
    assert ask(indevolt_device, "/rpc/Sys.GetConfig")["device"]["run_time"] == 0


def test_time_runs_where_that_is_wanted(make_indevolt_device: MakeDevice) -> None:
    device = make_indevolt_device(speed=86_400, load_w=500)
    assert any(ask(device) != {"6002": 55} for _ in range(10_000))
    assert device.do(lambda simulator: simulator.clock.now()) > datetime(2026, 6, 21, 10, 0, tzinfo=UTC)


# ---- several, and homes --------------------------------------------------------------------------------------------------


def test_devices_have_each_their_own_serial_number_port_and_time(make_indevolt_device: MakeDevice) -> None:
    first, second = make_indevolt_device(), make_indevolt_device(product="solidflex2000", modules=3, soc_pct=20)
    first.travel(60)
    assert first.get("battery_soc") == pytest.approx(55, abs=1)
    assert ask(second) == {"6002": 20}
    assert first.serial != second.serial
    assert first.port != second.port
    assert first.do(lambda simulator: simulator.clock.now()) > second.do(lambda simulator: simulator.clock.now())
    assert repr(second) == f"<virtual SolidFlex 2000 at http://127.0.0.1:{second.port}>"


HOME = """
title = "Two units"
start = 2026-03-01T12:00:00Z

[house]
load = { csv = "load.csv", step_s = 60 }

[[units]]
name = "cellar"
model = "powerflex2000"
soc_pct = 80

[[units]]
name = "attic"
model = "powerflex2000"
soc_pct = 40

[[events]]
at = "12:30"
for = "10min"
unit = "attic"
fault = "status:500"

[[events]]
at = "12:45"
unit = "cellar"
reboot = 30
"""


def test_a_scenario_of_one_s_own_puts_all_its_units_on_sockets(make_indevolt_device: MakeDevice, tmp_path: Path) -> None:
    (tmp_path / "home.toml").write_text(HOME, "utf-8")
    (tmp_path / "load.csv").write_text("600\n700\n", "utf-8")
    attic = make_indevolt_device(scenario=tmp_path / "home.toml", unit="attic")
    assert attic.home == {"cellar": attic.home["cellar"], "attic": attic}
    assert (ask(attic), ask(attic.home["cellar"])) == ({"6002": 40}, {"6002": 80})
    attic.home["cellar"].travel(31 * 60)  # one house, one time
    with pytest.raises(HTTPError, match="500"):
        ask(attic)
    attic.travel(20 * 60)
    assert ask(attic)["6002"] < 40
    assert ask(attic.home["cellar"], "/rpc/Sys.GetConfig")["device"]["run_time"] == 330  # it was back within this travel


def test_a_scenario_begins_when_it_is_told_and_with_faults(make_indevolt_device: MakeDevice) -> None:
    start = datetime(2026, 5, 1, tzinfo=UTC)
    device = make_indevolt_device(scenario="winter-day", start=start, faults="halfjson*1")
    assert device.do(lambda simulator: simulator.clock.now()) == start
    with pytest.raises(json.JSONDecodeError):
        ask(device)


# ---- a battery in process ------------------------------------------------------------------------------------------------


async def test_a_battery_in_process_is_a_transport(indevolt_battery: Simulator, indevolt_clock: indevolt.ManualClock) -> None:
    async with indevolt.connect("virtual", transport=indevolt_battery, clock=indevolt_clock) as battery:
        async with asyncio.timeout(PATIENCE_S):
            outcome = await battery.charge(power_w=800, soc_pct=60)
        assert outcome.stage == indevolt.Stage.EFFECTIVE
        indevolt_clock.tick(3600)
        assert (await battery.read("battery_soc")).value("battery_soc") == 60


def test_batteries_in_process_share_the_clock_and_if_wanted_a_house(
    make_indevolt_battery: MakeBattery, indevolt_clock: indevolt.ManualClock
) -> None:
    site = Site(steady_house(Surroundings(600.0, ())), clock=indevolt_clock)
    one, other = make_indevolt_battery(site=site), make_indevolt_battery(site=site, faults=["refuse"])
    assert one.serial != other.serial
    assert list(other.faults)
    indevolt_clock.tick(60)
    assert one.get("home_load_power") == other.get("home_load_power") == 600


def test_a_steady_house_is_told_in_watts(make_indevolt_battery: MakeBattery) -> None:
    battery = make_indevolt_battery(load_w=400, pv_w=[300, 200])
    assert (battery.get("pv_power_total"), battery.get("home_load_power"), battery.get("meter_power")) == (500, 400, 0)


# ---- mistakes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "facts", "remedy"),
    [
        ({"moduls": 3}, "no argument moduls", "modules, password, product"),
        ({"site": None}, "no argument site", "scenario"),
        ({"product": "powerwall"}, "no product 'powerwall'", "powerflex2000"),
        ({"modules": 9}, "no 9 battery modules", "1 to"),
        ({"faults": "slient"}, "no such fault", "silent"),
        ({"api": "https"}, "HTTPS needs a certificate", ""),
        ({"load_w": 1, "state": {}}, "load_w beside state", "only once"),
        ({"speed": -1}, "no speed -1", "0 stands still"),
        ({"start": datetime(2026, 1, 1)}, "no time zone", "tzinfo=UTC"),  # noqa: DTZ001 - that is the mistake
        ({"unit": "x"}, "unit without scenario", "scenario"),
        ({"scenario": "winterday"}, "no scenario 'winterday'", "Did you mean winter-day?"),
        ({"scenario": "winter-day", "unit": "x"}, "no unit 'x'", "There are"),
        ({"scenario": "winter-day", "modules": 2}, "modules beside scenario", "faults"),
    ],
)
def test_a_wrong_argument_is_named_with_what_there_is(
    make_indevolt_device: MakeDevice, arguments: dict[str, Any], facts: str, remedy: str
) -> None:
    with pytest.raises(InvalidInput, match=facts) as caught:
        make_indevolt_device(**arguments)
    assert remedy in caught.value.remedy
    assert getattr(caught.value, "__notes__", [""]) == [caught.value.remedy]


def test_time_does_not_go_back(indevolt_device: ServedDevice) -> None:
    with pytest.raises(InvalidInput, match="cannot travel -1 s"):
        indevolt_device.travel(-1)


def test_the_arguments_are_those_of_the_simulator() -> None:
    takes = set(inspect.signature(Simulator).parameters)
    assert Arguments.__optional_keys__ - takes == {"load_w", "pv_w", "faults"}
    assert takes - Arguments.__optional_keys__ == {"clock", "site", "plan", "ip", "told_ip"}


# ---- nothing stays behind ------------------------------------------------------------------------------------------------


def test_threads_sockets_and_clients_that_wait_end_with_the_test() -> None:
    before = set(threading.enumerate())
    with Stage() as stage:
        device = serve(stage, 1, {"faults": ["silent*1", "slow:3600"]})
        clients = [socket.create_connection((device.host, device.port)) for _ in range(3)]
        for client in clients[:2]:
            client.sendall(f"GET {SOC} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert any("silent*1" not in device.faults for _ in range(100_000)), "the request never came"
    for client in clients:
        client.settimeout(PATIENCE_S)
        with suppress(ConnectionError):
            assert client.recv(1) == b""
        client.close()
    with pytest.raises(URLError, match="refused"):
        ask(device)
    assert not set(threading.enumerate()) - before
    gc.collect()  # what was left open says so now, and warnings are errors
    with pytest.raises(InvalidInput, match="the virtual device is gone"):
        device.get("battery_soc")


# ---- test files of strangers ---------------------------------------------------------------------------------------------


def test_the_page_s_examples_pass(pytester: pytest.Pytester) -> None:
    plugin, *examples = re.findall(r"```py\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    for number, example in enumerate(examples):
        pytester.makepyfile(**{f"test_page_{number}": example})
    count = sum(example.count("def test_") for example in examples)
    assert count >= 6
    inner(pytester, "", plugin=plugin).assert_outcomes(passed=count)


def test_the_page_names_every_fixture_argument_and_attribute() -> None:
    page = PAGE.read_text("utf-8")
    named = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`\n]+)`", page))))
    fixtures = {"indevolt_clock", "indevolt_battery", "indevolt_device", "make_indevolt_battery", "make_indevolt_device"}
    attributes = {name for name in (*dir(ServedDevice), "url", "address", "faults", "home") if not name.startswith("_")}
    assert {*fixtures, *attributes, *Arguments.__optional_keys__, "site", "speed", "scenario", "unit"} <= named


def test_markers_say_what_a_device_is_to_be_and_the_closest_counts(pytester: pytest.Pytester) -> None:
    code = """
        import pytest

        pytestmark = pytest.mark.indevolt(product="solidflex2000", soc_pct=20, faults=["refuse"])

        def test_module(indevolt_device, indevolt_battery):
            for each in (indevolt_device, indevolt_battery):
                assert each.get("battery_soc") == 20
                assert each.faults

        @pytest.mark.indevolt(soc_pct=80, modules=3)
        def test_closest(indevolt_device):
            assert indevolt_device.get("battery_soc") == 80
            assert indevolt_device.do(lambda simulator: (simulator.product.name, simulator.modules)) == ("solidflex2000", 3)
        """
    inner(pytester, code).assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("moduls=3", "@pytest.mark.indevolt: no argument moduls. There are api, *modules, *"),
        ("modules=9", "@pytest.mark.indevolt: a PowerFlex 2000 has no 9 battery modules. It has 1 to *"),
        ("'solidflex2000'", "@pytest.mark.indevolt takes arguments by name, as in product='solidflex2000'"),
    ],
)
@pytest.mark.parametrize("fixture", ["indevolt_device", "indevolt_battery"])
def test_a_wrong_marker_is_told_in_a_line(pytester: pytest.Pytester, fixture: str, marker: str, message: str) -> None:
    result = inner(pytester, f"import pytest\n@pytest.mark.indevolt({marker})\ndef test_it({fixture}): pass")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_mistake_in_a_test_is_shown_where_it_is_made_and_with_its_remedy(pytester: pytest.Pytester) -> None:
    code = """
        def test_name(indevolt_device):
            indevolt_device.set("batery_soc", 42)

        def test_fault(indevolt_device):
            indevolt_device.faults.add("slient")

        def test_argument(make_indevolt_device):
            make_indevolt_device(moduls=3)
        """
    result = inner(pytester, code)
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        [
            '>*indevolt_device.set("batery_soc", 42)',
            "E *has no quantity 'batery_soc'",
            "E *Did you mean battery_soc or *",
            "E *cannot read the fault 'slient': no such fault",
            "E *Forms: slow:SECONDS, silent, *",
            "E *no argument moduls",
            "E *There are api, *",
        ]
    )
    result.stdout.no_fnmatch_line("*served.py*")


def test_types_may_be_imported_before_the_plugin_is_loaded(pytester: pytest.Pytester) -> None:
    code = """
        from indevolt.testing import ServedDevice

        pytest_plugins = ["indevolt.testing"]

        def test_it(indevolt_device: ServedDevice) -> None:
            assert isinstance(indevolt_device, ServedDevice)
        """
    pytester.makepyfile(code)
    pytester.runpytest_subprocess("-p", "no:asyncio", "-W", "error").assert_outcomes(passed=1)


def test_nothing_is_loaded_unasked(pytester: pytest.Pytester) -> None:
    result = inner(pytester, "def test_it(indevolt_device): pass", plugin="")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'indevolt_device' not found"])


def test_asyncio_tests_of_a_plugin_share_nothing_with_the_device_s_loop(pytester: pytest.Pytester) -> None:
    code = """
        import asyncio, indevolt, pytest

        @pytest.mark.asyncio
        async def test_it(indevolt_device):
            async with indevolt.connect(indevolt_device.address, spacing_s=0) as battery:
                indevolt_device.set("battery_soc", 42)
                assert (await battery.read("battery_soc")).value("battery_soc") == 42
        """
    pytester.makeconftest('pytest_plugins = ["indevolt.testing"]')
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    pytester.makepyfile(code)
    pytester.runpytest_inprocess("-W", "error").assert_outcomes(passed=1)


def test_it_needs_no_event_loop_of_its_caller(indevolt_device: ServedDevice) -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        asyncio.get_running_loop()
    assert ask(indevolt_device) == {"6002": 55}
