"""How far a long piece of work is: a bar on a terminal, a line every now and then in a log; on stderr."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

import click

EVERY_S = 15.0

Step = Callable[[], None]


@contextlib.contextmanager
def progress(doing: str, total: int, unit: str, *, every_s: float = EVERY_S) -> Iterator[Step]:
    """Yield what is to be called after each of ``total`` steps.

    ``doing`` is a verb such as "verifying", ``unit`` the plural of what is counted. Nothing is shown of a single step.
    """
    if total < 2:
        yield lambda: None
    elif sys.stderr.isatty():
        with _bar(f"{doing} {unit}", total) as step:
            yield step
    else:
        yield _Log(f"{doing} {unit}", total, every_s).step


@contextlib.contextmanager
def _bar(title: str, total: int) -> Iterator[Step]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # What the command answers goes its own way to stdout, which may be a file.
    with Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=False, redirect_stderr=False
    ) as bar:
        task = bar.add_task(title, total=total)
        yield lambda: bar.advance(task)


class _Log:
    """Lines, ``every_s`` seconds apart at least."""

    def __init__(self, title: str, total: int, every_s: float) -> None:
        self._title, self._total, self._every_s = title, total, every_s
        self._begin = self._said = time.monotonic()
        self._done = 0

    def step(self) -> None:
        """Count a step; say how far it is where it is time."""
        self._done += 1
        now = time.monotonic()
        if now - self._said < self._every_s or self._done == self._total:
            return
        self._said = now
        left_s = (now - self._begin) / self._done * (self._total - self._done)
        click.echo(f"{self._title}: {self._done:,} of {self._total:,}, about {duration(left_s)} left", err=True)


def duration(seconds: float) -> str:
    """Return a time as people say it, such as 40 s, 12 min, 3.5 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
