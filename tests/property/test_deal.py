"""Whatever the clients are, each worker has one place, and no client is made to carry more than another for a CPU."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collect.trial.workers import deal

COUNTS = st.lists(st.integers(1, 64), min_size=1, max_size=7)
CPUS = COUNTS.map(lambda counts: {f"client{place + 1}": count for place, count in enumerate(counts)})


@given(cpus=CPUS, processes=st.integers(2, 256))
def test_each_worker_has_one_place(cpus: dict[str, int], processes: int) -> None:
    dealt = deal(processes, cpus)
    everywhere = [name for names in dealt.values() for name in names]
    assert sorted(everywhere) == sorted(["primary", *(f"worker-{number + 1}" for number in range(processes))])
    assert dealt["client1"][0] == "primary"


@given(cpus=CPUS)
def test_as_many_workers_as_cpus_are_one_for_each(cpus: dict[str, int]) -> None:
    processes = sum(cpus.values())
    workers = {host: len(names) - (host == "client1") for host, names in deal(processes, cpus).items()}
    assert workers == (cpus if processes > 1 else {"client1": 0})


@given(cpus=CPUS, processes=st.integers(2, 256))
def test_moving_a_worker_makes_nothing_more_even(cpus: dict[str, int], processes: int) -> None:
    workers = {host: len(names) - (host == "client1") for host, names in deal(processes, cpus).items()}
    fullest = max(workers[host] / cpus[host] for host in cpus)
    for host in cpus:
        assert (workers[host] + 1) / cpus[host] >= fullest
