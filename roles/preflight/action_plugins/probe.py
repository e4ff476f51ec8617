"""Ask a host what preflight wants to know, and see how far its clock is off."""

from __future__ import annotations

import time
from typing import Any

from ansible.plugins.action import ActionBase

NO_PYTHON = 127
TOO_OLD = "requires a minimum of Python"
"""What Ansible's modules say of a Python that is older than what they are written for."""


class ActionModule(ActionBase):  # type: ignore[misc]
    """``probe: …`` (see library/probe.py): adds ``clock_offset_s``, the least that the host's clock is off."""

    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask, and bound the clock's offset by the times of question and answer."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        asked = time.time()
        result |= self._execute_module(module_name="probe", module_args=self._task.args, task_vars=task_vars)
        answered = time.time()
        where = (task_vars or {}).get("inventory_hostname")
        said = " ".join(str(result.get(name, "")) for name in ("msg", "module_stdout", "module_stderr"))
        if result.get("rc") == NO_PYTHON:
            result["msg"] = f"there is no Python for Ansible ({where}): install the package python3 there"
        elif TOO_OLD in said:
            remedy = "install a newer one beside it, and name it by ansible_python_interpreter in the inventory"
            result["msg"] = f"the Python for Ansible is older than 3.8 ({where}): {remedy}"
        if "time" in result:
            result["clock_offset_s"] = max(asked - result["time"], result["time"] - answered, 0.0)
        return result
