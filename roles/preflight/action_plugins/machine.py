"""Ask a host about its hardware, and have it try its ways to the other hosts of the inventory."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from collect.preflight.lab import peers


class ActionModule(ActionBase):  # type: ignore[misc]
    """``machine: …`` (see library/machine.py): finds the ``peers`` from ``first_port`` and ``last_port``."""

    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        known = task_vars or {}
        asked = dict(self._task.args)
        first, last = (int(asked.pop(name, 0)) for name in ("first_port", "last_port"))
        if not asked.get("cpus_only"):
            groups, hosts = known["groups"], known["hostvars"]
            names = [*groups["server"], *groups["clients"]]
            addresses = {name: str(hosts[name].get("bench_load_address") or "") for name in names}
            host, server = known["inventory_hostname"], groups["server"][0]
            asked["peers"] = peers(host, server, groups["clients"], addresses, first, last)
        result |= self._execute_module(module_name="machine", module_args=asked, task_vars=task_vars)
        return result
