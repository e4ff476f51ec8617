from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from collect.archive.store import Archive
from collect.cli import main
from collect.findings import markdown
from collect.findings.page import findings
from tests.support.cells import cells, measured
from tests.support.found import TWO, table


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    some = cells(("redis",), TWO, ("article", "controlled"))
    words = {cell.name: "generator" for cell in some if cell.profile == "article"}
    return measured(tmp_path_factory.mktemp("written"), some, words)


def test_the_report_has_its_sentences_beside_it(archive: Archive, capsys: pytest.CaptureFixture[str]) -> None:
    run_id = archive.resolve("latest")
    assert main(["report", "latest", "--json", "--archive", str(archive.path)]) == 0
    data = json.loads(capsys.readouterr().out)
    path = archive.path / f"{run_id}.findings.md"
    assert data["findings_file"] == str(path)
    text = path.read_text()
    page = (archive.path / f"{run_id}.html").read_text()
    ids = set(re.findall(r'id="([^"]+)"', page))
    sentences = data["findings"]["sentences"]
    assert len(sentences) > 8
    lines = [line for line in text.splitlines() if line.startswith("- ")]
    assert len(lines) == len(sentences)
    for each in sentences:
        assert each["text"] in markdown_of(text), each["text"]
        assert set(each["links"]) <= ids, each["links"]
        assert f'<li class="finding" data-says="{each["says"]}">' in page
    for name, anchor in re.findall(r"\]\(([^#)]+)#([^)]+)\)", text):
        assert name == f"{run_id}.html"
        assert anchor in ids
    # On top: the answer, the article's table, and what else the run shows; then the figures.
    order = [page.index(part) for part in ("<h1>", 'id="versus"', 'id="findings"', 'id="figures"')]
    assert order == sorted(order)


def test_the_sentences_lie_beside_a_report_of_another_name(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("collect.report.html.render", lambda *_: "")
    command = ["report", "latest", "-o", str(tmp_path / "mine.html"), "--archive", str(archive.path)]
    assert main(command) == 0
    written = tmp_path / "mine.findings.md"
    assert "](mine.html#" in written.read_text()
    written.unlink()
    written.mkdir()
    capsys.readouterr()
    assert main(command) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_what_a_plan_is_called_is_text_and_never_markup() -> None:
    figures = table(1, plan={"name": "a [link](http://x) <b>*bold*</b>\n# head"})
    text = markdown.render(figures, findings(figures, ()), "run.html")
    assert "\n# head" not in text
    assert r"a \[link\](http://x) \<b\>\*bold\*\</b\> \# head" in text


def markdown_of(text: str) -> str:
    """Return the page without the marks that make text of it."""
    return re.sub(r"\\([\\`*\[\]<>|#])", r"\1", text)
