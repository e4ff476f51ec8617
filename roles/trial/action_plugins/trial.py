"""Measure one trial: Ansible runs this once per host, side by side; collect.trial does the work."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from collect.archive.partial import open_partial
from collect.cpu_sets import facts_of
from collect.errors import BenchError
from collect.trial.board import Board
from collect.trial.connection import remote_of
from collect.trial.execute import Trial
from collect.trial.watching import Paths, Task, tuning_of


class Interruption:
    """A signal to end, kept for all trials of this worker.

    Ansible ends a worker on the spot. One that is passing a line on then holds the lock of the queue to the main
    process for ever, which waits for it; so a trial ends in its own way, within a fraction of a second.
    """

    board: Board
    came = False

    @classmethod
    def meanwhile(cls, board: Board) -> None:
        """From now on a signal ends the trial of this board; at once if it has come before."""
        cls.board = board
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, cls._note)
        if cls.came:
            board.abort("interrupted")

    @classmethod
    def _note(cls, *_: object) -> None:
        cls.came = True
        cls.board.abort("interrupted")


def machine_of(variables: Mapping[str, Any], host: str) -> str:
    """Return which machine a host is: as preflight has found where it went before, else where SSH reaches it."""
    return str(variables.get("preflight_machine_of", variables.get("ansible_host", host)))


class ActionModule(ActionBase):  # type: ignore[misc]
    """``trial: spec=… session=… partial_dir=… board_dir=… interval_s=… prefix=… tuned_profiles=…``."""

    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Play this host's part of the trial."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        assert task_vars is not None
        if self._task.check_mode:
            return {**result, "skipped": True, "msg": "a trial changes nothing and measures nothing in check mode"}
        arguments, hosts = self._task.args, task_vars["hostvars"]
        server, clients = task_vars["groups"]["server"][0], list(task_vars["groups"]["clients"])
        partial, spec = Path(arguments["partial_dir"]), arguments["spec"]
        name = task_vars["inventory_hostname"]
        addresses = {host: hosts[host]["bench_load_address"] for host in (server, *clients)}
        machines = {host: machine_of(hosts[host], host) for host in addresses}
        task = Task(
            spec=spec,
            server=server,
            server_address=addresses[server],
            clients=clients,
            interval_s=float(arguments["interval_s"]),
            folder=partial / "trials" / f"{spec['trial_id']}.tmp",
            paths=Paths(prefix=arguments["prefix"]),
            facts=facts_of(open_partial(partial).facts),
            tuning=tuning_of(spec, name, server, machines, arguments["tuned_profiles"]),
        )
        trial = Trial(
            task=task,
            board=Board(Path(arguments["board_dir"]) / arguments["session"] / spec["trial_id"]),
            partial=partial,
            master_address=addresses[clients[0]],
            controller_pid=os.getppid(),
        )
        Interruption.meanwhile(trial.board)
        began = time.monotonic()
        try:
            remote = remote_of(self._connection, name)
            played = trial.play(remote)
        except BenchError as error:
            return {**result, "failed": True, "msg": str(error)}
        return {**result, "changed": False, **played, "wall_s": time.monotonic() - began}
