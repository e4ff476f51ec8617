"""What is told of a trial with several clients: each one's part, and whose limit it was."""

from __future__ import annotations

from typing import Any

from collect.report.trial import limits

ROW: dict[str, Any] = {
    "limited_by": ["generator"], "limited_by_confidence": ["high"], "limited_by_evidence": ["at 0.97 of a core"],
    "validity": "valid", "reasons": [],
}  # fmt: skip
PART: dict[str, Any] = {
    "processes": ["worker-2"], "users": 5, "requests": 2000, "failures": 3, "begin_s": 0.01, "cpus": 4.0,
    "cpu_cores": 1.0, "generator_cpu_cores": 0.97, "generator_cpu_ms_each": 4.85, "limited_by": ["generator"],
}  # fmt: skip
UNKNOWN = PART | {"users": None, "generator_cpu_cores": None, "generator_cpu_ms_each": None, "limited_by": []}


def entry(**clients: dict[str, Any]) -> dict[str, Any]:
    finding: dict[str, Any] = {"word": "generator", "confidence": "high", "share": 1.0, "evidence": [], "missing": []}
    return {"limited_by": [finding | ({"host": "client2"} if len(clients) > 1 else {})], "clients": clients}


def test_each_client_has_a_line_and_the_limit_names_its_own() -> None:
    lines = limits(ROW, entry(client1=UNKNOWN, client2=PART, client3=PART | {"processes": []}))
    assert lines[0] == ("limited by", "generator of client2 (high)", "at 0.97 of a core")
    assert [line for line in lines if line[0] == "client"] == [
        ("client", "client1", "worker-2; 2000 requests, 3 failed; with room"),
        (
            "client",
            "client2",
            "worker-2; 5 users; 2000 requests, 3 failed; 0.97 cores of its 4; 4.850 ms of CPU each;"
            " limited by generator",
        ),
        ("client", "client3", "runs nothing of the generator"),
    ]


def test_of_a_single_client_nothing_more_is_said() -> None:
    for told in (entry(client1=PART), {"limited_by": entry()["limited_by"]}):
        lines = limits(ROW, told)
        assert lines[0][1] == "generator (high)"
        assert not [line for line in lines if line[0] == "client"]
