"""Each word against a made-up trial that earns it, and against the same trial without the cause."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collect.archive.cut import summarise
from collect.archive.raw import read_trial
from collect.plan import TrialSpec
from collect.verdicts import Ceilings
from collect.verdicts.ceilings import GeneratorCeiling
from tests.support.plans import small_plan
from tests.support.synthetic import FACTS, Setting, write_trial

REDIS, NONE, DB, DB_INSERT = (
    small_plan(1, window_s=10, workloads=(name,)).trials()[0] for name in ("redis", "none", "db", "db-insert")
)
NETWORK = {
    "up_mbit_per_s": 1000.0, "down_mbit_per_s": 1000.0, "up_packets_per_s": 200_000.0, "down_packets_per_s": 200_000.0,
}  # fmt: skip


def generator_ceiling(rps: float, limited_by: tuple[str, ...] = ("generator",)) -> GeneratorCeiling:
    return GeneratorCeiling("locust-http", 10, "article", False, rps, 0, limited_by, "b00-p01")


CEILINGS = Ceilings(
    generators=(generator_ceiling(2000),),
    redis={"gets_per_s": 60_000.0},
    network=NETWORK,
    hosts={"server1": FACTS, "client1": FACTS},
)
ALL = (-np.inf, 0.0, 0.0)
LAB = {"server1": 4, "client1": 4}
IDLE = Setting(rps=400, app_cores=0.3, redis_cores=0.03, generator_cores=0.3)
"""Nothing is used up."""


def judged(folder: Path, setting: Setting, spec: TrialSpec = REDIS, ceilings: Ceilings = CEILINGS) -> dict[str, Any]:
    record, _ = write_trial(folder, spec, setting)
    return summarise(read_trial(folder, spec, record), "run", ceilings)


def spec_of(setting: Setting) -> TrialSpec:
    return REDIS if setting.database_cores is None else DB


def wrk(spec: TrialSpec) -> TrialSpec:
    return replace(spec, generator={"tool": "wrk", "processes": 1})


PROVOKED: Mapping[str, tuple[str, Setting, Setting]] = {
    "an interpreter at one core of four": (
        "server-app",
        replace(IDLE, cpus=LAB, app_cores=0.99),
        replace(IDLE, cpus=LAB, app_cores=0.75),
    ),
    "an interpreter alone on the only core": (
        "server-app",
        replace(IDLE, app_cores=0.97, redis_cores=0.0),
        replace(IDLE, app_cores=0.7, redis_cores=0.0),
    ),
    "app, Redis and kernel together": (
        "server-cpu",
        replace(IDLE, app_cores=0.84, redis_cores=0.07, irq_cores=0.06),
        replace(IDLE, app_cores=0.6, redis_cores=0.07, irq_cores=0.06),
    ),
    "four interpreters on four cores": (
        "server-cpu",
        replace(IDLE, cpus=LAB, app_cores=3.5, app_processes=4, redis_cores=0.4),
        replace(IDLE, cpus=LAB, app_cores=2.2, app_processes=4, redis_cores=0.4),
    ),
    "a burner on the server": (
        "server-cpu",
        replace(IDLE, burners={"server1": (0.65, *ALL[:1], 0.0)}),
        replace(IDLE, burners={"server1": (0.25, *ALL[:1], 0.0)}),
    ),
    "a hypervisor that steals": ("server-cpu", replace(IDLE, steal_cores=0.65), replace(IDLE, steal_cores=0.1)),
    "users that wait beside a burner": (
        "concurrency",
        replace(IDLE, rps=60, app_cores=0.05, redis_cores=0.0, burners={"server1": (0.94, -np.inf, 0.0)}),
        replace(IDLE, burners={"server1": (0.65, -np.inf, 0.0)}),
    ),
    "a slow command in Redis": (
        "redis",
        replace(IDLE, app_cores=0.09, redis_cores=0.89),
        replace(IDLE, app_cores=0.09, redis_cores=0.3),
    ),
    "Redis at one core of four": (
        "redis",
        replace(IDLE, cpus=LAB, redis_cores=0.97),
        replace(IDLE, cpus=LAB, redis_cores=0.6),
    ),
    "a database that fills four cores": (
        "database",
        replace(IDLE, cpus=LAB, database_cores=3.65),
        replace(IDLE, cpus=LAB, database_cores=2.6),
    ),
    "a database that fills the only core": (
        "database",
        replace(IDLE, app_cores=0.08, redis_cores=0.0, database_cores=0.88),
        replace(IDLE, app_cores=0.08, redis_cores=0.0, database_cores=0.6),
    ),
    "app and database together": (
        "server-cpu",
        replace(IDLE, app_cores=0.52, redis_cores=0.0, database_cores=0.44),
        replace(IDLE, app_cores=0.4, redis_cores=0.0, database_cores=0.35),
    ),
    "a database at one core of four": (
        "concurrency",
        replace(IDLE, cpus=LAB, database_cores=1.0),
        replace(IDLE, cpus=LAB, database_cores=3.65),
    ),
    "a generator at one core": ("generator", replace(IDLE, generator_cores=0.97), replace(IDLE, generator_cores=0.6)),
    "a generator at one core of four": (
        "generator",
        replace(IDLE, cpus=LAB, generator_cores=0.98),
        replace(IDLE, cpus=LAB, generator_cores=0.7),
    ),
    "a generator at its own ceiling": ("generator", replace(IDLE, rps=1850), replace(IDLE, rps=1400)),
    "a burner on the client": (
        "client-cpu",
        replace(IDLE, burners={"client1": (0.66, *ALL[:1], 0.0)}),
        replace(IDLE, burners={"client1": (0.3, *ALL[:1], 0.0)}),
    ),
    "ports that run out": (
        "client-ports",
        replace(IDLE, conditions={"client1": {"set": {"net.ipv4.ip_local_port_range": "40000 41999"}}}),
        replace(IDLE, conditions={"client1": {"set": {"net.ipv4.ip_local_port_range": "1024 65535"}}}),
    ),
    "requests that find no port": ("client-ports", replace(IDLE, failures=400, no_port=400), IDLE),
    "a kernel that searches for a port": (
        "client-ports",
        replace(
            IDLE, generator_cores=0.97, search_from_s=6.0, speeds=((0.4, 0.25),),
            conditions={"client1": {"set": {"net.ipv4.ip_local_port_range": "40000 45499"}}},
        ),
        replace(IDLE, generator_cores=0.6),
    ),
    "bytes": ("network", replace(IDLE, request_bytes=310_000), replace(IDLE, request_bytes=150_000)),
    "segments sent again": ("network", replace(IDLE, retransmitted=0.06), replace(IDLE, retransmitted=0.001)),
    "users that wait": ("concurrency", IDLE, replace(IDLE, generator_cores=0.97)),
    "a step in the middle": ("unsteady", replace(IDLE, speeds=((0.5, 0.75),)), replace(IDLE, speeds=((0.5, 0.95),))),
    "an oscillation": (
        "unsteady",
        replace(IDLE, speeds=tuple((i / 10, 1.3 if i % 2 else 0.7) for i in range(10))),
        replace(IDLE, speeds=tuple((i / 10, 1.03 if i % 2 else 0.97) for i in range(10))),
    ),
}  # fmt: skip


@pytest.mark.parametrize("cause", PROVOKED)
def test_the_cause_gets_the_word_first_and_surely(tmp_path: Path, cause: str) -> None:
    word, provoked, _ = PROVOKED[cause]
    row = judged(tmp_path, provoked, spec_of(provoked))
    assert row["limited_by"][0] == word, row["limited_by_evidence"]
    assert row["limited_by_confidence"][0] in ("high", "medium"), row["findings"][0]


@pytest.mark.parametrize("cause", PROVOKED)
def test_without_the_cause_the_word_is_not_said(tmp_path: Path, cause: str) -> None:
    word, _, reverse = PROVOKED[cause]
    row = judged(tmp_path, reverse, spec_of(reverse))
    assert word not in row["limited_by"], row["limited_by_evidence"]


def test_packets_count_as_bytes_do(tmp_path: Path) -> None:
    few = replace(CEILINGS, network={**NETWORK, "up_packets_per_s": 2050.0})
    assert judged(tmp_path / "few", IDLE, ceilings=few)["limited_by"][0] == "network"
    many = replace(CEILINGS, network={**NETWORK, "up_packets_per_s": 4000.0})
    assert judged(tmp_path / "many", IDLE, ceilings=many)["limited_by"] == ["concurrency"]


def test_wrk_is_judged_by_its_busiest_thread(tmp_path: Path) -> None:
    spread = replace(IDLE, cpus=LAB, generator_cores=1.9, generator_threads=2)
    assert judged(tmp_path / "two", spread, wrk(REDIS))["limited_by"][0] == "generator"
    thin = replace(spread, generator_threads=4)
    assert judged(tmp_path / "four", thin, wrk(REDIS))["limited_by"] == ["concurrency"]


def test_half_of_the_seconds_is_told_apart_from_half_the_use(tmp_path: Path) -> None:
    halves = judged(tmp_path / "halves", replace(IDLE, burners={"server1": (0.68, 0.0, 6.0)}))
    finding = next(each for each in halves["findings"] if each["word"] == "server-cpu")
    assert finding["share"] == pytest.approx(0.6, abs=0.02)
    assert finding["evidence"][0]["seconds_share"] == pytest.approx(0.6)
    always = judged(tmp_path / "always", replace(IDLE, app_cores=0.65))
    assert always["server_cpu_cores"] == pytest.approx(halves["server_cpu_cores"], abs=0.1)
    assert "server-cpu" not in always["limited_by"]


def test_who_used_the_set_is_in_the_evidence(tmp_path: Path) -> None:
    burner = {"server1": {"set": {}, "burn": {"duty": 0.6}}}
    row = judged(tmp_path, replace(IDLE, burners={"server1": (0.6, -np.inf, 0.0)}, steal_cores=0.05, conditions=burner))
    (text,) = row["limited_by_evidence"]
    assert "other, the profile's busy loop included, 0.60, app 0.30" in text
    assert "stolen by the hypervisor 0.05" in text
    assert not [reason for reason in row["reasons"] if "others than the host" in reason]


def test_the_parts_of_a_set_that_app_and_database_share_are_told(tmp_path: Path) -> None:
    row = judged(tmp_path, replace(IDLE, app_cores=0.52, redis_cores=0.02, database_cores=0.43), DB)
    assert row["limited_by"] == ["server-cpu"]
    assert "app 0.52, database 0.43, redis 0.02" in row["limited_by_evidence"][0]


def test_what_the_database_is_and_does_is_in_its_evidence(tmp_path: Path) -> None:
    full = replace(IDLE, cpus=LAB, database_cores=3.65)
    row = judged(tmp_path / "full", full, DB)
    process, statements, *_ = row["findings"][0]["evidence"]
    assert process["text"].startswith(
        "the database's process (mariadbd) at 91% of the server's CPU set, at 90% or more"
    )
    assert (process["value"], process["ceiling"]) == (pytest.approx(3.65, abs=0.01), 4)
    assert statements["text"] == f"{row['db_selects'] / row['window_s']:.0f} SELECTs/s over up to 11 connections"
    stolen = judged(tmp_path / "stolen", replace(full, database_cores=2.8, steal_cores=1.0), DB)
    assert "at 93% of the server's CPU set, of whose 4 the hypervisor left 3.00" in stolen["limited_by_evidence"][0]


def test_a_database_that_was_not_sampled_is_named_and_makes_every_word_less_sure(tmp_path: Path) -> None:
    full = replace(IDLE, cpus=LAB, database_cores=3.65)
    for spec in (DB, DB_INSERT):
        told = judged(tmp_path / "told" / spec.cell.workload, full, spec)
        hidden = judged(tmp_path / "hidden" / spec.cell.workload, replace(full, without=("database",)), spec)
        assert (told["limited_by"][0], told["limited_by_confidence"][0]) == ("database", "high")
        assert "database" not in hidden["limited_by"]
        assert set(hidden["limited_by_confidence"]) == {"low"}
        assert "the database's process was not sampled" in hidden["evidence_missing"]
    unused = judged(tmp_path / "unused", replace(full, without=("database",)), NONE)
    assert not [text for text in unused["evidence_missing"] if "database" in text]


def test_a_database_without_rows_of_single_processes_is_judged_by_its_unit(tmp_path: Path) -> None:
    full = replace(IDLE, cpus=LAB, database_cores=3.65, without=("procs",))
    row = judged(tmp_path, full, DB)
    assert row["limited_by"][0] == "database"
    assert "the database's process was not sampled by itself" in row["evidence_missing"]


def test_users_that_wait_for_a_disk_are_told_so(tmp_path: Path) -> None:
    waits = judged(tmp_path / "waits", replace(IDLE, iowait_cores=0.31), DB_INSERT)
    assert waits["limited_by"] == ["concurrency"]
    assert "0.31 cores of the server's set idle while waiting for a disk" in waits["limited_by_evidence"][0]
    assert "disk" not in judged(tmp_path / "none", IDLE, DB_INSERT)["limited_by_evidence"][0]


def test_a_close_second_makes_the_first_less_sure(tmp_path: Path) -> None:
    full = replace(IDLE, app_cores=0.84, redis_cores=0.11)
    alone, close = judged(tmp_path / "a", full), judged(tmp_path / "b", replace(full, generator_cores=0.93))
    assert alone["limited_by"] == ["server-cpu"]
    assert close["limited_by"][0] == "server-cpu"
    assert "generator" in close["limited_by"]
    assert (alone["limited_by_confidence"][0], close["limited_by_confidence"][0]) == ("high", "medium")


def test_a_host_that_becomes_slower_leaves_the_word_to_what_was_full_throughout(tmp_path: Path) -> None:
    full = replace(IDLE, app_cores=0.84, redis_cores=0.11, speeds=((0.5, 0.7),))
    row = judged(tmp_path / "a", full)
    assert row["limited_by"] == ["server-cpu", "unsteady"], row["limited_by_evidence"]
    assert judged(tmp_path / "b", replace(full, app_cores=0.4))["limited_by"][0] == "unsteady"


def test_a_neighbour_makes_every_word_less_sure(tmp_path: Path) -> None:
    full = replace(IDLE, app_cores=0.45, redis_cores=0.05)
    alone = judged(tmp_path / "a", replace(full, app_cores=0.84, redis_cores=0.11))
    beside = judged(tmp_path / "b", replace(full, foreign_cores=0.45))
    assert (alone["limited_by"][0], alone["limited_by_confidence"][0]) == ("server-cpu", "high")
    assert beside["limited_by_confidence"][0] != "high"


def test_of_a_core_counts_what_the_hypervisor_left(tmp_path: Path) -> None:
    setting = replace(IDLE, generator_cores=0.8)
    alone = judged(tmp_path / "a", setting)
    stolen = judged(tmp_path / "b", replace(setting, steal_cores=0.18))
    assert "generator" not in alone["limited_by"]
    assert stolen["limited_by"][0] == "generator", stolen["limited_by_evidence"]
    assert "at 0.80 of a core, of which the hypervisor left it 0.82" in stolen["limited_by_evidence"][0]
    assert stolen["generator_process_cpu_cores"] == pytest.approx(0.8, abs=0.02), "what it used is what it used"
    several = judged(tmp_path / "c", replace(setting, steal_cores=0.18, cpus=LAB))
    assert "generator" not in several["limited_by"], "of several it is not known which lost it"


def test_reuse_takes_the_ports_limit_away(tmp_path: Path) -> None:
    narrow = {"net.ipv4.ip_local_port_range": "40000 41999"}
    without = judged(tmp_path / "a", replace(IDLE, conditions={"client1": {"set": narrow}}))
    reused = {"client1": {"set": {**narrow, "net.ipv4.tcp_tw_reuse": "1"}}}
    with_reuse = judged(tmp_path / "b", replace(IDLE, conditions=reused))
    assert (without["limited_by"][0], with_reuse["limited_by"][0]) == ("client-ports", "concurrency")
    assert with_reuse["client_ports"] == 2000


def test_sockets_of_earlier_trials_take_no_port(tmp_path: Path) -> None:
    narrow = {"client1": {"set": {"net.ipv4.ip_local_port_range": "40000 41999"}}}
    row = judged(tmp_path, replace(IDLE, waiting=20_000, client_waits=False, conditions=narrow))
    assert (row["limited_by"], row["client_ports_used_max"]) == (["concurrency"], 0)
    assert row["client_time_wait_max"] == 20_000


def test_a_ceiling_that_the_responder_set_is_none(tmp_path: Path) -> None:
    for limited_by, word in ((("generator",), "generator"), (("server-app",), "concurrency")):
        ceilings = replace(CEILINGS, generators=(generator_ceiling(420, limited_by),))
        row = judged(tmp_path / word, IDLE, ceilings=ceilings)
        assert row["limited_by"][0] == word
    assert [text for text in row["evidence_missing"] if "limited by server-app" in text]


def test_the_ceiling_is_that_of_the_same_kind_of_connections(tmp_path: Path) -> None:
    kept = replace(generator_ceiling(420), keep_alive=True)
    both = replace(CEILINGS, generators=(generator_ceiling(2000), kept))
    assert judged(tmp_path / "close", IDLE, ceilings=both)["limited_by"] == ["concurrency"]
    assert judged(tmp_path / "keep", replace(IDLE, keep_alive=True), ceilings=both)["limited_by"][0] == "generator"


def test_redis_at_its_benchmark_counts_only_when_it_works_for_it(tmp_path: Path) -> None:
    slow = replace(CEILINGS, redis={"gets_per_s": 410.0})
    assert judged(tmp_path / "idle", IDLE, ceilings=slow)["limited_by"] == ["concurrency"]
    busy = replace(IDLE, redis_cores=0.6)
    assert judged(tmp_path / "busy", busy, ceilings=slow)["limited_by"][0] == "redis"


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ("procs", "the app's busiest process was not sampled by itself"),
        ("net", "the load interface's counters"),
        ("tcp", "the client's range of ports or its sockets"),
        ("cpus", "the server's CPU set was not sampled"),
    ],
)
def test_missing_evidence_is_named_and_no_crash(tmp_path: Path, part: str, told: str) -> None:
    full = replace(IDLE, app_cores=0.84, redis_cores=0.11)
    row, found = judged(tmp_path / "a", full), judged(tmp_path / "b", replace(full, without=(part,)))
    assert told in found["evidence_missing"]
    assert told not in row["evidence_missing"]
    order = ("low", "medium", "high")
    assert order.index(found["limited_by_confidence"][0]) <= order.index(row["limited_by_confidence"][0])


def test_without_ceilings_no_word_is_sure(tmp_path: Path) -> None:
    row = judged(tmp_path, replace(IDLE, app_cores=0.84, redis_cores=0.11), ceilings=Ceilings())
    assert (row["limited_by"], row["limited_by_confidence"]) == (["server-cpu"], ["medium"])
    assert "what the network can carry" in row["evidence_missing"]
    assert judged(tmp_path / "idle", IDLE, ceilings=Ceilings())["limited_by_confidence"] == ["low"]


@pytest.mark.parametrize("seed", range(12))
def test_ordinary_noise_is_steady(tmp_path: Path, seed: int) -> None:
    row = judged(tmp_path, replace(IDLE, wobble=0.06, seed=seed))
    assert row["limited_by"] == ["concurrency"], row["limited_by_evidence"]


@pytest.mark.parametrize("seed", range(12))
def test_a_step_is_found_in_ordinary_noise(tmp_path: Path, seed: int) -> None:
    row = judged(tmp_path, replace(IDLE, wobble=0.04, speeds=((0.5, 0.72),), seed=seed))
    assert row["limited_by"][0] == "unsteady"
    assert row["rps_change"] < -0.18
