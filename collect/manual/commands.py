"""The help of every command, as ``collect … --help`` prints it."""

from __future__ import annotations

from collections.abc import Iterator

import click

from collect.manual.markdown import table

WIDTH = 100
SHORT = 200
"""Characters of what a command does in one line."""


def commands(command: click.Command | None = None) -> list[str]:
    """Return a table of all commands, then the help of each; of ``collect`` where no other is given."""
    if command is None:
        from collect.cli import collect

        command = collect
    found = list(_contexts(root(command)))
    rows = [(f"[`{each.command_path}`](#{anchor(each)})", each.command.get_short_help_str(SHORT)) for each in found]
    lines = table(("command", "what it does"), rows)
    for each in found:
        said = [line.rstrip() for line in each.get_help().splitlines()]
        lines += ["", f"## {each.command_path}", "", "```text", *said, "```"]
    return lines


def root(command: click.Command) -> click.Context:
    """Return the context of a command that is called by its name, at a width that no terminal has a say in."""
    return click.Context(
        command, info_name=command.name, terminal_width=WIDTH, max_content_width=WIDTH, **command.context_settings
    )


def anchor(context: click.Context) -> str:
    """Return what a link to a command's heading ends in."""
    return context.command_path.replace(" ", "-")


def _contexts(context: click.Context) -> Iterator[click.Context]:
    """Give a command's context and those of all below it, in the order of their list; hidden ones are left out."""
    yield context
    command = context.command
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            each = command.get_command(context, name)
            if each is not None and not each.hidden:
                yield from _contexts(click.Context(each, parent=context, info_name=name, **each.context_settings))
