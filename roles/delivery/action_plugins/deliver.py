"""Put a folder or an archive of the control node on a host, named by its content, and switch a link to it.

One round trip where it is there already, whatever the number of files. What lies beside the link under its name and a
content key is whole only once the link points to it, so a delivery that was interrupted is done again.
"""

from __future__ import annotations

import hashlib
import shlex
import tempfile
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from collect.provision.archive import digest, files_of, pack

KEY_LENGTH = 12


class ActionModule(ActionBase):  # type: ignore[misc]
    """``deliver: src=… dest=… [pattern=…] [key=…] [then=…] [remedy=…]``.

    ``src`` is a tar, or a folder of which the files that match a ``pattern`` are taken; ``key`` goes into the name
    (with the content of a folder); ``then`` is a shell script that completes the folder, run in it.
    """

    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Deliver what the host has not."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(
            {
                "src": {"type": "path", "required": True},
                "dest": {"type": "path", "required": True},
                "pattern": {"type": "list", "elements": "str", "default": ["**/*"]},
                "key": {"type": "str", "default": ""},
                "then": {"type": "str", "default": ""},
                "remedy": {"type": "str", "default": "see that the host has room and run this again"},
            }
        )
        src, dest = Path(arguments["src"]), arguments["dest"]
        files = files_of(src, *arguments["pattern"]) if src.is_dir() else []
        content = digest(src, files) if src.is_dir() else ""
        key = hashlib.sha256(f"{content}\0{arguments['key']}\0{arguments['then']}".encode()).hexdigest()[:KEY_LENGTH]
        target = f"{dest}-{key}"
        found = self._shell(f"readlink -- {shlex.quote(dest)} && test -e {shlex.quote(dest)}/")
        before = found["stdout"].strip()
        if found["rc"] == 0 and before == Path(target).name:
            return {**result, "changed": False, "path": target}
        result |= {"changed": True, "path": target}
        if self._task.diff:
            after = Path(target).name
            result["diff"] = {"before": f"{dest} -> {before or 'nothing'}\n", "after": f"{dest} -> {after}\n"}
        if self._task.check_mode:
            return result
        self._make_tmp_path()
        there = self._connection._shell.join_path(self._connection._shell.tmpdir, "delivered.tar")
        with tempfile.NamedTemporaryFile(suffix=".tar") as packed:
            if files:
                pack(src, files, Path(packed.name))
            self._transfer_file(packed.name if files else str(src), there)
        done = self._shell(_script(there, target, dest, arguments["then"]))
        self._remove_tmp_path(self._connection._shell.tmpdir)
        if done["rc"]:
            said = (done["stderr"].strip() or done["stdout"].strip() or "no message").splitlines()[-1]
            where = f"{dest} on {(task_vars or {}).get('inventory_hostname')}"
            return {**result, "failed": True, "msg": f"{said} ({where}): {arguments['remedy']}"}
        return result

    def _shell(self, script: str) -> dict[str, Any]:
        """Run a shell script on the host."""
        done: dict[str, Any] = self._low_level_execute_command("/bin/sh", in_data=script.encode())
        return done


def _script(archive: str, target: str, dest: str, then: str) -> str:
    """Return the shell script that unpacks, completes, switches the link and removes what it pointed to before."""
    parent, name, kept = str(Path(dest).parent), Path(dest).name, Path(target).name
    a, t, d, p = (shlex.quote(text) for text in (archive, target, dest, parent))
    return "\n".join(
        [
            "set -eu; umask 022; export LC_ALL=C.UTF-8",
            f"mkdir -p {p}; rm -rf {t}; mkdir {t}; tar -x -f {a} -C {t} --no-same-owner; cd {t}",
            then,
            f"ln -sfn {shlex.quote(kept)} {d}.new; mv -T {d}.new {d}",
            f"find {p} -maxdepth 1 -name {shlex.quote(name + '-' + '?' * KEY_LENGTH)} ! -name {shlex.quote(kept)}"
            " -exec rm -rf {} +",
        ]
    )
