"""What the Tab key offers, and that nothing an archive says can harm the shell."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from collect.archive.labels import TAG, add
from collect.cli import COMMANDS, complete, main
from collect.plan import plan_names
from tests.support.many_runs import FLASK, STARLETTE, ManyRuns

Capture = pytest.CaptureFixture[str]
Offer = Callable[[str], list[str]]
EVIL = "$(reboot)"
COLLECT = Path(sys.executable).with_name("collect")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> ManyRuns:
    runs = ManyRuns(tmp_path_factory.mktemp("completion"))
    first = runs.add({FLASK: [100.0], STARLETTE: [200.0]})
    second = runs.add({FLASK: [100.0]}, change=_evil)
    add(runs.archive, first, TAG, "baseline")
    add(runs.archive, first, TAG, "i7")
    add(runs.archive, second, TAG, "bios-2")
    (runs.path / "20990101T000000Z-000000.partial").mkdir()
    return runs


def _evil(manifest: dict[str, Any]) -> None:
    manifest["plan"]["name"] = EVIL
    manifest["inventory"] = "a\nb"


@pytest.fixture
def offer(runs: ManyRuns, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> Offer:
    """Return what completes a line, as bash asks; the last word is the one at the cursor."""
    monkeypatch.setenv("BENCH_ARCHIVE", str(runs.path))

    def ask(line: str) -> list[str]:
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
        monkeypatch.setenv(complete.VARIABLE, "bash_complete")
        assert main([]) == 0
        captured = capsys.readouterr()
        assert captured.err == ""
        said = [word.partition(",") for word in captured.out.splitlines() if word]
        assert {kind for kind, _, _ in said} <= {"plain"}
        return [word for _, _, word in said]

    return ask


def test_commands_and_options(offer: Offer) -> None:
    assert offer("collect ") == list(COMMANDS)
    assert offer("collect ver") == ["verify"]
    assert offer("collect run st") == ["status"]
    assert "--resume" in offer("collect verify --")
    assert offer("collect completion ") == ["bash", "zsh", "fish"]


def test_runs_the_newest_first(offer: Offer, runs: ManyRuns) -> None:
    newest_first = list(reversed(runs.archive.run_ids()))
    assert offer("collect show ") == ["latest", *newest_first]
    assert offer("collect show 20260101") == [newest_first[1]]
    assert offer("collect compare latest 2026") == newest_first
    assert offer("collect verify latest la") == ["latest"]
    assert offer("collect report 20990101") == []
    assert offer("collect show latest ")[:2] == ["1", "2"]
    assert any(FLASK in trial for trial in offer("collect show latest b"))
    assert offer("collect show nope ") == []
    assert offer("collect run seal ") == ["20990101T000000Z-000000"]
    for command in ("note", "tag", "cite", "report"):
        assert offer(f"collect {command} lat") == ["latest"]


def test_cells_plans_and_tags(offer: Offer) -> None:
    assert offer("collect trend ") == sorted([FLASK, STARLETTE])
    assert offer("collect trend star") == [STARLETTE]
    assert offer("collect plan check ") == plan_names()
    assert offer("collect tag latest ") == ["baseline", "bios-2", "i7"]
    assert offer("collect tag latest b") == ["baseline", "bios-2"]
    assert offer("collect tag latest baseline b") == ["bios-2"]
    assert offer("collect tag --remove 20260101 ") == ["baseline", "i7"]
    assert offer("collect tag --remove 2026 ") == []  # of which run is not said yet


def test_the_filters_complete(offer: Offer, runs: ManyRuns) -> None:
    for command in ("list", "gc"):
        assert offer(f"collect {command} --tag b") == ["baseline", "bios-2"]
        assert offer(f"collect {command} --cell flask") == [FLASK]
        assert offer(f"collect {command} --plan ") == ["small"]  # the other one's name is none for a shell
        assert offer(f"collect {command} --inventory ") == ["local"]
        assert offer(f"collect {command} --validity in") == ["invalid"]
        assert offer(f"collect {command} --since 2026") == list(reversed(runs.archive.run_ids()))


def test_the_archive_that_the_line_names_counts(offer: Offer, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    assert offer(f"collect show --archive {other} ") == []
    assert offer(f"collect show --archive {tmp_path}/none ") == []
    assert offer(f"collect trend --archive {tmp_path}/none ") == []
    assert offer(f"collect tag --archive {tmp_path}/none latest ") == []


def test_what_means_something_to_a_shell_is_not_offered(runs: ManyRuns) -> None:
    context = click.Context(click.Command("list"))
    context.params["archive_dir"] = runs.path
    parameter = click.Option(["--plan"])
    assert [item.value for item in complete.plans(context, parameter, "")] == ["small"]
    assert [item.value for item in complete.inventories(context, parameter, "")] == ["local"]


@pytest.mark.parametrize("instruction", ["bash_bogus", "tcsh_complete", "bogus", "bash"])
def test_a_shell_that_asks_strangely_gets_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, instruction: str
) -> None:
    monkeypatch.setenv(complete.VARIABLE, instruction)
    assert main([]) == 1
    assert capsys.readouterr() == ("", "")


def test_nothing_that_goes_wrong_is_told(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.delenv("COMP_WORDS", raising=False)
    monkeypatch.setenv(complete.VARIABLE, "bash_complete")
    assert main([]) == 1
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_for_the_shell(tmp_path: Path, capsys: Capture, shell: str) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert f"{complete.VARIABLE}={shell}_complete" in script
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"no {shell} here")
    (tmp_path / "script").write_text(script)
    checked = subprocess.run([path, "-n", str(tmp_path / "script")], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_bash_itself_completes(runs: ManyRuns) -> None:
    script = (
        f'PATH={shlex.quote(str(COLLECT.parent))}:$PATH; eval "$(collect completion bash)"; complete -p collect;'
        ' COMP_WORDS=(collect show 20260101); COMP_CWORD=2; _collect_completion collect; echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", script], env={"BENCH_ARCHIVE": str(runs.path), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    registered, completed = done.stdout.splitlines()
    assert "-F _collect_completion" in registered
    assert completed == runs.archive.run_ids()[0]


def test_another_shell_is_refused(capsys: Capture) -> None:
    assert main(["completion", "tcsh"]) == 2
    assert "tcsh" in capsys.readouterr().err


def test_json_stays_json(runs: ManyRuns, capsys: Capture) -> None:
    assert main(["tag", "latest", "--json", "--archive", str(runs.path)]) == 0
    assert json.loads(capsys.readouterr().out)["tags"] == ["bios-2"]
