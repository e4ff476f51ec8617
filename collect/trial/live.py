"""What a trial tells each second: the generator's line and the collectors' last ticks, as a line of live.jsonl."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from collect.cells import CELL, Cell
from collect.cpu_sets import Facts, by_cpu_set
from collect.live.lines import DONE, RAMP, START, WARMUP, WINDOW, number

PHASES = {"check": START, "ramp": RAMP, "warmup": WARMUP, "window": WINDOW, "end": DONE}
"""By the generator's own words."""

Row = Mapping[str, Any]
"""A collector's short row: cores busy on the host's CPU set, its CPUs, and cores by unit, since the tick before."""


class Seconds:
    """The seconds of one trial, in order."""

    def __init__(
        self, spec: Mapping[str, Any], server: str, clients: Sequence[str], facts: Mapping[str, Facts] | None = None
    ) -> None:
        """Take the trial's spec, which hosts take part, and what they are, so that CPUs which they share count once."""
        self._server, self._clients = server, list(clients)
        self._tellers = [group[0] for group in by_cpu_set(clients, facts or {})]
        self._told = {
            "trial_id": spec["trial_id"],
            "ordinal": spec["ordinal"],
            "of": spec["total"],
            "trial_kind": spec.get("kind", CELL),
            "cell": Cell(**spec["cell"]).name,
            "window_s": spec["window_s"],
        }
        self._began: float | None = None
        self._window_start: float | None = None
        self._phase = START

    def line(
        self, load: Mapping[str, Any], rows: Mapping[str, Row | None], *, ahead_s: float, left_s: float
    ) -> dict[str, Any] | None:
        """Return the line of the second that has passed; None where the generator tells of none.

        ``rows`` are the hosts' last ones. ``ahead_s``: the generator's clock less the control node's, in seconds.
        """
        if "window_start_unix_s" in load:
            self._window_start, self._phase = float(load["window_start_unix_s"]), WARMUP
            return None
        ended = number(load, "t")
        if ended is None:
            return None
        self._began = ended if self._began is None else self._began
        self._phase = self._phase_of(load, ended)
        done = self._phase == DONE
        server, clients = [rows.get(self._server)], [rows.get(name) for name in self._clients]
        cpus = [rows.get(name) for name in self._tellers]
        return {
            "at": round(ended - ahead_s, 3),
            **self._told,
            "phase": self._phase,
            "second": round(ended - self._began),
            "window_second": self._passed(ended),
            "rps": None if done else number(load, "rps"),
            "p95_ms": None if done else number(load, "p95_ms"),
            "failures": int(number(load, "failures") or 0),
            "server_cpu_cores": _sum(server, "busy"),
            "client_cpu_cores": _sum(cpus, "busy"),
            "app_cpu_cores": _sum(_units(server), "app"),
            "generator_cpu_cores": _sum(_units(clients), "generator"),
            "server_cpus": _sum(server, "cpus"),
            "client_cpus": _sum(cpus, "cpus"),
            "left_s": round(max(0.0, left_s), 1),
        }

    def _phase_of(self, load: Mapping[str, Any], ended: float) -> str:
        """Return the phase that the second was in: the generator names the one in which it tells of it.

        The window begins on a second, and the line that comes with it tells of the second before.
        """
        phase = PHASES.get(str(load.get("phase")), str(load.get("phase")))
        if phase == WINDOW and self._window_start is not None and ended - 0.5 < self._window_start:
            return self._phase
        return phase

    def _passed(self, ended: float) -> int | None:
        """Return how many seconds of the window have passed; None outside of it."""
        if self._phase != WINDOW or self._window_start is None:
            return None
        return round(ended - self._window_start)


def _units(rows: Sequence[Row | None]) -> list[Row | None]:
    """Return the cores by unit of each host."""
    return [None if row is None else row.get("units") or {} for row in rows]


def _sum(rows: Sequence[Row | None], name: str) -> float | None:
    """Return the sum over hosts; None where one of them has not told it."""
    values = [None if row is None else number(row, name) for row in rows]
    known = [value for value in values if value is not None]
    return round(sum(known), 3) if known and len(known) == len(values) else None


def is_of(row: Row | None, load: Mapping[str, Any]) -> bool:
    """Say whether a collector's row was taken at the end of the generator's second, and not at the one before.

    Each is by its own host's clock: where these are half a second apart or more, the answer is none.
    """
    ticked, ended = number(row or {}, "t"), number(load, "t")
    return ticked is not None and ended is not None and ticked > ended - 0.5
