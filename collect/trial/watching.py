"""What both sides of a trial share: the open line to the host, its clock, its samples."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from collect.archive.durable import disk_errors
from collect.cpu_sets import Facts
from collect.errors import BenchError
from collect.trial.board import Board
from collect.trial.quota import cpu_quota_of
from collect.trial.remote import HostError, Remote, Stream
from collect.trial.workers import client_cpus, deal

SILENCE_S = 8.0
"""A host that says nothing for so long (or for three sampling intervals) is taken for lost: it says a line a tick."""

CONDITIONS_TIMEOUT_S = 15.0
TUNING_TIMEOUT_S = 75.0
"""CPUs that go offline, and come back, take their time: longer than a trial may be silent otherwise."""
TUNED, UNTUNED, AS_IT_IS = "on", "off", "leave"
MASTER_PORT = 5557
"""On which Locust's master waits for its workers."""


@dataclass(frozen=True)
class Paths:
    """Where things lie on the hosts; the roles' variables say the same."""

    prefix: str = "/opt/bench"
    run: str = "/run/bench"

    @property
    def python(self) -> str:
        """The Python 3.8 that the measuring side runs on."""
        return f"{self.prefix}/venvs/collector/bin/python"

    def app_control(self, *arguments: str) -> str:
        """Return the shell command that starts the app, or asks how it is."""
        return shlex.join(["env", f"PYTHONPATH={self.prefix}/app", "python3", "-m", "apps.control", *arguments])

    def relay_control(self, *arguments: str) -> str:
        """Return the shell command that has Redis' answers held up, or no longer."""
        return shlex.join(["env", f"PYTHONPATH={self.prefix}/relay", "python3", "-m", "relay.control", *arguments])

    def sampler(self, module: str, *arguments: str) -> str:
        """Return the shell command for a module of the sampler."""
        words = ["env", f"PYTHONPATH={self.prefix}/collector", self.python, "-m", f"sampler.{module}", *arguments]
        return shlex.join(words)


@dataclass(frozen=True)
class Task:
    """What each worker of a trial is given."""

    spec: dict[str, Any]  # collect.plan.TrialSpec as JSON
    server: str
    server_address: str
    clients: list[str]
    interval_s: float
    folder: Path  # where the trial's raw files gather
    paths: Paths = field(default_factory=Paths)
    facts: Mapping[str, Facts] = field(default_factory=dict)
    """What each host is, as its collector said."""
    tuning: str = UNTUNED
    """Whether this worker's host is tuned for the trial (see collect/tuning)."""

    @property
    def load_s(self) -> float:
        """Planned seconds of load."""
        return float(self.spec["ramp_s"] + self.spec["warmup_s"] + self.spec["window_s"])

    @property
    def dealt(self) -> dict[str, list[str]]:
        """The generator's processes by client."""
        return deal(int(self.spec["generator"]["processes"]), client_cpus(self.facts, self.clients))


def conditions_of(task: Task, host: str) -> dict[str, Any] | None:
    """Return what the trial's profile does to a host (see collect/load/conditions.py), None for nothing."""
    profile = task.spec["profile"]
    is_server = host == task.server
    sysctls = {} if is_server else dict(profile.get("client_sysctls", {}))
    burn = profile.get("burn", {}).get("server" if is_server else "client")
    quota = cpu_quota_of(task.spec, "server") if is_server else cpu_quota_of(task.spec, "client", task.dealt[host])
    if not sysctls and not burn and quota is None:
        return None
    # A range with the master's port in it would hand that port out, and keep it for a minute after the connection.
    first, last = map(int, sysctls.get("net.ipv4.ip_local_port_range", "0 0").split())
    reserved = [MASTER_PORT] if first <= MASTER_PORT <= last else []
    wanted = {"sysctls": sysctls, "reserve_ports": reserved, "burn": burn}
    return wanted if quota is None else {**wanted, "cpu_quota": quota}


def tuning_of(
    spec: Mapping[str, Any], host: str, server: str, machines: Mapping[str, str], tuned: Sequence[str]
) -> str:
    """Return whether a host is tuned for a trial: its profile is among the ``tuned``. ``machines``: where each host is.

    A client on the server's own machine leaves that to the server's worker.
    """
    if host != server and machines[host] == machines[server]:
        return AS_IT_IS
    return TUNED if spec["cell"]["profile"] in tuned else UNTUNED


class Side:
    """One host's part of a trial: a context in which its line is open."""

    def __init__(self, remote: Remote, task: Task, board: Board, watch_arguments: list[str]) -> None:
        """Open the line: a watch on the host that streams the collector's lines and ends what it started with it."""
        self.remote, self.task, self.board = remote, task, board
        self.clocks: list[dict[str, float]] = []
        # From the moment of its start on the watch stops the load by itself, whatever becomes of the control node.
        deadline_s = task.load_s + 60
        self._conditions = conditions_of(task, remote.name)
        self._window_awaited = self._conditions is not None and self._conditions["burn"] is not None
        command = ["/usr/bin/env", "python3", f"{task.paths.prefix}/collector/watch.py", *watch_arguments]
        if task.tuning != UNTUNED:
            command += ["--tuning", task.tuning]
        if self._conditions is not None:
            command += ["--conditions", json.dumps(self._conditions)]
        self.stream: Stream = remote.stream(shlex.join([*command, "--deadline", f"{deadline_s:.0f}"]))
        self.collector: dict[str, Any] | None = None

    def __enter__(self) -> Side:
        """Return the open side, its host tuned where it is to be. Raises AbortedError or BenchError."""
        if self.task.tuning == TUNED:
            try:
                self._hear("tuning", "set", TUNING_TIMEOUT_S, "its watch does not say that the host is tuned")
            except BaseException:
                self.stream.close()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        """Close the line, which ends on the host what was started for the trial."""
        self.stream.close()

    def measure_clock(self) -> None:
        """Measure the host's clock and keep the result."""
        self.clocks.append(asdict(self.stream.measure_clock(self.take)))

    def next(self, timeout_s: float = 0.2) -> dict[str, Any] | None:
        """Return the next line that is not the collector's, minding the other workers and a host that falls silent.

        Raises AbortedError when another worker gave up, BenchError when the host is lost.
        """
        self.board.check()
        self._mind_window()
        line = self.stream.read(timeout_s)
        if line is None:
            if time.monotonic() - self.stream.heard_monotonic_s > max(SILENCE_S, 3 * self.task.interval_s):
                raise self.remote.lost("it has fallen silent")
            return None
        self.take(line)
        return line

    def announce_window(self, start_unix_s: float) -> None:
        """Tell the other hosts when the window begins, by this host's clock here, by the control node's there."""
        self.board.put("load.window", start_unix_s - self.clocks[-1]["offset_s"])

    def _mind_window(self) -> None:
        if self._window_awaited and (start := self.board.get("load.window")) is not None:
            self._window_awaited = False
            self.stream.say(f"window {start + self.clocks[-1]['offset_s']:.6f}\n".encode())

    def restore(self) -> dict[str, Any]:
        """Undo what was done to the host for the trial; return what the record says of it, nothing where nothing was.

        Raises BenchError when it is not as it was.
        """
        found: dict[str, Any] = {}
        if self._conditions is None and self.task.tuning != TUNED:
            return found
        self.stream.say(b"restore\n")
        if self._conditions is not None:
            problem = "its watch does not say that the trial's conditions are undone"
            line = self._hear("conditions", "restored", CONDITIONS_TIMEOUT_S, problem)
            found["conditions"] = _told(line, ("set", "before", "after", "burn", "quota", "restored"))
        if self.task.tuning == TUNED:
            problem = "its watch does not say that what was tuned is put back"
            line = self._hear("tuning", "restored", TUNING_TIMEOUT_S, problem)
            if line["in_force"]:
                found["tuning"] = _told(line, ("in_force", "left", "changed_meanwhile", "restored"))
        return found

    def _hear(self, source: str, state: str, timeout_s: float, problem: str) -> dict[str, Any]:
        """Return the line of the watch that says so, however long it is silent before; BenchError where it does not."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            self.board.check()
            line = self.stream.read(0.2)
            if line is None:
                continue
            self.take(line)
            if line.get("src") == source and line.get("state") == state:
                return line
        raise self.remote.lost(problem)

    def take(self, line: dict[str, Any]) -> None:
        """Keep the collector's line and show it to the other workers. Raises BenchError when the watch has failed."""
        if line.get("src") == "watch" and line.get("state") == "failed":
            remedy = str(line.get("remedy", "see its journal")) + ", then go on with -e resume="
            raise BenchError(str(line.get("error")), self.remote.name, remedy)
        if line.get("src") == "collector":
            self.collector = line
            self.board.put(f"{self.remote.name}.now", line)

    def cut_samples(self, from_unix_s: float, to_unix_s: float) -> None:
        """Fetch the host's samples of the trial, none from the load of the one before."""
        interval = self.task.interval_s
        command = self.task.paths.sampler("cut", "--from", f"{from_unix_s:.3f}", "--to", f"{to_unix_s + interval:.3f}")
        samples = self.remote.run(command)
        with disk_errors(str(self.task.folder)):
            (self.task.folder / f"samples-{self.remote.name}.jsonl").write_bytes(samples)


def in_words(error: Exception, host: str) -> str:
    """Return an error as the one line that the user reads."""
    if isinstance(error, HostError | BenchError):
        return str(error)
    return f"{type(error).__name__}: {error} ({host}): report this with the run's folder"


def _told(line: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: line[name] for name in names if name in line}
