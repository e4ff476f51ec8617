"""Archives that are the same bytes whenever their contents are the same."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import tarfile
from collections.abc import Iterator
from pathlib import Path

MTIME = 1686873600  # 2023-06-16, the day of the article


def files_of(folder: Path, *patterns: str) -> list[Path]:
    """Return the files and links under ``folder`` that match one of the patterns (none: all), sorted."""
    found = {path for pattern in patterns or ("**/*",) for path in folder.glob(pattern)}
    return sorted(path for path in found if path.is_file() or path.is_symlink())


def digest(folder: Path, files: list[Path]) -> str:
    """Return the sha256 over names, kinds and contents of the files."""
    whole = hashlib.sha256()
    for path in files:
        content = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
        name = f"{path.relative_to(folder)}\0{_mode(path):o}\0".encode()
        whole.update(name + hashlib.sha256(content).digest())
    return whole.hexdigest()


def pack(folder: Path, files: list[Path], to: Path) -> None:
    """Write the files as an uncompressed tar: sorted, of root, of one time, with plain modes."""
    with tarfile.open(to, "w", format=tarfile.GNU_FORMAT) as tar:
        for path in files:
            tar.add(path, arcname=str(path.relative_to(folder)), recursive=False, filter=_plain)


def sha256(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold ``folder`` for this process; another waits. The lock goes with the process, however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _mode(path: Path) -> int:
    return 0o755 if path.is_symlink() or path.stat().st_mode & 0o100 else 0o644


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    member.mtime = MTIME
    member.mode = 0o755 if member.mode & 0o100 or member.issym() else 0o644
    return member
