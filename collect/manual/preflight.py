"""What preflight finds, as a table."""

from __future__ import annotations

from collect.manual.markdown import code, table
from collect.preflight.findings import LEVELS, rules


def findings() -> list[str]:
    """Return the table of all that is found, by level and in the order of the checks."""
    by_level = sorted(rules().items(), key=lambda item: LEVELS.index(item[1]["level"]))
    rows = [(rule["level"], code(name), rule["what"], rule["remedy"]) for name, rule in by_level]
    return table(("level", "name", "what it says", "what to do"), rows)
