"""Trouble while measuring, provoked for real: one line that says what, where and what to do; nothing lost."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen

import pytest

from tests.support.bench import (
    RUN,
    collect,
    interrupted,
    loads_running,
    measure,
    partial_run,
    until_load,
    write_plan,
)
from tests.support.checkout import Checkout

pytestmark = pytest.mark.hosts


def last_line(output: str) -> str:
    return output.strip().splitlines()[-1]


def assert_told(output: str, *parts: str) -> None:
    """The last line says it, and nothing looks like a crash."""
    for part in parts:
        assert part in last_line(output), output
    assert "Traceback" not in output, output


def resume(checkout: Checkout) -> str:
    run_id = partial_run(checkout)
    checkout.play(RUN, "-e", f"resume={run_id}")
    trials = collect(checkout, "show", run_id, "--json")["trials"]
    assert [trial["ordinal"] for trial in trials] == [1, 2]
    assert checkout.run("collect", "verify", run_id).exit_code == 0
    return run_id


def test_interrupted_by_the_keyboard(provisioned: Checkout) -> None:
    def interrupt(process: Popen[str]) -> None:
        os.killpg(process.pid, signal.SIGINT)

    played = interrupted(provisioned, interrupt, window_s=5)
    time.sleep(1.5)
    assert loads_running(provisioned) == ""
    assert_told(played.output, "1 of 2 trials are kept", f"resume={partial_run(provisioned)}")
    first = collect(provisioned, "run", "status", partial_run(provisioned))
    run_id = resume(provisioned)
    order = [trial["trial_id"] for trial in first["trials"]]
    measured = [trial["trial_id"] for trial in collect(provisioned, "show", run_id, "--json")["trials"]]
    assert measured == order


def test_the_control_node_is_killed(provisioned: Checkout) -> None:
    """kill -9 of ansible-playbook: its workers notice, the load stops, the next bench finds the lock free."""

    def kill(process: Popen[str]) -> None:
        process.send_signal(signal.SIGKILL)

    interrupted(provisioned, kill, window_s=8)
    deadline = time.monotonic() + 5
    while loads_running(provisioned) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert loads_running(provisioned) == ""
    resume(provisioned)


@pytest.mark.parametrize("host", ["client1", "server1"])
def test_a_host_dies_in_the_middle_of_a_trial(provisioned: Checkout, host: str) -> None:
    def kill(_: Popen[str]) -> None:
        os.kill(provisioned.init(host), signal.SIGKILL)

    played = interrupted(provisioned, kill, window_s=12)
    run_id = partial_run(provisioned)
    assert_told(played.output, "does not answer", f"({host})", f"resume={run_id}")
    [first] = (provisioned.path / "archive" / f"{run_id}.partial" / "trials").glob("*/trial.json")
    before = first.read_bytes()
    provisioned.play("playbooks/hosts.yml")
    provisioned.play("playbooks/site.yml")
    assert first.read_bytes() == before
    resume(provisioned)


def test_an_app_that_exits_at_its_start(provisioned: Checkout) -> None:
    serve = "/opt/bench/app/apps/serve.py"
    provisioned.on("server1", f"cp {serve} /root/kept; echo 'raise SystemExit(\"no license today\")' > {serve}")
    try:
        played = measure(provisioned, fails=True)
    finally:
        provisioned.on("server1", f"cp /root/kept {serve}")
    assert_told(played.output, "exited at its start", "no license today", "server1", "app.log")
    assert loads_running(provisioned) == ""
    failed = provisioned.path / "archive" / f"{partial_run(provisioned)}.partial" / "failed"
    assert len(list(failed.iterdir())) == 1
    resume(provisioned)


def test_a_port_that_is_taken(provisioned: Checkout) -> None:
    holder = "systemd-run --quiet --collect --unit=holder python3 -m http.server 20001 --bind 0.0.0.0"
    provisioned.on("server1", holder)
    time.sleep(0.5)
    try:
        played = measure(provisioned, fails=True)
    finally:
        provisioned.on("server1", "systemctl stop holder")
    assert_told(played.output, "port 20001 is taken by", "python3", "server1", "app_port_base")
    resume(provisioned)


def test_a_wrong_answer_ends_the_trial(provisioned: Checkout) -> None:
    redis = "REDISCLI_AUTH=$(cat /etc/bench/redis.password) /opt/bench/redis/bin/redis-cli"
    name = provisioned.on("server1", f"{redis} get name").strip()
    provisioned.on("server1", f"{redis} set name somebody-else")
    try:
        played = measure(provisioned, fails=True)
    finally:
        provisioned.on("server1", f"{redis} set name {name}")
    assert_told(played.output, "expected", name, "got", "somebody-else")
    resume(provisioned)


def test_two_benches_at_once(provisioned: Checkout) -> None:
    plan = write_plan(provisioned, window_s=12)
    with provisioned.start("ansible-playbook", RUN, "-e", f"plan={plan}") as first:
        until_load(provisioned, first)
        second = provisioned.play(RUN, "-e", f"plan={plan}", fails=True)
        assert_told(second.output, "another bench is running in this checkout", str(first.pid), "wait until it ends")
        for playbook in ("playbooks/hosts.yml", "playbooks/site.yml"):
            told = provisioned.play(playbook, fails=True)
            assert_told(told.output, "another bench is running in this checkout", str(first.pid))
        said, _ = first.communicate(timeout=90)
    assert first.returncode == 0, said


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


def test_resume_of_an_unknown_and_of_a_sealed_run(provisioned: Checkout) -> None:
    unknown = provisioned.play("bench.yml", "-e", "resume=20200101T000000Z-abcdef", fails=True)
    assert_told(unknown.output, "there is no run", "20200101T000000Z-abcdef")
    measure(provisioned)
    sealed = collect(provisioned, "show", "latest", "--json")["manifest"]["run_id"]
    told = provisioned.play("bench.yml", "-e", f"resume={sealed}", fails=True)
    assert_told(told.output, f"the run {sealed} is sealed")
