"""The code of then and that of now: the commit, which is told, and the lock files, which can be taken over.

Nothing is checked out here: a run with the code of then is one in a worktree of its own.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from collect.archive.provenance import COMMIT, file_at, knows
from collect.compare.heads import Head
from collect.compare.metadata import table
from collect.errors import BenchError
from collect.paths import CHECKOUT, shown

ENVIRONMENTS: Mapping[str, tuple[str, str]] = {
    "apps/requirements.lock": ("python_locks", "app"),
    "collect/sampler/requirements.lock": ("python_locks", "collector"),
    "collect/load/requirements.lock": ("python_locks", "load"),
    "roles/redis/files/requirements.lock": ("python_locks", "redis"),
    "apps/requirements-modern.lock": ("python_modern_locks", "app-modern"),
}
"""Lock files of what is installed on the hosts: the variable of the role python, and the key in it, that names each."""
CONTROL_NODE = "uv.lock"


def worktree(commit: Any, checkout: Path = CHECKOUT) -> str:
    """Return the command that gets the code of a commit, beside this checkout and without touching it; or how else."""
    if not (isinstance(commit, str) and COMMIT.fullmatch(commit)):
        return "the run names no commit"
    folder = f"../{checkout.name}-{commit[:8]}"
    command = f"git worktree add {shlex.quote(folder)} {commit[:12]}"
    return command if knows(commit, checkout) else f"git fetch, for this checkout has no such commit, then {command}"


def takable(head: Head, own: Mapping[str, str], despite: Collection[str], checkout: Path = CHECKOUT) -> dict[str, str]:
    """Return the sums of those lock files of a run that are other ones here, and of which git knows the text.

    Only those that comparisons ask for and that may not differ: what measures, the collector, goes with the code.
    """
    asked = (each for name, each in table().items() if name not in despite)
    compared = {path for each in asked for path in each.get("locks", ())}
    if not isinstance(head.commit, str):
        return {}
    return {
        name: sha256
        for name in sorted(compared & ENVIRONMENTS.keys())
        if isinstance(sha256 := head.locks.get(name), str)
        and sha256 != own.get(name)
        and file_at(head.commit, name, sha256, checkout) is not None
    }


def take(locks: Mapping[str, str], commit: str | None, folder: Path, checkout: Path = CHECKOUT) -> dict[str, Any]:
    """Write lock files, by name and sum, as a commit has them, below a folder; return what names them.

    That is each variable of the role python with all of its environments; nothing where there is nothing to take.
    BenchError where git does not know one of them (any more), or the folder cannot be written.
    """
    if not locks:
        return {}
    paths = {name: checkout / name for name in ENVIRONMENTS}
    for name, sha256 in locks.items():
        text = file_at(commit or "", name, sha256, checkout) if name in ENVIRONMENTS else None
        if text is None:
            remedy = "fetch that commit, or begin a new run"
            raise BenchError(f"the lock file {name} of commit {(commit or 'none')[:12]} is not known", "rerun", remedy)
        paths[name] = folder / f"{sha256[:16]}-{Path(name).name}"
        _write(paths[name], text)
    variables: dict[str, Any] = {}
    for name, (variable, environment) in ENVIRONMENTS.items():
        variables.setdefault(variable, {})[environment] = str(paths[name].resolve())
    return variables


def notes(head: Head, now: Mapping[str, Any], taken: Mapping[str, str], checkout: Path = CHECKOUT) -> list[str]:
    """Return what of the code is not as it was and is measured all the same, a line each."""
    said = []
    commit, dirty = now["git"]["commit"], now["git"]["dirty"]
    if head.commit != commit or commit is None:
        here = f"{(commit or 'unknown')[:8]}{'+' if dirty else ''}"
        said.append(f"the code was {head.code} and is {here}; to have that of then: {worktree(head.commit, checkout)}")
    elif dirty:
        said.append(f"the code is {head.code}, as it was, but for changes in this checkout")
    if head.dirty:
        said.append("the checkout of then had changes, which are on no record")
    if taken:
        said.append(f"installed on the hosts as it was then: {', '.join(taken)}")
    others = head.locks.get(CONTROL_NODE)
    if others is not None and others != now["locks"].get(CONTROL_NODE):
        said.append(f"the control node's own packages are other ones ({CONTROL_NODE})")
    return said


def _write(path: Path, text: str) -> None:
    """Write a file such that a reader sees it whole or not at all."""
    temporary = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(text.encode())
        temporary.replace(path)
    except OSError as error:
        remedy = "make room there, and let it be written"
        raise BenchError(f"cannot write: {error.strerror}", shown(path.parent), remedy) from error
