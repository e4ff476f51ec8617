"""wrk as the generator, against a real server on the loopback, where it is installed; the real hosts have it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.generator import Generator, Outcome, stopped_in
from tests.support.responder import Responder, response
from tests.support.venv38 import CHECKOUT

USERS = 10
WRK = {"BENCH_TOOL": "wrk", "BENCH_USER_CLASS": "", "LOCUST_CSV": "", "LOCUST_HTML": ""}

needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="needs Debian's package wrk")


@needs_wrk
@pytest.mark.parametrize("closing", [False, True])
def test_every_response_is_on_record(tmp_path: Path, closing: bool) -> None:
    with Responder() as server:
        if closing:
            server.answer = response(200, "text/html", b"hello", "Connection: close")
        began = time.time()
        outcome = Generator.on(tmp_path, server.host).run(**WRK)
        answered = server.answered
    assert (outcome.exit_code, outcome.errors) == (0, "")
    result, summary, rows = outcome.result, outcome.summary(), outcome.rows()
    assert (result["state"], result["error"], result["workers"], result["users"]) == ("done", None, 1, USERS)
    assert server.first_lines == {b"GET /user HTTP/1.1"}
    assert summary["rows"] == len(rows) > 500
    assert summary["outcomes"] == ["ok"]
    assert 0 <= answered - result["check_requests"] - len(rows) <= summary["in_flight_max"] == USERS

    start, latency = rows[:, 0], rows[:, 1]
    ends = start + latency
    assert began < start.min()
    assert ends.max() <= result["load_end_unix_s"] + 0.15
    assert (latency > 0).all()
    # A connection waits for its next answer from the moment that it has one: Little's law, without a rest.
    load_s = result["load_end_unix_s"] - result["load_start_unix_s"]
    assert latency.sum() / load_s == pytest.approx(USERS, rel=0.06)
    assert summary["rows_before_window"] == (ends < result["window_start_unix_s"]).sum()
    assert result["window_end_unix_s"] - result["window_start_unix_s"] == pytest.approx(2)
    assert not list(tmp_path.glob("*.rows"))


@needs_wrk
def test_every_post_carries_the_body_and_is_on_record(tmp_path: Path) -> None:
    post = {"BENCH_METHOD": "POST", "BENCH_BODY": '{"name": "student"}'}
    with Responder() as server:
        outcome = Generator.on(tmp_path, server.host).run(**WRK, **post)
        answered = server.answered
    assert (outcome.exit_code, outcome.errors) == (0, "")
    assert server.first_lines == {b"POST /user HTTP/1.1"}
    assert server.bodies == {(b"application/json", b'{"name": "student"}')}
    assert set(outcome.outcomes()) == {"ok"}
    assert len(outcome.rows()) > 500
    assert 0 <= answered - outcome.result["check_requests"] - len(outcome.rows()) <= USERS


@needs_wrk
def test_live_lines_tell_the_phases_each_second_and_the_result_last(tmp_path: Path) -> None:
    with Responder() as server:
        outcome = Generator.on(tmp_path, server.host).run(**WRK, BENCH_WARMUP_S="1", BENCH_WINDOW_S="3")
    live = outcome.live
    order = ["check", "ramp", "warmup", "window", "end"]
    assert [line["phase"] for line in live] == sorted((line["phase"] for line in live), key=order.index)
    assert [line["phase"] for line in live].count("window") >= 2
    assert live[-1]["result"] == outcome.result
    assert live[-1]["requests"] == len(outcome.rows())
    second = next(line for line in live if line["phase"] == "window" and line["p95_ms"])
    rows = outcome.rows()
    ends = rows[:, 0] + rows[:, 1]
    assert second["rps"] == pytest.approx(((ends > second["t"] - 1) & (ends <= second["t"])).sum(), rel=0.1)


@needs_wrk
def test_errors_and_short_answers_are_outcomes_of_their_own(tmp_path: Path) -> None:
    with Responder() as server:
        generator = Generator.on(tmp_path, server.host)
        with generator.started(**WRK, BENCH_WINDOW_S="3") as process:
            generator.wait_for_phase("window")
            server.answer = response(500, "text/html", b"broken")
            time.sleep(0.5)
            server.answer = response(200, "text/html", b"hell")
            time.sleep(0.5)
            server.answer = response(200, "text/html", b"hello")
            assert process.wait(20) == 0
        outcome = Outcome(tmp_path, 0, "")
    outcomes = outcome.outcomes()
    assert set(outcomes) == {"ok", "http_500", "wrong_length"}
    assert min(outcomes.values()) > 20
    assert outcome.live[-1]["failures"] == outcomes["http_500"] + outcomes["wrong_length"]


@needs_wrk
def test_a_server_that_dies_under_load_counts_as_failures(tmp_path: Path) -> None:
    with Responder() as server:
        generator = Generator.on(tmp_path, server.host)
        with generator.started(**WRK) as process:
            generator.wait_for_phase("window")
            server.die()
            assert process.wait(20) == 0
        outcome = Outcome(tmp_path, 0, "")
    outcomes = outcome.outcomes()
    assert outcomes["ok"] > 0
    assert outcomes["connect_error"] > 0
    assert set(outcomes) <= {"ok", "connect_error", "connection_lost"}
    assert outcome.summary()["rows"] == sum(outcomes.values())


FEW_PORTS = """
import subprocess, sys
from pathlib import Path
from tests.integration.test_load_wrk import WRK
from tests.support.generator import Generator
from tests.support.responder import Responder

subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("40000 40007")
with Responder() as server:
    server.listen(30000)
    sys.exit(Generator.on(Path(sys.argv[1]), server.host).run(**WRK).exit_code)
"""


@needs_wrk
@pytest.mark.skipif(os.geteuid() != 0, reason="a network of its own needs root")
def test_a_client_that_runs_out_of_ports_says_so(tmp_path: Path) -> None:
    """Ten connections, eight ports: wrk gives two of them up for good."""
    command = ["unshare", "--net", sys.executable, "-c", FEW_PORTS, str(tmp_path)]
    subprocess.run(command, check=True, cwd=CHECKOUT)
    outcomes = Outcome(tmp_path, 0, "").outcomes()
    assert set(outcomes) == {"ok", "no_port"}
    assert outcomes["no_port"] >= 2


@needs_wrk
@pytest.mark.parametrize("phase", ["check", "warmup", "window"])
def test_sigterm_stops_the_load_at_once_with_all_on_file(tmp_path: Path, phase: str) -> None:
    stopped_in(tmp_path, phase, USERS, leaves_rows=phase != "check", settle_s=0.2, **WRK)


@needs_wrk
def test_a_wrk_that_is_killed_ends_the_load_with_a_word(tmp_path: Path) -> None:
    with Responder() as server:
        generator = Generator.on(tmp_path, server.host)
        with generator.started(**WRK, BENCH_WINDOW_S="20") as process:
            generator.wait_for_phase("window")
            subprocess.run(["pkill", "-KILL", "-P", str(process.pid)], check=True)
            assert process.wait(5) == 4
    result = Outcome(tmp_path, 4, "").result
    assert (result["state"], result["error"]) == ("failed", "wrk ended by itself: exit code -9")


@needs_wrk
@pytest.mark.skipif(os.geteuid() != 0, reason="a file system of its own needs root")
def test_a_full_disk_ends_the_load_with_a_word(tmp_path: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1100k", "tmpfs", tmp_path], check=True)
    try:
        with Responder() as server:
            outcome = Generator.on(tmp_path, server.host).run(**WRK, BENCH_WINDOW_S="30")
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    assert outcome.exit_code == 4
    assert "no space left" in outcome.errors.lower()


@needs_wrk
def test_a_wrong_answer_ends_the_load_before_it_begins(tmp_path: Path) -> None:
    with Responder(status=500) as server:
        outcome = Generator.on(tmp_path, server.host).run(**WRK)
        assert server.answered == 1
    assert outcome.exit_code == 3
    assert outcome.result["error"].startswith("expected 200 text/html 'hello', got 500")


def test_a_host_without_wrk_says_what_to_do(tmp_path: Path) -> None:
    outcome = Generator.on(tmp_path, "http://127.0.0.1:1").run(**WRK, PATH="/nowhere")
    assert outcome.exit_code == 4
    assert outcome.result["error"] == (
        f"wrk is not installed ({socket.gethostname()}): install Debian's package wrk there,"
        " or leave generators with the tool wrk out of the plan"
    )
    assert outcome.errors == f"error: {outcome.result['error']}\n"
