"""A trial from start to record, as each host's worker plays it."""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from collect.archive.durable import disk_errors
from collect.archive.looked import last_block
from collect.archive.looks import decide, expected_block
from collect.archive.partial import open_partial
from collect.errors import BenchError
from collect.live.lines import finished
from collect.live.write import append
from collect.plan import CELL, TRIAL_OVERHEAD_S
from collect.trial.board import AbortedError, Board
from collect.trial.client import follow, instances, prepare
from collect.trial.live import Seconds, is_of
from collect.trial.remote import Remote
from collect.trial.server import serve, units
from collect.trial.watching import Side, Task, in_words

SETTLE_S = 20.0
DECIDE_S = 60.0
"""The server's worker may take so long for the end of a block: its last trial, and the look at all of them."""
PATIENCE_S = 0.4
"""So long does a second wait to be told of until the collectors' ticks at its end are known."""
ENOUGH = {"enough": True}
"""What is said of a trial that is not to be done any more."""


@dataclass
class Trial:
    """One attempt at a trial. ``play`` is called in each host's worker, at the same time."""

    task: Task
    board: Board
    partial: Path
    master_address: str
    controller_pid: int
    control_cpu: list[tuple[float, float]] = field(default_factory=list)
    _began: float = 0.0
    _left_s: float = 0.0
    _second: tuple[dict[str, Any], float] | None = None
    _seconds: Seconds = field(init=False)

    def __post_init__(self) -> None:
        """Begin with no second."""
        self._seconds = Seconds(self.task.spec, self.task.server, self.task.clients, self.task.facts)

    def play(self, remote: Remote) -> dict[str, Any]:
        """Play this host's part; the server's worker returns the trial's ``summary``, the others None for it.

        With it come what the run says at this point (``told``, lines) and the seconds that it has left (``left_s``).

        All return ``enough`` instead where the run was stopped before this trial, since what it was for is known.
        Raises BenchError with the reason when the trial failed, here or on another host.
        """
        self._began = time.monotonic()
        is_server = remote.name == self.task.server
        record: dict[str, Any] = {}
        try:
            self.board.check()
            with disk_errors(str(self.task.folder)):
                if not self._wanted(is_server):
                    return ENOUGH
                self.task.folder.mkdir(parents=True, exist_ok=True)
            record = self._serve(remote) if is_server else self._load(remote)
        except AbortedError:
            pass
        except Exception as error:  # whatever it is, the other hosts must hear of it
            self.board.abort(in_words(error, remote.name))
        self.board.put(f"{remote.name}.done", record)
        if is_server:
            return self._finish(record)
        if self.board.aborted:
            raise self._failed()
        return {"summary": None}

    def _wanted(self, is_server: bool) -> bool:
        """Say whether the trial is still to be done; where a block begins, the others hear it of the server's worker.

        That one has put the block before on record, and with it whether the run goes on.
        """
        spec = self.task.spec
        if spec["kind"] != CELL or spec["position"] != 1:
            return True
        run = open_partial(self.partial)
        if run.plan.precision is None:
            return True
        if is_server:
            self.board.put("wanted", last_block(run.facts) is None)
        elif self.board.wait(["wanted"], DECIDE_S, self.board.check):
            raise BenchError("no word on whether the run goes on", self.task.server, "go on with -e resume=")
        return bool(self.board.get("wanted"))

    def _serve(self, remote: Remote) -> dict[str, Any]:
        # What the end of the trial needs is read in while the hosts start.
        threading.Thread(target=importlib.import_module, args=("collect.archive.cut",), daemon=True).start()
        with Side(remote, self.task, self.board, ["--only-collector", *units(self.task.spec)]) as side:
            return serve(side)

    def _load(self, remote: Remote) -> dict[str, Any]:
        self._left_s = self._estimate_s(int(self.task.spec["ordinal"]))
        started = prepare(remote, self.task, self.master_address)
        with Side(remote, self.task, self.board, started or ["--only-collector"]) as side:
            return follow(side, self._tell)

    def _tell(self, load: dict[str, Any] | None, side: Side) -> None:
        """Take the generator's line of a second, and the control node's own CPU at the window's edges.

        The second is put into live.jsonl once both hosts' collectors have told of it too, or it has waited for them.
        None stands for a moment without such a line.
        """
        if load is None:
            self._put_second(side)
            return
        if os.getppid() != self.controller_pid:
            raise BenchError("ansible-playbook has ended", "control node", "go on with -e resume=")
        if load["phase"] in ("window", "end") and len(self.control_cpu) < (1 if load["phase"] == "window" else 2):
            self.control_cpu.append((time.time(), tree_cpu_s(self.controller_pid)))
            self.board.put("control.cpu", self.control_cpu)
        self._put_second(side, at_once=True)
        self._second = load, time.monotonic()
        if load["phase"] == "end":
            self._put_second(side, at_once=True)

    def _put_second(self, side: Side, *, at_once: bool = False) -> None:
        if self._second is None:
            return
        load, since = self._second
        others = [name for name in (self.task.server, *self.task.clients) if name != side.remote.name]
        rows = {name: self.board.get(f"{name}.now") for name in others} | {side.remote.name: side.collector}
        if not (at_once or time.monotonic() - since > PATIENCE_S or all(is_of(row, load) for row in rows.values())):
            return
        self._second = None
        left_s = self._left_s - (time.monotonic() - self._began)
        line = self._seconds.line(load, rows, ahead_s=side.clocks[-1]["offset_s"], left_s=left_s)
        if line is not None:
            append(self.partial, line)

    def _estimate_s(self, first: int) -> float:
        """Return the seconds that the run has left when its trial ``first`` begins.

        As planned, and what comes around the trials as seen so far.
        """
        run = open_partial(self.partial)
        last = expected_block(run)
        left = [spec for spec in run.remaining() if spec.ordinal >= first]
        left = [spec for spec in left if spec.kind != CELL or spec.block <= last]
        planned_s = run.plan.estimate_s(left, probes=run.plan.probe and "probes" not in run.facts)
        around = [float(note.read_text()) for note in self.board.folder.parent.glob("*/around")]
        seen_s = sum(around) / len(around) if around else TRIAL_OVERHEAD_S
        return planned_s + len(left) * (seen_s - TRIAL_OVERHEAD_S)

    def _finish(self, server: dict[str, Any]) -> dict[str, Any]:
        """Wait for the clients and put the trial on record, finished or failed."""
        missing = self.board.wait([f"{name}.done" for name in self.task.clients], SETTLE_S)
        if missing:
            self.board.abort(f"no word from {missing[0].removesuffix('.done')} at the end of the trial")
        if os.getppid() != self.controller_pid:
            raise self._failed()  # what is there is kept by the one who goes on with the run
        summary = None
        if not self.board.aborted:
            try:
                summary = self._put_on_record(server)
            except (BenchError, OSError) as error:
                self.board.abort(in_words(error, "control node"))
        if summary is None:
            open_partial(self.partial).fail_trial(self.task.spec, self.task.folder, str(self._failed()))
            raise self._failed()
        self.board.put("around", time.monotonic() - self._began - self.task.load_s)
        append(self.partial, finished(self.task.spec, summary, time.time()))
        told = self._look()
        left_s = self._estimate_s(int(self.task.spec["ordinal"]) + 1)
        return {"summary": summary, "told": told, "left_s": left_s}

    def _look(self) -> list[str]:
        """After the last trial of a block decide for all hosts whether the run goes on; return what to say of it."""
        try:
            return decide(open_partial(self.partial))
        except (BenchError, OSError) as error:
            self.board.abort(in_words(error, "control node"))
            raise self._failed() from error

    def _put_on_record(self, server: dict[str, Any]) -> dict[str, Any]:
        clients = {name: self.board.get(f"{name}.done") for name in self.task.clients}
        for name in (host for host in self.task.clients if instances(self.task, host)):
            sort_load_files(self.task.folder / f"load-{name}", self.task.folder)
        return open_partial(self.partial).finish_trial(
            self.task.spec,
            self.task.folder,
            {
                "result": self.board.get("load.result"),
                "server": {"name": self.task.server, **server},
                "clients": clients,
                "control_cpu": self.board.get("control.cpu") or [],
            },
        )

    def _failed(self) -> BenchError:
        return BenchError.from_line(
            str(self.board.aborted or "ansible-playbook has ended"),
            self.task.spec["trial_id"],
            "mend that, then go on with -e resume=",
        )


def sort_load_files(source: Path, folder: Path) -> None:
    """Put the raw requests beside the samples, and Locust's own files into a folder of their own."""
    own = folder / "locust"
    own.mkdir(exist_ok=True)
    for file in sorted(source.iterdir()):
        raw = file.name.startswith(("requests-", "summary-"))
        shutil.move(file, (folder if raw else own) / file.name)
    source.rmdir()


def tree_cpu_s(pid: int) -> float:
    """Return the CPU seconds so far of ansible-playbook, its workers, its ssh processes and shared connections."""
    total = 0.0
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        shared = [p for p in psutil.process_iter(["name", "cmdline"]) if _is_shared_connection(p, root.cwd())]
        for process in [root, *root.children(recursive=True), *shared]:
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system
    return total


def _is_shared_connection(process: psutil.Process, checkout: str) -> bool:
    """Say whether this is a connection of the checkout that ssh keeps open by itself ("ssh: <socket> [mux]")."""
    line = " ".join(process.info["cmdline"] or ())
    return process.info["name"] == "ssh" and "[mux]" in line and checkout in line
