"""File systems of plain machines: a distribution as it comes, and what the people of a lab would have put there.

Nothing of this project makes them: no role's image, no prefix, no users. What they have is listed here.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

USER = "admin"
PASSWORD = "it's a $ecret word"
"""Of the user, for sudo; as awkward as a person's may be."""
BUSY_PORT, REDIS_PORT = 8000, 6379
"""Ports of what serves there already."""
KEYRINGS = Path("/usr/share/keyrings")

PACKAGES = (
    "dbus", "iproute2", "iputils-ping", "libpam-systemd", "openssh-server", "procps", "python3", "redis-server", "sudo",
    "systemd", "systemd-sysv", "tzdata",
)  # fmt: skip
"""What a machine has that people log in to, and where a Redis may serve somebody else."""
SERVES = ("/lib/systemd/system/redis-server.service", "/etc/systemd/system/somebodys.service")
"""Units that serve already on a server, and rest on other machines: one image will do for both."""
LEFT_OUT = ("doc", "info", "lintian", "locale", "man")
"""Nobody reads these there."""

FILES = {
    "etc/ssh/sshd_config.d/lab.conf": "PasswordAuthentication no\nPermitRootLogin no\nUseDNS no\n",
    # A service of somebody else, on a port that many things like.
    "etc/systemd/system/somebodys.service": f"""[Unit]
Description=What somebody else serves here

[Service]
DynamicUser=no
User=nobody
WorkingDirectory=/srv
ExecStart=/usr/bin/python3 -m http.server {BUSY_PORT}

[Install]
WantedBy=multi-user.target
""",
    # In a container's user namespace there is no other one to be had.
    "etc/systemd/system/redis-server.service.d/container.conf": "[Service]\nPrivateUsers=no\n",
}
MASKED = (
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service",
    "fstrim.timer", "systemd-tmpfiles-clean.timer",
)  # fmt: skip
"""What changes files at times of its own choosing: a comparison of before and after is to find what we did."""
OWN = ("etc/machine-id", "etc/hostname", "var/lib/dbus/machine-id", "etc/resolv.conf", "var/lib/systemd/random-seed")
"""Each machine's own."""
BUILD_S = 900.0


def image(suite: str, cache: Path) -> Path:
    """Return a folder with such a machine's files, built the first time; AssertionError with apt's words where not."""
    inputs = [suite, PACKAGES, SERVES, FILES, MASKED, OWN, USER, PASSWORD, LEFT_OUT]
    name = f"{suite}-{hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:12]}"
    folder = cache / "lab-image"
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / f"{suite}.lock"):
        if not (folder / name).is_dir():
            for stale in folder.glob(f"{suite}-*.building"):
                shutil.rmtree(stale)
            building = folder / f"{name}.building"
            (building / "scratch").mkdir(parents=True)
            _build(suite, building, folder / f"{name}.log")
            _furnish(building / "root")
            (building / "root").rename(folder / name)
            shutil.rmtree(building)
    return folder / name


def available(suite: str) -> bool:
    """Say whether a release's archive can be told from a forged one here."""
    return any(KEYRINGS.glob(f"*{suite}*"))


def _build(suite: str, building: Path, log: Path) -> None:
    """Have mmdebstrap make the file system, in a process namespace of its own: killed, it leaves nothing elsewhere."""
    options = [f"--dpkgopt=path-exclude=/usr/share/{left}/*" for left in LEFT_OUT]
    options += ["--dpkgopt=force-unsafe-io", "--variant=minbase", "--format=directory"]
    command = ["unshare", "--fork", "--pid", "--mount-proc", "--kill-child=KILL", "env"]
    command.append(f"TMPDIR={building / 'scratch'}")
    command += ["mmdebstrap", *options, f"--include={','.join(PACKAGES)}", suite, str(building / "root")]
    with log.open("wb") as said:
        done = subprocess.run(command, stdout=said, stderr=said, stdin=subprocess.DEVNULL, timeout=BUILD_S, check=False)
    assert done.returncode == 0, f"no image of {suite}: {log.read_text(errors='replace')[-2000:]}"


def _furnish(root: Path) -> None:
    """Put there what the people of the lab have: a user with sudo by password, and what is to serve on a server."""
    for path, content in FILES.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
    units = root / "etc/systemd/system"
    for unit in MASKED:
        (units / unit).unlink(missing_ok=True)
        (units / unit).symlink_to("/dev/null")
    _inside(root, "/usr/bin/systemctl", "disable", *(Path(unit).name for unit in SERVES))
    _inside(root, "/usr/sbin/useradd", "--create-home", "--shell", "/bin/bash", "--groups", "sudo", USER)
    _inside(root, "/usr/sbin/chpasswd", given=f"{USER}:{PASSWORD}\n")
    for path in OWN:
        (root / path).unlink(missing_ok=True)
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()


def _inside(root: Path, *command: str, given: str = "") -> None:
    subprocess.run(["/usr/sbin/chroot", root, *command], input=given, text=True, check=True, capture_output=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
