"""What Ansible says of a failure, in one line, and how to go on after it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

REMEDIES: tuple[tuple[Callable[[str], bool], str, str], ...] = (
    (
        lambda said: "REMOTE HOST IDENTIFICATION HAS CHANGED" in said or "Host key verification failed" in said,
        "its SSH host key is not the one in known_hosts",
        "if the host was set up anew, put its new key there (local hosts: run playbooks/down.yml first);"
        " else find out who answers",
    ),
    (
        lambda said: "Permission denied" in said,
        "it refuses the SSH key",
        "put the public key into authorized_keys of its user, or name another by ansible_ssh_private_key_file",
    ),
    (
        lambda said: "not-made-yet.invalid" in said,
        "the host is not made yet",
        "run ansible-playbook playbooks/hosts.yml first",
    ),
    (
        lambda said: "Could not resolve hostname" in said,
        "its name does not resolve",
        "mend ansible_host in the inventory",
    ),
)


def one_line(said: Mapping[str, Any], host: str, task: str, unreachable: bool) -> str:
    """Return an error as ``what (where): what to do``."""
    message = " ".join(str(said.get("msg") or said.get("exception") or "failed").split())
    if unreachable:
        for matches, what, remedy in REMEDIES:
            if matches(message):
                return f"{what} ({host}): {remedy}"
        return (
            f"the host does not answer: {message.split(': ', 1)[-1]} ({host}): see that it is up"
            " (ansible-playbook playbooks/hosts.yml boots local hosts) and that ansible_host is right"
        )
    for line in reversed(str(said.get("stderr") or "").splitlines()):
        if line.startswith("error: "):
            return line.removeprefix("error: ")
    if "non-zero return code" in message and said.get("stderr"):
        message = str(said["stderr"]).strip().splitlines()[-1]
    return message if "): " in message else f"{message} ({host}, at '{task}'): run it again with -v to see more"


def again(run_id: str, arguments: Sequence[str]) -> str:
    """Return the rest of the command line that goes on with a run.

    That is its id, and the inventory and variables among the ``arguments`` that ansible-playbook was given now.
    """
    words, given = [run_id], iter(arguments)
    for word in given:
        if word in ("-e", "--extra-vars", "-i", "--inventory"):
            value = next(given, "")
            if not value.startswith(("plan=", "resume=")):
                words += [word, value]
    return shlex.join(words)
