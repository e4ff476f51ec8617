"""Two clients, and one of all hosts or workers is lost: it is named at once, and the run goes on where it was."""

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


def resume(checkout: Checkout) -> None:
    """Go on; both trials are there in the end, and the entry is whole."""
    run_id = partial_run(checkout)
    checkout.play(RUN, "-e", f"resume={run_id}", *TWO_CLIENTS)
    shown = collect(checkout, "show", run_id, "--json")
    assert [trial["ordinal"] for trial in shown["trials"]] == [1, 2]
    assert len(shown["manifest"]["failed_attempts"]) == 1
    assert all(set(trial["clients"]) == {"client1", "client2"} for trial in shown["manifest"]["trials"])
    assert checkout.run("collect", "verify", run_id).exit_code == 0


def told(played: Played) -> str:
    """Return the last line that was said; nothing may look like a crash."""
    assert "Traceback" not in played.output, played.output
    return played.output.strip().splitlines()[-1]


def last_second(checkout: Checkout) -> float:
    """Return when the newest run's load told of a second for the last time (unix seconds, of this machine)."""
    path = checkout.path / "archive" / f"{partial_run(checkout)}.partial" / "live.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return max(float(line["at"]) for line in lines if "phase" in line)


@pytest.mark.parametrize("how", ["KILL", "STOP"])
def test_a_worker_is_lost(two_clients: Checkout, how: str) -> None:
    """Killed by its pid; or it is there, and hangs."""
    pid = f"$(systemctl show --property MainPID --value {UNIT})"
    marks: list[float] = []

    def disturb(_: Popen[str]) -> None:
        marks.append(time.time())
        two_clients.on("client2", f"kill -{how} {pid}")

    played = interrupted(two_clients, disturb, extra=TWO_CLIENTS, cells=[CELL], window_s=12)
    run_id = partial_run(two_clients)
    line = told(played)
    for part in ("worker-2", "client2", f"resume={run_id}"):
        assert part in line, played.output
    assert last_second(two_clients) - marks[0] < NOTICED_S + 1, "the login to the host takes some of it"
    (failed,) = (two_clients.path / "archive" / f"{run_id}.partial" / "failed").glob("*/error.json")
    assert "worker-2" in json.loads(failed.read_text())["error"]
    for host in ("client1", "client2"):
        assert loads_running(two_clients, host) == ""
    resume(two_clients)


@pytest.mark.parametrize("host", ["client2", "client1", "server1"])
def test_a_host_loses_its_power(two_clients: Checkout, host: str) -> None:
    """A client with a worker, the one with the master, and the server."""

    def kill(_: Popen[str]) -> None:
        os.kill(two_clients.init(host), signal.SIGKILL)

    played = interrupted(two_clients, kill, extra=TWO_CLIENTS, cells=[CELL], window_s=12)
    run_id = partial_run(two_clients)
    line = told(played)
    for part in (host, f"resume={run_id}"):
        assert part in line, played.output
    (first,) = (two_clients.path / "archive" / f"{run_id}.partial" / "trials").glob("*/trial.json")
    before = first.read_bytes()
    for playbook in ("playbooks/hosts.yml", "playbooks/site.yml"):
        two_clients.play(playbook, *TWO_CLIENTS, timeout_s=SITE_S)
    assert first.read_bytes() == before
    resume(two_clients)
