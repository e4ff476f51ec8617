"""How fast the CPUs may run, and who decides it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterable

from .reading import show_cpus, text


def frequency(cpus: Iterable[int], root: Path = Path("/")) -> dict[str, Any]:
    """Return driver, governors (each with its CPUs as a list) and whether turbo is on; None for what nobody tells."""
    folder = root / "sys/devices/system/cpu"
    governors: dict[str, list[int]] = {}
    drivers: set[str | None] = set()
    for cpu in cpus:
        governor = text(folder / f"cpu{cpu}/cpufreq/scaling_governor")
        if governor:
            governors.setdefault(governor, []).append(cpu)
        drivers.add(text(folder / f"cpu{cpu}/cpufreq/scaling_driver"))
    return {
        "driver": ", ".join(sorted(filter(None, drivers))) or None,
        "governors": {name: show_cpus(of) for name, of in sorted(governors.items())},
        "turbo": turbo(folder),
    }


def turbo(folder: Path) -> bool | None:
    """Say whether CPUs may run faster than their base frequency, by the folder of all CPUs; None if it is not told."""
    no_turbo = text(folder / "intel_pstate/no_turbo")
    if no_turbo in ("0", "1"):
        return no_turbo == "0"
    boosts = [text(path) for path in (folder / "cpufreq/boost", *sorted(folder.glob("cpu[0-9]*/cpufreq/boost")))]
    told = [boost == "1" for boost in boosts if boost in ("0", "1")]
    return any(told) if told else None
