"""A Python of the hosts with exactly what a lock file names, made once and kept in the cache."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from collect.provision.pythons import ARTICLE, MODERN, Wanted, find, release_of

CHECKOUT = Path(__file__).resolve().parents[2]


def cache_dir() -> Path:
    """Return the folder for what is dear to make; BENCH_CACHE_DIR lets several checkouts share one."""
    return Path(os.environ.get("BENCH_CACHE_DIR") or CHECKOUT / ".state" / "cache")


def python38_with(lock: Path) -> Path:
    """Return the interpreter of a virtual environment of the article's Python that holds what ``lock`` names."""
    return _python_with(lock, ARTICLE, f"{lock.parent.name}-{_digest(lock)}")


def modern_python_with(lock: Path) -> Path:
    """Return the same of the modern Python."""
    return _python_with(lock, MODERN, f"{lock.parent.name}-modern-{_digest(lock)}")


def _digest(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()[:12]


def _python_with(lock: Path, wanted: Wanted, name: str) -> Path:
    folder = cache_dir() / "tests" / name
    python = folder / "bin" / "python"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".guard").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            found = find(wanted)
            uv("venv", "--clear", "--python", f"{found['prefix']}/bin/python{release_of(found)}", str(folder))
            install = ("pip", "install", "--compile-bytecode", "--require-hashes", "--python", str(python))
            uv(*install, "--requirement", str(lock))
            (folder / "ready").touch()
    return python


def uv(*arguments: str) -> str:
    """Run uv in the checkout, the one of script/bootstrap where that has made one, and return what it prints."""
    own = sorted((CHECKOUT / ".state").glob("uv-*/bin/uv"))
    command = str(own[-1]) if own else shutil.which("uv")
    assert command, "no uv: run script/bootstrap"
    done = subprocess.run([command, "--quiet", *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"uv {' '.join(arguments)}: {done.stderr}"
    return done.stdout
