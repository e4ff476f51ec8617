"""Where a run's code came from: the checkout's commit, its lock files, the control node."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from collect.paths import CHECKOUT

LOCKS = ("uv.lock", "apps/*.lock", "collect/*/*.lock", "roles/*/files/*.lock", "roles/*/files/*.txt")
COMMIT = re.compile(r"[0-9a-f]{40,64}")


def provenance(checkout: Path = CHECKOUT, *, locks: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the commit and whether there were changes (None without git), the lock files' sha256, the node.

    ``locks`` are sums of lock files by which hosts were provisioned instead of the checkout's own.
    """
    commit = _git(checkout, "rev-parse", "HEAD")
    changes = _git(checkout, "status", "--porcelain")
    own = sorted({path for pattern in LOCKS for path in checkout.glob(pattern) if path.is_file()})
    sums = {str(path.relative_to(checkout)): hashlib.sha256(path.read_bytes()).hexdigest() for path in own}
    return {
        "git": {"commit": commit, "dirty": None if changes is None else bool(changes)},
        "locks": {**sums, **(locks or {})},
        "control_node": {
            "hostname": platform.node(),
            "kernel": platform.release(),
            "python": platform.python_version(),
            "cpus": os.cpu_count(),
        },
    }


def knows(commit: str, checkout: Path = CHECKOUT) -> bool:
    """Say whether the checkout has a commit."""
    return bool(COMMIT.fullmatch(commit)) and _git(checkout, "cat-file", "-e", f"{commit}^{{commit}}") is not None


def _git(checkout: Path, *arguments: str) -> str | None:
    command = ["git", "-c", f"safe.directory={checkout}", "-C", str(checkout), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def file_at(commit: str, path: str, sha256: str, checkout: Path = CHECKOUT) -> str | None:
    """Return a file of the checkout as it was at a commit; None where that is not known here or has another sum.

    What commit and path say may come from anywhere: git is asked for nothing that is no commit.
    """
    if not COMMIT.fullmatch(commit):
        return None
    command = ["git", "-c", f"safe.directory={checkout}", "-C", str(checkout), "show", f"{commit}:{path}"]
    try:
        content = subprocess.run(command, capture_output=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return content.decode() if hashlib.sha256(content).hexdigest() == sha256 else None
