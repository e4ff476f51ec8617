"""The wheels of a lock file, downloaded once to the control node and checked against the lock."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from collect.errors import BenchError
from collect.paths import shown
from collect.provision.archive import MTIME, locked, sha256

REQUIREMENTS = "requirements.txt"
SUMS = "SHA256SUMS"
RECIPE = "1"  # raise it when what is in a wheelhouse changes
ARTICLE = "3.8"
ARTICLE_PLATFORMS = ("manylinux2014",)  # pip takes 2010 and 1 as well, which it knows to be older
# What the hosts' glibc 2.28 and newer can load (PEP 600), the newest first; of these pip knows no order of its own.
MODERN_PLATFORMS = (*(f"manylinux_2_{minor}" for minor in range(28, 16, -1)), "manylinux2014")
MACHINE = "x86_64"


@dataclass(frozen=True)
class Lock:
    """A set of packages: a name, the hash-locked file that lists it, and the release of Python that is to run it."""

    name: str
    path: Path
    python: str = ARTICLE

    @property
    def key(self) -> str:
        """Return what tells this lock from others, by content and Python; raises BenchError where there is no file."""
        if not self.path.is_file():
            remedy = "name one that is there, made by `uv pip compile --generate-hashes`"
            raise BenchError("there is no such lock file", shown(self.path), remedy)
        return sha256(self.path)[:12] + ("" if self.python == ARTICLE else f"-{self.tag}")

    @property
    def tag(self) -> str:
        """Return the Python as wheels name it."""
        return f"cp{self.python.replace('.', '')}"

    @property
    def target(self) -> list[str]:
        """Return the options by which pip chooses wheels for the hosts; it adds abi3 and pure Python by itself."""
        platforms = ARTICLE_PLATFORMS if self.python == ARTICLE else MODERN_PLATFORMS
        options = ["--python-version", self.python, "--implementation", "cp", "--abi", self.tag]
        return options + [word for name in platforms for word in ("--platform", f"{name}_{MACHINE}")]


def fill(lock: Lock, tools: Lock, cache: Path) -> Path:
    """Return the folder with the lock's wheels, pip's own, and a requirements file that pins each file's hash.

    The folder appears whole or not at all, and is checked each time. Raises BenchError naming what could not be
    downloaded or which file is not what it should be.
    """
    root = cache / "wheelhouse"
    helpers = _once(root / f"tools-{tools.key}-{RECIPE}", lambda folder: _download(tools, folder))
    name = f"{lock.name}-{lock.key}-{tools.key}-{RECIPE}"
    return _once(root / name, lambda folder: _fill(lock, helpers, folder))


def _once(folder: Path, make: Callable[[Path], None]) -> Path:
    """Return ``folder``, checked; made under another name first if it is not there."""
    with locked(folder.parent / f".{folder.name}"):
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix="filling-") as filling:
                made = Path(filling) / "done"
                make(made)
                files = sorted(path for path in made.iterdir() if path.is_file())
                (made / SUMS).write_text("".join(f"{sha256(path)}  {path.name}\n" for path in files))
                made.rename(folder)
        _check(folder)
    return folder


def _fill(lock: Lock, helpers: Path, folder: Path) -> None:
    """Download the lock's packages into ``folder`` and add what the hosts need to install them."""
    builders = folder.parent / "builders"
    pip = next(helpers.glob("pip-*.whl"))
    for wheel in set(helpers.glob("*.whl")) - {pip}:
        zipfile.ZipFile(wheel).extractall(builders)
    _download(lock, folder, builders)
    if sources := sorted(path for path in folder.iterdir() if path.suffix != ".whl"):
        _build(sources, folder, lock, builders)
    pins = [f"{_requirement(path)} --hash=sha256:{sha256(path)}\n" for path in sorted(folder.iterdir())]
    (folder / REQUIREMENTS).write_text("".join(pins))
    shutil.copy2(pip, folder / pip.name)


def _download(lock: Lock, folder: Path, builders: Path | None = None) -> None:
    """Download what the lock names for the hosts; sources only where ``builders`` can look into them."""
    wheels_only = [] if builders else ["--only-binary", ":all:"]
    options = ["--require-hashes", *lock.target, *wheels_only]
    _pip(["download", "--dest", str(folder), *options, "-r", str(lock.path)], lock, builders)


def _build(sources: list[Path], folder: Path, lock: Lock, builders: Path) -> None:
    """Build wheels of the packages that were only published as source; pure Python only, so any Python will do."""
    downloaded = set(folder.glob("*.whl"))
    arguments = ["wheel", "--wheel-dir", str(folder), "--no-index", *(str(path) for path in sources)]
    _pip(arguments, lock, builders, hashed=False)
    for path in sources:
        path.unlink()
    for path in sorted(set(folder.glob("*.whl")) - downloaded):
        if not path.name.endswith("-none-any.whl"):
            raise BenchError(
                f"{path.name} is not for the hosts' Python",
                shown(lock.path),
                f"lock a version that has a {lock.tag} wheel",
            )


def _pip(arguments: list[str], lock: Lock, builders: Path | None = None, *, hashed: bool = True) -> None:
    """Run the control node's pip; raises BenchError with the one line that says why it failed."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(MTIME), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    if builders:
        environment["PYTHONPATH"] = str(builders)
    options = ["--quiet", "--no-cache-dir", "--no-deps", "--no-build-isolation"]
    command = [sys.executable, "-m", "pip", arguments[0], *options, *arguments[1:]]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    if hashed and (wrong := re.search(r"^\s*(\S+==\S+) from (\S+).*?Got\s+([0-9a-f]{64})", done.stderr, re.S | re.M)):
        raise BenchError(
            f"{wrong[2].split('/')[-1].split('#')[0]} has the wrong hash {wrong[3][:16]}…, not one that the lock names",
            shown(lock.path),
            "do not use it: see why the index serves other bytes, or regenerate the lock as its first lines say",
        )
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ") and "Ignored" not in line]
    last = (errors or done.stderr.strip().splitlines() or ["pip said nothing"])[-1].removeprefix("ERROR: ")
    remedy = f"see that the package index can be reached and has it for {lock.tag}, and run this again"
    raise BenchError(last.rstrip("."), shown(lock.path), remedy)


def _check(folder: Path) -> None:
    """Compare each file with its hash; raises BenchError naming the first that differs."""
    for line in (folder / SUMS).read_text().splitlines():
        wanted, name = line.split("  ")
        found = sha256(folder / name) if (folder / name).is_file() else "missing"
        if found != wanted:
            what = f"{name} is missing" if found == "missing" else f"{name} has the wrong hash {found[:16]}…"
            raise BenchError(f"{what}, wanted {wanted[:16]}…", shown(folder), "remove that folder and run this again")


def _requirement(wheel: Path) -> str:
    name, version = wheel.name.split("-")[:2]
    return f"{name}=={version}"
