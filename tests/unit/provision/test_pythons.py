from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from collect.errors import BenchError
from collect.provision.interpreter import bundle
from collect.provision.pythons import ARTICLE, MODERN, Wanted, _search_path, below, find, release_of

BOTH = pytest.mark.parametrize("wanted", [ARTICLE, MODERN])


def says(version: str, *unfit: str) -> str:
    """Return the script of a Python that says it is of that version."""
    told = {"prefix": "/nowhere", "version": version, "config_args": "", "cflags": "-flto", "unfit": unfit}
    return f"#!/bin/sh\necho '{json.dumps(told)}'\n"


def python(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(script)
    (folder / name).chmod(0o755)
    return folder / name


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all that is searched, without uv, which would look elsewhere, too."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setattr("collect.provision.pythons._own_uv", lambda: None)
    for name, value in {"PATH": str(folder), "PYENV_ROOT": str(tmp_path / "pyenv")}.items():
        monkeypatch.setenv(name, value)
    return folder


def test_pyenvs_shims_are_left_out_and_its_releases_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = ("3.8.9", "3.8.18", "3.11.7", "3.12.1", "3.12.10", "3.13.0", "3.13.0t", "3.13.1rc1", "3.13-dev")
    for version in versions:
        (tmp_path / "versions" / version / "bin").mkdir(parents=True)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    path = os.pathsep.join([f"{tmp_path}/shims", "/usr/bin", ""])
    at = f"{tmp_path}/versions"
    assert _search_path(path, ARTICLE) == ["/usr/bin", f"{at}/3.8.18/bin", f"{at}/3.8.9/bin"]
    modern = [f"{at}/{version}/bin" for version in ("3.13.0", "3.12.10", "3.12.1")]
    assert _search_path(path, MODERN) == ["/usr/bin", *modern]


def test_the_most_wanted_is_found_whatever_comes_first_on_the_path(alone: Path) -> None:
    python(alone, "python3.12", says("3.12.9"))
    assert release_of(find(MODERN)) == "3.12"
    python(alone, "python3.13", says("3.13.2"))
    python(alone, "python3.8", says("3.8.18"))
    found = find(MODERN)
    assert (release_of(found), found["lto"], found["pgo"]) == ("3.13", True, False)
    assert release_of(find()) == "3.8"


@pytest.mark.parametrize("unfit", ["not a final release", "free-threaded", "not CPython"])
def test_a_python_that_is_not_as_released_is_passed_over(alone: Path, unfit: str) -> None:
    python(alone, "python3.13", says("3.13.0", unfit))
    with pytest.raises(BenchError, match=f"that Python is {unfit} .*python3.13.*-e python_modern_prefix="):
        find(MODERN)
    python(alone, "python3.12", says("3.12.9"))
    assert find(MODERN)["version"] == "3.12.9"


def test_this_machines_own_pythons_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program that asks is run by a real Python, not only by scripts that answer for one."""
    try:
        found = find(MODERN)
    except BenchError as error:
        pytest.skip(str(error))
    assert release_of(found) in MODERN.releases
    assert {"prefix", "version", "compiler", "config_args", "cflags", "libc", "pgo", "lto"} == set(found)
    assert below(Path(found["prefix"]), MODERN) == found


@BOTH
def test_none_to_be_found_is_said_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: Wanted
) -> None:
    nothing = {"PATH": "/usr/bin:/bin", "PYENV_ROOT": str(tmp_path), "UV_PYTHON_INSTALL_DIR": str(tmp_path)}
    for name, value in {**nothing, "UV_PYTHON_DOWNLOADS": "never", "UV_OFFLINE": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("collect.provision.pythons.shutil.which", lambda *_, **__: None)
    with pytest.raises(BenchError, match=f"there is no {wanted.name} .*-e {wanted.variable}=") as caught:
        bundle(tmp_path / "cache", wanted=wanted)
    assert "\n" not in str(caught.value)


@BOTH
def test_without_uv_it_is_said_that_there_was_none_to_ask(alone: Path, wanted: Wanted) -> None:
    with pytest.raises(BenchError, match=rf"there is no {wanted.name} \(control node; no uv to ask\)"):
        find(wanted)


@BOTH
@pytest.mark.parametrize(
    ("script", "said"),
    [
        (None, "that Python cannot be run"),
        ("#!/bin/sh\necho broken >&2; exit 1\n", r"that Python does not run .*broken"),
        (says("3.9.1"), "that Python is 3.9.1, wanted {}"),
    ],
)
def test_a_prefix_that_does_not_serve_is_named(tmp_path: Path, script: str | None, said: str, wanted: Wanted) -> None:
    name = f"python{wanted.releases[-1]}"
    if script:
        python(tmp_path / "bin", name, script)
    with pytest.raises(BenchError, match=said.format(" or ".join(wanted.releases))) as caught:
        bundle(tmp_path / "cache", str(tmp_path), wanted)
    assert f"{tmp_path}/bin/{name}" in caught.value.where
    assert f"-e {wanted.variable}=" in caught.value.remedy
