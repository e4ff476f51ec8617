"""What is told of a run while it is measured on real hosts: to a file, and to a terminal."""

from __future__ import annotations

import fcntl
import itertools
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from typing import Any

import pytest

from collect.archive.store import Archive
from collect.errors import BenchError
from collect.live.lines import FINISHED
from collect.live.read import LIVE, Progress, follow, progress
from tests.support.bench import RUN, RUN_S, SMALL, collect, partial_run, write_plan
from tests.support.checkout import Checkout
from tests.support.terminal import Terminal

pytestmark = [pytest.mark.hosts, pytest.mark.alone]

WINDOW_S = 5
COLUMNS, ROWS = 70, 30
Lines = list[dict[str, Any]]


@pytest.fixture(scope="module")
def told(provisioned: Checkout) -> tuple[str, Lines, list[Progress]]:
    """A run that is followed as `collect serve` does: its id, every line, and how far it was now and then."""
    cell = {**SMALL["cells"][0], "generator": ["locust-http", "locust-fast"]}
    plan = write_plan(provisioned, cells=[cell], window_s=WINDOW_S)
    # There is none before a checkout's first run.
    (provisioned.path / "archive").mkdir(exist_ok=True)
    archive = Archive(provisioned.path / "archive")
    before = {path.name for path in archive.path.glob("*.partial")}
    lines: Lines = []
    seen: list[Progress] = []
    run_id, byte = "", 0
    with provisioned.start("ansible-playbook", RUN, "-e", f"plan={plan}") as process:
        while process.poll() is None:
            time.sleep(0.2)
            new = {path.name for path in archive.path.glob("*.partial")} - before
            run_id = run_id or "".join(new).removesuffix(".partial")
            if run_id:
                fresh, byte = follow(archive.path / f"{run_id}.partial" / LIVE, byte)
                lines += fresh
            if run_id and fresh:
                try:
                    seen.append(progress(archive, run_id))
                except BenchError:
                    assert process.wait(60) == 0, "it was just sealed"
        output, _ = process.communicate()
    assert process.returncode == 0, output
    return run_id, lines, seen


@pytest.fixture(scope="module")
def rows(provisioned: Checkout, told: tuple[str, Lines, list[Progress]]) -> dict[str, dict[str, Any]]:
    """The sealed rows of that run, by trial."""
    trials = collect(provisioned, "show", told[0], "--json")["trials"]
    return {trial["trial_id"]: trial for trial in trials}


def test_the_seconds_agree_with_the_sealed_rows(
    told: tuple[str, Lines, list[Progress]], rows: dict[str, dict[str, Any]]
) -> None:
    assert len(rows) == 4
    for trial_id, row in rows.items():
        window = [line for line in told[1] if line["trial_id"] == trial_id and line.get("phase") == "window"]
        assert len(window) == WINDOW_S, trial_id
        assert statistics.fmean(line["rps"] for line in window) == pytest.approx(row["rps"], rel=0.02), trial_id
        # The percentile of all is within those of the seconds, whose edges are some 30 ms later.
        seconds = [line["p95_ms"] for line in window]
        assert 0.97 * min(seconds) <= row["latency_p95_ms"] <= 1.03 * max(seconds), trial_id
        for name in ("server_cpu_cores", "client_cpu_cores", "app_cpu_cores", "generator_cpu_cores"):
            # A tick earlier than the figures are, at most: the first may be of the warm-up.
            mean = statistics.fmean(line[name] for line in window)
            assert mean == pytest.approx(row[name], rel=0.25, abs=0.05), (trial_id, name)
        assert {line["failures"] for line in window} == {0}


def test_each_finished_trial_is_told_as_it_is_sealed(
    told: tuple[str, Lines, list[Progress]], rows: dict[str, dict[str, Any]]
) -> None:
    finished = [line for line in told[1] if line.get("kind") == FINISHED]
    assert [line["ordinal"] for line in finished] == [1, 2, 3, 4]
    for line in finished:
        row = rows[line["trial_id"]]
        assert (line["rps"], line["p95_ms"], line["validity"]) == (row["rps"], row["latency_p95_ms"], row["validity"])
        assert line["limited_by"] == row["limited_by"]


def test_the_lines_are_a_second_apart_and_count_down(told: tuple[str, Lines, list[Progress]]) -> None:
    for ordinal in range(1, 5):
        mine = [line for line in told[1] if line["ordinal"] == ordinal and "kind" not in line]
        window = [line["at"] for line in mine if line["phase"] == "window"]
        gaps = [after - before for before, after in itertools.pairwise(window)]
        assert gaps == pytest.approx([1.0] * len(gaps), abs=0.15)
        assert [line["second"] for line in mine] == sorted(line["second"] for line in mine)
        left = [line["left_s"] for line in mine]
        assert left == sorted(left, reverse=True)
    assert 0 <= told[1][-2]["left_s"] < 10


def test_how_far_it_is_was_always_known(told: tuple[str, Lines, list[Progress]]) -> None:
    run_id, _lines, seen = told
    assert {each.run_id for each in seen} == {run_id}
    assert [each.finished for each in seen] == sorted(each.finished for each in seen)
    assert {each.total for each in seen} == {4}
    assert not [each for each in seen if each.silent]
    assert [each.to_byte for each in seen] == sorted(each.to_byte for each in seen)
    assert seen[-1].finished >= 3


def test_nothing_of_it_is_sealed(provisioned: Checkout, told: tuple[str, Lines, list[Progress]]) -> None:
    entry = provisioned.path / "archive" / told[0]
    # The generator's own lines of each trial are on record; these are the run's.
    assert not (entry / LIVE).exists()
    assert not entry.with_name(f"{told[0]}.partial").exists()


def on_terminal(checkout: Checkout, until: Callable[[str, int], bool], **changes: Any) -> tuple[int, str]:
    """Measure on a narrow terminal; return the exit code and all that was written to it.

    ``until`` is asked what was written so far, with the process' group, until it has nothing more to do.
    """
    plan = write_plan(checkout, **changes)
    near, far = pty.openpty()
    fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {name: value for name, value in checkout.environment.items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        ["ansible-playbook", RUN, "-e", f"plan={plan}"],
        cwd=checkout.path, env={**environment, "TERM": "xterm-256color"},
        stdin=subprocess.DEVNULL, stdout=far, stderr=far, start_new_session=True,
    )  # fmt: skip
    os.close(far)
    written, done = b"", False
    deadline = time.monotonic() + RUN_S
    while time.monotonic() < deadline:
        if not select.select([near], [], [], 0.2)[0]:
            if process.poll() is not None:
                break
            continue
        try:
            written += os.read(near, 65536)
        except OSError:  # the other side is closed: that is how a terminal ends
            break
        done = done or until(written.decode(errors="ignore"), process.pid)
    os.close(near)
    return process.wait(60), written.decode()


def left_on(written: str) -> list[str]:
    """Return what is left on the terminal; the kernel has put a return before each line feed."""
    terminal = Terminal(COLUMNS, ROWS)
    terminal.feed(written.replace("\r\n", "\n"))
    return terminal.lines()


def test_a_narrow_terminal_shows_curves_and_keeps_the_finished_trials(provisioned: Checkout) -> None:
    code, written = on_terminal(provisioned, lambda *_: True, window_s=3)
    assert code == 0, written
    for part in ("▁", "█", "trial 1 of 2", "trial 2 of 2", "window 2 of 3 s", "cpus", " left"):
        assert part in written, part
    shown = left_on(written)
    assert len([line for line in shown if line.startswith(("  [1/2]", "  [2/2]"))]) == 2
    assert len([line for line in shown if "limited by" in line]) == 2
    assert not [line for line in shown if "░" in line or "trial 1 of 2" in line], shown
    assert "\x1b[36m" not in written, "ANSIBLE_NOCOLOR"


def test_ctrl_c_leaves_a_clean_terminal_that_says_how_to_go_on(provisioned: Checkout) -> None:
    def interrupt(written: str, group: int) -> bool:
        if "window 1 of 8 s" not in written:
            return False
        os.killpg(group, signal.SIGINT)
        return True

    code, written = on_terminal(provisioned, interrupt, window_s=8)
    assert code != 0
    shown = left_on(written)
    assert not [line for line in shown if "░" in line or "▁" in line], shown
    said = "".join(shown).replace(" ", "")
    assert f"-eresume={partial_run(provisioned)}" in said
    assert "notfinished:0of2trialsarekept" in said
    assert "Traceback" not in written
