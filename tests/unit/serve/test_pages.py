"""What each page shows; that it is the archive's, that it is text, and that looking changes nothing."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import collect.report.html
from collect.archive.labels import TAG, add
from collect.archive.partial import begin_run
from collect.archive.query import open_run
from collect.archive.store import Archive
from collect.serve.policy import HEADERS, REPORT
from tests.support.many_runs import FLASK, STARLETTE, ManyRuns
from tests.support.plans import small_plan
from tests.unit.serve.conftest import ODD, client_of

ELSEWHERE = re.compile(r"""(?:src|href|action|srcset|poster)\s*=\s*["']?\s*(?:[a-z]+:)?//|@import|url\(\s*["']?http""")
SCRIPTED = re.compile(r"<script(?![^>]*(?:src=|type=\"application/json\"))", re.IGNORECASE)


def shown(client: TestClient, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return str(answer.text)


def values(text: str, row: str) -> list[str]:
    """Return the figures of a table's row in all digits."""
    (found,) = re.findall(rf"<tr [^>]*{re.escape(row)}.*?</tr>", text, re.DOTALL)
    return re.findall(r'data-value="([^"]*)"', found)


def before_charts(text: str) -> str:
    """Return a page up to the data of its charts, whose names differ each time."""
    return text.partition('<script type="application/json"')[0]


def tags(text: str) -> str:
    """Return a page's tags without what stands in quotes, in scripts or between them."""
    bare = re.sub(r"(<script[^>]*>).*?(</script>)", r"\1\2", text, flags=re.DOTALL)
    return " ".join(re.findall(r"<[^>]*>", re.sub(r'"[^"]*"', '""', bare)))


def test_the_list_has_each_run_with_what_it_says_of_itself(client: TestClient, run_id: str) -> None:
    text = shown(client, "/")
    assert f'href="/run/{run_id}"' in text
    assert f'data-run="{run_id}"' in text
    assert "1 run. The newest are first." in text
    assert "baseline</a>" in text
    assert "quiet machine" in text
    assert "0 of 1" in text or "1 of 1" in text  # ratios that count


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("plan=small", True),
        ("plan=other", False),
        ("tag=baseline", True),
        ("tag=base", False),
        ("cell=STARLETTE", True),
        ("cell=aiohttp", False),
        ("validity=valid", False),
        ("validity=degraded", True),
        ("since=2099-01-01", False),
        ("until=2099-01-01", True),
        ("cpu_model=synthetic", True),
        ("plan=small&tag=nothing", False),
        ("plan=&tag=+", True),
        ("unknown=x", True),
    ],
)
def test_runs_are_chosen_by_what_the_address_says(client: TestClient, run_id: str, query: str, fits: bool) -> None:
    text = shown(client, f"/?{query}")
    assert (f'data-run="{run_id}"' in text) == fits
    assert ("No run fits." in text) != fits


def test_what_was_asked_for_stays_in_the_form(client: TestClient) -> None:
    text = shown(client, "/?plan=other&validity=degraded")
    assert re.search(r'<input name="plan" value="other"', text)
    assert '<option value="degraded" selected>' in text


def test_many_runs_come_in_pages(runs: ManyRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collect.serve.listing.ON_A_PAGE", 5)
    client, ids = client_of(runs.archive), runs.archive.run_ids()
    seen = []
    for number in (1, 2, 3, 4):
        text = shown(client, f"/?plan=small&page={number}")
        seen += re.findall(r'data-run="([^"]+)"', text)
        assert (f"page={number + 1}" in text) == (number < 4)
        assert (f"page={number - 1}" in text) == (number > 1)
    assert seen == ids[::-1]


def test_the_figures_of_a_run_are_the_archives_to_the_last_digit(
    client: TestClient, archive: Archive, run_id: str
) -> None:
    text = shown(client, f"/run/{run_id}")
    with open_run(archive, run_id) as database:
        rows = database.rows("SELECT trial_id, rps, latency_p95_ms FROM trials")
    assert len(rows) == 4
    for row in rows:
        assert values(text, f'data-trial="{row["trial_id"]}"') == [str(row["rps"]), str(row["latency_p95_ms"])]
    assert text.count('class="invalid"') == 1
    assert f'href="/run/{run_id}/report"' in text
    assert f'href="/trend?cell={FLASK}"' in text
    assert "quiet machine" in text


def test_a_run_may_be_named_by_its_begin_or_as_the_latest(client: TestClient, run_id: str) -> None:
    text = shown(client, f"/run/{run_id}")
    assert shown(client, "/run/latest") == shown(client, f"/run/{run_id[:12]}") == text


def test_the_report_is_the_same_in_a_sandbox(client: TestClient, archive: Archive, run_id: str) -> None:
    answer = client.get(f"/run/{run_id}/report")
    assert answer.status_code == 200
    assert f"<title>Run {run_id}" in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy == REPORT
    assert "sandbox allow-scripts" in policy
    assert "allow-same-origin" not in policy
    assert "connect-src" not in policy  # so that default-src 'none' holds
    # Chromium shows no page that is in a sandbox and asks for the other.
    assert answer.headers["cross-origin-opener-policy"] == "unsafe-none"
    assert answer.headers["x-content-type-options"] == HEADERS["X-Content-Type-Options"]
    assert ODD not in answer.text


def test_a_report_is_drawn_once_and_again_when_its_labels_change(
    archive: Archive, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []

    def render(_: Archive, run: str) -> str:
        drawn.append(run)
        return f"<!doctype html><title>{len(drawn)}</title>"

    monkeypatch.setattr(collect.report.html, "render", render)
    client = client_of(archive)
    for path in client.app.state.served.reports.glob("*.html"):  # type: ignore[attr-defined]
        path.unlink()
    first = client.get(f"/run/{run_id}/report")
    again = client.get(f"/run/{run_id}/report")
    assert (first.text, again.text, drawn) == (first.text, first.text, [run_id])
    known = client.get(f"/run/{run_id}/report", headers={"If-None-Match": first.headers["etag"]})
    assert (known.status_code, known.text) == (304, "")
    assert known.headers["content-security-policy"] == REPORT
    add(archive, run_id, TAG, "looked-at", by="tests")
    changed = client.get(f"/run/{run_id}/report", headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]
    assert drawn == [run_id] * 2
    for path in client.app.state.served.reports.glob("*.html"):  # type: ignore[attr-defined]
        path.unlink()  # no other test shall take these for reports


def test_a_trial_is_shown_second_by_second_on_both_machines(client: TestClient, archive: Archive, run_id: str) -> None:
    with open_run(archive, run_id) as database:
        (row,) = database.rows("SELECT * FROM trials WHERE ordinal = 3")
    text = shown(client, f"/run/{run_id}/trial/3")
    assert before_charts(shown(client, f"/run/latest/trial/{row['trial_id']}")) == before_charts(text)
    assert f'data-trial="{row["trial_id"]}"' in text
    assert "Trial 3 of 4" in text
    assert values(text, 'data-column="rps"') == []
    assert f'<td class="wrap">{row["rps"]}</td>' in text
    for head in ("server1 cores", "server1 app cores", "client1 cores", "client1 generator cores", "right answers"):
        assert f">{head}</th>" in text
    assert re.search(r'id="trial-charts">\{', text)
    assert re.search(r'id="series-3">\{', text)
    assert f'href="/run/{run_id}/trial/2"' in text
    assert f'href="/run/{run_id}/trial/4"' in text


def test_an_invalid_trial_says_why(client: TestClient, run_id: str) -> None:
    assert "Redis counted 90 GETs fewer" in shown(client, f"/run/{run_id}/trial/2")


def test_two_runs_are_compared_in_the_order_asked_for(runs: ManyRuns) -> None:
    client, ids = client_of(runs.archive), runs.archive.run_ids()
    text = shown(client, f"/compare?first={ids[0]}&second={ids[-1]}")
    assert re.findall(r'<td class="judged ([^"]*)">([^<]*)</td>', text) == [("worse", "slower"), ("", "same")]
    (ratio, _) = values(text, f'data-cell="{FLASK}"')
    assert float(ratio) == pytest.approx(0.8, abs=0.01)
    back = shown(client, f"/compare?first={ids[-1]}&second={ids[0]}")
    assert ">faster</td>" in back
    # Ticked in the list, where the newest are on top, the older one is the first.
    assert before_charts(shown(client, f"/compare?run={ids[-1]}&run={ids[0]}")) == before_charts(text)
    assert "Run to run: not known" in text
    assert 'id="data-chart-0">' in text


def test_a_refused_comparison_can_be_allowed_by_a_link(tmp_path: Path) -> None:
    many = ManyRuns(tmp_path / "other")
    many.add({FLASK: [643.5, 650, 656.5]}, change=lambda manifest: manifest["hosts"]["server1"].update(kernel="6.0"))
    many.add({FLASK: [643.5, 650, 656.5]})
    client, ids = client_of(many.archive), many.archive.run_ids()
    text = shown(client, f"/compare?first={ids[0]}&second={ids[1]}", 422)
    (link,) = re.findall(r'id="despite" href="([^"]*)">([^<]*)<', text)
    assert link[1] == "Compare all the same: kernel may differ"
    assert "--despite" not in text
    allowed = shown(client, html.unescape(link[0]))
    assert "1 cell: 1 " in allowed
    assert "Allowed to differ: kernel." in allowed
    assert 'id="despite"' not in allowed


def test_what_cannot_be_compared_is_told_above_the_form(runs: ManyRuns) -> None:
    client, ids = client_of(runs.archive), runs.archive.run_ids()
    assert "compared with itself" in shown(client, f"/compare?first={ids[0]}&second={ids[0]}", 422)
    assert "Name two runs." in shown(client, f"/compare?run={ids[0]}", 422)
    text = shown(client, f"/compare?first={ids[0]}&second={ids[1]}&despite=kernell", 422)
    assert "did you mean &#34;kernel&#34;?" in text
    assert 'value="kernell"' in text
    assert 'id="problem"' not in shown(client, "/compare")


def test_a_trend_shows_where_the_level_changed(runs: ManyRuns) -> None:
    client, ids = client_of(runs.archive), runs.archive.run_ids()
    text = shown(client, f"/trend?cell={FLASK}")
    assert "slower from 2026-01-11" in text
    assert re.findall(r'<tr data-run="([^"]+)"', text) == ids[::-1]
    assert "slower: 0.8" in re.findall(rf'<tr data-run="{ids[10]}".*?</tr>', text, re.DOTALL)[0]
    assert "no change that can be told from chance" in shown(client, f"/trend?cell={STARLETTE}&by=cpu")
    overview = shown(client, "/trend")
    assert f'href="/trend?cell={FLASK}"' in overview
    assert "16 runs" in overview
    assert "did you mean" in shown(client, f"/trend?cell={FLASK[:-1]}x", 422)


def test_a_part_of_a_cells_name_leads_to_the_cells_that_have_it(runs: ManyRuns) -> None:
    text = shown(client_of(runs.archive), "/trend?cell=FLASK")
    assert "1 of 2 cells has “FLASK” in its name." in text
    (found,) = re.findall(r'<ul class="cells">.*?</ul>', text, re.DOTALL)
    assert re.findall(r'href="/trend\?cell=([^"]*)"', found) == [FLASK]
    assert 'value="FLASK"' in text


def test_an_empty_archive_has_all_pages(tmp_path: Path) -> None:
    client = client_of(tmp_path)
    assert "The archive is empty" in shown(client, "/")
    assert "No run has any cell." in shown(client, "/trend")
    assert "Two runs compared" in shown(client, "/compare")
    assert "No run is under way." in shown(client, "/live")
    assert "the archive is empty" in shown(client, "/run/latest", 404)


def test_a_run_under_way_is_named_and_cannot_be_opened(tmp_path: Path) -> None:
    run = begin_run(tmp_path, small_plan(1), inventory="local")
    client = client_of(tmp_path)
    assert f"<code>{run.run_id}</code>" in shown(client, "/")
    assert f"go on with -e resume={run.run_id}" in shown(client, f"/run/{run.run_id}", 404)
    assert "plan small: 0 of 2 trials are done" in shown(client, "/live")


def test_what_the_archive_says_is_text(client: TestClient, run_id: str) -> None:
    for path in ("/", f"/run/{run_id}", f"/run/{run_id}/trial/1", "/trend", "/compare", "/live"):
        text = shown(client, path)
        assert ODD not in text, path
        assert not SCRIPTED.search(text), path
        assert not re.search(r"\son\w+\s*=", tags(text)), path
        assert "javascript:" not in text, path
    assert html.escape(ODD) in shown(client, "/")


def test_pages_ask_for_nothing_elsewhere(client: TestClient, runs: ManyRuns, run_id: str) -> None:
    ids = runs.archive.run_ids()
    asked = [(client, path) for path in ("/", f"/run/{run_id}", f"/run/{run_id}/trial/1", "/live", "/static/serve.css")]
    asked += [
        (client_of(runs.archive), path) for path in (f"/compare?first={ids[0]}&second={ids[1]}", f"/trend?cell={FLASK}")
    ]
    for each, path in asked:
        text = each.get(path).text
        assert not ELSEWHERE.search(text), path
        for address in re.findall(r'(?:src|href|action)="([^"]*)"', text):
            assert address.startswith(("/", "#", "data:,")), address
            assert not address.startswith("//")


def test_what_pages_load_is_there(client: TestClient, run_id: str) -> None:
    loaded = set()
    for path in ("/", f"/run/{run_id}/trial/1", "/live"):
        loaded |= set(re.findall(r'(?:src|href)="(/static/[^"]*)"', shown(client, path)))
    assert len(loaded) >= 4
    for path in loaded:
        answer = client.get(path)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "private, max-age=86400"
        kind = "text/css" if ".css" in path else "text/javascript"
        assert answer.headers["content-type"].startswith(kind)
        assert len(answer.content) > 100
    assert "Bokeh" in client.get("/static/bokeh.js").text


def test_looking_changes_nothing_in_the_archive(client: TestClient, archive: Archive, run_id: str) -> None:
    def state() -> list[tuple[Path, int, int]]:
        found = [(path, path.stat()) for path in archive.path.rglob("*")]
        return sorted((path, of.st_mtime_ns, of.st_size) for path, of in found)

    before = state()
    for path in ("/", f"/run/{run_id}", f"/run/{run_id}/report", f"/run/{run_id}/trial/1", "/trend", "/live"):
        shown(client, path)
    assert state() == before
