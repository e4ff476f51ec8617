"""Hold the checkout's lock for as long as this ansible-playbook lives."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

import psutil
from ansible.plugins.action import ActionBase

from collect.errors import BenchError


class ActionModule(ActionBase):  # type: ignore[misc]
    """``bench_lock: path=…``.

    The lock names a process and its start time, so one that was killed leaves nothing to clear away.
    """

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Take the lock or fail with who has it."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        path = Path(self._task.args["path"])
        try:
            take(path, os.getppid())
        except BenchError as error:
            return {**result, "failed": True, "msg": str(error)}
        return {**result, "changed": False}


def take(path: Path, pid: int) -> None:
    """Write ``pid`` into the lock file; raises BenchError when another live process has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        holder = holding(file.read())
        if holder is not None and holder.pid != pid:
            since = time.strftime("%H:%M", time.localtime(holder.create_time()))
            raise BenchError(
                f"another bench is running in this checkout: process {holder.pid} since {since}",
                str(path.parent.parent),
                "wait until it ends, or use another clone",
            )
        file.truncate(0)
        json.dump({"pid": pid, "create_time": psutil.Process(pid).create_time()}, file)


def holding(text: str) -> psutil.Process | None:
    """Return the live process that the lock's text names, or None."""
    try:
        said = json.loads(text)
        process = psutil.Process(said["pid"])
    except (ValueError, KeyError, TypeError, psutil.NoSuchProcess):
        return None
    return process if abs(process.create_time() - said["create_time"]) < 1 else None
