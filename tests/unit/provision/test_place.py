from __future__ import annotations

import base64
import grp
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.plugins import plugin

place = plugin("delivery/action_plugins/place.py")
GROUP = grp.getgrgid(os.getgid()).gr_name

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="files of root need root")


def file(dest: Path, content: str, **other: Any) -> Any:
    given = {"group": GROUP, "mode": "0640", "secret": False, "validate": "", **other}
    return place.File(dest=str(dest), content=content, **given)


def shell(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh"], input=f"set -eu; umask 077\n{script}", text=True, capture_output=True, check=False
    )


def look(*files: Any) -> list[str]:
    return shell(place.look(list(files))).stdout.splitlines()


def test_a_file_is_written_as_it_should_be_and_then_found_so(tmp_path: Path) -> None:
    wanted = file(tmp_path / "it's new" / "a file", 'what\'s in it: $HOME `id` \\ "ü"\n')
    assert look(wanted) == [""]
    assert shell(place.write(wanted)).returncode == 0
    assert Path(wanted.dest).read_text() == wanted.content
    assert look(wanted) == [f"{wanted.state} {place.encoded(wanted.content)}"]
    assert Path(wanted.dest).parent.stat().st_mode & 0o777 == 0o755
    assert [path.name for path in Path(wanted.dest).parent.iterdir()] == ["a file"]


def test_a_wrong_mode_is_seen(tmp_path: Path) -> None:
    wanted = file(tmp_path / "a", "text\n")
    shell(place.write(wanted))
    (tmp_path / "a").chmod(0o644)
    assert look(wanted) == [f"root {GROUP} 644 {place.encoded('text' + chr(10))}"]


def test_what_is_not_valid_does_not_land(tmp_path: Path) -> None:
    shell(place.write(file(tmp_path / "a", "good\n")))
    refused = shell(place.write(file(tmp_path / "a", "bad\n", validate='grep -q good "$0"')))
    assert refused.returncode == 1
    assert refused.stdout == f"{tmp_path}/a as it would be is not valid\n"
    assert (tmp_path / "a").read_text() == "good\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_difference_shows_both_sides_but_no_secret() -> None:
    before = f"root root 644 {base64.b64encode(b'old').decode()}"
    shown = place.difference(file(Path("/etc/x"), "new"), before)
    assert (shown["before"], shown["after"]) == ("old", "new")
    hidden = place.difference(file(Path("/etc/x"), "new", secret=True), before)
    assert "old" not in str(hidden)
    assert "new" not in str(hidden)


def test_systemd_is_told_of_units_only() -> None:
    assert place.reload([file(Path("/etc/bench/app.env"), "")]) == []
    assert place.reload([file(Path("/etc/systemd/system/a.service"), "")]) == ["systemctl daemon-reload"]
