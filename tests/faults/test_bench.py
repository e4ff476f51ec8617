"""Trouble while measuring, provoked for real: one line that says what, where and what to do; nothing lost.

Most tests disturb the same run, each where the one before has left it; the last go on with it to its end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen

import pytest

from tests.support.bench import INTERRUPTED_S, RUN, Disturbed, collect, loads_running, write_plan
from tests.support.checkout import Checkout

pytestmark = pytest.mark.hosts


def last_line(output: str) -> str:
    return output.strip().splitlines()[-1]


def assert_told(output: str, *parts: str) -> None:
    """The last line says it, and nothing looks like a crash."""
    for part in parts:
        assert part in last_line(output), output
    assert "Traceback" not in output, output


@pytest.fixture(scope="module")
def run(provisioned: Checkout) -> Disturbed:
    """The run of two trials that the tests disturb; its load is longer than it may go on after them."""
    return Disturbed(provisioned, window_s=8)


def test_interrupted_by_the_keyboard(provisioned: Checkout, run: Disturbed) -> None:
    def interrupt(process: Popen[str]) -> None:
        os.killpg(process.pid, signal.SIGINT)

    played = run.interrupt(interrupt)
    time.sleep(1.5)
    assert loads_running(provisioned) == ""
    assert_told(played.output, "1 of 2 trials are kept", f"resume={run.run_id}")


def test_the_control_node_is_killed(provisioned: Checkout, run: Disturbed) -> None:
    """kill -9 of ansible-playbook: its workers notice, the load stops, the next bench finds the lock free."""

    def kill(process: Popen[str]) -> None:
        process.send_signal(signal.SIGKILL)

    run.interrupt(kill)
    deadline = time.monotonic() + 5
    while loads_running(provisioned) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert loads_running(provisioned) == ""


def test_an_app_that_exits_at_its_start(provisioned: Checkout, run: Disturbed) -> None:
    serve = "/opt/bench/app/apps/serve.py"
    provisioned.on("server1", f"cp {serve} /root/kept; echo 'raise SystemExit(\"no license today\")' > {serve}")
    try:
        played = run.fail()
    finally:
        provisioned.on("server1", f"cp /root/kept {serve}")
    assert_told(played.output, "exited at its start", "no license today", "server1", "app.log")
    assert loads_running(provisioned) == ""
    assert len([error for error in run.errors() if "no license today" in error]) == 1


def test_a_port_that_is_taken(provisioned: Checkout, run: Disturbed) -> None:
    port = 20001 + len(run.measured())
    holder = f"systemd-run --quiet --collect --unit=holder python3 -m http.server {port} --bind 0.0.0.0"
    provisioned.on("server1", holder)
    time.sleep(0.5)
    try:
        played = run.fail()
    finally:
        provisioned.on("server1", "systemctl stop holder")
    assert_told(played.output, f"port {port} is taken by", "python3", "server1", "app_port_base")


def test_a_wrong_answer_ends_the_trial(provisioned: Checkout, run: Disturbed) -> None:
    redis = "REDISCLI_AUTH=$(cat /etc/bench/redis.password) /opt/bench/redis/bin/redis-cli"
    name = provisioned.on("server1", f"{redis} get name").strip()
    provisioned.on("server1", f"{redis} set name somebody-else")
    try:
        played = run.fail()
    finally:
        provisioned.on("server1", f"{redis} set name {name}")
    assert_told(played.output, "expected", name, "got", "somebody-else")


def test_two_benches_at_once_and_all_is_there_in_the_end(provisioned: Checkout, run: Disturbed) -> None:
    """The run is gone on with to its end: others are refused meanwhile, and what was disturbed has left no mark."""
    planned = [trial["trial_id"] for trial in collect(provisioned, "run", "status", run.run_id)["trials"]]
    assert len(run.measured()) == 1
    attempts = [*run.partial.glob("failed/*"), *run.partial.glob("trials/*.tmp")]

    def refused(first: Popen[str]) -> None:
        others = (RUN, "-e", f"plan={write_plan(provisioned)}"), ("playbooks/hosts.yml",), ("playbooks/site.yml",)
        for other in [provisioned.start("ansible-playbook", *words) for words in others]:
            told, _ = other.communicate(timeout=INTERRUPTED_S)
            assert other.returncode != 0, told
            assert_told(told, "another bench is running in this checkout", str(first.pid), "wait until it ends")

    shown = run.finish(refused)
    assert [trial["ordinal"] for trial in shown["trials"]] == [1, 2]
    assert [trial["trial_id"] for trial in shown["trials"]] == planned
    assert len(shown["manifest"]["failed_attempts"]) == len(attempts)
    sealed = provisioned.play("bench.yml", "-e", f"resume={run.run_id}", fails=True)
    assert_told(sealed.output, f"the run {run.run_id} is sealed")


def test_resume_of_an_unknown_run(checkout: Checkout) -> None:
    unknown = checkout.play("bench.yml", "-e", "resume=20200101T000000Z-abcdef", fails=True)
    assert_told(unknown.output, "there is no run", "20200101T000000Z-abcdef")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_too_small_is_found_before_the_first_trial(checkout: Checkout, small_disk: Path) -> None:
    played = checkout.play("bench.yml", "-e", f"archive_dir={small_disk}", fails=True)
    assert_told(played.output, str(small_disk), "free")
    assert "trial" not in played.output.lower().replace("trials", "")
    assert list(small_disk.iterdir()) == []


def test_an_archive_that_cannot_be_written(checkout: Checkout, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    played = checkout.play("bench.yml", "-e", f"archive_dir={tmp_path / 'file'}", fails=True)
    assert_told(played.output, str(tmp_path / "file"))
