"""Who else uses a host: people who are logged in, and what takes CPU."""

from __future__ import annotations

import os
import re
import struct
import time
from pathlib import Path
from typing import Any

from .reading import text

UTMP = struct.Struct("<h2xi32s4s32s256s2hi2i4i20s")  # utmp(5): type, pid, line, id, user, host, and more
USER_PROCESS = 7
OWN_UNITS = "bench-"
SHOWN = 3
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def people(root: Path = Path("/")) -> list[str]:
    """Return who is logged in besides who asks, such as ``alice (ssh, from 192.0.2.9)``.

    That is the user of this process' session, from the same host. As systemd-logind tells it; where there is none, by
    utmp.
    """
    folder = root / "run/systemd/sessions"
    if not folder.is_dir():
        return _by_utmp(root)
    own = re.search(r"/session-([^/\n]+)\.scope", text(root / "proc/self/cgroup") or "")
    me = _session(folder / own[1]) if own else {}
    found = []
    for path in sorted(folder.iterdir()):
        # The fifos beside them (3.ref) are logind's; reading one would wait for ever.
        if not path.is_file() or (own and own[1] == path.name):
            continue
        said = _session(path)
        if not said.get("USER") or not said.get("CLASS", "user").startswith("user") or said.get("STATE") == "closing":
            continue
        if said.get("REMOTE_HOST") and all(said.get(name) == me.get(name) for name in ("USER", "REMOTE_HOST")):
            continue  # another line of who asks
        where = [said.get("SERVICE") or said.get("TYPE") or "", said.get("TTY") or ""]
        if said.get("REMOTE_HOST"):
            where.append(f"from {said['REMOTE_HOST']}")
        found.append(f"{said['USER']} ({', '.join(filter(None, where))})")
    return found


def _session(path: Path) -> dict[str, str]:
    """Return what logind's file says of a session."""
    return dict(line.split("=", 1) for line in (text(path) or "").splitlines() if "=" in line)


def _by_utmp(root: Path) -> list[str]:
    try:
        data = (root / "run/utmp").read_bytes()
    except OSError:
        return []
    found = []
    for kind, pid, line, _, user, host, *_ in UTMP.iter_unpack(data[: len(data) // UTMP.size * UTMP.size]):
        if kind == USER_PROCESS and (root / f"proc/{pid}").exists():
            where = [_word(line), f"from {_word(host)}" if _word(host) else ""]
            found.append(f"{_word(user)} ({', '.join(filter(None, where))})")
    return found


def _word(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode(errors="replace")


def busy(seconds: float, root: Path = Path("/")) -> dict[str, Any]:
    """Return what took CPU for so many seconds: ``cores`` of all, and the most of them ``by`` name.

    Left out are this process with those that began it, and the testbed's own units.
    """
    proc = root / "proc"
    before, began = _used(proc), time.monotonic()
    time.sleep(seconds)
    after, elapsed = _used(proc), time.monotonic() - began
    return took(before, after, elapsed, proc, _own(proc))


def took(
    before: dict[tuple[int, int], int],
    after: dict[tuple[int, int], int],
    elapsed_s: float,
    proc: Path = Path("/proc"),
    own: frozenset[int] = frozenset(),
) -> dict[str, Any]:
    """Return what was used between two readings: CPU ticks by pid and start; ``own`` are pids to be left out."""
    cores: dict[str, float] = {}
    for (pid, started), ticks in after.items():
        used = (ticks - before.get((pid, started), ticks)) / TICKS_PER_S / elapsed_s
        if used <= 0 or pid in own:
            continue
        name = _name(proc / str(pid))
        if not name.startswith(OWN_UNITS):
            cores[name] = cores.get(name, 0.0) + used
    most = sorted(cores.items(), key=lambda item: -item[1])[:SHOWN]
    return {"cores": round(sum(cores.values()), 2), "by": [[name, round(used, 2)] for name, used in most]}


def _used(proc: Path) -> dict[tuple[int, int], int]:
    """Return the CPU ticks of each process, by pid and start."""
    found = {}
    for path in proc.glob("[0-9]*"):
        fields = _fields(path)
        if len(fields) > 19:
            found[int(path.name), int(fields[19])] = int(fields[11]) + int(fields[12])
    return found


def _fields(process: Path) -> list[str]:
    """Return what follows the name in a process' stat: its state first (field 3 of proc(5))."""
    return (text(process / "stat") or "").rpartition(")")[2].split()


def _own(proc: Path) -> frozenset[int]:
    """Return this process and its ancestors, but not the first process of the host."""
    found: set[int] = set()
    pid = os.getpid()
    while pid > 1 and pid not in found:
        found.add(pid)
        fields = _fields(proc / str(pid))
        pid = int(fields[1]) if len(fields) > 1 else 0
    return frozenset(found)


def _name(process: Path) -> str:
    """Return the systemd service of a process, else its name."""
    unit = re.search(r"([^/\n]+\.service)$", text(process / "cgroup") or "", re.MULTILINE)
    return unit[1] if unit else text(process / "comm") or "a process that has ended"
