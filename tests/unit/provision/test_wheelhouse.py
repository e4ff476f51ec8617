from __future__ import annotations

import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from collect.errors import BenchError
from collect.provision.archive import sha256
from collect.provision.wheelhouse import Lock, _build, fill

OWN = f"cp{sys.version_info.major}{sys.version_info.minor}"
METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
TAGS = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def wheel(folder: Path, name: str, version: str = "1.0", tags: str = "py3-none-any") -> Path:
    """Make a wheel that pip takes for one."""
    path = folder / f"{name}-{version}-{tags}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"version = {version!r}\n")
        info = f"{name}-{version}.dist-info"
        archive.writestr(f"{info}/METADATA", METADATA.format(name=name, version=version))
        archive.writestr(f"{info}/WHEEL", TAGS)
        archive.writestr(f"{info}/RECORD", "")
    return path


def lock(folder: Path, name: str, *files: Path, wrong: bool = False, python: str = "3.8") -> Lock:
    """Make a lock of files; several of one package and version are its alternatives."""
    hashes: dict[str, list[str]] = {}
    for path in files:
        package, version = path.name.split("-")[:2]
        hashes.setdefault(f"{package}=={version}", []).append("0" * 64 if wrong else sha256(path))
    pins = [" ".join([pin, *(f"--hash=sha256:{found}" for found in of)]) + "\n" for pin, of in hashes.items()]
    (folder / f"{name}.lock").write_text("".join(pins))
    return Lock(name, folder / f"{name}.lock", python)


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


TAGS_OF = {
    "3.8": "cp38-cp38-manylinux2014_x86_64",
    "3.12": "cp312-cp312-manylinux2014_x86_64.manylinux_2_17_x86_64",
    "3.13": "cp313-cp313-manylinux_2_24_x86_64.manylinux_2_28_x86_64",
}


@pytest.mark.parametrize("python", TAGS_OF)
def test_the_wheels_are_those_of_the_python_that_is_to_run_them(
    tmp_path: Path, index: Path, tools: Lock, python: str
) -> None:
    every = [wheel(index, "demo", tags=tags) for tags in TAGS_OF.values()]
    folder = fill(lock(tmp_path, "app", *every, python=python), tools, tmp_path / "cache")
    assert [path.name for path in folder.glob("demo-*")] == [f"demo-1.0-{TAGS_OF[python]}.whl"]


@pytest.mark.parametrize("python", ["3.12", "3.13"])
def test_a_modern_python_takes_stable_abis_and_pure_wheels(
    tmp_path: Path, index: Path, tools: Lock, python: str
) -> None:
    older, newest = "cp39-abi3-manylinux_2_28_x86_64", "cp312-abi3-manylinux2014_x86_64"
    every = [
        wheel(index, f"demo{number}", tags=tags)
        for number, tags in enumerate(
            (older, newest, "py3-none-any", "py2.py3-none-any", "py3-none-manylinux_2_17_x86_64")
        )
    ]
    folder = fill(lock(tmp_path, "app", *every, python=python), tools, tmp_path / "cache")
    assert {path.name for path in folder.glob("demo*")} == {path.name for path in every}


@pytest.mark.parametrize(
    ("tags", "python", "said"),
    [
        ("cp312-cp312-manylinux_2_28_x86_64", "3.13", "cp313"),
        ("cp313-cp313t-manylinux_2_28_x86_64", "3.13", "cp313"),
        ("cp313-cp313-manylinux_2_39_x86_64", "3.13", "cp313"),
        ("cp313-abi3-manylinux_2_28_x86_64", "3.12", "cp312"),
        ("cp38-cp38-manylinux_2_28_x86_64", "3.8", "cp38"),
    ],
)
def test_a_wheel_that_is_missing_for_a_python_is_named(
    tmp_path: Path, index: Path, tools: Lock, tags: str, python: str, said: str
) -> None:
    app = lock(tmp_path, "app", wheel(index, "demo", tags=tags), python=python)
    with pytest.raises(BenchError, match=rf"demo==1\.0 .*app\.lock.* has it for {said}, ") as caught:
        fill(app, tools, tmp_path / "cache")
    assert "\n" not in str(caught.value)


def test_the_same_lock_for_another_python_is_another_folder(tmp_path: Path, index: Path, tools: Lock) -> None:
    demo = wheel(index, "demo")
    keys = {python: lock(tmp_path, "app", demo, python=python).key for python in ("3.8", "3.12", "3.13")}
    key = sha256(tmp_path / "app.lock")[:12]
    assert keys == {"3.8": key, "3.12": f"{key}-cp312", "3.13": f"{key}-cp313"}


def test_the_articles_wheels_are_kept_under_the_name_that_caches_have(tmp_path: Path, index: Path, tools: Lock) -> None:
    app = lock(tmp_path, "app", wheel(index, "demo"))
    name = f"app-{sha256(app.path)[:12]}-{sha256(tools.path)[:12]}-1"
    assert fill(app, tools, tmp_path / "cache").name == name


@pytest.fixture
def builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Build a source into a wheel of the given tags, beside a downloaded one, for the control node's own release.

    There the wheels that were downloaded carry the same tag as what a compiler would have made.
    """

    def build(tags: str) -> None:
        wheel(tmp_path, "downloaded", tags=f"{OWN}-{OWN}-manylinux_2_28_x86_64")
        (tmp_path / "demo-1.0.tar.gz").write_text("")
        monkeypatch.setattr("collect.provision.wheelhouse._pip", lambda *_, **__: wheel(tmp_path, "demo", tags=tags))
        app = Lock("app", tmp_path / "app.lock", f"{sys.version_info.major}.{sys.version_info.minor}")
        _build([tmp_path / "demo-1.0.tar.gz"], tmp_path, app, tmp_path)

    return build


def test_what_is_downloaded_need_not_be_pure(tmp_path: Path, builds: Callable[[str], None]) -> None:
    builds("py3-none-any")
    assert len(list(tmp_path.glob("*.whl"))) == 2
    assert not (tmp_path / "demo-1.0.tar.gz").exists()


def test_what_is_built_from_source_must_be_pure(builds: Callable[[str], None]) -> None:
    with pytest.raises(BenchError, match=f"demo-1.0-{OWN}-{OWN}-linux_x86_64.whl is not for .* has a {OWN} wheel"):
        builds(f"{OWN}-{OWN}-linux_x86_64")


def test_a_lock_that_is_not_there_is_named(tmp_path: Path, index: Path, tools: Lock) -> None:
    with pytest.raises(BenchError, match=r"there is no such lock file .*none\.lock"):
        fill(Lock("app", tmp_path / "none.lock"), tools, tmp_path / "cache")
