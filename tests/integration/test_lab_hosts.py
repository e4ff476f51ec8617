"""A lab from before to after: looked at, set up beside what serves there, measured, disturbed, left as it was.

The tests of this file are one story, in its order. The inventory is inventory/lab with other addresses, and its
second client in force.
"""

from __future__ import annotations

import json
import re
import time
from fnmatch import fnmatch
from functools import partial
from typing import Any

import pytest

from tests.support.bench import RUN, SMALL, collect, partial_run, until_load, write_plan
from tests.support.checkout import Checkout
from tests.support.fingerprint import Fingerprint, assert_same, differences, take_all
from tests.support.lab_hosts import INVENTORY, LAB_S, NAMES, LabHosts
from tests.support.lab_image import BUSY_PORT, REDIS_PORT, USER

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(2 * LAB_S)]

CLIENTS = 2
BENCH, SITE, DOWN = "bench.yml", "playbooks/site.yml", "playbooks/down.yml"
RESTORE = "playbooks/restore.yml"
NEEDS = ("-e", json.dumps({"bench_needs": ["database", "relay", "cpu-quota"]}))
# Few users and a generator that takes little: both clients may have to share a CPU of this machine.
CELL = {**SMALL["cells"][0], "generator": "locust-fast", "users": 4, "profile": "controlled"}
OURS = (
    "/opt", "/opt/bench*", "/etc/bench*", "/etc/systemd/system/*bench-*", "/etc/tmpfiles.d/bench.conf",
    "/var/lib/bench*",
    "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", f"/home/{USER}/.ansible*", "/root/.ansible*",
)  # fmt: skip
"""All that may be new on a machine that is set up: the prefix, users, units, and where Ansible puts what it carries."""
ASK = f"""
import socket

for port, words in (({REDIS_PORT}, b"PING\\r\\n"), ({BUSY_PORT}, b"GET / HTTP/1.0\\r\\n\\r\\n")):
    with socket.create_connection(("127.0.0.1", port), 5) as peer:
        peer.sendall(words)
        print(peer.recv(4096))
"""
"""What a client of both services that were there before does."""
ENDED_S = 45.0
"""Seconds after which a run has to have ended of which a machine is gone."""


@pytest.fixture(scope="module")
def before(lab: LabHosts) -> dict[str, Fingerprint]:
    """What each machine was before anything was done to it."""
    return fingerprints(lab)


def fingerprints(lab: LabHosts) -> dict[str, Fingerprint]:
    return take_all({name: partial(lab.on, name, timeout_s=120) for name in NAMES})


def others(lab: LabHosts) -> str:
    """Return the processes of what serves on the server for somebody else."""
    return lab.on("server1", "systemctl show --property=MainPID,ActiveEnterTimestampMonotonic redis-server somebodys")


def trials(checkout: Checkout) -> list[dict[str, Any]]:
    """Return the trials of the newest run."""
    found: list[dict[str, Any]] = collect(checkout, "show", "latest", "--json")["trials"]
    return found


def see_that_both_serve_on(lab: LabHosts) -> None:
    """Redis and the other service answer as they did."""
    said = lab.machines["server1"].run("python3 -", given=ASK)
    assert "+PONG" in said
    assert "HTTP/1.0 200" in said


def see_that_nobody_else_was_asked(lab: LabHosts) -> None:
    """The other Redis has heard of us only what these tests say to it."""
    said = lab.machines["server1"].run("python3 -", given=ASK.replace("PING", "INFO commandstats"))
    assert "cmdstat_ping" in said
    asked = set(re.findall(r"cmdstat_(\w+)", said))
    assert asked <= {"ping", "info"}, said


def test_the_machines_are_plain(lab: LabHosts, before: dict[str, Fingerprint]) -> None:
    for name in NAMES:
        assert not [path for path in before[name]["files"] if path.rsplit("/", 1)[-1].startswith("bench")]
        assert lab.on(name, f"id -nG {USER}").split() == [USER, "sudo"]
        assert "a password is required" in lab.on(name, f"su {USER} -c 'sudo -n true' 2>&1 || true")
    see_that_both_serve_on(lab)


def test_one_machine_is_of_another_distribution(lab: LabHosts) -> None:
    if lab.missing:
        pytest.skip(f"all have one distribution: {lab.missing}")
    assert len({lab.on(name, ". /etc/os-release; echo $VERSION_ID") for name in NAMES}) == 2


def test_to_look_at_them_changes_nothing(lab: LabHosts, lab_checkout: Checkout, before: dict[str, Fingerprint]) -> None:
    played = lab.play(lab_checkout, BENCH, "--tags", "preflight", *NEEDS)
    assert played.changed == 0
    assert {name for name in played.recap if played.recap[name].ok} >= set(NAMES)
    after = fingerprints(lab)
    for name in NAMES:
        assert_same(before[name], after[name])


def test_set_up_beside_what_serves_there(lab: LabHosts, lab_checkout: Checkout, before: dict[str, Fingerprint]) -> None:
    serving = others(lab)
    lab.play(lab_checkout, SITE, timeout_s=LAB_S)
    assert others(lab) == serving, "neither was started anew"
    see_that_both_serve_on(lab)
    assert "bench-redis" in lab.on("server1", "systemctl list-units --plain --no-legend 'bench-*'")
    assert "127.0.0.1:16379" in lab.on("server1", "ss -Hltn sport = :16379")
    after = fingerprints(lab)
    for name in NAMES:
        assert before[name]["packages"] == after[name]["packages"], "no package is changed, none has come"
        strange = [line for line in differences(before[name], after[name]) if not ours(line)]
        assert strange == []


def ours(line: str) -> bool:
    """Say whether a difference is one that the testbed makes: a file in its places, a unit or a user of its name."""
    kind, _, rest = line.partition(": ")
    name = rest.split(" ")[0]
    if kind == "files":
        return any(fnmatch(name, pattern) for pattern in OURS)
    return kind in ("units", "users", "groups") and name.startswith("bench")


@pytest.mark.alone
def test_measured_from_both_clients(lab: LabHosts, lab_checkout: Checkout) -> None:
    plan = write_plan(lab_checkout, cells=[CELL], window_s=3)
    played = lab.play(lab_checkout, RUN, "-e", f"plan={plan}", timeout_s=LAB_S)
    assert "Traceback" not in played.output
    assert "WARNING" not in played.output
    found = trials(lab_checkout)
    assert len(found) == 2
    for trial in found:
        assert trial["validity"] != "invalid", trial
        assert trial["failures"] == 0
        assert trial["requests"] > 50
        assert abs(trial["redis_gets"] - trial["requests"]) <= trial["users"]
    manifest = collect(lab_checkout, "show", "latest", "--json")["manifest"]
    assert manifest["inventory"] == "lab"
    for name in NAMES:
        assert name in str(manifest)
    assert lab_checkout.run("collect", "verify", "latest").exit_code == 0


def test_the_same_again_is_one_command_and_goes_on_where_machines_have_lost_their_power(
    lab: LabHosts, lab_checkout: Checkout
) -> None:
    """A machine that has booted again is the same one: to set it up anew changes nothing.

    A client is lost in the first trial, the server in the second; whoever booted again has its services as they were.
    What was measured is not asked here: others may be at work.
    """
    measured = runs(lab_checkout)[-1]
    lab.reboot("client1")
    said = cut_off(lab, lab_checkout, "client2", BENCH, f"rerun={measured}", at=1)
    run_id = partial_run(lab_checkout)
    assert run_id != measured
    assert measured in said
    set_up, began, _ = said.partition("\nBegin the run\n")
    assert began
    assert "\nStart the collectors\n" in set_up
    assert " changed " not in set_up
    assert "WARNING" not in set_up
    assert f"-e resume={run_id} -i {INVENTORY}" in said
    assert "--become-password-file" in said
    cut_off(lab, lab_checkout, "server1", RUN, f"resume={run_id}", at=2)
    see_that_both_serve_on(lab)
    assert partial_run(lab_checkout) == run_id
    played = lab_checkout.run(*command(lab, RUN, f"resume={run_id}"), timeout_s=LAB_S)
    assert "Traceback" not in played.output
    assert runs(lab_checkout)[-1] == run_id, played.output
    assert len(trials(lab_checkout)) == 2
    assert set(collect(lab_checkout, "show", "latest", "--json")["manifest"]["preflight"]) == set(NAMES)


def runs(checkout: Checkout) -> list[str]:
    """Return the runs that are sealed."""
    return [run["run_id"] for run in collect(checkout, "list", "--json")]


def command(lab: LabHosts, playbook: str, what: str) -> list[str]:
    """Return the command that measures."""
    given = ["-i", INVENTORY, f"--become-password-file={lab.password_file}", "-e", what]
    return ["ansible-playbook", playbook, *given]


def cut_off(lab: LabHosts, checkout: Checkout, victim: str, playbook: str, what: str, *, at: int) -> str:
    """Measure, let a machine lose its power in a trial and boot it again; return what is said of it."""
    with checkout.start(*command(lab, playbook, what)) as process:
        until_load(checkout, process, at)
        lab.pull_the_plug(victim)
        began = time.monotonic()
        said, _ = process.communicate(timeout=2 * ENDED_S)
    assert process.returncode != 0, said
    assert time.monotonic() - began < ENDED_S, "it was noticed, not waited for"
    lab.boot(victim)
    assert "Traceback" not in said
    assert f"({victim}" in said
    return said


def test_there_is_nothing_to_put_back(lab: LabHosts, lab_checkout: Checkout) -> None:
    assert lab.play(lab_checkout, RESTORE).changed == 0


def test_it_is_removed_and_the_machines_are_as_they_were(
    lab: LabHosts, lab_checkout: Checkout, before: dict[str, Fingerprint]
) -> None:
    see_that_nobody_else_was_asked(lab)
    lab.play(lab_checkout, DOWN)
    see_that_both_serve_on(lab)
    after = fingerprints(lab)
    for name in NAMES:
        assert_same(before[name], after[name])
    assert list((lab_checkout.path / "archive").glob("*Z-*/manifest.json")), "what was measured stays"
