"""Have a systemd unit running as its files say, and say in one line why it does not get there.

Unlike a handler, which is forgotten when a run is interrupted between a change and its notice, this compares the unit's
start with the age of the files that it was started from, so an outdated process is always found and restarted.
"""

from __future__ import annotations

import os
import subprocess
import time

from ansible.module_utils.basic import AnsibleModule

PROPERTIES = (
    "LoadState", "ActiveState", "NeedDaemonReload", "UnitFileState", "ExecMainStartTimestampMonotonic", "MainPID",
)  # fmt: skip
JOURNAL_LINES = 3


def systemctl(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run systemctl to its end."""
    return subprocess.run(["systemctl", *arguments], capture_output=True, text=True, check=False)


def show(name: str) -> dict[str, str]:
    """Return the unit's properties."""
    lines = systemctl("show", "--property", ",".join(PROPERTIES), name).stdout.splitlines()
    return dict(line.split("=", 1) for line in lines)


def started_at(properties: dict[str, str]) -> float:
    """Return when the unit's process was started, in unix seconds; 0 if it never was."""
    monotonic_us = int(properties["ExecMainStartTimestampMonotonic"])
    return time.time() - (time.monotonic() - monotonic_us / 1e6) if monotonic_us else 0.0


def changed_at(paths: list[str]) -> float:
    """Return when the newest of the files (or links) was changed, in unix seconds."""
    return max((os.lstat(path).st_mtime for path in paths if os.path.lexists(path)), default=0.0)


def last_words(name: str) -> str:
    """Return the last lines that the unit's processes, or else systemd about them, wrote to the journal."""
    for match in (["_SYSTEMD_UNIT=" + name], ["--unit", name]):
        command = ["journalctl", "--quiet", "--no-pager", "--output", "cat", "--lines", str(JOURNAL_LINES), *match]
        said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        if lines := [line.strip() for line in said.splitlines() if line.strip()]:
            return " | ".join(lines)
    return "its journal is empty"


def proven(path: str, age_s: float, timeout_s: float, since: float) -> bool:
    """Wait until the file was written after ``since`` and at most ``age_s`` ago."""
    deadline = time.monotonic() + timeout_s
    while True:
        written = changed_at([path])
        if written >= since and time.time() - written <= age_s:
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)


def plan(properties: dict[str, str], enabled: bool, files: list[str], started: bool = True) -> list[list[str]]:
    """Return the systemctl commands that are needed, without the unit's name; without ``started`` none starts it."""
    commands = []
    if properties["NeedDaemonReload"] == "yes" or properties["LoadState"] == "not-found":
        commands.append(["daemon-reload"])
    if enabled and properties["UnitFileState"] != "enabled":
        commands.append(["enable"])
    if not started:
        return commands
    if properties["ActiveState"] != "active":
        commands.append(["start"])
    elif started_at(properties) < changed_at(files):
        commands.append(["restart"])
    return commands


def main() -> None:
    """Start the unit or start it anew where that is needed, and wait for its proof of life."""
    module = AnsibleModule(
        {
            "name": {"type": "str", "required": True},
            "host": {"type": "str", "required": True},
            "enabled": {"type": "bool", "default": False},
            "started": {"type": "bool", "default": True},
            "files": {"type": "list", "elements": "path", "default": []},
            "proof": {"type": "path"},
            "proof_age_s": {"type": "float", "default": 3.0},
            "timeout_s": {"type": "float", "default": 10.0},
            "remedy": {"type": "str", "default": "look at the unit's journal on the host"},
        },
        supports_check_mode=True,
    )
    wanted, name = module.params, module.params["name"]

    def fail(what: str) -> None:
        module.fail_json(msg=f"{what} ({name} on {wanted['host']}): {wanted['remedy']}")

    commands = plan(show(name), wanted["enabled"], wanted["files"], wanted["started"])
    if module.check_mode:
        module.exit_json(changed=bool(commands), commands=commands)
    for command in commands:
        done = systemctl(*command, *([] if command == ["daemon-reload"] else [name]))
        if done.returncode and command[0] in ("start", "restart"):
            systemctl("stop", name)
            fail(f"it does not start, it says: {last_words(name)}")
        elif done.returncode:
            fail(f"systemctl {command[0]}: {done.stderr.strip()}")
    properties = show(name)
    proof, since = wanted["proof"], started_at(properties)
    if proof and not proven(proof, wanted["proof_age_s"], wanted["timeout_s"], since):
        fail(f"it writes nothing to {proof}, it says: {last_words(name)}")
    module.exit_json(changed=bool(commands), commands=commands, pid=int(properties["MainPID"]))


if __name__ == "__main__":
    main()
