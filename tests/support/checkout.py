"""A copy of this checkout with hosts of its own, for tests that need some."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from types import TracebackType

ORIGINAL = Path(__file__).resolve().parents[2]
RECAP = re.compile(r"^(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Recap:
    """What Ansible counted for one host."""

    ok: int
    changed: int
    unreachable: int
    failed: int


@dataclass(frozen=True)
class Played:
    """A playbook that was run to its end."""

    exit_code: int
    output: str

    @property
    def recap(self) -> dict[str, Recap]:
        return {host: Recap(*map(int, counts)) for host, *counts in RECAP.findall(self.output)}

    @property
    def changed(self) -> int:
        """How many tasks changed something, over all hosts."""
        assert self.recap, self.output
        return sum(recap.changed for recap in self.recap.values())


class Started(subprocess.Popen[str]):
    """A command in a process group of its own. Where a ``with`` block of it fails, it is ended, not waited for."""

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and self.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
        super().__exit__(kind, value, trace)


@dataclass(frozen=True)
class Checkout:
    """A checkout: runs its commands, reaches its hosts, and knows what it would leave behind."""

    path: Path

    @classmethod
    def copy_to(cls, path: Path) -> Checkout:
        """Copy what git knows or would take; environment and cache are the original's."""
        listed = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        names = subprocess.run(listed, cwd=ORIGINAL, capture_output=True, check=True, text=True).stdout
        for name in filter(None, names.split("\0")):
            source, target = ORIGINAL / name, path / name
            if source.is_symlink() or source.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target, follow_symlinks=False)
        (path / ".venv").symlink_to(ORIGINAL / ".venv")
        return cls(path)

    @cached_property
    def environment(self) -> dict[str, str]:
        cache = os.environ.get("BENCH_CACHE_DIR", str(ORIGINAL / ".state" / "cache"))
        path = f"{self.path}/.venv/bin:{os.environ['PATH']}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        own = {"BENCH_CACHE_DIR": cache, "BENCH_ARCHIVE": str(self.path / "archive")}
        return {**kept, **own, "PATH": path, "ANSIBLE_NOCOLOR": "1"}

    @cached_property
    def name(self) -> str:
        """What the names of this checkout's machines, cgroups, namespaces and interfaces begin with."""
        return f"bench-{sha256(str(self.path).encode()).hexdigest()[:6]}-"

    @property
    def state(self) -> Path:
        return self.path / ".state" / "local"

    def start(self, *command: str) -> Started:
        """Start a command in the checkout, in a process group of its own."""
        return Started(
            command,
            cwd=self.path,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *command: str, timeout_s: float = 120) -> Played:
        """Run a command in the checkout and return its exit code and output."""
        with self.start(*command) as process:
            try:
                output, _ = process.communicate(timeout=timeout_s)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                raise AssertionError(f"{command} took over {timeout_s} s: {process.communicate()[0]}") from None
        return Played(process.returncode, output)

    def play(self, playbook: str, *arguments: str, timeout_s: float = 120, fails: bool = False) -> Played:
        """Run a playbook, e.g. ``playbooks/site.yml``; it must end well, or with `fails` must not."""
        played = self.run("ansible-playbook", playbook, *arguments, timeout_s=timeout_s)
        assert (played.exit_code != 0) == fails, played.output
        return played

    def addresses(self) -> dict[str, dict[str, str]]:
        """Return the variables of each host that is made."""
        hosts: dict[str, dict[str, str]] = json.loads((self.state / "network.json").read_text())["hosts"]
        return hosts

    def ssh(self, host: str, command: str) -> list[str]:
        """Return the command that runs a shell command on a host."""
        options = {
            "UserKnownHostsFile": self.state / "ssh" / "known_hosts",
            "GlobalKnownHostsFile": "none",
            "StrictHostKeyChecking": "yes",
            "BatchMode": "yes",
            "ConnectTimeout": 5,
            "IdentityFile": self.state / "ssh" / "id_ed25519",
            "IdentitiesOnly": "yes",
        }
        given = [f"-o{name}={value}" for name, value in options.items()]
        return ["ssh", "-F", "none", *given, f"root@{self.addresses()[host]['ansible_host']}", command]

    def on(self, host: str, command: str, timeout_s: float = 30) -> str:
        """Run a shell command on a host and return what it prints; it must end well."""
        done = subprocess.run(self.ssh(host, command), capture_output=True, text=True, timeout=timeout_s, check=False)
        assert done.returncode == 0, f"{command} on {host}: {done.stdout}{done.stderr}"
        return done.stdout

    def processes(self, part: str = "") -> list[int]:
        """Return the processes of this checkout's hosts (of one host: name it), and those that work in its folder."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                cgroup = (entry / "cgroup").read_text()
                folder = str((entry / "cwd").readlink())
            except OSError:
                continue
            if f"/{self.name}{part}" in cgroup or (not part and folder.startswith(str(self.path))):
                found.append(int(entry.name))
        return found

    @staticmethod
    def command_line(pid: int) -> str:
        """Return what a process was started with, or that it has ended since."""
        try:
            return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
        except OSError:
            return "(ended meanwhile)"

    def init(self, host: str) -> int:
        """Return the pid of a host's process 1 as seen from here."""
        for pid in self.processes(host):
            try:
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:  # ended since it was listed
                continue
            if re.search(r"^NSpid:\t\d+\t1$", status, re.MULTILINE):
                return pid
        raise AssertionError(f"{host} does not run")

    def left_behind(self) -> list[str]:
        """Return what there is of this checkout's hosts: nothing, once they are down."""
        links = subprocess.run(["ip", "-br", "link"], capture_output=True, text=True, check=True).stdout
        mounts = Path("/proc/self/mountinfo").read_text()
        left = [f"process {pid}: {self.command_line(pid)}" for pid in self.processes()]
        left += [f"interface: {line}" for line in links.splitlines() if line.startswith(self.name)]
        left += [f"mount: {line}" for line in mounts.splitlines() if self.name in line or str(self.path) in line]
        for pattern in ("run/netns/*", "run/systemd/nspawn/*/*", "sys/fs/cgroup/*", "sys/fs/cgroup/*/*"):
            left += [str(path) for path in Path("/").glob(pattern) if path.name.startswith(self.name)]
        return left + ([str(self.state)] if self.state.exists() else [])
