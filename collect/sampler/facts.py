"""``python -m sampler.facts``: what this host is, as JSON for the manifest. Whatever cannot be found out is null."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any, Sequence

import psutil

from .config import DEFAULT_PATH, load, parse_cpus
from .errors import SamplerError

SYSCTLS = (
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_tw_reuse",
    "net.ipv4.tcp_max_tw_buckets",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_timestamps",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_max_syn_backlog",
    "net.ipv4.tcp_congestion_control",
    "net.ipv4.tcp_slow_start_after_idle",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
    "net.core.somaxconn",
    "net.core.netdev_max_backlog",
    "net.core.default_qdisc",
    "net.core.rmem_max",
    "net.core.wmem_max",
    "net.netfilter.nf_conntrack_max",
    "fs.file-max",
    "kernel.numa_balancing",
    "kernel.perf_event_paranoid",
    "kernel.randomize_va_space",
    "kernel.sched_autogroup_enabled",
    "vm.overcommit_memory",
    "vm.swappiness",
)

KERNEL_PARAMETERS = re.compile(
    r"(mitigations|isolcpus|nohz|nohz_full|rcu_nocbs|preempt|idle|nosmt|(intel|amd)_pstate|clocksource|tsc"
    r"|(processor|intel_idle)\.max_cstate|cpuidle.*|transparent_hugepage)(=.*)?"
)
"""Those of the kernel's command line that bear on speed; the rest is nobody's business."""

MODERN = Path(sys.base_prefix).parent / "python-modern"
"""The second Python of the hosts, beside the one that runs this; only the server has it, where a plan needed it."""


class Facts:
    """Reads the facts from /proc and /sys below ``root``."""

    def __init__(self, cpus: Sequence[int], root: Path = Path("/")) -> None:
        """Take the host's CPU set."""
        self._cpus = list(cpus)
        self._root = root
        self._cpu = root / "sys/devices/system/cpu"

    def all(self) -> dict[str, Any]:
        """Return every fact; sizes in bytes, frequencies in MHz, times in unix seconds."""
        memory, swap = psutil.virtual_memory(), psutil.swap_memory()
        return {
            "hostname": socket.gethostname(),
            "cpu_model": self.cpu_model(),
            "cores": psutil.cpu_count(logical=False),
            "threads": psutil.cpu_count(),
            "cpu_set": self._cpus,
            "smt": self._text(self._cpu / "smt/active"),
            "frequency": self.frequency(),
            "memory_total": memory.total,
            "swap_total": swap.total,
            "transparent_hugepage": self._chosen(self._root / "sys/kernel/mm/transparent_hugepage/enabled"),
            "kernel": platform.release(),
            "kernel_build": platform.version(),
            "kernel_parameters": self.kernel_parameters(),
            "mitigations": self.mitigations(),
            "distribution": self.distribution(),
            "boot_time": psutil.boot_time(),
            "sysctl": {name: self.sysctl(name) for name in SYSCTLS},
            "clock_source": self._text(self._root / "sys/devices/system/clocksource/clocksource0/current_clocksource"),
            "virtualisation": {kind: _detect_virt(kind) for kind in ("vm", "container")},
            "cgroup": self.cgroup(),
            "tuning": self.tuning(),
            "interfaces": _interfaces(),
            "python": python_build(),
            "python_modern": bundled(MODERN),
            "database": database(),
            "psutil": psutil.__version__,
        }

    def cpu_model(self) -> str | None:
        """Return the model name of the first CPU."""
        found = re.search(r"^(?:model name|Model)\s*:\s*(.+)$", self._text(self._root / "proc/cpuinfo") or "", re.M)
        return found[1] if found else None

    def frequency(self) -> dict[str, Any]:
        """Return the governor and frequency range of the CPU set, and whether turbo is on."""
        governors = {self._text(self._cpu / f"cpu{cpu}/cpufreq/scaling_governor") for cpu in self._cpus}
        no_turbo = self._text(self._cpu / "intel_pstate/no_turbo")
        boost = self._text(self._cpu / "cpufreq/boost")
        return {
            "driver": self._text(self._cpu / "cpu0/cpufreq/scaling_driver"),
            "governor": ", ".join(sorted(name for name in governors if name)) or None,
            "min_mhz": self._mhz("cpuinfo_min_freq", min),
            "max_mhz": self._mhz("cpuinfo_max_freq", max),
            "turbo": no_turbo == "0" if no_turbo else boost == "1" if boost else None,
        }

    def kernel_parameters(self) -> list[str] | None:
        """Return the parameters of the running kernel that bear on speed."""
        text = self._text(self._root / "proc/cmdline")
        return None if text is None else [word for word in text.split() if KERNEL_PARAMETERS.fullmatch(word)]

    def mitigations(self) -> dict[str, str | None] | None:
        """Return what the kernel does about each of the CPU's flaws."""
        folder = self._cpu / "vulnerabilities"
        if not folder.is_dir():
            return None
        return {path.name: self._text(path) for path in sorted(folder.iterdir())}

    def distribution(self) -> str | None:
        """Return the system's own name for itself."""
        for name in ("etc/os-release", "usr/lib/os-release"):
            found = re.search(r'^PRETTY_NAME="?([^"\n]+)', self._text(self._root / name) or "", re.M)
            if found:
                return found[1]
        return None

    def sysctl(self, name: str) -> str | None:
        """Return a kernel setting as one line."""
        text = self._text(self._root / "proc/sys" / name.replace(".", "/"))
        return None if text is None else " ".join(text.split())

    def cgroup(self) -> str | None:
        """Return v1, v2 or hybrid."""
        text = self._text(self._root / "proc/self/cgroup")
        if not text:
            return None
        has_v2 = any(line.startswith("0::") for line in text.splitlines())
        has_v1 = any(not line.startswith("0::") for line in text.splitlines())
        return "hybrid" if has_v1 and has_v2 else "v2" if has_v2 else "v1"

    def tuning(self) -> dict[str, Any] | None:
        """Return what is tuned for the trials of some ``profiles``, as the host was told; None where nothing is."""
        try:
            told = json.loads(self._text(self._root / "etc/bench/tuning.json") or "{}")
            listed, profiles = told.get("listed"), told.get("profiles")
        except (ValueError, AttributeError):
            return None
        return {**listed, "profiles": profiles} if listed else None

    def _mhz(self, name: str, choose: Any) -> float | None:
        texts = [self._text(self._cpu / f"cpu{cpu}/cpufreq/{name}") for cpu in self._cpus]
        return choose(int(text) for text in texts if text) / 1000 if any(texts) else None

    def _chosen(self, path: Path) -> str | None:
        found = re.search(r"\[(.+?)\]", self._text(path) or "")
        return found[1] if found else None

    def _text(self, path: Path) -> str | None:
        try:
            return path.read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return None


def python_build() -> dict[str, Any]:
    """Return how this interpreter was built; PGO and LTO are worth more than 10 % of its speed."""
    arguments = str(sysconfig.get_config_var("CONFIG_ARGS") or "")
    flags = " ".join(str(sysconfig.get_config_var(name) or "") for name in ("PY_CFLAGS", "PY_LDFLAGS", "CFLAGS"))
    return {
        "version": sys.version,
        "implementation": platform.python_implementation(),
        "compiler": platform.python_compiler(),
        "executable": sys.executable,
        "config_args": arguments,
        "pgo": "--enable-optimizations" in arguments or "-fprofile-use" in flags,
        "lto": "--with-lto" in arguments or "-flto" in flags,
        "shared": bool(sysconfig.get_config_var("Py_ENABLE_SHARED")),
        "debug": bool(sysconfig.get_config_var("Py_DEBUG")),
    }


def bundled(prefix: Path) -> dict[str, Any] | None:
    """Return how a Python that was carried to this host was built, as its BUNDLE.json says."""
    try:
        told = json.loads((prefix / "BUNDLE.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    wanted = ("version", "compiler", "config_args", "pgo", "lto", "libc", "sha256")
    return {name: told.get(name) for name in wanted}


def database(path: str | None = None) -> dict[str, str] | None:
    """Return which database server is installed; None without one. ``path`` is searched instead of the usual."""
    where = path or os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"  # daemons are not on every user's PATH
    for engine, name in (("mariadb", "mariadbd"), ("mysql", "mysqld")):
        command = shutil.which(name, path=where)
        said = _printed(command, "--no-defaults", "--version") if command else None
        found = re.search(r"Ver (\d[\d.]*)", said or "")
        if found:
            return {"engine": engine, "version": found[1]}
    return None


def _detect_virt(kind: str) -> str | None:
    command = shutil.which("systemd-detect-virt")
    if command is None:
        return None
    return _printed(command, f"--{kind}")


def _printed(*command: str) -> str | None:
    """Return what a command prints, None where that is nothing or it cannot be run."""
    try:
        result = subprocess.run(command, stdout=subprocess.PIPE, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.decode(errors="replace").strip() or None


def _interfaces() -> dict[str, dict[str, int]]:
    return {
        name: {"mtu": found.mtu, "speed_mbit": found.speed}
        for name, found in psutil.net_if_stats().items()
        if found.isup
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the facts; the CPU set is the collector's, or the one that this process may use."""
    parser = argparse.ArgumentParser(prog="sampler.facts", description=__doc__)
    parser.add_argument(
        "--config", type=Path, default=DEFAULT_PATH, help="says which CPUs are the host's (%(default)s)"
    )
    parser.add_argument("--cpus", help="the host's CPUs, such as 0-3, instead of the configuration's")
    options = parser.parse_args(arguments)
    try:
        cpus = parse_cpus(options.cpus) if options.cpus else _configured_cpus(options.config)
    except ValueError:
        sys.stderr.write("error: not a list of CPUs (--cpus): write one such as 0-3,6\n")
        return 2
    except SamplerError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(json.dumps(Facts(cpus).all(), indent=1, sort_keys=True) + "\n")
    return 0


def _configured_cpus(path: Path) -> tuple[int, ...]:
    if path == DEFAULT_PATH and not path.exists():
        return tuple(sorted(os.sched_getaffinity(0)))
    return load(path).cpus


if __name__ == "__main__":
    sys.exit(main())
