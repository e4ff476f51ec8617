"""Tags and notes of a run, beside its sealed entry: ``<run_id>.labels.jsonl``, to which lines are only ever added.

A sealed run is never changed, and what people say of it afterwards is no part of it. Each line holds a sum of itself
and names the sum of the line before it, the first one that of the run's SHA256SUMS. So a line that was changed, taken
out or put in shows, and so do labels that lie beside another run. What somebody who knows this does to the last lines
does not: who needs that to show notes the sum of the last one elsewhere.
"""

from __future__ import annotations

import errno
import getpass
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collect.archive.durable import fsync_path
from collect.archive.lock import locked, writing
from collect.archive.names import RUN_ID, now
from collect.archive.store import Archive
from collect.archive.sums import NAME as SUMS
from collect.errors import BenchError
from collect.paths import shown

SUFFIX = ".labels.jsonl"
LOCK = ".labels.lock"
TAG, UNTAG, NOTE = "tag", "untag", "note"
KINDS = (TAG, UNTAG, NOTE)
KEYS = ("at", "kind", "text", "by", "previous")
SUM = "sum"
"""Key of a line's sum: sha256 of the JSON object that holds the other keys, in their order, as json.dumps writes it."""
TAG_TEXT = re.compile(r"\w[\w.+/-]{0,63}")
MAX_NOTE = 2000
"""Characters."""
MAX_BYTES = 2**22
"""Of a run's labels; more is not read."""


@dataclass(frozen=True)
class Note:
    """A sentence about a run: when (ISO 8601, UTC), by whom, what."""

    at: str
    by: str
    text: str


@dataclass(frozen=True)
class Labels:
    """What people say of a run: the tags it has now, in the order in which it got them, and all notes."""

    tags: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()


def path_of(archive: Archive, run_id: str) -> Path:
    """Return where the labels of a run are, if it has any."""
    return archive.path / f"{run_id}{SUFFIX}"


def labelled(archive: Archive) -> list[str]:
    """Return what stands before ``.labels.jsonl`` in the archive: ids of runs, if nobody put others there. Sorted."""
    with os.scandir(archive.path) as entries:
        return sorted(entry.name.removesuffix(SUFFIX) for entry in entries if entry.name.endswith(SUFFIX))


def labels(archive: Archive, run_id: str) -> Labels:
    """Return the tags and notes of a run; what cannot be read of them is left out (``check`` tells of it)."""
    try:
        return state(content_of(path_of(archive, run_id)))
    except OSError:
        return Labels()


def check(archive: Archive, run_id: str) -> list[str]:
    """Return what is wrong with the labels of a run, one line each; nothing where all is right or there are none."""
    path = path_of(archive, run_id)
    try:
        content = content_of(path)
    except FileNotFoundError:
        return []
    except OSError as error:
        return [f"{path.name}: {error.strerror}"]
    try:
        first = first_sum(archive, run_id)
    except OSError:
        return [f"{path.name}: there is no sealed run that it could be of"]
    return [f"{path.name}: {problem}" for problem in problems(content, first)]


def add(archive: Archive, run_id: str, kind: str, text: str, *, by: str | None = None) -> bool:
    """Add a line to the labels of a sealed run; say whether there was anything to add (a tag may be there already).

    Raises BenchError where there is no such run, kind or text, the labels are damaged, or the disk takes nothing.
    """
    return bool(add_all(archive, run_id, [(kind, text)], by=by))


def add_all(archive: Archive, run_id: str, said: Sequence[tuple[str, str]], *, by: str | None = None) -> int:
    """Add several lines at once, all or none, each a kind and its text; return how many there were to add."""
    for kind, text in said:
        _check_text(kind, text)
    path = path_of(archive, run_id)
    with locked(archive.path, LOCK), writing(path):
        # Not before it waits: meanwhile the run may be removed.
        if not RUN_ID.fullmatch(run_id) or not (archive.folder(run_id) / SUMS).is_file():
            raise BenchError(f'there is no sealed run "{run_id}"', shown(archive.path), "see `collect list`")
        try:
            content = content_of(path)
        except FileNotFoundError:
            content = b""
        except OSError as error:
            raise _damaged(archive, run_id, str(error.strerror)) from error
        # What a crash left unfinished was never told as done.
        whole = content[: content.rfind(b"\n") + 1]
        if found := problems(whole, first_sum(archive, run_id)):
            raise _damaged(archive, run_id, found[0])
        added = list(_news(state(whole), said, run_id))
        lines = _written(added, whole, first_sum(archive, run_id), _utf8(by or _who()))
        if len(whole) + len(lines) > MAX_BYTES:
            raise BenchError(f"the labels would be longer than {MAX_BYTES} bytes", shown(path), "say less")
        if added:
            _append(path, len(whole), lines)
    return len(added)


def state(content: bytes) -> Labels:
    """Return the tags and notes that the lines of a file come to; those that are no such lines are passed over."""
    tags: dict[str, None] = {}
    notes = []
    for raw in _complete(content):
        line = _line(raw)
        if line is None:
            continue
        if line["kind"] == TAG:
            tags[line["text"]] = None
        elif line["kind"] == UNTAG:
            tags.pop(line["text"], None)
        else:
            notes.append(Note(line["at"], line["by"], line["text"]))
    return Labels(tuple(tags), tuple(notes))


def problems(content: bytes, first: str) -> list[str]:
    """Return what is wrong with a file's content; ``first`` is the sum that its first line has to name."""
    if len(content) > MAX_BYTES:
        return [f"longer than {MAX_BYTES} bytes"]
    found = []
    previous = first
    for number, raw in enumerate(_complete(content), start=1):
        line = _line(raw)
        if line is None:
            found.append(f"line {number}: not a label")
        elif line["previous"] != previous:
            before = "line before it" if number > 1 else "run"
            found.append(f"line {number}: does not follow the {before}: one of the two was changed")
        previous = _sum(raw)
    if content and not content.endswith(b"\n"):
        found.append("the last line is unfinished; the next label takes its place")
    return found


def content_of(path: Path) -> bytes:
    """Return what a file holds, at most a little more than is taken; OSError where it is not a plain file."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "not a plain file", str(path))
        return file.read(MAX_BYTES + 1)


def first_sum(archive: Archive, run_id: str) -> str:
    """Return the sum that the first line of a run's labels names: sha256 of its SHA256SUMS. OSError without one."""
    return _sum((archive.folder(run_id) / SUMS).read_bytes())


def _news(known: Labels, said: Iterable[tuple[str, str]], run_id: str) -> Iterator[tuple[str, str]]:
    """Yield what is not so already; BenchError for a tag to be removed that is not there."""
    tags = set(known.tags)
    for kind, text in said:
        if kind == TAG and text in tags:
            continue
        if kind == UNTAG and text not in tags:
            remedy = f"it has {', '.join(known.tags)}" if known.tags else "it has no tags"
            raise BenchError(f'there is no tag "{text}"', run_id, remedy)
        if kind != NOTE:
            tags ^= {text}
        yield kind, text


def _written(said: Iterable[tuple[str, str]], before: bytes, first: str, by: str) -> bytes:
    """Return the lines to come after ``before``."""
    known = list(_complete(before))
    previous = _sum(known[-1]) if known else first
    lines = []
    for kind, text in said:
        line = _rendered({"at": now(), "kind": kind, "text": text, "by": by, "previous": previous})
        lines.append(line)
        previous = _sum(line)
    return b"".join(lines)


def _append(path: Path, at: int, lines: bytes) -> None:
    """Write lines behind the first ``at`` bytes of a file and bring them to the disk, or leave it as it was."""
    new = not path.exists()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        os.ftruncate(handle, at)
        if os.write(handle, lines) < len(lines):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # noqa: TRY301 (as the next write would say)
        os.fsync(handle)
    except OSError:
        os.ftruncate(handle, at)
        if new:
            path.unlink()
        raise
    finally:
        os.close(handle)
    if new:
        fsync_path(path.parent)


def _complete(content: bytes) -> list[bytes]:
    """Return the lines that end, each with its end."""
    return [line + b"\n" for line in content.split(b"\n")[:-1]]


def _line(raw: bytes) -> Mapping[str, str] | None:
    """Return what a line says; None where it is not to the byte as one is written."""
    try:
        said = json.loads(raw)
        if not isinstance(said, dict) or set(said) != {*KEYS, SUM} or raw != _rendered(said):
            return None
    except (ValueError, TypeError, RecursionError):
        return None
    if not all(isinstance(said[key], str) for key in KEYS) or said["kind"] not in KINDS:
        return None
    known: Mapping[str, str] = said
    return known if known["kind"] == NOTE or TAG_TEXT.fullmatch(known["text"]) else None


def _rendered(said: Mapping[str, Any]) -> bytes:
    """Return a line as it is written: what it says, and the sum of that."""
    told = {key: said[key] for key in KEYS}
    return f"{_json(told | {SUM: _sum(_json(told).encode())})}\n".encode()


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)


def _check_text(kind: str, text: str) -> None:
    """Raise BenchError for a kind or text that no line may have."""
    if kind not in KINDS:
        raise BenchError(f'"{kind}" is no kind of label', "labels", f"use one of {', '.join(KINDS)}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BenchError(f"the {kind} is not UTF-8", ascii(text)[:80], "write it in UTF-8") from error
    if kind == NOTE:
        if not text.strip() or len(text) > MAX_NOTE:
            problem = f"it has {len(text)} characters" if text.strip() else "it is empty"
            raise BenchError(f"no such note: {problem}", "note", f"write 1 to {MAX_NOTE} characters")
    elif not TAG_TEXT.fullmatch(text):
        remedy = "use up to 64 letters, digits and . _ + / -, a letter or digit first"
        raise BenchError(f'"{text[:80]}" cannot be a tag', "tag", remedy)


def _damaged(archive: Archive, run_id: str, problem: str) -> BenchError:
    remedy = f"see `collect verify {run_id}`; put the file back from a copy, or take it away"
    return BenchError(f"the labels are damaged: {problem}", shown(path_of(archive, run_id)), remedy)


def _who() -> str:
    """Return the user's name; of who uses sudo, the own one."""
    if name := os.environ.get("SUDO_USER"):
        return name
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _utf8(text: str) -> str:
    return text.encode(errors="replace").decode()


def _sum(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
