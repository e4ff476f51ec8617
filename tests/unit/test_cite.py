"""How a run and the software are cited."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from collect.archive.citation import AUTHORS, SOFTWARE, citation, cite
from collect.cli import main
from tests.support.many_runs import COMMIT, FLASK, ManyRuns

ROOT = Path(__file__).resolve().parents[2]
MANIFEST: dict[str, Any] = {
    "run_id": "20260301T120000Z-abcdef",
    "created_at": "2026-03-01T12:00:00+00:00",
    "plan": {"name": "table"},
    "trials": [{}, {}],
    "validity": "degraded",
    "hosts": {"server1": {"cpu_model": "CPU A"}, "client1": {"cpu_model": "CPU B"}, "client2": {"cpu_model": "CPU B"}},
    "git": {"commit": COMMIT, "dirty": True},
}


def test_a_run_is_told_apart_by_id_sum_and_commit() -> None:
    found = cite(MANIFEST, "0" * 64)
    assert found.text == (
        "The sync-async-bench authors (2026). Run 20260301T120000Z-abcdef of 2026-03-01: plan table, 2 trials,"
        " degraded, on CPU A and CPU B, measured with sync-async-bench of commit aaaaaaaaaaaa with changes."
        f" sha256 of SHA256SUMS: {'0' * 64}."
    )
    assert found.bibtex.splitlines()[0] == "@misc{sync-async-bench-20260301T120000Z-abcdef,"
    assert "  year = {2026}," in found.bibtex.splitlines()


def test_what_is_not_known_is_left_out() -> None:
    bare = {**MANIFEST, "hosts": {"server1": {}}, "git": {"commit": None, "dirty": None}}
    assert "degraded, measured with sync-async-bench of an unknown commit." in cite(bare, "0" * 64).text


def test_what_an_archive_says_is_text_in_both() -> None:
    evil = {**MANIFEST, "plan": {"name": "a\x1b[31m\n}\\write18{rm} $x_1^2$ 50% #&~"}}
    found = cite(evil, "0" * 64)
    assert found.text.isprintable()
    told = r"a [31m \}\textbackslash{}write18\{rm\} \$x\_1\textasciicircum{}2\$ 50\% \#\&\textasciitilde{}"
    assert told in found.bibtex
    assert all(line.isprintable() for line in found.bibtex.split("\n"))
    unescaped = re.sub(r"\\[{}]", "", found.bibtex)
    depth = 0
    for character in unescaped:
        depth += (character == "{") - (character == "}")
        assert depth >= 0
    assert depth == 0


def test_the_command_says_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = ManyRuns(tmp_path)
    run_id = runs.add({FLASK: [100.0]})
    (runs.path / run_id / "SHA256SUMS").write_text("sums\n")
    assert main(["cite", "--json", "--archive", str(runs.path)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["sha256"] == hashlib.sha256(b"sums\n").hexdigest()
    assert said == {"run_id": run_id, **vars(citation(runs.archive, run_id))}
    assert main(["cite", run_id[:10], "--archive", str(runs.path)]) == 0
    assert capsys.readouterr().out == f"{said['text']}\n\n{said['bibtex']}\n"
    assert main(["cite", "nope", "--archive", str(runs.path)]) == 2


def test_the_software_is_cited_as_it_is() -> None:
    said = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {"cff-version", "message", "title", "authors"} <= set(said)  # what its schema asks for
    assert said["cff-version"] == "1.2.0"
    assert said["title"] == SOFTWARE == project["name"]
    assert [author["name"] for author in said["authors"]] == [AUTHORS]
    assert str(said["version"]) == project["version"]
    assert said["license"] == project["license"]
