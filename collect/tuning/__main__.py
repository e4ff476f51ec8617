"""``python3 -m tuning hold|restore|check``: tune this host for a trial, and put it back.

``hold`` is the command of bench-tuning.service: it changes what /etc/bench/tuning.json lists, says that it is so, and
puts all back on a signal, at the deadline, or when the process that watches over the trial is gone. For how long, and
which process, is in ``wanted.json`` of its folder; that is used up, so that nothing old is taken for new. What was done
is in ``report.json`` there.
``restore`` puts back what another has left, and ``check`` says whether what is listed can be done here, and changes
nothing. Exit codes: 0 done, 1 not done, with a line on standard error (of ``hold`` in the report, too).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import config
from .files import Files, TuningError
from .kept import Kept
from .planning import changes
from .report import in_force

FOLDER = "run/bench/tuning"
HOLD_S = 900.0
"""The longest that it holds where nobody says: for what is measured before the trials."""
POLL_S = 0.5
END_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


def hold(files: Files) -> int:
    """Tune, say so, wait for the end of the trial, and put all back."""
    signal.pthread_sigmask(signal.SIG_BLOCK, END_SIGNALS)
    kept, code = Kept(files), 0
    report: dict[str, Any] = {"in_force": {}, "changed_meanwhile": {}, "restored": False}
    try:
        wanted = take_wanted(files)
        deadline = time.monotonic() + float(wanted.get("deadline_s", HOLD_S))
        record, left = kept.apply(config.load(files))
        report["in_force"] = in_force(record.changes, left)
        report["left"] = left
        write(files, report)
        say_ready()
        wait(deadline, wanted.get("guard_pid"))
        report["changed_meanwhile"] = kept.drifted()
    except (TuningError, OSError, ValueError) as error:
        code = fail(report, error)
    try:
        report.update(after=kept.restore(), restored=True)
    except (TuningError, OSError, ValueError) as error:
        code = fail(report, error)
    write(files, report)
    return code


def take_wanted(files: Files) -> dict[str, Any]:
    """Return what the one who started this wants, and remove it; nothing where nobody has said."""
    path = files.root / FOLDER / "wanted.json"
    try:
        wanted: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    path.unlink()
    return wanted


def wait(deadline: float, guard_pid: int | None) -> None:
    """Wait for a signal to end, the deadline, or the end of the process that watches over the trial."""
    while time.monotonic() < deadline and (guard_pid is None or Path(f"/proc/{guard_pid}").exists()):
        if signal.sigtimedwait(END_SIGNALS, POLL_S) is not None:
            return


def fail(report: dict[str, Any], error: Exception) -> int:
    """Put the first error on record and say it; return the exit code."""
    what, remedy = in_words(error, "see the journal of bench-tuning.service")
    report.setdefault("error", what)
    report.setdefault("remedy", remedy)
    sys.stderr.write(f"error: {what}: {remedy}\n")
    return 1


def in_words(error: Exception, remedy: str) -> tuple[str, str]:
    """Return what is wrong and what to do about it."""
    return (error.what, error.remedy) if isinstance(error, TuningError) else (str(error), remedy)


def write(files: Files, report: dict[str, Any]) -> None:
    """Write the report; others see it whole or not at all."""
    path = files.root / FOLDER / "report.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".tmp")
    partial.write_text(json.dumps(report) + "\n")
    partial.replace(path)


def say_ready() -> None:
    """Tell systemd that the host is tuned."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.sendto(b"READY=1", "\0" + address[1:] if address.startswith("@") else address)


def check(files: Files) -> dict[str, Any]:
    """Return what would be in force. Raises TuningError where it cannot be done."""
    planned = [replace(change, before=files.read(change.name)) for change in changes(files, config.load(files))]
    for change in planned:
        if change.value is not None and not change.optional and not os.access(files.root / change.name, os.W_OK):
            remedy = "leave away what asks for it on a host that is no machine of its own"
            raise TuningError(f"/{change.name} is read-only here", remedy)
    return in_force(planned, {})


def main() -> int:
    """Do one of the three; what was done, or would be, is printed as JSON."""
    parser = argparse.ArgumentParser(prog="tuning", description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("hold", "restore", "check"))
    parser.add_argument("--root", type=Path, default=Path("/"), help="where the host's files are")
    parser.add_argument("--host", default=socket.gethostname(), help="its name in messages")
    options = parser.parse_args()
    files = Files(options.root)
    if options.action == "hold":
        return hold(files)
    try:
        said = {"restored": Kept(files).restore()} if options.action == "restore" else {"in_force": check(files)}
    except (TuningError, OSError) as error:
        what, remedy = in_words(error, "see that it runs as root, and run it again")
        sys.stderr.write(f"error: {what} ({options.host}): {remedy}\n")
        return 1
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(said) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
