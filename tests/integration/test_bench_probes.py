"""A run with ceilings and probes on real hosts: one tool is not there, and it is interrupted among the probes."""

from __future__ import annotations

import os
import signal
import time
from subprocess import Popen
from typing import Any

import pytest

from tests.support.bench import RUN, SMALL, collect, interrupted, partial_run
from tests.support.checkout import Checkout, Played

pytestmark = pytest.mark.hosts

# Each request waits 50 ms: what limits ten users is known, however busy the machine is.
CELL = {**SMALL["cells"][0], "variant": "starlette-uvicorn", "workload": "wait"}
WHOLE: dict[str, Any] = {"cells": [CELL], "window_s": 2, "ceiling_window_s": 1, "probe": True, "probe_window_s": 1}


@pytest.fixture(scope="module")
def first(provisioned: Checkout) -> Played:
    """A session that ends by Ctrl-C in the first of the probes."""

    def interrupt(process: Popen[str]) -> None:
        os.killpg(process.pid, signal.SIGINT)

    tool = "/usr/bin/redis-benchmark"
    provisioned.on("server1", f"mv {tool} {tool}.away")
    try:
        return interrupted(provisioned, interrupt, at="probe", **WHOLE)
    finally:
        provisioned.on("server1", f"mv {tool}.away {tool}")


@pytest.fixture(scope="module")
def resumed(provisioned: Checkout, first: Played) -> Played:
    time.sleep(1.5)
    return provisioned.play(RUN, "-e", f"resume={partial_run(provisioned)}")


@pytest.fixture(scope="module")
def manifest(provisioned: Checkout, resumed: Played) -> dict[str, Any]:
    found: dict[str, Any] = collect(provisioned, "show", "latest", "--json")["manifest"]
    return found


@pytest.mark.alone
def test_a_missing_tool_is_told_and_the_run_goes_on(first: Played) -> None:
    [line] = [line for line in first.output.splitlines() if "  ceilings: " in line]
    assert "Redis not measured: there is no redis-benchmark on the server host (Debian: redis-tools)" in line
    assert "Mbit/s" in line
    assert "Traceback" not in first.output


@pytest.mark.alone
def test_the_lines_name_ceilings_probes_and_what_limited_each(first: Played, resumed: Played) -> None:
    assert first.output.count("  ceiling  ") >= 2
    assert "  probe  " in resumed.output
    assert first.output.count("limited by") >= 3
    assert "trials that put verdicts to the test, of 1 cells" in first.output
    assert "ceilings:" not in resumed.output  # measured once


def test_it_goes_on_where_it_was(provisioned: Checkout, resumed: Played, manifest: dict[str, Any]) -> None:
    rows = collect(provisioned, "show", "latest", "--json")["trials"]
    assert [row["ordinal"] for row in rows] == list(range(1, len(rows) + 1))
    assert [row["kind"] for row in rows[:3]] == ["ceiling", "ceiling", "cell"]
    assert {row["kind"] for row in rows[3:]} == {"probe"}
    assert "  ceiling  " not in resumed.output
    assert len(manifest["sessions"]) == 2


def test_the_entry_holds_ceilings_probes_and_the_cell(manifest: dict[str, Any]) -> None:
    ceilings = manifest["ceilings"]
    assert "redis-benchmark" in ceilings["redis"]["missing"]
    assert ceilings["network"]["up_mbit_per_s"] > 10
    assert ceilings["network"]["down_packets_per_s"] > 100
    assert {each["keep_alive"] for each in ceilings["generators"]} == {True, False}
    [cell] = manifest["cells"].values()
    tests = manifest["probes"]
    assert cell["limited_by"] == "concurrency"
    assert [test["named"] for test in tests] == [True, False]
    assert tests[0]["outcome"] == "confirmed"
    assert tests[0]["ratio"] > 1.5
    assert tests[1]["ratio"] > 0


def test_nothing_of_the_ceilings_is_left_on_the_hosts(provisioned: Checkout, resumed: Played) -> None:
    left = "pgrep -x iperf3; pgrep -x redis-benchmar; systemctl list-units --plain --no-legend 'bench-ceilings*'; true"
    for host in ("server1", "client1"):
        assert provisioned.on(host, left).strip() == ""
