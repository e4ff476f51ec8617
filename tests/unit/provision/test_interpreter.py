from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from collect.errors import BenchError
from collect.provision.archive import sha256
from collect.provision.interpreter import bundle
from collect.provision.pythons import ARTICLE, MODERN, Wanted, find

PROGRAM = (
    "import asyncio, json, ssl, sys, sysconfig, venv;"
    " print(json.dumps([sys.version_info[:2], sys.prefix, [path for path in sys.path if path]]))"
)


@pytest.fixture(scope="module")
def prefix() -> str:
    """The prefix of the Python 3.8 on this machine."""
    return prefix_of("3.8", ARTICLE)


def prefix_of(release: str, wanted: Wanted) -> str:
    try:
        return str(find(replace(wanted, releases=(release,), installed=release))["prefix"])
    except BenchError as error:
        pytest.skip(str(error))


def test_the_same_interpreter_is_the_same_bytes(tmp_path: Path, prefix: str) -> None:
    one, other = bundle(tmp_path / "one", prefix), bundle(tmp_path / "other", prefix)
    assert one.sha256 == other.sha256
    assert sha256(one.path) == sha256(other.path)


@pytest.mark.parametrize(("release", "wanted"), [("3.8", ARTICLE), ("3.12", MODERN), ("3.13", MODERN)])
def test_a_bundle_runs_where_it_is_unpacked_and_says_what_it_is(tmp_path: Path, release: str, wanted: Wanted) -> None:
    packed = bundle(tmp_path / "cache", prefix_of(release, wanted), wanted)
    place = tmp_path / "a place of its own"
    with tarfile.open(packed.path) as tar:
        tar.extractall(place, filter="tar")
    said = subprocess.run(
        [place / "bin" / "python3", "-c", PROGRAM], env={"PATH": os.defpath}, capture_output=True, check=True
    )
    version, where, path = json.loads(said.stdout)
    assert (".".join(map(str, version)), where) == (release, str(place))
    assert all(folder.startswith(f"{place}/lib/") for folder in path)
    # What the loader takes: the library that lies beside it where there is one, and no other Python of this machine.
    loaded = subprocess.run(["ldd", place / "bin" / f"python{release}"], capture_output=True, text=True, check=True)
    for line in loaded.stdout.splitlines():
        assert "libpython" not in line or f"=> {place}/" in line
    facts = json.loads((place / "BUNDLE.json").read_text())
    assert facts == packed.facts
    assert facts["version"].startswith(f"{release}.")
    assert {"version", "compiler", "config_args", "pgo", "lto", "sha256"} <= set(facts)
    assert "unfit" not in facts
    assert list(place.glob(f"lib/python{release}/__pycache__/os.*.pyc"))
    assert not list(place.rglob("site-packages/*"))
    assert not list(place.glob(f"lib/python{release}/test"))
    assert {path.name.split(".so")[0] for path in place.glob("lib/libpython3.[0-9]*")} <= {f"libpython{release}"}


def test_the_articles_python_is_kept_under_the_name_that_caches_have(tmp_path: Path, prefix: str) -> None:
    assert bundle(tmp_path).path == tmp_path / "python" / "found-1" / "python.tar"
    key = hashlib.sha256(prefix.encode()).hexdigest()[:12]
    assert bundle(tmp_path, prefix).path == tmp_path / "python" / f"{key}-1" / "python.tar"


def test_each_wanted_python_is_kept_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []

    def make(python: dict[str, Any], folder: Path, remedy: str) -> None:
        made.append(folder)
        folder.mkdir(parents=True)
        (folder / "BUNDLE.json").write_text(json.dumps({"sha256": python["version"]}))

    monkeypatch.setattr("collect.provision.interpreter._make", make)
    monkeypatch.setattr("collect.provision.interpreter.find", lambda wanted: {"version": wanted.releases[0]})
    wanted = (ARTICLE, MODERN, ARTICLE, MODERN)
    assert [bundle(tmp_path, "", one).sha256 for one in wanted] == ["3.8", "3.13", "3.8", "3.13"]
    assert len(made) == len(set(made)) == 2


def test_what_was_packed_is_kept(tmp_path: Path, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = bundle(tmp_path, prefix)
    monkeypatch.setattr("collect.provision.interpreter._make", lambda *_: pytest.fail("packed again"))
    assert bundle(tmp_path, prefix) == first
