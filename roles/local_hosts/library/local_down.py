#!/usr/bin/python
"""Remove the local hosts of a checkout, whatever state they are in."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.local_hosts import (
    NETNS,
    HostsError,
    close_connections,
    processes,
    remove_cgroups,
    remove_tree,
    run,
    stop,
    taking_down,
    unit_name,
)

DOCUMENTATION = """
module: local_down
short_description: Remove the local hosts of a checkout
description:
  - Ends who works on the hosts, and the hosts; removes their namespaces, interfaces, mounts, cgroups, what
    systemd-nspawn left in /run, SSH connections, and O(state_dir). What is not there is no error.
options:
  checkout_id: {description: What the names of machines and networks begin with., type: str, required: true}
  state_dir: {description: Folder of the local hosts' state., type: path, required: true}
  control_path_dir: {description: Folder of Ansible's SSH connections., type: path, required: true}
"""

NSPAWN = Path("/run/systemd/nspawn")
STOP_PATIENCE_S = 3.0


def find_interfaces(prefix: str) -> list[str]:
    """Return this machine's interfaces whose names begin so."""
    links = json.loads(run("ip", "-json", "link", "show"))
    return [link["ifname"] for link in links if link.get("ifname", "").startswith(prefix)]


def remove_interfaces(prefix: str) -> bool:
    """Remove the management links; their other ends go with them."""
    found = find_interfaces(prefix)
    for name in found:
        # It may have gone with its namespace, whose end the kernel makes in its own time.
        with contextlib.suppress(HostsError):
            run("ip", "link", "delete", name)
    if left := find_interfaces(prefix):
        raise HostsError(f"interfaces {left} cannot be removed (ip link delete): run it by hand to see why")
    return bool(found)


def remove_namespaces(prefix: str) -> bool:
    """Remove network namespaces, and the mount that holds them once it is empty."""
    found = list(NETNS.glob(f"{prefix}*"))
    for path in found:
        run("ip", "netns", "delete", path.name)
    with contextlib.suppress(OSError):  # another checkout may take it away, or fill it, meanwhile
        if found and not any(NETNS.iterdir()):
            with contextlib.suppress(HostsError):
                run("umount", NETNS)
            NETNS.rmdir()
    return bool(found)


def remove_mounts(state_dir: Path) -> bool:
    """Unmount what somebody mounted below the state, so that its removal stays within."""
    targets = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    found = [target for target in targets if target.startswith(f"{state_dir}/")]
    for target in reversed(found):
        run("umount", "--lazy", target)
    return bool(found)


def remove_traces(prefix: str) -> bool:
    """Remove what a killed systemd-nspawn leaves in /run: it cleans up only when it ends by itself."""
    folders = [path for kind in ("propagate", "unix-export") for path in (NSPAWN / kind).glob(f"{prefix}*")]
    for path in folders:
        with contextlib.suppress(HostsError):
            run("umount", path)
        path.rmdir()
    for path in (*NSPAWN.glob("*"), NSPAWN):
        with contextlib.suppress(OSError):
            path.rmdir()
    return bool(folders)


def main() -> None:
    """Remove the hosts."""
    module = AnsibleModule(
        argument_spec={
            "checkout_id": {"type": "str", "required": True},
            "state_dir": {"type": "path", "required": True},
            "control_path_dir": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    prefix = unit_name(module.params["checkout_id"], "")
    state_dir = Path(module.params["state_dir"])
    if module.check_mode:
        found = [*processes(f"{prefix}*"), *find_interfaces(prefix), *NETNS.glob(f"{prefix}*")]
        module.exit_json(changed=bool(found) or state_dir.exists())

    steps: dict[str, Callable[[], bool]] = {
        "hosts": lambda: stop([f"{prefix}*"], STOP_PATIENCE_S),
        "connections": lambda: close_connections(Path(module.params["control_path_dir"])),
        "interfaces": lambda: remove_interfaces(prefix),
        "namespaces": lambda: remove_namespaces(prefix),
        "cgroups": lambda: remove_cgroups(f"{prefix}*"),
        "mounts": lambda: remove_mounts(state_dir),
        "traces": lambda: remove_traces(prefix),
    }
    try:
        with taking_down(state_dir):
            changes = [name for name, step in steps.items() if step()]
            if state_dir.exists():
                remove_tree(state_dir)
                changes.append("files")
    except HostsError as error:
        module.fail_json(msg=f"not all of the local hosts was removed: {error}")
    module.exit_json(changed=bool(changes), changes=changes)


if __name__ == "__main__":
    main()
