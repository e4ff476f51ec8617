from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collect.live.words import duration, finished_line, folded, printable, title
from collect.plan import load_plan

SPECS = replace(load_plan("quick"), blocks=1).trials()
SPEC = SPECS[-1].to_json()
SUMMARY: dict[str, Any] = {
    "validity": "valid", "reasons": [], "rps": 463.21, "latency_p50_ms": 12.0, "latency_p95_ms": None,
    "latency_p99_ms": 30.0, "server_cpu_cores": 0.97, "client_cpu_cores": 0.5, "limited_by": ["server-app", "redis"],
    "limited_by_confidence": ["high", "low"], "limited_by_evidence": ["the app at 99 % of a core", "so so"],
}  # fmt: skip


def test_a_log_has_one_line_a_trial() -> None:
    line = finished_line(SPEC, SUMMARY, left_s=252.4)
    assert "\n" not in line
    assert "463.2 req/s  p50 12.0  p95 –  p99 30.0 ms  cpu: server 0.97  client 0.50" in line
    assert line.endswith("limited by server-app (high): the app at 99 % of a core; then redis  4:12 left")
    assert "left" not in finished_line(SPEC, SUMMARY)


def test_a_terminal_has_what_limited_it_in_a_line_of_its_own() -> None:
    first, second = finished_line(SPEC, SUMMARY, left_s=252.4, columns=200).split("\n")
    assert "client 0.50" in first
    assert second == "      limited by server-app (high): the app at 99 % of a core; then redis"
    assert "\n" not in finished_line(SPEC, {**SUMMARY, "limited_by": []}, columns=200)


@pytest.mark.parametrize("columns", [40, 60, 80, 100, 132])
def test_a_narrow_terminal_has_more_lines_not_longer_ones(columns: int) -> None:
    reason = "7.3% of the server's CPU went to others than the host and the control node"
    summary = {**SUMMARY, "validity": "degraded", "reasons": [reason, "2 ticks are missing"]}
    text = finished_line(SPEC, summary, columns=columns)
    assert max(map(len, text.split("\n"))) < columns
    assert text.split() == finished_line(SPEC, summary, columns=1000).split(), "nothing is left out"


def test_all_of_the_evidence_is_in_the_entry() -> None:
    long = {**SUMMARY, "limited_by_evidence": ["x" * 500, ""]}
    for columns in (None, 100):
        text = finished_line(SPEC, long, columns=columns)
        assert text.count("x") < 150
        assert "…" in text


def test_what_counts_less_says_why() -> None:
    summary = {**SUMMARY, "validity": "invalid", "reasons": ["no port", "a tick is missing"]}
    assert "  invalid: no port; a tick is missing" in finished_line(SPEC, summary)


def test_ceilings_and_probes_are_named() -> None:
    assert "  ceiling  " in finished_line(SPECS[0].to_json(), SUMMARY)
    assert "ceiling" not in title(SPEC)
    probe = replace(SPECS[-1], kind="probe", probe_of="a", intervention="20 users instead of 10")
    assert "  probe  " in title(probe.to_json())
    assert "  with 20 users instead of 10" in finished_line(probe.to_json(), SUMMARY)


def test_no_text_reaches_the_terminals_controls() -> None:
    evil = "\x1b[2J\x9b31m\r\nx\u202e"
    spec = {**SPEC, "cell": {**SPEC["cell"], "variant": evil}, "intervention": evil}
    summary = {
        **SUMMARY, "validity": "degraded", "reasons": [evil], "limited_by": [evil], "limited_by_evidence": [evil],
    }  # fmt: skip
    for columns in (None, 80):
        text = finished_line(spec, summary, columns=columns)
        assert all(character.isprintable() or (character == "\n" and columns) for character in text)
    assert printable(evil).isprintable()


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-3, "0:00"), (0.4, "0:00"), (59.6, "1:00"), (252, "4:12"), (3599, "59:59"), (3600, "1:00:00")],
)
def test_a_duration(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_parts_are_folded_whole() -> None:
    assert folded(["aaa", "bbb", "ccc"], 12) == ["  aaa  bbb", "      ccc"]
    assert folded(["a", "b" * 9 + " " + "c" * 9], 22) == ["  a", "      " + "b" * 9, "        " + "c" * 9]
    assert folded([], 10) == []
