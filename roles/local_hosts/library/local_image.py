#!/usr/bin/python
"""Build the image that local hosts are made from, once for the same inputs."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.local_hosts import HostsError, exclusive, run, working

DOCUMENTATION = """
module: local_image
short_description: Build the image that local hosts are made from
description:
  - Makes a Debian file system with mmdebstrap, as a folder named by the hash of what went into it.
  - It is built under another name first; a build that was killed is removed by the next.
options:
  state_dir: {description: Folder of the local hosts' state., type: path, required: true}
  began: {description: Unix time when the playbook began., type: float, required: true}
  directory: {description: Folder of the images., type: path, required: true}
  suite: {description: Debian release., type: str, required: true}
  mirror: {description: Mirror to take packages from; empty for Debian's own., type: str, default: ""}
  packages: {description: Debian packages to install., type: list, elements: str, required: true}
  files: {description: Contents of files to write into the image by path., type: dict, default: {}}
  masked_units: {description: Systemd units that must not start., type: list, elements: str, default: []}
"""
RETURN = """
path: {description: Folder that holds the image., type: str, returned: always}
"""

# Nobody reads these on a host.
EXCLUDED = ("doc", "info", "lintian", "locale", "man")
BUILD_LIMIT_S = 900


def build(directory: Path, name: str, params: dict[str, Any]) -> None:
    """Build the image `name` in `directory` after removing what is left of builds that were killed."""
    for stale in directory.glob("*.building"):
        shutil.rmtree(stale)
    building = directory / f"{name}.building"
    scratch = building / "scratch"
    scratch.mkdir(parents=True)
    root = building / "root"
    options = [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in EXCLUDED]
    # A build that is interrupted is never used, so dpkg need not sync every file.
    options += ["--dpkgopt=force-unsafe-io", "--variant=minbase", "--format=directory"]
    options += [f"--include={','.join(params['packages'])}", params["suite"], str(root)]
    if params["mirror"]:
        options.append(params["mirror"])
    log = directory / f"{name}.log"
    # In a process namespace of its own, with its scratch files here: killing it leaves nothing behind elsewhere.
    fenced = ("unshare", "--fork", "--pid", "--mount-proc", "--kill-child=KILL", "env", f"TMPDIR={scratch}")
    try:
        run("sh", "-c", 'exec "$@" >"$0" 2>&1', log, *fenced, "mmdebstrap", *options, timeout_s=BUILD_LIMIT_S)
    except HostsError as error:
        # What apt says first is the cause; what follows is who was let down by it.
        said = [line for line in log.read_text(errors="replace").splitlines() if line.startswith("E: ")] or [str(error)]
        remedy = "see that the mirror can be reached (local_hosts_mirror names another), then run this again"
        raise HostsError(f"{said[0].removeprefix('E: ')} ({log}): {remedy}") from None
    for path, content in params["files"].items():
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
    units = root / "etc/systemd/system"
    for unit in params["masked_units"]:
        (units / unit).unlink(missing_ok=True)
        (units / unit).symlink_to("/dev/null")
    # These are each host's own.
    for path in ("etc/machine-id", "etc/hostname", "var/lib/dbus/machine-id", "etc/resolv.conf"):
        (root / path).unlink(missing_ok=True)
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    root.rename(directory / name)
    shutil.rmtree(building)


def main() -> None:
    """Build the image if there is none of these inputs."""
    module = AnsibleModule(
        argument_spec={
            "state_dir": {"type": "path", "required": True},
            "began": {"type": "float", "required": True},
            "directory": {"type": "path", "required": True},
            "suite": {"type": "str", "required": True},
            "mirror": {"type": "str", "default": ""},
            "packages": {"type": "list", "elements": "str", "required": True},
            "files": {"type": "dict", "default": {}},
            "masked_units": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    inputs = {key: value for key, value in module.params.items() if key not in ("state_dir", "began", "directory")}
    inputs |= {"excluded": EXCLUDED, "arch": run("dpkg", "--print-architecture").strip()}
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:12]
    directory = Path(module.params["directory"])
    name = f"{inputs['suite']}-{digest}"
    missing = not (directory / name).is_dir()
    try:
        if missing and not module.check_mode:
            here = Path(module.params["state_dir"])
            with working(here, module.params["began"]), exclusive(directory / "lock"):
                if not (directory / name).is_dir():
                    build(directory, name, module.params)
    except HostsError as error:
        module.fail_json(msg=f"the image was not built: {error}")
    module.exit_json(changed=missing, path=str(directory / name))


if __name__ == "__main__":
    main()
