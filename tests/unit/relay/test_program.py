"""The relay as a program, under the Python and the systemd of a test."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from collect.relay import config, control, measure, netem
from collect.relay.errors import RelayError
from collect.relay.lateness import CLASS_S, Lateness
from tests.support.generator import wait_until
from tests.support.relayed import echo, received, relayed
from tests.support.venv38 import CHECKOUT

GOOD: dict[str, Any] = {"by": "relay", "why": "no netem", "port": 6380, "redis_port": 6379, "password_file": "/p"}


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "relay.json"
    path.write_text(json.dumps({**GOOD, **changes}))
    return path


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@pytest.fixture
def server() -> Iterator[int]:
    with relayed(0.0, echo) as there:  # any server will do
        yield there.port


def started(folder: Path, server: int, **environment: str) -> subprocess.Popen[str]:
    path = written(folder, port=free_port(), redis_port=server)
    return subprocess.Popen(
        [sys.executable, "-m", "collect.relay", "--config", str(path), "--status", str(folder / "status.json")],
        cwd=CHECKOUT,
        env={**os.environ, "RELAY_DELAY_MS": "3", **environment},
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_holds_up_answers_until_it_is_stopped_and_leaves_what_it_did(tmp_path: Path, server: int) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(str(tmp_path / "notify"))
        notified.settimeout(10)
        with started(tmp_path, server, NOTIFY_SOCKET=str(tmp_path / "notify")) as process:
            assert notified.recv(100) == b"READY=1"
            port = json.loads((tmp_path / "relay.json").read_text())["port"]
            with socket.create_connection(("127.0.0.1", port), 5) as connection:
                connection.sendall(b"ping")
                assert received(connection, 4) == b"ping"
                process.send_signal(signal.SIGTERM)
                assert process.wait(10) == 0
    figures = json.loads((tmp_path / "status.json").read_text())
    assert (figures["connections"], figures["answers"], figures["refused"]) == (1, 1, 0)
    assert 3 <= figures["held_ms"]["p50_ms"] < 50


@pytest.mark.parametrize(
    ("delay", "told"),
    [("fast", "RELAY_DELAY_MS is 'fast'"), ("-1", "a number from 0"), ("1001", "to 1000"), ("nan", "'nan'")],
)
def test_a_delay_that_is_none_is_told_in_a_line(tmp_path: Path, delay: str, told: str) -> None:
    with started(tmp_path, 1, RELAY_DELAY_MS=delay) as process:
        _, said = process.communicate(timeout=10)
    assert process.returncode == 2
    assert told in said
    assert said.count("\n") == 1


def test_a_port_that_is_taken_is_told_in_a_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        path = written(tmp_path, port=taken.getsockname()[1])
        command = [sys.executable, "-m", "collect.relay", "--config", str(path), "--status", str(tmp_path / "s")]
        environment = {**os.environ, "RELAY_DELAY_MS": "0"}
        done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "cannot be listened on" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_port_that_apps_ask_is_redis_own_where_the_kernel_holds_answers_up(tmp_path: Path) -> None:
    assert config.load(written(tmp_path)).asked_port == 6380
    assert config.load(written(tmp_path, by="netem")).asked_port == 6379
    for bad in ({"by": "magic"}, {"else": 1}):
        with pytest.raises(RelayError, match=r"relay.json"):
            config.load(written(tmp_path, **bad))


def test_lateness_is_told_by_classes() -> None:
    late = Lateness()
    assert late.figures(0.005) == {"mean_ms": 5, "p50_ms": 5, "p95_ms": 5, "p99_ms": 5, "max_ms": 5}
    for number in range(100):
        late.add(number * 1e-4)
    told = late.figures(0.1)
    assert told["max_ms"] == pytest.approx(109.9)
    assert told["mean_ms"] == pytest.approx(104.95)
    assert told["p50_ms"] == pytest.approx(104.9, abs=CLASS_S * 1000)
    assert told["p99_ms"] == pytest.approx(109.8, abs=CLASS_S * 1000)


def test_netem_takes_what_comes_from_redis_port_alone() -> None:
    root, delayed, chosen = (" ".join(command) for command in netem.commands(6379, 0.25))
    assert root.startswith("tc qdisc add dev lo root handle be1a: prio bands 2 priomap 0 0")
    assert delayed == "tc qdisc add dev lo parent be1a:2 handle be1b: netem delay 250us limit 100000"
    assert chosen.endswith("match ip sport 6379 0xffff flowid be1a:2")


@pytest.mark.parametrize(("at", "kind"), [("prio", "prio"), ("netem", "netem"), ("u32", "u32")])
def test_a_kernel_that_lacks_something_is_told_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, kind: str
) -> None:
    tc = f"#!/bin/sh\ncase \"$*\" in *' {at} '*) echo 'Error: Specified qdisc kind is unknown.' >&2; exit 2;; esac\n"
    (tmp_path / "tc").write_text(tc)
    (tmp_path / "tc").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(RelayError, match=f"{kind}: Error: Specified qdisc kind is unknown"):
        netem.hold_up(6379, 5)


TC = """#!/bin/sh
echo "$@" >> {here}/tc-calls
[ $2 != show ] || echo '{queue}'
"""


def with_tc(folder: Path, monkeypatch: pytest.MonkeyPatch, queue: str) -> Callable[[], list[str]]:
    """Pretend that the loopback has a queue; return what tells how tc was called."""
    (folder / "tc").write_text(TC.format(here=folder, queue=queue))
    (folder / "tc").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return lambda: (folder / "tc-calls").read_text().splitlines()


@pytest.mark.parametrize(
    "queue", ["qdisc noqueue 0: root refcnt 2", "qdisc prio be1a: root refcnt 2 bands 2 priomap 0 0", ""]
)
def test_a_loopback_without_a_queue_or_with_ours_gets_it_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, queue: str
) -> None:
    calls = with_tc(tmp_path, monkeypatch, queue)
    netem.hold_up(6379, 5)
    assert calls()[:2] == ["qdisc del dev lo root handle be1a:", "qdisc show dev lo"]
    assert len(calls()) == 2 + len(netem.commands(6379, 5))


def test_a_queue_of_somebody_else_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = with_tc(tmp_path, monkeypatch, "qdisc fq_codel 8001: root refcnt 2 limit 10240p")
    with pytest.raises(RelayError, match="the loopback has a queue already, fq_codel 8001:"):
        netem.hold_up(6379, 5)
    netem.let_go()
    assert all("add" not in call for call in calls())
    assert {call for call in calls() if "del" in call} == {"qdisc del dev lo root handle be1a:"}
    found = netem.tried_elsewhere(5)
    assert (found["works"], "fq_codel" in found["why"]) == (False, True)


def test_the_unit_takes_away_the_queue_that_is_made_here_and_no_other() -> None:
    unit = (CHECKOUT / "roles/relay/templates/bench-relay.service.j2").read_text()
    assert f"tc qdisc del dev lo root handle {netem.HANDLE} " in unit
    assert "\nRuntimeMaxSec=" in unit


def test_netem_takes_no_delay_that_would_hold_up_the_collector_for_long(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = netem.tried_elsewhere(100)
    assert found["works"] is False
    assert "100 ms are more than 50" in found["why"]
    assert config.too_long_for_netem(50) == ""
    told = config.Config(**{**GOOD, "by": "netem"})
    monkeypatch.setattr(config, "load", lambda: told)
    with pytest.raises(RelayError, match="100 ms are more than 50"):
        control.start(100)
    assert not (here / "calls").exists()


def test_what_is_written_down_of_a_try_is_the_same_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netem, "hold_up", lambda *_: None)
    monkeypatch.setattr(netem, "ECHO_PORT", free_port())
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: None)
    for took_ms, works in ((5.1, True), (5.2, True), (9.1, False), (9.2, False)):
        monkeypatch.setattr(netem, "round_trips_ms", lambda _, took_ms=took_ms: [took_ms])
        found = netem.tried()
        assert (found["works"], found["found_ms"]) == (works, took_ms)
        assert found["why"] == f"netem {'takes' if works else 'does not take'} the 5 ms that it is asked for"


def test_a_redis_that_does_not_answer_is_told() -> None:
    with pytest.raises(RelayError, match=r"Redis does not answer on port \d+, Connection refused .*bench-redis"):
        netem.check(free_port(), 5)


def test_netem_is_used_only_where_a_round_trip_is_right() -> None:
    with socket.create_server(("127.0.0.1", 0)) as there:
        port = there.getsockname()[1]
        assert netem.check(port, 0) < 0.5 + 5
        with pytest.raises(RelayError, match="netem is to take 20 ms and takes"):
            netem.check(port, 20)


def test_answers_are_counted_whole_whatever_arrives_together() -> None:
    said = b"$3\r\nabc\r\n$-1\r\n$0\r\n\r\n"
    for cut in range(len(said) + 1):
        first, left = measure.whole_answers(said[:cut])
        second, none = measure.whole_answers(left + said[cut:])
        assert (first + second, none) == (3, b"")
    with pytest.raises(RelayError, match="NOAUTH"):
        measure.whole_answers(b"-NOAUTH Authentication required.\r\n")


def test_round_trips_are_measured_beside_each_other() -> None:
    def answer(connection: socket.socket) -> None:
        while data := connection.recv(65536):
            connection.sendall(b"$1\r\nv\r\n" * data.count(b"GET"))

    with relayed(0.05, answer) as there, there.connect() as connection:
        took = measure.round_trips_s(connection, "k", samples=50, pace_s=0.001)
    told = measure.figures(took)
    assert told["samples"] == 50
    assert 50 <= told["p50_ms"] < 70
    assert told["p50_ms"] <= told["p95_ms"] <= told["p99_ms"] <= told["max_ms"]


SYSTEMCTL = """#!/bin/sh
echo "$@" >> {here}/calls
[ ! -e {here}/broken ] || exit 1
[ $1 != stop ] || [ ! -e {here}/ran ] || echo '{{"answers": 7}}' > {here}/status.json
[ $1 != start ] || touch {here}/ran
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in (("systemctl", SYSTEMCTL.format(here=tmp_path)), ("journalctl", "#!/bin/sh\necho it broke\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(config, "STATUS", tmp_path / "status.json")
    monkeypatch.setattr(config, "ENVIRONMENT", tmp_path / "relay.env")
    told = config.load(written(tmp_path))
    monkeypatch.setattr(config, "load", lambda: told)
    return tmp_path


def test_a_trial_starts_it_anew_and_hears_what_it_did(here: Path) -> None:
    (here / "status.json").write_text("of the trial before")
    assert control.start(2.5) == {"by": "relay", "why": "no netem", "port": 6380, "asked_ms": 2.5}
    assert (here / "relay.env").read_text() == "RELAY_DELAY_MS=2.5\n"
    assert (here / "calls").read_text() == "stop bench-relay.service\nstart bench-relay.service\n"
    assert not (here / "status.json").exists()
    assert control.stop() == {"answers": 7}


def test_one_that_does_not_start_or_ended_early_says_why(here: Path) -> None:
    (here / "broken").touch()
    with pytest.raises(RelayError, match=r"bench-relay\.service does not start: it broke"):
        control.start(1)
    with pytest.raises(RelayError, match="ended before the trial: it broke"):
        control.stop()


def test_no_delay_stays_where_measuring_fails(here: Path, monkeypatch: pytest.MonkeyPatch, server: int) -> None:
    def broken(*_: object) -> list[float]:
        if (here / "ran").exists():
            raise RelayError("no answers", "mend it")
        return [0.001]

    monkeypatch.setattr(measure, "round_trips_s", broken)
    told = config.Config(**{**GOOD, "port": server, "redis_port": server})
    monkeypatch.setattr(config, "load", lambda: told)
    with pytest.raises(RelayError, match="no answers"):
        measure.measured(told, [5, 0], "name")
    calls = (here / "calls").read_text().splitlines()
    assert calls == [f"{what} bench-relay.service" for what in ("stop", "stop", "start", "stop")]


def test_it_waits_for_nobody_when_it_ends(tmp_path: Path, server: int) -> None:
    path = tmp_path / "relay.json"

    def connected() -> socket.socket:
        return socket.create_connection(("127.0.0.1", json.loads(path.read_text())["port"]), 5)

    def listens() -> bool:
        try:
            connected().close()
        except OSError:
            return False
        return True

    with started(tmp_path, server, RELAY_DELAY_MS="1000") as process:
        wait_until(listens)
        with connected() as connection:
            connection.sendall(b"ping")
            time.sleep(0.1)
            process.send_signal(signal.SIGTERM)
            assert process.wait(5) == 0
            with contextlib.suppress(ConnectionResetError):
                assert received(connection, 4) == b"", "it has waited until the answer was due"
