"""A run in one file, to be handed on or published: its data as sealed, labels, report, sentences, and what checks it.

The same run, checkout and report give the same bytes: names in order, one moment for all, no owner.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from collect.archive.citation import citation
from collect.archive.labels import path_of
from collect.archive.provenance import LOCKS, file_at
from collect.archive.store import Archive, Manifest
from collect.archive.sums import NAME as SUMS
from collect.archive.sums import files_below
from collect.errors import BenchError
from collect.paths import CHECKOUT, DATA_DIR, shown
from collect.rerun.repeats import repeats_of
from collect.transfer.output import whole
from collect.transfer.unpack import told

REPORT = "report.html"
COMMAND = "from collect.cli import main; raise SystemExit(main())"
EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)
"""A zip knows no earlier moment."""
LEVEL = 6
MODE = 0o644

Content = bytes | Path
Members = Sequence[tuple[str, Content]]


def bundle(archive: Archive, run_id: str, output: Path, draw_it: Callable[[], Mapping[str, bytes]]) -> None:
    """Write a run to ``output``, a .tar.gz, .tgz or .zip, with what ``draw_it`` returns: files drawn of it, by name.

    Raises BenchError when the run is not as it was sealed, or the file has another ending or cannot be written.
    """
    write = _writer(output)
    if problems := archive.verify(run_id):
        problem = f"the run is not as it was sealed: {told(problems[0])}"
        raise BenchError(problem, run_id, f"see `collect verify {run_id}`")
    manifest = archive.manifest(run_id)
    members = sorted(_members(archive, run_id, manifest, draw_it()).items())
    with whole(output) as temporary, temporary.open("wb") as file:
        write(file, [(f"{run_id}-bundle/{name}", content) for name, content in members], _moment(manifest))


def draw(archive: Archive, run_id: str) -> dict[str, bytes]:
    """Return report and sentences of a run by their names; BenchError where they cannot be drawn.

    They are drawn by a process of their own: what a report calls its parts depends on what was drawn before it.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, REPORT)
        place = str(archive.path.resolve())
        command = [sys.executable, "-c", COMMAND, "report", run_id, "-o", str(report), "--archive", place]
        fixed = os.environ | {"PYTHONHASHSEED": "0"}
        done = subprocess.run(command, capture_output=True, text=True, env=fixed, cwd=CHECKOUT, check=False)
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["the report could not be drawn"]
            raise BenchError.from_line(told(said[-1]), run_id, f"see `collect report {run_id}`")
        return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def pinned(lock: str) -> str:
    """Return what pip needs to install pyarrow, by hash, as a uv.lock has it."""
    (package,) = (each for each in tomllib.loads(lock)["package"] if each["name"] == "pyarrow")
    hashes = sorted({wheel["hash"] for wheel in package["wheels"]})
    lines = [f"pyarrow=={package['version']}", *(f"    --hash={each}" for each in hashes)]
    head = "# What `verify.py --draw` needs: pip install --require-hashes -r requirements.lock\n"
    return head + " \\\n".join(lines) + "\n"


def _members(archive: Archive, run_id: str, manifest: Manifest, drawn: Mapping[str, bytes]) -> dict[str, Content]:
    """Return what is in a bundle, by name."""
    folder = archive.folder(run_id)
    found: dict[str, Content] = {f"{run_id}/{name}": folder / name for name in (*files_below(folder), SUMS)}
    if (labels := path_of(archive, run_id)).is_file():
        found[labels.name] = labels.read_bytes()
    found |= drawn
    found |= {f"locks/{name}": content for name, content in _locks(manifest).items()}
    found["requirements.lock"] = pinned((CHECKOUT / "uv.lock").read_text(encoding="utf-8")).encode()
    found["verify.py"] = Path(__file__).with_name("standalone.py").read_bytes()
    words = (DATA_DIR / "bundle_readme.md").read_text(encoding="utf-8")
    cited = citation(archive, run_id, manifest).text
    found["README.md"] = words.replace("RUN_ID", run_id).replace("CITATION", cited).encode()
    return found


def _locks(manifest: Manifest) -> dict[str, bytes]:
    """Return the lock files that the run was made with, by path, as far as the checkout still knows them.

    A manifest may come from anywhere: it names which of the checkout's own lock files are meant, and in which state.
    A rerun may have those of the commit of the run that it repeats.
    """
    repeats = repeats_of(manifest)
    commits = [(manifest.get("git") or {}).get("commit"), repeats.commit if repeats else None]
    known = {path.relative_to(CHECKOUT).as_posix() for pattern in LOCKS for path in CHECKOUT.glob(pattern)}
    found = {}
    for name, sha256 in (manifest.get("locks") or {}).items():
        if name not in known:
            continue
        content = (CHECKOUT / name).read_bytes()
        if hashlib.sha256(content).hexdigest() == sha256:
            found[name] = content
        elif text := next(filter(None, (file_at(str(commit or ""), name, sha256) for commit in commits)), None):
            found[name] = text.encode()
    return found


def _moment(manifest: Manifest) -> datetime:
    """Return the moment that all files of a bundle get: when the run was sealed."""
    with contextlib.suppress(ValueError, TypeError):
        sealed = datetime.fromisoformat(manifest["sealed_at"]).astimezone(UTC)
        return max(EARLIEST, sealed)
    return EARLIEST


def _writer(output: Path) -> Callable[[IO[bytes], Members, datetime], None]:
    """Return what writes a file of this ending; BenchError where nothing does."""
    if output.name.endswith((".tar.gz", ".tgz")):
        return _write_tar
    if output.name.endswith(".zip"):
        return _write_zip
    raise BenchError("a bundle is a .tar.gz, a .tgz or a .zip", shown(output), "give -o such an ending")


def _write_tar(file: IO[bytes], members: Members, moment: datetime) -> None:
    at = int(moment.timestamp())
    packed: Any = gzip.GzipFile("", "wb", LEVEL, file, mtime=at)
    with packed, tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in members:
            with _opened(content) as (source, size):
                info = tarfile.TarInfo(name)
                info.size, info.mtime, info.mode = size, at, MODE
                tar.addfile(info, source)


def _write_zip(file: IO[bytes], members: Members, moment: datetime) -> None:
    at = (moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second)
    with zipfile.ZipFile(file, "w") as packed:
        for name, content in members:
            info = zipfile.ZipInfo(name, at)
            info.create_system = 3  # Unix, which is where the mode below is looked for
            info.external_attr = (0o100000 | MODE) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            with _opened(content) as (source, info.file_size), packed.open(info, "w") as target:
                shutil.copyfileobj(source, target)


@contextlib.contextmanager
def _opened(content: Content) -> Iterator[tuple[IO[bytes], int]]:
    """Yield what is to be read, and its length in bytes."""
    if isinstance(content, bytes):
        yield io.BytesIO(content), len(content)
    else:
        with content.open("rb") as file:
            yield file, content.stat().st_size
