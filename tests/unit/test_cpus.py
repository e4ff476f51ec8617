from __future__ import annotations

import pytest

from tests.support.plugins import plugin


@pytest.mark.parametrize(("text", "count"), [("0", 1), (4, 1), ("0-3", 4), ("5,7-8", 3), ("0,0", 1)])
def test_the_cpus_of_a_list_are_counted(text: object, count: int) -> None:
    filters = plugin("archive/filter_plugins/cpus.py").FilterModule().filters()
    assert filters["cpu_count"](text) == count
