"""An environment of somebody who reads an archive without this project, made once and kept in the cache."""

from __future__ import annotations

import fcntl
import hashlib
import re
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.support.venv38 import CHECKOUT, cache_dir, uv

LOCK = CHECKOUT / "uv.lock"


def plain_python_with(*packages: str) -> Path:
    """Return the interpreter of an environment that holds these packages alone, as uv.lock has them.

    All that they need has to be named, too: what is missing ends the installation, which goes by hash.
    """
    text = requirements(uv("export", "--frozen", "--no-header", "--no-emit-project", "--no-annotate"), packages)
    folder = cache_dir() / "tests" / f"plain-{hashlib.sha256((sys.version + text).encode()).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".guard").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            release = ".".join(map(str, sys.version_info[:2]))
            uv("venv", "--python", f"{sys.base_prefix}/bin/python{release}", str(folder))
            wanted = folder / "requirements.txt"
            wanted.write_text(text)
            uv("pip", "install", "--require-hashes", "--python", str(python), "--requirement", str(wanted))
            (folder / "ready").touch()
    return python


def requirements(exported: str, packages: Iterable[str]) -> str:
    """Return of a list of requirements, as uv exports it, the entries of these packages, hashes and all."""
    entries = dict.fromkeys(packages, "")
    for entry in re.split(r"^(?=[A-Za-z0-9])", exported, flags=re.MULTILINE):
        if (name := re.split(r"[=\[ ;]", entry, maxsplit=1)[0]) in entries:
            entries[name] += entry
    missing = [name for name, entry in entries.items() if not entry]
    assert not missing, f"uv.lock has no {', '.join(missing)}"
    return "".join(entries.values())
