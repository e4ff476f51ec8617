"""Cutting a window out of the samples."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from collect.sampler.cut import cut, main
from collect.sampler.writer import SampleWriter

T0 = 28_333_333 * 60.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    writer = SampleWriter(tmp_path, 24)
    for second in range(200):
        writer.write(T0 + second, {"tick": T0 + second, "t": T0 + second + 0.001})
    writer.close()
    return tmp_path


def ticks(lines: list[bytes]) -> list[float]:
    return [json.loads(line)["tick"] - T0 for line in lines]


def test_both_ends_belong_to_it(folder: Path) -> None:
    assert ticks(list(cut(folder, T0 + 58, T0 + 122))) == list(range(58, 123))
    assert ticks(list(cut(folder, T0 + 58.5, T0 + 60.5))) == [59, 60]
    assert list(cut(folder, T0 - 100, T0 - 1)) == []
    assert list(cut(folder, T0 + 5, T0 + 4)) == []


def test_a_line_under_way_is_left_out(folder: Path) -> None:
    last = max(folder.iterdir())
    with last.open("a") as file:
        file.write('{"tick":%r,"t":1' % (T0 + 200))
    assert ticks(list(cut(folder, T0 + 198, T0 + 300))) == [198, 199]


def test_the_command_prints_the_lines(folder: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["--from", str(T0 + 3), "--to", str(T0 + 5), "--dir", str(folder)]) == 0
    assert ticks(capfdbinary.readouterr().out.splitlines()) == [3, 4, 5]


def test_the_command_finds_the_folder_in_the_configuration(
    folder: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    config = tmp_path / "collector.json"
    config.write_text(json.dumps({"host": "h", "samples_dir": str(folder), "live_path": "/x", "units": {}}))
    assert main(["--from", str(T0), "--to", str(T0), "--config", str(config)]) == 0
    assert ticks(capfdbinary.readouterr().out.splitlines()) == [0]


def test_without_samples_it_says_what_to_do(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "none"
    assert main(["--from", "0", "--to", "1", "--dir", str(missing)]) == 2
    assert main(["--from", "0", "--to", "1", "--config", str(missing)]) == 2
    err = capfd.readouterr().err
    assert [line.startswith("error: No such file or directory (") for line in err.splitlines()] == [True, True]
