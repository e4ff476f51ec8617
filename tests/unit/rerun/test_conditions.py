"""Hosts, versions and variables of now against those of then: what differs is named, and refused unless it may."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from collect.errors import BenchError
from collect.rerun.conditions import check_before, check_hosts, harmless, taken_over, told
from collect.rerun.original import Original, original
from tests.support.many_runs import COMMIT, FLASK, STARLETTE, ManyRuns
from tests.support.synthetic import FACTS

LOCK = "apps/requirements.lock"


@pytest.fixture
def of(runs: ManyRuns) -> Original:
    return original(runs.archive, runs.add({FLASK: [1], STARLETTE: [2]}))


def now(of: Original, **locks: str) -> dict[str, Any]:
    return {"git": {"commit": COMMIT, "dirty": False}, "locks": {**of.head.locks, **locks}}


def hosts(server: Mapping[str, Any] | None = None, client: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"server1": {**FACTS, **(server or {})}, "client1": {**FACTS, **(client or {})}}


def test_the_same_hosts_are_the_same(of: Original) -> None:
    assert check_hosts(of, now(of), "server1", hosts(), ()) == []
    check_before(of, now(of), 1, ())
    check_before(of, now(of), None, ())


def test_hosts_may_be_called_otherwise(of: Original) -> None:
    assert check_hosts(of, now(of), "s", {"s": FACTS, "a": FACTS}, ()) == []


def test_what_differs_is_refused_by_name(of: Original) -> None:
    kernel = hosts({"kernel": "6.9"})
    with pytest.raises(BenchError, match=r"kernel of server\): 6.1.0 / 6.9 .*put that back, .*rerun_despite=kernel$"):
        check_hosts(of, now(of), "server1", kernel, ())
    (allowed,) = check_hosts(of, now(of), "server1", kernel, {"kernel"})
    assert (allowed.name, allowed.where) == ("kernel", "kernel of server")
    both = hosts({"kernel": "6.9"}, {"cpu_model": "Other CPU"})
    with pytest.raises(BenchError, match=r"rerun_despite=cpu,kernel$"):
        check_hosts(of, now(of), "server1", both, ())
    with pytest.raises(BenchError, match=r"Other CPU .*rerun_despite=cpu,kernel$"):
        check_hosts(of, now(of), "server1", both, {"kernel"})


def test_another_number_of_clients(of: Original) -> None:
    with pytest.raises(BenchError, match=r"number of clients: 1 / 2 "):
        check_hosts(of, now(of), "server1", {**hosts(), "client2": FACTS}, ())
    said = r"had 1 client, the inventory has 2 clients .*-e local_clients=1\), .*rerun_despite=clients$"
    with pytest.raises(BenchError, match=said):
        check_before(of, now(of), 2, ())
    check_before(of, now(of), 2, {"clients"})


def test_other_versions_are_told_before_any_host_is_touched(of: Original) -> None:
    other = now(of, **{LOCK: "0" * 64})
    said = r"packages of the apps \(apps/requirements.lock\).*code of then \(git fetch.*rerun_despite=packages$"
    with pytest.raises(BenchError, match=said):
        check_before(of, other, 1, ())
    check_before(of, other, 1, {"packages"})
    check_before(of, now(of, **{"uv.lock": "0" * 64}), 1, ())


def manifest(variables: Any = None, **more: Any) -> dict[str, Any]:
    session = {} if variables is None else {"variables": variables}
    return {"run_id": "run", "port_base": 20000, "sessions": [{}, session], **more}


def test_variables_are_taken_over_where_none_is_given() -> None:
    then = manifest({"redis_port": 16379, "relay_by": "auto"})
    whole = {"app_port_base": 20000, "redis_port": 16379, "relay_by": "auto"}
    assert taken_over(then, {}, ()) == whole
    # What is given by -e is text.
    assert taken_over(then, {"redis_port": "16379", "app_port_base": "20000"}, ()) == {"relay_by": "auto"}
    assert taken_over(then, {"redis_port": 1}, {"variables"}) == {}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"redis_port": "6380"}, "redis_port was 16379 then, and is 6380 now"),
        ({"app_port_base": 21000}, "app_port_base was 20000 then, and is 21000 now"),
        ({"database_port": 3306}, "database_port was not given then, and is 3306 now"),
    ],
)
def test_other_variables_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(BenchError, match=f"{said} .*rerun_despite=variables$"):
        taken_over(manifest({"redis_port": 16379}), given, ())


@pytest.mark.parametrize(
    "odd",
    [
        {"ansible_ssh_common_args": "-o ProxyCommand=x"},
        {"redis_port": "{{ lookup('pipe', 'id') }}"},
        {"redis_port": 0},
        {"redis_port": 99999},
        {"relay_by": "sh"},
        {"relay_by": ["auto"]},
    ],
)
def test_what_could_do_harm_is_not_taken_over(odd: dict[str, Any]) -> None:
    """A run may have been imported: it sets no variable but a port or a known word."""
    with pytest.raises(BenchError, match="is not given now"):
        taken_over(manifest(odd), {}, ())
    assert harmless(odd) == {}


def test_what_is_not_on_record_is_not_held_against_anything() -> None:
    for then in (manifest(), manifest([]), manifest(sessions=None), manifest(sessions=[7])):
        assert told(then) is None
        assert taken_over(then, {"redis_port": 6380}, ()) == {"app_port_base": 20000}
    assert told(manifest({})) == {}
