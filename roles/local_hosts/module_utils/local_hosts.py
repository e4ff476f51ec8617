"""What the modules of this role share: names, one writer at a time, commands, and the processes of a host.

A host is found by the cgroup that it was started in, never by a process name or a pid on file: the cgroup's name
holds the checkout's id, it lives as long as the host, and children cannot leave it.
"""

from __future__ import annotations

import contextlib
import fcntl
import fnmatch
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

CGROUPS = Path("/sys/fs/cgroup")
NETNS = Path("/run/netns")
POLL_S = 0.05
REMOVED_AT_A_TIME = 16


class HostsError(Exception):
    """What went wrong, where, and what to do about it, in one line."""


def unit_name(checkout_id: str, host: str) -> str:
    """Return the name of a host outside its own walls: of its machine, cgroup or unit, and network namespace."""
    return f"bench-{checkout_id}-{host}"


def run(*argv: str | Path, timeout_s: float = 60, stdin: str | None = None) -> str:
    """Return a command's output. It dies with this process. Raises HostsError with the command's last words."""
    command = ["setpriv", "--pdeathsig", "KILL", "--", *map(str, argv)]
    try:
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, timeout=timeout_s, check=False, errors="replace"
        )
    except subprocess.TimeoutExpired:
        raise HostsError(
            f"no answer in {timeout_s:.0f} s ({' '.join(command[4:])}): run it by hand to see why"
        ) from None
    if done.returncode:
        words = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise HostsError(f"{words} ({' '.join(command[4:])}): run it by hand to see more")
    return done.stdout


@contextlib.contextmanager
def exclusive(path: Path, wait_s: float = 900) -> Iterator[None]:
    """Let one process at a time work on what the lock file stands for; the file holds its pid."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as lock:
        deadline = time.monotonic() + wait_s
        while not _locked(lock):
            if time.monotonic() > deadline:
                holder = path.read_text()
                raise HostsError(f"process {holder} still works after {wait_s:.0f} s ({path}): wait for it, or end it")
            time.sleep(POLL_S)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        try:
            yield
        finally:
            lock.truncate(0)


@contextlib.contextmanager
def working(state_dir: Path, began: float) -> Iterator[None]:
    """Work on the hosts of a checkout, for a playbook that `began` then (unix time).

    A task may outlive its playbook: when that was killed and the hosts were taken down since, it does nothing more.
    """
    with exclusive(state_dir.with_suffix(".lock")):
        mark = _down_mark(state_dir)
        if mark.exists() and mark.stat().st_mtime > began:
            raise HostsError(f"the hosts were taken down meanwhile ({state_dir}): run hosts.yml again")
        yield


@contextlib.contextmanager
def taking_down(state_dir: Path) -> Iterator[None]:
    """Take the hosts of a checkout down: whoever works on them is killed, and what it started with it."""
    path = state_dir.with_suffix(".lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as lock:
        deadline = time.monotonic() + 30
        while not _locked(lock):
            holder = path.read_text()
            if holder and _has_open(int(holder), path):
                _signal([int(holder)], signal.SIGKILL)
            if time.monotonic() > deadline:
                raise HostsError(f"process {holder} does not end (SIGKILL): see what it waits for in /proc/PID/stack")
            time.sleep(POLL_S)
        _down_mark(state_dir).touch()
        yield


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _has_open(pid: int, path: Path) -> bool:
    """Say whether a process has a file open: the pid on file may be another's by now."""
    with contextlib.suppress(OSError):
        return any(fd.samefile(path) for fd in Path(f"/proc/{pid}/fd").iterdir())
    return False


def _down_mark(state_dir: Path) -> Path:
    return state_dir.with_suffix(".down")


def processes(unit: str) -> list[int]:
    """Return the pids of all processes of a host, its nspawn included. `unit` may be a pattern."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            parts = (entry / "cgroup").read_text().replace("\n", "/").split("/")
            # A dead process that nobody waits for (no init in a container, say) is not there.
            if (fnmatch.filter(parts, unit) or f"{unit}.service" in parts) and not _is_dead(entry):
                found.append(int(entry.name))
    return found


def _is_dead(process: Path) -> bool:
    return "\nState:\tZ" in (process / "status").read_text()


def leader(pids: Sequence[int]) -> int | None:
    """Return the host's process 1 as it is numbered outside, among the processes of the host."""
    for pid in pids:
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{pid}/status").read_text()
            numbers = status.partition("\nNSpid:")[2].partition("\n")[0].split()
            if len(numbers) == 2 and numbers[1] == "1":
                return pid
    return None


def supervisors(pids: Sequence[int]) -> list[int]:
    """Return those processes that are systemd-nspawn itself."""
    found = []
    for pid in pids:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/comm").read_text().strip() == "systemd-nspawn":
                found.append(pid)
    return found


def booted(unit: str) -> int | None:
    """Return the process 1 of a host that runs and is watched over by its nspawn; None where there is none."""
    pids = processes(unit)
    return leader(pids) if supervisors(pids) else None


def stop(units: Sequence[str], patience_s: float) -> bool:
    """End hosts: ask for a poweroff, then kill what is left after `patience_s`. Say whether any ran."""
    pids = [pid for unit in units for pid in processes(unit)]
    if not pids:
        return False
    # On SIGTERM systemd-nspawn has the host's init power off.
    _signal(supervisors(pids), signal.SIGTERM)
    patient_until = time.monotonic() + patience_s
    while pids := [pid for unit in units for pid in processes(unit)]:
        now = time.monotonic()
        if now > patient_until + 10:
            raise HostsError(f"processes {pids} do not end (SIGKILL): see what they wait for in /proc/PID/stack")
        if now > patient_until or not supervisors(pids):
            _signal(pids, signal.SIGKILL)
        time.sleep(POLL_S)
    return True


def _signal(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def booted_by_systemd() -> bool:
    """Say whether systemd is process 1 here, so that a host belongs into a unit of its own."""
    return Path("/run/systemd/system").is_dir()


def cgroup_hierarchies(*, cpu: bool = False) -> list[Path]:
    """Return where systemd keeps track of processes: cgroup v2, and v1's named hierarchy where there is one.

    With ``cpu`` also v1's hierarchy of the cpu controller, in which a host that is to give its units quotas needs a
    group of its own; v2 has all in one.
    """
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    wanted = {"name=systemd", "cpu"} if cpu else {"name=systemd"}
    return [
        Path(where)
        for _, where, kind, options, *_ in mounts
        if kind == "cgroup2" or (kind == "cgroup" and wanted & set(options.split(",")))
    ]


def remove_cgroups(pattern: str) -> bool:
    """Remove the empty cgroups that match a pattern, leaves first; say whether there were any."""
    removed = False
    for hierarchy in cgroup_hierarchies(cpu=True):
        for top in hierarchy.glob(pattern):
            for folder, _, _ in os.walk(top, topdown=False):
                Path(folder).rmdir()
                removed = True
    return removed


def close_connections(control_path_dir: Path) -> bool:
    """End the SSH connections that Ansible keeps open; say whether there were any."""
    sockets = [path for path in control_path_dir.glob("*") if path.is_socket()]
    for path in sockets:
        with contextlib.suppress(HostsError):
            run("ssh", "-F", "none", "-O", "exit", "-o", f"ControlPath={path}", "any", timeout_s=5)
        path.unlink(missing_ok=True)
    return bool(sockets)


def remove_tree(folder: Path) -> None:
    """Remove a folder, many of its files at a time.

    Where the disk is told of what is freed (mount option discard) one that is removed waits for it now and then: ten
    thousand one after another, as two provisioned hosts have, took 20 s. Links to folders go first: by one of them a
    host counts as made, which it must not where this is cut off. HostsError where the folder is a link itself.
    """
    if folder.is_symlink():
        raise HostsError(f"{folder} is a link (local_hosts): remove it, and what it leads to, by hand")
    found = list(os.walk(folder))
    for link in (Path(where, name) for where, names, _ in found for name in names if Path(where, name).is_symlink()):
        link.unlink()
    with ThreadPoolExecutor(REMOVED_AT_A_TIME) as pool:
        list(pool.map(Path.unlink, (Path(where, name) for where, _, names in found for name in names)))
    shutil.rmtree(folder)
