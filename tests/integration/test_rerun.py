"""A run measured again on real hosts: as it was, refused where it cannot be, gone on with, and what it ends with."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.bench import INTERRUPTED_S, RUN, RUN_S, collect, measure, partial_run, until_load
from tests.support.checkout import Checkout, Played

BENCH_S = 600
# The first test has the hosts, a run and its repetition made before it.
pytestmark = [pytest.mark.hosts, pytest.mark.timeout(2 * BENCH_S)]

SETTING = "net.ipv4.tcp_fin_timeout"
PLAN: dict[str, Any] = {"blocks": 2, "window_s": 1}


def newest(checkout: Checkout) -> dict[str, Any]:
    """Return what the newest run says of itself."""
    found: dict[str, Any] = collect(checkout, "show", "latest", "--json")
    return found


def partials(checkout: Checkout) -> set[str]:
    return {path.name for path in (checkout.path / "archive").glob("*.partial")}


@pytest.fixture(scope="module")
def first(provisioned: Checkout) -> str:
    """The run that all of these tests measure again; 4 trials of a second each."""
    measure(provisioned, **PLAN)
    run_id: str = newest(provisioned)["manifest"]["run_id"]
    return run_id


@pytest.fixture(scope="module")
def again(provisioned: Checkout, first: str) -> Played:
    """The one command: hosts, software, measuring, report."""
    # What the plan says now is another matter.
    (provisioned.path / ".state" / "small.yml").unlink()
    return provisioned.play("bench.yml", "-e", f"rerun={first}", timeout_s=BENCH_S)


def test_it_is_measured_as_it_was(provisioned: Checkout, first: str, again: Played) -> None:
    assert f"measures {first} again" in again.output
    then = collect(provisioned, "show", first, "--json")
    now = newest(provisioned)
    assert now["manifest"]["run_id"] != first
    assert now["manifest"]["repeats"] == {"run_id": first, "asked": True, "despite": []}
    for key in ("plan", "catalog", "port_base", "locks"):
        assert now["manifest"][key] == then["manifest"][key], key
    assert [trial["trial_id"] for trial in now["trials"]] == [trial["trial_id"] for trial in then["trials"]]
    assert "variables" in now["manifest"]["sessions"][0]


def test_it_ends_with_one_answer(provisioned: Checkout, first: str, again: Played) -> None:
    told = newest(provisioned)
    data = told["repeats"]
    assert (data["run_id"], data["asked"]) == (first, True)
    assert data["verdict"] in ("same", "different", "unknown")
    assert data["changed"] == []
    assert len(data["cells"]) == 2
    # Behind the tables, where whoever has waited looks.
    assert again.output.index("archive  ") < again.output.index(f"Against {first}, which it repeats")
    assert "Under the same conditions" in again.output
    run_id = told["manifest"]["run_id"]
    archive = provisioned.path / "archive"
    assert f"Against {first}" in (archive / f"{run_id}.html").read_text()
    assert data["said"][0] in (archive / f"{run_id}.findings.md").read_text().replace("\\", "")
    compared = provisioned.run("collect", "compare", "latest")
    assert compared.exit_code == (1 if data["verdict"] == "different" else 0), compared.output
    assert data["said"][0] in compared.output


def test_the_same_plan_later_is_held_against_the_newest(provisioned: Checkout, again: Played) -> None:
    before = newest(provisioned)["manifest"]["run_id"]
    measure(provisioned, **PLAN)
    assert newest(provisioned)["manifest"]["repeats"] == {"run_id": before, "asked": False, "despite": []}
    report = provisioned.play("playbooks/report.yml")
    assert f"Against {before}, the run of this plan and these hosts before it" in report.output


@pytest.fixture
def other_setting(provisioned: Checkout) -> Iterator[str]:
    """Another kernel setting on the server, for as long as a test takes."""
    was = provisioned.on("server1", f"cat /proc/sys/{SETTING.replace('.', '/')}").strip()
    path = f"/proc/sys/{SETTING.replace('.', '/')}"
    provisioned.on("server1", f"echo 31 > {path}")
    yield f"sysctl.{SETTING} of server): {was} / 31"
    provisioned.on("server1", f"echo {was} > {path}")


def test_other_hosts_are_refused_by_name_and_leave_nothing_or_are_allowed_once_for_all_sessions(
    provisioned: Checkout, first: str, other_setting: str
) -> None:
    before = partials(provisioned)
    refused = provisioned.play(RUN, "-e", f"rerun={first}", fails=True)
    assert refused.exit_code == 2
    last = refused.output.strip().splitlines()[-1]
    assert other_setting in last
    assert last.endswith("-e rerun_despite=sysctl")
    assert partials(provisioned) == before
    with provisioned.start("ansible-playbook", RUN, "-e", f"rerun={first}", "-e", "rerun_despite=sysctl") as process:
        until_load(provisioned, process, at=2)
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=INTERRUPTED_S)
    assert f"allowed to differ: kernel settings ({other_setting}" in said
    run_id = partial_run(provisioned)
    assert f"-e resume={run_id}" in said
    assert "rerun=" not in said.strip().splitlines()[-1]
    time.sleep(1.5)
    provisioned.play(RUN, "-e", f"resume={run_id}", timeout_s=RUN_S)
    told = newest(provisioned)
    manifest = told["manifest"]
    assert (manifest["run_id"], len(manifest["sessions"])) == (run_id, 2)
    assert manifest["repeats"] == {"run_id": first, "asked": True, "despite": ["sysctl"]}
    assert any(other_setting in line for line in told["repeats"]["changed"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("-e", "plan=quick"), "plan and rerun are both given (rerun): leave plan= away"),
        (("-e", "precision=0.1"), "leave precision= away"),
        (("-e", "app_port_base=21000"), "app_port_base was 20000 then, and is 21000 now"),
        (("-e", "local_clients=2"), "the run had 1 client, the inventory has 2 clients"),
        (("-e", "rerun_despite=kernle"), 'did you mean "kernel"?'),
        (("-i", "inventory/lab"), "the run is of the inventory local, not lab"),
        (("-e", "rerun=20250101T000000Z-000000"), 'there is no run "20250101T000000Z-000000"'),
        (("-e", "resume=20250101T000000Z-000000"), "resume and rerun are both given"),
    ],
)
def test_bad_input_is_told_in_the_last_line(
    provisioned: Checkout, first: str, given: tuple[str, ...], said: str
) -> None:
    before = partials(provisioned)
    told = provisioned.play("bench.yml", "-e", f"rerun={first}", *given, fails=True)
    assert said in told.output.strip().splitlines()[-1], told.output
    assert "Traceback" not in told.output
    assert partials(provisioned) == before
