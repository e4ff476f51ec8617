"""A client's side of a load that fails, or of one that it only watches, with what its host says made up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from collect.errors import BenchError
from collect.trial.board import Board
from collect.trial.client import follow
from collect.trial.watching import Task
from tests.unit.trial.test_client import task

FAILED = {"state": "failed", "error": "worker-2 was lost during the window"}
DONE = {"state": "done", "error": None}


@dataclass
class Far:
    """A host that keeps what it is asked for."""

    name: str
    fetched: list[str] = field(default_factory=list)

    def fetch_folder(self, folder: str, into: Path) -> None:
        self.fetched.append(str(into))


class Side:
    """One host's part, as collect.trial.watching.Side has it."""

    def __init__(self, folder: Path, host: str, given: Task, lines: list[dict[str, Any]]) -> None:
        self.remote, self.task, self.board = Far(host), given, Board(folder / "board" / "t")
        self.clocks: list[dict[str, float]] = [{"offset_s": 0.0}]
        self._lines: Iterator[dict[str, Any]] = iter(lines)

    def next(self) -> dict[str, Any]:
        line = next(self._lines, None)
        assert line is not None, "it waits for more than there is"
        return line

    def measure_clock(self) -> None:
        """Nothing is off."""

    def restore(self) -> dict[str, Any]:
        return {}

    def cut_samples(self, from_unix_s: float, to_unix_s: float) -> None:
        """There are none."""


def test_a_load_that_failed_is_over_though_a_worker_hangs(tmp_path: Path) -> None:
    """The worker on the master's own host never ends, so the watch there would not say that the load has."""
    given = task(2, 1)
    side = Side(tmp_path, "client1", given, [{"src": "load", "phase": "end", "result": FAILED}])
    with pytest.raises(BenchError, match="worker-2 on client1 was lost during the window"):
        follow(side, lambda *_: None)  # type: ignore[arg-type]
    assert side.board.get("load.result") == FAILED
    assert side.remote.fetched == []


def test_each_client_puts_on_record_what_it_ran(tmp_path: Path) -> None:
    given = task(3, 2)
    lines = [{"src": "load", "phase": "end", "result": DONE}, {"src": "watch", "state": "ended"}]
    first = follow(Side(tmp_path, "client1", given, lines), lambda *_: None)  # type: ignore[arg-type]
    second = follow(Side(tmp_path, "client2", given, lines[1:]), lambda *_: None)  # type: ignore[arg-type]
    assert (first["instances"], first["result"]) == (["primary", "worker-1", "worker-3"], DONE)
    assert (second["instances"], second["result"]) == (["worker-2"], None)
