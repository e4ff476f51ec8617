"""Fill wheelhouses on the control node."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from collect.errors import BenchError
from collect.provision.wheelhouse import ARTICLE, Lock, fill


class ActionModule(ActionBase):  # type: ignore[misc]
    """``wheelhouse: locks={name: path, …} tools=… cache=… python=3.8``: returns ``paths``, a folder by name."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Download what the cache has not, all locks side by side."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(
            {
                "locks": {"type": "dict", "required": True},
                "tools": {"type": "path", "required": True},
                "cache": {"type": "path", "required": True},
                "python": {"type": "str", "default": ARTICLE},
            }
        )
        tools, cache = Lock("tools", Path(arguments["tools"])), Path(arguments["cache"])
        locks = [Lock(name, Path(path), arguments["python"]) for name, path in arguments["locks"].items()]
        try:
            with ThreadPoolExecutor(len(locks)) as pool:
                folders = list(pool.map(lambda lock: fill(lock, tools, cache), locks))
        except BenchError as error:
            return {**result, "failed": True, "msg": str(error)}
        paths = {lock.name: str(folder) for lock, folder in zip(locks, folders, strict=True)}
        return {**result, "changed": False, "paths": paths}
