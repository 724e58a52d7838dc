"""`indevolt completion`: the script that lets a shell ask this program for completions."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from indevolt.cli.page import Subcommand

_VARIABLE = "_INDEVOLT_COMPLETE"  # the one that click looks at when `indevolt` starts


@click.command(
    "completion",
    cls=Subcommand,
    examples=[
        "bash:  echo 'eval \"$(indevolt completion bash)\"' >> ~/.bashrc",
        "zsh:   echo 'eval \"$(indevolt completion zsh)\"' >> ~/.zshrc",
        "fish:  indevolt completion fish > ~/.config/fish/completions/indevolt.fish",
    ],
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion_command(context: click.Context, shell: str) -> None:
    """Print the completion script for a shell; commands, options, models, quantities and modes complete."""
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - the choices above are click's own
    root = context.find_root().command
    click.echo(kind(root, {}, "indevolt", _VARIABLE).source())
