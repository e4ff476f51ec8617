"""Sealed runs: which there are, what they say of themselves, whether they are as they were sealed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from collect.archive.names import RUN_ID, SCHEMA_VERSION, SUFFIX, partial_ids
from collect.archive.sums import NAME as SUMS
from collect.archive.sums import verify_sums
from collect.errors import BenchError
from collect.paths import shown

Manifest = Mapping[str, Any]


def _from_schema_1(manifest: dict[str, Any], folder: Path) -> dict[str, Any]:
    from collect.archive.verdicts import from_schema_1  # judges trials, which takes more than any list of runs does

    return from_schema_1(manifest, folder)


UPGRADES: Mapping[int, Callable[[dict[str, Any], Path], dict[str, Any]]] = {1: _from_schema_1}
"""By schema_version: what turns such a manifest, and the folder it is of, into one of the next; no file is touched.

Columns that an older run's parquet files lack read as null (see collect.archive.query).
"""
READ_AS = "read_as"
"""In a manifest that was upgraded: the schema_version of its file."""


class Archive:
    """The folder that holds the runs. Reading it never changes it."""

    def __init__(self, path: Path) -> None:
        """Open an archive; BenchError when there is no such folder."""
        if not path.is_dir():
            raise BenchError(
                "there is no archive", shown(path), "measure a run first (script/bench), or name another with --archive"
            )
        self.path = path

    def run_ids(self) -> list[str]:
        """Return the ids of the sealed runs, oldest first."""
        return [name for name in run_names(self.path) if self._sealed(name)]

    def resolve(self, run: str) -> str:
        """Return the id of the sealed run meant by ``latest``, a whole id or a prefix that fits one run only.

        Only what may be meant is looked at: an archive of thousands of runs answers as fast as one of ten.
        """
        names = run_names(self.path)
        where = shown(self.path)
        if run == "latest" and (last := next(filter(self._sealed, reversed(names)), None)):
            return last
        fitting = [name for name in names if name.startswith(run) and self._sealed(name)] if run else []
        if run in fitting:
            return run
        if len(fitting) > 1:
            raise BenchError(
                f'"{run}" fits {len(fitting)} runs', where, f"say more of it: {', '.join(fitting[:5])} ..."
            )
        if not fitting and (
            under_way := [run_id for run_id in partial_ids(self.path) if run and run_id.startswith(run)]
        ):
            raise BenchError(f"the run {under_way[0]} is not sealed", where, f"go on with -e resume={under_way[0]}")
        if not fitting:
            ids = self.run_ids()
            remedy = f"the latest are {', '.join(ids[-3:])}" if ids else "the archive is empty; measure a run first"
            raise BenchError(f'there is no run "{run}"', where, remedy)
        return fitting[0]

    def _sealed(self, name: str) -> bool:
        return (self.path / name / SUMS).is_file()

    def folder(self, run_id: str) -> Path:
        """Return the folder of a run."""
        return self.path / run_id

    def manifest(self, run_id: str) -> Manifest:
        """Return what a sealed run says of itself, in today's schema.

        BenchError when it is damaged, or its schema is newer than this checkout knows.
        """
        path = self.folder(run_id) / "manifest.json"
        try:
            manifest: dict[str, Any] = json.loads(path.read_bytes())
            version = manifest["schema_version"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BenchError("the manifest cannot be read", shown(path), f"see `collect verify {run_id}`") from error
        if not isinstance(version, int) or version > SCHEMA_VERSION:
            problem = f"the run has schema {version}, this checkout reads up to {SCHEMA_VERSION}"
            raise BenchError(problem, run_id, "update the checkout")
        for step in range(version, SCHEMA_VERSION):
            manifest = UPGRADES[step](manifest, path.parent)
        return manifest if version == SCHEMA_VERSION else manifest | {READ_AS: version}

    def verify(self, name: str) -> list[str]:
        """Return what is wrong with a run, one line each; nothing when it is as it was sealed."""
        folder = self.path / name
        if name.endswith(SUFFIX) or not (folder / SUMS).exists():
            return [
                f"not sealed: go on with -e resume={name.removesuffix(SUFFIX)}"
                if name.endswith(SUFFIX)
                else "not sealed"
            ]
        return verify_sums(folder)


def run_names(archive: Path) -> list[str]:
    """Return the names in an archive that are run ids, sorted; whether they are sealed is another question."""
    with os.scandir(archive) as entries:
        return sorted(entry.name for entry in entries if RUN_ID.fullmatch(entry.name))
