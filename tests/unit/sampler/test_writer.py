"""Samples on disk: whole lines, old ones deleted, a full disk survived."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from collect.sampler.writer import Line, LiveWriter, SampleWriter, segments
from tests.support.venv38 import CHECKOUT

MINUTE = 28_333_333
T0 = MINUTE * 60.0


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for _, path in segments(folder) for line in path.read_text().splitlines()]


def test_a_segment_holds_a_minute(tmp_path: Path) -> None:
    writer = SampleWriter(tmp_path, 24)
    for second in range(0, 150, 10):
        writer.write(T0 + second, {"tick": T0 + second})
    writer.close()
    assert [minute for minute, _ in segments(tmp_path)] == [MINUTE, MINUTE + 1, MINUTE + 2]
    assert [row["tick"] - T0 for row in rows(tmp_path)] == list(range(0, 150, 10))
    assert {row["dropped"] for row in rows(tmp_path)} == {0}


def test_each_row_is_there_at_once(tmp_path: Path) -> None:
    writer = SampleWriter(tmp_path, 24)
    writer.write(T0, {"tick": T0})
    assert len(rows(tmp_path)) == 1
    writer.close()


def test_old_segments_go_and_other_files_stay(tmp_path: Path) -> None:
    for age in (1, 59, 60, 61, 5000):
        (tmp_path / f"samples-{MINUTE - age}.jsonl").touch()
    (tmp_path / "samples-notes.txt").touch()
    writer = SampleWriter(tmp_path, 1)
    writer.write(T0, {"tick": T0})
    writer.close()
    assert [MINUTE - minute for minute, _ in segments(tmp_path)] == [60, 59, 1, 0]
    assert (tmp_path / "samples-notes.txt").exists()


@pytest.mark.parametrize("torn", ['{"tick":1.0,"x":{"y":1}', '{"tick":2', "x" * 200_000])
def test_half_a_line_that_a_crash_left_is_cut_off(tmp_path: Path, torn: str) -> None:
    path = tmp_path / f"samples-{MINUTE}.jsonl"
    path.write_text('{"tick":1}\n' + torn)
    writer = SampleWriter(tmp_path, 24)
    writer.write(T0, {"tick": T0})
    writer.close()
    assert [row["tick"] for row in rows(tmp_path)] == [1, T0]


def test_a_file_of_half_a_line_only_becomes_empty(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("half")
    line = Line(path)
    assert (line.size, path.read_text()) == (0, "")
    line.close()


FULL_DISK = """
import json, subprocess, sys
from pathlib import Path
from collect.sampler.writer import SampleWriter, segments
folder = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", str(folder)], check=True)
writer = SampleWriter(folder, 24)
dropped = []
for tick in range(30):
    writer.write(float(tick), {"tick": tick, "text": "x" * 3000})
    dropped.append(writer.dropped)
whole = [json.loads(line)["tick"] for line in (folder / "samples-0.jsonl").read_text().splitlines()]
(folder / "samples-0.jsonl").unlink()
writer.write(60.0, {"tick": 60})
after = json.loads((folder / "samples-1.jsonl").read_text())
print(json.dumps({"dropped": dropped, "whole": whole, "after": after}))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_costs_the_rows_that_do_not_fit_and_no_more(tmp_path: Path) -> None:
    command = ["unshare", "--mount", sys.executable, "-c", FULL_DISK, str(tmp_path)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    kept = len(result["whole"])
    assert 5 <= kept < 12
    assert result["whole"] == list(range(kept)), "no line is torn, none is missing"
    assert result["dropped"] == [0] * kept + list(range(1, 31 - kept))
    assert result["after"] == {"tick": 60, "dropped": 30 - kept}
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == [
        "samples are lost",
        f"samples are kept again after {30 - kept} lost ones",
    ]


def test_a_folder_that_vanishes_and_comes_back_costs_rows_only(tmp_path: Path) -> None:
    folder = tmp_path / "samples"
    writer = SampleWriter(folder, 24)
    writer.write(T0, {"tick": T0})
    assert writer.dropped == 1
    folder.mkdir()
    writer.write(T0 + 1, {"tick": T0 + 1})
    writer.close()
    assert rows(folder) == [{"tick": T0 + 1, "dropped": 1}]


def test_the_live_file_begins_anew_at_a_start_and_when_it_is_large(tmp_path: Path) -> None:
    path = tmp_path / "live.jsonl"
    path.write_text("old\n")
    live = LiveWriter(path, limit=100)
    assert path.read_text() == ""
    for number in range(50):
        live.write({"t": number})
    live.close()
    lines = [json.loads(line)["t"] for line in path.read_text().splitlines()]
    assert lines[-1] == 49
    assert lines == list(range(lines[0], 50))
    assert path.stat().st_size <= 100 + 10


def test_a_live_file_on_a_full_disk_hurts_nobody() -> None:
    live = LiveWriter.__new__(LiveWriter)
    live._limit = 100
    live._line = Line.__new__(Line)
    live._line._fd, live._line.size = os.open("/dev/full", os.O_WRONLY), 0
    live.write({"t": 1})
    live.close()
