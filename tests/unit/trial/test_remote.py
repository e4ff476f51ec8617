"""A remote whose far side is a shell on this machine: real processes, real pipes, real exit codes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from collect.errors import BenchError
from collect.trial.remote import HostError, Remote, last_line

HERE = Remote("server1", lambda command: ["/bin/sh", "-c", command])


def test_run_returns_bytes_and_feeds_input() -> None:
    assert HERE.run("cat", b"\x00\xff") == b"\x00\xff"


def test_a_preamble_comes_before_the_data() -> None:
    remote = Remote("server1", HERE.argv, b"password\n")
    assert remote.run("read p; printf '%s|' $p; cat", b"data") == b"password|data"


def test_a_failing_command_speaks_for_itself() -> None:
    with pytest.raises(HostError, match=r"^port 1 is taken \(x\): end it$") as caught:
        HERE.run("echo 'error: port 1 is taken (x): end it' >&2; exit 1")
    assert caught.value.host == "server1"


def test_an_ssh_failure_is_a_lost_host() -> None:
    with pytest.raises(BenchError, match=r"does not answer: Connection refused \(server1\)"):
        HERE.run("echo 'Connection refused' >&2; exit 255")


def test_a_command_that_hangs_is_a_lost_host() -> None:
    with pytest.raises(BenchError, match="no answer within"):
        HERE.run("sleep 5", timeout_s=0.2)


def test_fetch_folder(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "a.f64").write_bytes(bytes(range(256)))
    HERE.fetch_folder(str(tmp_path / "far"), tmp_path / "near")
    assert (tmp_path / "near" / "a.f64").read_bytes() == bytes(range(256))


def test_stream_reads_json_lines_and_only_those() -> None:
    stream = HERE.stream('echo noise; printf \'{"src":\'; sleep 0.1; printf \'"load"}\\n{"n":2}\\n\'; cat')
    assert stream.read(2) == {"src": "load"}
    assert stream.read(2) == {"n": 2}
    began = time.monotonic()
    assert stream.read(0.1) is None
    assert time.monotonic() - began < 1
    stream.close()


def test_a_stream_that_ends_tells_why() -> None:
    stream = HERE.stream("echo '{}'; echo 'kicked out' >&2; exit 3")
    assert stream.read(2) == {}
    with pytest.raises(BenchError, match="kicked out"):
        stream.read(2)
    stream.close()


def test_closing_a_stream_ends_a_command_that_minds_its_input(tmp_path: Path) -> None:
    stream = HERE.stream(f"cat >/dev/null; touch {tmp_path}/ended")
    stream.close()
    assert (tmp_path / "ended").exists()


def test_clock_of_the_same_machine() -> None:
    script = 'while read -r q; do date +\'{"src":"clock","t":%s.%N}\'; echo \'{"src":"collector"}\'; done'
    stream = HERE.stream(script)
    others: list[dict[str, Any]] = []
    offset = stream.measure_clock(others.append)
    stream.close()
    assert abs(offset.offset_s) <= offset.uncertainty_s
    assert offset.uncertainty_s < 0.5
    assert others
    assert all(line["src"] == "collector" for line in others)


def test_last_line_leaves_out_the_chatter_of_ssh() -> None:
    assert last_line(b"real trouble\n\nShared connection to 198.19.0.2 closed.\n") == "real trouble"
    assert last_line(b"") == ""
