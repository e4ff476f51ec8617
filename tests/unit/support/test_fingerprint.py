"""A host before and after: what has come, gone or changed is told, and what changes by itself is not."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.fingerprint import CHANGING, SKIPPED, Fingerprint, assert_same, differences, take
from tests.support.looked_at import files, matches, settings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("etc/passwd", "etc/passwd-", "run/x", "var/log/y", "usr/lib/python3/dist-packages/__pycache__/a.pyc"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def look(root: Path) -> Fingerprint:
    return {"files": files(str(root), list(SKIPPED), list(CHANGING))}


def test_what_changes_by_itself_is_left_out(root: Path) -> None:
    before = look(root)
    for name in ("etc/passwd-", "run/x", "var/log/y", "usr/lib/python3/dist-packages/__pycache__/a.pyc"):
        (root / name).write_text("other")
    (root / "run/new").write_text("")
    assert_same(before, look(root))


def test_content_mode_kind_and_links_count(root: Path) -> None:
    (root / "etc/link").symlink_to("passwd")
    before = look(root)
    (root / "etc/passwd").chmod(0o600)
    (root / "etc/link").unlink()
    (root / "etc/link").symlink_to("shadow")
    (root / "etc/new").mkdir()
    (root / "usr/lib/python3/dist-packages").rename(root / "usr/lib/python3/site-packages")
    told = differences(before, look(root))
    assert [line.split(" ")[1:3] + line.split(" ")[3:4] for line in told if "has" in line] == [
        ["/etc/new", "has", "come"],
        ["/usr/lib/python3/site-packages", "has", "come"],
        ["/usr/lib/python3/dist-packages", "has", "gone"],
    ]
    assert [line.split(" ")[1] for line in told if " was " in line] == ["/etc/link", "/etc/passwd"]
    with pytest.raises(AssertionError, match="/etc/new has come"):
        assert_same(before, look(root))


def test_settings_are_read_and_switches_left_alone(tmp_path: Path) -> None:
    (tmp_path / "setting").write_text("1\n")
    (tmp_path / "switch").write_text("0\n")
    (tmp_path / "switch").chmod(0o200)
    found = settings([str(tmp_path / "*")[1:]], [])
    assert found == {str(tmp_path / "setting"): "1"}


def test_patterns_reach_below() -> None:
    assert matches("/usr/lib/python3.11/json/__pycache__/x.pyc", list(CHANGING))
    assert not matches("/usr/lib/python3.11/json/decoder.py", list(CHANGING))
    assert matches("/var/log", list(SKIPPED))
    assert not matches("/var/lib/bench", list(SKIPPED))


def test_units_of_who_is_logged_in_pass_and_others_that_were_started_for_a_while_do_not() -> None:
    units = {
        "session-84.scope": "transient",
        "user@1000.service": " active",
        "systemd-timedated.service": "static active",
        "bench-trial.service": "transient active",
        "ssh.service": "enabled active",
    }
    found = take(lambda command: json.dumps({"units": units}))["units"]
    assert found == {
        "systemd-timedated.service": "static",
        "bench-trial.service": "transient active",
        "ssh.service": "enabled active",
    }


def test_the_program_fits_a_command_line_and_runs_on_this_machine(tmp_path: Path) -> None:
    asked: list[str] = []

    def run(command: str) -> str:
        asked.append(command)
        # All of this machine would take its time: only one folder of it.
        shown = command.replace('"/sys", ', '"/sys", "/[!e]*", "/e[!t]*", "/etc/[!h]*", ')
        return subprocess.run(["sh", "-c", shown], capture_output=True, text=True, check=True, cwd=tmp_path).stdout

    found = take(run, changing=["/proc/sys/*"])
    assert len(asked[0]) < 16_000
    assert "/etc/hostname" in found["files"] or "/etc/hosts" in found["files"]
    assert not any(name.startswith("/usr") for name in found["files"])
    assert found["sysctls"] == {}
    assert any(line.startswith("root:") for line in found["users"])
    assert os.listdir(tmp_path) == []  # noqa: PTH208
