"""What there is of a host, as JSON: files, kernel settings, units, users, packages, what tuning touches.

Runs on the hosts as a script with their own Python (3.8 or newer), as root. What is left out (see fingerprint.py) is
told to it as JSON in its first argument: ``skipped`` folders and ``changing`` files and settings, as patterns.
"""

from __future__ import annotations

import fnmatch
import grp
import hashlib
import json
import os
import pwd
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

PACKAGE = "${Package} ${Version} ${db:Status-Status}\\n"
TUNED = (
    "sys/devices/system/cpu/cpu*/online",
    "sys/devices/system/cpu/cpufreq/policy*/scaling_governor",
    "sys/devices/system/cpu/intel_pstate/no_turbo",
    "sys/devices/system/cpu/cpufreq/boost",
    "proc/irq/*/smp_affinity_list",
    "proc/irq/default_smp_affinity",
)


def files(root: str, skipped: list[str], changing: list[str]) -> dict[str, list[str]]:
    """Return kind, mode, owner, group and content of each file, folder and link of the root's own file system."""
    found: dict[str, list[str]] = {}
    for name, path in walk(root, "", os.lstat(root or "/").st_dev, skipped):
        if matches(name, changing):
            continue
        try:
            status = os.lstat(path)
            kind, mode = oct(stat.S_IFMT(status.st_mode)), oct(stat.S_IMODE(status.st_mode))
            content = ""
            if stat.S_ISREG(status.st_mode):
                content = digest(path)
            elif stat.S_ISLNK(status.st_mode):
                content = os.readlink(path)  # noqa: PTH115 - thousands of them
        except FileNotFoundError:  # it has just gone
            continue
        found[name] = [kind, mode, owner(status.st_uid), group(status.st_gid), content]
    return found


def walk(root: str, folder: str, device: int, skipped: list[str]) -> Iterator[tuple[str, str]]:
    """Return name and path of all below a folder that is on this device, but for what is skipped."""
    for entry in sorted(os.scandir(root + folder or "/"), key=lambda each: each.name):
        name = f"{folder}/{entry.name}"
        if matches(name, skipped):
            continue
        yield name, entry.path
        try:
            if entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_dev == device:
                yield from walk(root, name, device, skipped)
        except (FileNotFoundError, PermissionError):
            continue


def matches(name: str, patterns: list[str]) -> bool:
    """Say whether a name matches one of some patterns."""
    return _one_of(tuple(patterns)).match(name) is not None


@lru_cache
def _one_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """Return what matches as one of the patterns does: a host has tens of thousands of names."""
    return re.compile("|".join(map(fnmatch.translate, patterns)) or "(?!)")


def digest(path: str) -> str:
    """Return the SHA-256 of a file."""
    found = hashlib.sha256()
    with open(path, "rb") as file:  # noqa: PTH123 - thousands of them
        while chunk := file.read(1 << 20):
            found.update(chunk)
    return found.hexdigest()


@lru_cache  # else each file has /etc/passwd read again
def owner(uid: int) -> str:
    """Return a user's name, or the number that has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


@lru_cache
def group(gid: int) -> str:
    """Return a group's name, or the number that has none."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def settings(patterns: list[str], changing: list[str]) -> dict[str, str]:
    """Return what files of the kernel hold, those that can be read."""
    found: dict[str, str] = {}
    for pattern in patterns:
        for path in sorted(Path("/").glob(pattern)):
            if path.is_dir() or matches(str(path), changing):
                continue
            try:
                if not path.stat().st_mode & 0o444:  # a switch, not a setting
                    continue
                found[str(path)] = path.read_text(errors="replace").strip()
            except OSError:
                continue
    return found


def said(*command: str) -> list[str]:
    """Return the lines that a command prints, sorted; none where it is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return []
    return sorted(line.strip() for line in done.stdout.splitlines() if line.strip())


def units() -> dict[str, str]:
    """Return the unit files with their states, and which services run."""
    found = {}
    for line in said("systemctl", "list-unit-files", "--no-legend", "--no-pager", "--full"):
        name, state = line.split()[:2]
        found[name] = state
    running = ("--all", "--state=active", "--type=service")
    for line in said("systemctl", "list-units", "--plain", "--no-legend", "--no-pager", "--full", *running):
        found[line.split()[0]] = found.get(line.split()[0], "") + " active"
    return found


def main() -> None:
    """Print it all."""
    left_out = json.loads(sys.argv[1])
    sys.stdout.write(
        json.dumps(
            {
                "files": files("", left_out["skipped"], left_out["changing"]),
                "sysctls": settings(["proc/sys/**/*"], left_out["changing"]),
                "tuned": settings(list(TUNED), left_out["changing"]),
                "units": units(),
                "users": dict.fromkeys(said("getent", "passwd"), ""),
                "groups": dict.fromkeys(said("getent", "group"), ""),
                "packages": dict.fromkeys(said("dpkg-query", "-W", "-f", PACKAGE), ""),
            }
        )
    )


if __name__ == "__main__":
    main()
