"""What the database counts is what the generators count, on real hosts at full rate, however busy they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.support.bench import measure
from tests.support.checkout import Checkout

pytestmark = pytest.mark.hosts

VARIANTS = ("flask-werkzeug", "starlette-uvicorn")
WORKLOADS = ("db", "db-insert")
GENERATORS = ("locust-fast", "wrk")


@pytest.fixture(scope="module", params=GENERATORS)
def rows(with_database: Checkout, request: pytest.FixtureRequest) -> Mapping[tuple[str, str], dict[str, Any]]:
    """A trial of each, cut short by its end as all are: what was under way then is on no record."""
    cell = {"variant": list(VARIANTS), "workload": list(WORKLOADS), "generator": request.param}
    measure(with_database, cells=[{**cell, "users": 10, "profile": "article"}], ceiling_window_s=0)
    entry = max(path for path in (with_database.path / "archive").iterdir() if (path / "SHA256SUMS").is_file())
    trials = pq.read_table(entry / "trials.parquet").to_pylist()
    return {(row["variant"], row["workload"]): row for row in trials}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("workload", WORKLOADS)
def test_counts_agree(rows: Mapping[tuple[str, str], dict[str, Any]], variant: str, workload: str) -> None:
    row = rows[variant, workload]
    assert row["requests"] > 20
    assert not [reason for reason in row["reasons"] if "count" in reason or "row" in reason], row["reasons"]
    assert row["database_cpu_cores"] > 0
    assert row["database_rss_mib"] > 10
    if workload == "db":
        assert abs(row["db_selects_diff"]) <= row["users"] + row["failures"]
        assert (row["db_rows_added"], row["db_inserts"]) == (0, 0)
    else:
        assert row["db_inserts_diff"] <= row["users"]
        assert row["db_rows_added"] > row["db_inserts"] > 0
        assert row["db_selects"] == 0
