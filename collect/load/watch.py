"""Watch over one host for the length of a trial: ``python3 watch.py primary worker-1 --deadline 72``.

The control node runs this over SSH and reads JSON lines from it, each with its source in ``src``: ``load`` and
``collector`` are the lines of the two live files, ``clock`` answers a line ``clock`` on standard input, ``watch`` says
``{"state": "ended"}`` when the load has ended by itself, or ``{"state": "failed", "error": ...}``.

With ``--tuning on`` what the host's own /etc/bench/tuning.json lists is in force before anything else is done, held by
bench-tuning.service; ``tuning`` says so, and in answer to a line ``restore`` what was in force. Without it a tuning
that an earlier trial has left is ended first.

With ``--conditions`` the host is brought into a trial's conditions (conditions.py) before the load starts;
``conditions`` says what was set and, in answer to a line ``restore``, what it was put back to. A line
``window <unix seconds>`` says when the window begins.

It goes on until its standard input ends, nobody reads its output any more, a signal comes or the deadline has passed.
Then, whatever the reason, the units that it started or was given with ``--stop`` are stopped. Nothing here is imported
beyond Python's own library: it runs on any host with Python 3.8 or newer.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

POLL_MS = 100
STOP_TIMEOUT_S = 10
JOURNAL_LINES = 5
STDIN, STDOUT = 0, 1
CONDITIONS, TUNING = "bench-conditions.service", "bench-tuning.service"
TUNING_TIMEOUT_S = 60
ON, OFF, LEAVE = "on", "off", "leave"


class Over(Exception):  # noqa: N818 (not an error: the ordinary end)
    """The watch is over; the message, if any, is what went wrong."""


class ConditionsFailed(Over):
    """The host could not be brought into the trial's conditions, or out of them."""

    def __init__(self, what: str, remedy: str) -> None:
        """Keep what went wrong and what to do about it."""
        super().__init__(what)
        self.remedy = remedy


class Tail:
    """The new lines of a file that grows, and may be truncated or replaced."""

    def __init__(self, path: Path, source: str, *, from_start: bool) -> None:
        """Follow ``path`` from its start or from its end; it need not be there yet."""
        # A string, for os.stat: it is asked ten times a second on a host that is being measured.
        self._path, self._prefix = str(path), b'{"src":"' + source.encode() + b'",'
        self._inode, self._position = self._state() if not from_start else (0, 0)

    def _state(self) -> tuple[int, int]:
        try:
            status = os.stat(self._path)  # noqa: PTH116
        except OSError:
            return 0, 0
        return status.st_ino, status.st_size

    def lines(self) -> bytes:
        """Return the whole lines that are new, each tagged with the source."""
        inode, size = self._state()
        if inode != self._inode or size < self._position:
            self._inode, self._position = inode, 0
        if size == self._position:
            return b""
        with Path(self._path).open("rb") as file:
            file.seek(self._position)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._position += len(whole)
        return b"".join(self._prefix + line[1:] for line in whole.splitlines(keepends=True) if line.startswith(b"{"))


class Load:
    """The units of the generator on this host."""

    def __init__(self, instances: list[str], folder: Path) -> None:
        """Take the instances of bench-load@.service and the folder that they write to."""
        self._instances, self._folder = instances, folder
        self._pids: dict[str, int] = {}
        self._began_unix_s = 0.0
        self.running = False

    def start(self) -> None:
        """Start all units in an emptied folder. Raises Over."""
        systemctl("stop", "bench-load@*.service")
        for entry in self._folder.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        units = [unit(instance) for instance in self._instances]
        self.running, self._began_unix_s = True, time.time()
        started = systemctl("start", *units)
        if started.returncode:
            raise Over(f"the load does not start: {last_words(started.stderr) or last_words(journal(units[0]))}")
        shown = systemctl("show", "--property", "MainPID", "--value", *units).stdout.split()
        self._pids = {instance: int(pid) for instance, pid in zip(self._instances, shown)}  # noqa: B905 (Python 3.8)

    def check(self) -> bool:
        """Say whether the load goes on. Raises Over when a unit has ended without its last file."""
        ended = [instance for instance, pid in self._pids.items() if not is_alive(pid)]
        for instance in ended:
            del self._pids[instance]
            last_file = "result.json" if instance == "primary" else f"summary-{instance}.json"
            if not (self._folder / last_file).exists():
                why = last_words(journal(unit(instance), self._began_unix_s)) or "its journal is empty"
                raise Over(f"{unit(instance)} ended without a result: {why}")
        self.running = bool(self._pids)
        return self.running


class Conditions:
    """What is done to this host for the trial, by a unit of its own, and undone when that stops."""

    unit, source, timeout_s = CONDITIONS, "conditions", STOP_TIMEOUT_S

    def __init__(self, wanted: dict[str, Any] | None, folder: Path) -> None:
        """Take what the trial wants, None for a host that stays as it is, and the folder for the unit's files."""
        self._wanted, self._folder, self._undo = wanted, folder, folder / "undo.json"
        self.held = False

    def set(self, deadline_s: float) -> None:
        """End those of an earlier trial, if they are still there, then bring about this one's. Raises Over."""
        if self._wanted is None:
            self.end()
            return
        self._folder.mkdir(exist_ok=True)
        for name in ("window", "report.json"):
            with contextlib.suppress(FileNotFoundError):
                (self._folder / name).unlink()
        wanted = {**self._wanted, "deadline_s": deadline_s, "guard_pid": os.getpid()}
        (self._folder / "wanted.json").write_text(json.dumps(wanted))
        self.held = True
        started = systemctl("restart", self.unit, timeout_s=self.timeout_s)
        report = self._report()
        if started.returncode or report.get("error"):
            said = last_words(journal(self.unit)) or last_words(started.stderr)
            what = report.get("error") or f"{self.unit} does not start: {said}"
            raise ConditionsFailed(what, report.get("remedy") or "see its journal")
        say(self.source, state="set", **report)

    def end(self, *, must: bool = True) -> None:
        """End those of an earlier trial, if they are still there. Raises Over where they do not end and must."""
        if self._undo.exists():
            stop([self.unit], self.timeout_s)
            if must:
                self._fail_if_left()

    def window(self, begin: bytes) -> None:
        """Pass on when the window begins."""
        if self.held:
            partial = self._folder / "window.tmp"
            partial.write_bytes(begin)
            partial.replace(self._folder / "window")

    def restore(self) -> None:
        """Put all back and say so. Raises Over when it was not in force until now, or is not as it was."""
        if not self.held:
            return
        lasted = self._undo.exists()
        stop([self.unit], self.timeout_s)
        self.held = False
        report = self._report()
        if report.get("error"):
            raise ConditionsFailed(report["error"], report["remedy"])
        self._fail_if_left()
        if not lasted:
            raise ConditionsFailed(f"{self.unit} ended before the trial", f"see journalctl -u {self.unit} there")
        say(self.source, state="restored", **report)

    def _report(self) -> dict[str, Any]:
        with contextlib.suppress(OSError, ValueError):
            report: dict[str, Any] = json.loads((self._folder / "report.json").read_text())
            return report
        return {}

    def _fail_if_left(self) -> None:
        if self._undo.exists():
            left = self._undo.read_text().strip()
            raise ConditionsFailed(
                f"settings from before a trial are not put back: {left}",
                f"set them by hand, then remove {self._undo}",
            )


class Tuning(Conditions):
    """What the host's own variables list, for a trial whose profile is to be tuned (collect/tuning)."""

    unit, source, timeout_s = TUNING, "tuning", TUNING_TIMEOUT_S

    def __init__(self, wanted: str, root: Path, profile: dict[str, str]) -> None:
        """Take whether the host is to be tuned, and the settings that are the profile's."""
        super().__init__({} if wanted == ON else None, root / "run/bench/tuning")
        self._undo = root / "var/lib/bench/tuning.json"
        self._left_alone, self._profile = wanted == LEAVE, profile
        self._config = root / "etc/bench/tuning.json"
        self._nothing_listed = False

    def set(self, deadline_s: float) -> None:
        """End the tuning of an earlier trial, if it is still there, then tune for this one. Raises Over."""
        if self._left_alone:
            return
        listed = self._listed() if self._wanted is not None else {}
        twice = sorted(set(listed.get("sysctls", {})) & set(self._profile))
        if twice:
            remedy = "take it out of tuning_sysctls, or take another profile"
            raise ConditionsFailed(f"{twice[0]} is set by the profile and by tuning_sysctls", remedy)
        if listed or self._wanted is None:
            super().set(deadline_s)
            return
        self._wanted, self._nothing_listed = None, True
        super().set(deadline_s)
        say(self.source, state="set", in_force={})

    def restore(self) -> None:
        """Put all back and say what was in force. Raises Over."""
        if self._nothing_listed:
            say(self.source, state="restored", in_force={})
        super().restore()

    def _listed(self) -> dict[str, Any]:
        try:
            listed: dict[str, Any] = json.loads(self._config.read_text())["listed"]
        except FileNotFoundError:
            return {}
        except (ValueError, LookupError) as error:
            raise ConditionsFailed(f"{self._config} cannot be read: {error}", "run playbooks/site.yml again") from None
        return listed

    def _fail_if_left(self) -> None:
        if self._undo.exists():
            raise ConditionsFailed("what was tuned is not put back", "run ansible-playbook playbooks/restore.yml")


def unit(instance: str) -> str:
    """Return the name of an instance's unit."""
    return f"bench-load@{instance}.service"


def is_alive(pid: int) -> bool:
    """Say whether a process is there and has not ended; 0 stands for none."""
    try:
        stat = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    except OSError:
        return False
    try:
        return os.read(stat, 512).rpartition(b") ")[2][:1] not in (b"Z", b"X")
    except OSError:
        return False
    finally:
        os.close(stat)


def systemctl(*arguments: str, timeout_s: float = STOP_TIMEOUT_S) -> subprocess.CompletedProcess[bytes]:
    """Run systemctl to its end."""
    return subprocess.run(
        ["systemctl", *arguments], capture_output=True, stdin=subprocess.DEVNULL, timeout=timeout_s, check=False
    )


def journal(name: str, since_unix_s: float = 0.0) -> bytes:
    """Return the last lines of a unit's journal, none from before that second."""
    command = ["journalctl", "--unit", name, "--lines", str(JOURNAL_LINES), "--output", "cat", "--no-pager", "--quiet"]
    command += ["--since", f"@{int(since_unix_s)}"]
    return subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False).stdout


def last_words(output: bytes) -> str:
    """Return the last lines of some output in one line."""
    return " | ".join(line.strip() for line in output.decode(errors="replace").splitlines() if line.strip())[-500:]


def stop(units: list[str], timeout_s: float = STOP_TIMEOUT_S) -> None:
    """Stop units, by force where they do not go."""
    if not units:
        return
    try:
        systemctl("stop", *units, timeout_s=timeout_s)
    except subprocess.TimeoutExpired:
        systemctl("kill", "--signal", "SIGKILL", *units)


def say(source: str, **fields: Any) -> None:
    """Write one line of this program's own."""
    write(json.dumps({"src": source, **fields}).encode() + b"\n")


def stream(tails: list[Tail]) -> None:
    """Pass on what is new."""
    lines = b"".join([tail.lines() for tail in tails])
    if lines:
        write(lines)


def write(lines: bytes) -> None:
    """Write all of it; raises Over when nobody reads."""
    try:
        while lines:
            lines = lines[os.write(STDOUT, lines) :]
    except OSError:
        raise Over from None


def listen(poller: select.poll, conditions: Conditions, tuning: Tuning) -> None:
    """Wait a tenth of a second, answering what is asked meanwhile. Raises Over when the other side is gone."""
    for descriptor, event in poller.poll(POLL_MS):
        if descriptor == STDOUT and event & (select.POLLERR | select.POLLHUP | select.POLLNVAL):
            raise Over
        if descriptor == STDIN:
            asked = os.read(STDIN, 4096)
            if not asked:
                raise Over
            for line in asked.splitlines():
                if line == b"clock":
                    say("clock", t=time.time())
                elif line == b"restore":
                    conditions.restore()
                    tuning.restore()
                elif line.startswith(b"window "):
                    conditions.window(line.split()[1])


def watch(load: Load, tails: list[Tail], conditions: Conditions, tuning: Tuning, deadline_s: float) -> None:
    """Stream until the watch is over; raises Over in the end."""
    deadline = time.monotonic() + deadline_s
    poller = select.poll()
    poller.register(STDIN, select.POLLIN)
    poller.register(STDOUT, 0)
    while time.monotonic() < deadline:
        ended = load.running and not load.check()
        stream(tails)
        if ended:
            say("watch", state="ended")
        listen(poller, conditions, tuning)
    raise Over(f"the trial did not end within {deadline_s:g} s")


def give_up(number: int, _frame: object) -> NoReturn:
    """Turn a signal into the end of the watch."""
    raise Over("stopped by signal" if number != signal.SIGALRM else "nobody reads what the watch says")


def main() -> int:
    """Watch; 0 when it ended in the ordinary way, 1 after a failure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("instances", nargs="*", help="instances of bench-load@.service to start, such as primary")
    parser.add_argument("--only-collector", action="store_true", help="start no load")
    parser.add_argument("--stop", action="append", default=[], metavar="UNIT", help="a unit to stop at the end")
    parser.add_argument("--deadline", type=float, required=True, metavar="SECONDS", help="the longest that this runs")
    parser.add_argument("--conditions", type=json.loads, metavar="JSON", help="what to do to this host meanwhile")
    parser.add_argument("--conditions-dir", type=Path, default=Path("/run/bench/conditions"))
    parser.add_argument("--tuning", choices=(ON, OFF, LEAVE), default=OFF, help="leave: what it is is another's")
    parser.add_argument("--root", type=Path, default=Path("/"), help="where the host's files for the tuning are")
    parser.add_argument("--load-dir", type=Path, default=Path("/run/bench/load"))
    parser.add_argument("--collector", type=Path, default=Path("/run/bench/collector/live.jsonl"))
    options = parser.parse_args()
    if bool(options.instances) == options.only_collector:
        parser.error("give instances to start or --only-collector, one of the two")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, give_up)
    signal.alarm(int(options.deadline) + 2)  # a write that nobody reads would wait for ever

    tails = [Tail(options.collector, "collector", from_start=False)]
    load = Load(options.instances, options.load_dir)
    conditions = Conditions(options.conditions, options.conditions_dir)
    tuning = Tuning(options.tuning, options.root, (options.conditions or {}).get("sysctls", {}))
    failure = remedy = ""
    try:
        conditions.end(must=False)  # before the tuning: what was changed last is put back first
        tuning.set(options.deadline)
        conditions.set(options.deadline)
        if options.instances:
            tails.append(Tail(options.load_dir / "live.jsonl", "load", from_start=True))
            load.start()
        watch(load, tails, conditions, tuning, options.deadline)
    except Over as over:
        failure, remedy = str(over), getattr(over, "remedy", "")
    except (OSError, subprocess.SubprocessError) as error:
        failure = str(error)
    finally:
        signal.alarm(0)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        started = [unit(instance) for instance in options.instances if load.running]
        stop(started + options.stop + [CONDITIONS] * conditions.held)
        stop([TUNING] * tuning.held, TUNING_TIMEOUT_S)
    if failure:
        signal.alarm(STOP_TIMEOUT_S)
        with contextlib.suppress(Over):
            stream(tails)
            say("watch", state="failed", error=failure, **({"remedy": remedy} if remedy else {}))
    return int(bool(failure))


if __name__ == "__main__":
    sys.exit(main())
