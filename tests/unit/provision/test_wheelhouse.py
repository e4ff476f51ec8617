from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from collect.errors import BenchError
from collect.provision.archive import sha256
from collect.provision.wheelhouse import Lock, fill

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
TAGS = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def wheel(folder: Path, name: str, version: str = "1.0") -> Path:
    """Make a wheel that pip takes for one."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"version = {version!r}\n")
        info = f"{name}-{version}.dist-info"
        archive.writestr(f"{info}/METADATA", METADATA.format(name=name, version=version))
        archive.writestr(f"{info}/WHEEL", TAGS)
        archive.writestr(f"{info}/RECORD", "")
    return path


def lock(folder: Path, name: str, *wheels: Path, wrong: bool = False) -> Lock:
    pins = [
        f"{path.name.split('-')[0]}=={path.name.split('-')[1]} --hash=sha256:{'0' * 64 if wrong else sha256(path)}\n"
        for path in wheels
    ]
    (folder / f"{name}.lock").write_text("".join(pins))
    return Lock(name, folder / f"{name}.lock")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all that pip knows."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def tools(tmp_path: Path, index: Path) -> Lock:
    return lock(tmp_path, "tools", wheel(index, "pip"), wheel(index, "setuptools"))


def test_a_wheelhouse_holds_the_wheels_their_hashes_and_pip(tmp_path: Path, index: Path, tools: Lock) -> None:
    demo = wheel(index, "demo")
    folder = fill(lock(tmp_path, "app", demo), tools, tmp_path / "cache")
    assert sorted(path.name for path in folder.iterdir()) == [
        "SHA256SUMS",
        "demo-1.0-py3-none-any.whl",
        "pip-1.0-py3-none-any.whl",
        "requirements.txt",
    ]
    assert (folder / "requirements.txt").read_text() == f"demo==1.0 --hash=sha256:{sha256(demo)}\n"


def test_what_is_there_is_not_asked_for_again(tmp_path: Path, index: Path, tools: Lock) -> None:
    app = lock(tmp_path, "app", wheel(index, "demo"))
    folder = fill(app, tools, tmp_path / "cache")
    for path in index.iterdir():
        path.unlink()
    assert fill(app, tools, tmp_path / "cache") == folder


def test_another_lock_is_another_folder(tmp_path: Path, index: Path, tools: Lock) -> None:
    first = fill(lock(tmp_path, "app", wheel(index, "demo")), tools, tmp_path / "cache")
    assert fill(lock(tmp_path, "app", wheel(index, "demo", "1.1")), tools, tmp_path / "cache") != first


def test_a_download_with_the_wrong_hash_is_named(tmp_path: Path, index: Path, tools: Lock) -> None:
    with pytest.raises(BenchError, match=r"demo-1\.0-py3-none-any\.whl has the wrong hash [0-9a-f]{16}…") as caught:
        fill(lock(tmp_path, "app", wheel(index, "demo"), wrong=True), tools, tmp_path / "cache")
    assert "app.lock" in caught.value.where
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "cache" / "wheelhouse").glob("app-*"))


def test_a_kept_wheel_with_the_wrong_hash_is_named(tmp_path: Path, index: Path, tools: Lock) -> None:
    app = lock(tmp_path, "app", wheel(index, "demo"))
    folder = fill(app, tools, tmp_path / "cache")
    (folder / "demo-1.0-py3-none-any.whl").write_bytes(b"something else")
    with pytest.raises(BenchError, match=r"demo-1\.0-py3-none-any\.whl has the wrong hash") as caught:
        fill(app, tools, tmp_path / "cache")
    assert folder.name in caught.value.where
    (folder / "demo-1.0-py3-none-any.whl").unlink()
    with pytest.raises(BenchError, match="is missing"):
        fill(app, tools, tmp_path / "cache")


def test_a_package_that_is_not_to_be_had_is_named(tmp_path: Path, index: Path, tools: Lock) -> None:
    demo = wheel(index, "demo")
    app = lock(tmp_path, "app", demo)
    demo.unlink()
    with pytest.raises(BenchError, match=r"demo==1\.0") as caught:
        fill(app, tools, tmp_path / "cache")
    assert "\n" not in str(caught.value)
