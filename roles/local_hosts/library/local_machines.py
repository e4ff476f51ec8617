#!/usr/bin/python
"""Boot local hosts: containers with a systemd and a sshd of their own."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.local_hosts import (
    NETNS,
    POLL_S,
    HostsError,
    booted,
    booted_by_systemd,
    cgroup_hierarchies,
    close_connections,
    leader,
    processes,
    remove_cgroups,
    remove_tree,
    run,
    stop,
    unit_name,
    working,
)

DOCUMENTATION = """
module: local_machines
short_description: Boot local hosts
description:
  - Each host is a layer over the image, kept in O(state_dir)/roots, booted by systemd-nspawn on its CPUs and in its
    network namespace. A host that runs and is as it should be is left alone; one that died is booted again with the
    files it has.
  - Hosts that are no longer named are ended and removed.
options:
  checkout_id: {description: Goes into the names of machines and cgroups., type: str, required: true}
  state_dir: {description: Folder of the local hosts' state., type: path, required: true}
  image: {description: Folder that new hosts are made from., type: path, required: true}
  hosts:
    description: Hosts to boot.
    type: list
    elements: dict
    required: true
    suboptions:
      name: {description: Name of the host., type: str, required: true}
      cpus: {description: CPUs of the host., type: str, required: true}
  began: {description: Unix time when the playbook began., type: float, required: true}
  control_path_dir: {description: Folder of Ansible's SSH connections; they end., type: path, required: true}
  boot_timeout_s: {description: Seconds that a host may take to boot., type: int, default: 60}
  quotas: {description: Whether hosts are to give their own units CPU quotas., type: bool, default: false}
"""

STOP_PATIENCE_S = 3.0

# Of the host's init: nothing of the caller's. The host may set the sysctls of its network. No lock on its files, since
# that would outlive a host that is killed; the checkout's lock serves.
ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network",
    "SYSTEMD_NSPAWN_LOCK": "0",
}

# In a mount namespace of the host's own: however the host ends, its mounts end with it. The layers are named from
# within their folder, since a path may hold what mount options cannot. On a file system that takes no layers
# (another overlay), the host is a copy of the image.
MOUNT_ROOT = """
cd "$1"; shift
if [ ! -e root/usr ]; then
    mount -t overlay -o lowerdir=image,upperdir=upper,workdir=work overlay root || {
        rm -rf copy; cp --archive --reflink=auto image/. copy; cp --archive upper/. copy; rmdir root; mv copy root
    }
fi
exec "$@"
"""

OPEN = 'mount --options remount,bind,rw,nosuid,nodev,noexec "$1"; systemctl daemon-reexec'


@dataclass(frozen=True)
class Host:
    """One host: where it is kept, and how it should run."""

    name: str
    unit: str
    cpus: str
    address: str
    folder: Path
    key: Path
    log: Path
    quotas: bool = False
    """Whether the host is to give its own units CPU quotas."""

    def command(self) -> list[str]:
        """Return the command that boots the host."""
        return [
            *("unshare", "--mount", "sh", "-euc", MOUNT_ROOT, "sh", str(self.folder)),
            *("taskset", "--cpu-list", self.cpus),
            "systemd-nspawn",
            "--quiet",
            "--boot",
            "--register=no",
            "--keep-unit",
            "--settings=no",
            f"--directory={self.folder / 'root'}",
            f"--machine={self.unit}",
            f"--hostname={self.name}",
            f"--network-namespace-path={NETNS / self.unit}",
            # The namespace is the host's own, so its sysctls and interfaces are, too.
            "--capability=CAP_NET_ADMIN",
            # A trial looks at the sockets of the app (apps/sockets.py), which root may on a machine of its own.
            "--system-call-filter=pidfd_getfd",
            "--link-journal=no",
            "--resolv-conf=off",
            "--timezone=off",
            "--console=pipe",
        ]

    def runs(self) -> bool:
        """Say whether the host runs, in its network, on its CPUs, and may give its units quotas where it is to."""
        init = booted(self.unit)
        if init is None:
            return False
        with contextlib.suppress(OSError):
            network = Path(f"/proc/{init}/ns/net").stat().st_ino == (NETNS / self.unit).stat().st_ino
            cpus = os.sched_getaffinity(init) == {int(cpu) for cpu in self.cpus.split(",")}
            locked = self.quotas and read_only(Path(f"/proc/{init}/mounts").read_text())
            return network and cpus and self.grouped(init) and not locked
        return False

    def grouped(self, init: int) -> bool:
        """Say whether the host has a group of its own for the CPU where it wants one, and none where it does not.

        A group is scheduled as one: without a use for it, it would only change who gets the CPU before whom.
        """
        if booted_by_systemd() or len(cgroup_hierarchies(cpu=True)) == len(cgroup_hierarchies()):
            return True
        lines = (line.split(":", 2) for line in Path(f"/proc/{init}/cgroup").read_text().splitlines())
        return self.quotas == any("cpu" in names.split(",") and self.unit in path for _, names, path in lines)

    def made_from(self, image: Path) -> bool:
        """Say whether the host's files stand on this image."""
        link = self.folder / "image"
        return link.is_symlink() and link.readlink() == image

    def make(self, image: Path, public_key: str) -> None:
        """Make the host anew from the image: a layer over it that holds the host's name and keys."""
        new = self.folder.with_suffix(".new")
        for old in (new, self.folder):
            if old.exists():
                remove_tree(old)
        for name in ("root", "work", "upper"):
            (new / name).mkdir(parents=True)
        if not self.key.exists():
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.unit, "-f", self.key)
        files = {
            "etc/hostname": (0o644, f"{self.name}\n"),
            "etc/hosts": (0o644, f"127.0.0.1 localhost\n127.0.1.1 {self.name}\n"),
            "etc/machine-id": (0o444, run("systemd-id128", "new")),
            "etc/ssh/ssh_host_ed25519_key": (0o600, self.key.read_text()),
            "etc/ssh/ssh_host_ed25519_key.pub": (0o644, self.key.with_suffix(".pub").read_text()),
            "root/.ssh/authorized_keys": (0o600, public_key),
        }
        (new / "upper/root/.ssh").mkdir(parents=True)
        for folder in ("root/.ssh", "root"):
            (new / "upper" / folder).chmod(0o700)
        for path, (mode, content) in files.items():
            file = new / "upper" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(mode)
            file.write_text(content)
        (new / "image").symlink_to(image)
        new.rename(self.folder)

    def boot(self) -> None:
        """Start the host and return at once; it does not end with this process."""
        if booted_by_systemd():
            service = ["--quiet", "--collect", f"--unit={self.unit}", "--slice=machine.slice"]
            service.append(f"--description=Benchmark host {self.name} ({self.folder})")
            properties = ["Delegate=yes", "KillMode=mixed", "TasksMax=16384", f"StandardOutput=append:{self.log}"]
            options = [f"--property={value}" for value in properties]
            options += [f"--setenv={key}={value}" for key, value in ENVIRONMENT.items()]
            run("systemd-run", *service, *options, "--", *self.command())
            return
        # Without a systemd that gives each unit a cgroup, hosts would share one, and end each other's services.
        entries = [folder / self.unit / "cgroup.procs" for folder in cgroup_hierarchies(cpu=self.quotas)]
        for entry in entries:
            entry.parent.mkdir(exist_ok=True)

        def enter() -> None:
            for entry in entries:
                entry.write_text(str(os.getpid()))

        with self.log.open("wb") as log:
            subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=ENVIRONMENT,
                start_new_session=True,
                preexec_fn=enter,
            )

    def wait(self, timeout_s: float) -> None:
        """Wait until the host has booted and its sshd answers."""
        deadline = time.monotonic() + timeout_s
        while not self.answers():
            if time.monotonic() > deadline or not processes(self.unit):
                words = self.log.read_text(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
                raise HostsError(f"it did not boot: {words[0]} ({self.name}): see {self.log}")
            time.sleep(POLL_S)
        init = leader(processes(self.unit))
        inside = ("nsenter", "--target", str(init), "--mount", "--pid", "systemctl")
        try:
            run(*inside, "is-system-running", "--wait", timeout_s=max(1.0, deadline - time.monotonic()))
        except HostsError:
            units = run(*inside, "list-units", "--failed", "--plain", "--no-legend")
            failed = " ".join(line.split()[0] for line in units.splitlines()) or "the boot did not end"
            remedy = f"see `systemctl status` there, or {self.log}"
            raise HostsError(f"it booted, but is not well: {failed} ({self.name}): {remedy}") from None
        if self.quotas and init is not None:
            self.open_quotas(init)

    def open_quotas(self, init: int) -> None:
        """Let the host's systemd write to its group of the cpu controller: nspawn mounts cgroup v1 read-only.

        What systemd may write to it finds out when it starts; so the one is not done without the other.
        """
        inside = ("nsenter", "--target", str(init), "--mount", "--pid")
        for where in read_only(Path(f"/proc/{init}/mounts").read_text()):
            run(*inside, "sh", "-euc", OPEN, "sh", where)

    def answers(self) -> bool:
        """Say whether sshd greets."""
        with contextlib.suppress(OSError), socket.create_connection((self.address, 22), timeout=1) as connection:
            return connection.recv(4) == b"SSH-"
        return False


def read_only(mounts: str) -> list[str]:
    """Return where a host has the cpu controller of cgroup v1 and may not write to it, by its ``/proc/1/mounts``."""
    entries = (line.split()[1:4] for line in mounts.splitlines())
    return [where for where, kind, options in entries if kind == "cgroup" and {"cpu", "ro"} <= set(options.split(","))]


def remove(state_dir: Path, checkout_id: str, name: str) -> None:
    """Remove what is left of an ended host."""
    root = state_dir / "roots" / name
    unit = unit_name(checkout_id, name)
    with contextlib.suppress(FileNotFoundError):
        remove_tree(root)
    remove_cgroups(unit)


def arrange(module: AnsibleModule, hosts: list[Host], state_dir: Path) -> list[str]:
    """Bring the hosts to what is asked for; return what had to change."""
    params: dict[str, Any] = module.params
    image = Path(params["image"])
    wanted = {host.name for host in hosts}
    kept = [path.name for path in (state_dir / "roots").glob("*") if path.name not in wanted and not path.suffix]
    unmade = [host for host in hosts if not host.made_from(image)]
    down = [host for host in hosts if host in unmade or not host.runs()]
    changes = [*(f"no {name}" for name in kept), *(f"{host.name} booted" for host in down)]
    if module.check_mode:
        return changes
    if changes:
        settle(params, state_dir, kept, unmade, down)
    return changes + write_known_hosts(state_dir, hosts)


def settle(params: dict[str, Any], state_dir: Path, kept: list[str], unmade: list[Host], down: list[Host]) -> None:
    """Remove the hosts that are `kept` no longer, make those that are `unmade`, and boot those that are `down`."""
    image = Path(params["image"])
    stop([unit_name(params["checkout_id"], name) for name in (*kept, *(host.name for host in down))], STOP_PATIENCE_S)
    for name in kept:
        remove(state_dir, params["checkout_id"], name)
    user_key = state_dir / "ssh" / "id_ed25519"
    user_key.parent.mkdir(mode=0o700, exist_ok=True)
    if not user_key.exists():
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"bench-{params['checkout_id']}", "-f", user_key)
    for folder in ("roots", "log"):
        (state_dir / folder).mkdir(exist_ok=True)
    public_key = user_key.with_suffix(".pub").read_text()
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda host: host.make(image, public_key), unmade))
    for host in down:
        remove_cgroups(host.unit)
        host.boot()
    close_connections(Path(params["control_path_dir"]))
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda host: host.wait(params["boot_timeout_s"]), down))


def write_known_hosts(state_dir: Path, hosts: list[Host]) -> list[str]:
    """Write down which key each host has; return what had to change."""
    keys = [f"{host.address} {host.key.with_suffix('.pub').read_text().rsplit(None, 1)[0]}\n" for host in hosts]
    path = state_dir / "ssh" / "known_hosts"
    if path.exists() and path.read_text() == "".join(keys):
        return []
    path.write_text("".join(keys))
    return ["known_hosts"]


def main() -> None:
    """Boot the hosts."""
    module = AnsibleModule(
        argument_spec={
            "checkout_id": {"type": "str", "required": True},
            "state_dir": {"type": "path", "required": True},
            "image": {"type": "path", "required": True},
            "hosts": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "cpus": {"type": "str", "required": True},
                },
            },
            "began": {"type": "float", "required": True},
            "control_path_dir": {"type": "path", "required": True},
            "boot_timeout_s": {"type": "int", "default": 60},
            "quotas": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    state_dir = Path(module.params["state_dir"])
    network = state_dir / "network.json"
    addresses = json.loads(network.read_text())["hosts"] if network.exists() else {}
    hosts = [
        Host(
            name=host["name"],
            unit=unit_name(module.params["checkout_id"], host["name"]),
            cpus=host["cpus"],
            address=addresses.get(host["name"], {}).get("ansible_host", ""),
            folder=state_dir / "roots" / host["name"],
            key=state_dir / "ssh" / f"{host['name']}_ssh_host_ed25519_key",
            log=state_dir / "log" / f"{host['name']}.log",
            quotas=module.params["quotas"],
        )
        for host in module.params["hosts"]
    ]
    try:
        with working(state_dir, module.params["began"]):
            changes = arrange(module, hosts, state_dir)
    except HostsError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(changes), changes=changes)


if __name__ == "__main__":
    main()
