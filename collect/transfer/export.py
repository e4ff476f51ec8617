"""One question for all ways out: some runs, a view, a form, and where to."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from collect.archive.store import Archive
from collect.errors import BenchError
from collect.transfer.output import whole

FORMS = ("csv", "parquet", "openmetrics", "locust")
VIEWS = ("trials", "samples", "requests")


def export_file(archive: Archive, run_ids: Sequence[str], form: str, view: str | None, path: Path) -> None:
    """Write a view (default: trials) of some runs in one of FORMS to a file; for Locust's, into a new folder.

    Raises BenchError when the form has no such view, a run cannot be read or the file not be written.
    """
    view = _view(form, view)
    with whole(path) as temporary:
        if form == "locust":
            from collect.transfer.locust_files import write_locust

            write_locust(archive, run_ids, temporary)
        elif form == "parquet":
            _write_parquet(archive, run_ids, view, temporary)
        else:
            with temporary.open("wb") as file:
                _write_text(archive, run_ids, form, view, file)


def export_stream(archive: Archive, run_ids: Sequence[str], form: str, view: str | None, stream: BinaryIO) -> None:
    """Write the same to a stream that is open; BenchError as there, and for Locust's several files."""
    view = _view(form, view)
    if form == "locust":
        raise BenchError("Locust's are several files", "-o -", "name a folder that is not there yet, by -o")
    if form == "parquet":
        # Its end says where all else is, so that it is written in one go but not as a stream.
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"{view}.parquet")
            _write_parquet(archive, run_ids, view, path)
            with path.open("rb") as file:
                shutil.copyfileobj(file, stream)
    else:
        _write_text(archive, run_ids, form, view, stream)
    stream.flush()


def _view(form: str, view: str | None) -> str:
    """Return the view that is meant; BenchError where the form has none such."""
    if form == "locust" and view not in (None, "requests"):
        raise BenchError("Locust's files are made of requests", f"--view {view}", "leave --view away")
    if form == "openmetrics" and view == "requests":
        remedy = "use --view trials or samples, or another form"
        raise BenchError("requests are no series over time", "--as openmetrics", remedy)
    return view or "trials"


def _write_text(archive: Archive, run_ids: Sequence[str], form: str, view: str, file: BinaryIO) -> None:
    if form == "csv":
        from collect.transfer.csv_text import write_csv
        from collect.transfer.views import tables

        write_csv(tables(archive, run_ids, view), view, file)
    else:
        from collect.transfer.openmetrics import write_openmetrics

        write_openmetrics(archive, run_ids, view, file)


def _write_parquet(archive: Archive, run_ids: Sequence[str], view: str, path: Path) -> None:
    """Write one file like the archive's own."""
    from collect.archive.tables import Writer
    from collect.transfer.views import tables

    writer = Writer(path, view)
    try:
        for piece in tables(archive, run_ids, view):
            writer.write(piece)
        writer.close()
    except BaseException:
        writer.give_up()
        raise
