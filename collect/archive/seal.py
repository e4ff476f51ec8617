"""From a run under way to a sealed entry.

The entry is built complete in ``<run_id>.partial/sealed/``, SHA256SUMS last, all of it on the disk, and only then
renamed to ``<run_id>/``; the raw files go after that. A crash at any moment leaves the run under way or the entry.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collect.archive.clocks import Clock
from collect.archive.durable import disk_errors, fsync_tree, json_bytes, remove_tree, rename_durably
from collect.archive.looks import final_state
from collect.archive.names import SCHEMA_VERSION, SUFFIX, now
from collect.archive.partial import PartialRun
from collect.archive.preflight import on_record, weighed
from collect.archive.sums import write_sums
from collect.archive.validity import DEGRADED, INVALID, VALID
from collect.errors import BenchError
from collect.paths import shown
from collect.plan import CELL, TrialSpec
from collect.rerun.repeats import newest_alike, repeats_of
from collect.verdicts.cells import cell_verdicts
from collect.verdicts.probes import outcomes

if TYPE_CHECKING:
    from collect.verdicts.ceilings import Ceilings


def seal(run: PartialRun, *, incomplete: bool) -> Path:
    """Build the entry, make it visible, remove the raw files; return its folder (see PartialRun.seal)."""
    missing = run.remaining()
    done = [spec for spec in run.trials() if run.finished(spec)]
    if missing and not (incomplete and done):
        problem = f"{len(missing)} of {len(missing) + len(done)} trials are not measured yet"
        raise BenchError(problem, run.run_id, f"go on with -e resume={run.run_id}")
    run.end_session()
    building, entry = run.path / "sealed", run.path.with_name(run.run_id)
    with disk_errors(shown(run.path)):
        if building.exists():
            shutil.rmtree(building)
        building.mkdir()
        trials = [_Trial(run, spec) for spec in done]
        ceilings = run.ceilings()
        _write_tables(run, trials, ceilings, building)
        _copy_files(run, trials, building)
        (building / "manifest.json").write_bytes(json_bytes(_manifest(run, trials, ceilings)))
        write_sums(building)
        for path in building.rglob("*"):
            if path.is_file():
                path.chmod(0o444)
        fsync_tree(building)
        rename_durably(building, entry)
        remove_tree(run.path)
    return entry


def remove_leftovers(archive_dir: Path) -> None:
    """Remove the raw files of runs that were sealed by a process that died before it had removed them."""
    for path in archive_dir.glob(f"*{SUFFIX}"):
        if path.with_name(path.name.removesuffix(SUFFIX)).is_dir():
            remove_tree(path)
    for path in archive_dir.glob(f".*{SUFFIX}.removed"):
        shutil.rmtree(path)


class _Trial:
    """A finished trial of a run under way."""

    def __init__(self, run: PartialRun, spec: TrialSpec) -> None:
        self.spec = spec
        self.folder = run.path / "trials" / spec.trial_id
        content: dict[str, Any] = json.loads((self.folder / "trial.json").read_bytes())
        self.record: Mapping[str, Any] = content["record"]
        self.summary: Mapping[str, Any] = content["summary"]
        self.clients: Mapping[str, Any] = {}


def _write_tables(run: PartialRun, trials: list[_Trial], ceilings: Ceilings, building: Path) -> None:
    """Write the three tables. Each trial is judged again: what was measured after it, such as a ceiling, counts now."""
    from collect.archive.by_client import by_client
    from collect.archive.cut import summarise
    from collect.archive.raw import read_trial
    from collect.archive.tables import Writer, requests_table, samples_table, trials_table
    from collect.archive.window import find_window

    writers = {name: Writer(building / f"{name}.parquet", name) for name in ("trials", "samples", "requests")}
    for trial in trials:
        raw = read_trial(trial.folder, trial.spec, trial.record)
        trial.summary = summarise(raw, run.run_id, ceilings)
        window = find_window(raw)
        trial.clients = by_client(raw, window, trial.summary, ceilings)
        writers["samples"].write(samples_table(raw, window, run.run_id))
        writers["requests"].write(requests_table(raw, window, run.run_id))
    writers["trials"].write(trials_table([trial.summary for trial in trials]))
    for writer in writers.values():
        writer.close()


def _copy_files(run: PartialRun, trials: list[_Trial], building: Path) -> None:
    """Take over what is kept as it is: Locust's own files, the ends of the apps' logs, failed attempts."""
    for trial in trials:
        if (trial.folder / "locust").is_dir():
            shutil.copytree(trial.folder / "locust", building / "locust" / trial.spec.trial_id)
        if (trial.folder / "app.log.tail").is_file():
            (building / "logs").mkdir(exist_ok=True)
            shutil.copyfile(trial.folder / "app.log.tail", building / "logs" / f"{trial.spec.trial_id}.log")
    if (run.path / "failed").is_dir():
        shutil.copytree(run.path / "failed", building / "failed")


def _manifest(run: PartialRun, trials: list[_Trial], ceilings: Ceilings) -> dict[str, Any]:
    facts = run.facts
    sessions = facts["sessions"]
    hosts: dict[str, Any] = {}
    for session in sessions:
        hosts |= session.get("facts", {})
    failed = sorted(path.name for path in (run.path / "failed").glob("*")) if (run.path / "failed").is_dir() else []
    rows = [trial.summary for trial in trials]
    probes = outcomes(facts.get("probes", []), rows)
    validity, reasons = _run_validity(trials, len(run.trials()), sessions)
    known = {"run_id": run.run_id, "inventory": facts["inventory"], "plan": facts["plan"], "hosts": hosts}
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": run.run_id,
        "created_at": facts["created_at"],
        "sealed_at": now(),
        "inventory": facts["inventory"],
        "plan": facts["plan"],
        "catalog": facts["catalog"],
        "port_base": facts["port_base"],
        "git": sessions[-1]["git"],
        "locks": sessions[-1]["locks"],
        "control_node": sessions[-1]["control_node"],
        "hosts": hosts,
        "preflight": on_record(sessions),
        "sessions": sessions,
        "validity": validity,
        "reasons": reasons,
        "failed_attempts": failed,
        "precision": final_state(run),
        "repeats": _repeats(run, known),
        "ceilings": {**facts.get("ceilings", {}), "generators": ceilings.to_json()},
        "probes": [probe for probe in probes if "outcome" in probe],
        "cells": cell_verdicts(rows, probes),
        "trials": [_trial_entry(trial) for trial in trials],
    }


def _repeats(run: PartialRun, known: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return which run this one repeats, or is just like; None for the first of its kind."""
    found = repeats_of(run.facts) or newest_alike(run.path.parent, known)
    return found.to_json() if found else None


def _trial_entry(trial: _Trial) -> dict[str, Any]:
    record = trial.record
    sides = {record["server"]["name"]: record["server"], **record["clients"]}
    return {
        "trial_id": trial.spec.trial_id,
        "cell": trial.spec.cell.name,
        "kind": trial.spec.kind,
        "probe_of": trial.spec.probe_of,
        "intervention": trial.spec.intervention,
        "port": trial.spec.port,
        "validity": trial.summary["validity"],
        "reasons": trial.summary["reasons"],
        "warnings": trial.summary["warnings"],
        "limited_by": trial.summary["findings"],
        "conditions": {host: side["conditions"] for host, side in sides.items() if side.get("conditions")},
        "tuning": {host: side["tuning"] for host, side in sides.items() if side.get("tuning")},
        "sockets": (record["server"].get("app") or {}).get("sockets"),
        "clocks": {host: Clock.of(side.get("clocks", ())).as_json() for host, side in sides.items()},
        "clients": trial.clients,
        "load": record["result"],
        "server": {key: value for key, value in record["server"].items() if key != "clocks"},
    }


def _run_validity(trials: list[_Trial], planned: int, sessions: list[Mapping[str, Any]]) -> tuple[str, list[str]]:
    """Return the run's validity: that of its trials together, whether its sessions ran the same code, its hosts'."""
    counts = Counter(trial.summary["validity"] for trial in trials)
    reasons = [f"{counts[word]} of {planned} trials are {word}" for word in (INVALID, DEGRADED) if counts[word]]
    if len(trials) < planned:
        reasons.append(f"{planned - len(trials)} of {planned} trials were not measured")
    if len({(session["git"]["commit"], session["git"]["dirty"]) for session in sessions}) > 1:
        reasons.append("the code changed between the run's sessions")
    hosts = weighed(sessions)
    reasons += hosts.reasons
    told = [*reasons, *hosts.warnings]
    if hosts.validity == INVALID or all(
        trial.summary["validity"] == INVALID for trial in trials if trial.spec.kind == CELL
    ):
        return INVALID, told
    return (DEGRADED if reasons else VALID), told
