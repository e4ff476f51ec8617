"""A run in one file: the same bytes for the same run, and all that checks it in it."""

from __future__ import annotations

import ast
import hashlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from collect.archive.labels import NOTE, add
from collect.archive.store import Archive
from collect.archive.sums import write_sums
from collect.errors import BenchError
from collect.paths import CHECKOUT
from collect.report.figures import run_figures
from collect.transfer import bundle as module
from collect.transfer import standalone
from collect.transfer.bundle import bundle, pinned
from collect.transfer.take import IMPORTED, Taken, importing, items
from collect.transfer.unpack import unpack

DRAWN = {"report.html": b"<p>", "report.findings.md": b"# What"}
Copy = Callable[[str], Path]


def bundled(archive: Archive, path: Path) -> Path:
    bundle(archive, archive.resolve("latest"), path, lambda: DRAWN)
    return path


def unpacked(path: Path, folder: Path) -> Path:
    """Return the one folder that a bundle holds."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as packed:
            packed.extractall(folder)
    else:
        folder.mkdir()
        unpack(path, folder)
    (found,) = folder.iterdir()
    return found


def verify(folder: Path, *arguments: str, site: bool = True) -> tuple[int, str]:
    """Run a bundle's own check in a Python that knows nothing of this checkout, and with no packages on demand."""
    command = [sys.executable, "-I", *(() if site else ("-S",)), "verify.py", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="session")
def folder(sealed: Archive, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An unpacked bundle, which no test may change."""
    place = tmp_path_factory.mktemp("bundle")
    return unpacked(bundled(sealed, place / "run.tar.gz"), place / "unpacked")


@pytest.fixture
def own(folder: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    shutil.copytree(folder, tmp_path / folder.name)
    return tmp_path / folder.name


@pytest.mark.parametrize("ending", [".tar.gz", ".tgz", ".zip"])
def test_the_same_run_gives_the_same_bytes(sealed: Archive, tmp_path: Path, ending: str) -> None:
    one = bundled(sealed, tmp_path / f"one{ending}").read_bytes()
    other = bundled(sealed, tmp_path / f"other{ending}").read_bytes()
    assert hashlib.sha256(one).digest() == hashlib.sha256(other).digest()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"one{ending}", f"other{ending}"]


def test_a_bundle_holds_the_run_to_the_byte_and_what_checks_it(sealed: Archive, folder: Path, tmp_path: Path) -> None:
    run_id = sealed.resolve("latest")
    assert folder.name == f"{run_id}-bundle"
    names = {path.name for path in folder.iterdir()}
    assert names == {run_id, "README.md", "locks", "requirements.lock", "verify.py", *DRAWN}
    zipped = unpacked(bundled(sealed, tmp_path / "run.zip"), tmp_path / "unpacked")
    for place in (folder, zipped):
        assert Archive(place).verify(run_id) == []
        assert (place / "report.html").read_bytes() == b"<p>"
    assert (folder / "locks" / "uv.lock").read_bytes() == (CHECKOUT / "uv.lock").read_bytes()
    readme = (folder / "README.md").read_text()
    assert run_id in readme
    assert hashlib.sha256((sealed.folder(run_id) / "SHA256SUMS").read_bytes()).hexdigest() in readme
    assert "RUN_ID" not in readme
    assert "CITATION" not in readme


def test_labels_go_along_and_a_bundle_can_be_imported(copied: Copy, tmp_path: Path) -> None:
    source = copied("labelled")
    archive = Archive(source.parent)
    add(archive, source.name, NOTE, "a note")
    path = bundled(archive, tmp_path / "run.tar.gz")
    with importing(tmp_path / "new") as importer:
        (done,) = [each for item in items(path) for each in importer.take(item)]
    assert isinstance(done, Taken)
    assert (done.outcome, done.labels) == (IMPORTED, "labels added")
    assert Archive(tmp_path / "new").verify(source.name) == []
    with importing(tmp_path / "newer") as importer:
        folder = unpacked(path, tmp_path / "unpacked")
        (done,) = [each for item in items(folder) for each in importer.take(item)]
    assert isinstance(done, Taken)
    assert (done.outcome, done.labels) == (IMPORTED, "labels added")


def test_it_is_verified_by_nothing_but_python(own: Path) -> None:
    assert verify(own, site=False) == (0, f"{run_id(own)}: every file is as it was sealed\n")
    (own / run_id(own) / "extra").write_text("x")
    manifest = own / run_id(own) / "manifest.json"
    manifest.chmod(0o644)
    manifest.write_bytes(manifest.read_bytes() + b" ")
    (own / run_id(own) / "samples.parquet").unlink()
    code, said = verify(own, site=False)
    assert code == 1
    assert said.splitlines() == [
        "samples.parquet: missing",
        "extra: not in SHA256SUMS",
        "manifest.json: changed",
        f"{run_id(own)}: not as it was sealed",
    ]


def run_id(folder: Path) -> str:
    return folder.name.removesuffix("-bundle")


def test_it_is_written_for_old_pythons_too() -> None:
    source = Path(standalone.__file__).read_text()
    ast.parse(source, feature_version=(3, 8))
    names = {
        name.name.partition(".")[0] if isinstance(node, ast.Import) else str(node.module).partition(".")[0]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert "collect" not in names
    assert names - set(sys.stdlib_module_names) == {"pyarrow"}


def test_main_figures_are_drawn_again_from_the_raw_requests(sealed: Archive, own: Path) -> None:
    code, said = verify(own, "--draw")
    assert code == 0, said
    figures = run_figures(sealed, sealed.resolve("latest"))
    for cell in figures.cells:
        assert cell.rps is not None
        p95 = cell.means["latency_p95_ms"]
        line = next(line for line in said.splitlines() if line.startswith(f"{cell.name}: "))
        assert f" {cell.rps.value:.2f} requests/s over 2 trials, " in line
        assert f"p95 {p95:.3f} ms" in line
    (ratio,) = figures.ratios
    assert ratio.ratio is not None
    assert f"{ratio.top.name} / {ratio.bottom.name}: {ratio.ratio.value:.3f} over 2 blocks" in said
    assert "4 trials: their figures are what their requests say" in said
    picture = ElementTree.parse(own / "figures.svg").getroot()
    texts = [element.text or "" for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {cell.name for cell in figures.cells} <= set(texts)
    assert len(list(picture.iter("{http://www.w3.org/2000/svg}circle"))) == 4 + 2
    assert verify(own)[0] == 0, "the picture lies outside of the run"


def test_figures_that_do_not_follow_from_the_requests_are_told(own: Path) -> None:
    path = own / run_id(own) / "trials.parquet"
    rows = pq.read_table(path)
    wrong = [row | {"latency_p95_ms": row["latency_p95_ms"] * 1.001} for row in rows.to_pylist()]
    for each in (path, own / run_id(own) / "SHA256SUMS"):
        each.chmod(0o644)
    pq.write_table(pa.Table.from_pylist(wrong, schema=rows.schema), path)
    write_sums(own / run_id(own))
    code, said = verify(own, "--draw")
    assert code == 1
    assert "latency_p95_ms is " in said
    assert "not all figures hold" in said


def test_without_pyarrow_it_says_what_to_do(own: Path) -> None:
    code, said = verify(own, "--draw", site=False)
    assert code == 2
    assert "pip install --require-hashes -r requirements.lock" in said


def test_texts_from_the_archive_are_no_markup_and_no_controls() -> None:
    cell: dict[str, Any] = {"cell": '<script>"\x1b[31m', "rps": 1.0, "rates": [1.0]}
    cell |= {f"latency_{name}_ms": 1.0 for name in ("p50", "p95", "p99")}
    drawn = standalone.picture([cell], "a & b")
    ElementTree.fromstring(drawn)
    assert "<script" not in drawn
    assert "\x1b" not in drawn


def test_the_lock_names_pyarrow_alone_by_hash() -> None:
    lines = pinned((CHECKOUT / "uv.lock").read_text()).splitlines()
    assert lines[1] == f"pyarrow=={pa.__version__} \\"
    assert len(lines) > 10
    assert all(line.strip().startswith("--hash=sha256:") for line in lines[2:])
    assert all(line.endswith("\\") for line in lines[1:-1])


def test_what_is_no_bundle(sealed: Archive, copied: Copy, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"a bundle is a \.tar\.gz"):
        bundled(sealed, tmp_path / "run.rar")
    damaged = copied("damaged")
    (damaged / "manifest.json").write_bytes((damaged / "manifest.json").read_bytes() + b" ")
    with pytest.raises(BenchError, match=r"not as it was sealed: manifest.json: changed"):
        bundled(Archive(damaged.parent), tmp_path / "run.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["damaged"]


def test_a_manifest_reaches_no_other_file_of_the_machine(copied: Copy, tmp_path: Path) -> None:
    """It names lock files by path and sum; only the checkout's own lock files are meant."""
    import json

    folder = copied("evil")
    manifest = json.loads((folder / "manifest.json").read_text())
    readme = hashlib.sha256((CHECKOUT / "README.md").read_bytes()).hexdigest()
    manifest["locks"] = {"README.md": readme, "../../etc/hostname": "0" * 64, "/etc/passwd": "0" * 64}
    manifest["git"] = {"commit": "--output=/tmp/out", "dirty": False}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    write_sums(folder)
    found = unpacked(bundled(Archive(folder.parent), tmp_path / "run.zip"), tmp_path / "unpacked")
    assert not (found / "locks").exists()


def test_a_rerun_brings_the_lock_files_that_it_took_over(
    copied: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those are of the commit of the run that it repeats, not of its own."""
    import json

    then, text = "a" * 40, "starlette==0.27.0"
    name, sha256 = "apps/requirements.lock", hashlib.sha256(text.encode()).hexdigest()
    known = {(then, name, sha256): text}
    monkeypatch.setattr(module, "file_at", lambda *wanted: known.get(wanted))
    folder = copied("rerun")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest |= {"locks": {name: sha256}, "git": {"commit": "b" * 40, "dirty": False}}
    manifest["repeats"] = {"run_id": "20260101T000000Z-abcdef", "asked": True, "locks": {name: sha256}, "commit": then}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    write_sums(folder)
    found = unpacked(bundled(Archive(folder.parent), tmp_path / "run.zip"), tmp_path / "unpacked")
    assert (found / "locks" / name).read_text() == text
