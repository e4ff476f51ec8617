"""What was tuned, in a few words for the record of a trial: hundreds of interrupts are one line."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from .files import CPUS, SYSCTLS, listed
from .planning import GOVERNOR, IRQ, SMT, SYSCTL, TURBO, Change


def in_force(changes: Sequence[Change], left: Mapping[str, str]) -> dict[str, Any]:
    """Return what is in force, by what was listed; ``left`` are the interrupts that the kernel would not move."""
    told: dict[str, Any] = {}
    by_kind = {kind: [each for each in changes if each.kind == kind] for kind in (GOVERNOR, TURBO, SYSCTL, IRQ, SMT)}
    if found := by_kind[GOVERNOR]:
        told["governor"] = {"set": found[0].value, "before": ", ".join(sorted({each.before for each in found}))}
    for each in by_kind[TURBO]:
        # The one switch says whether there is none, the other whether there is.
        on = "0" if each.name == f"{CPUS}/intel_pstate/no_turbo" else "1"
        told["turbo"] = {"set": each.value == on, "before": each.before == on}
    if found := by_kind[SYSCTL]:
        told["sysctls"] = {_dotted(each.name): {"set": each.value, "before": each.before} for each in found}
    if found := [each for each in by_kind[IRQ] if each.value is not None and each.optional]:
        told["irqs"] = {"moved": len(found), "left": len(left)}
    if found := by_kind[SMT]:
        told["smt"] = {"offline": listed(cpu_of(each.name) for each in found)}
    return told


def cpu_of(name: str) -> int:
    """Return the CPU whose ``online`` file has this name."""
    return int(name.split("/")[-2][len("cpu") :])


def _dotted(name: str) -> str:
    return name[len(SYSCTLS) + 1 :].replace("/", ".")
