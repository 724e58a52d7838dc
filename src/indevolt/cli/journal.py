"""`indevolt journal`: what happened to devices and hub, who did what and why; from a running hub, or from its file if none runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from rich.text import Text

from indevolt.cli.ask import HubAt, events, hub_options
from indevolt.cli.options import json_option, span_of
from indevolt.cli.page import Subcommand
from indevolt.cli.screen import hanging, print_json, print_json_line, screen
from indevolt.cli.session import environment
from indevolt.errors import InvalidInput, Unreachable

if TYPE_CHECKING:
    from indevolt.store import Store

KINDS: Final = ("hub", "connection", "firmware", "write", "decision", "alert", "store")


@click.command(
    "journal",
    cls=Subcommand,
    examples=[
        "indevolt journal",
        "indevolt journal --kind decision --kind write --device cellar --since 2h",
        "indevolt journal --follow --json",
    ],
)
@click.option("--device", metavar="NAME", help="Only of this device.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Only of this kind; may be given several times.")
@click.option("--since", metavar="WHEN", help="Only from then on: 30m, 2h, 3d, or a time like 2026-06-21T10:00+02:00.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, metavar="N", help="The newest so many.")
@click.option("--follow", is_flag=True, help="Go on with what happens from now on, until Ctrl-C.")
@hub_options
@json_option
def journal_command(
    hub: HubAt,
    *,
    device: str | None,
    kinds: Sequence[str],
    since: str | None,
    limit: int,
    follow: bool,
    as_json: bool,
) -> None:
    """Tell what happened: connections, writes with their outcome, decisions with their reasons, alerts.

    The running hub is asked. Where none answers, the journal is read from the file that its configuration names.
    """
    start = _moment(since, environment().clock.now()) if since else None
    asked = {"device": device, "kind": list(kinds), "start": start.isoformat() if start else None}
    heard = ""
    try:
        if follow:
            heard = hub.get("summary")["last_event_id"]  # before it is looked at: what happens meanwhile is told again
        entries = hub.get("journal", order="newest", limit=limit, **asked)["entries"]
    except Unreachable:
        if follow or hub.chosen:
            raise
        entries = asyncio.run(_entries(_kept_by(hub.file), device, kinds, start, limit))
    if as_json and not follow:
        print_json({"entries": entries[::-1]})
        return
    for entry in entries[::-1]:
        _show(entry, as_json=as_json)
    shown = max((entry["number"] for entry in entries), default=0)
    for entry in _coming(hub, device, kinds, heard) if follow else ():
        if entry["number"] > shown:
            _show(entry, as_json=as_json)


def _coming(hub: HubAt, device: str | None, kinds: Sequence[str], after: str) -> Iterator[Mapping[str, Any]]:
    """Yield what happens after an event.

    Raises:
        IndevoltError: the hub ends, however it does; silence means that nothing happens.
    """
    for kind, entry in events(hub, after=after, kind="journal", devices=device):
        if kind == "journal" and (not kinds or entry["kind"] in kinds):
            yield entry
    raise Unreachable(
        f"the hub at {hub.url} ended", remedy="Follow it again once it runs; the journal has what happened meanwhile."
    )


def _kept_by(file: Path | None) -> Store:
    """Return the store of a hub that does not run.

    Raises:
        Unreachable: it has never kept anything.
    """
    try:
        from indevolt.hub.app import open_store
        from indevolt.hub.config_file import find, load
    except ModuleNotFoundError as error:
        raise InvalidInput(f"the hub needs {error.name}", remedy='pip install "indevolt[hub]"') from error
    store = open_store(load(find(file)), environment().clock)
    path: Path | None = getattr(store, "path", None)  # of a store that is a file
    if path is not None and not path.exists():  # opening would begin one
        raise Unreachable(
            f"the hub does not run, and there is no history in {path}",
            remedy="Start it with `indevolt hub`, or name the configuration of the hub that keeps it.",
        )
    return store


async def _entries(
    store: Store, device: str | None, kinds: Sequence[str], start: datetime | None, limit: int
) -> list[dict[str, Any]]:
    """Return the newest entries of a hub that does not run, the newest first."""
    await store.open(())
    try:
        found = await store.entries(kinds=kinds, device=device, start=start, newest_first=True, limit=limit)
    finally:
        await store.close()
    return [
        {
            "number": entry.number,
            "at": entry.at.isoformat(),
            "kind": entry.kind,
            "device": entry.device,
            "actor": entry.actor,
            "text": entry.text,
            "data": dict(entry.data),
        }
        for entry in found
    ]


def _show(entry: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json_line(entry)
        return
    console = screen()
    at = datetime.fromisoformat(entry["at"]).astimezone()
    who = "/".join(filter(None, (entry["device"], entry["actor"])))
    lead = Text(f"{at:%Y-%m-%d %H:%M:%S}  {entry['kind']:<10}  {who:<20}", style="dim")
    console.print(hanging(lead, entry["text"]), soft_wrap=not console.is_terminal)


def _moment(text: str, now: datetime) -> datetime:
    """Return what a time means: a span before now, or an instant.

    Raises:
        InvalidInput: neither.
    """
    try:
        if (span := span_of(text)) is not None:
            return now - span
        return datetime.fromisoformat(text).astimezone()  # what names no zone is by the clock of whoever types it
    except (ValueError, OverflowError):
        raise InvalidInput(
            f"--since: {text!r:.40} is no time", remedy="30m, 2h, 3d, or a time like 2026-06-21T10:00+02:00."
        ) from None
