"""`indevolt hub`: run the hub, check its configuration, copy its history, make tokens, try who is told.

The hub is an extra of its own, and slow to import, so nothing of it is imported before it is needed. What a configuration means
belongs to ``indevolt.hub``.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from rich.text import Text

from indevolt.cli.ending import INTERRUPTED
from indevolt.cli.hub_extra import the_hub_extra
from indevolt.cli.hub_init import init_command
from indevolt.cli.introduction import reachable
from indevolt.cli.options import json_option
from indevolt.cli.page import Subcommand
from indevolt.cli.screen import hanging, line, marks, print_json, print_json_line, screen, waiting
from indevolt.cli.session import environment, run
from indevolt.discovery import discover
from indevolt.errors import InvalidInput, NoReply
from indevolt.hub.tokens import Role, hash_token, make_token
from indevolt.tomltext import WrongToml

if TYPE_CHECKING:
    from indevolt.hub.config import Config
    from indevolt.hub.hub import Hub

_RUN: Final = "run"
_FILE: Final = click.Path(path_type=Path)
_TOPICS: Final = {
    "devices": "Devices",
    "writers": "Who may write",
    "listens": "Listens",
    "keeps": "Keeps",
    "sends": "Sends",
    "notes": "Think about",
}
_CONFIG: Final = "[CONFIG]"


class HubCommands(Subcommand, click.Group):
    """A group whose first command need not be named: `indevolt hub FILE` is `indevolt hub run FILE`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the name of that command in front, where no other is named."""
        is_completion = ctx.resilient_parsing and not args
        if not is_completion and (not args or args[0] not in {*self.commands, *ctx.help_option_names}):
            args = [_RUN, *args]
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, and then the commands, as groups do."""
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


@click.group(
    "hub",
    cls=HubCommands,
    subcommand_metavar="[CONFIG] | COMMAND ...",
    examples=[
        "indevolt hub init",
        "indevolt hub check",
        "indevolt hub",
        "indevolt hub token laptop --role control",
    ],
)
def hub_command() -> None:
    """Own the batteries of a home: read them politely, keep history, serve every other tool, and write only where allowed.

    CONFIG is a TOML file; else $INDEVOLT_CONFIG, ./indevolt.toml, ~/.config/indevolt/indevolt.toml, /etc/indevolt/indevolt.toml.
    Without any, the hub looks for devices, listens on this machine only, and only reads.
    """


# ---- run and check -------------------------------------------------------------------------------------------------------------


@hub_command.command(
    _RUN, cls=Subcommand, short_help="Run the hub.", examples=["indevolt hub run home.toml", "indevolt hub run --check home.toml"]
)
@click.argument("file", type=_FILE, required=False, metavar=_CONFIG)
@click.option("--check", is_flag=True, help="Only say what it will do, or what is wrong.")
@json_option
def run_command(file: Path | None, *, check: bool, as_json: bool) -> int:
    """Run the hub; `indevolt hub [CONFIG]` is the same.

    It tells on the standard error what happens, one line an event. Ctrl-C or SIGTERM ends it, within seconds.
    """
    if check:
        return _check(file, as_json=as_json)
    loaded = _load(file, as_json=as_json)
    if loaded is None:
        return InvalidInput.exit_code
    path, config = loaded
    with the_hub_extra():
        from indevolt.hub import logs
        from indevolt.hub.app import run_until_stopped
    logs.set_up(config.hub.log)
    given = environment()
    look = partial(discover, port=given.discovery_port, local_port=given.discovery_local_port, clock=given.clock)
    started = partial(_tell_start, path, as_json=as_json)
    stopped_by = run(run_until_stopped(config, clock=given.clock, started=started, look=look))
    return INTERRUPTED if stopped_by is signal.SIGINT else 0


def _tell_start(path: Path | None, hub: Hub, *, as_json: bool) -> None:
    """Say that the hub runs, where it listens, what it keeps, and what to try next."""
    with the_hub_extra():
        from indevolt.hub.config_plan import plan
    said, steps = plan(hub.config), list(_try_next(hub.config))
    topics = {"devices": said.devices, "listens": said.listens, "keeps": said.keeps, "sends": said.sends}
    if as_json:
        print_json_line({"running": True, "file": None if path is None else str(path), **topics, "next": steps})
        return
    console, count = screen(), len(hub.config.devices)
    what = f"{count} device{'' if count == 1 else 's'}" if count else "devices are looked for"
    console.print(line(f"{marks(console)[0]} the hub runs, {what}; Ctrl-C stops it", "bold"), soft_wrap=True)
    _tell_topics({name: list(sentences) for name, sentences in topics.items()})
    for step in steps:
        console.print(line(f"  next: {step}"), soft_wrap=True)


def _try_next(config: Config) -> Iterator[str]:
    api = config.api
    at = f"{'https' if api.tls else 'http'}://{reachable(api.host)}:{api.port}"
    token = ' -H "Authorization: Bearer TOKEN"' if api.tokens else ""
    if api.port:
        yield f"curl{token} {at}/api/v1/readings"
        yield f"curl -N{token} {at}/api/v1/events"
    if not config.devices:
        yield "indevolt hub init    writes a configuration to start from"
    elif config.notify.urls:
        yield "indevolt hub notify-test    sends everybody a test"
    else:
        yield "set urls under [notify], to be told when something breaks"


@hub_command.command(
    "check",
    cls=Subcommand,
    short_help="Say what it will do, or what is wrong.",
    examples=["indevolt hub check", "indevolt hub check home.toml --json"],
)
@click.argument("file", type=_FILE, required=False, metavar=_CONFIG)
@json_option
def check_command(file: Path | None, *, as_json: bool) -> int:
    """Say in plain words what a configuration will do, or every mistake in it. Nothing is started and nobody is asked.

    Exit code 2 where there is a mistake.
    """
    return _check(file, as_json=as_json)


def _check(file: Path | None, *, as_json: bool) -> int:
    loaded = _load(file, as_json=as_json)
    if loaded is None:
        return InvalidInput.exit_code
    path, config = loaded
    with the_hub_extra():
        from indevolt.hub.config_plan import plan
    topics = {name: list(said) for name, said in asdict(plan(config)).items()}
    topics["notes"] += _exposed(path)
    if as_json:
        shown = config.model_dump(mode="json", by_alias=True)
        print_json({"ok": True, "file": None if path is None else str(path), "plan": topics, "configuration": shown})
    else:
        _tell_plan(path, topics)
    return 0


def _load(file: Path | None, *, as_json: bool) -> tuple[Path | None, Config] | None:
    """Return the file that counts and what it says; None after its mistakes have been told, one on each line."""
    with the_hub_extra():
        from indevolt.hub.config_file import find, load
    path = find(file)
    try:
        return path, load(path)
    except WrongToml as wrong:
        _tell_mistakes(wrong, as_json=as_json)
        return None


def _tell_mistakes(wrong: WrongToml, *, as_json: bool) -> None:
    if as_json:
        mistakes = [asdict(mistake) for mistake in wrong.mistakes]
        print_json({"ok": False, "file": wrong.name, "mistakes": mistakes, "next": wrong.remedy})
        return
    errors = screen(stderr=True)
    for mistake in wrong.mistakes:
        errors.print(line(f"{wrong.name}, {mistake}", "red"), soft_wrap=True)
    count = len(wrong.mistakes)
    errors.print(line(f"{count} mistake{'s' if count > 1 else ''}. {wrong.remedy}"), soft_wrap=True)


def _exposed(path: Path | None) -> list[str]:
    """Return a note where other users of this machine can read secrets in a file."""
    if path is None or os.name != "posix" or not path.stat().st_mode & 0o077:
        return []
    with the_hub_extra():
        from indevolt.hub.config_file import bare_secrets
    bare = bare_secrets(path)
    return [f"other users of this machine may read {', '.join(bare)} in {path}: chmod 600 {path}"] if bare else []


def _tell_plan(path: Path | None, topics: dict[str, list[str]]) -> None:
    console = screen()
    good = marks(console)[0]
    what = f"{path} is in order; with it, the hub does this" if path else "no configuration file, so the hub does this by itself"
    console.print(line(f"{good} {what}", "bold"), soft_wrap=True)
    _tell_topics(topics)


def _tell_topics(topics: dict[str, list[str]]) -> None:
    console = screen()
    for name, title in _TOPICS.items():
        for position, sentence in enumerate(topics.get(name, ())):
            lead = Text(f"  {title if position == 0 else '':<15}", style="dim")
            console.print(hanging(lead, sentence, "yellow" if name == "notes" else ""), soft_wrap=not console.is_terminal)


# ---- backup --------------------------------------------------------------------------------------------------------------------


@hub_command.command(
    "backup",
    cls=Subcommand,
    short_help="Copy history, journal and state into a file.",
    examples=["indevolt hub backup /mnt/disk/indevolt.sqlite3", "indevolt hub backup copy.sqlite3 home.toml"],
)
@click.argument("target", type=_FILE, metavar="FILE")
@click.argument("file", type=_FILE, required=False, metavar=_CONFIG)
@json_option
def backup_command(target: Path, file: Path | None, *, as_json: bool) -> int:
    """Write a copy of history, journal and state that can be used in place of the original; the hub may run meanwhile.

    FILE must not exist yet. A PostgreSQL server has tools of its own for that.
    """
    loaded = _load(file, as_json=as_json)
    if loaded is None:
        return InvalidInput.exit_code
    with the_hub_extra():
        from indevolt.hub.app import open_store
    with waiting(f"copying into {target}", quiet=as_json):
        asyncio.run(open_store(loaded[1], environment().clock).backup(target))
    if as_json:
        print_json({"ok": True, "file": str(target), "bytes": target.stat().st_size})
    else:
        console = screen()
        console.print(line(f"{marks(console)[0]} {target}, {target.stat().st_size / 1e6:.1f} MB"), soft_wrap=True)
    return 0


# ---- notify-test ---------------------------------------------------------------------------------------------------------------


@hub_command.command(
    "notify-test",
    cls=Subcommand,
    short_help="Send a test to everybody who is told.",
    examples=["indevolt hub notify-test", "indevolt hub notify-test home.toml --json"],
)
@click.argument("file", type=_FILE, required=False, metavar=_CONFIG)
@json_option
def notify_test_command(file: Path | None, *, as_json: bool) -> int:
    """Send one message to every receiver of the configuration, and say who took it. No device is asked.

    Exit code 4 where one of them did not.
    """
    loaded = _load(file, as_json=as_json)
    if loaded is None:
        return InvalidInput.exit_code
    with the_hub_extra():
        from indevolt.hub.notify import tell_test
    with waiting("telling everybody", quiet=as_json):
        taken = asyncio.run(tell_test(loaded[1]))
    if as_json:
        print_json({"ok": all(taken.values()), "receivers": [{"name": name, "taken": took} for name, took in taken.items()]})
    else:
        console = screen()
        good, bad, _ = marks(console)
        for name, took in taken.items():
            console.print(line(f"{good if took else bad} {name}{'' if took else ' did not take it'}", "" if took else "red"))
    return 0 if all(taken.values()) else NoReply.exit_code


# ---- schema and token ----------------------------------------------------------------------------------------------------------


@hub_command.command(
    "schema",
    cls=Subcommand,
    short_help="Print the JSON schema of the configuration.",
    examples=["indevolt hub schema > indevolt.schema.json"],
)
def schema_command() -> None:
    """Print the JSON schema of the configuration, for editors that check and complete while one writes."""
    with the_hub_extra():
        from indevolt.hub.config_schema import schema
    print_json(schema())


@hub_command.command(
    "token",
    cls=Subcommand,
    short_help="Make a token that opens the API.",
    examples=["indevolt hub token laptop", "indevolt hub token phone --role control"],
)
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    default=Role.READ.value,
    show_default=True,
    help="read; control: settings and commands as well; admin: the hub itself as well.",
)
@json_option
def token_command(name: str, role: str, *, as_json: bool) -> None:
    """Make a token that opens the hub's API, show it once, and print what to put into the configuration for it.

    Only a hash goes there, so keep the token: nobody can show it again.
    """
    token = make_token(name)
    kept: dict[str, Any] = {"name": name, "role": role, "hash": hash_token(token)}
    with the_hub_extra():
        from indevolt.hub.config_file import load_text
        from indevolt.hub.config_text import spelled
        from indevolt.hub.secret import Origin
    lines = ["[[api.tokens]]", *(f"{key} = {spelled(value)}" for key, value in kept.items())]
    load_text("\n".join(lines), name="this token", origin=Origin())
    if as_json:
        print_json({"token": token, **kept})
        return
    click.echo(f"The token, shown this once:\n\n{token}\n\nFor the configuration:\n\n" + "\n".join(lines))


hub_command.add_command(init_command)
