"""What each part could give when nothing else was in its way, and what the cells took of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from collect.plan import CEILING
from collect.report.figures import CellFigures, Row, RunFigures, kind, usable
from collect.verdicts.processors import keeps_connections

KEEP_ALIVE, CLOSE = "keep-alive", "close"


@dataclass(frozen=True)
class Reached:
    """What a cell took of a ceiling."""

    cell: CellFigures
    rate: float
    share: float


@dataclass(frozen=True)
class CeilingFigures:
    """One measured ceiling; ``missing`` says why it is not there."""

    resource: str
    name: str
    unit: str
    value: float | None
    missing: str | None
    reached: tuple[Reached, ...]
    limited_by: str | None = None
    """What held the ceiling's own trial back: where it was not the generator's side, the ceiling is at least this."""


def ceilings(figures: RunFigures) -> list[CeilingFigures]:
    """Return all ceilings of a run: the generators', Redis', the network's."""
    return [*_generators(figures), *_redis(figures), *_network(figures)]


def generator_ceiling(figures: RunFigures, cell: CellFigures) -> float | None:
    """Return the rate (1/s) that a cell's generator reached against a responder that costs nothing; None if not known.

    The responder is the one that treats connections as the cell's server does; where nobody knows how it does, the
    slower one.
    """
    found = {
        keep: rps
        for row, keep, rps in _responders(figures)
        if (row["generator"], row["users"], row["profile"]) == (cell.generator, cell.users, cell.profile)
    }
    return found.get(connections(cell) or "", min(found.values(), default=None))


def connections(cell: CellFigures) -> str | None:
    """Say whether a cell's server keeps connections or closes them after each request; None where that is not clear."""
    counted = {name: cell.means.get(name) for name in ("connections", "requests")}
    return {True: KEEP_ALIVE, False: CLOSE, None: None}[keeps_connections(counted)]


def _responders(figures: RunFigures) -> Iterator[tuple[Row, str, float]]:
    for row in usable(figures.rows):
        if kind(row) == CEILING:
            keeps = figures.catalog.variants[row["variant"]].get("keep_alive", True)
            yield row, KEEP_ALIVE if keeps else CLOSE, row["rps"]


def _generators(figures: RunFigures) -> Iterator[CeilingFigures]:
    for row, keep, rps in _responders(figures):
        cells = [
            cell
            for cell in figures.cells
            if (cell.generator, cell.users, cell.profile) == (row["generator"], row["users"], row["profile"])
            and connections(cell) in (keep, None)
        ]
        name = f"{row['generator']}, {row['users']} users, {row['profile']}, {keep}"
        rates = [(cell, cell.rps.value) for cell in cells if cell.rps]
        word = next(iter(row.get("limited_by") or ()), None)
        yield CeilingFigures("generator", name, "requests/s", rps, None, _reached(rates, rps), word)


def _redis(figures: RunFigures) -> Iterator[CeilingFigures]:
    known: Mapping[str, Any] = (figures.manifest.get("ceilings") or {}).get("redis") or {}
    if not known:
        return
    value = known.get("gets_per_s")
    rates = [
        (cell, gets / window_s)
        for cell in figures.cells
        if (gets := cell.means.get("redis_gets")) and (window_s := cell.means.get("window_s"))
    ]
    clients = f", {known['clients']} clients" if known.get("clients") else ""
    name = f"redis-benchmark{clients}"
    yield CeilingFigures("Redis", name, "GETs/s", value, known.get("missing"), _reached(rates, value))


def _network(figures: RunFigures) -> Iterator[CeilingFigures]:
    known: Mapping[str, Any] = (figures.manifest.get("ceilings") or {}).get("network") or {}
    if not known:
        return
    if known.get("missing"):
        yield CeilingFigures("network", "client and server", "Mbit/s", None, known["missing"], ())
    for key, name, unit, column, factor in (
        ("up_mbit_per_s", "client to server", "Mbit/s", "client_tx_bytes", 8e-6),
        ("down_mbit_per_s", "server to client", "Mbit/s", "client_rx_bytes", 8e-6),
        ("up_packets_per_s", "client to server", "packets/s", "client_tx_packets", 1.0),
        ("down_packets_per_s", "server to client", "packets/s", "client_rx_packets", 1.0),
    ):
        value = known.get(key)
        if value is None:
            continue
        rates = [
            (cell, amount * factor / window_s)
            for cell in figures.cells
            if (amount := cell.means.get(column)) is not None and (window_s := cell.means.get("window_s"))
        ]
        yield CeilingFigures("network", name, unit, value, None, _reached(rates, value))


def _reached(rates: list[tuple[CellFigures, float]], ceiling: float | None) -> tuple[Reached, ...]:
    return tuple(Reached(cell, rate, rate / ceiling) for cell, rate in rates) if ceiling else ()
