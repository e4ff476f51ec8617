"""From Ansible's connection to a host to the argument list that runs a command there."""

from __future__ import annotations

from typing import Any

from collect.errors import BenchError
from collect.trial.remote import Remote


def remote_of(connection: Any, name: str) -> Remote:
    """Return the host behind an Ansible connection, reached just as Ansible reaches it (address, key, bastion, become).

    A trial keeps one line open per host instead of polling, because every poll would cost CPU that is being measured;
    Ansible's own interface runs commands only to their end. Raises BenchError for another connection than SSH.
    """
    if connection.transport != "ssh":
        raise BenchError(
            f"connection '{connection.transport}' cannot carry a trial", name, "let the inventory reach it by ssh"
        )
    become = connection.become
    password = become.get_option("become_pass") if become else None

    def argv(command: str) -> list[str]:
        if become:
            command = become.build_become_command(command, connection._shell)
        ssh = connection.get_option("ssh_executable")
        words: list[bytes] = connection._build_command(ssh, "ssh", "-T", connection.host, command)
        return [word.decode() for word in words]

    return Remote(name, argv, f"{password}\n".encode() if password else b"")
