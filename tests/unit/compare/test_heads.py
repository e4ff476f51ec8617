from __future__ import annotations

import json
from pathlib import Path

import pytest

from collect.archive.store import Archive
from collect.compare.heads import HEAD_BYTES, first_keys, head_of, read_head, read_heads
from collect.errors import BenchError
from tests.support.many_runs import FLASK, STARLETTE, ManyRuns


def test_a_head_is_that_of_the_whole_manifest(runs: ManyRuns) -> None:
    run_id = runs.add({FLASK: [1, 2, 3], STARLETTE: [1, 2, 3]})
    head = read_head(runs.archive, run_id)
    assert head == head_of(runs.archive.manifest(run_id))
    assert (head.server, head.clients, head.code) == ("server1", ("client1",), "aaaaaaaa")
    assert set(head.cells) == {FLASK, STARLETTE}


def test_only_the_first_of_the_trials_is_read(runs: ManyRuns) -> None:
    run_id = runs.add({FLASK: [1, 2, 3]})
    path = runs.path / run_id / "manifest.json"
    text = path.read_text()
    broken = text[: text.index('"trials"') + 20000] if len(text) > HEAD_BYTES else text.rstrip("}\n ")[:-1]
    path.write_text(broken)
    with pytest.raises(BenchError, match="manifest cannot be read"):
        runs.archive.manifest(run_id)
    assert read_head(runs.archive, run_id).run_id == run_id


def test_an_order_of_keys_that_does_not_help(runs: ManyRuns) -> None:
    def trials_first(manifest: dict[str, object]) -> None:
        rest = {key: manifest.pop(key) for key in list(manifest) if key != "trials"}
        manifest |= rest

    run_id = runs.add({FLASK: [1, 2, 3]}, change=trials_first)
    assert first_keys((runs.path / run_id / "manifest.json").read_text()) is None
    assert read_head(runs.archive, run_id).run_id == run_id


def test_a_head_longer_than_what_is_read_first(runs: ManyRuns) -> None:
    run_id = runs.add({FLASK: [1, 2, 3]}, change=lambda manifest: manifest["plan"].update(description="é" * HEAD_BYTES))
    assert len(read_head(runs.archive, run_id).plan["description"]) == HEAD_BYTES


def test_runs_that_cannot_be_read_are_told(runs: ManyRuns) -> None:
    kept = runs.add({FLASK: [1, 2, 3]})
    newer = runs.add({FLASK: [1, 2, 3]}, change=lambda manifest: manifest.update(schema_version=99))
    damaged = runs.add({FLASK: [1, 2, 3]})
    (runs.path / damaged / "manifest.json").write_text("{")
    gone = runs.add({FLASK: [1, 2, 3]})
    (runs.path / gone / "manifest.json").unlink()
    heads, refused = read_heads(runs.archive)
    assert [head.run_id for head in heads] == [kept]
    assert refused[0].where == newer
    assert "has schema 99" in str(refused[0])
    assert all("manifest cannot be read" in str(error) for error in refused[1:])


@pytest.mark.parametrize("text", ["", "[]", "{}", "nonsense", '{"trials": 3}', '{"a": 1, "trials": [}'])
def test_what_is_no_manifest(text: str, tmp_path: Path) -> None:
    assert first_keys(text) is None
    entry = tmp_path / "20260101T000000Z-000000"
    entry.mkdir()
    (entry / "SHA256SUMS").write_text("")
    (entry / "manifest.json").write_text(text)
    with pytest.raises(BenchError):
        read_head(Archive(tmp_path), entry.name)


def test_a_run_without_trials(runs: ManyRuns) -> None:
    run_id = runs.add({FLASK: []}, change=lambda manifest: manifest.update(trials=[]))
    assert read_head(runs.archive, run_id).server is None
    assert json.loads((runs.path / run_id / "manifest.json").read_text())["trials"] == []
