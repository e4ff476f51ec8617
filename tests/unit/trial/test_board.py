from __future__ import annotations

import threading
from pathlib import Path

import pytest

from collect.trial.board import AbortedError, Board


def test_notes_are_seen_by_others(tmp_path: Path) -> None:
    Board(tmp_path / "b").put("server.ready", {"pid": 7})
    assert Board(tmp_path / "b").get("server.ready") == {"pid": 7}
    assert Board(tmp_path / "b").get("client1.done") is None


def test_the_first_reason_stands(tmp_path: Path) -> None:
    board = Board(tmp_path / "session" / "trial")
    board.check()
    board.abort("first")
    board.abort("second")
    assert board.aborted == "first"
    with pytest.raises(AbortedError, match="first"):
        board.check()


def test_one_reason_of_many_at_once_and_no_litter(tmp_path: Path) -> None:
    boards = [Board(tmp_path / "session" / "trial") for _ in range(16)]
    threads = [threading.Thread(target=board.abort, args=(f"reason {n}",)) for n, board in enumerate(boards)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {board.aborted for board in boards} < {f"reason {n}" for n in range(16)}
    assert sorted(file.name for file in (tmp_path / "session").rglob("*")) == ["abort", "trial"]


def test_a_failed_trial_ends_the_session(tmp_path: Path) -> None:
    """No host goes on to the next trial while another has given this one up."""
    Board(tmp_path / "session" / "trial-1").abort("the disk is full")
    with pytest.raises(AbortedError, match="the disk is full"):
        Board(tmp_path / "session" / "trial-2").check()
    Board(tmp_path / "another session" / "trial-2").check()


def test_wait_names_what_is_missing(tmp_path: Path) -> None:
    board, idle = Board(tmp_path), []
    board.put("a")
    assert board.wait(["a", "b"], 0.25, lambda: idle.append(1)) == ["b"]
    assert idle
    assert board.wait(["a"], 0.0) == []
