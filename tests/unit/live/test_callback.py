"""What the playbooks' own output makes of a trial: on a terminal, in a log, and when something ends it."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from collect.live.read import LIVE
from collect.live.screen import CLEAR
from collect.live.write import append
from tests.support.checkout import ORIGINAL
from tests.support.plans import small_plan
from tests.support.streamed import seconds
from tests.support.terminal import Terminal

FIRST, SECOND, *_ = small_plan().trials()
SUMMARY: dict[str, Any] = {
    "validity": "valid", "reasons": [], "rps": 463.21, "latency_p50_ms": 12.0, "latency_p95_ms": 20.0,
    "latency_p99_ms": 30.0, "server_cpu_cores": 0.97, "client_cpu_cores": 0.5, "limited_by": ["server-app"],
    "limited_by_confidence": ["high"], "limited_by_evidence": ["the app at 99 % of a core"],
}  # fmt: skip
COLUMNS, ROWS = 90, 24
Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def module() -> Iterator[ModuleType]:
    name = "callback_of_the_bench"
    spec = importlib.util.spec_from_file_location(name, ORIGINAL / "callback_plugins" / "bench.py")
    assert spec
    assert spec.loader
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[name] = loaded
    spec.loader.exec_module(loaded)
    yield loaded
    del sys.modules[name]


@pytest.fixture
def callback(module: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A callback in a log, that is: one whose thread does not run, since nobody has told it its options."""
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    monkeypatch.setenv("LINES", str(ROWS))
    monkeypatch.setattr(module, "ANSIBLE_COLOR", False)
    monkeypatch.chdir(tmp_path)
    return module.CallbackModule()


@pytest.fixture
def on_terminal(callback: Any) -> Any:
    callback.terminal = True
    return callback


class Result:
    """As much of a result as is looked at."""

    def __init__(self, said: dict[str, Any], action: str = "trial") -> None:
        self.result = said
        self.task = SimpleNamespace(action=action, get_name=lambda: "Measure trial by trial")
        self.host = SimpleNamespace(get_name=lambda: "server1")


def finished(spec: Any, **more: Any) -> Result:
    said = {"summary": SUMMARY, "told": [], "left_s": 61.0, "ansible_loop_var": "trial_spec"}
    return Result({**said, "trial_spec": spec.to_json(), **more})


def task(action: str) -> Any:
    return SimpleNamespace(action=action, _role=None, get_name=lambda: "Measure trial by trial")


def begin(callback: Any, folder: Path) -> None:
    """Let it hear of the run, and that its trials begin."""
    run = {"run_id": "20260101T000000Z-abcdef", "partial_dir": str(folder), "finished": 0, "remaining": [1, 2, 3]}
    callback.v2_runner_on_ok(Result({"ansible_facts": {"archive_run": run}}, "ansible.builtin.set_fact"))
    callback.v2_playbook_on_task_start(task("trial"), False)


def output(capfd: Captured) -> str:
    return capfd.readouterr().out


def test_a_log_has_one_line_a_trial(callback: Any, capfd: Captured, tmp_path: Path) -> None:
    begin(callback, tmp_path)
    for line in seconds(FIRST):
        append(tmp_path, line)
    callback.v2_runner_item_on_ok(finished(FIRST))
    callback.v2_runner_item_on_ok(Result({"summary": None, "ansible_loop_var": "trial_spec"}))
    callback.v2_runner_item_on_ok(finished(SECOND, told=["  block 1: ± 3 %"]))
    first, second, third = output(capfd).splitlines()
    assert first.startswith("  [1/6] ")
    assert first.endswith("limited by server-app (high): the app at 99 % of a core  1:01 left")
    assert second.startswith("  [2/6] ")
    assert third == "  block 1: ± 3 %"
    assert callback.finished_trials == 2


def test_with_v_there_is_a_line_a_trial_too(
    callback: Any, capfd: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: ModuleType
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(module.Default, "v2_runner_item_on_ok", lambda _self, result: seen.append(result))
    callback.plain = True
    result = finished(FIRST)
    callback.v2_runner_item_on_ok(result)
    assert seen == [result]
    assert output(capfd).startswith("  [1/6] ")


def test_plays_and_roles_of_which_nothing_is_asked_are_not_named(
    callback: Any, capfd: Captured, monkeypatch: pytest.MonkeyPatch, module: ModuleType
) -> None:
    """Where tags are given, Ansible still looks at what the roles of all plays are told."""
    monkeypatch.setattr(module, "NOTHING_S", 0.0)
    for name in ("Check the hosts", "Provision them", "Measure"):
        callback.v2_playbook_on_play_start(SimpleNamespace(get_name=lambda name=name: name))
        formal = task("ansible.builtin.validate_argument_spec")
        formal._role = SimpleNamespace(get_name=lambda: "preflight")
        callback.v2_playbook_on_task_start(formal, False)
        if name == "Check the hosts":
            formal.action = "ansible.builtin.command"
            callback.v2_playbook_on_task_start(formal, False)
        elif name == "Measure":
            callback.v2_runner_on_failed(Result({"msg": "no such variable"}, "ansible.builtin.validate_argument_spec"))
    shown = output(capfd).splitlines()
    assert [shown[0], shown[1].split()[0], shown[2]] == ["Check the hosts", "preflight", "Measure"]
    assert shown[3].startswith("error: no such variable")
    assert len(shown) == 4


def test_a_play_that_only_asks_is_named_where_the_answer_is_no(callback: Any, capfd: Captured) -> None:
    for action in ("ansible.builtin.assert", "ansible.builtin.include_role", "ansible.builtin.assert"):
        callback.v2_playbook_on_play_start(SimpleNamespace(get_name=lambda: "See that all are there"))
        own = task(action)
        own._role = None
        callback.v2_playbook_on_task_start(own, False)
    assert output(capfd) == ""
    callback.v2_runner_on_failed(Result({"msg": "one is not"}, "ansible.builtin.assert"))
    shown = output(capfd).splitlines()
    assert shown[0] == "See that all are there"
    assert shown[1].startswith("error: one is not")


def test_a_terminal_shows_the_seconds_and_keeps_the_finished(on_terminal: Any, capfd: Captured, tmp_path: Path) -> None:
    terminal = Terminal(COLUMNS, ROWS)
    begin(on_terminal, tmp_path)
    for spec in (FIRST, SECOND):
        for line in seconds(spec):
            append(tmp_path, line)
            assert on_terminal.screen.read()
            on_terminal._draw()
        terminal.feed(output(capfd))
        shown = terminal.lines()
        assert spec.cell.name in "".join(shown)
        assert sum("req/s" in line for line in shown) == spec.ordinal
        on_terminal.v2_runner_item_on_ok(finished(spec))
        terminal.feed(output(capfd))
    on_terminal.v2_playbook_on_stats(SimpleNamespace(processed={}))
    on_terminal.run = None
    on_terminal._last_words()
    terminal.feed(output(capfd))
    shown = terminal.lines()
    assert [line.strip()[:5] for line in shown if line.startswith("  [")] == ["[1/6]", "[2/6]"]
    assert not [line for line in shown if "▁" in line or "░" in line], "nothing of what was drawn is left"
    assert len([line for line in shown if line.startswith("      limited by server-app (high)")]) == 2


def test_an_interruption_leaves_what_was_said_and_how_to_go_on(
    on_terminal: Any, capfd: Captured, tmp_path: Path
) -> None:
    terminal = Terminal(1000, ROWS)
    begin(on_terminal, tmp_path)
    append(tmp_path, seconds(FIRST)[0])
    assert on_terminal.screen.read()
    on_terminal._draw()
    terminal.feed(output(capfd) + "^C[ERROR]: User interrupted execution\n")
    on_terminal._last_words()
    terminal.feed(output(capfd))
    first, *rest = terminal.lines()
    assert first == "^C[ERROR]: User interrupted execution"
    said = "".join(rest)
    assert said.startswith(f"not finished: 0 of 3 trials are kept in {tmp_path}")
    assert "script/bench -e resume=20260101T000000Z-abcdef" in said
    assert on_terminal.ended


def test_a_failed_trial_is_told_once_and_no_longer_drawn(on_terminal: Any, capfd: Captured, tmp_path: Path) -> None:
    terminal = Terminal(200, ROWS)
    begin(on_terminal, tmp_path)
    append(tmp_path, seconds(FIRST)[0])
    assert on_terminal.screen.read()
    on_terminal._draw()
    failure = Result({"msg": "no license \x1b[2Jtoday (server1): mend it, then go on with -e resume="})
    on_terminal.v2_runner_item_on_failed(failure)
    on_terminal.v2_runner_item_on_failed(failure)
    terminal.feed(output(capfd))
    [line] = terminal.lines()
    assert line.startswith("error: no license  [2Jtoday (server1): mend it, then go on with -e resume=20260101T000000Z")


def test_the_reason_is_said_at_the_end_unless_that_is_where_it_was_said(callback: Any, capfd: Captured) -> None:
    callback.v2_runner_item_on_failed(Result({"msg": "no license (server1): mend it"}))
    callback._last_words()
    assert output(capfd) == "error: no license (server1): mend it\n"
    callback._say("more")
    callback._last_words()
    assert output(capfd) == "more\nstopped: no license (server1): mend it\n"


def test_hosts_that_had_nothing_to_do_are_not_counted_up(callback: Any, capfd: Captured) -> None:
    counts = {"ok": 4, "changed": 1, "unreachable": 0, "failures": 0, "skipped": 2}
    stats = SimpleNamespace(
        processed={"server1": 1, "localhost": 1},
        summarize=lambda host: counts if host == "localhost" else {**dict.fromkeys(counts, 0), "skipped": 3},
    )
    callback.v2_playbook_on_stats(stats)
    assert output(capfd) == "localhost : ok=4 changed=1 unreachable=0 failed=0\n"


def test_tables_are_told_of_the_terminal(
    on_terminal: Any, module: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: Captured
) -> None:
    for name in (module.TABLES_COLUMNS, module.TABLES_COLOUR):
        monkeypatch.setenv(name, "")
    on_terminal.v2_playbook_on_play_start(SimpleNamespace(get_name=lambda: "Report"))
    assert os.environ["BENCH_COLUMNS"] == str(COLUMNS)
    assert os.environ["BENCH_COLOUR"] == ""
    monkeypatch.setattr(module, "ANSIBLE_COLOR", True)
    on_terminal.v2_playbook_on_play_start(SimpleNamespace(get_name=lambda: "Report"))
    assert os.environ["BENCH_COLOUR"] == "1"
    report = (ORIGINAL / "roles" / "archive" / "tasks" / "report.yml").read_text()
    assert "lookup('env', 'BENCH_COLUMNS')" in report
    assert "lookup('env', 'BENCH_COLOUR')" in report
    output(capfd)
    on_terminal.v2_runner_on_ok(Result({"msg": "a table   \n padded  "}, "ansible.builtin.debug"))
    assert output(capfd) == f"{CLEAR}a table\n padded\n"


def test_a_long_step_stays_in_its_row(on_terminal: Any, capfd: Captured) -> None:
    terminal = Terminal(COLUMNS, ROWS)
    for second in range(3):
        on_terminal._beat("Make " + "something long " * 20, on_terminal.play_began - second)
    terminal.feed(output(capfd))
    [line] = terminal.lines()
    assert len(line) < COLUMNS
    on_terminal._say("done")
    terminal.feed(output(capfd))
    assert terminal.lines() == ["done"]


def test_a_dumb_terminal_gets_a_log(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(isatty=lambda: True))
    for name, is_terminal in (("xterm", True), ("dumb", False), ("", False)):
        monkeypatch.setenv("TERM", name)
        assert module.CallbackModule().terminal is is_terminal


def test_no_colour_where_none_is_wanted(on_terminal: Any, capfd: Captured, tmp_path: Path) -> None:
    begin(on_terminal, tmp_path)
    append(tmp_path, seconds(FIRST)[1])
    assert on_terminal.screen.read()
    on_terminal._draw()
    text = output(capfd).replace(CLEAR, "")
    assert "\x1b[" in text, "it goes up to the first row"
    assert not [code for code in ("36m", "35m", "32m", "33m", "31m") if f"\x1b[{code}" in text]


def test_where_nothing_can_be_drawn_nothing_is(callback: Any, capfd: Captured, tmp_path: Path) -> None:
    begin(callback, tmp_path)
    assert callback.screen is None, "in a log"
    callback._draw()
    assert output(capfd) == ""
    assert (tmp_path / LIVE).exists() is False


FINDINGS = {
    "errors": ["no room (server1): make some", "port 6379 is taken (server1): end that"],
    "told": ["warning: it is slow (server1): set performance", "note: turbo is on (server1): see\x1b[2J"],
    "msg": "both",
}


def test_what_preflight_finds_is_told_line_by_line(callback: Any, capfd: Captured) -> None:
    callback.v2_runner_on_failed(Result({**FINDINGS, "failed": True}, "findings"))
    assert output(capfd).splitlines() == [
        "warning: it is slow (server1): set performance",
        "note: turbo is on (server1): see [2J",
        "error: no room (server1): make some",
        "error: port 6379 is taken (server1): end that",
    ]
    assert callback.errors == FINDINGS["errors"]


def test_warnings_of_a_host_that_will_do_are_told(callback: Any, capfd: Captured) -> None:
    callback.v2_runner_on_ok(Result({**FINDINGS, "errors": []}, "findings"))
    assert [line.split(":")[0] for line in output(capfd).splitlines()] == ["warning", "note"]
    callback.v2_runner_on_ok(Result({"told": ["block 1"]}, "another"))
    assert output(capfd) == "", "others tell in their own way"
