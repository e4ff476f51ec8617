"""What Ansible says of a failure, in one line, and how to go on after it."""

from __future__ import annotations

import re
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

ESCALATION: tuple[tuple[Callable[[str], bool], str, str], ...] = (
    (
        lambda said: re.search(r"Incorrect (sudo|su|doas) password", said) is not None,
        "its sudo refuses the password",
        "give the right one by --ask-become-pass, or mend ansible_become_password in the inventory",
    ),
    (
        lambda said: re.search(r"Missing (sudo|su|doas) password|sudo: a password is required", said) is not None,
        "its sudo asks for a password",
        "give it by --ask-become-pass, or as ansible_become_password in a vault",
    ),
    (
        lambda said: "is not in the sudoers file" in said or "is not allowed to execute" in said,
        "its sudo lets this user do nothing",
        "let an administrator of the host put the user into the group sudo, or name another by ansible_user",
    ),
    (
        lambda said: "waiting for privilege escalation prompt" in said,
        "its sudo does not answer",
        "see that `sudo -v` answers there, and mend ansible_become_method in the inventory where it is not sudo",
    ),
)
"""What keeps a user from becoming root; it may come as a failure or as a host that cannot be reached."""
WITH_VALUE = (
    "-e", "--extra-vars", "-i", "--inventory", "--become-password-file", "--vault-password-file", "--vault-id",
)  # fmt: skip
ALONE = ("-K", "--ask-become-pass", "-J", "--ask-vault-pass")
OTHERWISE = ("plan=", "resume=", "rerun=", "rerun_despite=")
"""Variables that a run which goes on has from its entry."""


def one_line(said: Mapping[str, Any], host: str, task: str, unreachable: bool) -> str:
    """Return an error as ``what (where): what to do``."""
    message = " ".join(str(said.get("msg") or said.get("exception") or "failed").split())
    heard = f"{message} {said.get('module_stderr') or ''}"
    for matches, what, remedy in (*ESCALATION, *(REMEDIES if unreachable else ())):
        if matches(heard):
            return f"{what} ({host}): {remedy}"
    if unreachable:
        return (
            f"the host does not answer: {_why(message)} ({host}): see that it is up"
            " (ansible-playbook playbooks/hosts.yml boots local hosts) and that ansible_host is right"
        )
    for line in reversed(str(said.get("stderr") or "").splitlines()):
        if line.startswith("error: "):
            return line.removeprefix("error: ")
    if "non-zero return code" in message and said.get("stderr"):
        message = str(said["stderr"]).strip().splitlines()[-1]
    return message if "): " in message else f"{message} ({host}, at '{task}'): run it again with -v to see more"


def _why(message: str) -> str:
    """Return what SSH itself said, without what Ansible says around it."""
    return message.split(": ", 1)[-1].rsplit("can be reached over ssh: ", 1)[-1]


def again(run_id: str, arguments: Sequence[str]) -> str:
    """Return the rest of the command line that goes on with a run.

    That is its id, and the inventory, variables and ways to passwords among the ``arguments`` that ansible-playbook was
    given now.
    """
    words, given = [run_id], iter(arguments)
    for word in given:
        name, joined, value = word.partition("=") if word.startswith("--") else (word[:2], word[2:], word[2:])
        if word in ALONE:
            words.append(word)
        elif name in WITH_VALUE:
            value = value if joined else next(given, "")
            if not value.startswith(OTHERWISE):
                words += [name, value]
    return shlex.join(words)
