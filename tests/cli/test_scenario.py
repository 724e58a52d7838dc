"""`indevolt simulate` with scenarios: listing, printing, reporting, serving a home, and refusing what means nothing together."""

from __future__ import annotations

import gzip
import json
import shlex
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from conftest import lacking
from indevolt.simulator import scenario

from .conftest import Program
from .test_completion import completions

PATIENCE_S = 60  # of a test that fails; one that succeeds never waits
READ = "/rpc/Indevolt.GetData?config=%7B%22t%22%3A%5B6002%5D%7D"
SHORT = """
title = "A short night"
about = '''
Two lines
of a paragraph.
'''
start = 2026-01-15
days = 0.02

[house]
load = 900

[meter]
sort = "p1"

[[units]]
name = "cellar"
model = "powerflex2000"

[[units]]
name = "attic"
model = "solidflex2000"

[[events]]
at = "00:10"
unit = "attic"
set = { backup_soc = 33 }
"""


@pytest.fixture
def short(tmp_path: Path) -> Path:
    path = tmp_path / "short.toml"
    path.write_text(SHORT)
    return path


# ---- what there is -------------------------------------------------------------------------------------------------------


def test_the_list_shows_every_shipped_scenario(indevolt: Program) -> None:
    ran = indevolt("simulate", "--list")
    assert ran.code == 0
    for name in scenario.names():
        assert f"\n{name} " in ran.out
    assert "A winter day " in ran.out
    assert "12 h" in ran.out


def test_the_list_for_programs_says_more(indevolt: Program) -> None:
    entries = {entry["name"]: entry for entry in indevolt("simulate", "--list", "--json").json}
    assert set(entries) == set(scenario.names())
    cluster = entries["cluster-of-three"]
    assert (cluster["days"], len(cluster["units"]), cluster["meter"]) == (1, 3, "native")
    assert "\n" not in cluster["about"]


def test_a_scenario_is_printed_as_it_ships(indevolt: Program, tmp_path: Path) -> None:
    printed = indevolt("simulate", "--scenario", "winter-day", "--print").out
    assert printed == scenario.shipped("winter-day")
    own = tmp_path / "mine.toml"
    own.write_text(printed)
    assert indevolt("simulate", "--scenario", str(own), "--print").out == printed


def test_names_of_scenarios_complete() -> None:
    assert completions("simulate", "--scenario", "winter") == ["winter-day"]
    assert completions("simulate", "--scenario", "./mi") == ["./mi"], "the shell completes files"


# ---- without a network ---------------------------------------------------------------------------------------------------


def test_a_report_is_written_and_its_figures_are_told(indevolt: Program, short: Path) -> None:
    page = short.with_name("night.html")
    ran = indevolt("simulate", "--scenario", str(short), "--report", str(page))
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[0] == "A short night (simulated), 2026-01-15 00:00 to 2026-01-15 00:28 UTC"
    assert f"written: {page}" in ran.out
    assert "  load                          0.43  kWh" in ran.out
    text = page.read_text("utf-8")
    assert "Two lines of a paragraph." in text
    assert "indevolt simulate --scenario short.toml --report night.html" in text
    assert str(short.parent) not in text, "the page tells nobody where it was made"
    assert sorted(path.name for path in short.parent.iterdir()) == ["night.html", "short.toml"]


class Command(HTMLParser):
    """Finds the command line at the end of a report."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.command = ""
        self._inside = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag == "pre"

    def handle_data(self, data: str) -> None:
        self.command += data if self._inside else ""

    def handle_endtag(self, _tag: str) -> None:
        self._inside = False


def test_the_command_in_a_report_makes_the_same_page_again(indevolt: Program, short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(short.parent)
    words = ["--scenario", "short.toml", "--seed", "9", "--start", "2026-06-01T02:00+02:00", "--report", "it is.html"]
    assert indevolt("simulate", *words).code == 0
    page = Path("it is.html").read_text("utf-8")
    program, *again = shlex.split(Command(page).command)
    assert program == "indevolt"
    assert again == ["simulate", *words[:4], "--start", "2026-06-01T00:00:00Z", *words[6:]]
    Path("it is.html").unlink()
    assert indevolt(*again).code == 0
    assert Path("it is.html").read_text("utf-8") == page


def test_figures_for_programs(indevolt: Program, short: Path) -> None:
    page = short.with_name("night.html")
    told = indevolt("simulate", "--scenario", str(short), "--report", str(page), "--json").json
    assert told["file"] == str(page)
    assert told["load_wh"] == pytest.approx(900 * 0.02 * 24, rel=1e-6)
    assert told["balance_error_wh"] < 0.001
    assert set(told["soc_pct"]) == {"cellar", "attic"}
    assert told["happenings"] == [{"at": "2026-01-15T00:10:00+00:00", "unit": "attic", "text": "set backup_soc = 33"}]


def test_a_report_can_be_printed(indevolt: Program, short: Path) -> None:
    ran = indevolt("simulate", "--scenario", str(short), "--report", "-")
    assert ran.code == 0
    assert ran.out.startswith("<!DOCTYPE html>")
    assert ran.out.endswith("</html>\n")
    assert "A short night (simulated)" in ran.err
    assert "written" not in ran.err


@pytest.mark.parametrize(
    ("file", "said", "next_step"),
    [
        (".", "is a folder", "day.html"),
        ("no/day.html", "there is no folder", "Make it"),
        ("short.toml", "does not end in .html", "HTML page"),
    ],
)
def test_where_no_report_can_go_is_told_before_it_is_made(
    indevolt: Program, short: Path, file: str, said: str, next_step: str
) -> None:
    ran = indevolt("simulate", "--scenario", str(short), "--report", str(short.parent / file))
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err.splitlines()[0]
    assert next_step in ran.err
    assert short.read_text() == SHORT


def test_a_full_disk_is_one_line() -> None:
    if not Path("/dev/full").exists():
        lacking("needs a device that is always full")
    command = [sys.executable, "-m", "indevolt", "simulate", "--scenario", "reboot", "--report", "/dev/full"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (74, "")
    assert ran.stderr == "error: the output cannot be written: /dev/full: No space left on device\n"


# ---- files that a scenario names -----------------------------------------------------------------------------------------


def with_series(short: Path, name: str, content: bytes) -> None:
    (short.parent / name).write_bytes(content)
    short.write_text(SHORT.replace("load = 900", f'load = {{ csv = "{name}", step_s = 900 }}'))


@pytest.mark.parametrize("name", ["load.csv", "load.csv.gz"])
def test_files_are_looked_for_beside_the_scenario_packed_or_not(indevolt: Program, short: Path, name: str) -> None:
    content = b"load_w\n300\n600\n"
    with_series(short, name, gzip.compress(content) if name.endswith(".gz") else content)
    told = indevolt("simulate", "--scenario", str(short), "--report", str(short.with_name("night.html")), "--json").json
    assert told["load_wh"] == pytest.approx(300 * 900 / 3600 + 600 * (0.02 * 86_400 - 900) / 3600, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("load.csv", b"load_w\n300\nmuch\n", "load.csv: line 3, column load_w: 'much' is not a number"),
        ("load.csv", b"load_w\n\xff\n", "load.csv: it is not text in UTF-8"),
        ("load.csv.gz", b"load_w\n1\n", "load.csv.gz: "),
        ("load.csv.gz", gzip.compress(b"load_w\n1\n" * 99)[:-9], "load.csv.gz: "),
        ("load.csv", b"", "load.csv: "),
    ],
)
def test_a_file_that_cannot_be_used_is_named(indevolt: Program, short: Path, name: str, content: bytes, said: str) -> None:
    with_series(short, name, content)
    for then in (["--report", str(short.with_name("night.html"))], ["--port", "0", "--no-discovery"]):
        ran = indevolt("simulate", "--scenario", str(short), *then)
        assert (ran.code, ran.out) == (2, "")
        assert said in ran.err.splitlines()[0]
        assert ran.err.count(name) == 1


def test_a_file_that_is_not_there_is_named(indevolt: Program, short: Path) -> None:
    short.write_text(SHORT.replace("load = 900", 'load = { csv = "lost.csv", step_s = 60 }'))
    ran = indevolt("simulate", "--scenario", str(short), "--port", "0", "--no-discovery")
    assert ran.err.startswith(f"error: cannot read {short.parent / 'lost.csv'}: No such file or directory\n")
    assert "beside its own file" in ran.err


@pytest.mark.parametrize("then", [["--report", "x.html"], ["--print"], []])
def test_a_scenario_that_is_not_there_is_told_with_what_there_is(indevolt: Program, then: list[str]) -> None:
    ran = indevolt("simulate", "--scenario", "winterday", *then)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: no scenario 'winterday'\n")
    assert "id you mean winter-day?" in ran.err
    ran = indevolt("simulate", "--scenario", "no/such.toml", *then)
    assert ran.err.startswith(f"error: cannot read {Path('no/such.toml')}: No such file or directory\n")


def test_mistakes_are_told_with_file_line_and_field(indevolt: Program, short: Path) -> None:
    short.write_text(SHORT.replace('name = "attic"', "modules = 9"))
    ran = indevolt("simulate", "--scenario", str(short), "--report", str(short.with_name("x.html")))
    assert ran.code == 2
    assert f"{short}" in ran.err
    assert "line 21, units[2].modules: 9 does not fit" in ran.err


# ---- what means nothing together -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--report", "x.html"], "--report needs a scenario"),
        (["--print"], "--print needs a scenario"),
        (["--print", "--fleet", "3"], "--print needs a scenario"),
        (["--list", "--port", "0"], "--port means nothing with --list"),
        (["--list", "--scenario", "clouds"], "--scenario means nothing with --list"),
        (["--scenario", "clouds", "--print", "--report", "x.html"], "--report means nothing with --print"),
        (["--scenario", "clouds", "--report", "x.html", "--speed", "60"], "--speed means nothing with --report"),
        (["--scenario", "clouds", "--report", "x.html", "--port", "0"], "--port means nothing with --report"),
        (["--scenario", "clouds", "--model", "bk1600"], "--model means nothing with --scenario"),
        (["--scenario", "clouds", "--fault", "silent"], "--fault means nothing with --scenario"),
        (["--scenario", "clouds", "--password", "x"], "--password means nothing with --scenario"),
        (["--scenario", "clouds", "--fleet", "3"], "--scenario means nothing with --fleet"),
        (["--scenario", "clouds", "--push", "1"], "the meter of this home (shelly) broadcasts nothing"),
        (["--scenario", "clouds", "--cert", "x.pem"], "a certificate means nothing without https"),
        (["--scenario", "clouds", "--seed", "-1"], "--seed: -1 does not fit"),
        (["--fleet", "3", "--host", "0.0.0.0"], "--host means nothing with --fleet"),
        (["--fleet", "3", "--api", "digest"], "--api means nothing with --fleet"),
        (["--fleet", "3", "--model", "p1"], "no product 'p1'"),
        (["--model", "bk1600", "--model", "powerflex2000"], "--model is given 2 times, and a device has one"),
        (["--start", "yesterday"], "--start: 'yesterday' is no time"),
        (["--start", "1066-10-14"], "--start: the year 1066 does not fit; allowed: 1970 to 2199"),
        (["--start", "9999-12-31T23:00-05:00"], "--start: '9999-12-31T23:00-05:00' is no time"),
        (["--speed", "0.5"], "0.5 is not in the range 1<=x<=86400"),
    ],
)
def test_what_means_nothing_is_refused_by_name(indevolt: Program, words: list[str], said: str) -> None:
    ran = indevolt("simulate", *words)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err.splitlines()[0]
    assert len(ran.err.splitlines()) <= 2


@pytest.mark.parametrize("words", [["--print"], ["--report", "-"]])
def test_what_is_printed_for_people_is_not_json(indevolt: Program, words: list[str]) -> None:
    ran = indevolt("simulate", "--scenario", "clouds", *words, "--json")
    assert ran.code == 2
    assert "--json" in ran.json["error"]["message"]


def test_a_password_of_the_environment_hinders_nothing(indevolt: Program) -> None:
    assert indevolt("simulate", "--scenario", "clouds", "--print", INDEVOLT_PASSWORD="secret").code == 0


# ---- with a network ------------------------------------------------------------------------------------------------------


@contextmanager
def simulate(*words: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-W", "error", "-m", "indevolt", "simulate", "--port", "0", "--no-discovery", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    watchdog = threading.Timer(PATIENCE_S, process.kill)  # so that a line that never comes is a failure and no standstill
    watchdog.start()
    try:
        yield process
    finally:
        watchdog.cancel()
        if process.poll() is None:
            process.kill()
        process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


def ask(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as reply:
        return json.load(reply)


def stop(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Press Ctrl-C; return exit code, what was still printed, and what was complained about."""
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    return process.returncode, out, err.strip()


def test_a_home_introduces_itself_and_tells_what_is_asked_and_what_happens(short: Path) -> None:
    with simulate("--scenario", str(short), "--speed", "600") as process:
        told: list[str] = []
        while not told or told[-1] not in ("  Ctrl-C stops it.", ""):
            told.append(line(process))
        assert told[0] == f"A short night (scenario {short})"
        assert told[1] == "  Everything is simulated: house, sky, units and meter."
        url = told[2].removeprefix("  cellar: PowerFlex 2000 with 2 battery modules, ")
        meter = told[4].removeprefix("  meter: P1 reader, ")
        assert told[5] == (
            "  its time: 2026-01-15 00:00 UTC, 600 times as fast as real time; 28 min 48 s of it will take 3 s, "
            "then life goes on without events"
        )
        assert told[6] == "  Two lines of a paragraph."
        assert told[7] == f"  try: indevolt get {url.removeprefix('http://')}"
        assert ask(url + READ).keys() == {"6002"}
        assert ask(meter)["total_act_power"] >= 0
        after = [line(process) for _ in range(3)]
        code, _, err = stop(process)
    assert (code, err) == (130, "")
    unit, reader, happening = sorted(after, key=lambda each: ("set " in each, "P1." in each))
    assert unit.startswith("01-15 00:")
    assert " cellar " in unit
    assert unit.endswith("Indevolt.GetData  battery_soc")
    assert " meter " in reader
    assert happening == "01-15 00:10:00  attic   set backup_soc = 33"


def test_units_and_meter_agree_at_600_times_the_speed(short: Path, indevolt: Program) -> None:
    short.write_text(SHORT.replace("load = 900", "load = 6000"))
    with simulate("--scenario", str(short), "--speed", "600", "--quiet", "--json") as process:
        told = json.loads(line(process))
        assert (told["event"], told["virtual"], told["speed"], told["title"]) == ("started", True, 600, "A short night")
        cellar, attic = [unit["url"].removeprefix("http://") for unit in told["units"]]
        read = [indevolt("get", unit, "meter_power", "ac_power", "--json").json["values"] for unit in (cellar, attic)]
        measured = ask(told["meter"]["url"] + "/rpc/P1.JsonData")["total_act_power"]
        assert stop(process) == (130, "", ""), "quiet, although it was asked"
    assert measured == pytest.approx(6000 - sum(each["ac_power"]["value"] for each in read), abs=2)
    assert [each["meter_power"]["value"] for each in read] == [pytest.approx(measured, abs=2)] * 2


def test_lines_for_programs_say_what_they_are(short: Path) -> None:
    with simulate("--scenario", str(short), "--speed", "600", "--json") as process:
        told = json.loads(line(process))
        assert [(unit["name"], unit["model"], unit["modules"]) for unit in told["units"]] == [
            ("cellar", "powerflex2000", 2),
            ("attic", "solidflex2000", 2),
        ]
        ask(told["units"][1]["url"] + READ)
        lines = [json.loads(line(process)) for _ in range(2)]
    by_event = {each["event"]: each for each in lines}
    assert by_event["answered"]["unit"] == "attic"
    assert by_event["answered"]["points"] == [6002]
    assert by_event["answered"]["home_at"].startswith("2026-01-15T00:")
    happened = {"event": "happened", "home_at": "2026-01-15T00:10:00+00:00", "unit": "attic", "text": "set backup_soc = 33"}
    assert by_event["happened"] == happened


def test_https_of_a_unit_gets_a_certificate(short: Path, indevolt: Program) -> None:
    short.write_text(SHORT.replace('name = "cellar"', 'name = "cellar"\napi = "https"'))
    with simulate("--scenario", str(short), "--json", "--quiet") as process:
        told = json.loads(line(process))
        secure, plain = [unit["url"] for unit in told["units"]]
        ran = indevolt("get", secure, "battery_soc", "--fingerprint", told["fingerprint"], "--json")
        assert ran.json["values"]["battery_soc"]["value"] == pytest.approx(50, abs=1)
        assert plain.startswith("http://")
        assert ask(plain + READ)


def test_a_single_device_has_its_own_time_too() -> None:
    words = ["--speed", "3600", "--start", "2026-06-21T03:00+02:00", "--json", "--quiet"]
    with simulate(*words) as process:
        told = json.loads(line(process))
        assert told["speed"] == 3600
        assert told["its_time"].startswith("2026-06-21T01:")
        shown = ask(told["url"] + "/rpc/Sys.GetConfig")["device"]["time"]
        assert shown.startswith("2026-06-2")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
def test_a_fleet_can_be_a_mix() -> None:
    words = ["--fleet", "40", "--model", "bk1600", "--model", "solidflex2000", "--seed", "3", "--speed", "60", "--json", "--quiet"]
    with simulate(*words) as process:
        told = json.loads(line(process))
        assert (told["devices"], told["models"], told["seed"]) == (40, ["bk1600", "solidflex2000"], 3)
        kinds = set()
        for number in range(1, 11):
            with suppress(urllib.error.HTTPError):
                kinds.add(ask(f"http://127.1.0.{number}:{told['port']}/rpc/Sys.GetConfig")["device"]["type"])
        assert len(kinds) == 2


# ---- the guide -----------------------------------------------------------------------------------------------------------


def test_the_commands_of_the_guide_are_understood(indevolt: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "scenarios.md").read_text("utf-8")
    commands = [each.partition("#")[0].strip() for each in guide.splitlines() if each.startswith("$ indevolt simulate")]
    assert len(commands) >= 4
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(SHORT)
    for command in commands:
        words = shlex.split(command.removeprefix("$ indevolt ").partition(">")[0])
        if "--report" in words or "--list" in words or "--print" in words:
            assert indevolt(*words).code == 0, command
        else:
            with simulate(*words[1:]) as process:
                assert "(scenario " in line(process), command
    assert Path("day.html").read_text("utf-8").endswith("</html>\n")
