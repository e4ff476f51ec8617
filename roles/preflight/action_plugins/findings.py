"""Say what was found on a host, all of it at once, each finding with its remedy; fail where one forbids to go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from collect.errors import BenchError
from collect.preflight.findings import check_levels, refusals, told
from collect.preflight.lab import Host, Lab
from collect.preflight.look import look
from collect.preflight.system import same_as
from collect.provision.libc import needed_libc


class ActionModule(ActionBase):  # type: ignore[misc]
    """``findings: limits=… levels=… needs=… services=… same_host=… python=… tuned=… notes=…``.

    Looks at what the tasks before it have registered as ``__preflight_host`` and ``__preflight_machine``; ``python`` is
    the packed one that is to be carried there. Returns ``findings`` (see collect/preflight/findings.py); ``errors`` and
    ``told``, lines for the user; ``same_as``, the hosts before this one that are the same machine.
    """

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Look at this host, with the others beside it."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        assert task_vars is not None
        asked, groups, hosts = self._task.args, task_vars["groups"], task_vars["hostvars"]
        names = dict.fromkeys([*groups["server"], *groups["clients"]])
        seen = {name: each for name in names if (each := _host(name, hosts[name])) is not None}
        lab = Lab(
            hosts=seen,
            server=groups["server"][0],
            limits=asked["limits"],
            needs=list(asked.get("needs") or ()),
            services={name: int(port) for name, port in asked["services"].items()},
            same_host=bool(asked.get("same_host")),
            libc=needed_libc(Path(asked["python"])) if asked.get("python") else "",
            tuned=list(asked.get("tuned") or ()),
        )
        levels = dict(asked.get("levels") or {})
        try:
            check_levels(levels)
        except BenchError as error:
            return {**result, "failed": True, "msg": str(error)}
        here = seen[task_vars["inventory_hostname"]]
        found = look(here, lab, levels)
        errors = refusals(found)
        result |= {"changed": False, "findings": [each.to_json() for each in found], "errors": errors}
        result["told"] = told(found, notes=bool(asked.get("notes")))
        result["same_as"] = same_as(here, lab)
        if errors:
            result |= {"failed": True, "msg": "\n".join(errors)}
        return result


def _host(name: str, variables: Any) -> Host | None:
    """Return a host as far as it was looked at; None for one that was not, as those that a --limit leaves out."""
    probe, machine = variables.get("__preflight_host"), variables.get("__preflight_machine")
    if not probe or not machine or "time" not in probe or "cpus" not in machine:
        return None
    return Host(
        name=name,
        load_address=str(variables.get("bench_load_address") or ""),
        load_interface=str(variables.get("bench_load_interface") or ""),
        cpus=str(variables.get("bench_cpus", "")),
        probe=probe,
        machine=machine,
    )
