"""How sure a difference is: the same variant under two names, and slowdowns of a known size (sureness.yml).

Usage: .venv/bin/python -m benchmarks.sureness [--archive DIR] [--only QUESTION ...]     (as root)
       .venv/bin/python -m benchmarks.sureness --judge-only ENTRY ...

Each question is one run of two cells on this checkout's hosts, sealed into the archive that is named (.state/sureness);
one that is sealed there already is not measured again, one that was interrupted is gone on with. It takes about 50
minutes, on a machine that does nothing else. The tables go into docs/accuracy.md, between its markers; with
--judge-only they come from the entries alone.
Exit code 1 where, by RPS, more than 5 % of the experiments that have nothing to find call the two different.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from benchmarks.measuring import Measuring
from benchmarks.outcomes import FIGURES, US, Pairs, read_pairs
from benchmarks.page import PAGE, machine, write_between
from benchmarks.sureness_page import MOST_FALSE, alarms, page
from collect.paths import CHECKOUT
from collect.report.figures import usable

QUESTIONS = Path(__file__).with_suffix(".yml")
PREFIX = "sureness-"
SAME, BUSY = "same-", "busy-"
CALIBRATION = "calibration"
Document = Mapping[str, Any]


def read_questions(path: Path = QUESTIONS) -> dict[str, Any]:
    """Return the file's content."""
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    return content


def names_of(questions: Document) -> list[str]:
    """Return what can be asked, in the order in which it is measured."""
    shares = (f"{BUSY}{_percent(share)}" for share in questions["slowdowns"]["blocks"])
    return [*(f"{SAME}{variant}" for variant in questions["same"]["blocks"]), *shares]


def same_plan(questions: Document, variant: str) -> dict[str, Any]:
    """Return the plan that measures a variant against itself under another name, as plain data."""
    asked = questions["same"]
    again = {f"{variant}-again": {"like": variant}}
    return _plan(questions, asked["blocks"][variant], asked["window_s"], variant, again)


def calibration_plan(questions: Document) -> dict[str, Any]:
    """Return the plan that measures what a request costs the app that is to be slowed down."""
    asked = questions["slowdowns"]
    return _plan(questions, asked["calibration"]["blocks"], asked["calibration"]["window_s"], asked["variant"], {})


def slowed_plan(questions: Document, share: float, app_s: float) -> dict[str, Any]:
    """Return the plan that measures a variant against itself with a share more of ``app_s`` CPU s per request."""
    asked = questions["slowdowns"]
    busy_us = max(1, round(share * app_s / US))
    slowed = {f"{asked['variant']}-busy-{busy_us}us": {"like": asked["variant"], "busy_us": busy_us}}
    return _plan(questions, asked["blocks"][share], asked["window_s"], asked["variant"], slowed)


def _plan(
    questions: Document, blocks: int, window_s: float, variant: str, others: Mapping[str, Document]
) -> dict[str, Any]:
    return {
        "description": "the same cell twice, or once slowed down by a known amount",
        **questions["plan"],
        "blocks": blocks,
        "window_s": window_s,
        "ceiling_window_s": 0,
        "cells": [{"variant": [variant, *others], **questions["cell"]}],
        **({"catalog": {"variants": dict(others)}} if others else {}),
    }


def app_cpu_s(entry: Path) -> float:
    """Return the CPU seconds that a request cost the app in a run of one cell: the median over its trials."""
    rows = usable(pq.read_table(entry / "trials.parquet").to_pylist())
    if not rows:
        sys.exit(f"error: no trial of {entry} can be used: see its reasons, and measure again")
    return statistics.median(FIGURES["app_s"](row) for row in rows)


def measure(archive: Path, questions: Document, wanted: Sequence[str]) -> Iterator[Path]:
    """Measure what is not sealed yet; yield each question's entry."""
    measuring = Measuring(archive)
    for variant in questions["same"]["blocks"]:
        if f"{SAME}{variant}" in wanted:
            yield measuring.entry(f"{PREFIX}{SAME}{variant}", same_plan(questions, variant))
    shares = {f"{BUSY}{_percent(share)}": share for share in questions["slowdowns"]["blocks"]}
    asked = [name for name in shares if name in wanted]
    if asked:
        app_s = app_cpu_s(measuring.entry(f"{PREFIX}{CALIBRATION}", calibration_plan(questions)))
        print(f"a request costs the app {app_s / US:.0f} us of CPU", flush=True)
        for name in asked:
            yield measuring.entry(f"{PREFIX}{name}", slowed_plan(questions, shares[name], app_s))


def _percent(share: float) -> str:
    """Return a share as part of a name, e.g. ``2`` or ``0p5``."""
    return f"{100 * share:g}".replace(".", "p")


def read_all(entries: Sequence[Path]) -> tuple[list[Pairs], list[dict[str, Any]]]:
    """Return what each entry has measured, and its manifest."""
    manifests: list[dict[str, Any]] = [json.loads((entry / "manifest.json").read_bytes()) for entry in entries]
    return [read_pairs(entry, manifest) for entry, manifest in zip(entries, manifests, strict=True)], manifests


def main() -> int:
    """Measure what is not measured, count, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--archive", type=Path, default=CHECKOUT / ".state" / "sureness", help="where entries go")
    parser.add_argument("--only", nargs="+", metavar="QUESTION", help="of the questions")
    parser.add_argument("--questions", type=Path, default=QUESTIONS, metavar="FILE", help="others than sureness.yml")
    parser.add_argument("--judge-only", nargs="+", type=Path, metavar="ENTRY", help="sealed entries to count again")
    options = parser.parse_args()
    questions = read_questions(options.questions)
    names = names_of(questions)
    if unknown := [name for name in options.only or () if name not in names]:
        parser.error(f"there is no question {unknown[0]}: use {', '.join(names)}")
    entries = options.judge_only or list(measure(options.archive.resolve(), questions, options.only or names))
    measured, manifests = read_all(entries)
    size = questions["experiment_blocks"]
    if few := [entry for entry, pairs in zip(entries, measured, strict=True) if len(pairs) < size]:
        sys.exit(f"error: {few[0]} has no {size} pairs that can be used: see its trials' reasons, and measure again")
    text = "\n".join([machine(manifests), "", *page(measured, size)])
    write_between(PAGE, Path(__file__).name, text)
    print(text)
    called, of = alarms([pairs for pairs in measured if not pairs.busy_us], size)
    return 1 if called > MOST_FALSE * of else 0


if __name__ == "__main__":
    sys.exit(main())
