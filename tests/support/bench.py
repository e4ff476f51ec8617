"""Small benches for tests: plans of seconds, runs that are disturbed at the right moment."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen
from typing import Any

import yaml

from collect.live.lines import RAMP, WARMUP, WINDOW
from collect.live.read import LIVE, follow
from tests.support.checkout import Checkout, Played

RUN = "playbooks/run.yml"
RUN_S = 300
"""Seconds that a small plan may take where others want the machine, too."""
INTERRUPTED_S = 120
"""Seconds within which a run that is disturbed must have ended, where others want the machine, too."""
SMALL: dict[str, Any] = {
    "description": "seconds only, for tests",
    "blocks": 1,
    "seed": 7,
    "ramp_s": 0,
    "warmup_s": 0.5,
    "window_s": 2,
    "cells": [
        {
            "variant": ["flask-werkzeug", "starlette-uvicorn"],
            "workload": "redis",
            "generator": "locust-http",
            "users": 10,
            "profile": "article",
        }
    ],
}


def write_plan(checkout: Checkout, **changes: Any) -> Path:
    """Write a small plan into the checkout and return its path."""
    path = checkout.path / ".state" / "small.yml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump({**SMALL, **changes}))
    return path


def measure(checkout: Checkout, *arguments: str, fails: bool = False, **changes: Any) -> Played:
    """Measure a small plan on hosts that are there."""
    plan = write_plan(checkout, **changes)
    return checkout.play(RUN, "-e", f"plan={plan}", *arguments, timeout_s=RUN_S, fails=fails)


class Disturbed:
    """A run that is disturbed again and again: each session goes on with it where the one before had to end."""

    def __init__(self, checkout: Checkout, *extra: str, **plan: Any) -> None:
        """Begin nothing yet. ``extra``: more options of ansible-playbook; ``plan``: in what the small plan differs."""
        self.checkout, self.extra, self.plan = checkout, extra, plan
        self.run_id = ""

    @property
    def command(self) -> list[str]:
        """What begins it, or goes on with it."""
        what = f"resume={self.run_id}" if self.run_id else f"plan={write_plan(self.checkout, **self.plan)}"
        return ["ansible-playbook", RUN, "-e", what, *self.extra]

    @property
    def partial(self) -> Path:
        """Its folder, as long as it is under way."""
        return self.checkout.path / "archive" / f"{self.run_id}.partial"

    def interrupt(self, disturb: Callable[[Popen[str]], None], at: int | str = 2) -> Played:
        """Call ``disturb`` in the middle of a trial (see ``until_load``), which must end the session."""
        with self.checkout.start(*self.command) as process:
            until_load(self.checkout, process, at)
            disturb(process)
            said, _ = process.communicate(timeout=INTERRUPTED_S)
        return self._ended(Played(process.returncode, said))

    def fail(self) -> Played:
        """Measure where something is in the way, which must end the session."""
        return self._ended(self.checkout.run(*self.command, timeout_s=RUN_S))

    def _ended(self, played: Played) -> Played:
        assert played.exit_code != 0, played.output
        self.run_id = partial_run(self.checkout)
        return played

    def finish(self, meanwhile: Callable[[Popen[str]], None] | None = None, at: int | str = 2) -> dict[str, Any]:
        """Go on to its end, calling ``meanwhile`` in the middle of a trial; return what is shown of it, verified."""
        with self.checkout.start(*self.command) as process:
            if meanwhile is not None:
                until_load(self.checkout, process, at)
                meanwhile(process)
            said, _ = process.communicate(timeout=RUN_S)
        assert process.returncode == 0, said
        assert self.checkout.run("collect", "verify", self.run_id).exit_code == 0
        shown: dict[str, Any] = collect(self.checkout, "show", self.run_id, "--json")
        return shown

    def measured(self) -> dict[str, bytes]:
        """Return the records of the trials that are there already."""
        return {path.parent.name: path.read_bytes() for path in self.partial.glob("trials/*/trial.json")}

    def errors(self) -> list[str]:
        """Return why each attempt that was put aside has failed."""
        return [json.loads(path.read_text())["error"] for path in self.partial.glob("failed/*/error.json")]


def interrupted(checkout: Checkout, disturb: Callable[[Popen[str]], None], at: int | str = 2, **changes: Any) -> Played:
    """Measure a small plan and call ``disturb`` in the middle of a trial (see ``until_load``)."""
    return Disturbed(checkout, **changes).interrupt(disturb, at)


def until_load(checkout: Checkout, process: Popen[str], at: int | str = 1) -> None:
    """Wait for a second of load of the ``at``-th trial, or of the first one of that kind (such as probe)."""
    began = time.time()
    while time.time() - began < RUN_S:
        for path in (checkout.path / "archive").glob(f"*.partial/{LIVE}"):
            lines, _ = follow(path, 0)
            if any(line["at"] >= began and _fits(line, at) for line in lines):
                return
        if process.poll() is not None:
            raise AssertionError(f"it has ended before: {process.communicate()[0]}")
        time.sleep(0.1)
    raise AssertionError(f"no load within {RUN_S} s")


def _fits(line: dict[str, Any], at: int | str) -> bool:
    which = line.get("ordinal") if isinstance(at, int) else line.get("trial_kind")
    return line.get("phase") in (RAMP, WARMUP, WINDOW) and which == at


def partial_run(checkout: Checkout) -> str:
    """Return the id of the newest run under way."""
    return max(path.name for path in (checkout.path / "archive").glob("*.partial")).removesuffix(".partial")


def collect(checkout: Checkout, *arguments: str) -> Any:
    """Return what a collect command says as JSON; it must end well."""
    played = checkout.run("collect", *arguments)
    assert played.exit_code == 0, played.output
    return json.loads(played.output)


def loads_running(checkout: Checkout, host: str = "client1") -> str:
    """Return the generator's processes on a client, if any."""
    return checkout.on(host, "systemctl list-units --plain --no-legend --state=active 'bench-load@*'").strip()
