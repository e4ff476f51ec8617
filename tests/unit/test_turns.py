"""Tests that measure are alone, others are not."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from tests.support.turns import Turns


@pytest.fixture
def workers(tmp_path: Path) -> list[Turns]:
    folders = tmp_path / "door", tmp_path / "room"
    for folder in folders:
        folder.mkdir()
    return [Turns(*folders) for _ in range(3)]


def taking(worker: Turns, *, alone: bool) -> threading.Thread:
    thread = threading.Thread(target=lambda: worker.take(alone=alone), daemon=True)
    thread.start()
    thread.join(0.2)
    return thread


def test_others_run_side_by_side(workers: list[Turns]) -> None:
    assert not any(taking(worker, alone=False).is_alive() for worker in workers)


@pytest.mark.parametrize("alone", [True, False])
def test_nobody_runs_beside_one_that_is_alone(workers: list[Turns], alone: bool) -> None:
    workers[0].take(alone=True)
    waits = taking(workers[1], alone=alone)
    assert waits.is_alive()
    workers[0].take(alone=True)  # goes on without a pause
    time.sleep(0.1)
    assert waits.is_alive()
    workers[0].give()
    waits.join(5)
    assert not waits.is_alive()


def test_one_that_wants_to_be_alone_is_not_passed(workers: list[Turns]) -> None:
    workers[0].take(alone=False)
    first = taking(workers[1], alone=True)
    second = taking(workers[2], alone=False)
    assert first.is_alive()
    assert second.is_alive()
    workers[0].give()
    first.join(5)
    assert not first.is_alive()
    assert second.is_alive()
    workers[1].give()
    second.join(5)
    assert not second.is_alive()
