"""``collect list``, ``show``, ``tag`` and ``note`` as people meet them: what is shown, where, and of what archive."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from collect.archive.labels import NOTE, TAG, add
from collect.archive.partial import begin_run
from collect.cli import main
from collect.cli.archive import COLUMNS, ON_TERMINAL
from tests.support.many_runs import FLASK, STARLETTE, ManyRuns
from tests.support.plans import small_plan

Capture = pytest.CaptureFixture[str]
ESCAPE = "\x1b]0;owned\x07"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> ManyRuns:
    return ManyRuns(tmp_path_factory.mktemp("cli"))


@pytest.fixture
def runs(template: ManyRuns) -> ManyRuns:
    return template.empty()


def said(capsys: Capture, runs: ManyRuns, *arguments: str, code: int = 0) -> str:
    """Return what a command prints; of one that is refused its one line."""
    assert main([*arguments, "--archive", str(runs.path)]) == code
    captured = capsys.readouterr()
    if code != 2:
        return captured.out
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    return captured.err


def listed(capsys: Capture, runs: ManyRuns, *arguments: str) -> list[dict[str, str]]:
    """Return the rows of the list that a pipe gets."""
    head, *rows = (line.split("\t") for line in said(capsys, runs, "list", *arguments).splitlines())
    assert head == list(COLUMNS)
    return [dict(zip(head, row, strict=True)) for row in rows]


def ids(rows: Sequence[dict[str, Any]]) -> list[Any]:
    return [row["run_id"] for row in rows]


def test_a_run_is_listed_with_what_is_said_of_it(runs: ManyRuns, capsys: Capture) -> None:
    first, second = runs.add({FLASK: [100.0], STARLETTE: [200.0]}), runs.add({FLASK: [100.0]})
    for kind, text in [(TAG, "baseline"), (TAG, "i7"), (NOTE, "new BIOS"), (NOTE, "turbo off")]:
        add(runs.archive, first, kind, text, by="ann")
    rows = listed(capsys, runs)
    assert ids(rows) == [first, second]
    assert rows[0].pop("ratios") in ("0 of 1", "1 of 1")
    assert rows[0] == {
        "run_id": first, "date": "2026-01-01 00:00", "plan": "small", "inventory": "local", "trials": "2",
        "validity": "valid", "tags": "baseline, i7", "notes": "2", "reasons": "",
    }  # fmt: skip
    assert (rows[1]["tags"], rows[1]["notes"]) == ("", "")
    told = json.loads(said(capsys, runs, "list", "--json"))
    assert told[0]["tags"] == ["baseline", "i7"]
    assert [note["text"] for note in told[0]["notes"]] == ["new BIOS", "turbo off"]
    assert {"by": "ann"}.items() <= told[0]["notes"][0].items()
    assert (told[1]["tags"], told[1]["notes"]) == ([], [])


def test_filters_and_limits_choose_the_newest_last(runs: ManyRuns, capsys: Capture) -> None:
    all_ids = [runs.add({FLASK: [100.0]}) for _ in range(5)]
    add(runs.archive, all_ids[1], TAG, "a")
    add(runs.archive, all_ids[3], TAG, "a")
    begun = begin_run(runs.path, small_plan(1), inventory="local").run_id
    assert ids(listed(capsys, runs)) == [*all_ids, begun]
    assert ids(listed(capsys, runs, "--limit", "3")) == [*all_ids[3:], begun]
    assert ids(listed(capsys, runs, "--limit", "1")) == [begun]
    assert ids(listed(capsys, runs, "--limit", "99")) == [*all_ids, begun]
    assert ids(listed(capsys, runs, "--tag", "a")) == [all_ids[1], all_ids[3]]
    assert ids(listed(capsys, runs, "--tag", "a", "--limit", "1")) == [all_ids[3]]
    assert ids(listed(capsys, runs, "--since", "2026-01-03")) == all_ids[2:]
    assert ids(listed(capsys, runs, "--plan", "none")) == []
    assert ids(json.loads(said(capsys, runs, "list", "--json", "--limit", "2"))) == [all_ids[4], begun]
    assert "--since" in said(capsys, runs, "list", "--since", "yesterday", code=2)
    assert "--limit" in said(capsys, runs, "list", "--limit", "0", code=2)


def test_a_terminal_gets_the_newest_and_a_hint(
    runs: ManyRuns, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_ids = [runs.add({FLASK: [100.0]}) for _ in range(ON_TERMINAL + 3)]
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["list", "--archive", str(runs.path)]) == 0
    captured = capsys.readouterr()
    assert [run_id for run_id in all_ids if run_id in captured.out] == all_ids[3:]
    assert captured.err == "3 older runs are left out: --limit N shows more, filters find them\n"
    assert "tags" not in captured.out  # none has any
    add(runs.archive, all_ids[-1], TAG, "baseline")
    assert main(["list", "--limit", "60", "--archive", str(runs.path)]) == 0
    captured = capsys.readouterr()
    assert all(run_id in captured.out for run_id in all_ids)
    assert captured.err == ""
    assert "baseline" in captured.out


@pytest.mark.parametrize("width", [60, 80, 130])
def test_a_narrow_terminal_breaks_no_id(
    runs: ManyRuns, capsys: Capture, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    run_id = runs.add({FLASK: [100.0]})
    add(runs.archive, run_id, TAG, "a-tag-of-some-length")
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["list", "--archive", str(runs.path)]) == 0
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    assert sum(run_id in line and "valid" in line for line in lines) == 1
    assert max(map(len, lines)) <= width
    assert ("date" in lines[1]) == (width == 130)


def test_runs_that_cannot_be_read_are_named_with_the_reason(runs: ManyRuns, capsys: Capture) -> None:
    good, newer, broken = (runs.add({FLASK: [100.0]}) for _ in range(3))
    manifest = runs.path / newer / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"schema_version": 99}))
    (runs.path / broken / "manifest.json").write_text("{")
    add(runs.archive, newer, NOTE, "from the other checkout")
    rows = listed(capsys, runs)
    assert ids(rows) == [good, newer, broken]
    assert [row["validity"] for row in rows] == ["valid", "unreadable", "unreadable"]
    assert "schema 99" in rows[1]["reasons"]
    assert rows[1]["notes"] == "1"
    assert "cannot be read" in rows[2]["reasons"]
    assert said(capsys, runs, "tag", newer, "keep") == (
        f"{newer}: tags: keep\n" + said(capsys, runs, "note", newer).splitlines(keepends=True)[1]
    )
    assert "has schema 99" in said(capsys, runs, "show", newer, code=2)


def test_a_run_shows_its_labels_hosts_and_citation(tmp_path: Path, capsys: Capture) -> None:
    runs = ManyRuns(tmp_path)
    runs.path = tmp_path / "template"  # a run that has all of its files
    (run_id,) = runs.archive.run_ids()
    add(runs.archive, run_id, TAG, "baseline")
    add(runs.archive, run_id, NOTE, f"new{ESCAPE}BIOS", by="ann")
    manifest = runs.path / run_id / "manifest.json"
    changed = json.loads(manifest.read_text())
    changed["hosts"]["client1"]["cpu_model"] = f"CPU{ESCAPE}"
    changed |= {"validity": "degraded", "reasons": [f"reason{ESCAPE}"]}
    manifest.chmod(0o644)
    manifest.write_text(json.dumps(changed))
    out = said(capsys, runs, "show", "latest")
    assert not any(not character.isprintable() and character != "\n" for character in out)
    lines = out.splitlines()
    assert lines[0] == "tags: baseline"
    assert lines[1].startswith("note of 20")
    assert lines[1].endswith("by ann: new ]0;owned BIOS")
    assert "host     server1: Synthetic CPU, 1 CPU, 16.0 GiB, Debian 12, kernel 6.1.0" in lines
    assert lines[-1].startswith(f"cite     The sync-async-bench authors ({run_id[:4]}). Run {run_id} of ")
    told = json.loads(said(capsys, runs, "show", "latest", "--json"))
    assert told["labels"]["tags"] == ["baseline"]
    assert told["citation"]["text"] == lines[-1].removeprefix("cite     ")


def test_tags_and_notes_come_and_go(runs: ManyRuns, capsys: Capture) -> None:
    run_id = runs.add({FLASK: [100.0]})
    assert said(capsys, runs, "tag", "latest") == f"{run_id}: no tags, no notes\n"
    assert not list(runs.path.glob("*labels*"))  # to look changes nothing
    assert said(capsys, runs, "tag", "latest", "a", "b") == f"{run_id}: tags: a, b\n"
    assert said(capsys, runs, "tag", run_id[:10], "b", "c") == f"{run_id}: tags: a, b, c\n"
    assert said(capsys, runs, "tag", "latest", "--remove", "a", "c") == f"{run_id}: tags: b\n"
    assert 'there is no tag "x"' in said(capsys, runs, "tag", "latest", "--remove", "b", "x", code=2)
    assert "cannot be a tag" in said(capsys, runs, "tag", "latest", "good", "not good", code=2)
    assert "no tag is named" in said(capsys, runs, "tag", "latest", "--remove", code=2)
    assert json.loads(said(capsys, runs, "tag", "latest", "--json"))["tags"] == ["b"]
    noted = json.loads(said(capsys, runs, "note", "latest", "new BIOS", "--json"))
    assert [note["text"] for note in noted["notes"]] == ["new BIOS"]
    assert "it is empty" in said(capsys, runs, "note", "latest", "", code=2)


@pytest.mark.parametrize("command", [["tag", "RUN", "a"], ["note", "RUN", "a"], ["cite", "RUN"], ["show", "RUN"]])
def test_a_run_that_is_not_meant_clearly_is_refused(runs: ManyRuns, capsys: Capture, command: list[str]) -> None:
    def refused(run: str) -> str:
        return said(capsys, runs, *(run if word == "RUN" else word for word in command), code=2)

    assert "the archive is empty" in refused("latest")
    begun = begin_run(runs.path, small_plan(1), inventory="local").run_id
    assert f"the run {begun} is not sealed" in refused(begun)
    runs.add({FLASK: [100.0]}), runs.add({FLASK: [100.0]})
    assert "fits 2 runs" in refused("20260")
    assert "there is no run" in refused("2020")
    assert "there is no run" in refused("../x")
    assert main([*(word.replace("RUN", "latest") for word in command), "--archive", str(runs.path / "none")]) == 2
    assert "there is no archive" in capsys.readouterr().err
    assert not list(runs.path.glob("*labels*"))


def test_what_an_archive_says_cannot_reach_the_terminal(runs: ManyRuns, capsys: Capture) -> None:
    def evil(manifest: dict[str, Any]) -> None:
        manifest["plan"]["name"] = f"p{ESCAPE}\u202e"
        manifest["inventory"] = f"i\r{ESCAPE}"
        manifest["reasons"] = [f"r\n{ESCAPE}"]
        manifest["hosts"]["server1"]["cpu_model"] = f"c{ESCAPE}"

    run_id = runs.add({FLASK: [100.0]}, change=evil)
    add(runs.archive, run_id, NOTE, f"n{ESCAPE}\u202e\r\nn", by=f"b{ESCAPE}")
    for command in (["list"], ["note", "latest"], ["tag", "latest"], ["cite"]):
        out = said(capsys, runs, *command)
        assert not any(not character.isprintable() and character not in "\n\t" for character in out), command
    assert len(listed(capsys, runs)) == 1
    assert json.loads(said(capsys, runs, "list", "--json"))[0]["notes"][0]["text"] == f"n{ESCAPE}\u202e\r\nn"


def test_neither_do_refusals_nor_json(runs: ManyRuns, capsys: Capture) -> None:
    odd = f"{ESCAPE}\x9b31m\x7f\u202e\u2028"
    run_id = runs.add({FLASK: [100.0]}, change=lambda manifest: manifest["plan"].update(name=odd))
    add(runs.archive, run_id, NOTE, f"ä{odd}", by="ann")
    out = said(capsys, runs, "list", "--json")
    assert not any(not character.isprintable() and character != "\n" for character in out)
    assert "ä" in out
    (told,) = json.loads(out)
    assert (told["plan"], told["notes"][0]["text"]) == (odd, f"ä{odd}")
    manifest = runs.path / run_id / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"schema_version": odd}))
    for command in (["show", run_id], ["cite", run_id], ["show", odd], ["tag", run_id, odd]):
        line = said(capsys, runs, *command, code=2)
        assert line.removesuffix("\n").isprintable()
