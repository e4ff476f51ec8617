from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from collect.catalog import load_catalog
from collect.exchange import BODY_KEPT_BYTES, canonical, expected, request
from collect.load.check import Answer, is_right
from collect.load.settings import Expected

CATALOG = load_catalog()
TEXT, JSON = {"response": "text"}, {"response": "json"}


def whole_answers(workload: Any) -> tuple[str, Any]:
    """Return what is served as text and as JSON, made the plain way."""
    if "file_bytes" in workload:
        text = (workload["value"] * workload["file_bytes"])[: workload["file_bytes"]]
        return text, {workload["key"]: text}
    if workload["path"] == "/users":
        rows = [(n, f"student-{n}") for n in range(1, workload["rows"] + 1)]
        listed = [{"id": n, "name": name} for n, name in rows]
        return "\n".join(f"{n} {name}" for n, name in rows), {workload["key"]: listed}
    return workload["value"], {workload["key"]: workload["value"]}


FILES = st.builds(
    lambda value, size: {**CATALOG.workloads["file"], "value": value, "file_bytes": size},
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"], include_characters="\n"), min_size=1, max_size=100),
    st.integers(1, 200_000),
)
TABLES = st.integers(0, 300).map(lambda rows: {**CATALOG.workloads["db"], "rows": rows})


@settings(deadline=None)
@given(workload=FILES | TABLES | st.sampled_from(list(CATALOG.workloads.values())))
@example(workload={**CATALOG.workloads["file"], "value": '"\\\n', "file_bytes": 1024})
@example(workload={**CATALOG.workloads["db"], "rows": 0})
def test_what_is_served_is_right_and_no_other_answer(workload: dict[str, Any]) -> None:
    text, value = whole_answers(workload)
    for variant, media_type, body, whole in (
        (TEXT, "text/html", text.encode(), text),
        (JSON, "application/json", json.dumps(value, indent=1).encode(), value),
    ):
        answer = json.loads(json.dumps(expected(variant, workload)))
        assert len(json.dumps(answer)) < 2 * BODY_KEPT_BYTES + 200
        length = len(text) if variant is TEXT else len(canonical(value))
        assert (answer.get("body") == whole) == (length <= BODY_KEPT_BYTES)
        taken = Expected(**answer)
        assert is_right(taken, Answer(200, media_type, body))
        wrong = body[:-1] + b"x" if variant is TEXT else body.replace(b'"', b'"x', 1)
        assert wrong == body or not is_right(taken, Answer(200, media_type, wrong))


@pytest.mark.parametrize(("size", "kept"), [(1024, True), (1025, False)])
def test_an_answer_of_a_kibibyte_is_kept_whole(size: int, kept: bool) -> None:
    text = "x" * size
    answer = expected(TEXT, {**CATALOG.workloads["file"], "value": "x", "file_bytes": size})
    assert answer.get("body") == (text if kept else None)
    assert kept or (answer["body_length"], answer["body_sha256"]) == (size, hashlib.sha256(text.encode()).hexdigest())


def test_the_catalogs_answers() -> None:
    workloads = CATALOG.workloads
    assert expected(TEXT, workloads["none"]) == {"status": 200, "type": "text/html", "body": "hello"}
    three = {**workloads["db"], "rows": 3}
    assert expected(TEXT, three)["body"] == "1 student-1\n2 student-2\n3 student-3"
    assert expected(JSON, three)["body"]["students"][2] == {"id": 3, "name": "student-3"}
    assert expected(JSON, {**three, "rows": 0})["body"] == {"students": []}
    assert expected(TEXT, {**three, "rows": 0})["body"] == ""
    assert expected(JSON, workloads["db-insert"])["body"] == {"message": "inserted"}


def test_a_post_carries_the_row_and_a_get_nothing() -> None:
    assert request(CATALOG.workloads["redis"]) == {"method": "GET", "body": ""}
    posted = request(CATALOG.workloads["db-insert"])
    assert (posted["method"], json.loads(posted["body"])) == ("POST", {"name": "student"})
