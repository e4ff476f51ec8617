"""Whatever the texts of an archive or a tar: what goes out is what was there, what comes in stays inside."""

from __future__ import annotations

import contextlib
import csv
import io
import tarfile
import tempfile
from pathlib import Path

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from collect.archive.tables import schema
from collect.errors import BenchError
from collect.transfer.csv_text import guarded, write_csv
from collect.transfer.openmetrics import escaped
from collect.transfer.unpack import unpack
from tests.support.openmetrics import parse

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


@settings(deadline=None)
@given(st.lists(st.tuples(TEXTS, st.floats(allow_nan=False), st.none() | TEXTS), min_size=1, max_size=8))
def test_csv_brings_back_every_text_and_number(rows: list[tuple[str, float, str | None]]) -> None:
    names = ("variant", "rps", "probe_of")
    table = pa.table([pa.nulls(len(rows), field.type) for field in schema("trials")], schema=schema("trials"))
    for name, values in zip(names, zip(*rows, strict=True), strict=True):
        place = table.schema.get_field_index(name)
        field = table.schema.field(place)
        table = table.set_column(place, field, pa.array(list(values), field.type))
    stream = io.BytesIO()
    write_csv([table], "trials", stream)
    found = list(csv.DictReader(io.StringIO(stream.getvalue().decode(), newline="")))
    assert len(found) == len(rows)
    for row, (variant, rps, probe_of) in zip(found, rows, strict=True):
        assert row["variant"] == guarded(variant)
        assert not row["variant"].startswith(STARTS)
        assert row["variant"].removeprefix("'") == variant.removeprefix("'")
        assert float(row["rps"]) == rps
        assert row["probe_of"] == guarded(probe_of or "")


@given(TEXTS)
def test_openmetrics_brings_back_every_label(text: str) -> None:
    said = f'# TYPE a gauge\n# HELP a {escaped(text)}\na{{label="{escaped(text)}"}} 1 2\n# EOF\n'
    family = parse(said)["a"]
    assert family.help == text
    assert family.samples[0].labels == {"label": text}


PARTS = st.sampled_from(["..", ".", "", "a", "b", "c\n", "/", "\\", "ü"])
NAMES = st.lists(PARTS, min_size=1, max_size=6).map("/".join)
TYPES = st.sampled_from([tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
MEMBERS = st.lists(st.tuples(NAMES, TYPES, NAMES, st.binary(max_size=20)), max_size=6)


@settings(max_examples=200, deadline=None)
@given(MEMBERS, st.binary(max_size=3), st.integers(0, 4000))
def test_nothing_leaves_the_folder_that_a_tar_is_unpacked_into(
    members: list[tuple[str, bytes, str, bytes]], noise: bytes, at: int
) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as made:
        for name, kind, target, content in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            info.size = len(content) if kind == tarfile.REGTYPE else 0
            made.addfile(info, io.BytesIO(content))
    damaged = bytearray(stream.getvalue())
    damaged[at : at + len(noise)] = noise
    with tempfile.TemporaryDirectory() as place:
        path, outside = Path(place, "made.tar"), Path(place, "outside")
        outside.mkdir()
        folder = outside / "unpacked"
        folder.mkdir()
        path.write_bytes(damaged)
        with contextlib.suppress(BenchError):
            unpack(path, folder)
        assert [each.name for each in outside.iterdir()] == ["unpacked"]
        assert sorted(each.name for each in Path(place).iterdir()) == ["made.tar", "outside"]
        assert all(each.is_dir() or each.is_file() for each in folder.rglob("*"))
        assert not any(each.is_symlink() or each.stat().st_nlink > 1 for each in folder.rglob("*") if each.is_file())
