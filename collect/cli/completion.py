"""``collect completion``: what makes the shell complete commands, options, runs, cells, plans and tags."""

from __future__ import annotations

import click

from collect.cli.complete import VARIABLE


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes SHELL complete the words of this command at the Tab key.

    \b
    Examples:
      eval "$(collect completion bash)"
      collect completion zsh > ~/.zfunc/_collect
      collect completion fish > ~/.config/fish/completions/collect.fish
    """
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    assert made is not None, "click has a class for each of them"
    click.echo(made(context.find_root().command, {}, "collect", VARIABLE).source(), nl=False)
