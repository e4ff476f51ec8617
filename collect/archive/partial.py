"""A run that is under way: ``<run_id>.partial/`` in the archive, where trials gather until all are there.

What is in it:

    run.json                the plan with its catalog, and the sessions that worked on it
    trials/<trial_id>/      a finished trial: raw files and trial.json; <trial_id>.tmp/ until it is complete
    failed/<trial_id>-<n>/  an attempt that failed, with error.json
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collect.archive.durable import disk_errors, fsync_path, fsync_tree, json_bytes, rename_durably, write_durably
from collect.archive.looked import last_block
from collect.archive.names import RUN_ID, SCHEMA_VERSION, SUFFIX, now, partial_ids
from collect.archive.provenance import provenance
from collect.archive.space import check_archive_dir
from collect.catalog import Catalog
from collect.errors import BenchError
from collect.paths import shown
from collect.plan import CEILING, PORT_BASE, Plan, TrialSpec, check_ports

if TYPE_CHECKING:
    from collect.rerun.repeats import Repeats
    from collect.verdicts.ceilings import Ceilings


class PartialRun:
    """A run under way. One process at a time may write it."""

    def __init__(self, path: Path) -> None:
        """Open ``<run_id>.partial/``; BenchError when there is none."""
        self.path = path
        try:
            self._run: dict[str, Any] = json.loads((path / "run.json").read_bytes())
        except (OSError, ValueError) as error:
            raise BenchError(
                "not a run under way", shown(path), "see `collect run status` for those there are"
            ) from error
        if self._run["schema_version"] != SCHEMA_VERSION:
            raise BenchError(
                f"the run was begun with schema {self._run['schema_version']}, this checkout writes {SCHEMA_VERSION}",
                shown(path),
                "go on with the checkout that began it",
            )
        self.plan = Plan.from_json(self._run["plan"], Catalog.from_json(self._run["catalog"]))

    @property
    def run_id(self) -> str:
        """Its name in the archive, sortable by time of begin."""
        return str(self._run["run_id"])

    @property
    def facts(self) -> Mapping[str, Any]:
        """What run.json holds."""
        return self._run

    def trials(self) -> list[TrialSpec]:
        """Return every trial, in order: the plan's, then those added since."""
        added = [TrialSpec.from_json(spec) for spec in self._run.get("added_trials", ())]
        last = last_block(self._run)
        planned = self.plan.trials(self._run["port_base"])
        return [*(spec for spec in planned if last is None or spec.block <= last), *added]

    def finished(self, spec: TrialSpec) -> bool:
        """Say whether the trial is done."""
        return (self.path / "trials" / spec.trial_id / "trial.json").is_file()

    def remaining(self) -> list[TrialSpec]:
        """Return the trials still to be done, in order."""
        return [spec for spec in self.trials() if not self.finished(spec)]

    def ceilings(self) -> Ceilings:
        """Return the ceilings measured so far: Redis, the network, and the generators' in the block 0."""
        from collect.verdicts.ceilings import Ceilings

        done = [spec for spec in self.trials() if spec.kind == CEILING and self.finished(spec)]
        return Ceilings.of(self._run, [self.summary(spec) for spec in done])

    def summary(self, spec: TrialSpec) -> dict[str, Any]:
        """Return the summary row of a finished trial, as it was judged when it was put on record."""
        trial: dict[str, Any] = json.loads((self.path / "trials" / spec.trial_id / "trial.json").read_bytes())
        summary: dict[str, Any] = trial["summary"]
        return summary

    def trial_folder(self, spec: TrialSpec | Mapping[str, Any]) -> Path:
        """Return the folder where the trial's raw files are to gather; made if need be."""
        folder = self.path / "trials" / f"{_spec(spec).trial_id}.tmp"
        with disk_errors(shown(folder)):
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def finish_trial(
        self, spec: TrialSpec | Mapping[str, Any], folder: Path, record: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Cut the trial from its raw files, put it on record and return its summary row as plain data.

        ``folder`` (from ``trial_folder``) holds ``requests-*.f64``, ``summary-*.json``, ``samples-<host>.jsonl`` and,
        if there are, ``locust/`` and ``app.log.tail``. ``record`` says ``result``
        (the generator's own), ``server`` (name, clocks, app ...), ``clients`` (by host: clocks ...), ``control_cpu``.
        Raises BenchError when a file is missing or damaged, the load failed or the disk is full; the folder stays.
        """
        from collect.archive.cut import summarise
        from collect.archive.raw import read_trial

        spec = _spec(spec)
        summary = summarise(read_trial(folder, spec, record), self.run_id, self.ceilings())
        with disk_errors(shown(folder)):
            trial = {"spec": spec.to_json(), "record": record, "summary": summary}
            write_durably(folder / "trial.json", json_bytes(trial))
            fsync_tree(folder)
            rename_durably(folder, self.path / "trials" / spec.trial_id)
        return summary

    def fail_trial(self, spec: TrialSpec | Mapping[str, Any], folder: Path, error: str) -> Path:
        """Keep a failed attempt with its error, out of the way of the next one; return where."""
        return self._set_aside(folder, _spec(spec).trial_id, error)

    def update_session(self, **values: Any) -> None:
        """Note values of the session under way (``facts`` by host, clock offsets ...); mappings are merged."""
        session = self._run["sessions"][-1]
        for key, value in values.items():
            session[key] = {**session.get(key, {}), **value} if isinstance(value, Mapping) else value
        self._write()

    def update_ceilings(self, ceilings: Mapping[str, Mapping[str, Any]]) -> None:
        """Note what is known of Redis, the network and the ``relay`` from before the blocks, by these names; merged."""
        known: dict[str, Any] = self._run.get("ceilings", {})
        self._run["ceilings"] = known | {name: {**known.get(name, {}), **said} for name, said in ceilings.items()}
        self._write()

    def add_trials(self, specs: Sequence[TrialSpec | Mapping[str, Any]]) -> None:
        """Append trials that the plan does not hold, such as probes; those that are there already stay."""
        known = {spec.trial_id for spec in self.trials()}
        added = [spec for spec in map(_spec, specs) if spec.trial_id not in known]
        self._run["added_trials"] = [*self._run.get("added_trials", []), *(spec.to_json() for spec in added)]
        self._write()

    def update_probes(self, probes: Sequence[Mapping[str, Any]]) -> None:
        """Note how verdicts are put to the test (see collect/verdicts/probes.py), all of it."""
        self._run["probes"] = list(probes)
        self._write()

    def update_precision(self, state: Mapping[str, Any]) -> None:
        """Note what was seen so far of the ratios that are to be known (see collect/archive/looks.py), all of it."""
        self._run["precision"] = dict(state)
        self._write()

    def update_repeats(self, repeats: Repeats) -> None:
        """Note which run this one repeats and what may differ, all of it."""
        self._run["repeats"] = repeats.to_json()
        self._write()

    def want_probes(self, wanted: bool) -> None:
        """Change the plan's mind about probes; those that are not measured yet are given up where it wants none.

        Raises BenchError where there are not ports enough for them.
        """
        if wanted == self.plan.probe:
            return
        plan = replace(self.plan, probe=wanted)
        check_ports(plan, self._run["port_base"])
        self.plan = plan
        self._run["plan"] = self.plan.to_json()
        if not wanted:
            added = map(TrialSpec.from_json, self._run.get("added_trials", ()))
            self._run["added_trials"] = [spec.to_json() for spec in added if self.finished(spec)]
            self._run.pop("probes", None)
        self._write()

    def begin_session(self) -> None:
        """Note that work on the run begins, by whom; what an interrupted session left half done is set aside."""
        for folder in sorted((self.path / "trials").glob("*.tmp")):
            self._set_aside(folder, folder.name.removesuffix(".tmp"), "interrupted")
        code = provenance(locks=(self._run.get("repeats") or {}).get("locks"))
        self._run["sessions"].append({"started_at": now(), "ended_at": None, **code})
        self._write()

    def end_session(self) -> None:
        """Note that work on the run ends for now."""
        self.update_session(ended_at=now())

    def seal(self, *, incomplete: bool = False) -> Path:
        """Turn the run into a sealed entry of the archive; return its folder.

        Raises BenchError when trials are missing, unless ``incomplete``, or the disk is full; the run stays as it is.
        """
        from collect.archive.seal import seal

        return seal(self, incomplete=incomplete)

    def _set_aside(self, folder: Path, trial_id: str, error: str) -> Path:
        failed = self.path / "failed"
        with disk_errors(shown(folder)):
            failed.mkdir(exist_ok=True)
            fsync_path(self.path)
            number = 1 + len(list(failed.glob(f"{trial_id}-*")))
            folder.mkdir(parents=True, exist_ok=True)
            write_durably(folder / "error.json", json_bytes({"trial_id": trial_id, "error": error, "at": now()}))
            fsync_tree(folder)
            rename_durably(folder, failed / f"{trial_id}-{number}")
        return failed / f"{trial_id}-{number}"

    def _write(self) -> None:
        with disk_errors(shown(self.path)):
            write_durably(self.path / "run.json", json_bytes(self._run))


def begin_run(
    archive_dir: Path, plan: Plan, *, inventory: str, port_base: int = PORT_BASE, repeats: Repeats | None = None
) -> PartialRun:
    """Begin a run in the archive; BenchError when it cannot be written, is too small, or ports do not suffice.

    A bad file of thresholds is told here, too, and not after the first trial.
    """
    from collect.archive import validity
    from collect.verdicts.thresholds import thresholds

    check_ports(plan, port_base)
    thresholds(), validity.thresholds()
    check_archive_dir(archive_dir, plan)
    run_id = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    path = archive_dir / f"{run_id}{SUFFIX}"
    run = {
        "schema_version": SCHEMA_VERSION,
        "run_id": run_id,
        "created_at": now(),
        "inventory": inventory,
        "port_base": port_base,
        "plan": plan.to_json(),
        "catalog": plan.catalog.to_json(),
        "sessions": [],
        **({"repeats": repeats.to_json()} if repeats else {}),
    }
    with disk_errors(shown(path)):
        path.mkdir()
        (path / "trials").mkdir()
        write_durably(path / "run.json", json_bytes(run))
        fsync_tree(path)
    partial = PartialRun(path)
    partial.begin_session()
    return partial


def resume_run(archive_dir: Path, run_id: str, *, plan: Plan | None = None, inventory: str | None = None) -> PartialRun:
    """Go on with a run under way.

    Raises BenchError when there is no such run, it is sealed, or it was begun with another plan, catalog or inventory.
    """
    partial = find_partial(archive_dir, run_id, inventory=inventory)
    check_archive_dir(archive_dir)
    if plan is not None and (plan.to_json(), plan.catalog.to_json()) != (
        partial.facts["plan"],
        partial.facts["catalog"],
    ):
        remedy = "leave plan= away to go on with the run's own, or begin a new run"
        raise BenchError(f'the run was begun with another plan or catalog than "{plan.name}" is now', run_id, remedy)
    partial.begin_session()
    return partial


def find_partial(archive_dir: Path, run_id: str, *, inventory: str | None = None) -> PartialRun:
    """Open the run under way of this id; BenchError when there is none, it is sealed, or of another inventory."""
    where = shown(archive_dir)
    if (archive_dir / run_id).is_dir() and RUN_ID.fullmatch(run_id):
        raise BenchError(f"the run {run_id} is sealed", where, "nothing is left to do; begin a new one without resume=")
    known = partial_ids(archive_dir)
    if run_id not in known:
        remedy = f"those there are: {', '.join(known)}" if known else "there is none; begin a new one without resume="
        raise BenchError(f'there is no run "{run_id}" to go on with', where, remedy)
    partial = PartialRun(archive_dir / f"{run_id}{SUFFIX}")
    begun_with = partial.facts["inventory"]
    if inventory is not None and inventory != begun_with:
        remedy = f"use the inventory {begun_with}, or begin a new run"
        raise BenchError(f"the run was begun with the inventory {begun_with}, not {inventory}", run_id, remedy)
    return partial


def open_partial(path: Path) -> PartialRun:
    """Open a run under way by its folder, as a trial's worker does; begins no session."""
    return PartialRun(path)


def _spec(spec: TrialSpec | Mapping[str, Any]) -> TrialSpec:
    return spec if isinstance(spec, TrialSpec) else TrialSpec.from_json(spec)
