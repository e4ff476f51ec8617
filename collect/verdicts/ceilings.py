"""The most that generators, Redis and the network can do, as measured before the blocks; and what the hosts are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from collect.archive.validity import INVALID
from collect.plan import CEILING, CEILING_VARIANTS

Row = Mapping[str, Any]


@dataclass(frozen=True)
class GeneratorCeiling:
    """What a generator reached against a responder that costs nothing."""

    generator: str
    users: int
    profile: str
    keep_alive: bool
    rps: float
    failures: int
    limited_by: tuple[str, ...]
    """What held the responder's own trial back: only the generator's or the client's own limit is a ceiling."""
    trial_id: str


@dataclass(frozen=True)
class Ceilings:
    """All ceilings of a run; what is empty was not measured."""

    generators: tuple[GeneratorCeiling, ...] = ()
    redis: Mapping[str, Any] = field(default_factory=dict)
    network: Mapping[str, Any] = field(default_factory=dict)
    hosts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By host: what its collector said of it (``python -m sampler.facts``)."""

    @classmethod
    def of(cls, run: Mapping[str, Any], rows: Iterable[Row] = ()) -> Ceilings:
        """Take them from a run's run.json or manifest, and the summary rows of its block 0 (others are left out)."""
        measured = run.get("ceilings") or {}
        hosts: dict[str, Any] = dict(run.get("hosts") or {})
        for session in run.get("sessions") or ():
            hosts |= session.get("facts") or {}
        return cls(
            generators=tuple(generator_ceilings(rows)),
            redis=_measured(measured.get("redis")),
            network=_measured(measured.get("network")),
            hosts=hosts,
        )

    def generator(self, generator: str, users: int, profile: str, *, keep_alive: bool) -> GeneratorCeiling | None:
        """Return the ceiling of the same load; None where it was not measured."""
        wanted = (generator, users, profile, keep_alive)
        for each in self.generators:
            if (each.generator, each.users, each.profile, each.keep_alive) == wanted:
                return each
        return None

    def to_json(self) -> list[dict[str, Any]]:
        """Return the generators' ceilings as plain data, for the manifest."""
        return [asdict(each) | {"limited_by": list(each.limited_by)} for each in self.generators]


def generator_ceilings(rows: Iterable[Row]) -> Sequence[GeneratorCeiling]:
    """Return what the trials of block 0 say; invalid ones say nothing."""
    kept, closed = CEILING_VARIANTS
    return [
        GeneratorCeiling(
            generator=row["generator"],
            users=int(row["users"]),
            profile=row["profile"],
            keep_alive=row["variant"] == kept,
            rps=float(row["rps"]),
            failures=int(row["failures"]),
            limited_by=tuple(row.get("limited_by") or ()),
            trial_id=row["trial_id"],
        )
        for row in rows
        if row.get("kind") == CEILING and row["variant"] in (kept, closed) and row["validity"] != INVALID
    ]


def _measured(entry: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return an entry that was measured; nothing where it only says why it is missing."""
    return {} if not entry or "missing" in entry else entry
