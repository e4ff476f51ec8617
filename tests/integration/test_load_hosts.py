"""Every kind of generator on real hosts, with the client's limits removed: counted as the server counts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.bench import SMALL, collect, measure
from tests.support.checkout import Checkout

pytestmark = [pytest.mark.hosts, pytest.mark.alone]

TWO = {"locust-fast-2": {"tool": "locust", "user_class": "FastHttpUser", "processes": 2}}
GENERATORS = ["locust-fast", "locust-fast-2", "wrk"]


@pytest.fixture(scope="module")
def trials(provisioned: Checkout) -> list[dict[str, Any]]:
    cell = {**SMALL["cells"][0], "variant": "starlette-uvicorn", "generator": GENERATORS, "profile": "controlled"}
    measure(provisioned, cells=[cell], catalog={"generators": TWO})
    found: list[dict[str, Any]] = collect(provisioned, "show", "latest", "--json")["trials"]
    return found


def test_each_generator_made_its_load(trials: list[dict[str, Any]]) -> None:
    assert {trial["generator"] for trial in trials} == set(GENERATORS)
    for trial in trials:
        assert trial["validity"] != "invalid", trial["reasons"]
        assert (trial["failures"], trial["rps"] > 20) == (0, True)
        assert trial["generator_cpu_cores"] > 0.01


def test_its_requests_are_those_that_redis_saw(trials: list[dict[str, Any]]) -> None:
    for trial in trials:
        assert abs(trial["redis_gets"] - trial["requests"]) <= trial["users"]
        assert abs(trial["redis_gets_total_diff"]) <= trial["users"]


def test_users_of_wrk_never_rest(provisioned: Checkout, trials: list[dict[str, Any]]) -> None:
    in_flight = "SELECT sum(latency_us) / 1e6 AS s FROM requests WHERE phase = 'window' AND trial_id = '{}'"
    for trial in trials:
        [row] = collect(provisioned, "query", in_flight.format(trial["trial_id"]), "--json")
        share = row["s"] / trial["window_s"] / trial["users"]
        assert share == pytest.approx(1, abs=0.03 if trial["generator"] == "wrk" else 0.25), trial["generator"]
