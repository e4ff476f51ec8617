"""The sentences as a page in Markdown, with links into the report beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from collect.findings.page import Findings
from collect.findings.statement import Finding
from collect.report.comparison import headline
from collect.report.figures import RunFigures

SUFFIX = ".findings.md"
_MARKUP = re.compile(r"([\\`*\[\]<>|#])")


def beside(report: Path) -> Path:
    """Return where the sentences of a report are written."""
    return report.with_suffix(SUFFIX)


def render(figures: RunFigures, found: Findings, report: str) -> str:
    """Return the page; ``report`` is the name of the report's file, which lies beside it."""
    return "\n".join(_lines(figures, found, report)) + "\n"


def _lines(figures: RunFigures, found: Findings, report: str) -> Iterator[str]:
    plan = figures.manifest["plan"]
    yield f"# What run {figures.run_id} shows"
    yield ""
    when = escaped(str(figures.manifest["created_at"]))
    yield f"Plan {escaped(plan['name'])}, {when}. Figures, pictures and trials: [the report]({report})."
    yield ""
    yield escaped(headline(figures))
    yield ""
    yield escaped(found.rule)
    for group in found.groups:
        yield ""
        yield f"## {group.title}"
        yield from _list(group.lead, report)
        yield from _list(group.single, report)


def _list(sentences: Sequence[Finding], report: str) -> Iterator[str]:
    """Yield a paragraph for each of a list of sentences; links behind them."""
    if sentences:
        yield ""
    for each in sentences:
        links = ", ".join(f"[{escaped(link.text)}]({report}#{link.anchor})" for link in each.links)
        yield f"- {escaped(each.text)} {links}".rstrip()


def escaped(text: str) -> str:
    """Return a text in one line that Markdown takes for text."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))
