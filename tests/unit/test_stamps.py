"""How a change of a run's files shows, and what else an entry is made by."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from collect.archive import stamps
from collect.archive.fingerprint import PACKAGE, source_files
from collect.archive.store import Archive
from tests.support.replicas import Replicas

TICK_S = 0.012


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    replicas = Replicas(tmp_path / "replicas")
    for number in range(3):
        replicas.add(tmp_path / "archive", number)
    return Archive(tmp_path / "archive")


def test_a_cold_disk_is_asked_by_several_threads(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    found = stamps.scan(archive.path)
    asking: set[int] = set()
    ask = stamps.stamp_of

    def noted(folder: str) -> stamps.Stamp | None:
        asking.add(threading.get_ident())
        return ask(folder)

    monkeypatch.setattr(stamps, "stamp_of", noted)
    assert stamps.scan(archive.path) == found
    monkeypatch.setattr(stamps, "SLOW_S", 0.0)
    monkeypatch.setattr(stamps, "AT_A_TIME", 1)
    assert stamps.scan(archive.path) == found
    assert asking - {threading.get_ident()}
    assert list(found) == archive.run_ids()


@pytest.mark.parametrize("name", stamps.NAMES)
def test_a_stamp_shows_every_change(archive: Archive, name: str) -> None:
    folder = archive.folder(archive.run_ids()[0])
    seen = [stamps.stamp_of(str(folder))]
    path = folder / name
    before = path.stat()
    for change in (
        lambda: path.write_bytes(path.read_bytes()),
        lambda: os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns)),
        lambda: path.chmod(0o600),
        lambda: shutil.copy2(path, folder / "x") and (folder / "x").replace(path),
        lambda: os.truncate(path, 3),
        lambda: path.unlink(),
    ):
        time.sleep(TICK_S)
        change()
        seen.append(stamps.stamp_of(str(folder)))
    assert all(one != other for at, one in enumerate(seen) for other in seen[:at])
    assert (seen[-1] is None) == (name == "SHA256SUMS")


SHOWING = """
import json, sys
from pathlib import Path
from collect.archive import stamps
stamps.SETTLED_NS = 0
from collect.archive.kept import keep
from collect.archive.store import Archive
archive = Archive(Path(sys.argv[1]))
assert keep(archive, archive.run_ids()[0])
print(json.dumps([m.__file__ for name, m in sys.modules.items() if name.split(".")[0] == "collect" and m.__file__]))
"""


def test_all_that_an_entry_is_made_by_is_in_the_fingerprint(archive: Archive) -> None:
    command = [sys.executable, "-c", SHOWING, str(archive.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    loaded = {Path(name) for name in json.loads(done.stdout)}
    assert len(loaded) > 20
    assert {path.relative_to(PACKAGE).as_posix() for path in loaded - set(source_files())} == set()
    assert set((PACKAGE / "data").glob("*.yml")) <= set(source_files())
