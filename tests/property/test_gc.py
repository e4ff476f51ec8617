"""No rule ever takes a run that has a tag or cannot be read, nor one of the newest that are to stay."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from collect.archive.entries import Entry, made
from collect.archive.gc import Rule, sweep
from collect.archive.store import Archive
from collect.archive.validity import DEGRADED, INVALID, VALID
from tests.support.tiny import tiny_id

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
NOTHING = ("[]", "{}", "{}", "[]")
DAY_S = 86400.0

Run = tuple[str, bool, bool]
"""Validity, whether it has a tag, whether it cannot be read."""
RUNS = st.lists(st.tuples(st.sampled_from([VALID, DEGRADED, INVALID]), st.booleans(), st.booleans()), max_size=12)
RULES = st.builds(
    Rule, st.none() | st.integers(0, 12).map(lambda days: days * DAY_S), st.integers(0, 12), st.booleans()
)


def entry(number: int, run: Run) -> Entry:
    """Return the entry of the run that was begun so many days after the begin."""
    validity, _, unreadable = run
    fields: dict[str, Any] = {
        "plan": "small", "inventory": "local", "created_at": "", "sealed_at": "", "validity": validity, "reasons": [],
        "trials": 2, "git_commit": None, "git_dirty": None, "schema_version": 2,
    }  # fmt: skip
    return made(tiny_id(number), Path("/none"), fields | {"problem": "damaged" if unreadable else None}, NOTHING)


def going(runs: Sequence[Run], rule: Rule) -> set[int]:
    """Return which runs a rule takes, a moment after the last was begun."""
    by_id = {tiny_id(number): number for number in range(len(runs))}

    def protection(_: Archive, run_id: str) -> str | None:
        return "tagged" if runs[by_id[run_id]][1] else None

    entries = [entry(number, run) for number, run in enumerate(runs)]
    now = BEGIN + timedelta(days=len(runs), seconds=-1)
    with patch("collect.archive.gc.protection", protection):
        found = sweep(Archive(Path("/")), entries, rule, now=now)
    taken, stays = {by_id[run.run_id] for run in found.runs}, {by_id[kept.run_id] for kept in found.kept}
    assert not taken & stays
    return taken


@given(runs=RUNS, rule=RULES)
def test_no_rule_takes_what_is_wanted(runs: list[Run], rule: Rule) -> None:
    taken = going(runs, rule)
    assert not any(runs[number][1] or runs[number][2] for number in taken)
    assert all(number < len(runs) - rule.keep for number in taken)
    if rule.invalid:
        assert all(runs[number][0] == INVALID for number in taken)
    if rule.older_than_s is not None:
        assert all((len(runs) - number) * DAY_S - 1 > rule.older_than_s for number in taken)


@given(runs=RUNS, rule=RULES, keep=st.integers(0, 12))
def test_each_word_more_takes_fewer(runs: list[Run], rule: Rule, keep: int) -> None:
    all_that_may = going(runs, Rule())
    assert all_that_may == {number for number, run in enumerate(runs) if not run[1] and not run[2]}
    taken = going(runs, rule)
    each_alone = [Rule(older_than_s=rule.older_than_s), Rule(keep=rule.keep), Rule(invalid=rule.invalid)]
    assert taken == all_that_may.intersection(*(going(runs, alone) for alone in each_alone))
    if keep >= rule.keep:
        assert going(runs, Rule(rule.older_than_s, keep, rule.invalid)) <= taken
