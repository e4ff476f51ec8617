"""Cells, and the trials that are done of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

CELL, CEILING, PROBE = "cell", "ceiling", "probe"
"""Kinds of trials: of the plan's cells; of a generator against a responder that costs nothing; of an intervention."""


@dataclass(frozen=True)
class Cell:
    """One combination that is measured."""

    variant: str
    workload: str
    generator: str
    users: int
    profile: str

    @property
    def name(self) -> str:
        """The cell in one word, e.g. ``flask-werkzeug.redis.locust-http.10.article``."""
        return f"{self.variant}.{self.workload}.{self.generator}.{self.users}.{self.profile}"


def window_s_of(variant: str, window_s: float, windows_s: Mapping[str, float] | None) -> float:
    """Return how long a variant's cells are measured, in seconds: what ``windows_s`` says of it, else as all others."""
    return (windows_s or {}).get(variant, window_s)


@dataclass(frozen=True)
class TrialSpec:
    """All that is to be known to do one trial; ordinal, block and position count from 1, durations are seconds."""

    trial_id: str
    ordinal: int
    total: int
    block: int
    position: int
    cell: Cell
    port: int
    ramp_s: float
    warmup_s: float
    window_s: float
    variant: Mapping[str, Any]
    workload: Mapping[str, Any]
    generator: Mapping[str, Any]
    profile: Mapping[str, Any]
    expect: Mapping[str, Any]
    kind: str = CELL
    probe_of: str | None = None
    """Of a probe: the name of the cell whose verdict it puts to the test."""
    intervention: str | None = None
    """Of a probe: what was changed against that cell; None where it is the cell itself, measured for comparison."""

    def to_json(self) -> dict[str, Any]:
        """Return the spec as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TrialSpec:
        """Take back what ``to_json`` gave."""
        return cls(**{**data, "cell": Cell(**data["cell"])})
