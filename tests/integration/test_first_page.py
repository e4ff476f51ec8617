"""The commands that README.md shows do something, on an archive of two runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from collect.archive.store import Archive
from collect.cli import main
from collect.paths import CHECKOUT
from tests.support.named import in_blocks
from tests.support.plans import small_plan
from tests.support.synthetic import write_run

LASTING = ("serve",)
"""Commands that end only when they are told to; they have tests of their own."""
SHOWN = [words for words in in_blocks((CHECKOUT / "README.md").read_text()) if words[1] not in LASTING]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    folder = tmp_path_factory.mktemp("archive")
    for _ in range(2):
        write_run(folder, small_plan()).seal()
    return Archive(folder)


@pytest.mark.parametrize("words", SHOWN, ids=[" ".join(words) for words in SHOWN])
def test_a_command_of_the_first_page_does_it(
    words: list[str],
    archive: Archive,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("BENCH_ARCHIVE", str(archive.path))
    monkeypatch.chdir(tmp_path)
    named = {"RUN": archive.run_ids()[0], "CELL": "flask-werkzeug.redis.locust-http.10.article"}
    assert main([named.get(word, word) for word in words[1:]]) == 0, capsys.readouterr().err
    said = capsys.readouterr().out
    assert said or list(tmp_path.iterdir()), "neither a word nor a file"


def test_the_first_page_shows_most_commands() -> None:
    assert {"list", "show", "verify", "query", "report", "compare", "trend"} <= {words[1] for words in SHOWN}
