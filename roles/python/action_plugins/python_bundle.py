"""Find or install a Python 3.8 on the control node and pack it for the hosts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from collect.errors import BenchError
from collect.provision.interpreter import bundle


class ActionModule(ActionBase):  # type: ignore[misc]
    """``python_bundle: cache=… prefix=…``: returns ``path``, ``sha256`` and ``facts`` (see BUNDLE.json)."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Pack it, unless the cache has it."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(
            {"cache": {"type": "path", "required": True}, "prefix": {"type": "str", "default": ""}}
        )
        try:
            packed = bundle(Path(arguments["cache"]), arguments["prefix"])
        except BenchError as error:
            return {**result, "failed": True, "msg": str(error)}
        return {**result, "changed": False, "path": str(packed.path), "sha256": packed.sha256, "facts": packed.facts}
