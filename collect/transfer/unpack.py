"""A tar from anywhere, unpacked into a new folder: plain files and folders with honest names, and not more than may be.

It is read twice. The first time nothing is written: every name, kind and length is looked at, so that a bad tar leaves
nothing behind, not even for a moment. The second time the same is looked at again.
"""

from __future__ import annotations

import contextlib
import gzip
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn

from collect.errors import BenchError
from collect.paths import shown

MAX_BYTES = 2**36
"""Of all files of a tar together, unpacked: 64 GiB, thousands of runs."""
MAX_FILES = 2**18
MAX_DEPTH = 16
MAX_HEADER = 2**20
"""Bytes that may say of one file what it is called and how long it is; a tar's reader holds them in memory."""
PIECE = 2**16
GZIP = b"\x1f\x8b"
REMEDY = "nothing was unpacked; make it anew by `collect bundle`, or by tar -cz of a run's folder"
WRONG = (tarfile.TarError, zlib.error, EOFError, ValueError, ArithmeticError, LookupError, RecursionError, OSError)


@dataclass(frozen=True)
class _Member:
    parts: tuple[str, ...]
    folder: bool
    size_bytes: int
    begin: int
    """Where its content begins in the stream."""


def survey(path: Path, room_bytes: int = MAX_BYTES) -> int:
    """Look through a tar (plain or gzip) and return how many bytes its files have.

    BenchError unless all of it may be unpacked: it is a tar, holds nothing but plain files and folders that lie within
    it, and of these not more than MAX_FILES, MAX_BYTES and the room that there is.
    """
    size_bytes = 0
    with path.open("rb") as raw:
        for member in _members(_Stream(raw), path, room_bytes):
            size_bytes += member.size_bytes
    return size_bytes


def unpack(path: Path, folder: Path, room_bytes: int = MAX_BYTES) -> None:
    """Unpack a tar into a folder that is there and empty.

    Raises BenchError as ``survey`` does, or when a file comes twice or is cut off; OSError when the disk takes no more.
    """
    with path.open("rb") as raw:
        stream = _Stream(raw)
        for member in _members(stream, path, room_bytes):
            target = folder.joinpath(*member.parts)
            try:
                if member.folder:
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                file = target.open("xb")
            except (FileExistsError, NotADirectoryError) as error:
                raise BenchError(f"{told('/'.join(member.parts))} comes twice", shown(path), REMEDY) from error
            with file:
                for piece in _content(stream, member, path):
                    file.write(piece)


class _Stream:
    """What a file unpacks to, read forwards only and never more at once than is allowed, with what tarfile asks for."""

    def __init__(self, raw: IO[bytes]) -> None:
        packed = raw.read(len(GZIP)) == GZIP
        raw.seek(0)
        self._file: Any = gzip.GzipFile(fileobj=raw) if packed else raw
        self._at = 0
        self.allowed = MAX_HEADER
        """Bytes that may be read until this is set again."""

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= self.allowed:
            raise tarfile.ReadError("a header is too long")
        self.allowed -= size
        return self._read(size)

    def tell(self) -> int:
        return self._at

    def seek(self, at: int) -> int:
        if at < self._at:
            raise tarfile.ReadError("it does not go on forwards")
        while self._at < at and self._read(min(PIECE, at - self._at)):
            pass
        return self._at

    def _read(self, size: int) -> bytes:
        found: bytes = self._file.read(size)
        self._at += len(found)
        return found


def _members(stream: _Stream, path: Path, room_bytes: int) -> Iterator[_Member]:
    """Yield what a tar holds, each member once it was looked at; BenchError at the first that may not be unpacked."""
    files = size_bytes = 0
    tar: tarfile.TarFile | None = None
    readable: Any = stream
    while True:
        stream.allowed = MAX_HEADER
        with _reading(path):
            # A TarFile reads the first header when it is made.
            tar = tar or tarfile.TarFile(fileobj=readable, mode="r", errorlevel=2)
            found = tar.next()
            # It would keep all that it has seen (what reads a tar as an iterator does the same).
            tar.members = []  # type: ignore[attr-defined]
        if found is None:
            return
        member = _checked(found, path)
        files += 1
        size_bytes += member.size_bytes
        if files > MAX_FILES or size_bytes > MAX_BYTES:
            problem = f"it would unpack to more than {MAX_FILES:,} files or {MAX_BYTES // 2**30} GiB"
            raise BenchError(problem, shown(path), REMEDY)
        if size_bytes > room_bytes:
            problem = f"it would unpack to more than the {room_bytes // 2**20} MiB that are free"
            raise BenchError(problem, shown(path), "free some space, or import it into an archive on another disk")
        if member.parts:
            yield member


def _checked(found: tarfile.TarInfo, path: Path) -> _Member:
    """Return a member if it is a plain file or folder below the place where it is to be; else BenchError."""
    name = found.name
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if found.issparse() or not (found.isreg() or found.isdir()):
        _refuse(path, name, "is neither a plain file nor a folder")
    if name.startswith("/") or ".." in parts or len(parts) > MAX_DEPTH:
        _refuse(path, name, "lies outside of the tar or too deep in it")
    if not name.isprintable() or "\\" in name or any(len(part.encode()) > 255 for part in parts):
        _refuse(path, name, "is no name of a file of a run")
    if found.size < 0 or (found.isdir() and found.size) or not (parts or found.isdir()):
        _refuse(path, name, "cannot be")
    # A second opinion, where this Python has it.
    if data_filter := getattr(tarfile, "data_filter", None):
        try:
            data_filter(found, "/nowhere")
        except tarfile.TarError as error:
            raise BenchError(f"it holds {told(name)}: {told(str(error))}", shown(path), REMEDY) from error
    return _Member(parts, found.isdir(), found.size, found.offset_data)


def _content(stream: _Stream, member: _Member, path: Path) -> Iterator[bytes]:
    """Yield a file's content in pieces; BenchError when it ends too early."""
    with _reading(path):
        stream.seek(member.begin)
    left = member.size_bytes
    while left:
        stream.allowed = PIECE
        with _reading(path):
            piece = stream.read(min(PIECE, left))
        if not piece:
            raise BenchError("it is cut off", shown(path), REMEDY)
        left -= len(piece)
        yield piece


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn what is wrong with a tar into a BenchError; what is wrong with a disk passes."""
    try:
        yield
    except WRONG as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        said = str(error).strip() or type(error).__name__
        raise BenchError(f"it cannot be read as a tar: {told(said.splitlines()[0])}", shown(path), REMEDY) from error


def _refuse(path: Path, name: str, problem: str) -> NoReturn:
    raise BenchError(f'it holds "{told(name)}", which {problem}', shown(path), REMEDY)


def told(text: str) -> str:
    """Return a text from a tar as it may be said: short, and without what a terminal would obey."""
    return "".join(character if character.isprintable() else "?" for character in text[:120])
