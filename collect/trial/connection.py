"""From Ansible's connection to a host to the argument list that runs a command there."""

from __future__ import annotations

from typing import Any

from collect.errors import BenchError
from collect.trial.remote import Remote

MARK = "bench-begins-here"
"""A line between what sudo may read and what the command reads."""


def remote_of(connection: Any, name: str) -> Remote:
    """Return the host behind an Ansible connection, reached just as Ansible reaches it (address, key, bastion, become).

    A trial keeps one line open per host instead of polling, because every poll would cost CPU that is being measured;
    Ansible's own interface runs commands only to their end. Raises BenchError for another connection than SSH, and for
    another way than sudo to become root by a password.
    """
    if connection.transport != "ssh":
        raise BenchError(
            f"connection '{connection.transport}' cannot carry a trial", name, "let the inventory reach it by ssh"
        )
    become = connection.become
    password = become.get_option("become_pass") if become else None
    if password and become.name != "sudo":
        what = f"{become.name} reads a password from a terminal, and a trial has none"
        raise BenchError(what, name, "let ansible_become_method be sudo in the inventory, or log in as root")

    def argv(command: str) -> list[str]:
        if become:
            command = become.build_become_command(from_mark(command) if password else command, connection._shell)
        ssh = connection.get_option("ssh_executable")
        words: list[bytes] = connection._build_command(ssh, "ssh", "-T", connection.host, command)
        return [word.decode() for word in words]

    return Remote(name, argv, f"{password}\n{MARK}\n".encode() if password else b"")


def from_mark(command: str) -> str:
    """Return a shell command that reads only what is sent after the mark.

    sudo reads the password only where it asks for one. Where it remembers the last answer, or asks nobody, the command
    would have it for its first line, and might write it into a file.
    """
    return f'while IFS= read -r line && [ "$line" != {MARK} ]; do :; done; {command}'
