"""Which units a profile's quota slows, and how many cores each could have filled."""

from __future__ import annotations

from typing import Any

import pytest

from collect.trial.quota import cpu_quota_of

SPEC: dict[str, Any] = {
    "profile": {"client_sysctls": {}, "cpu_quota": {"client": 0.67}},
    "variant": {"processes": 2},
    "generator": {"tool": "locust", "processes": 1},
    "cell": {"users": 10},
}
SLOW_SERVER = {"profile": {"client_sysctls": {}, "cpu_quota": {"server": 0.5}}}


@pytest.mark.parametrize(
    ("spec", "side", "processes"),
    [
        (SPEC, "client", {"bench-load@primary.service": 1}),
        (SPEC | SLOW_SERVER, "server", {"bench-app.service": 2, "bench-redis.service": 1}),
        (
            SPEC | {"generator": {"tool": "locust", "processes": 2}},
            "client",
            {"bench-load@primary.service": 1, "bench-load@worker-1.service": 1, "bench-load@worker-2.service": 1},
        ),
        (SPEC | {"generator": {"tool": "wrk", "processes": 1}}, "client", {"bench-load@primary.service": 10}),
    ],
)
def test_the_units_of_the_side_that_it_names(spec: dict[str, Any], side: str, processes: dict[str, int]) -> None:
    share = spec["profile"]["cpu_quota"][side]
    assert cpu_quota_of(spec, side) == {"share": share, "processes": processes}


def test_the_other_side_is_left_alone() -> None:
    assert cpu_quota_of(SPEC, "server") is None
    assert cpu_quota_of(SPEC | {"profile": {"client_sysctls": {}}}, "client") is None
