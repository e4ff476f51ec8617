"""What was tuned in a trial: judged, sealed, told in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from collect.archive.cut import summarise
from collect.archive.raw import read_trial
from collect.report.trial import limits
from collect.sampler.facts import Facts
from tests.support.plans import small_plan
from tests.support.synthetic import Setting, write_run, write_trial

SPEC = small_plan(1, window_s=10).trials()[0]
TUNED: dict[str, Any] = {
    "in_force": {
        "governor": {"set": "performance", "before": "powersave"},
        "turbo": {"set": False, "before": True},
        "sysctls": {"vm.swappiness": {"set": "1", "before": "60"}},
        "irqs": {"moved": 31, "left": 4},
        "smt": {"offline": "1,3,5"},
    },
    "left": {},
    "changed_meanwhile": {},
    "restored": True,
}
DRIFTED = {**TUNED, "changed_meanwhile": {"proc/sys/vm/swappiness": "60", "sys/a": "1"}}
LISTED = {"governor": "performance", "sysctls": {"vm.swappiness": "1"}}


@pytest.mark.parametrize(
    ("tuned", "validity", "reasons"),
    [
        (None, "valid", []),
        (TUNED, "valid", []),
        (DRIFTED, "degraded", ["/proc/sys/vm/swappiness and 1 more of client1 did not stay as tuned for the trial"]),
    ],
)
def test_what_did_not_stay_degrades_the_trial(
    tmp_path: Path, tuned: dict[str, Any] | None, validity: str, reasons: list[str]
) -> None:
    record, _ = write_trial(tmp_path, SPEC, Setting(rps=300, generator_cores=0.5))
    if tuned is not None:
        record["clients"]["client1"]["tuning"] = tuned
    row = summarise(read_trial(tmp_path, SPEC, record), "run")
    assert (row["validity"], row["reasons"]) == (validity, reasons)


def test_the_manifest_says_what_was_in_force_in_each_trial(tmp_path: Path) -> None:
    run = write_run(tmp_path, small_plan(1))
    first, *others = run.trials()
    path = run.path / "trials" / first.trial_id / "trial.json"
    content = json.loads(path.read_text())
    content["record"]["server"]["tuning"] = TUNED
    path.write_text(json.dumps(content))
    manifest = json.loads((run.seal() / "manifest.json").read_text())
    found = {trial["trial_id"]: trial["tuning"] for trial in manifest["trials"]}
    assert found == {first.trial_id: {"server1": TUNED}, **{spec.trial_id: {} for spec in others}}


def told(entry: dict[str, Any]) -> list[str]:
    row: dict[str, Any] = {"validity": "valid", "reasons": [], "warnings": [], "evidence_missing": [], "limited_by": []}
    return [text for what, host, text in limits(row, entry) if what == "tuned" and host == "server1"]


def test_the_report_says_it_in_words() -> None:
    assert told({"tuning": {"server1": DRIFTED}}) == [
        "governor performance, powersave before",
        "turbo off, on before",
        "vm.swappiness 1, 60 before",
        "31 interrupts kept off the measured CPUs, 4 could not be moved",
        "CPUs 1,3,5 offline",
        "/proc/sys/vm/swappiness did NOT stay as it was set: 60",
        "/sys/a did NOT stay as it was set: 1",
        "all was put back as it had been",
    ]
    assert told({}) == told({"tuning": {}}) == [], "as in older runs"


def test_a_hosts_facts_say_what_is_tuned_there(tmp_path: Path) -> None:
    facts = Facts([0], tmp_path)
    assert facts.tuning() is None
    path = tmp_path / "etc/bench/tuning.json"
    path.parent.mkdir(parents=True)
    for text in ("{", "[]", json.dumps({"cpus": "0", "profiles": ["controlled"], "listed": {}})):
        path.write_text(text)
        assert facts.tuning() is None
    path.write_text(json.dumps({"cpus": "0", "profiles": ["controlled"], "listed": LISTED}))
    assert facts.tuning() == {**LISTED, "profiles": ["controlled"]}
