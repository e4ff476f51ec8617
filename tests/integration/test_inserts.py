"""Rows in the database are the requests that were accepted, also when the load is cut in its middle."""

from __future__ import annotations

from itertools import count

import pytest

from tests.support.apps import CATALOG, start
from tests.support.checkout import Checkout
from tests.support.contract import catalogued, firsts, jobs
from tests.support.hosts import Hosts

pytestmark = pytest.mark.hosts

PORTS = count(23000)
VARIANTS = catalogued()
EMPTY = {**CATALOG.workloads["db-insert"], "name": "db-insert"}
CONNECTIONS, CUT_AFTER = 10, 200


@pytest.mark.parametrize("name", [*firsts(VARIANTS), "starlette-production-uvloop", "aiohttp-modern"])
def test_a_row_is_an_accepted_request_also_where_load_is_cut(with_database: Checkout, kept: Hosts, name: str) -> None:
    app = start(kept, VARIANTS[name], next(PORTS), EMPTY)
    job = {"job": jobs(VARIANTS[name])["db-insert"], "connections": CONNECTIONS, "after": CUT_AFTER}
    told = kept.client.do("cut", host=kept.address, port=app.port, **job)
    kept.server.run(
        f"timeout 5 sh -c 'while ss -Hnt state established sport = :{app.port} | grep -q .; do sleep 0.1; done'"
    )
    status = app.status()
    assert told["refused"] == 0
    assert CUT_AFTER <= told["accepted"] <= status["database"]["rows"] <= told["sent"] <= told["accepted"] + CONNECTIONS
    assert status["database"]["rows"] == status["app_requests"]
