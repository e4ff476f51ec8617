"""What has to be written where, on this host, for what is listed. Reads only, and refuses before anything is changed.

The order matters: a CPU that is offline has no governor any more, and its interrupts go elsewhere. So CPUs are taken
offline last, and since all is put back in the opposite order they are the first to be there again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator

from .config import Config
from .files import CPUS, IRQS, SYSCTLS, Files, TuningError, as_mask, from_mask, listed, numbers

GOVERNOR, TURBO, SYSCTL, IRQ, SMT = "governor", "turbo", "sysctl", "irq", "smt"
BALANCER = "irqbalance"


@dataclass(frozen=True)
class Change:
    """A setting, the value that it is to have, and the one that it had."""

    kind: str
    name: str
    value: str | None
    """None: it is not set, but what is done elsewhere may change it."""
    optional: bool = False
    """The kernel may refuse it, as it does for some interrupts."""
    of: str = ""
    """Of an interrupt: the devices that it is for. A number may be another device's by the time it is put back."""
    before: str = ""


def changes(files: Files, config: Config) -> list[Change]:
    """Return the changes in the order in which they are to be made. Raises TuningError."""
    online = _online(files)
    measured = (online if config.cpus is None else config.cpus) & online
    offline = _siblings(files, measured) if config.smt_siblings_off else set()
    return [
        *(_governors(files, measured, config.governor) if config.governor else ()),
        *(_turbo(files, config.turbo) if config.turbo is not None else ()),
        *(Change(SYSCTL, sysctl_file(name), value) for name, value in config.sysctls.items()),
        *(_interrupts_off(files, measured | offline, online) if config.irqs_off else _interrupts_of(files, offline)),
        *(Change(SMT, f"{CPUS}/cpu{cpu}/online", "0") for cpu in sorted(offline)),
    ]


def sysctl_file(name: str) -> str:
    """Return the file of a kernel setting; as sysctl has it, a name with slashes may have dots in its parts."""
    return f"{SYSCTLS}/{name if '/' in name else name.replace('.', '/')}"


def owner(files: Files, name: str) -> str:
    """Return the devices that an interrupt is for, by the name of one of its files; nothing for another setting."""
    if not name.startswith(f"{IRQS}/") or name.count("/") < 3:
        return ""
    folder = files.root / name.rpartition("/")[0]
    try:
        return ",".join(sorted(" ".join(path.name.split()) for path in folder.iterdir() if path.is_dir()))
    except OSError:
        return ""


def _online(files: Files) -> set[int]:
    return numbers(files.read(f"{CPUS}/online"))


def _governors(files: Files, measured: set[int], wanted: str) -> Iterator[Change]:
    folders = [name.rpartition("/")[0] for name in files.find(f"{CPUS}/cpufreq/policy*/scaling_governor")]
    found = [folder for folder in folders if numbers(files.read(f"{folder}/related_cpus")) & measured]
    if not found:
        raise TuningError(
            "the measured CPUs have no governor (/sys/devices/system/cpu/cpufreq)",
            "leave tuning_governor away: what is below this system sets their frequency",
        )
    for folder in found:
        known = files.read(f"{folder}/scaling_available_governors").split()
        if wanted not in known:
            raise TuningError(f"there is no governor {wanted!r}", f"set tuning_governor to one of {', '.join(known)}")
        yield Change(GOVERNOR, f"{folder}/scaling_governor", wanted)


def _turbo(files: Files, wanted: bool) -> Iterator[Change]:
    for name, values in ((f"{CPUS}/intel_pstate/no_turbo", "10"), (f"{CPUS}/cpufreq/boost", "01")):
        if files.exists(name):
            yield Change(TURBO, name, values[wanted])
            return
    raise TuningError(
        "there is no switch for turbo (intel_pstate/no_turbo, cpufreq/boost)",
        "leave tuning_turbo away, or set it in the machine's firmware",
    )


def _siblings(files: Files, measured: set[int]) -> set[int]:
    """Return the CPUs that share a core with a measured one."""
    cores = {frozenset(numbers(files.read(f"{CPUS}/cpu{cpu}/topology/thread_siblings_list"))) for cpu in measured}
    if any(len(core & measured) > 1 for core in cores):
        firsts = listed(min(core & measured) for core in cores)
        raise TuningError(
            f"bench_cpus ({listed(measured)}) names both threads of a core, and a measured CPU cannot be off",
            f"set bench_cpus to one thread of each core, such as {firsts}, or leave tuning_smt_siblings_off away",
        )
    others = {cpu for core in cores for cpu in core} - measured
    for cpu in sorted(others):
        if not files.exists(f"{CPUS}/cpu{cpu}/online"):
            raise TuningError(
                f"CPU {cpu} cannot be taken offline",
                "name it in bench_cpus instead of its sibling, or leave tuning_smt_siblings_off away",
            )
    return others


def _interrupts_off(files: Files, taken: set[int], online: set[int]) -> Iterator[Change]:
    """Return the interrupts that may come to measured CPUs, or would when others are offline, moved to the rest."""
    rest = online - taken
    if not rest:
        raise TuningError(
            "no CPU is left for the interrupts", "leave some out of bench_cpus, or leave tuning_irqs_off away"
        )
    if _runs(files, BALANCER):
        raise TuningError(
            f"{BALANCER} runs, and would move the interrupts back",
            f"stop it there for the run (systemctl stop {BALANCER}), or leave tuning_irqs_off away",
        )
    for name in files.find(f"{IRQS}/[0-9]*/smp_affinity_list"):
        if (before := _affinity(files, name)) & taken:
            value = listed((before & rest) or rest)
            yield Change(IRQ, name, value, optional=True, of=owner(files, name))
    default = f"{IRQS}/default_smp_affinity"
    if files.exists(default) and (before := from_mask(files.read(default))) & taken:
        yield Change(IRQ, default, as_mask((before & rest) or rest))


def _interrupts_of(files: Files, offline: set[int]) -> Iterator[Change]:
    """Return the interrupts that have no other CPUs than those: the kernel moves them, and never back."""
    for name in files.find(f"{IRQS}/[0-9]*/smp_affinity_list") if offline else ():
        before = _affinity(files, name)
        if before and before <= offline:
            yield Change(IRQ, name, None, optional=True, of=owner(files, name))


def _affinity(files: Files, name: str) -> set[int]:
    try:
        return numbers(files.read(name))
    except (TuningError, ValueError):  # it has just gone
        return set()


def _runs(files: Files, command: str) -> bool:
    for path in files.root.glob("proc/[0-9]*/comm"):
        try:
            if path.read_text().strip() == command:
                return True
        except OSError:  # it has just ended
            continue
    return False
