"""Labels hold what was said in whatever order, and no change of a byte escapes."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from collect.archive.labels import NOTE, TAG, UNTAG, add, check, first_sum, labels, path_of, problems
from collect.archive.store import Archive
from collect.errors import BenchError
from tests.support.tiny import tiny_run

TAGS = st.sampled_from(["a", "b", "c/1", "é", "_"])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(lambda text: text.strip())
SAID = st.one_of(st.tuples(st.just(TAG), TAGS), st.tuples(st.just(UNTAG), TAGS), st.tuples(st.just(NOTE), TEXTS))


def written(folder: str, said: list[tuple[str, str]]) -> tuple[Archive, str, list[str], list[str]]:
    """Say all of it of a run; return the archive, the run, and the tags and notes that it must have."""
    archive = Archive(Path(folder))
    run_id = tiny_run(archive)
    tags: list[str] = []
    notes: list[str] = []
    for kind, text in said:
        try:
            added = add(archive, run_id, kind, text, by="ann")
        except BenchError:
            assert (kind, text in tags) == (UNTAG, False)
            continue
        assert added == (kind != TAG or text not in tags)
        if kind == NOTE:
            notes.append(text)
        elif kind == UNTAG:
            tags.remove(text)
        elif added:
            tags.append(text)
    return archive, run_id, tags, notes


@settings(max_examples=40, deadline=None)
@given(said=st.lists(SAID, max_size=12))
def test_what_was_said_is_what_is_read(said: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        archive, run_id, tags, notes = written(folder, said)
        known = labels(archive, run_id)
        assert list(known.tags) == tags
        assert [note.text for note in known.notes] == notes
        assert check(archive, run_id) == []


@settings(max_examples=40, deadline=None)
@given(said=st.lists(SAID, min_size=1, max_size=5), data=st.data())
def test_no_changed_byte_escapes(said: list[tuple[str, str]], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        archive, run_id, _, _ = written(folder, said)
        path = path_of(archive, run_id)
        if not path.exists():
            return
        content, first = path.read_bytes(), first_sum(archive, run_id)
    at = data.draw(st.integers(0, len(content) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[at]))
    assert problems(content, first) == []
    assert problems(content[:at] + bytes([other]) + content[at + 1 :], first)
    whole_lines = [number + 1 for number, byte in enumerate(content) if byte == ord("\n")]
    cut = data.draw(st.integers(1, len(content) - 1))
    if cut not in whole_lines:
        assert problems(content[:cut], first)
    assert problems(content[cut:], first)
