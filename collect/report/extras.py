"""Sections that a report has only where its plan was made for them, each from a module of its own.

A maker takes the figures of a run and returns its section, or None where the run has nothing of that kind. Page,
terminal and JSON show every section in the order of ``MAKERS``.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collect.report.chart import Chart
from collect.report.figures import RunFigures


@dataclass(frozen=True)
class Extra:
    """One section."""

    name: str
    """Its identity on the page and its key in JSON."""
    title: str
    template: str
    """File in collect/data that draws it; it sees ``extra`` and all that the page itself sees."""
    content: Any
    """What the template shows."""
    data: Mapping[str, Any]
    """The same as plain data, for ``--json``."""
    lines: Sequence[str] = ()
    """The same in short, for the terminal."""
    draw: Callable[[], Sequence[Chart]] = tuple
    """Draws its charts, which only the page has."""
    leads: bool = False
    """Whether it is what the run was made for: then the page has it on top, above findings and tables."""
    ends: bool = False
    """Whether the terminal has it last, where a reader is who has waited for the run."""

    @functools.cached_property
    def charts(self) -> Sequence[Chart]:
        """Its pictures, drawn when they are first asked for."""
        return self.draw()


MAKERS: Sequence[str] = (
    "collect.report.composition:composition",
    "collect.report.maps:section",
    "collect.report.precision:precision",
    "collect.report.hypotheses:hypotheses_section",
    "collect.report.repeats:repeats",
)
"""By module and function, which are imported when a report is made, as they import from here."""


def extras(figures: RunFigures) -> list[Extra]:
    """Return the sections that this run has."""
    return figures.once(_extras)


def _extras(figures: RunFigures) -> list[Extra]:
    return [made for maker in MAKERS if (made := _maker(maker)(figures)) is not None]


def _maker(name: str) -> Callable[[RunFigures], Extra | None]:
    module, function = name.split(":")
    maker: Callable[[RunFigures], Extra | None] = getattr(importlib.import_module(module), function)
    return maker
