"""Telling people of alerts: through Apprise to a real receiver, once, again when it is away, and never with a secret."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from kept_house import NAME, Receiver, a_hub, at_work, receiver

from indevolt.clock import ManualClock
from indevolt.errors import InvalidInput
from indevolt.hub.alerts import CALM_S, What
from indevolt.hub.config import Config, NotifyConfig, SiteConfig, StoreConfig
from indevolt.hub.hub import Hub
from indevolt.hub.notify import BURST_S, FIRST_PAUSE_S, MOST_LINES, QUIET_S, TRIES, receivers, serve_notifications, tell_test
from indevolt.hub.secret import Secret

# Apprise loads its plugins when it is first used, and one of them imports this module of old.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


def told_by(*urls: str, clock: ManualClock | None = None) -> Hub:
    notify = NotifyConfig(urls=tuple(map(Secret, urls)))
    site = SiteConfig(name="Lindenhof")
    return a_hub(Config(site=site, store=StoreConfig(kind="memory"), notify=notify), clock or ManualClock())


def clock_of(hub: Hub) -> ManualClock:
    assert isinstance(hub.clock, ManualClock)
    return hub.clock


async def ready(hub: Hub) -> None:
    """Wait until the hub listens for alerts to tell."""
    await clock_of(hub).advance(0)
    for thread in threading.enumerate():
        if thread.name == "notification":
            await asyncio.to_thread(thread.join, 60)  # all plugins are loaded
    await clock_of(hub).advance(0)


async def asked(phone: Receiver, times: int) -> None:
    """Let a message arrive, and its sender hear the answer."""
    await phone.until(lambda: phone.asked >= times)
    for thread in threading.enumerate():
        if thread.name == "notification":
            await asyncio.to_thread(thread.join, 20)  # the sender hears the answer


async def test_an_alert_is_told_when_it_begins_and_when_it_is_over() -> None:
    async with receiver() as phone:
        hub = told_by(phone.url)
        async with at_work(serve_notifications(hub)):
            await ready(hub)
            await hub.alerts.begin(What.FROZEN, "repeats itself", device=NAME)
            await clock_of(hub).advance(BURST_S)
            await asked(phone, 1)
            await hub.alerts.end(What.FROZEN, device=NAME)
            await clock_of(hub).advance(CALM_S)
            await hub.alerts.end(What.FROZEN, device=NAME)
            await clock_of(hub).advance(QUIET_S + BURST_S)
            await asked(phone, 2)
    assert phone.titles() == ["Lindenhof: frozen", "Lindenhof: frozen is over"]
    assert [message["message"] for message in phone.messages] == ["cellar: repeats itself", "cellar: over: repeats itself"]
    assert [message["type"] for message in phone.messages] == ["warning", "success"]


async def test_a_receiver_that_is_away_is_told_later_and_once() -> None:
    async with receiver() as phone:
        hub = told_by(phone.url)
        phone.refuse = 2
        async with at_work(serve_notifications(hub)):
            await ready(hub)
            await hub.alerts.begin(What.STORE, "history: disk is full")
            await clock_of(hub).advance(BURST_S)
            await asked(phone, 1)
            await clock_of(hub).advance(FIRST_PAUSE_S)
            await asked(phone, 2)
            await clock_of(hub).advance(2 * FIRST_PAUSE_S)
            await asked(phone, 3)
            await clock_of(hub).advance(600)
            assert phone.asked == 3
    assert phone.titles() == ["Lindenhof: store"]


async def test_one_that_stays_away_is_given_up_and_the_journal_says_so() -> None:
    async with receiver() as phone:
        hub = told_by(phone.url)
        phone.refuse = 1000
        async with at_work(serve_notifications(hub)):
            await ready(hub)
            await hub.alerts.begin(What.STORE, "history: disk is full")
            await clock_of(hub).advance(BURST_S)
            for attempt in range(1, TRIES + 1):
                await asked(phone, attempt)
                await clock_of(hub).advance(100)
            texts = [entry.text for entry in await hub.store.entries(kinds=["hub"])]
        assert texts == ["notify.urls[1] (json) could not be told of: store"]
        assert phone.asked == TRIES


async def test_one_that_is_away_does_not_keep_others_waiting_or_told_twice() -> None:
    async with receiver() as away, receiver() as phone:
        away.refuse = 1000
        hub = told_by(away.url, phone.url)
        async with at_work(serve_notifications(hub)):
            await ready(hub)
            for what in (What.STORE, What.CLOCK):
                await hub.alerts.begin(what, "text")
                await clock_of(hub).advance(BURST_S)
                await phone.until(lambda: len(phone.messages) >= len(hub.alerts.active))
                await asked(away, 1)
                await clock_of(hub).advance(QUIET_S)
            await asked(away, 2)
    assert phone.titles() == ["Lindenhof: store", "Lindenhof: clock"]


async def test_a_storm_is_one_message() -> None:
    async with receiver() as phone:
        hub = told_by(phone.url)
        async with at_work(serve_notifications(hub)):
            await ready(hub)
            for number in range(150):
                await hub.alerts.begin(What.SILENT, "has not answered", device=f"battery{number}")
            await clock_of(hub).advance(BURST_S)
            await asked(phone, 1)
            await clock_of(hub).advance(600)
    (message,) = phone.messages
    assert message["title"] == "Lindenhof: silent and 149 more"
    lines = message["message"].splitlines()
    assert (lines[0], len(lines)) == ("battery0: has not answered", MOST_LINES + 1)
    assert lines[-1] == f"and {150 - MOST_LINES} more; the journal has them all"


async def test_what_comes_soon_after_a_message_is_told_together() -> None:
    async with receiver() as phone:
        hub = told_by(phone.url)
        async with at_work(serve_notifications(hub)):
            await ready(hub)
            await hub.alerts.begin(What.SILENT, "has not answered", device=NAME)
            await clock_of(hub).advance(BURST_S)
            await asked(phone, 1)
            for what in (What.STORE, What.CLOCK, What.SERVICE):
                await hub.alerts.begin(what, "text")
                await clock_of(hub).advance(QUIET_S / 4)
            assert phone.asked == 1
            await clock_of(hub).advance(QUIET_S)
            await asked(phone, 2)
    assert phone.titles() == ["Lindenhof: silent", "Lindenhof: store and 2 more"]


async def test_a_receiver_that_never_answers_holds_up_nobodys_end() -> None:
    async with receiver() as phone:
        phone.hang = True
        hub = told_by(phone.url)
        async with at_work(serve_notifications(hub)):
            await ready(hub)
            await hub.alerts.begin(What.STORE, "history: disk is full")
            await clock_of(hub).advance(BURST_S)
            await phone.until(lambda: phone.asked == 1)
        assert all(thread.daemon for thread in threading.enumerate() if thread.name == "notification")


def test_a_url_that_nobody_knows_is_named_by_its_place_and_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        receivers([Secret("json://127.0.0.1/"), Secret("nonsense://user:geheim@host")])
    assert str(caught.value) == "notify.urls[2] (nonsense) is no receiver that Apprise knows"
    assert "geheim" not in str(caught.value.remedy) + capsys.readouterr().err


async def test_a_test_says_who_took_it() -> None:
    async with receiver() as phone, receiver() as away:
        away.refuse = 1
        taken = await tell_test(told_by(phone.url, away.url).config)
    assert taken == {"notify.urls[1] (json)": True, "notify.urls[2] (json)": False}
    assert phone.titles() == ["Lindenhof: a test"]
    with pytest.raises(InvalidInput, match="names no receiver"):
        await tell_test(Config())


# ---- the command ---------------------------------------------------------------------------------------------------------------

PROGRAM = """
import sys
from indevolt.cli.ending import finish
from indevolt.cli.hub import hub_command
sys.exit(finish(lambda: hub_command.main(sys.argv[1:], standalone_mode=False), as_json="--json" in sys.argv, debug=False))
"""


async def notify_test(*words: str, folder: Path) -> tuple[int, str, str]:
    environ = {**os.environ, "XDG_CONFIG_HOME": str(folder), "INDEVOLT_CONFIG": "", "HOME": str(folder), "COLUMNS": "200"}
    ran = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        "notify-test",
        *words,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
    )
    out, err = await ran.communicate()
    assert ran.returncode is not None
    return ran.returncode, out.decode(), err.decode()


async def test_the_command_says_which_receiver_failed_and_prints_no_secret(tmp_path: Path) -> None:
    async with receiver() as phone:
        file = tmp_path / "home.toml"
        away = "json://anna:geheim@127.0.0.1:9/hub"
        file.write_text(f'notify.urls = ["{phone.url}", "{away}"]\n')
        file.chmod(0o600)
        code, out, err = await notify_test(str(file), folder=tmp_path)
        assert code == 4
        assert out.splitlines() == ["✓ notify.urls[1] (json)", "✗ notify.urls[2] (json) did not take it"]
        assert "geheim" not in out + err
        file.write_text(f'notify.urls = ["{phone.url}"]\n')
        code, out, err = await notify_test(str(file), "--json", folder=tmp_path)
        assert (code, err) == (0, "")
        assert '"ok": true' in out
    assert len(phone.messages) == 2


async def test_the_command_without_a_receiver_says_how_to_name_one(tmp_path: Path) -> None:
    code, _, err = await notify_test(folder=tmp_path)
    assert code == 2
    assert err.splitlines()[0] == "error: the configuration names no receiver"
