"""How values look to people."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest

from indevolt.battery import Value
from indevolt.cli.ending import printable
from indevolt.cli.render import duration_text, phrase, plain


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (5380, "Wh", "5.38 kWh"),
        (430, "Wh", "430 Wh"),
        (0, "Wh", "0 Wh"),
        (-800, "W", "-800 W"),
        (2400, "W", "2400 W"),
        (10800, "W", "10.8 kW"),
        (40.1, "%", "40.1 %"),
        (100.0, "%", "100 %"),
        (51.2, "V", "51.2 V"),
        (0.1 + 0.2, "A", "0.3 A"),
        (True, "", "on"),
        (False, "", "off"),
        (None, "W", "–"),
        ("self_use", "", "self_use"),
        (time(22, 30), "", "22:30"),
        (datetime(2026, 6, 21, 10, 0, tzinfo=UTC), "", "2026-06-21 10:00:00 UTC"),
        (9540, "s", "2 h 39 min"),
    ],
)
def test_a_value_reads_well(value: Value | None, unit: str, text: str) -> None:
    assert phrase(value, unit) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.6, "1 min"), (90, "1 min 30 s"), (3600, "1 h 00 min"), (273_600, "3 d 4 h")]
)
def test_a_duration_is_said_as_people_do(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_json_keeps_what_was_read() -> None:
    assert plain(5380) == 5380
    assert plain(None) is None
    assert plain(time(22, 30)) == "22:30:00"


def test_control_characters_are_made_harmless() -> None:
    assert printable("a\x1b[31mb\nc") == "a\N{REPLACEMENT CHARACTER}[31mb\N{REPLACEMENT CHARACTER}c"
