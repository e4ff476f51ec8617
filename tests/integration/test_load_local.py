"""The generator against a real server on the loopback: real Locust, single and with workers, and in trouble."""

from __future__ import annotations

import hashlib
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.support.generator import Generator, Outcome, stopped_in, wait_until
from tests.support.responder import Responder, response
from tests.support.venv38 import CHECKOUT

pytestmark = pytest.mark.alone

USERS = 10


@pytest.mark.parametrize("user_class", ["HttpUser", "FastHttpUser"])
def test_every_request_is_on_record(tmp_path: Path, user_class: str) -> None:
    with Responder() as server:
        began = time.time()
        outcome = Generator.on(tmp_path, server.host).run(BENCH_USER_CLASS=user_class)
        answered = server.answered
    assert (outcome.exit_code, outcome.errors.count("Traceback")) == (0, 0), outcome.errors
    result, summary, rows = outcome.result, outcome.summary(), outcome.rows()
    assert (result["state"], result["error"], result["workers"], result["users"]) == ("done", None, 1, USERS)
    assert server.first_lines == {b"GET /user HTTP/1.1"}

    assert summary["rows"] == len(rows)
    assert summary["outcomes"] == ["ok"]
    assert 0 <= answered - result["check_requests"] - len(rows) <= summary["in_flight_max"] == USERS
    assert abs(summary["clock_step_s"]) < 0.01
    assert summary["cpu_user_s"] > 0

    start, latency = rows[:, 0], rows[:, 1]
    end = start + latency
    assert began < start.min()
    assert end.max() <= result["load_end_unix_s"] + 0.05
    assert (latency > 0).all()
    in_tens_of_us = latency * 1e5
    assert (abs(in_tens_of_us - in_tens_of_us.round()) < 0.03).mean() < 0.2, "latencies are rounded"
    per_user_s = (result["load_end_unix_s"] - result["load_start_unix_s"]) * USERS
    assert latency.sum() <= 1.02 * per_user_s, "no user waits for two answers at a time"

    phases = [result[f"{mark}_unix_s"] for mark in ("load_start", "ramp_end", "window_start", "window_end", "load_end")]
    assert phases == sorted(phases)
    assert math.isclose(result["window_start_unix_s"] % 0.5, 0, abs_tol=1e-6)
    assert 0.5 <= result["window_start_unix_s"] - result["ramp_end_unix_s"] < 1.01
    assert result["window_end_unix_s"] - result["window_start_unix_s"] == pytest.approx(2)
    assert 0.25 <= result["load_end_unix_s"] - result["window_end_unix_s"] < 0.4

    requests, failures = outcome.locust_total()
    assert (requests, failures) == (len(rows) - summary["rows_before_window"], 0)
    assert "</html>" in (tmp_path / "locust.html").read_text()
    assert len((tmp_path / "locust_stats_history.csv").read_text().splitlines()) >= 3


@pytest.mark.parametrize("user_class", ["HttpUser", "FastHttpUser"])
def test_every_post_carries_the_body_and_is_on_record(tmp_path: Path, user_class: str) -> None:
    post = {"BENCH_METHOD": "POST", "BENCH_BODY": '{"name": "student"}'}
    with Responder() as server:
        outcome = Generator.on(tmp_path, server.host).run(BENCH_USER_CLASS=user_class, **post)
        answered = server.answered
    assert (outcome.exit_code, outcome.errors.count("Traceback")) == (0, 0), outcome.errors
    assert server.first_lines == {b"POST /user HTTP/1.1"}
    assert server.bodies == {(b"application/json", b'{"name": "student"}')}
    assert set(outcome.outcomes()) == {"ok"}
    assert len(outcome.rows()) > 50
    assert outcome.result["check_requests"] == 1
    assert 0 <= answered - 1 - len(outcome.rows()) <= USERS
    assert "POST,/user" in (tmp_path / "locust_stats.csv").read_text()


@pytest.mark.parametrize("user_class", ["HttpUser", "FastHttpUser"])
def test_a_long_answer_is_checked_by_its_hash_and_then_by_its_length(tmp_path: Path, user_class: str) -> None:
    body = 4 * 65536 * b"x"
    known = {"body_sha256": hashlib.sha256(body).hexdigest(), "body_length": len(body)}
    expect = json.dumps({"status": 200, "type": "text/html", **known})
    with Responder(body) as server:
        generator = Generator.on(tmp_path, server.host)
        with generator.started(BENCH_USER_CLASS=user_class, BENCH_EXPECT=expect) as process:
            generator.wait_for_phase("window")
            server.answer = response(200, "text/html", body[1:])
            time.sleep(0.5)
            server.answer = response(200, "text/html", body)
            assert process.wait(20) == 0
    outcomes = Outcome(tmp_path, 0, "").outcomes()
    assert set(outcomes) == {"ok", "wrong_length"}
    assert min(outcomes.values()) > 5


def test_live_lines_tell_the_phases_each_second_and_the_result_last(tmp_path: Path) -> None:
    with Responder() as server:
        outcome = Generator.on(tmp_path, server.host).run(BENCH_WARMUP_S="1", BENCH_WINDOW_S="3")
    live = outcome.live
    order = ["check", "ramp", "warmup", "window", "end"]
    assert [line["phase"] for line in live] == sorted((line["phase"] for line in live), key=order.index)
    assert [line["phase"] for line in live].count("window") >= 2
    [told] = [line for line in live if "window_start_unix_s" in line]
    assert told["phase"] == "warmup"
    assert told["window_start_unix_s"] == outcome.result["window_start_unix_s"] > told["t"]
    gaps = np.diff([line["t"] for line in live[1:-1] if line is not told])
    assert gaps == pytest.approx(1, abs=0.2)
    assert live[-1]["result"] == outcome.result
    assert live[-1]["requests"] == len(outcome.rows())
    second = next(line for line in live if line["phase"] == "window" and line["p95_ms"])
    rows = outcome.rows()
    ends = rows.sum(axis=1) - rows[:, 2]
    inside = rows[(ends > second["t"] - 1) & (ends <= second["t"])]
    assert second["rps"] == pytest.approx(len(inside), rel=0.1)
    assert second["p95_ms"] == pytest.approx(np.quantile(inside[:, 1], 0.95) * 1000, rel=0.2)


def test_the_server_may_come_up_late(tmp_path: Path) -> None:
    with Responder() as server:
        server.die()
        generator = Generator.on(tmp_path, server.host)
        with generator.started() as process:
            generator.wait_for_phase("check")
            time.sleep(0.5)
            server.listen(server.port)
            assert process.wait(20) == 0
        assert generator.live()[-1]["result"]["check_requests"] == 1


@pytest.mark.parametrize(
    ("answer", "got"),
    [
        (response(500, "text/html", b"oh no"), "500 text/html 'oh no'"),
        (response(200, "text/plain", b"hello"), "200 text/plain 'hello'"),
        (response(200, "text/html", 500 * b"x"), f"200 text/html '{79 * 'x'}… (500 bytes)"),
    ],
)
def test_a_wrong_answer_ends_the_load_before_it_begins(tmp_path: Path, answer: bytes, got: str) -> None:
    with Responder() as server:
        server.answer = answer
        outcome = Generator.on(tmp_path, server.host).run()
        assert server.answered == 1
    assert outcome.exit_code == 3
    assert (outcome.result["state"], outcome.result["error"]) == (
        "failed", f"expected 200 text/html 'hello', got {got}",
    )  # fmt: skip
    assert outcome.result["check_requests"] == 1
    assert outcome.live[-1]["result"] == outcome.result
    assert len(outcome.rows()) == 0


def test_a_server_that_never_answers(tmp_path: Path) -> None:
    with Responder() as server:
        server.die()
        outcome = Generator.on(tmp_path, server.host).run(BENCH_ANSWER_TIMEOUT_S="0.5")
    assert outcome.exit_code == 3
    assert outcome.result["error"].startswith(f"no answer from {server.host}/user within 0.5 s: ")
    assert "refused" in outcome.result["error"]


@pytest.mark.parametrize("user_class", ["HttpUser", "FastHttpUser"])
def test_errors_and_short_answers_are_outcomes_of_their_own(tmp_path: Path, user_class: str) -> None:
    with Responder() as server:
        generator = Generator.on(tmp_path, server.host)
        with generator.started(BENCH_USER_CLASS=user_class, BENCH_WINDOW_S="3") as process:
            generator.wait_for_phase("window")
            server.answer = response(500, "text/html", b"broken")
            time.sleep(0.5)
            server.answer = response(200, "text/html", b"hell")
            time.sleep(0.5)
            server.answer = response(200, "text/html", b"hello")
            assert process.wait(20) == 0, "failed requests are a result, not a failure of the load"
        outcome = Outcome(tmp_path, 0, "")
    outcomes = outcome.outcomes()
    assert set(outcomes) == {"ok", "http_500", "wrong_length"}
    assert min(outcomes.values()) > 20
    assert outcome.result["state"] == "done"
    assert outcome.live[-1]["failures"] == outcomes["http_500"] + outcomes["wrong_length"]
    assert outcome.locust_total()[1] == outcomes["http_500"], "Locust's own rule: a right status is a success"


@pytest.mark.parametrize("user_class", ["HttpUser", "FastHttpUser"])
def test_a_server_that_dies_under_load_is_recorded_to_the_end(tmp_path: Path, user_class: str) -> None:
    with Responder() as server:
        generator = Generator.on(tmp_path, server.host)
        with generator.started(BENCH_USER_CLASS=user_class) as process:
            generator.wait_for_phase("window")
            server.die()
            assert process.wait(20) == 0
        outcome = Outcome(tmp_path, 0, "")
    outcomes = outcome.outcomes()
    assert outcomes["ok"] > 0
    assert outcomes["connect_error"] > 0
    assert set(outcomes) <= {"ok", "connect_error", "connection_lost"}
    assert outcome.summary()["rows"] == sum(outcomes.values())
    assert outcome.result["state"] == "done"


@pytest.mark.parametrize("user_class", ["HttpUser", "FastHttpUser"])
def test_a_request_that_is_not_answered_is_not_sent_again(tmp_path: Path, user_class: str) -> None:
    with Responder() as server:
        generator = Generator.on(tmp_path, server.host)
        with generator.started(BENCH_USER_CLASS=user_class) as process:
            generator.wait_for_phase("window")
            server.answer = b""
            time.sleep(0.3)
            server.answer = response(200, "text/html", b"hello")
            assert process.wait(20) == 0
        answered = server.answered
    outcome = Outcome(tmp_path, 0, "")
    outcomes = outcome.outcomes()
    assert set(outcomes) == {"ok", "connection_lost"}
    assert outcomes["connection_lost"] > 5
    assert 0 <= answered - outcome.result["check_requests"] - sum(outcomes.values()) <= USERS


FEW_PORTS = """
import subprocess, sys
from pathlib import Path
from tests.support.generator import Generator
from tests.support.responder import Responder, response

subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
for name, value in {"ip_local_port_range": "40000 40063", "tcp_tw_reuse": "0"}.items():
    Path("/proc/sys/net/ipv4", name).write_text(value)
with Responder() as server:
    server.listen(30000)
    server.answer = response(200, "text/html", b"hello", "Connection: close")
    outcome = Generator.on(Path(sys.argv[1]), server.host).run(BENCH_USER_CLASS=sys.argv[2])
sys.exit(outcome.exit_code)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="a network of its own needs root")
@pytest.mark.parametrize("user_class", ["HttpUser", "FastHttpUser"])
def test_a_client_that_runs_out_of_ports_says_so(tmp_path: Path, user_class: str) -> None:
    command = ["unshare", "--net", sys.executable, "-c", FEW_PORTS, str(tmp_path), user_class]
    subprocess.run(command, check=True, cwd=CHECKOUT)
    outcomes = Outcome(tmp_path, 0, "").outcomes()
    assert set(outcomes) == {"ok", "no_port"}
    assert outcomes["ok"] <= 64
    assert outcomes["no_port"] > 0


@pytest.mark.skipif(os.geteuid() != 0, reason="a file system of its own needs root")
def test_a_full_disk_ends_the_load_with_a_word(tmp_path: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", tmp_path], check=True)
    try:
        with Responder() as server:
            outcome = Generator.on(tmp_path, server.host).run(BENCH_WINDOW_S="20", LOCUST_CSV="", LOCUST_HTML="")
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    assert outcome.exit_code == 4
    assert "error: OSError: [Errno 28] No space left on device" in outcome.errors


@pytest.mark.parametrize("phase", ["check", "warmup", "window"])
def test_sigterm_stops_the_load_at_once_with_all_on_file(tmp_path: Path, phase: str) -> None:
    stopped_in(tmp_path, phase, USERS)


def test_sigterm_while_locust_is_being_imported(tmp_path: Path) -> None:
    with Responder() as server, Generator.on(tmp_path, server.host).started() as process:
        time.sleep(0.15)
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) in (143, -signal.SIGTERM)
        assert server.answered <= 1


def test_the_watch_runs_on_python_38_too(tmp_path: Path) -> None:
    python = Generator.on(tmp_path, "").python
    watch = CHECKOUT / "collect" / "load" / "watch.py"
    done = subprocess.run(
        [python, "-I", watch, "--only-collector", "--deadline", "9", "--collector", tmp_path / "live.jsonl"],
        input=b"clock\n", capture_output=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["src"] == "clock"


def test_it_runs_from_behind_a_link_as_on_the_hosts(tmp_path: Path) -> None:
    (tmp_path / "load-0123456789ab").symlink_to(CHECKOUT / "collect" / "load")
    (tmp_path / "load").symlink_to("load-0123456789ab")
    (tmp_path / "out").mkdir()
    with Responder(status=500) as server:
        generator = Generator.on(tmp_path / "out", server.host)
        generator.program = tmp_path / "load"
        outcome = generator.run()
    assert (outcome.exit_code, outcome.errors.count("Traceback")) == (3, 0)


def test_a_bad_setting_is_told_in_one_line(tmp_path: Path) -> None:
    outcome = Generator.on(tmp_path, "http://127.0.0.1:1").run(BENCH_WINDOW_S="soon")
    assert outcome.exit_code == 2
    assert outcome.errors == "error: BENCH_WINDOW_S is 'soon' (environment of the load): set seconds, above 0\n"


def worker(number: int) -> dict[str, str]:
    return {
        "BENCH_INSTANCE": f"worker-{number}", "LOCUST_MODE_WORKER": "true", "LOCUST_MASTER_NODE_HOST": "127.0.0.1",
        "LOCUST_MASTER_NODE_PORT": "20957", "LOCUST_CSV": "", "LOCUST_HTML": "", "LOCUST_USERS": "",
        "LOCUST_SPAWN_RATE": "",
    }  # fmt: skip


def master(workers: int) -> dict[str, str]:
    return {
        "LOCUST_MODE_MASTER": "true", "LOCUST_EXPECT_WORKERS": str(workers), "LOCUST_MASTER_BIND_HOST": "127.0.0.1",
        "LOCUST_MASTER_BIND_PORT": "20957",
    }  # fmt: skip


def test_a_master_and_two_workers(tmp_path: Path) -> None:
    with Responder() as server:
        generator = Generator.on(tmp_path, server.host)
        with generator.started(**worker(1)) as first, generator.started(**worker(2)) as second:
            outcome = generator.run(**master(2), BENCH_WINDOW_S="4")
            ended = time.monotonic()
            assert outcome.exit_code == 0, outcome.errors
            assert (first.wait(5), second.wait(5)) == (0, 0)
            assert time.monotonic() - ended < 1
        answered = server.answered
    result = outcome.result
    assert (result["state"], result["workers"], result["users"]) == ("done", 2, USERS)
    summaries = [outcome.summary(f"worker-{n}") for n in (1, 2)]
    rows = [outcome.rows(f"worker-{n}") for n in (1, 2)]
    assert [len(each) for each in rows] == [summary["rows"] for summary in summaries]
    assert min(len(each) for each in rows) > 0
    assert 0 <= answered - result["check_requests"] - sum(map(len, rows)) <= USERS
    in_window = sum(summary["rows"] - summary["rows_before_window"] for summary in summaries)
    assert outcome.locust_total() == (in_window, 0)
    assert outcome.live[-1]["requests"] == sum(map(len, rows))
    for each in rows:
        assert each[:, 0].min() < result["window_start_unix_s"]
        assert each[:, 0].max() > result["window_end_unix_s"]
    assert any(line.get("p95_ms") for line in outcome.live)


def test_a_worker_that_is_missing_is_named(tmp_path: Path) -> None:
    with Responder() as server:
        generator = Generator.on(tmp_path, server.host)
        with generator.started(**worker(1)) as present:
            outcome = generator.run(**master(2), BENCH_WORKERS_TIMEOUT_S="3")
            assert present.wait(5) == 0
        assert server.answered == 0
    assert outcome.exit_code == 4
    assert outcome.result["state"] == "failed"
    assert outcome.result["error"] == "worker-2 did not report within 3 s"


def test_a_worker_that_is_killed_under_load_is_named(tmp_path: Path) -> None:
    with Responder() as server:
        generator = Generator.on(tmp_path, server.host)
        with (
            generator.started(**worker(1)) as survivor,
            generator.started(**worker(2)) as victim,
            generator.started(**master(2), BENCH_WINDOW_S="20") as primary,
        ):
            generator.wait_for_phase("window")
            victim.kill()
            assert primary.wait(10) == 4
            assert survivor.wait(5) == 0
        answered = server.answered
        time.sleep(0.1)
        assert server.answered == answered
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["error"] == "worker-2 was lost during the window"


def test_sigterm_at_the_master_stops_its_workers(tmp_path: Path) -> None:
    with Responder() as server:
        generator = Generator.on(tmp_path, server.host)
        with (
            generator.started(**worker(1)) as first,
            generator.started(**worker(2)) as second,
            generator.started(**master(2), BENCH_WINDOW_S="20") as primary,
        ):
            generator.wait_for_phase("window")
            primary.send_signal(signal.SIGTERM)
            told = time.monotonic()
            assert primary.wait(5) == 143
            assert (first.wait(5), second.wait(5)) == (0, 0)
            assert time.monotonic() - told < 1.5
    outcome = Outcome(tmp_path, 143, "")
    assert outcome.result["error"] == "stopped by signal"
    for number in (1, 2):
        assert outcome.summary(f"worker-{number}")["rows"] == len(outcome.rows(f"worker-{number}")) > 0


def test_a_worker_that_loses_its_master_ends_by_itself(tmp_path: Path) -> None:
    with Responder() as server:
        generator = Generator.on(tmp_path, server.host)
        with (
            generator.started(**worker(1)) as orphan,
            generator.started(**master(1), BENCH_WARMUP_S="2", BENCH_WINDOW_S="1") as primary,
        ):
            generator.wait_for_phase("warmup")
            wait_until(lambda: server.answered > 100)
            primary.kill()
            assert orphan.wait(15) == 0
        assert Outcome(tmp_path, 0, "").summary("worker-1")["rows"] > 0


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_lost_worker_is_noticed_within_two_seconds(tmp_path: Path, how: signal.Signals) -> None:
    """Dead, or there and silent, as on a host that has lost its power or its network."""
    with Responder() as server:
        generator = Generator.on(tmp_path, server.host)
        with (
            generator.started(**worker(1)) as survivor,
            generator.started(**worker(2)) as victim,
            generator.started(**master(2), BENCH_WINDOW_S="20") as primary,
        ):
            generator.wait_for_phase("window")
            victim.send_signal(how)
            stopped_unix_s = time.time()
            assert primary.wait(5) == 4
            assert survivor.wait(5) == 0
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["error"] == "worker-2 was lost during the window"
    assert 0 < result["load_end_unix_s"] - stopped_unix_s < 2


@pytest.mark.skipif(os.geteuid() != 0, reason="a file system of its own needs root")
def test_a_worker_whose_disk_is_full_says_so_and_is_named(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    for folder in (small, large):
        folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", small], check=True)
    try:
        with Responder() as server:
            there, here = Generator.on(small, server.host), Generator.on(large, server.host)
            with (
                there.started(**worker(1)) as victim,
                here.started(**worker(2)) as survivor,
                here.started(**master(2), BENCH_WINDOW_S="20") as primary,
            ):
                assert primary.wait(30) == 4
                assert (victim.wait(5), survivor.wait(5)) == (4, 0)
                assert victim.stderr is not None
                assert "error: OSError: [Errno 28] No space left on device" in victim.stderr.read()
    finally:
        subprocess.run(["umount", small], check=True)
    assert json.loads((large / "result.json").read_text())["error"].startswith("worker-1 was lost during the ")
