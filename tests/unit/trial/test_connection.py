"""What a trial sends to a host on which it becomes root: real shells, and a stand-in for sudo that asks or does not."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from collect.errors import BenchError
from collect.trial.connection import remote_of
from collect.trial.remote import HostError, Remote

PASSWORD = "right word"
ASK = 'IFS= read -r given; [ "$given" = "right word" ] || { echo "Sorry, try again." >&2; exit 1; }; '


class Sudo:
    """As Ansible's plugin: a prompt, a line that tells of success, then the command."""

    name = "sudo"

    def __init__(self, asks: bool, password: str | None = PASSWORD) -> None:
        self.asks, self.password = asks, password

    def get_option(self, name: str) -> str | None:
        assert name == "become_pass"
        return self.password

    def build_become_command(self, command: str, shell: object) -> str:
        prompt = "printf '[sudo via ansible, key=abc] password:' >&2; " if self.asks else ""
        return f"{prompt}{ASK if self.asks else ''}/bin/sh -c {shlex.quote(f'echo BECOME-SUCCESS-abc ; {command}')}"


class Connection:
    """As Ansible's, to this very machine."""

    transport, host, _shell = "ssh", "192.0.2.1", None

    def __init__(self, become: Sudo | None) -> None:
        self.become = become

    def get_option(self, name: str) -> str:
        assert name == "ssh_executable"
        return "ssh"

    def _build_command(self, executable: str, kind: str, *words: str) -> list[bytes]:
        assert (executable, kind, words[:2]) == ("ssh", "ssh", ("-T", self.host))
        return [b"/bin/sh", b"-c", words[2].encode()]


def remote(become: Sudo | None) -> Remote:
    return remote_of(Connection(become), "server1")


each_sudo = pytest.mark.parametrize(
    "become",
    [None, Sudo(asks=False, password=None), Sudo(asks=True), Sudo(asks=False)],
    ids=["none", "asks nobody", "asks", "remembers or asks nobody, but there is a password"],
)


@each_sudo
def test_a_command_gets_its_own_input_and_nothing_of_sudos(become: Sudo | None) -> None:
    assert remote(become).run("cat", b"first\n\xff") == b"first\n\xff"
    assert remote(become).run("cat") == b""


@each_sudo
def test_a_folder_comes_whole(become: Sudo | None, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "a.f64").write_bytes(bytes(range(256)))
    remote(become).fetch_folder(str(tmp_path / "far"), tmp_path / "near")
    assert (tmp_path / "near" / "a.f64").read_bytes() == bytes(range(256))


@each_sudo
def test_a_line_that_stays_open_hears_what_is_said(become: Sudo | None) -> None:
    stream = remote(become).stream("cat")
    stream.say(b'{"said": 1}\n')
    assert stream.read(5) == {"said": 1}
    stream.close()


@each_sudo
def test_an_error_is_told_without_the_prompt(become: Sudo | None) -> None:
    with pytest.raises(HostError, match=r"^port 1 is taken \(x\): end it$"):
        remote(become).run("echo 'error: port 1 is taken (x): end it' >&2; exit 1")


def test_a_wrong_password_ends_the_command() -> None:
    with pytest.raises(HostError, match=r"^Sorry, try again\.$"):
        remote(Sudo(asks=True, password="wrong")).run("cat", b"data")


def test_another_connection_than_ssh_is_refused() -> None:
    local: Any = Connection(None)
    local.transport = "local"
    with pytest.raises(BenchError, match=r"connection 'local' cannot carry a trial \(server1\)"):
        remote_of(local, "server1")


def test_a_way_to_become_root_that_needs_a_terminal_is_refused() -> None:
    become = Sudo(asks=True)
    become.name = "su"
    with pytest.raises(
        BenchError, match=r"su reads a password from a terminal.*\(server1\): let ansible_become_method"
    ):
        remote(become)
    become.password = None
    assert remote(become).preamble == b""
