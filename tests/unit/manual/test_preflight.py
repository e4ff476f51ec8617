from __future__ import annotations

from collect.manual.preflight import findings
from collect.preflight.findings import rules


def test_each_finding_has_its_line_those_that_refuse_first() -> None:
    head, _, *rows = findings()
    assert head == "| level | name | what it says | what to do |"
    assert {row.split(" | ")[1].strip("`") for row in rows} == set(rules())
    levels = [row.split(" | ")[0].removeprefix("| ") for row in rows]
    assert [level for index, level in enumerate(levels) if level not in levels[:index]] == ["refuse", "warn", "note"]
