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
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from collect.plan import Cell, load_plan
from collect.verdicts import WORDS
from tests.support.provoked import Case, Verdict, plan_of, verdicts_of

CHECKOUT = Path(__file__).resolve().parent.parent
CASES = Path(__file__).with_suffix(".yml")
PAGE = CHECKOUT / "docs" / "accuracy.md"
BEGIN, END = "<!-- made by benchmarks/accuracy.py: begin -->", "<!-- end -->"
DEFAULT_HOSTS: Mapping[str, Any] = {"local_cpus": {}, "local_hosts_rate_mbit": 1000, "bench_needs": []}
SITE_VARIABLES = ("local_cpus", "bench_needs")
"""What the hosts are provisioned with: where one of them changes they are provisioned anew."""
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


def write_plan(name: str, entry: Entry, cases: Sequence[Case], folder: Path) -> Path:
    """Write a plan's file, see that it is one, and return its path."""
    path = folder / "plans" / f"{PREFIX}{name}.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    own = {key: entry[key] for key in ("window_s", "ceiling_window_s") if key in entry}
    path.write_text(yaml.safe_dump(plan_of(cases, **{"ceiling_window_s": 2, **own}), sort_keys=False))
    load_plan(path)
    return path


def sealed(archive: Path, name: str, cases: Sequence[Case]) -> Path | None:
    """Return the newest entry of a plan that has just these cases; None where there is none."""
    for manifest in sorted(archive.glob("*/manifest.json"), reverse=True):
        plan = json.loads(manifest.read_bytes())["plan"]
        names = {Cell(**cell).name for cell in plan["cells"]}
        if plan["name"] == f"{PREFIX}{name}" and names == {case.cell for case in cases}:
            return manifest.parent
    return None


def play(playbook: str, variables: Mapping[str, Any]) -> None:
    """Run a playbook, its output going where this script's goes; ends the script if it fails."""
    command = [str(CHECKOUT / ".venv/bin/ansible-playbook"), f"playbooks/{playbook}.yml", "-e", json.dumps(variables)]
    environment = {**os.environ, "PATH": f"{CHECKOUT}/.venv/bin:{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, check=False)
    if done.returncode:
        sys.exit(f"error: {playbook}.yml exited with {done.returncode}: see above, mend it, and run this again")


def measure(archive: Path, names: Sequence[str]) -> Iterator[Path]:
    """Measure the plans that are not sealed yet; yield each one's entry. The hosts end as they are by default."""
    arranged: Mapping[str, Any] | None = None
    for name, (entry, cases) in read_cases().items():
        if name not in names:
            continue
        found = sealed(archive, name, cases)
        if found is None:
            plan = write_plan(name, entry, cases, archive)
            needs = load_plan(plan).needs
            hosts = {**DEFAULT_HOSTS, **entry["hosts"], "bench_needs": list(needs)}
            arrange(hosts, arranged)
            arranged = hosts
            play("run", {**hosts, "plan": str(plan), "archive_dir": str(archive)})
            found = sealed(archive, name, cases)
            if found is None:
                sys.exit(f"error: {plan.stem} was not sealed: see above, mend it, and run this again")
        else:
            print(f"{name}: sealed already ({found})", flush=True)
        yield found
    if arranged not in (None, DEFAULT_HOSTS):
        arrange(DEFAULT_HOSTS, arranged)


def arrange(hosts: Mapping[str, Any], before: Mapping[str, Any] | None) -> None:
    """Make the hosts as a plan wants them, and provision them anew where their CPUs or the plan's needs are others."""
    if hosts == before:
        return
    play("hosts", hosts)
    if before is None or any(hosts[name] != before[name] for name in SITE_VARIABLES):
        play("site", hosts)


def page(verdicts: Sequence[Verdict], manifests: Sequence[Mapping[str, Any]]) -> str:
    """Return what goes between the markers."""
    right = [verdict for verdict in verdicts if verdict.right]
    wrong = [verdict for verdict in verdicts if not verdict.right]
    sure = [verdict for verdict in wrong if verdict.confidences[0] == "high"]
    sureness = Counter(verdict.confidences[0] for verdict in right)
    told = ", ".join(f"{sureness[word]} with {word}" for word in ("high", "medium", "low") if sureness[word])
    lines = [
        _machine(manifests),
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


def _machine(manifests: Sequence[Mapping[str, Any]]) -> str:
    dates = sorted(manifest["created_at"][:10] for manifest in manifests)
    facts: Mapping[str, Any] = next(iter(manifests[-1]["hosts"].values()), {})
    commits = dict.fromkeys(f"{m['git']['commit'][:10]}{' with changes' * bool(m['git']['dirty'])}" for m in manifests)
    days = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
    machine = f"{facts.get('cpu_model', 'a CPU that names no model')}, {os.cpu_count()} cores"
    return f"Measured {days} on {machine}, kernel {facts.get('kernel', 'unknown')}; commit {', '.join(commits)}."


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


def write_page(text: str) -> None:
    """Put the text between the page's markers."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")


def main() -> int:
    """Measure what is not measured, count, write."""
    plans = read_cases()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--archive", type=Path, default=CHECKOUT / ".state" / "accuracy", help="where entries go")
    parser.add_argument("--only", nargs="+", choices=list(plans), default=list(plans), help="of the plans")
    parser.add_argument("--judge-only", nargs="+", type=Path, metavar="ENTRY", help="sealed entries to count again")
    options = parser.parse_args()
    archive = options.archive.resolve()
    entries = options.judge_only or list(measure(archive, options.only))
    manifests = [json.loads((entry / "manifest.json").read_bytes()) for entry in entries]
    verdicts = [
        verdict
        for entry, manifest in zip(entries, manifests, strict=True)
        for verdict in verdicts_of(entry, plans[manifest["plan"]["name"].removeprefix(PREFIX)][1])
    ]
    text = page(verdicts, manifests)
    write_page(text)
    print(text.partition("All trials")[0])
    wrong = [verdict for verdict in verdicts if not verdict.right]
    sure = any(verdict.confidences[0] == "high" for verdict in wrong)
    return 1 if sure or len(wrong) > (1 - LEAST_RIGHT) * len(verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
