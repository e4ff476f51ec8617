"""``collect serve`` as a user meets it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import collect.cli.serve
from collect.archive.partial import begin_run
from collect.archive.store import Archive
from collect.cli import main
from collect.cli.serve import read_token
from tests.support.plans import small_plan

Capture = pytest.CaptureFixture[str]
COMMAND = [sys.executable, "-c", "from collect.cli import main; raise SystemExit(main())", "serve"]


def told(capsys: Capture, *arguments: str) -> str:
    assert main(["serve", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    return captured.err


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Yield the server and the address that it printed; it is killed where a test left it running."""
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(2)]
        assert lines[1].strip().startswith("http://"), lines
        yield process, lines[1].strip()
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_it_serves_and_ends_when_it_is_told_to(archive: Archive, run_id: str) -> None:
    with serving("--archive", str(archive.path)) as (process, address):
        with urllib.request.urlopen(address, timeout=20) as answer:
            assert run_id in answer.read().decode()
            assert "server" not in {name.lower() for name in answer.headers}
        # A page that is watched and a connection that says nothing hold nothing up.
        host, port = address.removeprefix("http://").rstrip("/").split(":")
        with urllib.request.urlopen(f"{address}live/events", timeout=20) as events:
            assert events.readline().startswith(b"retry:")
            with socket.create_connection((host, int(port))):
                begin = time.monotonic()
                process.send_signal(signal.SIGINT)
                assert process.wait(10) == 0
                assert time.monotonic() - begin < 5
        assert process.stdout
        assert "Traceback" not in process.stdout.read()


def test_the_stream_tells_of_what_is_written_meanwhile(tmp_path: Path) -> None:
    with (
        serving("--archive", str(tmp_path)) as (_, address),
        urllib.request.urlopen(f"{address}live/events", timeout=20) as events,
    ):
        lines = [events.readline().decode() for _ in range(4)]
        assert "event: none\n" in lines
        run = begin_run(tmp_path, small_plan(1), inventory="local")
        while not lines[-1].startswith('data: {"run_id"'):
            lines.append(events.readline().decode())
        assert json.loads(lines[-1].removeprefix("data: "))["run_id"] == run.run_id


@pytest.fixture
def unserved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect.cli.serve, "_run", lambda *_: None)


@pytest.mark.usefixtures("unserved")
def test_where_others_can_ask_a_token_is_made_and_printed(tmp_path: Path, capsys: Capture) -> None:
    tokens = set()
    for _ in range(2):
        assert main(["serve", "--host", "0.0.0.0", "--port", "0", "--archive", str(tmp_path)]) == 0
        out = capsys.readouterr().out
        assert f"http://{socket.gethostname()}:" in out
        assert "prefer ssh -L" in out
        tokens.add(out.split("?token=")[1].split()[0])
    assert len(tokens) == 2
    assert all(len(token) >= 32 for token in tokens)
    assert main(["serve", "--port", "0", "--archive", str(tmp_path)]) == 0
    assert "token" not in capsys.readouterr().out


@pytest.mark.usefixtures("unserved")
def test_a_token_of_ones_own_is_not_printed(tmp_path: Path, capsys: Capture) -> None:
    file = token_file(tmp_path, "0123456789abcdef\n")
    where = ("--archive", str(tmp_path))
    for host in ("127.0.0.1", "0.0.0.0"):
        assert main(["serve", "--host", host, "--port", "0", "--token-file", str(file), *where]) == 0
        out = capsys.readouterr().out
        assert "0123456789abcdef" not in out
        assert str(file) in out


def token_file(folder: Path, content: str | bytes, mode: int = 0o600) -> Path:
    path = folder / "token"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return path


def test_tokens_are_read(tmp_path: Path) -> None:
    assert read_token(token_file(tmp_path, "  0123456789abcdef\n")) == "0123456789abcdef"


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [
        ("", 0o600, "that is no token"),
        ("short", 0o600, "that is no token"),
        ("x" * 201, 0o600, "that is no token"),
        ("0123456789 abcdef", 0o600, "that is no token"),
        ("0123456789\nabcdef", 0o600, "that is no token"),
        (b"\xff" * 32, 0o600, "the token is no text"),
        ("0123456789abcdef", 0o644, "others on this machine can read the token"),
        ("0123456789abcdef", 0o640, "chmod 600"),
    ],
)
def test_bad_tokens_are_told(tmp_path: Path, capsys: Capture, content: str | bytes, mode: int, says: str) -> None:
    file = token_file(tmp_path, content, mode)
    assert says in told(capsys, "--token-file", str(file), "--archive", str(tmp_path))


def test_wrong_calls_are_told_in_one_line(tmp_path: Path, capsys: Capture) -> None:
    where = ("--archive", str(tmp_path))
    assert "there is no archive" in told(capsys, "--archive", str(tmp_path / "none"))
    assert "cannot read the token: No such file" in told(capsys, "--token-file", str(tmp_path / "none"), *where)
    tmp_path.chmod(0o700)
    assert "cannot read the token: Is a directory" in told(capsys, "--token-file", str(tmp_path), *where)
    assert "--port" in told(capsys, "--port", "70000", *where)
    assert "--port" in told(capsys, "--port", "x", *where)
    assert "cannot listen there" in told(capsys, "--host", "192.0.2.7", *where)
    assert "is no address of this machine" in told(capsys, "--host", "x" * 70, *where)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"cannot listen there: Address already in use (127.0.0.1 port {port})" in told(
            capsys, "--port", port, *where
        )
