"""Plans that a benchmark has measured by the ordinary playbooks, each once: what is sealed is not repeated."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from collect.archive.names import SUFFIX, partial_ids
from collect.archive.partial import open_partial
from collect.archive.validity import INVALID
from collect.cells import window_s_of
from collect.paths import CHECKOUT
from collect.plan import Cell, Plan, load_plan

DEFAULT_HOSTS: Mapping[str, Any] = {
    "local_clients": 1,
    "local_cpus": {},
    "local_hosts_rate_mbit": 1000,
    "bench_needs": [],
}
SITE_VARIABLES = ("local_clients", "local_cpus", "bench_needs")
"""What the hosts are provisioned with: where one of them changes they are provisioned anew."""
AGAIN = "see above, mend it, and run this again"
Document = Mapping[str, Any]


class Measuring:
    """The hosts of this checkout, arranged as the plans want them, and the archive where their entries go."""

    def __init__(self, archive: Path) -> None:
        """Touch nothing yet."""
        self.archive = archive
        self._arranged: Document | None = None

    def entry(self, name: str, document: Document, hosts: Document | None = None) -> Path:
        """Return the sealed entry of a plan, measured now if there is none; an interrupted run is gone on with.

        Ends the script where a playbook fails.
        """
        path = write_plan(name, document, self.archive)
        plan = load_plan(path)
        found = sealed(self.archive, plan)
        if found is not None:
            print(f"{name}: sealed already ({found})", flush=True)
            return found
        arranged = {**DEFAULT_HOSTS, **(hosts or {}), "bench_needs": list(plan.needs)}
        self._arrange(arranged)
        begun = under_way(self.archive, plan)
        what = {"resume": begun} if begun else {"plan": str(path)}
        play("run", {**arranged, **what, "archive_dir": str(self.archive)})
        found = sealed(self.archive, plan)
        if found is None:
            sys.exit(f"error: {name} was not sealed, or none of its trials can be used: {AGAIN}")
        return found

    def restore(self) -> None:
        """Leave the hosts as they are by default."""
        if self._arranged is not None:
            self._arrange(DEFAULT_HOSTS)

    def _arrange(self, hosts: Document) -> None:
        """Make the hosts as a plan wants them, and provision them anew where their CPUs or its needs are others."""
        before, self._arranged = self._arranged, hosts
        if hosts == before:
            return
        play("hosts", hosts)
        if before is None or any(hosts[name] != before[name] for name in SITE_VARIABLES):
            play("site", hosts)


def write_plan(name: str, document: Document, folder: Path) -> Path:
    """Write a plan's file, see that it is one, and return its path."""
    path = folder / "plans" / f"{name}.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(dict(document), sort_keys=False))
    load_plan(path)
    return path


def sealed(archive: Path, plan: Plan) -> Path | None:
    """Return the newest entry that has just this plan's cells, blocks and windows; None where none can be used."""
    for manifest in sorted(archive.glob("*/manifest.json"), reverse=True):
        content = json.loads(manifest.read_bytes())
        if content["validity"] != INVALID and _same(content["plan"], plan):
            return manifest.parent
    return None


def under_way(archive: Path, plan: Plan) -> str | None:
    """Return the newest run of this plan that was interrupted; None where there is none."""
    fitting = _under_way(archive, plan)
    return next(fitting, None)


def _under_way(archive: Path, plan: Plan) -> Iterator[str]:
    for run_id in reversed(partial_ids(archive)):
        if _same(open_partial(archive / f"{run_id}{SUFFIX}").plan.to_json(), plan):
            yield run_id


def _same(other: Document, plan: Plan) -> bool:
    alike = all(other[key] == getattr(plan, key) for key in ("name", "blocks"))
    theirs = [Cell(**cell) for cell in other["cells"]]
    return alike and _windows_s(theirs, other) == _windows_s(plan.cells, plan.to_json())


def _windows_s(cells: Iterable[Cell], plan: Document) -> dict[str, float]:
    """Return the window of each cell by its name."""
    return {cell.name: window_s_of(cell.variant, plan["window_s"], plan.get("windows_s")) for cell in cells}


def play(playbook: str, variables: Document) -> None:
    """Run a playbook, its output going where this script's goes; ends the script if it fails."""
    command = [str(CHECKOUT / ".venv/bin/ansible-playbook"), f"playbooks/{playbook}.yml", "-e", json.dumps(variables)]
    environment = {**os.environ, "PATH": f"{CHECKOUT}/.venv/bin:{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, check=False)
    if done.returncode:
        sys.exit(f"error: {playbook}.yml exited with {done.returncode}: {AGAIN}")
