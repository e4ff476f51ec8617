"""What is to be tuned on this host: the JSON file that the role writes, checked whole before anything is changed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Mapping

from .files import Files, TuningError, numbers

CONFIG = "etc/bench/tuning.json"
REMEDY = "mend the tuning_ variables of the host and run playbooks/site.yml again"
NAME = re.compile(r"\w[\w.:/-]*")


@dataclass(frozen=True)
class Config:
    """What the user has listed, and nothing else. None, false and empty: left as it is."""

    cpus: set[int] | None = None
    """The CPUs that are measured; None for all."""
    governor: str | None = None
    turbo: bool | None = None
    smt_siblings_off: bool = False
    irqs_off: bool = False
    sysctls: Mapping[str, str] = field(default_factory=dict)

    @property
    def lists_nothing(self) -> bool:
        """Say whether all stays as it is."""
        return self == Config(self.cpus)


def load(files: Files, name: str = CONFIG) -> Config:
    """Read the file; without one nothing is listed. Raises TuningError."""
    if not files.exists(name):
        return Config()
    try:
        data = json.loads(files.read(name))
        return of(data["listed"], data.get("cpus"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TuningError(f"/{name} does not say what is to be tuned: {error!r}", REMEDY) from None


def of(given: Mapping[str, Any], cpus: str | None) -> Config:
    """Return what a mapping lists. Raises TuningError for what it may not hold."""
    rest = dict(given)
    sysctls: dict[str, str] = {}
    for name, value in (rest.pop("sysctls", None) or {}).items():
        if not NAME.fullmatch(name) or ".." in name:
            raise TuningError(f"{name!r} is no kernel setting", "write one such as vm.swappiness in tuning_sysctls")
        sysctls[name] = " ".join(str(int(value) if isinstance(value, bool) else value).split())
    config = Config(
        cpus=None if cpus is None else numbers(str(cpus)),
        governor=rest.pop("governor", None),
        turbo=rest.pop("turbo", None),
        smt_siblings_off=bool(rest.pop("smt_siblings_off", False)),
        irqs_off=bool(rest.pop("irqs_off", False)),
        sysctls=sysctls,
    )
    if rest:
        raise TuningError(f"{', '.join(sorted(rest))} cannot be tuned", REMEDY)
    return config
