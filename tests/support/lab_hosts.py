"""A lab: three plain machines, a server and two clients, that this project knows by an inventory only.

They are made beside the role local_hosts and without it. SSH reaches them as it reaches a lab's, by a user who
needs a password for sudo; the load has a network of its own. On the server a Redis and something else serve already.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from tests.support.checkout import ORIGINAL, Checkout, Played
from tests.support.lab_image import PASSWORD, SERVES, USER, available, image
from tests.support.lab_machines import Machine
from tests.support.lab_network import Network

INVENTORY = "inventory/lab"
NAMES = ("server1", "client1", "client2")
HOME, OTHER = "bookworm", "trixie"
"""Debian releases: of most machines, and of the last one where it can be had."""
DOCUMENTED = {
    name: {"ansible_host": f"192.0.2.{11 + place}", "bench_load_address": f"198.51.100.{11 + place}"}
    for place, name in enumerate(NAMES)
}
"""Addresses as inventory/lab and docs/lab.md have them."""
LAB_S = 1200
"""Seconds that making a lab may take where its images have to be built first."""


class LabHosts:
    """The machines of a lab, up until the block ends."""

    def __init__(self, suites: Mapping[str, str] | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="lab-", dir="/tmp"))
        name = f"lab{hashlib.sha256(str(self.folder).encode()).hexdigest()[:6]}"
        self.network = Network(name, NAMES)
        self.suites = {**dict.fromkeys(NAMES, HOME), NAMES[-1]: OTHER, **(suites or {})}
        self.missing: dict[str, str] = {}
        """Why a machine has not the release that it was to have, by its name."""
        self.machines: dict[str, Machine] = {}
        self.password_file = self.folder / "password"
        self.ssh_config = self.folder / "ssh_config"

    def __enter__(self) -> LabHosts:
        try:
            self._make()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    def _make(self) -> None:
        key = self.folder / "id_ed25519"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "a person", "-f", key], check=True)
        self.network.build()
        for name in NAMES:
            folder, address = self.folder / name, self.network.address(name)
            self.machines[name] = Machine(name, self.network.namespace(name), folder, cpus_of(name), address)
        with ThreadPoolExecutor() as pool:
            list(pool.map(self._set_up, NAMES))
        self.password_file.touch(0o600)
        self.password_file.write_text(f"{PASSWORD}\n")
        self._know_keys(key)
        for name in NAMES:
            self._log_in(name)

    def _set_up(self, name: str) -> None:
        """Make and boot a machine of its release, or of the usual one where that cannot be had or does not boot."""
        public_key = (self.folder / "id_ed25519.pub").read_text()
        cache = Path(os.environ.get("BENCH_CACHE_DIR", str(ORIGINAL / ".state" / "cache")))
        machine, suite = self.machines[name], self.suites[name]
        try:
            assert available(suite), f"no key of {suite} in /usr/share/keyrings"
            machine.make(image(suite, cache), public_key, USER, SERVES if name == "server1" else ())
            self.boot(name)
        except AssertionError as error:
            if suite == HOME:
                raise
            machine.shut_down()
            machine.remove()
            self.suites[name], self.missing[name] = HOME, str(error)
            self._set_up(name)

    def _know_keys(self, key: Path) -> None:
        """Write down what a person has in ~/.ssh: a key, the machines' own keys, and a config."""
        known = self.folder / "known_hosts"
        known.write_text("".join(f"{each.address} {each.host_key}\n" for each in self.machines.values()))
        options = {
            "IdentityFile": key, "IdentitiesOnly": "yes", "UserKnownHostsFile": known, "GlobalKnownHostsFile": "none",
            "StrictHostKeyChecking": "yes", "BatchMode": "yes", "ConnectTimeout": "5",
        }  # fmt: skip
        self.ssh_config.write_text("Host *\n" + "".join(f"  {option} {value}\n" for option, value in options.items()))
        # For who types ssh.
        (self.folder / "bin").mkdir()
        ssh = self.folder / "bin" / "ssh"
        ssh.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {self.ssh_config} "$@"\n')
        ssh.chmod(0o755)

    def _log_in(self, name: str) -> None:
        """Do what the person did who set the machine up: log in and become root once, of which sudo keeps a file."""
        ssh = [str(self.folder / "bin" / "ssh"), f"{USER}@{self.network.address(name)}", "sudo -S -p '' true"]
        done = subprocess.run(ssh, input=f"{PASSWORD}\n", capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, f"{USER} does not become root on {name}: {done.stderr}"

    def boot(self, name: str) -> None:
        """Boot a machine that is down, with the files it has and nothing else of its last life, until it serves."""
        machine = self.machines[name]
        self.network.attach(name, machine.cpus)
        machine.boot()
        if name == "server1":
            active = f"systemctl is-active {' '.join(Path(unit).name for unit in SERVES)}"
            self.on(name, f"until [ $({active} | grep -cx active) = {len(SERVES)} ]; do sleep 0.1; done")

    def reboot(self, name: str) -> None:
        """Shut a machine down in order and boot it again."""
        self.machines[name].shut_down()
        self.boot(name)

    def pull_the_plug(self, name: str) -> None:
        """Let a machine lose its power."""
        self.machines[name].pull_the_plug()

    def on(self, name: str, command: str, timeout_s: float = 60) -> str:
        """Run a shell command on a machine as root, without a login; return what it prints. It must end well."""
        return self.machines[name].run(command, timeout_s=timeout_s)

    def down(self) -> None:
        """Remove all of it, in whatever state it is."""
        for machine in self.machines.values():
            machine.shut_down()
        self.network.remove()
        for machine in self.machines.values():
            machine.remove()
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def left_behind(self) -> list[str]:
        """Return what there still is of the lab: nothing, once it is down."""
        left = [each for machine in self.machines.values() for each in machine.left_behind()]
        return left + self.network.left_behind() + ([str(self.folder)] if self.folder.exists() else [])

    def addresses(self) -> dict[str, dict[str, str]]:
        """Return the addresses of each machine, as the inventory's variables."""
        return {
            name: {"ansible_host": self.network.address(name), "bench_load_address": self.network.load_address(name)}
            for name in NAMES
        }

    def readdressed(self, text: str) -> str:
        """Return a text with the addresses of documents changed to those of this lab, and nothing else."""
        actual = self.addresses()
        changes = {DOCUMENTED[name][key]: actual[name][key] for name in NAMES for key in DOCUMENTED[name]}
        pattern = "|".join(re.escape(address) + r"(?!\d)" for address in changes)
        return re.sub(pattern, lambda found: changes[found[0]], text)

    def introduce(self, checkout: Checkout, *, clients: int = 1) -> None:
        """Change the addresses in a checkout's inventory/lab to this lab's, and let its commands reach the machines.

        With two ``clients`` the second one, which the inventory shows as a comment, is none any more.
        """
        path = checkout.path / INVENTORY / "hosts.yml"
        text = self.readdressed((ORIGINAL / INVENTORY / "hosts.yml").read_text())
        path.write_text(with_second_client(text) if clients > 1 else text)
        checkout.environment["PATH"] = f"{self.folder / 'bin'}:{checkout.environment['PATH']}"
        checkout.environment["ANSIBLE_SSH_COMMON_ARGS"] = f"-F {self.ssh_config}"

    def play(
        self, checkout: Checkout, playbook: str, *arguments: str, timeout_s: float = 400, fails: bool = False
    ) -> Played:
        """Run a playbook over inventory/lab as a person does, with the password for sudo."""
        given = ("-i", INVENTORY, f"--become-password-file={self.password_file}")
        return checkout.play(playbook, *given, *arguments, timeout_s=timeout_s, fails=fails)


def with_second_client(text: str) -> str:
    """Return the inventory's text with the second client in force."""
    begin, end = text.index("            # client2:"), text.index("      vars:")
    return text[:begin] + re.sub(r"^( *)# ", r"\1", text[begin:end], flags=re.MULTILINE) + text[end:]


def cpus_of(name: str) -> list[int]:
    """Return which of this machine's CPUs a machine of the lab has: the server one half, the clients the other."""
    cpus = sorted(os.sched_getaffinity(1))
    half = max(1, len(cpus) // 2)
    return cpus[:half] if name == "server1" else cpus[half:] or cpus
