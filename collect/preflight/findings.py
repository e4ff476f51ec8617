"""Findings, their levels and words (collect/data/preflight.yml), and how they are told."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from collect.documents import load_document, nearest
from collect.errors import BenchError
from collect.paths import DATA_DIR

REFUSE, WARN, NOTE = LEVELS = ("refuse", "warn", "note")
WORDS = {WARN: "warning", NOTE: "note"}

Found = Iterator[tuple[str, Mapping[str, Any]]]
"""What a check finds: the name of a rule, and the values for its words."""


@dataclass(frozen=True)
class Finding:
    """Something about a host that is not as it should be, or that one should know; ``record`` is what is kept of it."""

    name: str
    level: str
    host: str
    what: str
    remedy: str
    record: str = ""

    def line(self) -> str:
        """Return it in the one line that a user reads."""
        return f"{self.what} ({self.host}): {self.remedy}"

    def to_json(self) -> dict[str, str]:
        """Return it as plain data, as it is kept with a run."""
        kept: dict[str, str] = asdict(self)
        record = kept.pop("record")
        return {**kept, "what": record or self.what}


@functools.cache
def rules(path: Path = DATA_DIR / "preflight.yml") -> Mapping[str, Mapping[str, str]]:
    """Return level, words and remedy by name; BenchError for a bad file."""
    found: Mapping[str, Mapping[str, str]] = load_document(path, "preflight")
    return found


def check_levels(levels: Mapping[str, str]) -> None:
    """Raise BenchError unless each name is a rule's and each level is one."""
    where = "preflight_levels"
    for name, level in levels.items():
        if name not in rules():
            raise BenchError(f'preflight finds no "{name}"', where, nearest(str(name), rules()))
        if level not in LEVELS:
            raise BenchError(f'"{level}" is no level of {name}', where, f"use one of {', '.join(LEVELS)}")


def finding(name: str, host: str, values: Mapping[str, Any], levels: Mapping[str, str]) -> Finding:
    """Return what was found of a rule, in its words; ``levels`` has those that the user wants otherwise."""
    rule = rules()[name]
    what, remedy = rule["what"].format(**values), rule["remedy"].format(**values)
    record = rule.get("record", "").format(**values)
    return Finding(name, levels.get(name, rule["level"]), host, what, remedy, record)


def refusals(found: Sequence[Finding]) -> list[str]:
    """Return the lines of what keeps a bench from being begun."""
    return [each.line() for each in found if each.level == REFUSE]


def told(found: Sequence[Finding], *, notes: bool) -> list[str]:
    """Return the lines of what does not: warnings, and notes where they are asked for."""
    wanted = (WARN, NOTE) if notes else (WARN,)
    return [f"{WORDS[level]}: {each.line()}" for level in wanted for each in found if each.level == level]
