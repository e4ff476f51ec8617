"""A host before and after: what of its files, settings, units, users and packages is not as it was."""

from __future__ import annotations

import base64
import fnmatch
import json
import shlex
import zlib
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).parent / "looked_at.py"

SKIPPED = (
    # What the kernel makes, and what ends with the boot.
    "/proc", "/sys", "/dev", "/run",
    # What comes and goes.
    "/tmp", "/var/tmp", "/var/log", "/var/cache", "/lost+found",
    # What apt knows of its mirrors, dpkg of its packages (those are listed by name), systemd of itself.
    "/var/lib/apt", "/var/lib/dpkg", "/var/lib/systemd",
    # Whom sudo has told what it is.
    "/var/lib/sudo",
)  # fmt: skip
"""Folders of a host that are not looked into, as patterns."""

CHANGING = (
    # Copies that the tools for users keep of the files before, and their lock.
    "/etc/passwd-", "/etc/shadow-", "/etc/group-", "/etc/gshadow-", "/etc/subuid-", "/etc/subgid-", "/etc/.pwd.lock",
    # The linker's memory of where libraries are.
    "/etc/ld.so.cache",
    # Byte code that Python writes beside its own library when it first needs it.
    "/usr/lib/python3*/__pycache__*", "/usr/lib/python3*.pyc",
    # Counts, dice and switches of the kernel, which nobody sets.
    "/proc/sys/fs/dentry-state", "/proc/sys/fs/file-nr", "/proc/sys/fs/inode-*", "/proc/sys/fs/aio-nr",
    "/proc/sys/fs/binfmt_misc*", "/proc/sys/fs/quota/*", "/proc/sys/kernel/ns_last_pid", "/proc/sys/kernel/pty/nr",
    "/proc/sys/kernel/random/*", "/proc/sys/kernel/perf_event_max_sample_rate", "/proc/sys/kernel/tainted",
    "/proc/sys/kernel/hung_task_detect_count",
    "/proc/sys/vm/stat_refresh", "/proc/sys/net/netfilter/nf_conntrack_count", "/proc/sys/net/ipv4/tcp_fastopen_key",
)  # fmt: skip
"""Files and settings that change by themselves, as patterns."""

PASSING_UNITS = (
    "user@*", "user-runtime-dir@*", "session-*", "sshd@*", "ssh@*",
    "systemd-*", "run-*", "apt-daily*", "dpkg-db-backup*", "ldconfig*",
)  # fmt: skip
"""Units that run for a while at times of their own, at some boots, or for who has logged in."""
SHOWN = 20

Fingerprint = Mapping[str, Mapping[str, Any]]
"""By kind (files, sysctls, tuned, units, users, groups, packages) and name: what it is."""


def take(run: Callable[[str], str], changing: Collection[str] = ()) -> Fingerprint:
    """Return what a host is now; ``run`` runs a shell command there as root and returns what it prints.

    What matches a pattern of ``changing`` is left out, beside what is left out anyway.
    """
    left_out = json.dumps({"skipped": SKIPPED, "changing": [*CHANGING, *changing]})
    packed = base64.b64encode(zlib.compress(PROGRAM.read_bytes())).decode()
    unpack = f"import base64, zlib; exec(zlib.decompress(base64.b64decode({packed!r})))"
    found: dict[str, dict[str, Any]] = json.loads(run(shlex.join(["python3", "-B", "-c", unpack, left_out])))
    units = {name: state.removesuffix(" active") if passing(name) else state for name, state in found["units"].items()}
    found["units"] = {
        name: state for name, state in units.items() if state and not (passing(name) and state == "transient")
    }
    return found


def take_all(run: Mapping[str, Callable[[str], str]], changing: Collection[str] = ()) -> dict[str, Fingerprint]:
    """Return what each of some hosts is now, by its name; they are looked at side by side."""
    with ThreadPoolExecutor() as pool:
        return dict(zip(run, pool.map(lambda each: take(each, changing), run.values()), strict=True))


def passing(unit: str) -> bool:
    """Say whether a unit runs for a while, whatever is done to the host."""
    return any(fnmatch.fnmatch(unit, pattern) for pattern in PASSING_UNITS)


def differences(before: Fingerprint, after: Fingerprint) -> list[str]:
    """Return what is not as it was, a line each: come, gone or changed."""
    lines = []
    for kind in before:
        one, other = before[kind], after[kind]
        lines += [f"{kind}: {name} has come" for name in sorted(other.keys() - one.keys())]
        lines += [f"{kind}: {name} has gone" for name in sorted(one.keys() - other.keys())]
        lines += [
            f"{kind}: {name} was {one[name]}, is {other[name]}"
            for name in sorted(one.keys() & other.keys())
            if one[name] != other[name]
        ]
    return lines


def assert_same(before: Fingerprint, after: Fingerprint) -> None:
    """See that nothing has changed, and say what has."""
    found = differences(before, after)
    more = f"\n... and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    assert not found, "\n".join(found[:SHOWN]) + more
