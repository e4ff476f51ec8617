"""docs/archive.md names each key of a manifest, and none that is not there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from collect.paths import CHECKOUT
from collect.sampler.facts import Facts
from tests.support.plans import small_plan
from tests.support.synthetic import write_run

DOCUMENT = "\n" + (CHECKOUT / "docs" / "archive.md").read_text()


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("archive"), small_plan(1)).seal()


@pytest.fixture(scope="module")
def manifest(sealed: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((sealed / "manifest.json").read_text())
    return content


def described(heading: str) -> set[str]:
    """Return the names in the first column of the tables below a heading."""
    _, found, rest = DOCUMENT.partition(f"\n{heading}\n")
    assert found, heading
    rows = re.findall(r"^\| (`.*?) \| ", re.split(r"^#+ ", rest, maxsplit=1, flags=re.MULTILINE)[0], re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_the_manifests_keys(manifest: dict[str, Any]) -> None:
    assert described("## manifest.json") == set(manifest)


def test_a_trials_keys(manifest: dict[str, Any]) -> None:
    assert described("### A trial in `trials`") == set(manifest["trials"][0])


def test_a_cells_keys(manifest: dict[str, Any]) -> None:
    for cell in manifest["cells"].values():
        assert described("### A cell in `cells`") == set(cell)


def test_a_hosts_keys() -> None:
    assert described("### A host in `hosts`") == set(Facts([0]).all())


def test_the_files_of_a_run(sealed: Path) -> None:
    named = {name.split("/")[0] for name in described("# The archive: one folder per run")}
    assert {path.name for path in sealed.iterdir()} <= named
    assert named - {path.name for path in sealed.iterdir()} == {"failed"}, "of attempts that failed there are none here"
