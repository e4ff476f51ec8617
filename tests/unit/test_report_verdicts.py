"""What a report says of the limits: which ratios count, why others do not; no figure stands without its verdict."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from collect.archive.store import Archive
from collect.cli import main
from collect.plan import Cell, load_plan
from collect.report.ceilings import ceilings, generator_ceiling
from collect.report.comparison import comparisons, headline, lead
from collect.report.data import run_data
from collect.report.figures import RunFigures, run_figures
from collect.report.html import render as render_page
from collect.report.notices import Notice, gathered, notices, probes
from collect.report.text import render
from collect.report.verdicts import CellVerdict, cell_verdict, held_back
from collect.report.words import ratio_name, ratio_verdicts
from tests.support.judged import ARTICLE_WAY, EVIDENCE, change, judged, rewrite

Capture = pytest.CaptureFixture[str]
FLASK, STARLETTE = "flask-werkzeug.redis.locust-http.10.article", "starlette-uvicorn.redis.locust-http.10.article"
FLASK_FAST = "flask-werkzeug.redis.locust-fast.10.controlled"
PROBE = {
    "cell": STARLETTE, "word": "generator", "expect": "rise", "intervention": "twice the processes", "named": True,
    "baseline_rps": [800.0], "rps": [805.0], "ratio": 1.01, "low": 0.99, "high": 1.03, "outcome": "refuted", "text": "",
}  # fmt: skip


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return judged(tmp_path_factory.mktemp("archive"), ARTICLE_WAY)


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Return a run with a mixed verdict, a refuted one, ceilings, and sockets that differ."""
    words = ARTICLE_WAY | {FLASK: ["client-ports", "unsteady", "client-ports"]}
    found = judged(
        tmp_path_factory.mktemp("troubled"), words, probes=[PROBE],
        ceilings={
            "redis": {"gets_per_s": 50000.0, "clients": 10, "command": "redis-benchmark"},
            "network": {"missing": "iperf3 is not installed"},
        },
    )  # fmt: skip
    entry = found.folder(found.resolve("latest"))
    rewrite(
        entry, words,
        connections=lambda row: row["requests"] if "flask" in row["cell"] or "close" in row["cell"] else 10,
        warnings=lambda row: ["off Little's law"] if row["ordinal"] in (6, 7) else [],
    )  # fmt: skip
    trials = json.loads((entry / "manifest.json").read_text())["trials"]
    for trial in trials:
        nodelay = trial["cell"].startswith("starlette")
        trial["sockets"] = {"listen": {"backlog": 128}, "accepted": {"nodelay": nodelay, "sndbuf": 87040}}
    change(entry, trials=trials)
    return found


def figures(archive: Archive) -> RunFigures:
    return run_figures(archive, archive.resolve("latest"))


def printed(archive: Archive, width: int = 80) -> str:
    run_id = archive.resolve("latest")
    console = Console(width=width, file=io.StringIO())
    render(run_figures(archive, run_id), console, archive.folder(run_id))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_ratio_that_counts_is_told_first_and_the_other_one_is_struck_out(archive: Archive) -> None:
    found = figures(archive)
    assert re.fullmatch(
        r"With the client out of the way, Starlette answers 2\.\d\d times as many requests a second as Flask on Redis"
        r" I/O \(95 % interval 2\.\d\d to 2\.\d\d\); the app itself limited both\.",
        headline(found),
    )
    assert "not comparable: Flask was held back by the client's ports, Starlette by the load generator." in lead(found)
    (told,) = comparisons(found)
    assert told.its_way
    assert told.controlled
    assert (told.its_way.comparable, told.controlled.comparable) == (False, True)
    assert told.its_way.why == (
        f"flask-werkzeug was held back by the client's ports ({EVIDENCE['client-ports']});"
        f" starlette-uvicorn was held back by the load generator ({EVIDENCE['generator']})"
    )
    assert (told.top.article_rps, told.bottom.article_rps) == (1361, 315)


@pytest.mark.parametrize("word", ["generator", "client-cpu", "client-ports", "network", "concurrency", "unsteady"])
def test_one_side_that_is_not_the_servers_is_enough(tmp_path: Path, word: str) -> None:
    found = figures(judged(tmp_path, ARTICLE_WAY | {FLASK_FAST: word}))
    assert [ratio.comparable for ratio in found.ratios] == [False, False]
    assert headline(found).startswith("Starlette and Flask are not comparable on Redis I/O: Flask ")
    assert ("Flask did not answer at a steady rate" in headline(found)) == (word == "unsteady")


@pytest.mark.parametrize("word", ["server-app", "server-cpu", "redis"])
def test_all_words_of_the_server_side_count(tmp_path: Path, word: str) -> None:
    found = figures(judged(tmp_path, dict.fromkeys(ARTICLE_WAY, word)))
    assert [ratio.comparable for ratio in found.ratios] == [True, True]


def test_what_was_refuted_is_not_known() -> None:
    verdict = CellVerdict("server-app", "high", "refuted", {"server-app": 3}, None)
    assert (verdict.known, verdict.server_side, verdict.kind) == (False, False, "unknown")
    assert verdict.text == "server-app (high, REFUTED)"
    assert "refuted" in str(held_back(verdict, usable=True))
    assert held_back(CellVerdict(None, None, "untested", {}, None), usable=True)
    assert held_back(CellVerdict("redis", "low", "confirmed", {"redis": 1}, None), usable=True) is None
    assert held_back(CellVerdict("redis", "low", "confirmed", {"redis": 1}, None), usable=False)


@pytest.mark.parametrize(("confidence", "outcome", "counts"), [
    ("low", "untested", False), ("low", "unclear", False), ("low", "confirmed", True), ("medium", "untested", True),
])  # fmt: skip
def test_a_ratio_does_not_rest_on_low_confidence_unless_a_test_confirmed_it(
    tmp_path: Path, confidence: str, outcome: str, counts: bool
) -> None:
    words = dict.fromkeys(ARTICLE_WAY, "server-cpu")
    found = judged(tmp_path, words)
    cells = {name: {"limited_by": word, "confidence": "high", "verdict": "untested"} for name, word in words.items()}
    cells[FLASK] |= {"confidence": confidence, "verdict": outcome}
    change(found.folder(found.resolve("latest")), cells=cells)
    told = next(ratio for ratio in figures(found).ratios if ratio.bottom.name == FLASK)
    assert told.comparable == counts
    if not counts:
        assert str(told.why).startswith("flask-werkzeug has a verdict, server-cpu, of low confidence only (")


@pytest.mark.parametrize(("words", "counts"), [
    (["server-cpu", "server-app", "generator"], True),
    (["server-cpu", "generator", "unsteady"], False),
    (["server-cpu", "generator"], False),
    (["server-cpu"], True),
])  # fmt: skip
def test_the_server_must_have_limited_most_of_the_trials(words: list[str], counts: bool) -> None:
    verdict = CellVerdict("server-cpu", "high", "untested", dict.fromkeys(words, 1), None)
    assert verdict.server_side == counts
    held = held_back(verdict, usable=True)
    assert held == (None if counts else f"was limited by the server in 1 of {len(words)} trials only")


def test_the_manifest_goes_before_the_rows_and_the_least_sure_trial_decides() -> None:
    common = {"cell": STARLETTE, "validity": "valid"}
    rows = [
        common | {"limited_by": ["redis"], "limited_by_confidence": [sure], "limited_by_evidence": [f"{sure} it is"]}
        for sure in ("high", "medium")
    ]
    slow = {"limited_by": ["network"], "limited_by_confidence": ["low"], "limited_by_evidence": ["slow"]}
    rows.append(common | slow)
    rows.append(common | slow | {"validity": "invalid"})
    own = cell_verdict(rows)
    assert (own.word, own.confidence, own.outcome, own.short) == ("redis", "medium", "untested", "redis 2 of 3")
    assert (own.evidence, own.text) == ("high it is", "redis 2 of 3, network 1 (medium, untested)")
    given = cell_verdict(rows, {"limited_by": "network", "confidence": "low", "verdict": "confirmed"})
    assert (given.short, given.certainty, given.evidence) == ("network 1 of 3", "low, confirmed", "slow")
    tested = PROBE | {"word": "redis"}
    assert cell_verdict(rows, None, [tested, tested | {"outcome": "confirmed"}]).outcome == "refuted"
    assert cell_verdict([]).text == "not judged (untested)"


def test_runs_from_before_there_were_verdicts_are_drawn(tmp_path: Path) -> None:
    archive = judged(tmp_path, {})
    found = figures(archive)
    assert not any(ratio.comparable for ratio in found.ratios)
    assert "not judged" in render_page(archive, found.run_id)
    assert "not known" in headline(found)
    assert printed(archive)


def test_ceilings_and_probes_are_in_no_cell(archive: Archive) -> None:
    found = figures(archive)
    assert {cell.trials for cell in found.cells} == {3}
    assert [cell.style for cell in found.cells if cell.style == "none"] == []
    assert sum(row["kind"] == "ceiling" for row in found.rows) == 4
    entry = archive.folder(found.run_id)
    before = [cell.rps for cell in found.cells]
    changed = judged(entry.parent / "other", ARTICLE_WAY)
    rewrite(
        changed.folder(changed.resolve("latest")), ARTICLE_WAY,
        kind=lambda row: "probe" if row["block"] == 3 else row["kind"],
    )  # fmt: skip
    assert {cell.trials for cell in figures(changed).cells} == {2}
    assert before == [cell.rps for cell in figures(archive).cells]


def test_ceilings_stand_beside_what_the_cells_took(troubled: Archive) -> None:
    found = figures(troubled)
    listed = {(item.resource, item.name): item for item in ceilings(found)}
    kept = listed["generator", "locust-http, 10 users, article, keep-alive"]
    closed = listed["generator", "locust-http, 10 users, article, close"]
    assert [reached.cell.name for reached in kept.reached] == [STARLETTE]
    assert [reached.cell.name for reached in closed.reached] == [FLASK]
    flask = next(cell for cell in found.cells if cell.name == FLASK)
    assert flask.rps
    assert closed.value
    assert closed.reached[0].share == flask.rps.value / closed.value
    assert generator_ceiling(found, flask) == closed.value
    redis = listed["Redis", "redis-benchmark, 10 clients"]
    assert [round(reached.share, 3) for reached in redis.reached] == [
        pytest.approx(reached.cell.rps.value / 50000, abs=0.001) for reached in redis.reached if reached.cell.rps
    ]
    assert "iperf3 is not installed" in printed(troubled, 160)


def test_a_refuted_verdict_is_loud(troubled: Archive) -> None:
    found = figures(troubled)
    (probe,) = probes(found)
    assert (probe.outcome, probe.limits[0]) == ("refuted", "generator")
    assert "test: REFUTED" in printed(troubled)
    untested = {"cell": FLASK, "word": "network", "untested": "the network cannot be made faster"}
    change(troubled.folder(found.run_id), probes=[untested, PROBE])
    assert [probe.outcome for probe in probes(figures(troubled))] == ["refuted", "untested"]
    assert "test: untested" in printed(troubled)
    assert "the network cannot be made faster" in render_page(troubled, found.run_id)
    change(troubled.folder(found.run_id), probes=[PROBE])
    assert 'data-outcome="refuted"' in render_page(troubled, found.run_id)
    starlette = next(cell for cell in found.cells if cell.name == STARLETTE)
    assert starlette.verdict.text == "generator (high, REFUTED)"


def test_mixed_words_are_shown_as_such(troubled: Archive) -> None:
    assert "client-ports 2 of 3" in printed(troubled)
    assert "client-ports 2 of 3" in render_page(troubled, troubled.resolve("latest"))


def test_warnings_and_unlike_sockets_are_told(troubled: Archive, archive: Archive) -> None:
    told = {notice.about: notice.text for notice in notices(figures(troubled))}
    assert told["trials 6, 7"] == "off Little's law"
    unlike = [text for about, text in told.items() if about.startswith("starlette-uvicorn / flask-werkzeug")]
    assert unlike == ["the two sides' sockets differ: accepted nodelay on against off"] * 2
    assert not any("sockets" in notice.text for notice in notices(figures(archive)))


def test_warnings_that_differ_in_figures_alone_are_told_once() -> None:
    found = [Notice("trial 1", "3.2% off"), Notice("trial 2", "12.9% off"), Notice("trial 3", "odd")]
    assert gathered(found) == [Notice("trial 1 and 1 more", "3.2% off"), Notice("trial 3", "odd")]


@pytest.mark.parametrize(
    ("word", "slower", "flagged"), [("server-app", 0.9, True), ("server-app", 1.0, False), ("generator", 0.9, None)]
)
def test_locust_is_held_against_wrk(tmp_path: Path, word: str, slower: float, flagged: bool | None) -> None:
    plan = load_plan("quick")
    cells = tuple(Cell("flask-werkzeug", "redis", tool, 10, "controlled") for tool in ("locust-fast", "wrk"))
    archive = judged(tmp_path, dict.fromkeys((cell.name for cell in cells), word), replace(plan, cells=cells))
    rewrite(
        archive.folder(archive.resolve("latest")), dict.fromkeys((cell.name for cell in cells), word),
        rps=lambda row: 1000 * (slower if row["generator"] == "locust-fast" else 1) + row["block"],
    )  # fmt: skip
    (ratio,) = figures(archive).tools
    assert ratio.ratio
    assert ratio.ratio.value == pytest.approx(slower, abs=0.001)
    assert ratio.comparable == (flagged is not None)
    assert ("under 0.97 of wrk's rate" in " ".join(printed(archive).split())) == bool(flagged)
    (data,) = json.loads(json.dumps(run_data(figures(archive))["locust_wrk"]))
    assert bool(data["flag"]) == bool(flagged)


def test_no_ratio_is_printed_without_its_two_verdicts(archive: Archive, troubled: Archive) -> None:
    for each in (archive, troubled):
        found = figures(each)
        text = printed(each, 2000)
        for ratio in found.ratios:
            assert ratio.ratio
            (line,) = (line for line in text.splitlines() if line.startswith(f"{ratio_name(ratio)}: "))
            assert f"{ratio.ratio.value:.2f} (95 %" in line
            assert ratio_verdicts(ratio) in line
            assert ("not comparable" in line) != ratio.comparable
        assert len(re.findall(r"\d\.\d\d \(95 % interval", text)) == len(found.ratios)
        head, _, rest = text.partition("The article against this run, requests per second")
        table = rest.split("mean over blocks")[0]
        for ratio in found.ratios:
            assert ratio.ratio
            assert f"{ratio.ratio.value:.2f}" in table
            assert ratio.top.verdict.short in table
            assert ratio.bottom.verdict.short in table
        assert "limited" in head


def test_no_ratio_is_on_the_page_without_its_two_verdicts(archive: Archive, troubled: Archive) -> None:
    for each in (archive, troubled):
        page = render_page(each, each.resolve("latest"))
        rows = re.findall(r"<tr.*?</tr>", page, flags=re.DOTALL)
        with_ratio = [row for row in rows if "data-ratio" in row]
        assert sum(row.count("data-ratio=") for row in with_ratio) == page.count("data-ratio=") >= 2 * 2
        for row in with_ratio:
            ratios, struck = row.count("data-ratio="), row.count('data-comparable="no"')
            assert row.count("data-verdict") == 2 * ratios, row
            assert len(re.findall(r"not comparable</span> <s>\d+\.\d\d</s>", row)) == struck
        assert not re.search(r"<strong>\d\.\d\d</strong>(?!.*?</tr>)", page, flags=re.DOTALL)


def test_no_ratio_is_in_the_json_without_its_two_verdicts(archive: Archive, troubled: Archive, capsys: Capture) -> None:
    for each in (archive, troubled):
        for command in (("show", "latest"), ("report", "latest", "-o", str(each.path / "page.html"))):
            capsys.readouterr()
            assert main([*command, "--json", "--archive", str(each.path)]) == 0
            data = json.loads(capsys.readouterr().out)
            found = list(_ratios(data))
            assert len(found) >= 4
            for ratio in found:
                assert isinstance(ratio["comparable"], bool)
                assert ratio["comparable"] == (ratio["why"] is None)
                for side in ("top", "bottom"):
                    assert ratio[side]["limited_by"]
                    assert ratio[side]["verdict"]


def test_a_trial_says_what_limited_it_and_what_was_done_to_the_hosts(troubled: Archive, capsys: Capture) -> None:
    entry = troubled.folder(troubled.resolve("latest"))
    trials = json.loads((entry / "manifest.json").read_text())["trials"]
    trials[6]["conditions"] = {
        "client1": {
            "set": {"net.ipv4.tcp_tw_reuse": "1"}, "before": {"net.ipv4.tcp_tw_reuse": "2"},
            "after": {"net.ipv4.tcp_tw_reuse": "2"}, "burn": None, "restored": True,
        }
    }  # fmt: skip
    change(entry, trials=trials)
    capsys.readouterr()
    assert main(["show", "latest", "7", "--archive", str(troubled.path)]) == 0
    out = capsys.readouterr().out
    row = next(row for row in figures(troubled).rows if row["ordinal"] == 7)
    assert f"limited by\t{row['limited_by'][0]} (high)\t{EVIDENCE[row['limited_by'][0]]}" in out
    assert "warning\t\toff Little's law" in out
    assert "net.ipv4.tcp_tw_reuse 1 for the trial, 2 before, 2 after" in out
    assert "all was put back" in out
    assert "accepted sndbuf 87040" in out
    assert main(["show", "latest", "7", "--json", "--archive", str(troubled.path)]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["sockets"]["accepted"]["sndbuf"] == 87040
    assert data["conditions"]["client1"]["restored"]


def test_the_list_says_how_many_ratios_count(archive: Archive, capsys: Capture) -> None:
    entry = archive.folder(archive.resolve("latest"))
    cells = {
        name: {"limited_by": word, "confidence": "high", "verdict": "untested"} for name, word in ARTICLE_WAY.items()
    }
    trials = json.loads((entry / "manifest.json").read_text())["trials"]
    for trial in trials:
        trial["limited_by"] = [{"word": ARTICLE_WAY.get(trial["cell"], "generator"), "confidence": "high"}]
    change(entry, cells=cells, trials=trials)
    assert main(["list", "--json", "--archive", str(archive.path)]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert listed["cells"][FLASK]["limited_by"] == "client-ports"
    assert sorted(ratio["comparable"] for ratio in listed["ratios"]) == [False, True]
    assert main(["list", "--archive", str(archive.path)]) == 0
    assert "\t1 of 2\t" in capsys.readouterr().out


def _ratios(data: Any) -> Iterator[Mapping[str, Any]]:
    """Yield whatever holds a measured ratio of two cells."""
    if isinstance(data, Mapping):
        if isinstance(data.get("ratio"), Mapping):
            yield data
        for value in data.values():
            yield from _ratios(value)
    elif isinstance(data, list):
        for value in data:
            yield from _ratios(value)
