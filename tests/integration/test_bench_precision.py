"""A run on real hosts that is measured until its ratio is known, and interrupted on the way."""

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

# Each request waits 50 ms: what limits ten users is known, so the rates differ by little from block to block.
CELL = {**SMALL["cells"][0], "workload": "wait"}
KNOWN: dict[str, Any] = {
    "cells": [CELL], "blocks": 1, "window_s": 1, "order": "adjacent", "precision": 0.15, "time_limit_min": 1.5,
}  # fmt: skip


@pytest.fixture(scope="module")
def first(provisioned: Checkout) -> Played:
    """A session that ends by Ctrl-C in the second block."""

    def interrupt(process: Popen[str]) -> None:
        os.killpg(process.pid, signal.SIGINT)

    return interrupted(provisioned, interrupt, at=3, **KNOWN)


@pytest.fixture(scope="module")
def resumed(provisioned: Checkout, first: Played) -> Played:
    time.sleep(1.5)
    return provisioned.play(RUN, "-e", f"resume={partial_run(provisioned)}", "-e", "precision=0.15", timeout_s=300)


@pytest.fixture(scope="module")
def manifest(provisioned: Checkout, resumed: Played) -> dict[str, Any]:
    found: dict[str, Any] = collect(provisioned, "show", "latest", "--json")["manifest"]
    return found


@pytest.mark.alone
def test_it_says_until_when_and_how_far_it_is(first: Played, resumed: Played) -> None:
    assert "until the ratio is known to ± 15 %; at most " in first.output
    assert "not finished: 2 of at most " in first.output
    looks = [line for line in resumed.output.splitlines() if line.startswith("  block ")]
    assert looks
    assert "starlette-uvicorn / flask-werkzeug wait " in looks[0]
    assert looks[-1].endswith(": enough")
    assert "Traceback" not in first.output + resumed.output


def test_it_ends_before_the_most_blocks_on_all_hosts(manifest: dict[str, Any]) -> None:
    known = manifest["precision"]
    block = known["stopped"]["block"]
    assert known["stopped"]["reason"] == "precise"
    assert 5 <= block < known["most_blocks"] == manifest["plan"]["blocks"]
    assert len(manifest["trials"]) == 2 * block
    assert not [reason for reason in manifest["reasons"] if "not measured" in reason]
    assert known["looks"][-1]["ratios"][0]["half_width"] <= 0.15
    assert len(manifest["sessions"]) == 2
    assert 0 < known["measured_s"] < 100


def test_a_bad_precision_is_told_before_anything_is_started(provisioned: Checkout) -> None:
    played = provisioned.play("playbooks/check.yml", "-e", "precision=0.7", fails=True)
    assert "0.7 is not between 0 and 0.5 (precision): give" in played.output
    assert played.output.count("error: ") == 1
