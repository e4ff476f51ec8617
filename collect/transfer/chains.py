"""Labels that come along with a run: taken where they go on from what the archive has, and only then.

Both are lists to which lines are only ever added, each naming the sum of the line before (collect/archive/labels.py).
So one is the begin of the other, or somebody labelled the run in two places: then only a person can tell what holds.
"""

from __future__ import annotations

from pathlib import Path

from collect.archive.durable import fsync_path, rename_durably
from collect.archive.labels import LOCK, MAX_BYTES, content_of, first_sum, path_of, problems
from collect.archive.lock import locked, writing
from collect.archive.store import Archive

NONE, ADDED, SAME = "", "labels added", "labels known already"
DIFFER = "labels not taken, they do not go on from those in the archive"
DAMAGED = "labels not taken, they are damaged"
NOT_TAKEN = (DIFFER, DAMAGED)


def merge_labels(source: Path, archive: Archive, run_id: str, scratch: Path) -> str:
    """Take the labels in a file into an archive that holds their run; return what became of them ("" for none).

    ``scratch`` is a folder on the archive's disk. BenchError where that takes no more; the archive's are whole then.
    """
    try:
        theirs = content_of(source)
    except FileNotFoundError:
        return NONE
    except OSError:
        return DAMAGED
    if len(theirs) > MAX_BYTES:
        return DAMAGED
    theirs = _whole_lines(theirs)
    if not theirs:
        return NONE
    if problems(theirs, first_sum(archive, run_id)):
        return DAMAGED
    path = path_of(archive, run_id)
    with locked(archive.path, LOCK), writing(path):
        try:
            ours = _whole_lines(content_of(path))
        except FileNotFoundError:
            ours = b""
        except OSError:
            return DIFFER
        if ours.startswith(theirs):
            return SAME
        if not theirs.startswith(ours):
            return DIFFER
        staged = scratch / path.name
        staged.write_bytes(theirs)
        fsync_path(staged)
        rename_durably(staged, path)
    return ADDED


def _whole_lines(content: bytes) -> bytes:
    """Return what a file holds without a last line that a crash left unfinished."""
    return content[: content.rfind(b"\n") + 1]
