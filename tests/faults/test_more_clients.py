"""Two clients, and one of all hosts or workers is lost: it is named at once, and the run goes on where it was.

All tests disturb one run at the same trial again and again: what is there already stays as it is.
"""

from __future__ import annotations

import json
import os
import signal
import time
from subprocess import Popen

import pytest

from tests.conftest import SITE_S, TWO_CLIENTS
from tests.support.bench import SMALL, Disturbed, loads_running
from tests.support.checkout import Checkout, Played

pytestmark = pytest.mark.hosts

BOTH, ONE = (
    {**SMALL["cells"][0], "generator": "locust-http-2"},
    {**SMALL["cells"][0], "generator": "locust-http", "variant": "starlette-uvicorn"},
)
"""Cells whose load both clients make, and the first alone."""
SEED = 6
"""With it both clients make the load of the first two trials, and one that of the third."""
UNIT = "bench-load@worker-2.service"
NOTICED_S = 2.0


@pytest.fixture(scope="module")
def run(two_clients: Checkout) -> Disturbed:
    return Disturbed(two_clients, *TWO_CLIENTS, cells=[BOTH, ONE], seed=SEED, window_s=5)


def told(played: Played) -> str:
    """Return the last line that was said; nothing may look like a crash."""
    assert "Traceback" not in played.output, played.output
    return played.output.strip().splitlines()[-1]


def last_second(run: Disturbed) -> float:
    """Return when the run's load told of a second for the last time (unix seconds, of this machine)."""
    lines = [json.loads(line) for line in (run.partial / "live.jsonl").read_text().splitlines()]
    return max(float(line["at"]) for line in lines if "phase" in line)


def named(run: Disturbed) -> int:
    """Return how many attempts were put aside because of that worker."""
    return len([error for error in run.errors() if "worker-2" in error])


@pytest.mark.parametrize("how", ["KILL", "STOP"])
def test_a_worker_is_lost(two_clients: Checkout, run: Disturbed, how: str) -> None:
    """Killed by its pid; then it is there, and hangs."""
    marks: list[float] = []
    before = named(run)

    def disturb(_: Popen[str]) -> None:
        marks.append(time.time())
        two_clients.on("client2", f"kill -{how} $(systemctl show --property MainPID --value {UNIT})")

    played = run.interrupt(disturb)
    line = told(played)
    for part in ("worker-2", "client2", f"resume={run.run_id}"):
        assert part in line, played.output
    assert last_second(run) - marks[0] < NOTICED_S + 1, "the login to the host takes some of it"
    assert named(run) == before + 1
    for host in ("client1", "client2"):
        assert loads_running(two_clients, host) == ""


@pytest.mark.parametrize(
    ("host", "at"),
    [
        pytest.param("client2", 2, id="a client with a worker"),
        pytest.param("client1", 2, id="the client with the master"),
        pytest.param("server1", 2, id="the server"),
        pytest.param("client1", 3, id="the client that makes the load alone"),
    ],
)
def test_a_host_loses_its_power(two_clients: Checkout, run: Disturbed, host: str, at: int) -> None:
    def kill(_: Popen[str]) -> None:
        os.kill(two_clients.init(host), signal.SIGKILL)

    before = run.measured()
    played = run.interrupt(kill, at)
    line = told(played)
    for part in ("does not answer", f"({host})", f"resume={run.run_id}"):
        assert part in line, played.output
    for playbook in ("playbooks/hosts.yml", "playbooks/site.yml"):
        two_clients.play(playbook, *TWO_CLIENTS, timeout_s=SITE_S)
    assert len(run.measured()) == at - 1
    assert before.items() <= run.measured().items()


def test_all_is_there_in_the_end(run: Disturbed) -> None:
    attempts = [*run.partial.glob("failed/*"), *run.partial.glob("trials/*.tmp")]
    shown = run.finish()
    assert [trial["ordinal"] for trial in shown["trials"]] == [1, 2, 3]
    assert len(shown["manifest"]["failed_attempts"]) == len(attempts) > 0
    assert all(set(trial["clients"]) == {"client1", "client2"} for trial in shown["manifest"]["trials"])
