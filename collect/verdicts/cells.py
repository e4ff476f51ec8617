"""What held a cell back, over its trials, and whether that was put to the test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from collect.archive.validity import INVALID
from collect.plan import CELL
from collect.verdicts.findings import CONFIDENCES

CONFIRMED, REFUTED, UNCLEAR, UNTESTED = "confirmed", "refuted", "unclear", "untested"

Row = Mapping[str, Any]


def usable(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Return the rows that count, by cell, in the order given: trials of the plan's cells that are not invalid."""
    cells: dict[str, list[Row]] = {}
    for row in rows:
        if row.get("kind", CELL) == CELL and row["validity"] != INVALID and row.get("limited_by"):
            cells.setdefault(row["cell"], []).append(row)
    return cells


def word_of(rows: Sequence[Row]) -> tuple[str, str, int]:
    """Return the word that comes first most often, its lesser confidence of the middle, and in how many rows it does.

    Of words that come first equally often, the one that is named in more rows, then the surer one.
    """
    firsts = Counter(row["limited_by"][0] for row in rows)
    named = Counter(word for row in rows for word in row["limited_by"])

    def confidences(word: str) -> list[int]:
        return sorted(
            CONFIDENCES.index(row["limited_by_confidence"][0]) for row in rows if row["limited_by"][0] == word
        )

    word = max(firsts, key=lambda each: (firsts[each], named[each], sum(confidences(each)) / firsts[each], each))
    sure = confidences(word)
    return word, CONFIDENCES[sure[(len(sure) - 1) // 2]], firsts[word]


def cell_verdicts(rows: Iterable[Row], probes: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return for each cell what held it back and how its tests went.

    ``rows`` are those of trials.parquet, ``probes`` the tests with their outcomes (collect/verdicts/probes.py). A cell
    without a usable trial has no word. ``why`` says in a sentence where the verdict comes from.
    """
    rows = list(rows)
    tests: dict[str, list[Mapping[str, Any]]] = {}
    for probe in probes:
        tests.setdefault(probe["cell"], []).append(probe)
    cells: dict[str, dict[str, Any]] = {
        row["cell"]: {"limited_by": None, "confidence": None, "verdict": UNTESTED, "why": "no trial of it is usable"}
        for row in rows
        if row.get("kind", CELL) == CELL
    }
    for name, mine in usable(rows).items():
        word, confidence, agreeing = word_of(mine)
        verdict, why = _verdict(word, tests.get(name, []))
        cells[name] = {
            "limited_by": word,
            "confidence": confidence,
            "agreeing": agreeing,
            "usable": len(mine),
            "verdict": verdict,
            "why": why,
        }
    return cells


def _verdict(word: str, tests: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Return the outcome of a cell's tests together: one that refutes decides, and what is named must be confirmed."""
    reasons = [test["untested"] for test in tests if "untested" in test]
    made = [test for test in tests if "outcome" in test]
    if any(test["word"] != word for test in made):
        return UNCLEAR, f"tested was {made[0]['word']}, which does not come first any more"
    for outcome in (REFUTED, UNCLEAR):
        texts = [test["text"] for test in made if test["outcome"] == outcome]
        if texts:
            return outcome, "; ".join(texts)
    if any(test["named"] for test in made):
        return CONFIRMED, "; ".join(test["text"] for test in made)
    return UNTESTED, reasons[0] if reasons else "it was not put to the test"
