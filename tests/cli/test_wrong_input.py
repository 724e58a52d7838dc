"""Whatever is typed and whatever answers: one clear line, what to do next, a documented exit code, and never a traceback."""

from __future__ import annotations

import json
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from indevolt.cli.ending import exit_codes
from indevolt.clock import ManualClock
from indevolt.simulator import Accessory, Simulator

from .conftest import Peer, Program, Ran, Virtual

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def assert_told(ran: Ran, code: int, said: str) -> None:
    """Check the shape of a failure: one line of facts, perhaps one of what to do next, and nothing else."""
    assert ran.code == code
    assert code in dict(exit_codes())
    assert ran.out == ""
    lines = ran.err.splitlines()
    assert lines[0].startswith("error: ")
    assert said in lines[0]
    assert [line[:8] for line in lines[1:]] in ([], ["  next: "])
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["get", "HOST", "no_such_thing"], "has no quantity 'no_such_thing'"),
        (["get", "HOST", "99999"], "has no quantity '99999'"),
        (["get", "HOST", "load_source"], "can only be written"),
        (["watch", "HOST", "no_such_thing"], "has no quantity 'no_such_thing'"),
        (["set", "HOST", "no_such_thing", "1"], "has no quantity 'no_such_thing'"),
        (["set", "HOST", "battery_soc", "50"], "battery_soc can only be read"),
        (["set", "HOST", "realtime_power", "99999"], "realtime_power: 99999 W is out of range"),
        (["set", "HOST", "backup_soc", "lots"], "backup_soc: 'lots' is not a number"),
        (["set", "HOST", "grid_charging", "maybe"], "'maybe' is neither on nor off"),
        (["set", "HOST", "deep_sleep_start_time", "25:00"], "'25:00' is not a time of day"),
        (["charge", "HOST", "--power", "99999"], "realtime_power: 99999 W is out of range"),
        (["charge", "HOST", "--power", "800", "--soc", "120"], "realtime_target_soc: 120 % is out of range"),
        (["mode", "HOST", "outdoor-portable"], "mode: 'outdoor_portable' is not one of"),
    ],
)
def test_what_the_device_does_not_have_is_told_by_its_name(
    indevolt: Program, virtual: Virtual, words: list[str], said: str
) -> None:
    host = virtual()
    assert_told(indevolt(*(host if word == "HOST" else word for word in words)), 2, said)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["charge", "127.0.0.1", "--power", "much"], "'much' is not a valid integer"),
        (["charge", "127.0.0.1"], "missing option '--power'"),
        (["get"], "missing argument 'HOST'"),
        (["set", "127.0.0.1", "backup_soc"], "missing argument 'VALUE...'"),
        (["mode", "127.0.0.1", "holiday"], "no mode 'holiday'"),
        (["fly"], "no such command 'fly'"),
        (["get", "127.0.0.1", "--fly"], "no such option"),
        (["get", "a b"], "'a b' is no host name"),
        (["get", "ftp://127.0.0.1"], "cannot speak ftp://"),
        (["get", "127.0.0.1:70000"], "'70000' is no port"),
        (["doctor", "127.0.0.1:x"], "'x' is no port"),
        (["record", "127.0.0.1:x", "unused"], "'x' is no port"),
        (["get", "http://me:secret@127.0.0.1"], "an address holds no user name or password"),
        (["get", "127.0.0.1", "--model", "solarflex"], "no model 'solarflex'"),
        (["get", "127.0.0.1", "--timeout", "0"], "invalid value for '--timeout'"),
        (["get", "127.0.0.1", "--fingerprint", "ab"], "means nothing without TLS"),
        (["get", "https://127.0.0.1", "--fingerprint", "ab"], "is no SHA-256 fingerprint"),
        (["watch", "127.0.0.1", "--every", "1"], "the vendor recommends at least 5 s"),
        (["points", "--model", "solarflex"], "no model 'solarflex'"),
        (["completion", "tcsh"], "'tcsh' is not one of"),
        (["simulate", "--model", "solarflex"], "'solarflex' is not one of"),
        (["simulate", "--fault", "gremlins"], "cannot read the fault 'gremlins'"),
        (["simulate", "--model", "plug", "--modules", "2"], "a plug has no battery modules"),
        (["simulate", "--modules", "40"], "has no 40 battery modules"),
        (["simulate", "--push", "1"], "only accessories push"),
        (["simulate", "--cert", __file__], "a certificate means nothing without https"),
        (["simulate", "--api", "https", "--cert", __file__], "cannot be used"),
        (["simulate", "--state", __file__], "is neither a recording nor a JSON document"),
    ],
)
def test_what_makes_no_sense_is_told_before_anything_is_sent(indevolt: Program, words: list[str], said: str) -> None:
    assert_told(indevolt(*words), 2, said)


COMMANDS = [["get"], ["info"], ["watch"], ["set", "backup_soc", "20"], ["mode", "self-use"], ["hold"], ["charge", "--power", "500"]]


class Quiet(SimpleHTTPRequestHandler):
    """Python's own web server, but without its log on standard error."""

    def log_message(self, *words: object) -> None:
        pass


def words_for(command: list[str], host: str) -> list[str]:
    return [command[0], host, *command[1:]]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot found", (5, "is a web server, but no INDEVOLT device")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n<html>hello</html>", (5, "is no INDEVOLT device")),
        (b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n", (6, "HTTP 302")),
        (b"SSH-2.0-OpenSSH_9.6\r\n", (5, "not HTTP")),
        (OK + b'Content-Length: 19\r\n\r\n{"device":{"type":"', (5, "not JSON")),
        (OK + b"Content-Length: 10485760\r\n\r\n" + b" " * 10_485_760, (5, "more than 1048576 bytes")),
        (OK + b'Content-Length: 99\r\n\r\n{"device":', (4, "in the middle of its reply")),
        (b"", (4, "before it sent anything")),
    ],
    ids=["404", "page", "redirect", "ssh", "half a document", "10 MB", "cut off", "silence"],
)
def test_a_host_that_is_something_else_is_called_that(
    indevolt: Program, peer: Peer, command: list[str], answer: bytes, told: tuple[int, str]
) -> None:
    assert_told(indevolt(*words_for(command, peer(answer))), *told)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_real_web_server_is_called_that(indevolt: Program, command: list[str]) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        ran = indevolt(*words_for(command, f"127.0.0.1:{server.server_port}"))
        server.shutdown()
        thread.join()
    assert_told(ran, 5, "is a web server, but no INDEVOLT device")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_closed_port_is_unreachable(indevolt: Program, closed_port: int, command: list[str]) -> None:
    assert_told(indevolt(*words_for(command, f"127.0.0.1:{closed_port}")), 3, "refused the connection")


def test_a_name_that_does_not_exist_is_unreachable(indevolt: Program) -> None:
    assert_told(indevolt("get", "no-such-host.invalid"), 3, "the name no-such-host.invalid cannot be looked up")


def test_a_device_that_wants_a_password_says_how_to_give_it(indevolt: Program, virtual: Virtual, clock: ManualClock) -> None:
    ran = indevolt("get", virtual(Simulator("powerflex2000", clock=clock, api="digest")))
    assert_told(ran, 7, "401 Unauthorized")
    assert "--password" in ran.err


def test_an_accessory_is_no_battery(indevolt: Program, virtual: Virtual, clock: ManualClock) -> None:
    assert_told(indevolt("get", virtual(Accessory("p1", clock=clock))), 8, "is a P1 reader, not a battery")


def test_nobody_there_to_discover(indevolt: Program) -> None:
    from .conftest import closed_udp_port

    ran = indevolt("discover", "127.0.0.1", "--port", str(closed_udp_port()), "--local-port", "0", "--no-passive")
    assert_told(ran, 3, "nobody answered within 5 s")
    assert "local API" in ran.err


@pytest.mark.parametrize(
    ("words", "kind", "code"),
    [
        (["get", "a b", "--json"], "InvalidInput", 2),
        (["fly", "--json"], "InvalidInput", 2),
        (["get", "no-such-host.invalid", "--json"], "Unreachable", 3),
    ],
)
def test_programs_get_their_errors_as_json(indevolt: Program, words: list[str], kind: str, code: int) -> None:
    ran = indevolt(*words)
    assert ran.err == ""
    error = json.loads(ran.out)["error"]
    assert (error["kind"], error["exit_code"], ran.code) == (kind, code, code)
    assert error["message"]


def test_debug_shows_where_an_error_came_from_and_may_stand_anywhere(indevolt: Program, closed_port: int) -> None:
    words = ("get", f"127.0.0.1:{closed_port}")
    assert "Traceback" not in indevolt(*words).err
    for debugging in (("--debug", *words), (*words, "--debug")):
        ran = indevolt(*debugging)
        assert ran.code == 3
        assert "Traceback" in ran.err
        assert "refused the connection" in ran.err
