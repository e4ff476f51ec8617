from __future__ import annotations

import pytest

from collect.cli import collect
from tests.support.named import EXTRA, PLAN, anchors, in_blocks, in_sentences, links, unknown_in

PAGE = """# The head
See [this](docs/a.md#of-the-roles), [that](https://example.org/x), ![a picture](b.png) and `collect show latest 3`.

## What `collect` does, then: all of it
```
.venv/bin/collect list --json | head      # runs
$ collect query "SELECT a
collect … is not shown
collected
```
"""


def test_commands_are_found_in_blocks_and_in_sentences() -> None:
    assert list(in_blocks(PAGE)) == [["collect", "list", "--json"], ["collect", "query"]]
    assert list(in_sentences(PAGE)) == [["collect", "show", "latest", "3"]]


@pytest.mark.parametrize(
    ("line", "unknown"),
    [
        ("collect list --json --archive x", None),
        ("collect lists", "lists"),
        ("collect show latest --jsn", "--jsn"),
        ("collect plan check quick --precision=0.01", None),
        ("collect plan chek quick", "chek"),
        ("collect report -o page.html -x", "-x"),
        ("collect query - --json", None),
        ("collect --help", None),
    ],
)
def test_what_a_command_does_not_know_is_found(line: str, unknown: str | None) -> None:
    assert unknown_in(line.split(), collect) == unknown


def test_links_lead_to_files_and_their_headings() -> None:
    assert links(PAGE) == ["docs/a.md#of-the-roles", "b.png"]
    assert anchors(PAGE) == {"the-head", "what-collect-does-then-all-of-it"}


def test_variables_and_plans_are_found() -> None:
    line = """script/bench -e plan=quick -e '{"bench_needs": ["database"]}' -e archive_dir=/x -e plan=/a/b.yml"""
    assert EXTRA.findall(line) == ["plan", "bench_needs", "archive_dir", "plan"]
    assert PLAN.findall(line) == ["quick"]
