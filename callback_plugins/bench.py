"""What a person sees of a playbook: a line per play and role, long steps with the time left, errors in one line.

With -v, --check or --diff the output is Ansible's own.
"""

from __future__ import annotations

import atexit
import json
import os
import shlex
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible import context
from ansible.executor.stats import AggregateStats
from ansible.plugins.callback.default import CallbackModule as Default

DOCUMENTATION = """
name: bench
type: stdout
short_description: What a person sees of the bench
description: A line per play and role, long steps with the time left, errors in one line.
extends_documentation_fragment: [default_callback, result_format_callback]
"""

LINE_START = "\r\x1b[K"
QUIET_ACTIONS = {"trial"}
NOTHING_S = 0.2
"""A role that changed nothing and took less is not worth a line."""
HEARTBEAT_S = {True: 1.0, False: 15.0}
"""Seconds between two signs of life of a long step: on a terminal, and in a log."""


class CallbackModule(Default):  # type: ignore[misc]
    """Print plays, roles and errors; leave the rest to those who ask for it."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "bench"

    def __init__(self) -> None:
        """Start with nothing seen."""
        super().__init__()
        self.terminal = sys.stdout.isatty()
        self.errors: list[str] = []
        self.run: dict[str, Any] | None = None
        self.finished_trials = 0
        self.counted = 0
        self.ended = False
        self.play_name, self.play_began, self.role = "", 0.0, ""
        self.role_began, self.role_changed = 0.0, 0
        self.roles: dict[str, tuple[float, int]] = {}
        self.step: tuple[str, float] | None = None
        self.durations = Durations(Path.cwd() / ".state" / "durations.json")

    def set_options(self, *args: Any, **kwargs: Any) -> None:
        """Decide whose output this is, once the command line is known."""
        super().set_options(*args, **kwargs)
        flags = context.CLIARGS
        self.plain = bool(flags.get("verbosity") or flags.get("check") or flags.get("diff"))
        if not self.plain:
            atexit.register(self._last_words)
            threading.Thread(target=self._heartbeat, daemon=True).start()

    def _say(self, text: str, color: str | None = None) -> None:
        self._display.display((LINE_START if self.terminal else "") + text, color=color)

    def _heartbeat(self) -> None:
        """Show that a long step goes on. Writes to the descriptor itself: a lock held at a fork would stay held."""
        pause = HEARTBEAT_S[self.terminal]
        while not self.ended:
            time.sleep(pause)
            step = self.step
            if step is None or time.monotonic() - step[1] < pause:
                continue
            left = self.durations.left(self.play_name, time.monotonic() - self.play_began)
            text = f"  … {step[0]} ({time.monotonic() - step[1]:.0f} s{left})"
            os.write(1, (LINE_START + text if self.terminal else text + "\n").encode())

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
        if self.play_name:
            self.durations.keep(self.play_name, time.monotonic() - self.play_began)

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Print the play's name."""
        if self.plain:
            super().v2_playbook_on_play_start(play)
            return
        self._close_play()
        self.play_name, self.play_began = play.get_name().strip(), time.monotonic()
        self._say(self.play_name, color="bright blue")

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """Note the step under way; a new role closes the one before."""
        if self.plain:
            super().v2_playbook_on_task_start(task, is_conditional)
            return
        role = task._role.get_name() if task._role else ""
        if task.action in QUIET_ACTIONS:
            self._close_roles()
            self.step = None
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
        said = _result(result)
        self.role_changed += bool(said.get("changed"))
        facts = said.get("ansible_facts") or {}
        if "archive_run" in facts:  # what is finished by now is counted in it
            self.run, self.counted = facts["archive_run"], self.finished_trials
        if "archive_entry" in facts:
            self.run = None  # sealed: nothing is left to go on with
        action = _task(result).action
        if action in ("ansible.builtin.debug", "debug") and isinstance(said.get("msg"), str):
            self._close_roles()
            self._say(said["msg"])

    def v2_runner_item_on_ok(self, result: Any) -> None:
        """Count trials; else keep silent about items, the task's own result counts."""
        if self.plain:
            super().v2_runner_item_on_ok(result)
            return
        self.finished_trials += bool(_task(result).action in QUIET_ACTIONS and _result(result).get("summary"))

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
        if not ignore_errors and not _result(result).get("results"):
            self._error(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Print in one line why a host cannot be reached."""
        if self.plain:
            super().v2_runner_on_unreachable(result)
            return
        self._error(result, unreachable=True)

    def _error(self, result: Any, unreachable: bool = False) -> None:
        host = result._host.get_name() if hasattr(result, "_host") else result.host.get_name()
        text = one_line(_result(result), host, _task(result).get_name().strip(), unreachable)
        if self.run and text.endswith("-e resume="):
            text += again(self.run["run_id"])
        if text not in self.errors:
            self.errors.append(text)
            self._close_roles()
            self._say(f"error: {text}", color="red")

    def v2_playbook_on_stats(self, stats: AggregateStats) -> None:
        """Print a line per host."""
        if self.plain:
            super().v2_playbook_on_stats(stats)
            return
        self._close_play()
        self.step = None
        if self.finished_trials or self.errors:
            return
        for host in sorted(stats.processed):
            counts = stats.summarize(host)
            self._say(
                f"{host} : ok={counts['ok']} changed={counts['changed']} unreachable={counts['unreachable']}"
                f" failed={counts['failures']}"
            )

    def _last_words(self) -> None:
        """Say at the very end what went wrong and what to do, and what is kept."""
        self.ended = True
        if self.run:
            done = self.finished_trials - self.counted
            kept, run = done + self.run.get("finished", 0), self.run["run_id"]
            total = kept + len(self.run["remaining"]) - done
            most = "at most " if self.run.get("at_most") else ""
            self._say(
                f"not finished: {kept} of {most}{total} trials are kept in {self.run['partial_dir']};"
                f" go on with: script/bench -e resume={again(run)}"
            )
        if self.errors:
            self._say(f"stopped: {self.errors[0]}", color="red")


def again(run_id: str) -> str:
    """Return the rest of the command line that goes on with a run: its id, and this one's inventory and variables."""
    words, given = [run_id], iter(sys.argv[1:])
    for word in given:
        if word in ("-e", "--extra-vars", "-i", "--inventory"):
            value = next(given, "")
            if not value.startswith(("plan=", "resume=")):
                words += [word, value]
    return shlex.join(words)


class Durations:
    """How long each play took the last time: what the time left is guessed from."""

    def __init__(self, path: Path) -> None:
        """Read what is known."""
        self.path = path
        try:
            self.known: dict[str, float] = json.loads(path.read_text())
        except (OSError, ValueError):
            self.known = {}

    def left(self, play: str, elapsed_s: float) -> str:
        """Return the time left of a play in words, or nothing where nothing is known."""
        left_s = self.known.get(play, 0) - elapsed_s
        return f", about {left_s:.0f} s left in this phase" if left_s > 1 else ""

    def keep(self, play: str, duration_s: float) -> None:
        """Keep how long a play took."""
        if abs(duration_s - self.known.get(play, 0)) > 1:
            self.known[play] = round(duration_s, 1)
            try:
                self.path.parent.mkdir(exist_ok=True)
                self.path.write_text(json.dumps(self.known))
            except OSError:
                return


def _result(result: Any) -> dict[str, Any]:
    value: dict[str, Any] = result.result if hasattr(result, "result") else result._result
    return value


def _task(result: Any) -> Any:
    return result.task if hasattr(result, "task") else result._task


REMEDIES: tuple[tuple[Callable[[str], bool], str, str], ...] = (
    (
        lambda said: "REMOTE HOST IDENTIFICATION HAS CHANGED" in said or "Host key verification failed" in said,
        "its SSH host key is not the one in known_hosts",
        "if the host was set up anew, put its new key there (local hosts: run playbooks/down.yml first);"
        " else find out who answers",
    ),
    (
        lambda said: "Permission denied" in said,
        "it refuses the SSH key",
        "put the public key into authorized_keys of its user, or name another by ansible_ssh_private_key_file",
    ),
    (
        lambda said: "not-made-yet.invalid" in said,
        "the host is not made yet",
        "run ansible-playbook playbooks/hosts.yml first",
    ),
    (
        lambda said: "Could not resolve hostname" in said,
        "its name does not resolve",
        "mend ansible_host in the inventory",
    ),
)


def one_line(said: dict[str, Any], host: str, task: str, unreachable: bool) -> str:
    """Return an error as ``what (where): what to do``."""
    message = " ".join(str(said.get("msg") or said.get("exception") or "failed").split())
    if unreachable:
        for matches, what, remedy in REMEDIES:
            if matches(message):
                return f"{what} ({host}): {remedy}"
        return (
            f"the host does not answer: {message.split(': ', 1)[-1]} ({host}): see that it is up"
            " (ansible-playbook playbooks/hosts.yml boots local hosts) and that ansible_host is right"
        )
    for line in reversed(str(said.get("stderr") or "").splitlines()):
        if line.startswith("error: "):
            return line.removeprefix("error: ")
    if "non-zero return code" in message and said.get("stderr"):
        message = str(said["stderr"]).strip().splitlines()[-1]
    return message if "): " in message else f"{message} ({host}, at '{task}'): run it again with -v to see more"
