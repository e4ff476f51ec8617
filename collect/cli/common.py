"""What the commands share: where the archive is, and how to print."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, TypeVar

import click

from collect.paths import default_archive_dir

Command = TypeVar("Command", bound=Callable[..., Any])
WHOLE = 24
"""Characters of a cell, such as a run's id, up to which a terminal's table does not break it while it has room."""
BETWEEN = 3
"""Characters between two columns."""
LINES_AT_A_TIME = 1000
"""That are written into a pipe: each write is brought to it at once."""
_ODD = re.compile(r"[^\x20-\x7e\n]")


def archive_option(command: Command) -> Command:
    """Add ``--archive DIR``."""
    return click.option(
        "--archive",
        "--archive-dir",
        "archive_dir",
        type=click.Path(path_type=Path),
        default=default_archive_dir,
        show_default="BENCH_ARCHIVE, else archive/ of the checkout",
        metavar="DIR",
        help="The archive.",
    )(command)


def precision_options(command: Command) -> Command:
    """Add ``--precision`` and ``--time-limit-min`` (see collect/precision.py)."""
    wanted = "Measure until each ratio is known to this half-width of its logarithm (0.01: 1 %)."
    limit = "With a precision: minutes of measuring after which it ends, precise or not (60)."
    command = click.option("--time-limit-min", type=float, help=limit)(command)
    return click.option("--precision", type=float, help=wanted)(command)


def json_option(command: Command) -> Command:
    """Add ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(command)


def outcome_option(command: Command) -> Command:
    """Add ``--by``: the figure that the verdict is on."""
    return click.option(
        "--by",
        type=click.Choice(["rps", "cpu"]),
        default="rps",
        show_default=True,
        help="What the verdict is on: requests per second, or CPU seconds of the app per request.",
    )(command)


def despite_option(command: Command, parameter: str = "despite") -> Command:
    """Add ``--despite``; its value is a tuple of names (collect/data/comparable.yml)."""
    return click.option(
        "--despite",
        parameter,
        callback=_names,
        metavar="NAME[,NAME...]",
        multiple=True,
        help="What may differ between the runs, such as kernel or packages; the refusal names it.",
    )(command)


def print_json(value: Any) -> None:
    """Print a value as JSON; moments as ISO 8601, and no character that could reach the terminal's controls.

    What is no number (NaN, infinity) is null: JSON has no word for it.
    """
    try:
        text = json.dumps(value, indent=1, ensure_ascii=False, default=_plain, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(value), indent=1, ensure_ascii=False, default=_plain)
    click.echo(_ODD.sub(lambda odd: odd[0] if odd[0].isprintable() else json.dumps(odd[0])[1:-1], text))


def say(line: str, *, err: bool = False) -> None:
    """Print a line of text, whatever archive it is from: nothing in it reaches the terminal's controls."""
    click.echo(_cell(line), err=err)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows as a table on a terminal, as tab-separated lines into a pipe."""
    if not sys.stdout.isatty():
        lines = ("\t".join(map(_cell, line)) for line in (columns, *rows))
        while some := list(itertools.islice(lines, LINES_AT_A_TIME)):
            click.echo("\n".join(some))
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for index, (name, width) in enumerate(zip(columns, _widths(columns, rows), strict=True)):
        numeric = all(isinstance(row[index], int | float | None) for row in rows)
        justify: Literal["left", "right"] = "right" if numeric else "left"
        table.add_column(name, justify=justify, no_wrap=width <= WHOLE, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    Console().print(table)


def least_width(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> int:
    """Return how wide a terminal must be for a table in which no short cell is broken."""
    return sum(min(width, WHOLE) + BETWEEN for width in _widths(columns, rows))


def _widths(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[int]:
    """Return the longest cell of each column, its name among them, in characters."""
    return [max(len(_cell(line[index])) for line in (columns, *rows)) for index in range(len(columns))]


def _names(ctx: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:  # noqa: ARG001
    """Return the names that an option was given, one by one or with commas between them."""
    return tuple(name.strip() for each in value for name in each.split(",") if name.strip())


def _cell(value: Any) -> str:
    """Return a value in one line that cannot reach the terminal's controls."""
    if isinstance(value, list):
        return "; ".join(_cell(item) for item in value)
    text = "" if value is None else str(value)
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else " " for character in text)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _finite(dataclasses.asdict(value))
    return value


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return str(value)
