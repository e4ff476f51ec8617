"""What the page draws of each trial, second by second, against the archive and against what was measured."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collect.archive.partial import begin_run
from collect.archive.query import Database, open_run
from collect.archive.store import Archive
from collect.report.figures import RunFigures, run_figures
from collect.report.html import render
from collect.report.series import rates, sockets
from collect.report.thin import SAID
from collect.report.trial_charts import HEAT_COLUMNS, trial_charts
from collect.report.trial_series import SECONDS_SQL, Recorded, bucket_ms, recorded
from collect.report.viewer import Viewer, script_json, viewer
from collect.statistics.percentiles import percentile
from tests.support.plans import small_plan
from tests.support.synthetic import FACTS, Setting, finish, plausible, write_run

Rows = list[dict[str, Any]]
SCRIPT = re.compile(r'<script type="application/json" id="([^"]+)">(.*?)</script>', re.DOTALL)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    folder = tmp_path_factory.mktemp("seconds")
    write_run(folder, small_plan(2)).seal()
    return Archive(folder)


@pytest.fixture(scope="module")
def figures(archive: Archive) -> RunFigures:
    return run_figures(archive, archive.resolve("latest"))


@pytest.fixture(scope="module")
def found(archive: Archive, figures: RunFigures) -> Recorded:
    with open_run(archive, figures.run_id) as database:
        return recorded(database, figures.rows)


@pytest.fixture(scope="module")
def requests(archive: Archive, figures: RunFigures) -> Mapping[str, Rows]:
    with open_run(archive, figures.run_id) as database:
        rows = database.rows("SELECT trial_id, start_us + latency_us AS end_us, latency_us, outcome FROM requests")
    return {row["trial_id"]: [each for each in rows if each["trial_id"] == row["trial_id"]] for row in figures.rows}


def viewed(archive: Archive, **options: Any) -> Viewer:
    figures = run_figures(archive, archive.resolve("latest"))
    with open_run(archive, figures.run_id) as database:
        return viewer(recorded(database, figures.rows), figures, **options)


def test_seconds_hold_what_was_answered_in_them(found: Recorded, requests: Mapping[str, Rows]) -> None:
    for trial_id, trial in found.trials.items():
        by_second: dict[int, list[int]] = {}
        for each in requests[trial_id]:
            by_second.setdefault(each["end_us"] // 1_000_000, []).append(each["latency_us"])
        columns = trial.sources["rate"]
        seconds = range(min(by_second), max(by_second) + 1)
        assert columns["at_s"] == [second + 0.5 for second in seconds]
        assert columns["ok"] == [*(len(by_second.get(second, ())) for second in seconds[:-1]), None]
        assert columns["failed"] == [*(0 for _ in seconds[:-1]), None]
        for name, share in (("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99), ("max_ms", 1.0)):
            exact = [percentile(np.sort(by_second[second]), share) / 1000 for second in seconds if second in by_second]
            assert [value for value in columns[name] if value is not None] == exact


def test_the_heat_map_holds_every_answer_once(found: Recorded, requests: Mapping[str, Rows]) -> None:
    for trial_id, trial in found.trials.items():
        assert trial.width_s == 1
        heat = trial.sources["heat"]
        places = Counter(
            (each["end_us"] // 1_000_000, math.floor(math.log10(each["latency_us"]) * 10))
            for each in requests[trial_id]
        )
        drawn = zip(heat["second"], heat["bucket"], heat["answers"], strict=True)
        assert {(second, bucket): answers for second, bucket, answers in drawn} == places
        for each in requests[trial_id][:200]:
            low, high = bucket_ms(math.floor(math.log10(each["latency_us"]) * 10))
            assert low * 0.999999 <= each["latency_us"] / 1000 < high * 1.000001
    low, high = found.buckets
    assert low < high
    assert found.most_answers > 1


def test_long_trials_have_wider_columns_and_lose_no_answer(
    archive: Archive, figures: RunFigures, found: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collect.report.trial_series.MOST_COLUMNS", 2)
    with open_run(archive, figures.run_id) as database:
        folded = recorded(database, figures.rows)
    for trial_id, trial in folded.trials.items():
        heat, whole = trial.sources["heat"], found.trials[trial_id].sources["heat"]
        assert trial.width_s > 1
        assert len(set(heat["second"])) <= 3
        assert all(second % trial.width_s == 0 for second in heat["second"])
        assert sum(heat["answers"]) == sum(whole["answers"])
    assert any("holds several seconds" in note for note in viewed(archive).notes)


def test_hosts_are_what_they_were(found: Recorded, figures: RunFigures) -> None:
    server, client = found.hosts
    assert (server.name, server.side, client.name, client.side) == ("server1", "server", "client1", "client")
    assert server.units == ("app", "redis", "collector", "other")
    assert client.units == ("generator", "collector", "other")
    assert client.sockets == ("TIME_WAIT", "ESTABLISHED")
    for row in figures.rows:
        sources = found.trials[row["trial_id"]].sources
        for place, (host, unit) in enumerate(zip(found.hosts, ("app", "generator"), strict=True)):
            columns = sources[f"host-{place}"]
            inside = [n for n, at_s in enumerate(columns["at_s"]) if 0.5 < at_s <= row["window_s"] + 0.01]
            assert len(inside) >= 2
            for n in inside:
                assert columns[f"unit_{unit}"][n] == pytest.approx(row[f"{unit}_cpu_cores"], rel=0.02)
                assert columns["busy"][n] == pytest.approx(row[f"{host.side}_cpu_cores"], rel=0.02)
                states = sum(columns[f"state_{state}"][n] for state in ("user", "system", "irq", "iowait", "steal"))
                assert states == pytest.approx(columns["busy"][n], abs=0.001)
                assert columns[f"mib_{unit}"][n] == row[f"{unit}_rss_mib"]
                assert columns["mib_used"][n] == 1024
            assert sources[f"cpus-{place}"] == {"y": [1]}
            assert {len(values) for values in columns.values()} == {len(columns["at_s"])}


def test_ports_in_use_are_those_of_the_trials_row(found: Recorded, figures: RunFigures) -> None:
    for row in figures.rows:
        sources = found.trials[row["trial_id"]].sources
        assert "ports" not in sources["host-0"]
        columns = sources["host-1"]
        known = zip(columns["at_s"], columns["ports"], strict=True)
        inside = [used for at_s, used in known if at_s <= row["window_s"] + 0.01]
        assert abs(max(inside) - row["client_ports_used_max"]) <= 0.02 * row["client_ports_used_max"] + 10
        assert max(columns["ports"]) < row["client_ports"] / 4
        assert sources["ports-1"] == {"y": []}, "few are in use, so the line would only flatten them"


def test_phases_lie_where_the_trial_had_them(found: Recorded, figures: RunFigures) -> None:
    for row in figures.rows:
        trial = found.trials[row["trial_id"]]
        assert trial.start_s == -(row["ramp_s"] + row["warmup_s"])
        assert trial.sources["ramp"]["x1"] == trial.sources["warmup"]["x0"]
        assert trial.sources["warmup"]["x1"] == trial.sources["window"]["x0"] == [0.0]
        assert trial.sources["window"]["x1"] == [round(row["window_s"], 3)]
        begin, end = trial.to_json()["range"]
        assert begin < trial.start_s
        assert end > row["window_s"]


def test_what_was_not_sampled_is_not_drawn_as_nothing(tmp_path: Path) -> None:
    run = begin_run(tmp_path, small_plan(1), inventory="local")
    run.update_session(facts={"server1": FACTS, "client1": FACTS})
    for spec in run.trials():
        finish(run, spec, Setting(without=("tcp", "procs"), missed={"client1": (3,)}))
    run.seal()
    archive = Archive(tmp_path)
    run_id = archive.resolve("latest")
    with open_run(archive, run_id) as database:
        found = recorded(database, run_figures(archive, run_id).rows)
    assert [host.sockets for host in found.hosts] == [(), ()]
    for trial in found.trials.values():
        assert set(trial.sources["host-1"]["ports"]) == {None}
    assert "NaN" not in "".join(text for _, text in SCRIPT.findall(render(archive, run_id)))


def test_the_charts_share_one_time_and_each_source_is_there_once(found: Recorded) -> None:
    shape = json.loads(script_json(trial_charts(found).to_json()))
    names = Counter(model["attributes"]["name"] for model in models(shape["doc"]) if "name" in model["attributes"])
    assert {names[f"source {name}"] for name in shape["sources"]} == {1}
    assert names["time"] == 1
    roots = shape["doc"]["roots"]
    assert [root["id"] for root in roots] == [panel["root"] for panel in shape["panels"]]
    (time,) = {root["attributes"]["x_range"]["id"] for root in roots}
    assert [model["name"] for model in models(shape["doc"]) if model["id"] == time] == ["Range1d"]
    panels = [panel["name"] for panel in shape["panels"]]
    assert panels == [
        "rate", "latency", "heat", "units-0", "units-1", "states-0", "states-1", "memory-0", "memory-1", "sockets-0",
        "sockets-1", "ports-1",
    ]  # fmt: skip
    trial = next(iter(found.trials.values()))
    for panel in shape["panels"]:
        known = set(HEAT_COLUMNS if panel["source"] == "heat" else list(trial.sources[panel["source"]]))
        assert {column for column, _ in panel["columns"]} <= known
        assert {column for group in panel["tops"] for column in group} <= known
        assert not panel["limit"] or panel["limit"] in trial.sources
        assert names[f"values {panel['name']}"] == bool(panel["tops"])
    assert set(shape["sources"]) <= set(trial.sources)


def models(value: Any) -> Iterator[dict[str, Any]]:
    """Yield all models of a document as JSON has them, each where it is defined."""
    if isinstance(value, dict):
        if "id" in value and "attributes" in value:
            yield value
        for each in value.values():
            yield from models(each)
    elif isinstance(value, list):
        for each in value:
            yield from models(each)


def test_every_trial_is_on_the_page_until_it_holds_no_more(archive: Archive, figures: RunFigures) -> None:
    whole = viewed(archive)
    assert set(whole.series) == {row["ordinal"] for row in figures.rows}
    assert whole.notes == []
    assert whole.others is None
    firsts = {figures.trials_of(cell)[0]["ordinal"] for cell in figures.cells}
    few = viewed(archive, most_bytes=sum(len(whole.series[ordinal]) for ordinal in firsts) + 10)
    assert set(few.series) == firsts, "one of each cell before the second of any"
    assert few.notes[0].startswith("Of 4 trials 2 can be drawn here")
    for cell in figures.cells:
        view = few.views[cell.name]
        assert [row["block"] for row in view.rows] == [1]
        assert [row["block"] for row in view.left_out] == [2]
    assert viewed(archive, most_bytes=0).views == {}


def test_a_cell_begins_with_a_trial_that_counts(tmp_path: Path) -> None:
    run = begin_run(tmp_path, small_plan(2), inventory="local")
    for spec in run.trials():
        finish(run, spec, Setting(redis_lost=90) if spec.block == 1 else plausible(spec))
    run.seal()
    archive = Archive(tmp_path)
    found = viewed(archive)
    assert [view.first["block"] for view in found.views.values()] == [2, 2]
    assert [len(view.rows) for view in found.views.values()] == [2, 2]
    page = render(archive, archive.resolve("latest"))
    part = page[page.index('<section id="missing">') :].split("</section>")[0]
    assert len(set(re.findall(r"invalid: (trial \d+)</th>", part))) == 2
    assert "Redis counted 90 GETs fewer" in part
    assert '<a href="#missing">' in page


def test_what_was_shortened_is_said(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collect.report.trial_series.thinned", lambda columns: (columns, True))
    assert viewed(archive).notes == [f"4 trials: {SAID}"]


def test_the_page_holds_the_trials_that_it_offers(archive: Archive) -> None:
    page = render(archive, archive.resolve("latest"))
    scripts = SCRIPT.findall(page)
    parsed = {name: json.loads(text) for name, text in scripts}
    assert len(parsed) == len(scripts)
    offered = re.findall(r'<option value="(\d+)"', page)
    assert sorted(map(int, offered)) == [1, 2, 3, 4]
    assert {f"series-{ordinal}" for ordinal in offered} <= set(parsed)
    linked = Counter(re.findall(r'data-draws="(\d+)"', page))
    assert linked == dict.fromkeys(offered, 2), "from the table of all trials, and from their cells"
    assert page.count('<details class="trial-view"') == 2
    text = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    for anchor in re.findall(r'href="#([^"]+)"', text):
        assert f'id="{anchor}"' in text, anchor
    drawn = re.findall(r'data-chart="(\d+)"', page)
    assert drawn == [str(number) for number in range(len(drawn))]
    assert {f"data-chart-{number}" for number in drawn} <= set(parsed)


def test_scripts_hold_text_and_nothing_that_ends_them() -> None:
    text = "</script><!--<script>&amp;"
    made = script_json({"text": text, "none": None})
    assert not set("<>&") & set(made)
    assert json.loads(made) == {"text": text, "none": None}
    with pytest.raises(ValueError, match="JSON compliant"):
        script_json(math.nan)


def test_lines_of_several_trials_are_those_of_each(found: Recorded, requests: Mapping[str, Rows]) -> None:
    drawn, waiting = rates(found), sockets(found)
    for trial_id, rows in requests.items():
        seconds = Counter(each["end_us"] // 1_000_000 for each in rows)
        last = max(seconds)
        line = drawn[trial_id]
        assert dict(zip(line.at_s, line.values, strict=True)) == {
            second + 0.5: count for second, count in seconds.items() if second < last
        }
        assert list(waiting[trial_id].values) == found.trials[trial_id].sources["host-1"]["tcp_TIME_WAIT"]


def test_hosts_without_samples_are_named(found: Recorded, figures: RunFigures) -> None:
    (first, *_) = found.trials
    trial = found.trials[first]
    empty: dict[str, Any] = {name: [] for name in trial.sources["host-1"]}
    without = replace(trial, sources={**trial.sources, "host-1": empty})
    notes = viewer(replace(found, trials={**found.trials, first: without}), figures).notes
    (ordinal,) = (row["ordinal"] for row in figures.rows if row["trial_id"] == first)
    assert notes == [f"There are no samples of client1 in trial {ordinal}."]


def test_seconds_that_cannot_be_are_not_filled_up(archive: Archive, figures: RunFigures) -> None:
    odd = [{"second": second, "ok": 1, "failed": 0, "latencies_us": [1, 2, 3, 4]} for second in (-5, 2_000_000_000)]
    with open_run(archive, figures.run_id) as database:
        answered = Answered(database, {row["trial_id"]: odd for row in figures.rows})
        found = recorded(answered, figures.rows)  # type: ignore[arg-type]
    for trial in found.trials.values():
        assert trial.sources["rate"]["at_s"] == [-4.5, 2_000_000_000.5]


class Answered:
    """A database whose seconds are as a test wants them."""

    def __init__(self, database: Database, seconds: Mapping[str, Rows]) -> None:
        self._database, self._seconds = database, seconds

    def rows(self, sql: str, parameters: list[Any]) -> Rows:
        if sql != SECONDS_SQL:
            return self._database.rows(sql, parameters)
        return [{"trial_id": trial_id, **row} for trial_id, rows in self._seconds.items() for row in rows]


def test_one_trial_alone_is_what_it_is_among_all(archive: Archive, figures: RunFigures, found: Recorded) -> None:
    for row in figures.rows:
        with open_run(archive, figures.run_id) as database:
            alone = recorded(database, [row])
        assert alone.trials == {row["trial_id"]: found.trials[row["trial_id"]]}
