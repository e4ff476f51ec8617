"""The options that choose runs, the same in every command that takes some."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from collect.cli import complete

Command = TypeVar("Command", bound=Callable[..., Any])

PREFIX = "filter_"
"""Before the names of the parameters, so that a command may have one of the same name."""
OPTIONS = (
    ("since", "WHEN", "Only runs begun on this date, at this moment or with this run, or later."),
    ("until", "WHEN", "Only runs begun by then; a date counts with all of its day."),
    ("plan", "NAME", "Only runs of this plan (a name or shell pattern)."),
    ("inventory", "NAME", "Only runs of this inventory (a name or shell pattern)."),
    ("cpu_model", "TEXT", "Only runs of a host with such a CPU (a part of its name or shell pattern)."),
    ("cell", "TEXT", "Only runs with such a cell (a part of its name or shell pattern)."),
    ("validity", "WORD", "Only runs that are valid, degraded, invalid or unreadable."),
    ("commit", "HASH", "Only runs by code of this commit (its first characters)."),
    ("tag", "TAG", "Only runs with this tag."),
)
COMPLETE = {
    "since": complete.run_ids,
    "until": complete.run_ids,
    "plan": complete.plans,
    "inventory": complete.inventories,
    "cell": complete.cells,
    "validity": complete.validities,
    "tag": complete.tags,
}
"""What the shell offers as a value."""


def filter_options(command: Command) -> Command:
    """Add the options; the command gets ``filters``, a collect.archive.filters.Filters. BenchError for a bad one."""

    @functools.wraps(command)
    def with_filters(*arguments: Any, **values: Any) -> Any:
        from collect.archive.filters import Filters

        said = {name: values.pop(f"{PREFIX}{name}") for name, _, _ in OPTIONS}
        indexed = not values.pop(f"{PREFIX}no_index")
        return command(*arguments, filters=Filters(**said, indexed=indexed), **values)

    added: Any = no_index_option(with_filters, f"{PREFIX}no_index")
    for name, metavar, text in reversed(OPTIONS):
        flag = f"--{name.replace('_', '-')}"
        offered = COMPLETE.get(name)
        added = click.option(flag, f"{PREFIX}{name}", metavar=metavar, help=text, shell_complete=offered)(added)
    wrapped: Command = added
    return wrapped


def no_index_option(command: Command, name: str = "no_index") -> Command:
    """Add ``--no-index``, which gives the same answer from the files alone."""
    text = "Read the runs' own files; slower, and the answer is the same."
    return click.option("--no-index", name, is_flag=True, help=text)(command)
