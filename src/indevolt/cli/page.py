"""What the help page of a command looks like: its options, apart from them how to reach the device, and examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click


class ConnectionOption(click.Option):
    """An option that says how to reach a device; it has its own section on the page."""


class Subcommand(click.Command):
    """A command whose page ends with examples.

    Args:
        examples: command lines, or ``shell: command line``; shown as they are.
        rest: as for :class:`click.Command`.
    """

    def __init__(self, *args: Any, examples: Sequence[str] = (), **rest: Any) -> None:  # noqa: ANN401 - click's own signature
        super().__init__(*args, **rest)
        self.examples = tuple(examples)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options in two sections."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": [], "Connection": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                sections["Connection" if isinstance(parameter, ConnectionOption) else "Options"].append(record)
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples and what else the command has to say."""
        write_examples(formatter, self.examples)
        super().format_epilog(ctx, formatter)


def write_examples(formatter: click.HelpFormatter, examples: Sequence[str]) -> None:
    """Write examples, never wrapped: they are to be copied."""
    if examples:
        with formatter.section("Examples"):
            for example in examples:
                formatter.write(f"{'':{formatter.current_indent}}{example}\n")
