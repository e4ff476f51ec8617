"""A pretended machine below a folder: the files by which its kernel is told things, and what that does when it is told.

By default like an i7-12700F: CPUs 0-15 are the threads of eight cores, two by two, 16-19 are cores of one thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from collect.tuning.files import BOOT_ID, CPUS, IRQS, Files, as_mask, listed, numbers

PAIRS = tuple((first, first + 1) for first in range(0, 16, 2))
CORES: tuple[tuple[int, ...], ...] = (*PAIRS, (16,), (17,), (18,), (19,))
GOVERNORS = "performance powersave"
INTERRUPTS = {
    9: ("acpi", "0-19"), 24: ("eth0-rx", "0-3"), 25: ("eth0-tx", "16-17"), 26: ("nvme0q1", "1"), 27: ("ahci", "1,3"),
}  # fmt: skip
"""By number: the device, and the CPUs that it may interrupt."""
MANAGED = (26,)
"""The kernel moves these itself and lets nobody else do so."""
SYSCTLS = {"vm/swappiness": "60", "net/ipv4/tcp_fin_timeout": "60", "net/ipv4/tcp_rmem": "4096\t131072\t6291456"}


class Crash(BaseException):
    """The machine is gone in the middle of something."""


class Machine(Files):
    """The machine. ``crash_at`` is the number of the write, from 0, at which it goes down; None for never."""

    def __init__(
        self,
        root: Path,
        cores: Sequence[Sequence[int]] = CORES,
        interrupts: Mapping[int, tuple[str, str]] = INTERRUPTS,
    ) -> None:
        super().__init__(root)
        self.cores = [tuple(core) for core in cores]
        self.cpus = [cpu for core in cores for cpu in core]
        self.interrupts = dict(interrupts)
        self.crash_at: int | None = None
        self.after_it = False
        """Whether the write that goes down with the machine has happened."""
        self.writes = 0
        self.parked: dict[int, str] = {}
        """Governors of the CPUs that are offline."""
        self.boot("first")

    def boot(self, boot_id: str, *, fresh: bool = True) -> None:
        """Boot; with ``fresh`` the kernel has all its own values again, without it is that of a container's machine."""
        self._set(BOOT_ID, boot_id)
        if not fresh:
            return
        self.parked.clear()
        for core in self.cores:
            for cpu in core:
                self._set(f"{CPUS}/cpu{cpu}/topology/thread_siblings_list", listed(core))
                if cpu:
                    self._set(f"{CPUS}/cpu{cpu}/online", "1")
                self._policy(cpu, "powersave")
        self._set(f"{CPUS}/intel_pstate/no_turbo", "0")
        for number, (device, affinity) in self.interrupts.items():
            self._set(f"{IRQS}/{number}/smp_affinity_list", affinity)
            (self.root / IRQS / str(number) / device).mkdir(exist_ok=True)
        self._set(f"{IRQS}/default_smp_affinity", as_mask(self.cpus))
        for name, value in SYSCTLS.items():
            self._set(f"proc/sys/{name}", value)
        self._online()

    def values(self) -> dict[str, str]:
        """Return all that the kernel can be told, by name."""
        found = self.find(f"{CPUS}/cpu*/online") + self.find(f"{CPUS}/cpufreq/policy*/scaling_governor")
        found += [f"{CPUS}/intel_pstate/no_turbo", f"{IRQS}/default_smp_affinity"]
        found += self.find(f"{IRQS}/[0-9]*/smp_affinity_list") + [f"proc/sys/{name}" for name in SYSCTLS]
        return {name: self.read(name) for name in found}

    def keep(self, name: str, text: str) -> None:
        if self._goes_down():
            if self.after_it:
                super().keep(name, text)
            else:
                path = self.root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.with_name(path.name + ".tmp").write_text(text[: len(text) // 2])
            raise Crash
        super().keep(name, text)

    def forget(self, name: str) -> None:
        if self._goes_down():
            if self.after_it:
                super().forget(name)
            raise Crash
        super().forget(name)

    def _put(self, name: str, value: str) -> None:
        down = self._goes_down()
        if not down or self.after_it:
            self._told(name, value)
        if down:
            raise Crash

    def _goes_down(self) -> bool:
        self.writes += 1
        return self.crash_at is not None and self.writes > self.crash_at

    def _told(self, name: str, value: str) -> None:
        """Do what the kernel does when it is told something."""
        parts = name.split("/")
        if name.startswith(IRQS) and parts[-1] == "smp_affinity_list" and int(parts[-2]) in MANAGED:
            raise OSError(5, "Input/output error")
        self._set(name, value)
        if parts[-1] == "online":
            self._plug(int(parts[-2].removeprefix("cpu")), up=value == "1")

    def _plug(self, cpu: int, *, up: bool) -> None:
        policy = self.root / CPUS / "cpufreq" / f"policy{cpu}"
        if up and cpu in self.parked:
            self._policy(cpu, self.parked.pop(cpu))
        elif not up and cpu not in self.parked:
            self.parked[cpu] = (policy / "scaling_governor").read_text().strip()
            for file in policy.iterdir():
                file.unlink()
            policy.rmdir()
        self._online()
        online = numbers(self.read(f"{CPUS}/online"))
        for number in self.interrupts:
            name = f"{IRQS}/{number}/smp_affinity_list"
            if number not in MANAGED and not numbers(self.read(name)) & online:
                # Where it breaks an affinity the kernel takes all CPUs, and never goes back.
                self._set(name, listed(online))

    def _policy(self, cpu: int, governor: str) -> None:
        folder = f"{CPUS}/cpufreq/policy{cpu}"
        for name, value in {
            "scaling_governor": governor, "scaling_available_governors": GOVERNORS, "related_cpus": str(cpu),
        }.items():  # fmt: skip
            self._set(f"{folder}/{name}", value)

    def _online(self) -> None:
        self._set(f"{CPUS}/online", listed(cpu for cpu in self.cpus if cpu not in self.parked))

    def _set(self, name: str, value: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{value}\n")
