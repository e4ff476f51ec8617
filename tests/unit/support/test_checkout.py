"""What a test starts in a checkout ends where the test fails."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.checkout import Checkout


def test_a_test_that_fails_does_not_wait_for_what_it_started(tmp_path: Path) -> None:
    """Nobody reads what that prints by then, so it would never end."""
    began = time.monotonic()
    with pytest.raises(AssertionError, match="it did not come about"), Checkout(tmp_path).start("yes") as process:
        raise AssertionError("it did not come about")
    assert process.returncode == -9
    assert time.monotonic() - began < 10
