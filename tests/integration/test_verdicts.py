"""Each of the ten words, provoked on real hosts: it comes first, and not without its cause."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from collect.verdicts import WORDS
from tests.support.bench import measure
from tests.support.checkout import Checkout
from tests.support.provoked import Case, Verdict, plan_of, verdicts_of

pytestmark = [pytest.mark.hosts, pytest.mark.alone]

DEFAULTS = {"variant": "flask-werkzeug", "workload": {"cpu_ms": 10}, "generator": "locust-http", "users": 10}
NETWORK: dict[str, Any] = {"variant": "responder-keepalive", "workload": "none", "generator": "locust-fast"}
ATTEMPTS = 3
SHAPED = "shaped"
"""Marks what is measured while the load network is slow."""
Measured = dict[str, Verdict]
"""What was said, by cell."""

CAUSES: dict[str, dict[str, Any]] = {
    "server-app": {},
    "server-cpu": {"burn": {"server": {"duty": 0.6}}},
    "redis": {"workload": {"redis_mib": 64}},
    "generator": {"variant": "responder-keepalive", "workload": "none"},
    "client-cpu": {"variant": "responder-keepalive", "workload": "none", "burn": {"client": {"duty": 0.6}}},
    "client-ports": {"workload": "none", "ports": 200},
    "network": {**NETWORK, SHAPED: True},
    "concurrency": {"workload": {"wait_ms": 100}, "users": 3},
    "unsteady": {"burn": {"server": {"duty": 0.6, "from_s": 2}}},
}
REVERSES: dict[str, dict[str, Any]] = {
    "server-app": CAUSES["concurrency"],
    "server-cpu": CAUSES["server-app"],
    "redis": {"workload": {"redis_mib": 0.1, "cpu_ms": 5}},
    "generator": CAUSES["server-app"],
    "client-cpu": CAUSES["generator"],
    "client-ports": {"workload": "none"},
    "network": NETWORK,
    "concurrency": CAUSES["server-app"],
    "unsteady": CAUSES["server-app"],
}
"""The same without the cause."""
DATABASE: dict[str, Any] = {"workload": {"db_khashes": 500}}
NOT_DATABASE: dict[str, Any] = {"workload": {"db_khashes": 1, "cpu_ms": 20}}
"""As many requests to a database with little to do, from an app that has much."""


def case(word: str, entry: dict[str, Any]) -> Case:
    return Case.of({"word": word, **{key: value for key, value in entry.items() if key != SHAPED}}, DEFAULTS)


def measured(checkout: Checkout, causes: dict[str, dict[str, Any]], others: list[Case], **changes: Any) -> Measured:
    """Measure each cell once; a cause that a neighbour's load may have hidden, again."""
    wanted = {one.cell: one for one in (*others, *(case(word, entry) for word, entry in causes.items()))}
    found: Measured = {}
    for _ in range(ATTEMPTS):
        measure(checkout, **plan_of(list(wanted.values()), **changes))
        entry = max(path for path in (checkout.path / "archive").iterdir() if (path / "SHA256SUMS").is_file())
        found |= {verdict.case.cell: verdict for verdict in verdicts_of(entry, list(wanted.values()))}
        wanted = {
            said.case.cell: said.case
            for said in found.values()
            if said.disturbed and not said.right and said.case not in others
        }
        if not wanted:
            break
    return found


@pytest.fixture(scope="module")
def verdicts(provisioned: Checkout) -> Measured:
    causes = {word: entry for word, entry in CAUSES.items() if SHAPED not in entry}
    return measured(provisioned, causes, [case(word, entry) for word, entry in REVERSES.items()])


@pytest.fixture(scope="module")
def shaped(provisioned: Checkout) -> Iterator[Measured]:
    provisioned.play("playbooks/hosts.yml", "-e", "local_hosts_rate_mbit=1")
    try:
        yield measured(provisioned, {"network": CAUSES["network"]}, [], ceiling_window_s=1)
    finally:
        provisioned.play("playbooks/hosts.yml")


@pytest.fixture(scope="module")
def of_database(with_database: Checkout) -> Measured:
    return measured(with_database, {"database": DATABASE}, [case("database", NOT_DATABASE)])


def test_every_word_is_provoked() -> None:
    assert {*CAUSES, "database"} == {*REVERSES, "database"} == set(WORDS)


@pytest.mark.parametrize("word", CAUSES)
def test_the_cause_gets_its_word_first(word: str, request: pytest.FixtureRequest) -> None:
    trials: Measured = request.getfixturevalue("shaped" if SHAPED in CAUSES[word] else "verdicts")
    said = trials[case(word, CAUSES[word]).cell]
    assert said.first == word, said.told
    assert said.evidence[0], said.told


@pytest.mark.parametrize("word", REVERSES)
def test_without_the_cause_it_is_another(word: str, verdicts: Measured) -> None:
    said = verdicts[case(word, REVERSES[word]).cell]
    assert said.first != word, said.told


def test_a_database_that_fills_the_set_gets_its_word_first(of_database: Measured) -> None:
    said = of_database[case("database", DATABASE).cell]
    assert said.first == "database", said.told
    assert not [reason for reason in said.reasons if "the database" in reason]
    assert "of the server's CPU set" in said.evidence[0]
    assert "SELECTs/s" in said.evidence[0]


def test_a_database_with_little_to_do_does_not(of_database: Measured) -> None:
    said = of_database[case("database", NOT_DATABASE).cell]
    assert "database" not in said.words, said.told
    assert not [reason for reason in said.reasons if "the database" in reason]
