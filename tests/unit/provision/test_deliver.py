from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from collect.provision.archive import files_of, pack
from tests.support.plugins import plugin

deliver = plugin("delivery/action_plugins/deliver.py")

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="files of root need root")


def archive(folder: Path, content: str) -> Path:
    (folder / "tree").mkdir(exist_ok=True)
    (folder / "tree" / "file").write_text(content)
    pack(folder / "tree", files_of(folder / "tree"), folder / "packed.tar")
    return folder / "packed.tar"


def delivered(tmp_path: Path, content: str, key: str, then: str = "") -> subprocess.CompletedProcess[str]:
    dest = tmp_path / "opt" / "the app"
    script = deliver._script(str(archive(tmp_path, content)), f"{dest}-{key}", str(dest), then)
    return subprocess.run(["/bin/sh"], input=script, text=True, capture_output=True, check=False)


def test_the_link_leads_to_what_was_delivered_last(tmp_path: Path) -> None:
    for content, key in (("one", "a" * 12), ("two", "b" * 12)):
        assert delivered(tmp_path, content, key, "echo more > more").returncode == 0
        assert (tmp_path / "opt" / "the app" / "file").read_text() == content
    names = sorted(path.name for path in (tmp_path / "opt").iterdir())
    assert names == ["the app", f"the app-{'b' * 12}"]


def test_what_fails_leaves_the_one_before(tmp_path: Path) -> None:
    delivered(tmp_path, "one", "a" * 12)
    failed = delivered(tmp_path, "two", "b" * 12, "echo 'no such library' >&2; false")
    assert failed.returncode != 0
    assert failed.stderr == "no such library\n"
    assert (tmp_path / "opt" / "the app" / "file").read_text() == "one"
    assert delivered(tmp_path, "two", "b" * 12).returncode == 0
    assert (tmp_path / "opt" / "the app" / "file").read_text() == "two"
