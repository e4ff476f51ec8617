"""What Ansible says of a failure, in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from collect.live.durations import Durations
from collect.live.told import again, one_line


@pytest.mark.parametrize(
    ("said", "unreachable", "line"),
    [
        ({"msg": "no port (server1): end it"}, False, "no port (server1): end it"),
        ({"msg": "oh\n no"}, False, "oh no (client1, at 'Do it'): run it again with -v to see more"),
        ({}, False, "failed (client1, at 'Do it'): run it again with -v to see more"),
        ({"msg": "non-zero return code", "stderr": "x\nerror: a (b): c\n"}, False, "a (b): c"),
        (
            {"msg": "non-zero return code", "stderr": "first\nlast\n"},
            False,
            "last (client1, at 'Do it'): run it again with -v to see more",
        ),
        (
            {"msg": "Failed to connect: Permission denied (publickey)"},
            True,
            "it refuses the SSH key (client1): put the public key into authorized_keys of its user,"
            " or name another by ansible_ssh_private_key_file",
        ),
    ],
)
def test_a_failure_is_one_line(said: dict[str, Any], unreachable: bool, line: str) -> None:
    assert one_line(said, "client1", "Do it", unreachable) == line


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("Failed: Connection refused", "Connection refused"),
        (
            'Task failed: Data could not be sent to remote host "192.0.2.11". Make sure this host can be reached over '
            "ssh: ssh: connect to host 192.0.2.11 port 22: No route to host",
            "ssh: connect to host 192.0.2.11 port 22: No route to host",
        ),
    ],
)
def test_a_host_that_does_not_answer(message: str, why: str) -> None:
    said = one_line({"msg": message}, "client1", "Do it", True)
    assert said.startswith(f"the host does not answer: {why} (client1): see that it is up")


def test_how_to_go_on_with_the_same_inventory_and_variables() -> None:
    given = ["bench.yml", "-i", "inventory/lab", "-e", "plan=table", "-e", "archive_dir=/a b", "-v"]
    assert again("run", given) == "run -i inventory/lab -e 'archive_dir=/a b'"
    assert again("run", []) == "run"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["-i", "inventory/lab", "-K"], "-i inventory/lab -K"),
        (["--inventory=inventory/lab", "--ask-become-pass"], "--inventory inventory/lab --ask-become-pass"),
        (["-iinventory/lab", "--become-password-file=/p w"], "-i inventory/lab --become-password-file '/p w'"),
        (["-eplan=table", "--extra-vars=resume=old", "--vault-id", "lab@prompt"], "--vault-id lab@prompt"),
        (["--tags", "run", "-vv", "--ask-vault-pass"], "--ask-vault-pass"),
        (["-e", "rerun=old", "-e", "rerun_despite=kernel", "-e", "redis_port=16379"], "-e redis_port=16379"),
    ],
)
def test_going_on_asks_for_the_same_passwords(given: list[str], kept: str) -> None:
    assert again("run", ["bench.yml", *given]) == f"run {kept}"


def test_durations_are_kept_where_they_can_be(tmp_path: Path) -> None:
    path = tmp_path / "state" / "durations.json"
    durations = Durations(path)
    assert durations.left("Measure", 1.0) == ""
    durations.keep("Measure", 100.4)
    assert Durations(path).left("Measure", 40.0) == ", about 60 s left in this phase"
    assert Durations(path).left("Measure", 99.9) == ""
    path.write_text("{")
    assert Durations(path).known == {}
    Durations(tmp_path / "state" / "durations.json" / "no folder").keep("Measure", 9.0)


@pytest.mark.parametrize("unreachable", [False, True])
@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({"msg": "Task failed: Incorrect sudo password"}, "its sudo refuses the password (client1): give the right"),
        ({"msg": "Task failed: Missing sudo password"}, "its sudo asks for a password (client1): give it by --ask"),
        (
            {"msg": "MODULE FAILURE", "module_stderr": "operator is not in the sudoers file.\n"},
            "its sudo lets this user do nothing (client1): let an administrator",
        ),
        (
            {"msg": "Timeout (12s) waiting for privilege escalation prompt: "},
            "its sudo does not answer (client1): see that `sudo -v` answers there",
        ),
    ],
)
def test_a_user_that_does_not_become_root(said: dict[str, Any], line: str, unreachable: bool) -> None:
    assert one_line(said, "client1", "Look at the host", unreachable).startswith(line)
