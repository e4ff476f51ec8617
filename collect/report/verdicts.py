"""What limited a cell, put together from its trials, and whether two cells may be held against each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collect.verdicts import SERVER_SIDE
from collect.verdicts.cells import CONFIRMED, REFUTED, UNTESTED, cell_verdicts, usable
from collect.verdicts.findings import LOW, UNSTEADY

PLAIN = {
    "server-app": "the app itself",
    "server-cpu": "the server's CPU",
    "redis": "Redis",
    "database": "the database",
    "generator": "the load generator",
    "client-cpu": "the client's CPU",
    "client-ports": "the client's ports",
    "network": "the network",
    "concurrency": "the number of users",
    "unsteady": "a rate that was not steady",
}
"""The words as people say them, to go after "limited by"."""
MEANING = {
    "server-app": "a process of the app fills one core, and its interpreter runs on one at a time",
    "server-cpu": "the server's CPUs are used up, by app, Redis, database and kernel together",
    "redis": "Redis' process fills one core, or answers nearly as many GETs as it can",
    "database": "the database alone fills the server's CPUs",
    "generator": "a process of the load generator fills one core, or it sends nearly what it can at most",
    "client-cpu": "the client's CPUs are used up, though no process of the generator fills one core",
    "client-ports": "most ports of the client wait in TIME_WAIT, or its kernel searches long for a free one",
    "network": "the network carries nearly what it can, or loses packets",
    "concurrency": "nothing is used up: more users would raise the rate",
    "unsteady": "the rate changed within the window, so there is none that anything could limit",
}
"""When each word is said."""
SHORT = {
    "server-app": "app", "server-cpu": "CPU", "redis": "Redis", "database": "database",
    "generator": "generator", "client-cpu": "CPU", "client-ports": "ports",
    "network": "network", "concurrency": "users", "unsteady": "not steady",
}  # fmt: skip
"""The same in a table, to go after whose limit it was."""
KIND = dict.fromkeys(SERVER_SIDE, "server") | {
    "generator": "client", "client-cpu": "client", "client-ports": "client",
    "network": "between", "concurrency": "between", "unsteady": "between",
}  # fmt: skip
"""Where each word points: to the server side, to the client, or to neither."""


@dataclass(frozen=True)
class CellVerdict:
    """What limited a cell."""

    word: str | None
    """The word that comes first in most of its usable trials; None: not judged."""
    confidence: str | None
    outcome: str
    """What interventions made of it: confirmed, refuted, unclear or untested."""
    firsts: Mapping[str, int]
    """In how many usable trials each word comes first."""
    evidence: str | None
    """The sentence that goes with the word, from the first trial of which it is true."""
    why: str | None = None
    """Where the outcome comes from: what the tests showed, or why there were none."""

    @property
    def known(self) -> bool:
        """Say whether it is known what limited the cell: judged, and not refuted."""
        return self.word is not None and self.outcome != REFUTED

    @property
    def sure(self) -> bool:
        """Say whether a comparison may rest on it: seen with more than low confidence, or confirmed by a test."""
        return self.known and (self.confidence != LOW or self.outcome == CONFIRMED)

    @property
    def server_trials(self) -> tuple[int, int]:
        """In how many usable trials a word of the server side comes first, and of how many."""
        return sum(count for word, count in self.firsts.items() if word in SERVER_SIDE), sum(self.firsts.values())

    @property
    def server_side(self) -> bool:
        """Say whether it is known that the server side limited the cell, in most of its trials."""
        return self.word in SERVER_SIDE and held_back(self, usable=True) is None

    @property
    def short(self) -> str:
        """The word, and where the trials do not agree, of how many it is true: "client-ports 2 of 3"."""
        if self.word is None:
            return "not judged"
        total = sum(self.firsts.values())
        if total and self.firsts.get(self.word) != total:
            return f"{self.word} {self.firsts.get(self.word, 0)} of {total}"
        return self.word

    @property
    def certainty(self) -> str:
        """Confidence and what interventions made of it: "high, confirmed"."""
        outcome = self.outcome.upper() if self.refuted else self.outcome
        return ", ".join(word for word in (self.confidence, outcome) if word)

    @property
    def refuted(self) -> bool:
        """Say whether an intervention showed that something else limited the cell."""
        return self.outcome == REFUTED

    @property
    def text(self) -> str:
        """All of it in one line: "client-ports 2 of 3, unsteady 1 (medium, untested)"."""
        others = [f"{word} {count}" for word, count in self.firsts.items() if word != self.word]
        return f"{', '.join([self.short, *others])} ({self.certainty})"

    @property
    def kind(self) -> str:
        """Where it points: server, client, between, or unknown."""
        return KIND.get(self.word or "", "unknown") if self.known else "unknown"


@dataclass(frozen=True)
class Whose:
    """Whose limit a rate shows: the server's own, the client's, neither's, or not known."""

    kind: str
    """server, client, between or unknown."""
    part: str
    """What of it, in a word or two: "ports"."""
    share: str
    """Of how many trials it is true, where not of all: "2 of 3"."""

    @property
    def text(self) -> str:
        """All of it: "client's: ports 2 of 3"."""
        owner = {"server": "server's own", "client": "client's", "between": "neither's"}.get(self.kind)
        said = f"{owner}: {self.part}" if owner else self.part
        return f"{said} {self.share}".rstrip()


def whose(verdict: CellVerdict, *, usable: bool) -> Whose:
    """Return whose limit a cell's rate shows; what is not sure, or was refuted, is nobody's."""
    if not usable:
        return Whose("unknown", "no valid trial", "")
    if verdict.word is None or verdict.refuted:
        return Whose("unknown", "not known", "")
    part = SHORT.get(verdict.word, verdict.word)
    if not verdict.sure or (verdict.word in SERVER_SIDE and not verdict.server_side):
        return Whose("unknown", f"not sure: {part}", _share(verdict))
    return Whose(verdict.kind, part, _share(verdict))


def _share(verdict: CellVerdict) -> str:
    return verdict.short.removeprefix(verdict.word or "").strip()


def cell_verdict(
    rows: Sequence[Mapping[str, Any]],
    judged: Mapping[str, Any] | None = None,
    probes: Iterable[Mapping[str, Any]] = (),
) -> CellVerdict:
    """Return the verdict on a cell from its trials, what the run's manifest says of it, and its probes.

    ``judged`` is the cell's entry in the manifest and goes before all else; without it the same is made of the rest.
    """
    judged = judged or next(iter(cell_verdicts(rows, probes).values()), {})
    counted = next(iter(usable(rows).values()), [])
    word = judged.get("limited_by")
    mine = [row for row in counted if row["limited_by"][0] == word]
    evidence = [row["limited_by_evidence"][0] for row in mine if row.get("limited_by_evidence")]
    return CellVerdict(
        word,
        judged.get("confidence"),
        judged.get("verdict") or UNTESTED,
        dict(Counter(row["limited_by"][0] for row in counted).most_common()),
        next(iter(evidence), None),
        judged.get("why"),
    )


def held_back(verdict: CellVerdict, *, usable: bool) -> str | None:
    """Return in plain words why a cell's rate is not the server's, to go after its name; None when it is."""
    if not usable:
        return "has no valid trial"
    if verdict.word is None:
        return "was not judged, so what limited it is not known"
    if verdict.refuted:
        return f"has a verdict, {verdict.word}, that a test refuted, so what limited it is not known"
    if verdict.word == UNSTEADY:
        return "did not answer at a steady rate"
    if verdict.word not in SERVER_SIDE:
        return f"was held back by {PLAIN.get(verdict.word, verdict.word)}"
    if not verdict.sure:
        return f"has a verdict, {verdict.word}, of low confidence only"
    server, total = verdict.server_trials
    if total and 2 * server <= total:
        return f"was limited by the server in {server} of {total} trials only"
    return None
