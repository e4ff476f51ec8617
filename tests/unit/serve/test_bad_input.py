"""What strangers may send, and archives that are not as they should be."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import collect.serve.served
from collect.archive.store import Archive
from collect.serve.policy import HEADERS
from tests.unit.serve.conftest import client_of

SECRETS = ("root:", "schema_version", "additionalProperties", "[project]")
"""What stands in files that no address may reach."""


@pytest.mark.parametrize(
    "path",
    [
        "/run/%2e%2e",
        "/run/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/run/..%5c..",
        "/run/%2fetc%2fpasswd",
        "/run/%00",
        "/run/latest%00",
        "/run/*",
        "/run/%20",
        "/run/" + "a" * 5000,
        "/run/latest/manifest.json",
        "/run/latest/report/x",
        "/run/%2e%2e/report",
        "/run/%2e/report",
        "/run/latest/trial/%2e%2e",
        "/run/latest/trial/%2e%2e%2f%2e%2e%2fmanifest.json",
        "/run/latest/trial/0",
        "/run/latest/trial/-1",
        "/run/latest/trial/1.0",
        "/run/latest/trial/01",
        "/run/latest/trial/' OR 1=1 --",
        "/run/latest/trial/99999999999999999999999",
        "/static/%2e%2e%2fserve.css",
        "/static/%2e%2e%2f..%2fpyproject.toml",
        "/static/plan.schema.yml",
        "/static/report.html.j2",
        "/static/",
        "/live/",
        "/live/events/x",
        "/etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/robots.txt",
    ],
)
def test_no_address_leads_to_the_disk(client: TestClient, path: str) -> None:
    answer = client.get(path, follow_redirects=False)
    assert answer.status_code in (307, 400, 404)
    assert not any(secret in answer.text for secret in SECRETS)
    assert answer.headers["content-security-policy"] == HEADERS["Content-Security-Policy"]
    if answer.status_code == 307:
        assert answer.headers["location"].startswith("http://127.0.0.1:8765/")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/?page=0", 400),
        ("/?page=2", 400),
        ("/?page=-1", 400),
        ("/?page=1e3", 400),
        ("/?page=%D9%A1", 400),
        ("/?page=" + "9" * 150, 400),
        ("/?since=yesterday", 422),
        ("/?until=2026-13-01", 422),
        ("/?validity=nice", 422),
        ("/?plan=" + "x" * 201, 400),
        ("/?tag=x" + "&tag=x" * 60, 400),
        ("/?until=9999-12-31", 200),
        ("/?since=0001-01-01", 200),
        ("/?cell=%5B", 200),
        ("/?cell=" + "*" * 100, 200),
        ("/?plan=%FF%FE", 200),
        ("/?plan=%00", 200),
        ("/compare?run=a&run=b&run=c", 400),
        ("/compare?first=latest&second=nope", 404),
        ("/compare?by=latency", 400),
        ("/compare?margin=0", 400),
        ("/compare?margin=nan", 400),
        ("/compare?margin=1e999", 400),
        ("/compare?margin=x", 400),
        ("/trend?by=x", 400),
        ("/trend?cell=../../etc/passwd", 422),
        ("/trend?cell=x&despite=nothing", 422),
    ],
)
def test_wrong_questions_are_told(client: TestClient, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert "Traceback" not in answer.text
    assert not any(secret in answer.text for secret in SECRETS)


PLACES = (
    "/run/{}", "/run/latest/trial/{}", "/trend?cell={}", "/?plan={}", "/?since={}", "/compare?first={}",
    "/compare?despite={}&first=latest&second=latest", "/compare?margin={}", "/{}",
)  # fmt: skip
PAYLOADS = ("%3Cscript%3Ealert(1)%3C%2Fscript%3E", "%22%3E%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E")


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_strangers_send_is_text(client: TestClient, path: str, payload: str) -> None:
    answer = client.get(path.format(payload))
    assert "<script>alert" not in answer.text
    assert "<img" not in answer.text


@pytest.fixture
def copied(archive: Archive, tmp_path: Path) -> Archive:
    shutil.copytree(archive.path, tmp_path / "archive")
    for path in (tmp_path / "archive").rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return Archive(tmp_path / "archive")


@pytest.mark.parametrize("name", ["trials.parquet", "samples.parquet", "requests.parquet"])
@pytest.mark.parametrize("how", ["cut", "gone", "noise"])
def test_a_damaged_run_is_told_and_the_others_stay(copied: Archive, run_id: str, name: str, how: str) -> None:
    path = copied.folder(run_id) / name
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:200] if how == "cut" else b"PAR1" + bytes(1000) + b"PAR1")
    client = client_of(copied)
    answer = client.get(f"/run/{run_id}/trial/1")
    assert answer.status_code == 422
    assert 'id="problem"' in answer.text
    assert answer.headers["content-security-policy"] == HEADERS["Content-Security-Policy"]
    assert client.get(f"/run/{run_id}/report").status_code == 422
    assert run_id in client.get("/").text


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema_version": 99}', '{"schema_version": 2}'])
def test_a_run_that_says_nothing_of_itself_is_listed_with_its_problem(
    copied: Archive, run_id: str, content: str
) -> None:
    (copied.folder(run_id) / "manifest.json").write_text(content)
    client = client_of(copied)
    text = client.get("/").text
    assert f'<tr data-run="{run_id}" class="unreadable">' in text
    assert client.get("/?validity=unreadable").text.count("<tr data-run=") == 1
    assert client.get("/trend").status_code == 200


def test_a_newer_schema_is_refused_by_name(copied: Archive, run_id: str) -> None:
    (copied.folder(run_id) / "manifest.json").write_text('{"schema_version": 99}')
    answer = client_of(copied).get(f"/run/{run_id}")
    assert answer.status_code == 422
    assert "the run has schema 99" in answer.text


def test_a_run_that_vanishes_is_told(copied: Archive, run_id: str) -> None:
    client = client_of(copied)
    assert client.get(f"/run/{run_id}").status_code == 200
    shutil.rmtree(copied.folder(run_id))
    assert client.get(f"/run/{run_id}").status_code == 404
    assert "The archive is empty" in client.get("/").text


def test_an_archive_that_vanishes_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    folder.mkdir()
    client = client_of(folder)
    folder.rmdir()
    answer = client.get("/")
    assert answer.status_code == 422
    assert "the archive cannot be read" in answer.text


def test_odd_hosts_are_shown(copied: Archive, run_id: str) -> None:
    path = copied.folder(run_id) / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["hosts"]["<b>items</b>"] = {"cpu_model": "x", "cpus": None}
    path.write_text(json.dumps(manifest))
    text = client_of(copied).get(f"/run/{run_id}").text
    assert "&lt;b&gt;items&lt;/b&gt;" in text


def test_what_is_our_fault_is_told_without_its_inside(
    archive: Archive, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("/secret/path")

    monkeypatch.setattr("collect.report.figures.run_figures", broken)
    inner = client_of(archive)
    client = TestClient(inner.app, base_url=str(inner.base_url), raise_server_exceptions=False)
    answer = client.get(f"/run/{run_id}")
    assert answer.status_code == 500
    assert "/secret/path" not in answer.text
    assert {name: answer.headers[name] for name in HEADERS} == dict(HEADERS)
    assert client.get("/").status_code == 200


def test_who_waits_too_long_for_a_turn_is_told(archive: Archive, run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect.serve.served, "PATIENCE_S", 0.05)
    client = client_of(archive)
    serving = client.app.state.served  # type: ignore[attr-defined]
    with serving.drawing("one"), serving.drawing("two"):
        assert serving.busy
        assert client.get(f"/run/{run_id}").status_code == 503
        assert client.get("/").status_code == 200
    assert not serving.busy
    assert client.get(f"/run/{run_id}").status_code == 200
