from __future__ import annotations

import pytest

from tests.support.many_runs import ManyRuns


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> ManyRuns:
    return ManyRuns(tmp_path_factory.mktemp("runs"))


@pytest.fixture
def runs(template: ManyRuns) -> ManyRuns:
    return template.empty()
