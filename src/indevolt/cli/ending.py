"""How a command ends: its exit code, and what it says when it fails. The one broad ``except`` of the program is here.

What each error means, its remedy and its exit code belong to ``indevolt.errors``; this only says it.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
import textwrap
import traceback
from collections.abc import Callable, Iterable
from typing import Final

import click

from indevolt.errors import IndevoltError, InvalidInput
from indevolt.tomltext import WrongToml

UNEXPECTED: Final = 1
INTERRUPTED: Final = 130  # 128 + SIGINT, as shells count
BROKEN_PIPE: Final = 141  # 128 + SIGPIPE: whoever read our output has left
UNWRITABLE: Final = 74  # EX_IOERR of sysexits.h
_NO_ROOM: Final = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO))
_LEAST_WIDTH: Final = 40  # columns; wrapping into less reads worse than what the terminal does by itself
REPORT_TO: Final = "the issue tracker of indevolt"


class ReaderLeft(Exception):
    """Whoever read our output closed it. No error of the family, because nobody is left to be told."""


def exit_codes() -> tuple[tuple[int, str], ...]:
    """Return every exit code and what it means, in order; those of errors come from the error family itself."""
    meanings = {
        0: "Done, and where something was written: the device itself shows it.",
        UNEXPECTED: "A defect of this program; --debug shows where.",
        INTERRUPTED: "Stopped with Ctrl-C.",
        BROKEN_PIPE: "Whoever read the output closed it.",
        UNWRITABLE: "The output could not be written: a full disk, say.",
    }
    for kind in _family(IndevoltError):
        if kind.exit_code not in meanings:
            meanings[kind.exit_code] = (kind.__doc__ or "").partition(".")[0].replace("``", "") + "."
    return tuple(sorted(meanings.items()))


def finish(run: Callable[[], object], *, as_json: bool, debug: bool) -> int:
    """Run a command and return its exit code, whatever happens; failures are told in one or two lines."""
    try:
        result = run()
        sys.stdout.flush()
    except click.exceptions.Exit as wanted:
        return wanted.exit_code
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except (click.ClickException, IndevoltError) as error:
        if debug:
            traceback.print_exc()
        return _report(error if isinstance(error, IndevoltError) else _as_input_error(error), as_json=as_json)
    except (ReaderLeft, BrokenPipeError):
        _abandon_output()
        return BROKEN_PIPE
    except OSError as error:
        if error.errno not in _NO_ROOM:
            return _report_defect(error, as_json=as_json, debug=debug)
        _abandon_output()
        _say("error: ", f"the output cannot be written: {error.strerror}")
        return UNWRITABLE
    except Exception as error:  # noqa: BLE001 - the last line: a person never sees a traceback that was not asked for
        return _report_defect(error, as_json=as_json, debug=debug)
    return result if isinstance(result, int) else 0


def _abandon_output() -> None:
    """Let later flushes, at the latest the interpreter's own, not fail again (Python docs, signal: note on SIGPIPE)."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def error_record(error: IndevoltError) -> dict[str, object]:
    """Return an error as ``--json`` prints it."""
    return {
        "kind": type(error).__name__,
        "message": str(error),
        "next": error.remedy,
        "exit_code": error.exit_code,
        "transient": error.transient,
    }


def printable(text: str) -> str:
    """Return a text without control characters: what a device or a user sent must not steer the terminal."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _report(error: IndevoltError, *, as_json: bool) -> int:
    if as_json:
        click.echo(json.dumps({"error": error_record(error)}, ensure_ascii=False))
    else:
        for facts in [f"{error.name}, {each}" for each in error.mistakes] if isinstance(error, WrongToml) else [str(error)]:
            _say("error: ", facts)
        if error.remedy:
            _say("  next: ", error.remedy)
    return error.exit_code


def _report_defect(error: Exception, *, as_json: bool, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    told = IndevoltError(
        f"unexpected {type(error).__name__}: {error}",
        remedy=f"This is a defect of the program. Please report it to {REPORT_TO}, with what `indevolt --debug ...` prints.",
    )
    return _report(told, as_json=as_json)


def _as_input_error(error: click.ClickException) -> InvalidInput:
    """Return what click says about wrong usage as an error of the family; both mean exit code 2."""
    facts = error.format_message().replace("\n", " ").strip()
    context = error.ctx if isinstance(error, click.UsageError) else None
    remedy = f"`{context.command_path} --help` shows how." if context is not None else ""
    return InvalidInput(facts[:1].lower() + facts[1:].removesuffix("."), remedy=remedy)


def _say(lead: str, text: str) -> None:
    """Write one line to stderr, wrapped behind its lead where a person reads it on a terminal."""
    line = lead + printable(text)
    if sys.stderr.isatty():
        width = max(shutil.get_terminal_size().columns, _LEAST_WIDTH)
        line = textwrap.fill(line, width, subsequent_indent=" " * len(lead), break_long_words=False, break_on_hyphens=False)
    click.echo(line, err=True)


def _family(kind: type[IndevoltError]) -> Iterable[type[IndevoltError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _family(child)
