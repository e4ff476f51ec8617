from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.responder import Responder


@pytest.fixture
def responder() -> Iterator[Responder]:
    with Responder() as server:
        yield server
