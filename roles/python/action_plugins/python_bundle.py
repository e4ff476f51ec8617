"""Find or install a Python on the control node and pack it for the hosts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from collect.errors import BenchError
from collect.provision.interpreter import bundle
from collect.provision.pythons import WANTED, release_of


class ActionModule(ActionBase):  # type: ignore[misc]
    """``python_bundle: cache=… prefix=… wanted=article|modern``.

    Returns ``path``, ``sha256``, ``facts`` (see BUNDLE.json) and ``release``, such as 3.8.
    """

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Pack it, unless the cache has it."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(
            {
                "cache": {"type": "path", "required": True},
                "prefix": {"type": "str", "default": ""},
                "wanted": {"type": "str", "choices": list(WANTED), "default": "article"},
            }
        )
        try:
            packed = bundle(Path(arguments["cache"]), arguments["prefix"], WANTED[arguments["wanted"]])
        except BenchError as error:
            return {**result, "failed": True, "msg": str(error)}
        found = {"path": str(packed.path), "sha256": packed.sha256, "facts": packed.facts}
        return {**result, "changed": False, **found, "release": release_of(packed.facts)}
