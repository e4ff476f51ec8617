"""Plain machines: containers with a systemd and a sshd of their own, booted over an image and kept until they go."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
NSPAWN = Path("/run/systemd/nspawn")
BOOT_S, STOP_S, POLL_S = 60.0, 10.0, 0.05
ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    # A machine's root may set its network's settings.
    "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network",
    "SYSTEMD_NSPAWN_LOCK": "0",
}
MOUNTED = 'cd "$1"; shift; mount -t overlay -o lowerdir=image,upperdir=upper,workdir=work overlay root; exec "$@"'
"""In a mount namespace of the machine's own, so that its files are unmounted however it ends."""


ENTER = 'while [ "$1" != -- ]; do echo $$ >"$1"; shift; done; shift; exec "$@"'
"""Into the cgroups of which the files are named, before --."""
STARTED: dict[str, subprocess.Popen[bytes]] = {}
"""What was started here for each machine that runs, until it is waited for."""


@dataclass(frozen=True)
class Machine:
    """One machine; ``unit`` is its name outside its own walls, of its cgroup and its network namespace."""

    name: str
    unit: str
    folder: Path
    cpus: Sequence[int]
    address: str

    def make(self, image: Path, public_key: str, user: str, serves: Sequence[str] = ()) -> None:
        """Lay the machine's own files over the image: its name, its SSH key, who may log in, and what ``serves``."""
        for layer in ("root", "work", "upper"):
            (self.folder / layer).mkdir(parents=True)
        (self.folder / "image").symlink_to(image)
        key = self.folder / "ssh_host_ed25519_key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.name, "-f", key], check=True)
        files = {
            "etc/hostname": (0o644, f"{self.name}\n"),
            "etc/hosts": (0o644, f"127.0.0.1 localhost\n127.0.1.1 {self.name}\n"),
            "etc/machine-id": (0o444, f"{os.urandom(16).hex()}\n"),
            "etc/ssh/ssh_host_ed25519_key": (0o600, key.read_text()),
            "etc/ssh/ssh_host_ed25519_key.pub": (0o644, self.host_key + "\n"),
            f"home/{user}/.ssh/authorized_keys": (0o600, public_key),
        }
        for name, (mode, content) in files.items():
            file = self.folder / "upper" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(mode)
            file.write_text(content)
        wants = self.folder / "upper/etc/systemd/system/multi-user.target.wants"
        wants.mkdir(parents=True)
        for unit in serves:
            (wants / Path(unit).name).symlink_to(unit)
        uid, gid = _ids(image, user)
        home = self.folder / "upper" / "home" / user
        home.chmod(0o700)
        (home / ".ssh").chmod(0o700)
        for path in (home, home / ".ssh", home / ".ssh" / "authorized_keys"):
            os.chown(path, uid, gid)

    @property
    def host_key(self) -> str:
        """What known_hosts has to say of it, after its address."""
        return self.folder.joinpath("ssh_host_ed25519_key.pub").read_text().rsplit(None, 1)[0]

    def boot(self) -> None:
        """Boot it and wait until its sshd greets."""
        assert not self.processes(), f"{self.name} runs already"
        self._clear_cgroups()
        command = [
            *("unshare", "--mount", "sh", "-euc", MOUNTED, "sh", str(self.folder)),
            *("taskset", "--cpu-list", ",".join(map(str, self.cpus))),
            *("systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--settings=no"),
            f"--directory={self.folder / 'root'}",
            f"--machine={self.unit}",
            f"--hostname={self.name}",
            f"--network-namespace-path=/run/netns/{self.unit}",
            "--capability=CAP_NET_ADMIN",
            "--system-call-filter=pidfd_getfd",
            *("--link-journal=no", "--resolv-conf=off", "--timezone=off", "--console=pipe"),
        ]
        if Path("/run/systemd/system").is_dir():
            properties = ["Delegate=yes", "KillMode=mixed", "TasksMax=16384", f"StandardOutput=append:{self.log}"]
            options = [f"--property={value}" for value in properties]
            options += [f"--setenv={name}={value}" for name, value in ENVIRONMENT.items()]
            run = ["systemd-run", "--quiet", "--collect", f"--unit={self.unit}", "--slice=machine.slice", *options]
            subprocess.run([*run, "--", *command], check=True)
        else:
            self._start(command)
        deadline = time.monotonic() + BOOT_S
        while not self.greets():
            said = self.log.read_text(errors="replace")[-1000:] if self.log.exists() else ""
            assert time.monotonic() < deadline, f"{self.name} does not boot: {said}"
            assert not self._has_ended(), f"{self.name} has ended: {said}"
            time.sleep(POLL_S)

    @property
    def log(self) -> Path:
        """What its console said."""
        return self.folder / "console.log"

    def _start(self, command: list[str]) -> None:
        """Start it in a cgroup of its own, by which it is found again."""
        entries = [folder / self.unit / "cgroup.procs" for folder in _hierarchies()]
        for entry in entries:
            entry.parent.mkdir(exist_ok=True)

        with self.log.open("ab") as log:
            STARTED[self.unit] = subprocess.Popen(
                ["sh", "-euc", ENTER, "sh", *map(str, entries), "--", *command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", env=ENVIRONMENT, start_new_session=True,
            )  # fmt: skip

    def _has_ended(self) -> bool:
        """Say whether what watches over it is gone; just started it may not be in its cgroup yet."""
        started = STARTED.get(self.unit)
        return started.poll() is not None if started else not self.processes()

    def greets(self) -> bool:
        """Say whether its sshd answers."""
        with contextlib.suppress(OSError), socket.create_connection((self.address, 22), timeout=1) as connection:
            return connection.recv(4) == b"SSH-"
        return False

    def processes(self) -> list[int]:
        """Return the pids of all that runs in it, and of what watches over it; the dead do not count."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                parts = (entry / "cgroup").read_text().replace("\n", "/").split("/")
                dead = "\nState:\tZ" in (entry / "status").read_text()
                if {self.unit, f"{self.unit}.service"} & set(parts) and not dead:
                    found.append(int(entry.name))
        return found

    def init(self) -> int:
        """Return its process 1 as it is numbered here."""
        for pid in self.processes():
            with contextlib.suppress(OSError):
                if re.search(r"^NSpid:\t\d+\t1$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE):
                    return pid
        raise AssertionError(f"{self.name} does not run")

    def run(self, command: str, given: str = "", timeout_s: float = 60) -> str:
        """Run a shell command there as root, without a login that would leave traces; return what it prints."""
        inside = ["nsenter", "--target", str(self.init()), "--mount", "--uts", "--ipc", "--net", "--pid"]
        done = subprocess.run(
            [*inside, "env", "-i", f"PATH={ENVIRONMENT['PATH']}", "LANG=C.UTF-8", "HOME=/root", "sh", "-c", command],
            input=given, capture_output=True, text=True, timeout=timeout_s, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command} on {self.name}: {done.stdout}{done.stderr}"
        return done.stdout

    def pull_the_plug(self) -> None:
        """End it at once, as a loss of power does."""
        os.kill(self.init(), signal.SIGKILL)
        self._wait_until_gone(STOP_S)

    def shut_down(self) -> None:
        """Let it power off in order; what does not end is killed."""
        for pid in self.processes():
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/comm").read_text().strip() == "systemd-nspawn":
                    os.kill(pid, signal.SIGTERM)
        with contextlib.suppress(AssertionError):
            self._wait_until_gone(STOP_S)
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._wait_until_gone(STOP_S)

    def _wait_until_gone(self, patience_s: float) -> None:
        deadline = time.monotonic() + patience_s
        while left := self.processes():
            assert time.monotonic() < deadline, f"processes {left} of {self.name} do not end"
            time.sleep(POLL_S)
        if started := STARTED.pop(self.unit, None):
            started.wait(timeout=patience_s)

    def remove(self) -> None:
        """Remove what there is of it outside of its folder, once it is down; then the folder."""
        self._clear_cgroups()
        for kind in ("propagate", "unix-export"):
            with contextlib.suppress(OSError):
                subprocess.run(["umount", NSPAWN / kind / self.unit], capture_output=True, check=False)
                (NSPAWN / kind / self.unit).rmdir()
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def _clear_cgroups(self) -> None:
        """Remove the cgroups of its last life."""
        for hierarchy in _hierarchies():
            for folder, _, _ in os.walk(hierarchy / self.unit, topdown=False):
                Path(folder).rmdir()

    def left_behind(self) -> list[str]:
        """Return what there still is of it."""
        left = [f"process {pid}" for pid in self.processes()]
        left += [str(folder / self.unit) for folder in _hierarchies() if (folder / self.unit).exists()]
        left += [str(path) for path in NSPAWN.glob(f"*/{self.unit}")]
        return left + ([str(self.folder)] if self.folder.exists() else [])


def _ids(image: Path, user: str) -> tuple[int, int]:
    """Return a user's number and group as the image has them."""
    lines = (line.split(":") for line in (image / "etc/passwd").read_text().splitlines())
    return next((int(fields[2]), int(fields[3])) for fields in lines if fields[0] == user)


def _hierarchies() -> list[Path]:
    """Return where systemd keeps track of processes: cgroup v2, and v1's named hierarchy where there is one."""
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    return [
        Path(where)
        for _, where, kind, options, *_ in mounts
        if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options.split(","))
    ]
