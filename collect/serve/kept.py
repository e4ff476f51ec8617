"""Reports that were drawn once are kept beside the index, where they can be thrown away at any time."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from collect.archive.labels import path_of
from collect.archive.store import Archive
from collect.compare.heads import read_keys
from collect.errors import BenchError
from collect.paths import DATA_DIR
from collect.rerun.repeats import ODD, repeats_of

MOST = 40
"""Reports that are kept; a big one has some 5 MB."""
FILES = ("SHA256SUMS", "manifest.json", "trials.parquet", "samples.parquet", "requests.parquet")


def report_key(archive: Archive, run_id: str) -> str:
    """Return what differs wherever a run's report would: its sealed files, its labels, and the code that draws it.

    That of a run that repeats another is of others, too: any run that comes or goes changes the archive's folder.
    """
    digest = hashlib.sha256(_code().encode())
    folder = archive.folder(run_id)
    paths = [*(folder / name for name in FILES), path_of(archive, run_id)]
    if _repeats(archive, run_id):
        paths.append(archive.path)
    for path in paths:
        try:
            state = path.stat()
            digest.update(f"{path.name} {state.st_size} {state.st_mtime_ns} {state.st_ino}\n".encode())
        except FileNotFoundError:
            digest.update(f"{path.name} is not there\n".encode())
    return digest.hexdigest()[:32]


def kept(folder: Path | None, run_id: str, key: str, draw: Callable[[], str]) -> str:
    """Return the text that is kept under a run and a key; drawn and kept if need be.

    Where nothing can be kept (``folder`` is None, or cannot be written), it is drawn each time.
    """
    if folder is None:
        return draw()
    path = folder / f"{run_id}-{key}.html"
    try:
        text = path.read_text(encoding="utf-8")
        path.touch()
    except (OSError, UnicodeDecodeError):
        text = draw()
        with contextlib.suppress(OSError):
            _keep(path, text)
    return text


def _repeats(archive: Archive, run_id: str) -> bool:
    try:
        return repeats_of(read_keys(archive, run_id)) is not None
    except (BenchError, *ODD):
        return False  # whoever draws it says why


def _keep(path: Path, text: str) -> None:
    """Write it whole or not at all, then let go of what is too old or too much."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{secrets.token_hex(6)}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    others = sorted(path.parent.glob("*.html"), key=_touched, reverse=True)
    run_id = path.name.rpartition("-")[0]
    for number, other in enumerate(others):
        outdated = other != path and other.name.rpartition("-")[0] == run_id
        if number >= MOST or outdated:
            other.unlink(missing_ok=True)


def _touched(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


@functools.cache
def _code() -> str:
    """Return what differs wherever this package's code or data do, by the state of its files."""
    lines = []
    for folder, _, names in sorted(os.walk(DATA_DIR.parent)):
        for name in sorted(names):
            if name.endswith((".py", ".j2", ".yml")):
                state = (Path(folder) / name).stat()
                lines.append(f"{folder}/{name} {state.st_size} {state.st_mtime_ns}")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
