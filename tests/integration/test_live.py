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
from dataclasses import dataclass
from typing import Any

import pytest

from collect.archive.store import Archive
from collect.errors import BenchError
from collect.live.lines import FINISHED
from collect.live.read import LIVE, Progress, follow, progress
from tests.support.bench import RUN, RUN_S, SMALL, collect, partial_run, write_plan
from tests.support.checkout import Checkout
from tests.support.terminal import Terminal

pytestmark = pytest.mark.hosts

WINDOW_S = 5
COLUMNS, ROWS = 70, 30
Lines = list[dict[str, Any]]


def on_terminal(checkout: Checkout, meanwhile: Callable[[str, int], None], **changes: Any) -> tuple[int, str]:
    """Measure on a narrow terminal; return the exit code and all that was written to it.

    ``meanwhile`` is called some times a second with what was written so far, and the process' group.
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
    written = b""
    deadline = time.monotonic() + RUN_S
    while time.monotonic() < deadline:
        meanwhile(written.decode(errors="ignore"), process.pid)
        if not select.select([near], [], [], 0.2)[0]:
            if process.poll() is not None:
                break
            continue
        try:
            written += os.read(near, 65536)
        except OSError:  # the other side is closed: that is how a terminal ends
            break
    os.close(near)
    return process.wait(60), written.decode()


def left_on(written: str) -> list[str]:
    """Return what is left on the terminal; the kernel has put a return before each line feed."""
    terminal = Terminal(COLUMNS, ROWS)
    terminal.feed(written.replace("\r\n", "\n"))
    return terminal.lines()


@dataclass(frozen=True)
class Told:
    """What was told of a run: its id, every line of the file, how far it was now and then, and all that was written."""

    run_id: str
    lines: Lines
    seen: list[Progress]
    written: str


@pytest.fixture(scope="module")
def told(provisioned: Checkout) -> Told:
    """A run on a narrow terminal that is followed as `collect serve` does."""
    # There is none before a checkout's first run.
    (provisioned.path / "archive").mkdir(exist_ok=True)
    archive = Archive(provisioned.path / "archive")
    before = {path.name for path in archive.path.glob("*.partial")}
    lines: Lines = []
    seen: list[Progress] = []
    run_id, byte = "", 0

    def follow_it(*_: object) -> None:
        nonlocal run_id, byte
        new = {path.name for path in archive.path.glob("*.partial")} - before
        run_id = run_id or "".join(new).removesuffix(".partial")
        fresh, byte = follow(archive.path / f"{run_id}.partial" / LIVE, byte) if run_id else ([], byte)
        lines.extend(fresh)
        if fresh:
            try:
                seen.append(progress(archive, run_id))
            except BenchError:
                assert not archive.path.joinpath(f"{run_id}.partial").exists(), "it was just sealed"

    cell = {**SMALL["cells"][0], "generator": ["locust-http", "locust-fast"]}
    code, written = on_terminal(provisioned, follow_it, cells=[cell], window_s=WINDOW_S)
    assert code == 0, written
    return Told(run_id, lines, seen, written)


@pytest.fixture(scope="module")
def rows(provisioned: Checkout, told: Told) -> dict[str, dict[str, Any]]:
    """The sealed rows of that run, by trial."""
    trials = collect(provisioned, "show", told.run_id, "--json")["trials"]
    return {trial["trial_id"]: trial for trial in trials}


def test_the_seconds_agree_with_the_sealed_rows(told: Told, rows: dict[str, dict[str, Any]]) -> None:
    assert len(rows) == 4
    for trial_id, row in rows.items():
        window = [line for line in told.lines if line["trial_id"] == trial_id and line.get("phase") == "window"]
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


def test_each_finished_trial_is_told_as_it_is_sealed(told: Told, rows: dict[str, dict[str, Any]]) -> None:
    finished = [line for line in told.lines if line.get("kind") == FINISHED]
    assert [line["ordinal"] for line in finished] == [1, 2, 3, 4]
    for line in finished:
        row = rows[line["trial_id"]]
        assert (line["rps"], line["p95_ms"], line["validity"]) == (row["rps"], row["latency_p95_ms"], row["validity"])
        assert line["limited_by"] == row["limited_by"]


def test_the_lines_are_a_second_apart_and_count_down(told: Told) -> None:
    apart: list[float] = []
    for ordinal in range(1, 5):
        mine = [line for line in told.lines if line["ordinal"] == ordinal and "kind" not in line]
        window = [line["at"] for line in mine if line["phase"] == "window"]
        gaps = [after - before for before, after in itertools.pairwise(window)]
        # Who writes them may have to wait for the CPU.
        assert gaps == pytest.approx([1.0] * len(gaps), abs=0.3)
        apart += gaps
        assert [line["second"] for line in mine] == sorted(line["second"] for line in mine)
        left = [line["left_s"] for line in mine]
        assert left == sorted(left, reverse=True)
    assert statistics.median(apart) == pytest.approx(1.0, abs=0.15)
    assert 0 <= told.lines[-2]["left_s"] < 10


def test_how_far_it_is_was_always_known(told: Told) -> None:
    seen = told.seen
    assert {each.run_id for each in seen} == {told.run_id}
    assert [each.finished for each in seen] == sorted(each.finished for each in seen)
    assert {each.total for each in seen} == {4}
    assert not [each for each in seen if each.silent]
    assert [each.to_byte for each in seen] == sorted(each.to_byte for each in seen)
    assert seen[-1].finished >= 3


def test_nothing_of_it_is_sealed(provisioned: Checkout, told: Told) -> None:
    entry = provisioned.path / "archive" / told.run_id
    # The generator's own lines of each trial are on record; these are the run's.
    assert not (entry / LIVE).exists()
    assert not entry.with_name(f"{told.run_id}.partial").exists()


def test_a_narrow_terminal_shows_curves_and_keeps_the_finished_trials(told: Told) -> None:
    for part in ("▁", "█", "trial 1 of 4", "trial 2 of 4", f"window 2 of {WINDOW_S} s", "cpus", " left"):
        assert part in told.written, part
    shown = left_on(told.written)
    for number in range(1, 5):
        assert len([line for line in shown if line.startswith(f"  [{number}/4]")]) == 1
    assert len([line for line in shown if "limited by" in line]) == 4
    assert not [line for line in shown if "░" in line or "trial 1 of 4" in line], shown
    assert "\x1b[36m" not in told.written, "ANSIBLE_NOCOLOR"


def test_ctrl_c_leaves_a_clean_terminal_that_says_how_to_go_on(provisioned: Checkout) -> None:
    sent = False

    def interrupt(written: str, group: int) -> None:
        nonlocal sent
        if not sent and "window 1 of 8 s" in written:
            sent = True
            os.killpg(group, signal.SIGINT)

    code, written = on_terminal(provisioned, interrupt, window_s=8)
    assert code != 0
    shown = left_on(written)
    assert not [line for line in shown if "░" in line or "▁" in line], shown
    said = "".join(shown).replace(" ", "")
    assert f"-eresume={partial_run(provisioned)}" in said
    assert "notfinished:0of2trialsarekept" in said
    assert "Traceback" not in written
