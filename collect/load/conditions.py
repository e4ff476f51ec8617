"""Hold a trial's conditions on a host for as long as it lasts: ``python3 conditions.py hold|restore FOLDER``.

The command of bench-conditions.service, which watch.py starts before the load and stops after it. ``wanted.json`` in
the folder says what to do: ``sysctls`` to set (below net only), ``reserve_ports`` that no connection may take,
``cpu_quota`` (the share of the CPUs of this process' set that what is measured may use, quota.py), ``burn`` (a share
``duty`` of each of these CPUs, from ``from_s`` to ``to_s`` of the window), and how long at most (``deadline_s``, and
while the process ``guard_pid`` lives). The window's begin, in seconds since the epoch, is read from the file ``window``
when it comes.

What was there is in ``undo.json`` before anything is changed, and that file is there until all of it is back: whatever
ends this process, systemd calls ``restore`` after it. ``report.json`` tells what was done. Exit codes: 0 done, 1 the
values could not be set or put back (a line on standard error and in the report says which). Python's own library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

if not __package__:  # run by the file's path; PEP 366 then lets it import its neighbours
    sys.path.append(str(Path(__file__).absolute().parent.parent))
    __package__ = Path(__file__).absolute().parent.name

from .kernel import RESERVED_PORTS, SYSCTLS, ConditionsError, Sysctls, ports
from .quota import MEASURED, MOUNTS, PERIOD_US, PREFIX, Quotas
from .quota import values as quota_values

POLL_S, WINDOW_POLL_S = 0.2, 0.01
PERIOD_S = 0.01
CATCH_UP_S = 0.1
"""CPU time that the scheduler has withheld for longer than this is not made up for."""

END_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


class Settings:
    """All that can be set on a host, by name: the kernel's settings, and the quotas of systemd units."""

    def __init__(self, root: Path = SYSCTLS, mounts: Path = MOUNTS) -> None:
        """Take the folder of the kernel's settings and the file that lists what is mounted."""
        self._sysctls, self.quotas = Sysctls(root), Quotas(mounts)

    def read(self, name: str) -> str:
        """Return a value. Raises ConditionsError."""
        if name.startswith(PREFIX):
            return self.quotas.read(name[len(PREFIX) :])
        return self._sysctls.read(name)

    def write(self, name: str, value: str) -> None:
        """Set a value and see that it is so; one that is so already is left alone. Raises ConditionsError."""
        if name.startswith(PREFIX):
            self.quotas.write(name[len(PREFIX) :], value)
        else:
            self._sysctls.write(name, value)


def wanted_values(wanted: dict[str, Any], settings: Settings) -> dict[str, str]:
    """Return the settings that the trial wants, the ports to keep free among them."""
    values = {name: " ".join(str(value).split()) for name, value in wanted.get("sysctls", {}).items()}
    reserve = {int(port) for port in wanted.get("reserve_ports", ())}
    if reserve:
        present = values.get(RESERVED_PORTS, settings.read(RESERVED_PORTS))
        missing = sorted(reserve - ports(present))
        values[RESERVED_PORTS] = ",".join([*filter(None, [present]), *map(str, missing)])
    if wanted.get("cpu_quota"):
        values.update(quota_values(wanted["cpu_quota"], len(os.sched_getaffinity(0))))
    return values


class Stalls:
    """How often what is measured was kept waiting because its quota was used up, since this was made."""

    def __init__(self, share: float, quotas: Quotas) -> None:
        """Take the quota's share of the CPUs."""
        self._share, self._quotas, self._before = share, quotas, quotas.stalls(MEASURED)

    def report(self) -> dict[str, Any]:
        """Return the share, the kernel's period and, where it tells, how many of them there were and had a wait."""
        now: dict[str, float] = {}
        with contextlib.suppress(ConditionsError):
            now = self._quotas.stalls(MEASURED)
        grown = {name: round(value - self._before.get(name, 0), 3) for name, value in now.items()}
        return {"share": self._share, "period_us": PERIOD_US, **grown}


class Burner:
    """A busy process on each CPU that this process may use."""

    def __init__(self, duty: float, from_s: float | None, to_s: float | None) -> None:
        """Take the share of each CPU and when, in seconds of the window; without ``from_s`` at once."""
        self._from_s, self._to_s, self._duty = from_s, to_s, duty
        self._cpus = sorted(os.sched_getaffinity(0))
        self._children: list[int] = []
        self._began: float | None = None
        self._ended: float | None = None
        self._cpu_s = 0.0

    def next_s(self, window: float | None) -> float:
        """Start or stop as the clock says; return for how long nothing needs to be done."""
        now = time.time()
        if self._ended is not None:
            return POLL_S
        if window is None:
            if self._from_s is None and self._began is None:
                self._start()
            return POLL_S if self._from_s is None and self._to_s is None else WINDOW_POLL_S
        if self._began is None:
            left = window + (self._from_s or 0.0) - now
            if left > 0:
                return min(left, POLL_S)
            self._start()
        if self._to_s is not None:
            left = window + self._to_s - now
            if left > 0:
                return min(left, POLL_S)
            self.stop()
        return POLL_S

    def _start(self) -> None:
        self._began = time.time()
        for cpu in self._cpus:
            pid = os.fork()
            if not pid:
                try:
                    signal.pthread_sigmask(signal.SIG_UNBLOCK, END_SIGNALS)
                    os.sched_setaffinity(0, {cpu})
                    burn(self._duty)
                finally:
                    os._exit(1)
            self._children.append(pid)

    def stop(self) -> None:
        """End the busy processes, if they run."""
        if self._children:
            self._ended = time.time()
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)
        for pid in self._children:
            used = os.wait4(pid, 0)[2]
            self._cpu_s += used.ru_utime + used.ru_stime
        self._children.clear()

    def report(self) -> dict[str, Any]:
        """Return what was wanted and what it came to; times are seconds since the epoch."""
        return {
            "duty": self._duty,
            "from_s": self._from_s,
            "to_s": self._to_s,
            "cpus": self._cpus,
            "began_unix_s": self._began,
            "ended_unix_s": self._ended,
            "cpu_s": round(self._cpu_s, 3),
        }


def burn(duty: float) -> None:
    """Take a share of a CPU, in periods of 10 ms and by this process' own CPU clock; does not return.

    By the CPU clock, and not by the wall clock, because a busy loop of so many milliseconds takes less than them where
    it shares the CPU.
    """
    due, goal = time.monotonic(), time.process_time()
    while True:
        due += PERIOD_S
        goal += duty * PERIOD_S
        while time.process_time() < goal:
            for _ in range(500):
                pass
        left = due - time.monotonic()
        if left > 0:
            time.sleep(left)
        elif left < -CATCH_UP_S:
            due, goal = time.monotonic(), time.process_time()


def hold(folder: Path, settings: Settings) -> int:
    """Set what is wanted, say that it is, and put all back when the trial is over."""
    signal.pthread_sigmask(signal.SIG_BLOCK, END_SIGNALS)
    report: dict[str, Any] = {"set": {}, "before": {}, "after": {}, "burn": None, "restored": False}
    code, burner, stalls = 0, None, None
    try:
        put_back(folder, settings)  # what an earlier trial may have left
        wanted = json.loads((folder / "wanted.json").read_text())
        deadline = time.monotonic() + float(wanted["deadline_s"])
        values = wanted_values(wanted, settings)
        report.update(set=values, before={name: settings.read(name) for name in values})
        write(folder / "undo.json", report["before"])
        for name, value in values.items():
            settings.write(name, value)
        if wanted.get("cpu_quota"):
            stalls = Stalls(float(wanted["cpu_quota"]["share"]), settings.quotas)
        if wanted.get("burn"):
            options = wanted["burn"]
            burner = Burner(float(options["duty"]), options.get("from_s"), options.get("to_s"))
            burner.next_s(None)
            report["burn"] = burner.report()
        write(folder / "report.json", report)
        say_ready()
        wait(folder, deadline, wanted["guard_pid"], burner)
    except (ConditionsError, OSError, ValueError, KeyError) as error:
        code = fail(report, error)
    if burner is not None:
        burner.stop()
        report["burn"] = burner.report()
    if stalls is not None:
        report["quota"] = stalls.report()
    try:
        report.update(after=put_back(folder, settings), restored=True)
    except (ConditionsError, OSError, ValueError) as error:
        code = fail(report, error)
    write(folder / "report.json", report)
    return code


def fail(report: dict[str, Any], error: Exception) -> int:
    """Put the first error on record; return the exit code."""
    what, remedy = (error.what, error.remedy) if isinstance(error, ConditionsError) else (str(error), "")
    report.setdefault("error", what)
    report.setdefault("remedy", remedy)
    sys.stderr.write(f"error: {error}\n")
    return 1


def wait(folder: Path, deadline: float, guard_pid: int, burner: Burner | None) -> None:
    """Wait for a signal to end, the deadline, or the end of the process that watches over the trial."""
    window: float | None = None
    while time.monotonic() < deadline and Path(f"/proc/{guard_pid}").exists():
        pause = POLL_S
        if burner is not None:
            if window is None:
                with contextlib.suppress(OSError, ValueError):
                    window = float((folder / "window").read_text())
            pause = burner.next_s(window)
        if signal.sigtimedwait(END_SIGNALS, pause):
            return


def put_back(folder: Path, settings: Settings) -> dict[str, str]:
    """Put back what ``undo.json`` holds, if it is there; return the values after it.

    Raises ConditionsError or OSError, of the first that could not be put back; the others are.
    """
    try:
        before = json.loads((folder / "undo.json").read_text())
    except FileNotFoundError:
        return {}
    errors: list[ConditionsError | OSError] = []
    for name, value in before.items():
        try:
            settings.write(name, value)
        except (ConditionsError, OSError) as error:
            errors.append(error)  # the others all the same
    if errors:
        raise errors[0]
    after = {name: settings.read(name) for name in before}
    (folder / "undo.json").unlink()
    return after


def write(path: Path, value: Any) -> None:
    """Write a file that others see whole or not at all."""
    partial = path.with_suffix(".tmp")
    partial.write_text(json.dumps(value) + "\n")
    partial.replace(path)


def say_ready() -> None:
    """Tell systemd that the conditions are in force."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.sendto(b"READY=1", "\0" + address[1:] if address.startswith("@") else address)


def main() -> int:
    """Hold or restore."""
    action, folder, *roots = sys.argv[1:]
    settings = Settings(*map(Path, roots))
    if action == "hold":
        return hold(Path(folder), settings)
    try:
        put_back(Path(folder), settings)
    except (ConditionsError, OSError, ValueError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
