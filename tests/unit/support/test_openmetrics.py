"""The reader that our OpenMetrics text is held against takes what the specification allows, and nothing else."""

from __future__ import annotations

import pytest

from tests.support.openmetrics import parse

GOOD = """\
# TYPE a_seconds gauge
# UNIT a_seconds seconds
# HELP a_seconds what \\"it\\" is, \\\\ and \\n
a_seconds{b="1",c="x\\"y\\nz\\\\"} 1.5e-3 10
a_seconds{b="1",c="x\\"y\\nz\\\\"} NaN 11.5
a_seconds{b="2"} +Inf 10
# TYPE d counter
d_total 3
# TYPE e info
e_info{version="1"} 1
# EOF
"""


def test_what_is_allowed_is_read() -> None:
    found = parse(GOOD)
    assert found["a_seconds"].help == 'what "it" is, \\ and \n'
    assert found["a_seconds"].samples[0].labels == {"b": "1", "c": 'x"y\nz\\'}
    assert [sample.at for sample in found["a_seconds"].samples] == [10, 11.5, 10]
    assert found["d"].samples[0].value == 3
    assert parse("# EOF\n") == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# TYPE a gauge\na 1\n",
        "# TYPE a gauge\na 1\n# EOF",
        "# TYPE a gauge\na 1\n# EOF\n\n",
        "# TYPE a gauge\n\na 1\n# EOF\n",
        "# comment\n# EOF\n",
        "a 1\n# EOF\n",
        "# TYPE a gauge\nb 1\n# EOF\n",
        "# TYPE a counter\na 1\n# EOF\n",
        "# TYPE a counter\na_total -1\n# EOF\n",
        "# TYPE a info\na_info 2\n# EOF\n",
        "# TYPE a_total counter\na_total_total 1\n# EOF\n",
        "# TYPE a gauge\n# TYPE a gauge\na 1\n# EOF\n",
        "# TYPE a gauge\na 1\n# HELP a late\n# EOF\n",
        "# TYPE a gauge\n# UNIT a seconds\na 1\n# EOF\n",
        '# TYPE a gauge\na{b="1",b="2"} 1\n# EOF\n',
        '# TYPE a gauge\na{b="x"y"} 1\n# EOF\n',
        '# TYPE a gauge\na{b="\\x"} 1\n# EOF\n',
        '# TYPE a gauge\na{1b="x"} 1\n# EOF\n',
        '# TYPE a gauge\na{__b="x"} 1\n# EOF\n',
        "# TYPE a gauge\na one\n# EOF\n",
        "# TYPE a gauge\na 1 2 3\n# EOF\n",
        "# TYPE a gauge\na 1 2\na 1 2\n# EOF\n",
        "# TYPE a gauge\na 1 3\na 1 2\n# EOF\n",
        '# TYPE a gauge\na{b="1"} 1 1\na{b="2"} 1 1\na{b="1"} 1 2\n# EOF\n',
        "# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\n# TYPE a gauge\na 1\n# EOF\n",
    ],
)
def test_what_breaks_a_rule_is_refused(text: str) -> None:
    with pytest.raises(AssertionError):
        parse(text)
