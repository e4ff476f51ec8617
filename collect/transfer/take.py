"""Runs taken into an archive: copied beside the others, verified there, on the disk, and only then given their names.

A failure or a crash at any moment leaves the archive as it was; of a crash a folder ``.incoming-*`` may be left, which
the next import removes.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from collect.archive.durable import fsync_tree, rename_durably
from collect.archive.labels import SUFFIX as LABELS
from collect.archive.lock import locked, writing
from collect.archive.names import RUN_ID, SUFFIX
from collect.archive.store import Archive
from collect.archive.sums import NAME as SUMS
from collect.archive.sums import verify_sums
from collect.errors import BenchError
from collect.paths import shown
from collect.transfer.chains import merge_labels
from collect.transfer.unpack import survey, told, unpack

INCOMING = ".incoming-"
LOCK = ".import.lock"
TABLES = ("trials", "samples", "requests")
IMPORTED, SAME = "imported", "the same is there already"
RESERVE_BYTES = 2**24
"""What an import leaves free."""
ZIP = b"PK\x03\x04"


class RefusedError(BenchError):
    """A run that is not taken; others may be."""


@dataclass(frozen=True)
class Taken:
    """What became of a run that was to be taken."""

    run_id: str
    outcome: str
    """IMPORTED or SAME."""
    labels: str
    """What became of its labels (see collect.transfer.chains); "" where none came along."""


def items(path: Path) -> list[Path]:
    """Return what is to be taken one by one: a run's folder, those in an archive, or a tar.

    BenchError where there is no such thing.
    """
    where = shown(path)
    remedy = "name a run's folder, an archive or a tar"
    if path.is_dir():
        if path.name.endswith(SUFFIX):
            run_id = path.name.removesuffix(SUFFIX)
            raise BenchError("the run is not sealed", where, f"go on with -e resume={run_id} where it is measured")
        if (path / SUMS).is_file():
            return [path]
        if found := [path / run_id for run_id in Archive(path).run_ids()]:
            return found
        raise BenchError("there is no sealed run in it", where, remedy)
    if not path.is_file():
        problem = "it is neither a folder nor a file" if path.exists() else "there is nothing of that name"
        raise BenchError(problem, where, remedy)
    with path.open("rb") as file:
        if file.read(len(ZIP)) == ZIP:
            raise BenchError("a zip is not taken as it is", where, "unpack it, then import the folder")
    return [path]


@contextlib.contextmanager
def importing(folder: Path) -> Iterator[Importer]:
    """Make the archive if need be, hold it against other imports, which wait; BenchError where it cannot be written."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, LOCK):
        incoming = folder / f"{INCOMING}{secrets.token_hex(4)}"
        with writing(folder):
            for left in folder.glob(f"{INCOMING}*"):
                shutil.rmtree(left)
            incoming.mkdir()
        try:
            yield Importer(Archive(folder), incoming)
        finally:
            shutil.rmtree(incoming, ignore_errors=True)


class Importer:
    """Takes runs into an archive (see ``importing``)."""

    def __init__(self, archive: Archive, incoming: Path) -> None:
        """Take runs into ``archive`` by way of a folder on the same disk."""
        self._archive = archive
        self._incoming = incoming

    def take(self, item: Path) -> Iterator[Taken | RefusedError]:
        """Take one of ``items``; yield what became of each run in it.

        Raises BenchError when a tar may not be unpacked or holds no run, or the disk takes no more.
        """
        if item.is_dir():
            yield self._tried(_Arrival(item, shown(item), own=False))
            return
        unpacked = self._incoming / f"tar-{secrets.token_hex(4)}"
        try:
            room_bytes = self._room_bytes()
            survey(item, room_bytes)
            with writing(self._archive.path):
                unpacked.mkdir()
                unpack(item, unpacked, room_bytes)
            found = _runs_below(unpacked)
            if not found:
                remedy = f"a run has a {SUMS}; tar its folder whole"
                raise BenchError("there is no sealed run in it", shown(item), remedy)
            for folder in found:
                yield self._tried(_Arrival(folder, f"{shown(item)}: {folder.relative_to(unpacked)}", own=True))
        finally:
            shutil.rmtree(unpacked, ignore_errors=True)

    def _tried(self, run: _Arrival) -> Taken | RefusedError:
        try:
            return self._take(run)
        except RefusedError as error:
            return error

    def _take(self, run: _Arrival) -> Taken:
        run_id = run.run_id()
        target = self._archive.folder(run_id)
        if target.exists() or target.is_symlink():
            self._hold_against(run, target)
            return Taken(run_id, SAME, merge_labels(run.labels, self._archive, run_id, self._incoming))
        if (under_way := target.with_name(f"{run_id}{SUFFIX}")).exists():
            remedy = "seal it here, or import into another archive"
            raise RefusedError(f"the run {run_id} is under way here", shown(under_way), remedy)
        staged = self._incoming / run_id
        try:
            with writing(self._archive.path):
                if run.own:
                    run.folder.rename(staged)
                else:
                    self._copy(run, staged)
            self._check(run, run_id)
            with writing(self._archive.path):
                _make_read_only(staged)
                fsync_tree(staged)
                rename_durably(staged, target)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
        return Taken(run_id, IMPORTED, merge_labels(run.labels, self._archive, run_id, self._incoming))

    def _copy(self, run: _Arrival, target: Path) -> None:
        """Copy a run's folder; RefusedError where it holds anything but plain files and folders."""
        files = [(path, path.stat().st_size) for path in run.files()]
        if sum(size for _, size in files) > self._room_bytes():
            remedy = "free some space, or import into an archive on another disk"
            raise BenchError(f"there is no room for the run {run.folder.name}", shown(self._archive.path), remedy)
        target.mkdir()
        for path, _ in files:
            copy = target / path.relative_to(run.folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy, follow_symlinks=False)

    def _check(self, run: _Arrival, run_id: str) -> None:
        """Raise RefusedError unless what has arrived is a sealed run to the byte, of this id, that can be read here."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        arrived = Archive(self._incoming)
        folder = arrived.folder(run_id)
        problems = arrived.verify(run_id)
        problems += [f"{name}.parquet: missing" for name in TABLES if not (folder / f"{name}.parquet").is_file()]
        if problems:
            raise run.damaged(*problems)
        try:
            arrived.manifest(run_id)
            for name in TABLES:
                pq.read_schema(folder / f"{name}.parquet")
            with pq.ParquetFile(folder / "trials.parquet") as file:
                ids = set(file.read(columns=["run_id"]).column("run_id").to_pylist())
        except BenchError as error:
            raise RefusedError(told(error.what), run.where, told(error.remedy)) from error
        except (OSError, pa.ArrowException, KeyError) as error:
            raise run.damaged("its tables cannot be read") from error
        if ids - {run_id}:
            raise run.damaged("its trials are of another run")

    def _hold_against(self, run: _Arrival, mine: Path) -> None:
        """Raise RefusedError unless a run and the one in the archive are the same, and both as they were sealed."""
        try:
            same = (run.folder / SUMS).read_bytes() == (mine / SUMS).read_bytes()
        except OSError:
            same = False
        if not same:
            remedy = f"one of the two was changed after it was sealed, see `collect verify {mine.name}`"
            raise RefusedError(f"another run {mine.name} is in the archive", run.where, remedy)
        if problems := verify_sums(run.folder):
            raise run.damaged(*problems)
        if problems := verify_sums(mine):
            problem = f"the run is in the archive, and damaged there: {told(problems[0])}"
            raise RefusedError(problem, shown(mine), "move it away, then import it again")

    def _room_bytes(self) -> int:
        return max(0, shutil.disk_usage(self._archive.path).free - RESERVE_BYTES)


@dataclass(frozen=True)
class _Arrival:
    """A run that is to be taken."""

    folder: Path
    where: str
    """What the user calls it."""
    own: bool
    """Whether the folder is our own, to be moved, or is to be copied."""

    @property
    def labels(self) -> Path:
        """Where its labels are, if any came along."""
        return self.folder.with_name(f"{self.folder.name}{LABELS}")

    def run_id(self) -> str:
        """Return the id that its manifest says; RefusedError where that says none."""
        path = self.folder / "manifest.json"
        if not path.is_file():  # a pipe would never end
            raise self.damaged("its manifest cannot be read")
        try:
            run_id = json.loads(path.read_bytes())["run_id"]
        except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            raise self.damaged("its manifest cannot be read") from error
        if not isinstance(run_id, str) or not RUN_ID.fullmatch(run_id):
            raise self.damaged("its manifest names no run")
        return run_id

    def files(self) -> list[Path]:
        """Return all of its files; RefusedError where it holds anything but plain files and folders."""
        found = []
        for parent, folders, names in os.walk(self.folder):
            for name in (*folders, *names):
                path = Path(parent, name)
                mode = path.lstat().st_mode
                if stat.S_ISREG(mode) and name.isprintable() and os.access(path, os.R_OK):
                    found.append(path)
                elif not (stat.S_ISDIR(mode) and name.isprintable()):
                    raise self.damaged(f"{name}: not a plain file that can be read")
        return sorted(found)

    def damaged(self, *problems: str) -> RefusedError:
        """Return the error that says what is wrong with it."""
        more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
        remedy = "get it again from where it was measured"
        return RefusedError(f"the run is damaged: {told(problems[0])}{more}", self.where, remedy)


def _runs_below(folder: Path) -> list[Path]:
    """Return the folders of runs in what was unpacked: those that hold sums and lie in no other such."""
    found: list[Path] = []
    for sums in sorted(folder.rglob(SUMS), key=lambda path: (len(path.parts), path)):
        if sums.is_file() and not any(run in sums.parents for run in found):
            found.append(sums.parent)
    return found


def _make_read_only(folder: Path) -> None:
    """Give all files the mode of sealed ones."""
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o444)
    folder.chmod(0o755)
