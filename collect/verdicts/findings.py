"""What a verdict consists of: words, each with the evidence that led to it and how sure it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

SERVER_APP, SERVER_CPU, REDIS, DATABASE = "server-app", "server-cpu", "redis", "database"
GENERATOR, CLIENT_CPU, CLIENT_PORTS = "generator", "client-cpu", "client-ports"
NETWORK, CONCURRENCY, UNSTEADY = "network", "concurrency", "unsteady"

WORDS = (
    SERVER_APP, SERVER_CPU, REDIS, DATABASE, GENERATOR, CLIENT_CPU, CLIENT_PORTS, NETWORK, CONCURRENCY, UNSTEADY,
)  # fmt: skip
"""All that a trial can be limited by."""
SERVER_SIDE = (SERVER_APP, SERVER_CPU, REDIS, DATABASE)
"""With one of these first, a figure is the server's own."""
LOW, MEDIUM, HIGH = CONFIDENCES = ("low", "medium", "high")


@dataclass(frozen=True)
class Evidence:
    """One thing that was measured."""

    resource: str
    """What was measured, in a few words."""
    value: float
    """Its mean over the window."""
    ceiling: float | None
    """What it cannot exceed; None where there is no such thing."""
    unit: str
    seconds_share: float | None
    """The share of the window's seconds in which it was at its ceiling; None where seconds are not told apart."""
    text: str
    """All of it in one sentence."""


@dataclass(frozen=True)
class Finding:
    """One word of a verdict."""

    word: str
    confidence: str
    share: float
    """How much of the window it held the trial back, from 0 to 1."""
    evidence: tuple[Evidence, ...]
    missing: tuple[str, ...] = ()
    """Evidence that was not there and might have changed the word or its place."""
    host: str | None = None
    """The client that is meant, where there are several."""

    def to_json(self) -> dict[str, Any]:
        """Return the finding as plain data; without a host where none is meant."""
        data = asdict(self) | {"evidence": [asdict(each) for each in self.evidence], "missing": list(self.missing)}
        return data if self.host else {key: value for key, value in data.items() if key != "host"}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Finding:
        """Take back what ``to_json`` gave."""
        evidence = tuple(Evidence(**each) for each in data["evidence"])
        return cls(**{**data, "evidence": evidence, "missing": tuple(data["missing"])})


def columns_of(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the columns of trials.parquet that a verdict fills, and ``findings`` for the manifest."""
    return {
        "limited_by": [finding.word for finding in findings],
        "limited_by_confidence": [finding.confidence for finding in findings],
        "limited_by_evidence": ["; ".join(each.text for each in finding.evidence) for finding in findings],
        "evidence_missing": list(dict.fromkeys(text for finding in findings for text in finding.missing)),
        "findings": [finding.to_json() for finding in findings],
    }
