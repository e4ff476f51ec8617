from __future__ import annotations

import json
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from collect.errors import BenchError
from collect.provision.archive import sha256
from collect.provision.interpreter import _search_path, bundle, find

OTHER = """#!/bin/sh
echo '{"version": "3.9.1", "config_args": "", "cflags": ""}'
"""
NO_DOWNLOADS = {"UV_PYTHON_DOWNLOADS": "never", "UV_OFFLINE": "1"}


@pytest.fixture(scope="module")
def prefix() -> str:
    """The prefix of the Python 3.8 on this machine."""
    try:
        return str(find()["prefix"])
    except BenchError as error:
        pytest.skip(str(error))


def test_pyenvs_shims_are_left_out_and_its_versions_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "versions" / "3.8.18" / "bin").mkdir(parents=True)
    (tmp_path / "versions" / "3.11.7" / "bin").mkdir(parents=True)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    path = os.pathsep.join([f"{tmp_path}/shims", "/usr/bin", ""])
    assert _search_path(path) == ["/usr/bin", f"{tmp_path}/versions/3.8.18/bin"]


def test_the_same_interpreter_is_the_same_bytes(tmp_path: Path, prefix: str) -> None:
    one, other = bundle(tmp_path / "one", prefix), bundle(tmp_path / "other", prefix)
    assert one.sha256 == other.sha256
    assert sha256(one.path) == sha256(other.path)


def test_a_bundle_runs_where_it_is_unpacked_and_says_what_it_is(tmp_path: Path, prefix: str) -> None:
    packed = bundle(tmp_path / "cache", prefix)
    place = tmp_path / "a place of its own"
    with tarfile.open(packed.path) as tar:
        tar.extractall(place, filter="tar")
    program = "import json, ssl, sys, sysconfig; print(json.dumps([sys.version_info[:2], sys.prefix]))"
    said = subprocess.run(
        [place / "bin" / "python3.8", "-c", program], env={"PATH": os.defpath}, capture_output=True, check=True
    )
    assert json.loads(said.stdout) == [[3, 8], str(place)]
    facts = json.loads((place / "BUNDLE.json").read_text())
    assert facts == packed.facts
    assert {"version", "compiler", "config_args", "pgo", "lto", "sha256"} <= set(facts)
    assert not list(place.rglob("site-packages/*"))
    assert not list(place.glob("lib/python3.8/test"))


def test_what_was_packed_is_kept(tmp_path: Path, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = bundle(tmp_path, prefix)
    monkeypatch.setattr("collect.provision.interpreter._make", lambda *_: pytest.fail("packed again"))
    assert bundle(tmp_path, prefix) == first


def test_none_to_be_found_is_said_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**NO_DOWNLOADS, "PATH": "/usr/bin:/bin", "PYENV_ROOT": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path))
    with pytest.raises(BenchError, match=r"there is no Python 3\.8 .*-e python_prefix="):
        bundle(tmp_path / "cache")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (None, "that Python cannot be run"),
        ("#!/bin/sh\necho broken >&2; exit 1\n", r"that Python does not run .*broken"),
        (
            """#!/bin/sh\necho '{"version": "3.9.1", "config_args": "", "cflags": ""}'\n""",
            "that Python is 3.9.1, wanted 3.8",
        ),
    ],
)
def test_a_prefix_that_does_not_serve_is_named(tmp_path: Path, script: str | None, said: str) -> None:
    python = tmp_path / "bin" / "python3.8"
    python.parent.mkdir()
    if script:
        python.write_text(script)
        python.chmod(0o755)
    with pytest.raises(BenchError, match=said) as caught:
        bundle(tmp_path / "cache", str(tmp_path))
    assert str(python) in caught.value.where
