"""How often a verdict is right: trials with a known limit (accuracy.yml), measured, judged, counted.

Usage: .venv/bin/python -m benchmarks.accuracy [--archive DIR] [--only PLAN ...]     (as root)
       .venv/bin/python -m benchmarks.accuracy --judge-only ENTRY ...

Its plans are measured on this checkout's hosts as any plan is, each with the hosts arranged for it, and sealed into the
archive that is named (.state/accuracy); one that is sealed there already is not measured again, so an interrupted run
goes on where it was. It takes about 20 minutes, on a machine that does nothing else. The counts go into
docs/accuracy.md, between its markers; with --judge-only they come from the entries alone.
Exit code 1 where fewer than 95 % are right first or a wrong word was given with high confidence.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks.measuring import Measuring
from benchmarks.page import PAGE, machine, write_between
from collect.paths import CHECKOUT
from collect.verdicts import WORDS
from tests.support.provoked import Case, Verdict, plan_of, verdicts_of

CASES = Path(__file__).with_suffix(".yml")
LEAST_RIGHT = 0.95
PREFIX = "accuracy-"
Entry = Mapping[str, Any]


def read_cases(path: Path = CASES) -> dict[str, tuple[Entry, list[Case]]]:
    """Return each entry of the file with its cases, in the order in which they are measured."""
    document = yaml.safe_load(path.read_text())
    return {
        name: (entry, [Case.of(case, document["defaults"]) for case in entry["cases"]])
        for name, entry in document["plans"].items()
    }


def document_of(entry: Entry, cases: Sequence[Case]) -> dict[str, Any]:
    """Return a plan of the cases, as plain data."""
    own = {key: entry[key] for key in ("window_s", "ceiling_window_s") if key in entry}
    return plan_of(cases, **{"ceiling_window_s": 2, **own})


def measure(archive: Path, names: Sequence[str]) -> list[Path]:
    """Measure the plans that are not sealed yet; return each one's entry. The hosts end as they are by default."""
    measuring = Measuring(archive)
    found = [
        measuring.entry(f"{PREFIX}{name}", document_of(entry, cases), entry["hosts"])
        for name, (entry, cases) in read_cases().items()
        if name in names
    ]
    measuring.restore()
    return found


def page(verdicts: Sequence[Verdict], manifests: Sequence[Mapping[str, Any]]) -> str:
    """Return what goes between the markers."""
    right = [verdict for verdict in verdicts if verdict.right]
    wrong = [verdict for verdict in verdicts if not verdict.right]
    sure = [verdict for verdict in wrong if verdict.confidences[0] == "high"]
    sureness = Counter(verdict.confidences[0] for verdict in right)
    told = ", ".join(f"{sureness[word]} with {word}" for word in ("high", "medium", "low") if sureness[word])
    lines = [
        machine(manifests),
        "",
        f"**{len(right)} of {len(verdicts)} trials ({len(right) / len(verdicts):.1%}) have the right word first**, "
        f"{told} confidence. Wrong words with high confidence: {len(sure)}.",
        "",
        *_confusion(verdicts),
        "",
        "Wrong ones, with all that was said of them:",
        "",
        *([f"- `{verdict.run_id}` {verdict.told}" for verdict in wrong] or ["none."]),
        "",
        "All trials, by the word whose cause was there or, in a reverse, taken away:",
        "",
        "| provoked | cell | expected | said | confidence | RPS | why another word is expected |",
        "| --- | --- | --- | --- | --- | ---: | --- |",
        *(_line(verdict) for word in WORDS for verdict in verdicts if verdict.case.word == word),
    ]
    return "\n".join(lines)


def _confusion(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Rows: what is right (of two right words the one that was said); columns: what was said first."""
    counts = Counter((v.first if v.right else v.case.expect, v.first) for v in verdicts)
    yield f"| right | {' | '.join(WORDS)} | trials | right first |"
    yield f"| --- |{' ---: |' * (len(WORDS) + 2)}"
    for word in WORDS:
        row = [counts[word, said] for said in WORDS]
        share = f"{counts[word, word] / sum(row):.0%}" if sum(row) else "–"
        yield f"| **{word}** | {' | '.join(str(n or '·') for n in row)} | {sum(row)} | {share} |"


def _line(verdict: Verdict) -> str:
    case = verdict.case
    said = verdict.first if verdict.right else f"**{verdict.first}**"
    return (
        f"| {case.word} | {case.cell} | {' or '.join(case.right)} | {said} | {verdict.confidences[0]} "
        f"| {verdict.rps:.0f} | {case.why} |"
    )


def main() -> int:
    """Measure what is not measured, count, write."""
    plans = read_cases()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--archive", type=Path, default=CHECKOUT / ".state" / "accuracy", help="where entries go")
    parser.add_argument("--only", nargs="+", choices=list(plans), default=list(plans), help="of the plans")
    parser.add_argument("--judge-only", nargs="+", type=Path, metavar="ENTRY", help="sealed entries to count again")
    options = parser.parse_args()
    archive = options.archive.resolve()
    entries = options.judge_only or measure(archive, options.only)
    manifests = [json.loads((entry / "manifest.json").read_bytes()) for entry in entries]
    verdicts = [
        verdict
        for entry, manifest in zip(entries, manifests, strict=True)
        for verdict in verdicts_of(entry, plans[manifest["plan"]["name"].removeprefix(PREFIX)][1])
    ]
    text = page(verdicts, manifests)
    write_between(PAGE, Path(__file__).name, text)
    print(text.partition("All trials")[0])
    wrong = [verdict for verdict in verdicts if not verdict.right]
    sure = any(verdict.confidences[0] == "high" for verdict in wrong)
    return 1 if sure or len(wrong) > (1 - LEAST_RIGHT) * len(verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
