"""Two clients, and one of all hosts or workers is lost: it is named at once, and the run goes on where it was.

Each test is one run that is disturbed at the same trial again and again: what is there already stays as it is.
"""

from __future__ import annotations

import json
import os
import signal
import time
from subprocess import Popen

import pytest

from tests.conftest import SITE_S, TWO_CLIENTS
from tests.support.bench import RUN, collect, interrupted, loads_running, partial_run
from tests.support.checkout import Checkout, Played

pytestmark = pytest.mark.hosts

CELL = {
    "variant": ["flask-werkzeug", "starlette-uvicorn"],
    "workload": "redis",
    "generator": "locust-http-2",
    "users": 10,
    "profile": "article",
}
UNIT = "bench-load@worker-2.service"
NOTICED_S = 2.0


def resume(checkout: Checkout, run_id: str, failed: int) -> None:
    """Go on; both trials are there in the end, and the entry is whole."""
    checkout.play(RUN, "-e", f"resume={run_id}", *TWO_CLIENTS)
    shown = collect(checkout, "show", run_id, "--json")
    assert [trial["ordinal"] for trial in shown["trials"]] == [1, 2]
    assert len(shown["manifest"]["failed_attempts"]) == failed
    assert all(set(trial["clients"]) == {"client1", "client2"} for trial in shown["manifest"]["trials"])
    assert checkout.run("collect", "verify", run_id).exit_code == 0


def told(played: Played) -> str:
    """Return the last line that was said; nothing may look like a crash."""
    assert "Traceback" not in played.output, played.output
    return played.output.strip().splitlines()[-1]


def last_second(checkout: Checkout, run_id: str) -> float:
    """Return when the run's load told of a second for the last time (unix seconds, of this machine)."""
    path = checkout.path / "archive" / f"{run_id}.partial" / "live.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return max(float(line["at"]) for line in lines if "phase" in line)


def test_a_worker_is_lost(two_clients: Checkout) -> None:
    """Killed by its pid; then it is there, and hangs."""
    pid = f"$(systemctl show --property MainPID --value {UNIT})"
    run_id = None
    for times, how in enumerate(("KILL", "STOP"), 1):
        marks: list[float] = []

        def disturb(_: Popen[str], how: str = how, marks: list[float] = marks) -> None:
            marks.append(time.time())
            two_clients.on("client2", f"kill -{how} {pid}")

        played = interrupted(two_clients, disturb, extra=TWO_CLIENTS, resume=run_id, cells=[CELL], window_s=8)
        run_id = partial_run(two_clients)
        line = told(played)
        for part in ("worker-2", "client2", f"resume={run_id}"):
            assert part in line, played.output
        assert last_second(two_clients, run_id) - marks[0] < NOTICED_S + 1, "the login to the host takes some of it"
        errors = [*(two_clients.path / "archive" / f"{run_id}.partial" / "failed").glob("*/error.json")]
        assert len(errors) == times
        assert all("worker-2" in json.loads(path.read_text())["error"] for path in errors)
        for host in ("client1", "client2"):
            assert loads_running(two_clients, host) == ""
    assert run_id is not None
    resume(two_clients, run_id, failed=2)


@pytest.mark.timeout(1200)
def test_a_host_loses_its_power(two_clients: Checkout) -> None:
    """A client with a worker, then the one with the master, then the server."""
    run_id, before = None, b""
    for host in ("client2", "client1", "server1"):

        def kill(_: Popen[str], host: str = host) -> None:
            os.kill(two_clients.init(host), signal.SIGKILL)

        played = interrupted(two_clients, kill, extra=TWO_CLIENTS, resume=run_id, cells=[CELL], window_s=8)
        run_id = partial_run(two_clients)
        line = told(played)
        for part in (host, f"resume={run_id}"):
            assert part in line, played.output
        (first,) = (two_clients.path / "archive" / f"{run_id}.partial" / "trials").glob("*/trial.json")
        before = before or first.read_bytes()
        assert first.read_bytes() == before
        for playbook in ("playbooks/hosts.yml", "playbooks/site.yml"):
            two_clients.play(playbook, *TWO_CLIENTS, timeout_s=SITE_S)
    assert run_id is not None
    resume(two_clients, run_id, failed=3)
