"""Which Pythons the hosts run, and where the control node has them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collect.errors import BenchError
from collect.paths import CHECKOUT


@dataclass(frozen=True)
class Wanted:
    """A Python that hosts are to have: its releases (such as 3.8), the most wanted first.

    ``installed`` is the release that uv installs where there is none, ``variable`` names a prefix in Ansible.
    """

    releases: tuple[str, ...]
    installed: str
    variable: str

    @property
    def name(self) -> str:
        """Return it in words."""
        return "Python " + " or ".join(self.releases)

    @property
    def remedy(self) -> str:
        """Return what to do where there is none."""
        return (
            f"install {self.name} on the control node (`uv python install {self.installed}` needs GitHub), "
            f"or name the prefix of one by -e {self.variable}=/path"
        )


ARTICLE = Wanted(("3.8",), "3.8", "python_prefix")
"""What the article had."""
MODERN = Wanted(("3.13", "3.12"), "3.12", "python_modern_prefix")
"""What apps/requirements-modern.lock is for."""
WANTED = {"article": ARTICLE, "modern": MODERN}


def release_of(facts: dict[str, Any]) -> str:
    """Return the release of an interpreter that was found, such as 3.8."""
    return ".".join(str(facts["version"]).split(".")[:2])


def find(wanted: Wanted = ARTICLE) -> dict[str, Any]:
    """Return what is to be known of the most wanted Python on this machine, installing one where there is none.

    Raises BenchError with the remedy.
    """
    uv = shutil.which("uv") or _own_uv()
    search = os.pathsep.join(_search_path(os.environ.get("PATH", ""), wanted))
    tries = [("find", release) for release in wanted.releases]
    if uv:
        tries += [("install", wanted.installed), ("find", wanted.installed)]
    said, unfit = "" if uv else "no uv to ask", None
    for what, release in tries:
        if not uv:
            path = shutil.which(f"python{release}", path=search)
        else:
            done = _uv([uv, "python", what, *(["--no-bin"] if what == "install" else []), release], search)
            said = last_line(done.stderr) or said
            path = done.stdout.strip() if what == "find" and done.returncode == 0 else None
        try:
            if path:
                return inspect(Path(path), wanted)
        except BenchError as error:
            unfit = unfit or error
    raise unfit or BenchError(f"there is no {wanted.name}", f"control node; {said}", wanted.remedy)


def below(prefix: Path, wanted: Wanted = ARTICLE) -> dict[str, Any]:
    """Return what is to be known of the most wanted Python of an installation; raises BenchError."""
    pythons = [prefix / "bin" / f"python{release}" for release in wanted.releases]
    return inspect(next((python for python in pythons if python.exists()), pythons[-1]), wanted)


def inspect(python: Path, wanted: Wanted) -> dict[str, Any]:
    """Return prefix, version and build of the interpreter; raises BenchError if it does not run or is not wanted."""
    program = (
        "import json, platform, sys, sysconfig as s\n"
        "unfit = [text for no, text in ((sys.version_info[3] != 'final', 'not a final release'),"
        " (s.get_config_var('Py_GIL_DISABLED'), 'free-threaded'),"
        " (sys.implementation.name != 'cpython', 'not CPython')) if no]\n"
        "print(json.dumps({'prefix': sys.base_prefix, 'version': platform.python_version(), 'compiler':"
        " platform.python_compiler(), 'config_args': s.get_config_var('CONFIG_ARGS') or '',"
        " 'cflags': s.get_config_var('PY_CFLAGS') or '', 'libc': '-'.join(platform.libc_ver()), 'unfit': unfit}))"
    )
    try:
        done = subprocess.run([python, "-I", "-c", program], capture_output=True, text=True, check=False, timeout=30)
    except OSError as error:
        raise BenchError("that Python cannot be run", f"{python}: {error.strerror}", wanted.remedy) from error
    if done.returncode:
        raise BenchError("that Python does not run", f"{python}: {last_line(done.stderr)}", wanted.remedy)
    facts: dict[str, Any] = json.loads(done.stdout)
    unfit = facts.pop("unfit")
    if release_of(facts) not in wanted.releases:
        what = f"that Python is {facts['version']}, wanted {' or '.join(wanted.releases)}"
        raise BenchError(what, str(python), wanted.remedy)
    if unfit:
        raise BenchError(f"that Python is {' and '.join(unfit)}", str(python), wanted.remedy)
    build = facts["config_args"] + facts["cflags"]
    facts["pgo"] = "--enable-optimizations" in build or "-fprofile-use" in build
    facts["lto"] = "--with-lto" in build or "-flto" in build
    return facts


def last_line(text: str) -> str:
    """Return the last line that says something, or nothing."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return lines[-1] if lines else ""


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


def _search_path(path: str, wanted: Wanted) -> list[str]:
    """Return PATH for a search: without pyenv's shims, which fail for versions not switched on, with its versions.

    Of these only releases, the newest first: not 3.13.0t, which is free-threaded, nor 3.13.0rc2 or 3.13-dev.
    """
    folders = [folder for folder in path.split(os.pathsep) if folder and Path(folder).name != "shims"]
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for release in wanted.releases:
        of = re.compile(re.escape(release) + r"\.(\d+)")
        patches = sorted(int(match[1]) for at in root.glob("versions/*/bin") if (match := of.fullmatch(at.parent.name)))
        folders += [f"{root}/versions/{release}.{patch}/bin" for patch in reversed(patches)]
    return folders
