"""Reports that were drawn once: which are taken again, and what becomes of those that are not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import collect.serve.kept
from collect.archive.store import Archive
from collect.serve.kept import kept, report_key

RUN = "20260101T000000Z-000000"


class Drawing:
    """Counts how often something was drawn."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> str:
        self.times += 1
        return f"drawn {self.times} ä"


def test_what_is_kept_is_drawn_once(tmp_path: Path) -> None:
    folder, draw = tmp_path / "not" / "there" / "yet", Drawing()
    assert [kept(folder, RUN, "a", draw) for _ in range(3)] == ["drawn 1 ä"] * 3
    assert kept(folder, RUN, "b", draw) == "drawn 2 ä"
    assert [path.name for path in folder.iterdir()] == [f"{RUN}-b.html"]  # that of another key is outdated


@pytest.mark.parametrize("where", [None, Path("/proc/none"), Path("/dev/null/x")])
def test_where_nothing_can_be_kept_it_is_drawn_each_time(where: Path | None) -> None:
    draw = Drawing()
    assert [kept(where, RUN, "a", draw) for _ in range(2)] == ["drawn 1 ä", "drawn 2 ä"]


def test_what_cannot_be_read_is_drawn_again(tmp_path: Path) -> None:
    draw = Drawing()
    kept(tmp_path, RUN, "a", draw)
    (tmp_path / f"{RUN}-a.html").write_bytes(b"\xff\xfe")
    assert kept(tmp_path, RUN, "a", draw) == "drawn 2 ä"
    assert kept(tmp_path, RUN, "a", draw) == "drawn 2 ä"


def test_an_error_keeps_nothing(tmp_path: Path) -> None:
    def broken() -> str:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        kept(tmp_path, RUN, "a", broken)
    assert list(tmp_path.iterdir()) == []


def test_only_the_last_used_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect.serve.kept, "MOST", 3)
    draw = Drawing()
    for number in range(4):
        kept(tmp_path, f"2026010{number}T000000Z-000000", "a", draw)
        for path in tmp_path.iterdir():
            os.utime(path, (number + int(path.name[7]), number + int(path.name[7])))
    assert sorted(path.name[:8] for path in tmp_path.iterdir()) == ["20260101", "20260102", "20260103"]


def test_the_key_changes_with_files_labels_and_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive, folder = Archive(tmp_path), tmp_path / RUN
    folder.mkdir()
    keys = [report_key(archive, RUN)]
    for path in (folder / "SHA256SUMS", folder / "requests.parquet", tmp_path / f"{RUN}.labels.jsonl"):
        path.write_text("x")
        keys.append(report_key(archive, RUN))
        os.utime(path, (1, 1))
        keys.append(report_key(archive, RUN))
    assert report_key(archive, RUN) == keys[-1]
    monkeypatch.setattr(collect.serve.kept, "_code", lambda: "other")
    keys.append(report_key(archive, RUN))
    assert len(set(keys)) == len(keys)
