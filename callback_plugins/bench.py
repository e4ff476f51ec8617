"""What a person sees of a playbook: a line per play and role, long steps with the time left, errors in one line.

Of a trial under way a terminal shows the seconds as live.jsonl tells of them; a log has one line a trial. With -v,
--check or --diff the output is Ansible's own, and a line a trial.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

from ansible import context
from ansible.executor.stats import AggregateStats
from ansible.plugins.callback.default import CallbackModule as Default
from ansible.utils.color import ANSIBLE_COLOR

from collect.live.durations import Durations
from collect.live.read import LIVE
from collect.live.screen import CLEAR, Screen
from collect.live.told import again, one_line
from collect.live.words import finished_line, printable

DOCUMENTATION = """
name: bench
type: stdout
short_description: What a person sees of the bench
description: A line per play and role, long steps with the time left, errors in one line.
extends_documentation_fragment: [default_callback, result_format_callback]
"""

STDOUT = 1
QUIET_ACTIONS = {"trial"}
FORMAL_ACTIONS = {"ansible.builtin.validate_argument_spec", "validate_argument_spec"}
"""What Ansible itself puts before a role that is imported, whatever the tags; it does nothing to a host."""
PLAYS_OWN = {"ansible.builtin.assert", "ansible.builtin.include_role"}
"""What does nothing to a host, either, where a play itself has it: a role that is taken in has steps of its own."""
FINDINGS = "findings"
"""The action that tells of a host all that was found, and as errors what forbids to go on."""
NOTHING_S = 0.2
"""A role that changed nothing and took less is not worth a line."""
HEARTBEAT_S = {True: 0.25, False: 15.0}
"""Seconds between two looks at what goes on: on a terminal, and in a log, where each is a line."""
PATIENCE_S = {True: 1.0, False: 15.0}
"""A step that takes no longer is not worth a sign of life, likewise."""
COLOURS = {"degraded": "yellow", "invalid": "red"}
TABLES_COLUMNS, TABLES_COLOUR = "BENCH_COLUMNS", "BENCH_COLOUR"
"""Variables of the environment by which roles/archive knows the terminal that its tables are printed on."""
DUMB = ("", "dumb")
"""Terminals that know no other way than onwards: what they get is a log."""


class CallbackModule(Default):  # type: ignore[misc]
    """Print plays, roles, trials and errors; leave the rest to those who ask for it."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "bench"

    def __init__(self) -> None:
        """Start with nothing seen."""
        super().__init__()
        self.terminal = sys.stdout.isatty() and os.environ.get("TERM", "") not in DUMB
        self.plain = False
        self.errors: list[str] = []
        self.run: dict[str, Any] | None = None
        self.finished_trials = 0
        self.counted = 0
        self.ended = False
        self.play_name, self.play_began, self.role = "", 0.0, ""
        self.play_named = False
        self.role_began, self.role_changed = 0.0, 0
        self.roles: dict[str, tuple[float, int]] = {}
        self.step: tuple[str, float] | None = None
        self.screen: Screen | None = None
        self.beat = self.last = ""
        self.durations = Durations(Path.cwd() / ".state" / "durations.json")

    def set_options(self, *args: Any, **kwargs: Any) -> None:
        """Decide whose output this is, once the command line is known."""
        super().set_options(*args, **kwargs)
        flags = context.CLIARGS
        self.plain = bool(flags.get("verbosity") or flags.get("check") or flags.get("diff"))
        if self.plain:
            self.terminal = False
        else:
            atexit.register(self._last_words)
            threading.Thread(target=self._heartbeat, daemon=True).start()

    def _say(self, text: str, color: str | None = None) -> None:
        self.last = text
        self._display.display((CLEAR if self.terminal else "") + text, color=color)
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        self._draw()

    def _draw(self) -> None:
        """Show the trial under way below what was said."""
        screen = self.screen
        if screen is not None:
            size = shutil.get_terminal_size()
            _write(screen.draw(size.columns, size.lines, colour=ANSIBLE_COLOR))

    def _heartbeat(self) -> None:
        """Show that a trial or a long step goes on; never by way of a lock, which a fork might keep held for ever."""
        while not self.ended:
            time.sleep(HEARTBEAT_S[self.terminal])
            screen, step = self.screen, self.step
            if screen is not None:
                with contextlib.suppress(OSError):
                    if screen.read():
                        self._draw()
            elif step is not None and time.monotonic() - step[1] >= PATIENCE_S[self.terminal]:
                self._beat(*step)

    def _beat(self, step: str, began: float) -> None:
        now = time.monotonic()
        left = self.durations.left(self.play_name, now - self.play_began)
        text = f"  … {step} ({now - began:.0f} s{left})"
        if text != self.beat:
            self.beat = text
            _write(CLEAR + text[: shutil.get_terminal_size().columns - 1] if self.terminal else text + "\n")

    def _close_roles(self) -> None:
        """Print a line for each role of the play, in the order of their first steps."""
        self._leave_role()
        for role, (duration_s, changed) in self.roles.items():
            if not changed and duration_s < NOTHING_S:
                continue
            self._say(f"  {role:<12} {f'{changed} changed' if changed else 'as it was':<12} {duration_s:5.1f} s")
        self.roles = {}

    def _leave_role(self) -> None:
        if self.role:
            duration_s, changed = self.roles.get(self.role, (0.0, 0))
            elapsed_s = time.monotonic() - self.role_began
            self.roles[self.role] = (duration_s + elapsed_s, changed + self.role_changed)
        self.role, self.role_changed = "", 0

    def _close_play(self) -> None:
        self._close_roles()
        if self.play_named:
            self.durations.keep(self.play_name, time.monotonic() - self.play_began)

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Note the play; its name is printed with its first step, as most plays have none where tags are given."""
        if self.plain:
            super().v2_playbook_on_play_start(play)
            return
        self._close_play()
        if self.terminal:  # what prints tables for it is told how they fit
            os.environ[TABLES_COLUMNS] = str(shutil.get_terminal_size().columns)
            os.environ[TABLES_COLOUR] = "1" if ANSIBLE_COLOR else ""
        self.play_name, self.play_began, self.play_named = play.get_name().strip(), time.monotonic(), False

    def _name_play(self) -> None:
        if self.play_name and not self.play_named:
            self.play_named = True
            self._say(self.play_name, color="bright blue")

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """Note the step under way; a new role closes the one before."""
        if self.plain:
            super().v2_playbook_on_task_start(task, is_conditional)
            return
        role = task._role.get_name() if task._role else ""
        self.screen = None
        if task.action in FORMAL_ACTIONS or (not role and task.action in PLAYS_OWN):
            return
        self._name_play()
        if task.action in QUIET_ACTIONS:
            self._close_roles()
            self.step = None
            if self.terminal and self.run:
                self.screen = Screen(Path(self.run["partial_dir"]) / LIVE, at_most=bool(self.run.get("at_most")))
            return
        if role != self.role:
            self._leave_role()
            self.role, self.role_began = role, time.monotonic()
        self.step = (task.get_name().strip(), time.monotonic())

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        """Note the handler under way."""
        self.v2_playbook_on_task_start(task, False)

    def v2_runner_on_ok(self, result: Any) -> None:
        """Count changes; show what a task says to the user."""
        if self.plain:
            super().v2_runner_on_ok(result)
            return
        said = result.result
        self.role_changed += bool(said.get("changed"))
        facts = said.get("ansible_facts") or {}
        if "archive_run" in facts:  # what is finished by now is counted in it
            self.run, self.counted = facts["archive_run"], self.finished_trials
        if "archive_entry" in facts:
            self.run = None  # sealed: nothing is left to go on with
        self._told(result)
        action = result.task.action
        if action in ("ansible.builtin.debug", "debug") and isinstance(said.get("msg"), str):
            self._close_roles()
            self._say("\n".join(line.rstrip() for line in said["msg"].split("\n")))

    def v2_runner_item_on_ok(self, result: Any) -> None:
        """Print a trial that is on record; else keep silent about items, the task's own result counts."""
        if self.plain:
            super().v2_runner_item_on_ok(result)
        said = result.result
        if result.task.action not in QUIET_ACTIONS or not (summary := said.get("summary")):
            return
        self.finished_trials += 1
        columns = shutil.get_terminal_size().columns if self.terminal else None
        spec = said[said["ansible_loop_var"]]
        line = finished_line(spec, summary, left_s=said.get("left_s"), columns=columns)
        self._say(line, color=COLOURS.get(summary["validity"]))
        for told in said.get("told") or ():
            self._say(told)

    def v2_runner_item_on_failed(self, result: Any) -> None:
        """Print the error of an item."""
        if self.plain:
            super().v2_runner_item_on_failed(result)
            return
        self._error(result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        """Keep silent about what was not needed."""
        if self.plain:
            super().v2_runner_on_skipped(result)

    def v2_runner_item_on_skipped(self, result: Any) -> None:
        """Keep silent about what was not needed."""
        if self.plain:
            super().v2_runner_item_on_skipped(result)

    def v2_runner_retry(self, result: Any) -> None:
        """Keep silent about waiting."""
        if self.plain:
            super().v2_runner_retry(result)

    def v2_playbook_on_include(self, included_file: Any) -> None:
        """Keep silent about files."""
        if self.plain:
            super().v2_playbook_on_include(included_file)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Print the error in one line."""
        if self.plain:
            super().v2_runner_on_failed(result, ignore_errors)
            return
        self._told(result)
        if not ignore_errors and not result.result.get("results"):
            self._error(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Print in one line why a host cannot be reached."""
        if self.plain:
            super().v2_runner_on_unreachable(result)
            return
        self._error(result, unreachable=True)

    def _error(self, result: Any, unreachable: bool = False) -> None:
        found = result.result.get("errors") if result.task.action == FINDINGS else None
        words = result.result, result.host.get_name(), result.task.get_name().strip(), unreachable
        for line in found or [one_line(*words)]:
            rest = again(self.run["run_id"], sys.argv[1:]) if self.run and line.endswith("-e resume=") else ""
            text, self.screen = printable(line + rest), None
            if text not in self.errors:
                self.errors.append(text)
                self._name_play()
                self._close_roles()
                self._say(f"error: {text}", color="red")

    def _told(self, result: Any) -> None:
        """Print what was found of a host and forbids nothing."""
        if result.task.action != FINDINGS:
            return
        for line in result.result.get("told") or ():
            self._close_roles()
            self._say(printable(line), color="yellow" if line.startswith("warning: ") else None)

    def v2_playbook_on_stats(self, stats: AggregateStats) -> None:
        """Print a line per host that had anything to do."""
        if self.plain:
            super().v2_playbook_on_stats(stats)
            return
        self.step = self.screen = None
        self._close_play()
        if self.finished_trials or self.errors:
            return
        for host in sorted(stats.processed):
            counts = stats.summarize(host)
            if not any(counts[name] for name in ("ok", "changed", "unreachable", "failures")):
                continue
            self._say(
                f"{host} : ok={counts['ok']} changed={counts['changed']} unreachable={counts['unreachable']}"
                f" failed={counts['failures']}"
            )

    def _last_words(self) -> None:
        """Say at the very end what went wrong and what to do, and what is kept; leave nothing half drawn."""
        self.ended, self.step, self.screen = True, None, None
        if self.terminal:
            _write(CLEAR)
        if self.run:
            done = self.finished_trials - self.counted
            kept, run = done + self.run.get("finished", 0), self.run["run_id"]
            total = kept + len(self.run["remaining"]) - done
            most = "at most " if self.run.get("at_most") else ""
            self._say(
                f"not finished: {kept} of {most}{total} trials are kept in {self.run['partial_dir']};"
                f" go on with: script/bench -e resume={again(run, sys.argv[1:])}"
            )
        if self.errors and self.last != f"error: {self.errors[0]}":
            self._say(f"stopped: {self.errors[0]}", color="red")


def _write(text: str) -> None:
    """Write to the terminal or log itself, past the locks of what Python keeps of it."""
    with contextlib.suppress(OSError):
        os.write(STDOUT, text.encode())
