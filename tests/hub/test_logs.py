"""What the hub tells on its standard error: a line an event, for people or for programs."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

import pytest
from kept_house import a_hub, at_work

from indevolt.clock import ManualClock
from indevolt.hub.alerts import What
from indevolt.hub.config import Config, DeviceConfig, LogConfig
from indevolt.hub.journal import Kind
from indevolt.hub.logs import LOGGER, serve_log, set_up
from indevolt.hub.secret import Secret


@contextmanager
def told(level: str = "info", *, as_json: bool = False) -> Iterator[list[str]]:
    """Give the lines that were told meanwhile; afterwards the logger is as it was."""
    before = LOGGER.handlers[:], LOGGER.level, LOGGER.propagate
    lines: list[str] = []
    sink = io.StringIO()
    with redirect_stderr(sink):
        set_up(LogConfig.model_validate({"level": level, "json": as_json}))
        try:
            yield lines
        finally:
            lines += sink.getvalue().splitlines()
            LOGGER.handlers[:], LOGGER.level, LOGGER.propagate = before


def test_a_line_for_people_has_time_level_device_and_text() -> None:
    with told() as lines:
        LOGGER.warning("does not answer", extra={"device": "cellar"})
        LOGGER.info("started")
    first, second = lines
    assert first[19:] == "Z warning cellar: does not answer"
    assert second[19:] == "Z info    started"


def test_a_line_for_programs_is_one_document() -> None:
    with told(as_json=True) as lines:
        LOGGER.info("two\nlines", extra={"device": "cellar", "actor": "anna", "kind": "write"})
    (line,) = lines
    document = json.loads(line)
    assert document.pop("at").endswith("+00:00")
    assert document == {"level": "info", "text": "two\nlines", "device": "cellar", "actor": "anna", "kind": "write"}


@pytest.mark.parametrize("as_json", [False, True])
def test_a_failure_of_ours_has_its_trace(as_json: bool) -> None:
    with told(as_json=as_json) as lines:
        LOGGER.warning("mqtt failed", exc_info=ValueError("a defect"))
    assert "ValueError: a defect" in "\n".join(lines)
    assert as_json is (len(lines) == 1)


def test_what_a_device_says_cannot_pretend_to_be_another_line() -> None:
    with told() as lines:
        LOGGER.info("serial number 38\n2026-01-01 00:00:00Z error   all is lost\x1b[31m")
    (line,) = lines
    assert "\x1b" not in line


@pytest.mark.parametrize(("level", "count"), [("debug", 3), ("info", 2), ("warning", 1), ("error", 0)])
def test_what_is_less_serious_than_asked_for_is_not_told(level: str, count: int) -> None:
    with told(level) as lines:
        for each in (logging.DEBUG, logging.INFO, logging.WARNING):
            LOGGER.log(each, "text")
    assert len(lines) == count


async def test_every_entry_of_the_journal_is_told_and_troubles_are_warnings() -> None:
    clock = ManualClock()
    hub = a_hub(Config(), clock)
    with told() as lines:
        async with at_work(serve_log(hub)):
            await clock.advance(0)
            await hub.journal.note(Kind.CONNECTION, "answers 100% of the time", device="cellar")
            await hub.alerts.begin(What.FROZEN, "repeats itself", device="cellar")
            await hub.journal.note(Kind.STORE, "the file was damaged")
            await clock.advance(0)
    assert [line[21:] for line in lines] == [
        "info    cellar: answers 100% of the time",
        "warning cellar: repeats itself",
        "warning the file was damaged",
    ]


async def test_the_end_of_an_alert_is_no_warning() -> None:
    clock = ManualClock()
    hub = a_hub(Config(), clock)
    with told() as lines:
        async with at_work(serve_log(hub)):
            await clock.advance(0)
            await hub.alerts.begin(What.FROZEN, "repeats itself", device="cellar")
            for _ in range(2):
                await hub.alerts.end(What.FROZEN, device="cellar")
                await clock.advance(100)
    assert [line[21:28] for line in lines] == ["warning", "info   "]


def test_a_password_is_not_told_even_by_a_line_about_all_of_the_configuration() -> None:
    device = DeviceConfig(name="cellar", host="192.168.1.50", password=Secret("geheim"))
    with told() as lines:
        LOGGER.info("%s %r", Config(devices=(device,)), device)
    assert "192.168.1.50" in lines[0]
    assert "geheim" not in lines[0]
