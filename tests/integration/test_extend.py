"""docs/extend.md is followed to the letter, in a copy of this checkout."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.checkout import ORIGINAL, Checkout
from tests.support.followed import blocks, follow

DOCUMENT = ORIGINAL / "docs" / "extend.md"


@pytest.fixture
def tree(tmp_path: Path) -> Checkout:
    """A copy of what git knows; its uv is the original's, as its environment is."""
    copied = Checkout.copy_to(tmp_path)
    (tmp_path / ".state").mkdir()
    for uv in (ORIGINAL / ".state").glob("uv-*"):
        (tmp_path / ".state" / uv.name).symlink_to(uv)
    return copied


def environment(tree: Checkout) -> Mapping[str, str]:
    """Return an environment in which the copy's code goes before that of the checkout it is installed from."""
    # What pytest tells its workers is not for the one that the document starts.
    own = {name: value for name, value in tree.environment.items() if not name.startswith("PYTEST_")}
    return {**own, "PYTHONPATH": str(tree.path)}


def test_the_page_on_extending_does_what_it_says(tree: Checkout) -> None:
    found = blocks(DOCUMENT.read_text())
    kinds = [block.kind for block in found]
    assert kinds.count("console") >= 5
    assert kinds.count("diff") >= 8
    for block in found:
        follow(block, tree.path, environment(tree))
    assert (tree.path / "apps" / "wsgi_app.py").exists()
    assert not (ORIGINAL / "apps" / "wsgi_app.py").exists(), "it was the copy that was changed"
