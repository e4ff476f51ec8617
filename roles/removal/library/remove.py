"""Remove from a host what the testbed has put there, and nothing else; what was there before it stays.

In an order in which it can be cut off at any moment and begun again: the record of what was there before goes last.
"""

from __future__ import annotations

import contextlib
import fcntl
import fnmatch
import os
import shutil
import subprocess
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.belongings import (
    DROP_INS,
    FOLDERS,
    GROUPS,
    MARK,
    RECORD,
    SYSTEMD,
    TRANSIENT,
    UNITS,
    USERS,
    BelongingsError,
    Host,
)

ALL_UNITS = (*UNITS, *TRANSIENT)
TUNED = "var/lib/bench/tuning.json"
RUNTIME = ("run/systemd/system", "run/systemd/system.control", "run/systemd/transient")
TIMEOUT_S = 120


def run(*command: str, must: bool = True) -> str:
    """Return what a command prints. Raises BelongingsError where it has to end well and does not."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, env=environment, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BelongingsError(f"{command[0]}: {error}", "run it by hand there to see more") from None
    if done.returncode and must:
        said = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise BelongingsError(f"{' '.join(command[:4])}: {said}", "mend that and run playbooks/down.yml again")
    return done.stdout


class Removal:
    """The removal from one host."""

    def __init__(self, host: Host, *, dry: bool) -> None:
        """Take the host, and whether it is only to be told what would go. Raises BelongingsError."""
        self.host, self.dry = host, dry
        self.record = host.record()
        self.removed: list[str] = []
        self.kept: list[str] = []

    def all(self, *, packages: bool) -> None:
        """Remove what there is. Raises BelongingsError or OSError."""
        if not self.host.was_provisioned():
            return
        if self.host.path(TUNED).exists() and not self.dry:
            remedy = "run playbooks/restore.yml, or reboot the host, then run this again"
            raise BelongingsError("what was tuned is not put back", remedy)
        self.units()
        self.users()
        for name in FOLDERS:
            self.folder(name)
        self.ansible()
        self.packages(wanted=packages)
        self.file(MARK)
        self.own_folder()

    def units(self) -> None:
        """Stop and remove the units, and what systemd was told of them."""
        found = [name for name in (*ALL_UNITS, DROP_INS) if any(self._files_of(name))]
        if not found:
            return
        if not self.dry:
            run("systemctl", "stop", *map(_pattern, ALL_UNITS), must=False)
            if left := self._active():
                raise BelongingsError(f"{', '.join(left)} cannot be stopped", "stop it there, then run this again")
        for name in found:
            for path in self._files_of(name):
                self._remove(path)
                if path.parent.suffix == ".wants" and not self.dry and not any(path.parent.iterdir()):
                    path.parent.rmdir()
        if not self.dry:
            run("systemctl", "daemon-reload")
            run("systemctl", "reset-failed", *map(_pattern, ALL_UNITS), must=False)

    def _files_of(self, name: str) -> list[Path]:
        """Return the files and folders of a unit, or of a template's instances: themselves, drop-ins, links to them."""
        pattern = _pattern(name)
        folders = [self.host.path(folder) for folder in (SYSTEMD, *RUNTIME)]
        wants = self.host.path(SYSTEMD).glob("*.wants")
        found = [path for folder in folders for path in _entries(folder, pattern, f"{pattern}.d")]
        found += [path for folder in wants for path in _entries(folder, pattern)]
        return sorted(set(found))

    def _active(self) -> list[str]:
        states = "--state=active,activating,deactivating,reloading"
        said = run("systemctl", "list-units", "--plain", "--no-legend", states, *map(_pattern, ALL_UNITS))
        names = [line.split()[0] for line in said.splitlines() if line.strip()]
        return [name for name in names if not name.endswith(".slice")]

    def users(self) -> None:
        """Remove users and groups, but for those that were there before."""
        for name in sorted(self.host.names("etc/passwd") & set(USERS) - set(self.record["users"])):
            self.removed.append(f"user {name}")
            if not self.dry:
                run("userdel", name)
        # A user's own group goes with it.
        for name in sorted(self.host.names("etc/group") & set(GROUPS) - set(self.record["groups"])):
            self.removed.append(f"group {name}")
            if not self.dry:
                run("groupdel", name)

    def folder(self, name: str) -> None:
        """Remove a folder; one that was there before, and empty, is emptied."""
        path = self.host.path(name)
        if name in self.record["folders"] and path.is_dir():
            for inside in sorted(path.iterdir()):
                self._remove(inside)
        elif path.exists() or path.is_symlink():
            self._remove(path)

    def file(self, name: str) -> None:
        """Remove a file."""
        if self.host.path(name).exists():
            self._remove(self.host.path(name))

    def ansible(self) -> None:
        """Remove what Ansible has left in the home of the user who logs in, where it was not there and is empty now."""
        known = self.record.get("ansible") or {}
        if not known or known["there"]:
            return
        folder = self.host.path(known["folder"])
        for path in (folder / "tmp", folder):
            if path.is_dir() and not any(path.iterdir()):
                self._remove(path)

    def packages(self, *, wanted: bool) -> None:
        """Remove the packages that came with the testbed, where that is wanted; else say which they are.

        Those of which that is not sure stay in any case. As long as there are some their services stay masked: nothing
        is to serve that did not before.
        """
        installed, pending = self.host.packages(), self.record["pending"]
        came = sorted(installed & set(self.record["packages"]))
        maybe = {*self.record["maybe"], *(installed - set(pending) if pending is not None else ())}
        unsure = sorted(installed & maybe - set(came))
        masked = [unit for unit in self.record["masked"] if self.host.is_masked(unit)]
        if came and wanted:
            self.removed += [f"package {name}" for name in came]
            if not self.dry:
                # Never one of which another depends: dpkg then refuses.
                run("dpkg", "--purge", *came)
        elif came:
            self.kept.append(f"the packages {' '.join(came)} (-e bench_remove_packages=true removes them)")
        if unsure:
            told = f"the packages {' '.join(unsure)}, which may have come with the testbed: a run was cut off"
            self.kept.append(told)
        if unsure or (came and not wanted):
            self.kept += [f"the mask of {unit}" for unit in masked]
            return
        for unit in masked:
            self._remove(self.host.path(f"{SYSTEMD}/{unit}"))
        if masked and not self.dry:
            run("systemctl", "daemon-reload")

    def own_folder(self) -> None:
        """Remove the testbed's own folder, the record last."""
        path = self.host.path(self.host.prefix)
        if not path.is_dir():
            return
        record = path / RECORD
        for inside in sorted(path.iterdir()):
            if inside != record:
                self._remove(inside, told=False)
        self.removed.append(f"/{self.host.prefix}")
        if self.dry:
            return
        with contextlib.suppress(FileNotFoundError):
            record.unlink()
        if self.host.prefix not in self.record["folders"]:
            path.rmdir()
        for name in sorted(self.record["parents"], reverse=True):  # the deepest first
            parent = self.host.path(name)
            if parent.is_dir() and not any(parent.iterdir()):
                parent.rmdir()

    def _remove(self, path: Path, *, told: bool = True) -> None:
        if told:
            self.removed.append(f"/{path.relative_to(self.host.root)}")
        if self.dry:
            return
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _entries(folder: Path, *patterns: str) -> list[Path]:
    """Return what is in a folder under such names: links that lead nowhere, too, which Path.glob may pass over."""
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if any(fnmatch.fnmatchcase(path.name, each) for each in patterns)]


def _pattern(name: str) -> str:
    """Return what matches a unit, of a template its instances."""
    return name.replace("@", "@*")


def main() -> None:
    """Remove, or say what would be removed."""
    module = AnsibleModule(
        {
            "prefix": {"type": "path", "required": True},
            "host": {"type": "str", "required": True},
            "packages": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    try:
        # Two names may be of one machine: one after the other, until this process ends.
        fcntl.flock(os.open("/run", os.O_RDONLY), fcntl.LOCK_EX)
        removal = Removal(Host(Path("/"), wanted["prefix"]), dry=module.check_mode)
        removal.all(packages=wanted["packages"])
    except BelongingsError as error:
        module.fail_json(msg=f"{error.what} ({wanted['host']}): {error.remedy}")
    except OSError as error:
        module.fail_json(msg=f"{error} ({wanted['host']}): mend that and run playbooks/down.yml again")
    module.exit_json(changed=bool(removal.removed), removed=removal.removed, kept=removal.kept)


if __name__ == "__main__":
    main()
