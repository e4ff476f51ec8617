"""How the report says how sure its figures are."""

from __future__ import annotations

import io
import json
import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from collect.archive.store import Archive
from collect.report.data import run_data
from collect.report.figures import RatioFigures, RunFigures, run_figures
from collect.report.html import render as render_page
from collect.report.outcomes import PER, cost_ratio, outcomes
from collect.report.text import render
from collect.report.words import cost_ratio as told_cost_ratio
from collect.report.words import doubt, told, within
from collect.statistics.intervals import Estimate, mean_over_blocks, ratio_over_blocks
from tests.support.plans import small_plan
from tests.support.synthetic import write_run


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    folder = tmp_path_factory.mktemp("sureness")
    write_run(folder, small_plan(3)).seal()
    return Archive(folder)


def figures(archive: Archive) -> RunFigures:
    return run_figures(archive, archive.resolve("latest"))


def printed(archive: Archive) -> str:
    console = Console(width=120, file=io.StringIO())
    render(figures(archive), console, archive.folder(archive.resolve("latest")))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_latencies_costs_and_memory_have_their_interval_over_blocks(sealed: Archive) -> None:
    found = figures(sealed)
    for cell in found.cells:
        rows = found.trials_of(cell)
        assert set(cell.outcomes) >= {"latency_p50_ms", "latency_p95_ms", "latency_p99_ms", "app_pss_mib"}
        for name in ("latency_p50_ms", "latency_p99_ms"):
            assert cell.outcomes[name] == mean_over_blocks([row[name] for row in rows])
            assert cell.outcomes[name].low is not None
        cost = cell.outcomes["app_cpu_s_per_1000"]
        cores, rates = (sum(row[column] for row in rows) for column in ("app_cpu_cores", "rps"))
        assert cost.value == pytest.approx(cores / rates * PER)
        assert not any(name.endswith(("_low", "_high", "_low_ms")) for name in cell.means)


def test_what_is_not_known_has_no_outcome() -> None:
    rows: list[dict[str, float | None]] = [
        {"rps": 100.0, "latency_p50_ms": None, "app_cpu_cores": None, "server_cpu_cores": 0.5},
        {"rps": 0.0},
    ]
    found = outcomes(rows)
    assert set(found) == {"server_cpu_s_per_1000"}
    assert (found["server_cpu_s_per_1000"].value, found["server_cpu_s_per_1000"].low) == (5, None)
    assert outcomes([]) == {}
    assert cost_ratio([{"block": 1, "rps": 0.0, "app_cpu_cores": 1.0}], [{"block": 1, "rps": 9.0}]) is None


def test_costs_are_compared_by_block_and_the_narrower_ratio_is_shown(sealed: Archive) -> None:
    (ratio,) = figures(sealed).ratios
    assert ratio.cpu
    by_block = {
        cell.name: {row["block"]: row["app_cpu_cores"] / row["rps"] for row in figures(sealed).trials_of(cell)}
        for cell in (ratio.top, ratio.bottom)
    }
    assert ratio.cpu == ratio_over_blocks(by_block[ratio.top.name], by_block[ratio.bottom.name])
    assert ratio.cpu.value < 1
    wide, narrow = (Estimate(2.0, 1.8, 2.2, 2 - half, 2 + half, 5) for half in (0.2, 0.1))
    for cpu, narrower in ((narrow, True), (wide, False), (None, False)):
        each = RatioFigures(ratio.top, ratio.bottom, wide, None, None, comparable=True, why=None, cpu=cpu)
        assert each.cpu_narrower == narrower
        assert ("narrower: ± 5.0% against ± 10.0% of the rates" in told_cost_ratio(each)) == narrower


def test_the_page_has_the_intervals_where_the_figures_stand(sealed: Archive) -> None:
    page = render_page(sealed, sealed.resolve("latest"))
    found = figures(sealed)
    for cell in found.cells:
        row = page[page.index(f'<tr data-cell="{cell.name}">') :].split("</tr>")[0]
        latency = cell.outcomes["latency_p95_ms"]
        assert f"{latency.value} ms, 95 % interval {latency.low:.2f} to {latency.high:.2f} over 3 blocks" in row
        assert row.count("± ") == 4, "the rate and three percentiles"
    for trial in found.rows:
        row = page[page.index(f'id="trial-{trial["ordinal"]}"') :].split("</tr>")[0]
        low, high = trial["rps_low"], trial["rps_high"]
        assert f"{trial['rps']}, 95 % interval within the trial from {low:,.1f} to {high:,.1f}" in row
    cost = r'<span class="why cpu"[^>]* title="[^"]+ by sign flips">the app.s CPU a request × 0\.\d\d \(0\.\d\d to'
    assert len(re.findall(cost, page)) == 1


def test_the_terminal_has_them_too(sealed: Archive) -> None:
    text = printed(sealed)
    assert re.search(r"the app's CPU a request × 0\.\d\d \(0\.\d\d to 0\.\d\d\)", text.replace("\n", " "))
    assert text.count("±") >= 8


def test_json_has_all_of_it(sealed: Archive) -> None:
    data = json.loads(json.dumps(run_data(figures(sealed)), default=str))
    for cell in data["cells"]:
        assert set(cell["outcomes"]["latency_p99_ms"]) == set(asdict(mean_over_blocks([1.0])))
    (ratio,) = data["ratios"]
    assert ratio["ratio"]["p"] == 0.25
    assert ratio["doubt"] is None
    assert ratio["cpu"]["low"] < ratio["cpu"]["value"] < ratio["cpu"]["high"]
    (way,) = [row["ways"]["article"] for row in data["table"]["workloads"][0]["rows"] if row["framework"] == "flask"]
    assert way["app_cpu"]["value"] == way["app_cpu_s_per_1000"]
    assert way["latency"]["latency_p50_ms"]["blocks"] == way["memory"]["blocks"] == 3


def test_an_older_run_of_two_blocks_has_none_and_says_so(tmp_path: Path) -> None:
    folder = write_run(tmp_path, small_plan(2)).seal()
    path = folder / "trials.parquet"
    path.chmod(0o644)
    table = pq.read_table(path)
    new = [name for name in table.column_names if name.endswith(("_low", "_high", "_low_ms", "_high_ms"))]
    pq.write_table(table.drop_columns([*new, "warmup_found_s"]), path)
    rows = figures(Archive(tmp_path)).rows
    assert {row[name] for row in rows for name in (*new, "warmup_found_s")} == {None}
    page = render_page(Archive(tmp_path), folder.name)
    assert "no interval is known" in page
    assert "ms, no interval from fewer than 3 blocks over 2 blocks" in page
    assert "2 blocks, no interval" in page


def ratio(logs: list[float]) -> Estimate:
    found = ratio_over_blocks(
        {block: float(np.exp(log)) for block, log in enumerate(logs)}, dict.fromkeys(range(99), 1.0)
    )
    assert found
    return found


def test_checks_that_agree_are_not_spoken_of() -> None:
    assert doubt(ratio([0.2, 0.21, 0.19, 0.22, 0.2])) is None, (
        "five blocks that all say the same cannot have less than 0.06"
    )
    assert doubt(ratio([0.2, 0.21, 0.19, 0.22, 0.2, 0.2, 0.21])) is None
    assert doubt(ratio([0.2, -0.21, 0.19, -0.22, 0.2, -0.2, 0.01])) is None
    assert doubt(ratio([0.2, 0.21])) is None
    assert doubt(None) is None


def test_a_single_block_far_out_is_doubted() -> None:
    """One block that is far out widens the t interval beyond 1, where every block says that the sides differ."""
    text = doubt(ratio([0.02, 0.03, 0.02, 0.025, 0.03, 0.02, 0.025, 0.9]))
    assert text
    assert re.match(r"its t interval 0\.\d+ to 1\.\d+ holds 1, but sign flips of its blocks give p = 0\.008", text)


def test_what_is_known_is_written_in_full() -> None:
    assert told(ratio([0.1, 0.1, 0.1]), 3) == (
        "95 % interval 1.105 to 1.105 over 3 blocks, from 1.105 to 1.105; p = 0.25 by sign flips"
    )
    assert (
        within(5.0, 4.0, None, 1)
        == "5.0, 95 % interval within the trial from 4.0 (so few answers cannot tell the other end)"
    )
