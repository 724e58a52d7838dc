"""`indevolt completion`: the script that lets a shell ask this program for completions."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

from indevolt.cli.page import Subcommand

_SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
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
@click.argument("shell", type=click.Choice(list(_SHELLS)))
@click.pass_context
def completion_command(context: click.Context, shell: str) -> None:
    """Print the completion script for a shell; commands, options, models, quantities and modes complete."""
    root = context.find_root().command
    click.echo(_SHELLS[shell](root, {}, "indevolt", _VARIABLE).source())
