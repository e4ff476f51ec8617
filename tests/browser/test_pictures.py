"""The pictures of docs/ can be made again by one command."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from collect.archive.store import Archive
from collect.paths import CHECKOUT
from tests.support.browser import Browser, chromium
from tests.support.pictures import LEAST, MOST, WIDTH, pictures, take

needs_browser = pytest.mark.skipif(chromium() is None, reason="no Chromium here")


@pytest.mark.browser
@needs_browser
def test_each_page_is_pictured_light_and_dark(browser: Browser, archive: Path, tmp_path: Path) -> None:
    opened = Archive(archive)
    taken = take(browser, opened, opened.resolve("latest"), tmp_path)
    assert sorted(taken) == sorted(tmp_path.iterdir())
    for path in taken:
        head = path.read_bytes()[:24]
        assert head.startswith(b"\x89PNG")
        width, height = struct.unpack(">II", head[16:])
        assert width == WIDTH
        assert LEAST <= height <= MOST
    light = [path for path in taken if not path.stem.endswith("-dark")]
    assert len(light) == len(taken) / 2
    for path in light:
        assert path.read_bytes() != path.with_stem(f"{path.stem}-dark").read_bytes()


def test_docs_hold_no_other_pictures(archive: Path) -> None:
    opened = Archive(archive)
    names = {picture.name for picture in pictures(opened, opened.resolve("latest"))}
    kept = {path.stem.removesuffix("-dark") for path in (CHECKOUT / "docs").glob("*.png")}
    assert kept <= names
    assert "report" in kept
