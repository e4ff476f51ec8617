"""The CPU that systemd units may use: set through systemd, believed when the kernel says so. Python's own library only.

A slower host is pretended by letting what is measured on it run for a share of the time: the kernel grants a control
group so much CPU time a period and has it wait for the next one when that is used up (Turner, Rao and Rao (2010), "CPU
bandwidth control for CFS", Linux Symposium). The period is 10 ms, so that a wait is short against what is measured:
under a quota of two thirds 3 ms, where systemd's own 100 ms would be seen as latencies of 30 ms.

Quotas hold in both versions of the kernel's control groups: ``cpu.max`` in version 2, ``cpu.cfs_*`` in version 1.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .kernel import ConditionsError

MEASURED = "bench-measured.slice"
"""The slice of all that is measured on a host: app, Redis and database on the server, the generator on a client."""
KEEPER = "bench-quota.service"
"""Has a process in it for as long as there is a quota: a slice without any may have no group."""
PREFIX = "cpu_quota "
"""Before a unit's name: how its quota is named among a trial's settings."""
NONE = "none"
MOUNTS = Path("/proc/self/mounts")
PERIOD_US = 10_000
SETTLE_S = 3.0
TIMEOUT_S = 10
POLL_S = 0.02


class Quotas:
    """The quotas of a host's units, as texts: cores such as ``0.67``, or ``none``."""

    def __init__(self, mounts: Path = MOUNTS) -> None:
        """Take the file that lists what is mounted where."""
        self._mounts = mounts

    def read(self, unit: str) -> str:
        """Return the cores that a unit may use, as the kernel says.

        A service that does not run has nothing in the kernel; systemd says what it will have. Raises ConditionsError.
        """
        folder = self._folder(unit)
        if folder is not None:
            with contextlib.suppress(OSError):  # it may be gone by now: the service has just ended
                return granted(folder)
        planned = show(unit, "CPUQuotaPerSecUSec") if unit.endswith(".service") else "infinity"
        return NONE if planned in ("infinity", "") else f"{seconds(planned):.4g}"

    def write(self, unit: str, value: str) -> None:
        """Set a quota and see that the kernel has it; one that is so already is left alone. Raises ConditionsError."""
        if self.read(unit) != value:
            self._set(unit, value)
        if unit == MEASURED and value == NONE:
            systemctl("stop", KEEPER)

    def _set(self, unit: str, value: str) -> None:
        if unit == MEASURED and value != NONE:
            systemctl("start", KEEPER)
        percent = "" if value == NONE else f"{100 * float(value):.0f}%"
        period = "" if value == NONE else f"{PERIOD_US}us"
        systemctl("set-property", "--runtime", unit, f"CPUQuota={percent}", f"CPUQuotaPeriodSec={period}")
        deadline = time.monotonic() + SETTLE_S
        while self.read(unit) != value:
            if time.monotonic() > deadline:
                said = f"the kernel grants {unit} {self.read(unit)} cores after {value} were asked for"
                raise ConditionsError(said, "let systemd there manage the cpu controller, or take another profile")
            time.sleep(POLL_S)

    def stalls(self, unit: str) -> dict[str, float]:
        """Return how often a unit has been kept waiting so far, and for how long; nothing where that is not known."""
        folder = self._folder(unit)
        try:
            words = (folder / "cpu.stat").read_text().split() if folder is not None else []
        except OSError:
            return {}
        said = {name: int(value) for name, value in zip(words[::2], words[1::2])}  # noqa: B905 (Python 3.8)
        if "nr_periods" not in said:
            return {}
        waited_s = said["throttled_time"] / 1e9 if "throttled_time" in said else said.get("throttled_usec", 0) / 1e6
        return {"periods": said["nr_periods"], "throttled": said["nr_throttled"], "throttled_s": round(waited_s, 3)}

    def _folder(self, unit: str) -> Path | None:
        """Return the unit's folder where quotas are, in whichever hierarchy; None where it has none."""
        group = show(unit, "ControlGroup")
        if not group:
            return None
        folders = (Path(mount + group) for mount in self._hierarchies())
        return next((folder for folder in folders if any((folder / name).exists() for name in FILES)), None)

    def _hierarchies(self) -> Iterator[str]:
        for line in self._mounts.read_text().splitlines():
            _, where, kind, options = line.split()[:4]
            if kind == "cgroup2" or (kind == "cgroup" and "cpu" in options.split(",")):
                yield where


FILES = ("cpu.max", "cpu.cfs_quota_us")


def granted(folder: Path) -> str:
    """Return the quota of a control group, in cores."""
    if (folder / FILES[0]).exists():
        quota, period = (folder / FILES[0]).read_text().split()
    else:
        quota, period = ((folder / name).read_text().strip() for name in (FILES[1], "cpu.cfs_period_us"))
    return NONE if quota in ("max", "-1") else f"{int(quota) / int(period):.4g}"


def values(wanted: Mapping[str, Any], cpus: int) -> dict[str, str]:
    """Return the quotas, by name, that make each of ``cpus`` CPUs as slow as ``share`` says; whole per cents of a core.

    Together the units get the share of all CPUs. A unit that keeps ``processes`` busy, each on one core at a time, may
    fill fewer cores than there are: it gets the share of as many.
    """
    share = float(wanted["share"])
    cores = {MEASURED: cpus, **{unit: n for unit, n in wanted.get("processes", {}).items() if n < cpus}}
    return {PREFIX + unit: f"{round(100 * share * number) / 100:.4g}" for unit, number in cores.items()}


def show(unit: str, name: str) -> str:
    """Return a property of a unit."""
    return systemctl("show", "--property", name, "--value", unit).strip()


def seconds(text: str) -> float:
    """Return a time span as systemd writes it (``1s 340ms``) in seconds."""
    total = 0.0
    for part in text.split():
        for unit, factor in (("us", 1e-6), ("ms", 1e-3), ("min", 60.0), ("s", 1.0)):
            if part.endswith(unit):
                total += float(part[: -len(unit)]) * factor
                break
    return total


def systemctl(*arguments: str) -> str:
    """Return what systemctl says. Raises ConditionsError when it fails."""
    try:
        done = subprocess.run(
            ["systemctl", *arguments],
            capture_output=True, stdin=subprocess.DEVNULL, timeout=TIMEOUT_S, check=False, text=True,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ConditionsError(f"no answer to systemctl {arguments[0]} in {TIMEOUT_S} s", "see its journal") from None
    if done.returncode:
        words = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise ConditionsError(f"systemctl {' '.join(arguments)}: {words}", "run it there by hand to see more")
    return done.stdout
