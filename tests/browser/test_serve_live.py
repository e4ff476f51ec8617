"""The page of the run under way in a real browser: it moves by itself, and says when the run begins and ends."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from collect.archive.partial import PartialRun, begin_run
from tests.support.axe import faults
from tests.support.browser import Browser, chromium
from tests.support.plans import small_plan
from tests.support.served import Served
from tests.support.synthetic import finish, plausible

pytestmark = [pytest.mark.browser, pytest.mark.skipif(chromium() is None, reason="no Chromium here")]


def tell(run: PartialRun, **line: Any) -> None:
    with (run.path / "live.jsonl").open("a") as file:
        file.write(json.dumps({"at": time.time(), **line}) + "\n")


def second(run: PartialRun, ordinal: int, number: int, rps: float) -> None:
    spec = run.trials()[ordinal - 1]
    tell(
        run, trial_id=spec.trial_id, ordinal=ordinal, of=len(run.trials()), trial_kind="cell", cell=spec.cell.name,
        phase="window", second=number, window_s=3.0, rps=rps, p95_ms=24.5, failures=0, server_cpu_cores=0.91,
        client_cpu_cores=0.83, app_cpu_cores=0.72, generator_cpu_cores=0.75, server_cpus=1, client_cpus=1, left_s=65.0,
    )  # fmt: skip


def text(part: str) -> str:
    return f"document.getElementById('{part}').textContent"


def test_a_run_is_seen_from_its_begin_to_its_end(browser: Browser, tmp_path: Path) -> None:
    with Served(browser, tmp_path) as server:
        browser.open(server.at("/live"), 1000)
        browser.until(f"{text('state')}.startsWith('No run is under way')")
        assert faults(browser) == []

        run = begin_run(tmp_path, small_plan(1), inventory="local")
        browser.until(f"{text('state')}.includes('{run.run_id}')")
        second(run, 1, 1, 400.0)
        browser.until(f"{text('rps')} === '400'")
        second(run, 1, 2, 410.0)
        browser.until(f"{text('rps')} === '410'")
        assert browser.evaluate(text("p95_ms")) == "24.5"
        assert browser.evaluate(text("server_cpu_cores")) == "0.91"
        assert browser.evaluate("document.querySelector('[data-of=rps]').getAttribute('points').split(' ').length") == 2
        assert faults(browser) == []
        for width in (768, 400):
            browser.resize(width)
            assert browser.evaluate("document.documentElement.scrollWidth") <= width

        first, last = run.trials()
        row = finish(run, first, plausible(first))
        tell(
            run, kind="finished", trial_id=first.trial_id, ordinal=1, of=2, rps=row["rps"],
            p95_ms=row["latency_p95_ms"], validity=row["validity"], limited_by=list(row["limited_by"]),
        )  # fmt: skip
        line = f"document.querySelector('#finished [data-trial=\"{first.trial_id}\"]')"
        browser.until(f"{line} && 1")
        assert f"{row['rps']:,.1f}" in browser.evaluate(f"{line}.textContent")

        finish(run, last, plausible(last))
        run.seal()
        browser.until(f"{text('state')}.includes('sealed')")
        assert browser.errors == []
        assert browser.outside == []
        browser.follow("document.querySelector('#state a').click()")
        assert browser.evaluate("location.pathname") == f"/run/{run.run_id}"
        assert browser.evaluate("document.querySelectorAll('#each tbody tr').length") == 2


def test_what_the_run_says_is_text_and_a_torn_line_is_no_harm(browser: Browser, tmp_path: Path) -> None:
    run = begin_run(tmp_path, small_plan(1), inventory="local")
    second(run, 1, 1, 400.0)
    with Served(browser, tmp_path) as server:
        browser.open(server.at("/live"), 1000)
        browser.until(f"{text('rps')} === '400'")
        with (run.path / "live.jsonl").open("a") as file:
            file.write('{"at": 1, "trial_id": "torn\n')
        tell(
            run, kind="finished", trial_id="<img src=x onerror=alert(1)>", ordinal=1, of=2, rps=1.0, p95_ms=None,
            validity="<script>alert(2)</script>", limited_by=["<b>odd</b>"],
        )  # fmt: skip
        browser.until("document.querySelectorAll('#finished tbody tr').length === 1 && 1")
        assert browser.evaluate("document.querySelectorAll('main img, main b, main script').length") == 0
        assert browser.errors == []


def test_the_server_ends_in_time_while_a_page_listens(browser: Browser, tmp_path: Path) -> None:
    with Served(browser, tmp_path) as server:
        browser.open(server.at("/live"), 1000)
        browser.until(f"{text('state')}.startsWith('No run is under way')")
    # Served has seen to it that the server ended; the page says so.
    browser.until(f"{text('heard')}.includes('does not answer')")
