"""Whatever a stranger sends to the server of the archive is answered, and nothing of it is taken for markup."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from collect.archive.store import Archive
from collect.serve import create_app
from collect.serve.guard import Guard
from tests.support.plans import small_plan
from tests.support.synthetic import write_run

MARKED = "<q>&\"'"
"""Put before what is sent, so that it shows where it is taken for markup."""
PATHS = ("/{}", "/run/{}", "/run/{}/report", "/run/{}/trial/1", "/run/latest/trial/{}", "/static/{}")
TOLD = {200, 307, 400, 404, 422}
PARAMETERS = (
    "page", "since", "until", "plan", "inventory", "cpu_model", "cell", "validity", "commit", "tag", "run", "first",
    "second", "by", "margin", "despite", "token",
)  # fmt: skip
texts = st.text(max_size=40)
hosts = st.one_of(
    st.text(st.sampled_from("localhst127.0:[]@-x "), max_size=24),
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["localhost", "127.0.0.1", "[::1]", "127.0.0.2", "0.0.0.0", "192.0.2.7", "localhost.example"]),
        st.sampled_from(["", ".", ":", ".example", "@example", "%00", " "]),
        st.sampled_from(["", ":8765", ":x", ":80:80", "."]),
    ),
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    folder: Path = tmp_path_factory.mktemp("served")
    write_run(folder / "archive", small_plan(1)).seal()
    return TestClient(create_app(Archive(folder / "archive")), base_url="http://127.0.0.1:8765")


def plain(client: TestClient, path: str) -> int:
    """Ask for a path; return the status when the answer is as it must be."""
    answer = client.get(path, follow_redirects=False)
    assert answer.status_code in TOLD, answer.text
    assert "<q>" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    return int(answer.status_code)


@settings(deadline=None, max_examples=60)
@given(texts, st.sampled_from(PATHS))
def test_any_path_is_answered(client: TestClient, text: str, path: str) -> None:
    assert plain(client, path.format(quote(MARKED + text, safe=""))) in (307, 404)


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(["/", "/compare", "/trend", "/live", "/run/latest"]),
    st.dictionaries(st.sampled_from(PARAMETERS), texts, max_size=4),
    st.booleans(),
)
def test_any_question_is_answered(client: TestClient, page: str, asked: dict[str, str], marked: bool) -> None:
    sent = "&".join(f"{name}={quote((MARKED if marked else '') + value, safe='')}" for name, value in asked.items())
    plain(client, f"{page}?{sent}")


@given(hosts)
def test_only_the_loopbacks_own_names_are_answered_to(header: str) -> None:
    guard = Guard(PlainTextResponse("inside"), host="127.0.0.1", token=None)
    if not guard.answers_to(header):
        return
    # Read by another's eyes it is such a name, too.
    parts = urlsplit(f"http://{header}/")
    assert parts.username is None
    assert parts.path == "/"
    name = (parts.hostname or "").strip().removesuffix(".")
    assert name == "localhost" or ipaddress.ip_address(name).is_loopback
