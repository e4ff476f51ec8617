"""Write a role's small files to a host: all in one round trip, none where they are as they should be.

ansible.builtin.template takes two round trips per file, which over all roles is most of what a second run takes.
"""

from __future__ import annotations

import base64
import shlex
from dataclasses import dataclass
from typing import Any

from ansible.plugins.action import ActionBase

UNITS = "/etc/systemd/system/"
SPEC = {
    "dest": {"type": "path", "required": True},
    "content": {"type": "str", "required": True},
    "group": {"type": "str", "default": "root"},
    "mode": {"type": "str", "default": "0644"},
    "secret": {"type": "bool", "default": False},
    "validate": {"type": "str", "default": ""},
}


@dataclass(frozen=True)
class File:
    """A file of root's as it should be. ``validate`` is a shell command that sees the path of a candidate as ``$0``."""

    dest: str
    content: str
    group: str
    mode: str
    secret: bool
    validate: str

    @property
    def state(self) -> str:
        """Return what ``look`` prints for this file."""
        return f"root {self.group} {int(self.mode, 8):o}"


class ActionModule(ActionBase):  # type: ignore[misc]
    """``place: files=[{dest, content, group, mode, secret, validate}, …]``.

    Folders are made as needed; systemd is told when a unit has changed. What is ``secret`` is never shown.
    """

    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Write what differs; a file that does not pass its check leaves the one before it in place."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(
            {"files": {"type": "list", "elements": "dict", "options": SPEC, "required": True}}
        )
        files = [File(**file) for file in arguments["files"]]
        where = (task_vars or {}).get("inventory_hostname")
        before = dict(zip((file.dest for file in files), self._shell(look(files))[1].splitlines(), strict=True))
        changed = [file for file in files if before[file.dest] != f"{file.state} {encoded(file.content)}"]
        result |= {"changed": bool(changed), "files": [file.dest for file in changed]}
        if self._task.diff:
            result["diff"] = [difference(file, before[file.dest]) for file in changed]
        if self._task.check_mode or not changed:
            return result
        code, said = self._shell("\n".join(["set -eu; umask 077", *map(write, changed), *reload(changed)]))
        if code:
            last = (said.strip().splitlines() or ["no message"])[-1]
            return {**result, "failed": True, "msg": f"{last} ({where}): correct the variables of the role"}
        return result

    def _shell(self, script: str) -> tuple[int, str]:
        done = self._low_level_execute_command("/bin/sh", in_data=script.encode())
        return done["rc"], done["stdout"] + (done["stderr"] if done["rc"] else "")


def encoded(content: str) -> str:
    """Return a text so that it passes through a shell."""
    return base64.b64encode(content.encode()).decode()


def look(files: list[File]) -> str:
    """Return the script that prints a line per file: owner, group, mode and content, or nothing where there is none."""
    names = " ".join(shlex.quote(file.dest) for file in files)
    return f'for f in {names}; do [ -f "$f" ] && echo "$(stat -c "%U %G %a" "$f") $(base64 -w0 "$f")" || echo; done'


def write(file: File) -> str:
    """Return the script that writes one file beside its place, checks it there, and moves it."""
    new = f"{file.dest}.new"
    lines = [
        f"(umask 022; mkdir -p {shlex.quote(file.dest.rpartition('/')[0])})",
        f"echo {encoded(file.content)} | base64 -d > {shlex.quote(new)}",
        f"chown root:{shlex.quote(file.group)} {shlex.quote(new)}; chmod {file.mode} {shlex.quote(new)}",
    ]
    if file.validate:
        refused = shlex.quote(f"{file.dest} as it would be is not valid")
        failed = f"{{ rm {shlex.quote(new)}; echo {refused}; exit 1; }}"
        lines.append(f"sh -c {shlex.quote(file.validate)} {shlex.quote(new)} || {failed}")
    return "\n".join([*lines, f"mv {shlex.quote(new)} {shlex.quote(file.dest)}"])


def reload(changed: list[File]) -> list[str]:
    """Return the command that makes systemd read its units anew, if one has changed."""
    return ["systemctl daemon-reload"] if any(file.dest.startswith(UNITS) for file in changed) else []


def difference(file: File, before: str) -> dict[str, str]:
    """Return the two sides of a diff."""
    state, _, content = before.rpartition(" ")
    old = base64.b64decode(content).decode(errors="replace") if before else ""
    if file.secret:
        return {"before": f"{state} (not shown)\n", "after": f"{file.state} (not shown)\n", "after_header": file.dest}
    return {
        "before_header": f"{file.dest} ({state or 'missing'})",
        "after_header": f"{file.dest} ({file.state})",
        "before": old,
        "after": file.content,
    }
