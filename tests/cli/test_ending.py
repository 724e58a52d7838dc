"""The last line: however a run ends, there is one exit code, and people never meet a traceback that they did not ask for."""

from __future__ import annotations

import json

import click
import pytest

from indevolt.cli.ending import exit_codes, finish
from indevolt.errors import IndevoltError, Refused


def run(action: object, *, as_json: bool = False, debug: bool = False) -> int:
    def act() -> object:
        if isinstance(action, BaseException):
            raise action
        return action

    return finish(act, as_json=as_json, debug=debug)


@pytest.mark.parametrize(
    ("action", "code"),
    [(None, 0), (10, 10), (click.exceptions.Exit(3), 3), (click.Abort(), 130), (KeyboardInterrupt(), 130), (Refused("no"), 9)],
)
def test_every_way_to_end_has_its_code(action: object, code: int) -> None:
    assert run(action) == code


def test_a_defect_is_one_line_that_says_where_to_report_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ZeroDivisionError("division by zero")) == 1
    out, err = capsys.readouterr()
    assert out == ""
    first, second = err.splitlines()
    assert first == "error: unexpected ZeroDivisionError: division by zero"
    assert second.startswith("  next: This is a defect of the program. Please report it")


def test_debug_shows_where_the_defect_is(capsys: pytest.CaptureFixture[str]) -> None:
    run(ZeroDivisionError("division by zero"), debug=True)
    assert "Traceback" in capsys.readouterr().err


def test_an_error_is_json_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    run(Refused("the device said no"), as_json=True)
    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out) == {
        "error": {
            "kind": "Refused",
            "message": "the device said no",
            "next": Refused.default_remedy,
            "exit_code": 9,
            "transient": False,
        }
    }


def test_what_an_error_quotes_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    run(IndevoltError("it said \x1b[2J\nerror: all is well"))
    (line,) = capsys.readouterr().err.splitlines()
    assert "\x1b" not in line


def test_every_code_has_one_meaning() -> None:
    codes = [code for code, _ in exit_codes()]
    assert codes == sorted(set(codes))
    assert all(meaning.endswith(".") for _, meaning in exit_codes())
